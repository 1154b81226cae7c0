; tracepoint:raw_syscalls:sys_enter { @[kstack] = count(); }
; 69 instructions
p0_sys_enter: # 24 bytes of stack
   0: r0 = 0x0 ll
   2: r3 = *(u64 *)(r0 +0)
   3: if r3 != 0 goto 67
   4: r2 = 0x0 ll
   6: r3 = 0
   7: call get_stackid#27
   8: if r0 != -17 goto 13
   9: r1 = 0x0 ll
  11: r2 = 1
  12: lock *(u64 *)(r1 +24) += r2
  13: if r0 != -12 goto 18
  14: r1 = 0x0 ll
  16: r2 = 1
  17: lock *(u64 *)(r1 +24) += r2
  18: *(u64 *)(r10 -24) = r0
  19: r1 = 0x0 ll
  21: r2 = r10
  22: r2 += -24
  23: call map_lookup_elem#1
  24: if r0 != 0 goto 62
  25: *(u64 *)(r10 -16) = 1
  26: r1 = 0x0 ll
  28: r2 = r10
  29: r2 += -24
  30: r3 = r10
  31: r3 += -16
  32: r4 = 0
  33: call map_update_elem#2
  34: r0 <<= 32
  35: r0 s>>= 32
  36: if r0 s>= 0 goto 65
  37: r0 = 0x0 ll
  39: r1 = *(u64 *)(r0 +16)
  40: r2 = 1
  41: lock *(u64 *)(r0 +16) += r2
  42: if r1 != 0 goto 65
  43: r1 = 0x0 ll
  45: r2 = 16
  46: r3 = 0
  47: call ringbuf_reserve#131
  48: if r0 != 0 goto 54
  49: r0 = 0x0 ll
  51: r1 = 1
  52: lock *(u64 *)(r0 +8) += r1
  53: goto 65
  54: *(u64 *)(r0 +0) = 0
  55: *(u64 *)(r0 +8) = 0
  56: r1 = r0
  57: r0 = 0x0 ll
  59: r2 = *(u64 *)(r0 +64)
  60: call ringbuf_submit#132
  61: goto 65
  62: r1 = *(u64 *)(r0 +0)
  63: r1 += 1
  64: *(u64 *)(r0 +0) = r1
  65: r0 = 0
  66: exit
  67: r0 = 0
  68: exit
