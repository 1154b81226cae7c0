; kretprobe:vfs_read { @ = hist(retval); }
; 65 instructions
p0_vfs_read: # 8 bytes of stack
   0: r0 = 0x0 ll
   2: r3 = *(u64 *)(r0 +0)
   3: if r3 != 0 goto 63
   4: r6 = *(u64 *)(r1 +80)
   5: if r6 s>= 0 goto 8
   6: r6 = 0
   7: goto 48
   8: if r6 < 1 goto 47
   9: r0 = 0xffffffff ll
  11: r1 = 1
  12: if r6 > r0 goto 14
  13: r1 = 0
  14: r1 <<= 5
  15: r6 >>= r1
  16: r0 = 1
  17: if r6 > 65535 goto 19
  18: r0 = 0
  19: r0 <<= 4
  20: r6 >>= r0
  21: r1 += r0
  22: r0 = 1
  23: if r6 > 255 goto 25
  24: r0 = 0
  25: r0 <<= 3
  26: r6 >>= r0
  27: r1 += r0
  28: r0 = 1
  29: if r6 > 15 goto 31
  30: r0 = 0
  31: r0 <<= 2
  32: r6 >>= r0
  33: r1 += r0
  34: r0 = 1
  35: if r6 > 3 goto 37
  36: r0 = 0
  37: r0 <<= 1
  38: r6 >>= r0
  39: r1 += r0
  40: r0 = 1
  41: if r6 > 1 goto 43
  42: r0 = 0
  43: r1 += r0
  44: r1 += 2
  45: r6 = r1
  46: goto 48
  47: r6 += 1
  48: *(u64 *)(r10 -8) = 0
  49: r1 = 0x0 ll
  51: r2 = r10
  52: r2 += -8
  53: call map_lookup_elem#1
  54: if r0 == 0 goto 61
  55: r6 &= 127
  56: r6 <<= 3
  57: r0 += r6
  58: r1 = *(u64 *)(r0 +0)
  59: r1 += 1
  60: *(u64 *)(r0 +0) = r1
  61: r0 = 0
  62: exit
  63: r0 = 0
  64: exit
