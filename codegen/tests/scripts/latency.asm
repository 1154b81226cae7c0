; tracepoint:raw_syscalls:sys_enter { @s[tid] = nsecs; }
tracepoint:raw_syscalls:sys_exit /@s[tid]/ { @ns[comm] = hist(nsecs - @s[tid]); delete(@s, tid); }
; 187 instructions
p0_sys_enter: # 16 bytes of stack
   0: r0 = 0x0 ll
   2: r3 = *(u64 *)(r0 +0)
   3: if r3 != 0 goto 46
   4: call ktime_get_boot_ns#125
   5: *(u64 *)(r10 -8) = r0
   6: call get_current_pid_tgid#14
   7: w0 = w0
   8: *(u64 *)(r10 -16) = r0
   9: r1 = 0x0 ll
  11: r2 = r10
  12: r2 += -16
  13: r3 = r10
  14: r3 += -8
  15: r4 = 0
  16: call map_update_elem#2
  17: r0 <<= 32
  18: r0 s>>= 32
  19: if r0 s>= 0 goto 44
  20: r0 = 0x0 ll
  22: r1 = *(u64 *)(r0 +16)
  23: r2 = 1
  24: lock *(u64 *)(r0 +16) += r2
  25: if r1 != 0 goto 44
  26: r1 = 0x0 ll
  28: r2 = 16
  29: r3 = 0
  30: call ringbuf_reserve#131
  31: if r0 != 0 goto 37
  32: r0 = 0x0 ll
  34: r1 = 1
  35: lock *(u64 *)(r0 +8) += r1
  36: goto 44
  37: *(u64 *)(r0 +0) = 0
  38: *(u64 *)(r0 +8) = 0
  39: r1 = r0
  40: r0 = 0x0 ll
  42: r2 = *(u64 *)(r0 +64)
  43: call ringbuf_submit#132
  44: r0 = 0
  45: exit
  46: r0 = 0
  47: exit

p1_sys_exit: # 40 bytes of stack
   0: r0 = 0x0 ll
   2: r3 = *(u64 *)(r0 +0)
   3: if r3 != 0 goto 137
   4: call get_current_pid_tgid#14
   5: w8 = w0
   6: *(u64 *)(r10 -8) = r8
   7: r1 = 0x0 ll
   9: r2 = r10
  10: r2 += -8
  11: call map_lookup_elem#1
  12: if r0 == 0 goto 15
  13: r0 = *(u64 *)(r0 +0)
  14: if r0 != 0 goto 17
  15: r0 = 0
  16: exit
  17: call ktime_get_boot_ns#125
  18: r6 = r0
  19: *(u64 *)(r10 -32) = r8
  20: r1 = 0x0 ll
  22: r2 = r10
  23: r2 += -32
  24: call map_lookup_elem#1
  25: if r0 != 0 goto 29
  26: r1 = 0
  27: r0 = r6
  28: goto 31
  29: r1 = *(u64 *)(r0 +0)
  30: r0 = r6
  31: r0 -= r1
  32: if r0 s>= 0 goto 36
  33: r0 = 0
  34: r6 = r0
  35: goto 77
  36: if r0 < 1 goto 75
  37: r1 = 0xffffffff ll
  39: r3 = 1
  40: if r0 > r1 goto 42
  41: r3 = 0
  42: r3 <<= 5
  43: r0 >>= r3
  44: r1 = 1
  45: if r0 > 65535 goto 47
  46: r1 = 0
  47: r1 <<= 4
  48: r0 >>= r1
  49: r3 += r1
  50: r1 = 1
  51: if r0 > 255 goto 53
  52: r1 = 0
  53: r1 <<= 3
  54: r0 >>= r1
  55: r3 += r1
  56: r5 = 1
  57: if r0 > 15 goto 59
  58: r5 = 0
  59: r5 <<= 2
  60: r0 >>= r5
  61: r3 += r5
  62: r1 = 1
  63: if r0 > 3 goto 65
  64: r1 = 0
  65: r1 <<= 1
  66: r0 >>= r1
  67: r3 += r1
  68: r1 = 1
  69: if r0 > 1 goto 71
  70: r1 = 0
  71: r3 += r1
  72: r3 += 2
  73: r6 = r3
  74: goto 77
  75: r0 += 1
  76: r6 = r0
  77: call get_current_task_btf#158
  78: r1 = *(u64 *)(r0 +2016)
  79: *(u64 *)(r10 -24) = r1
  80: r0 = *(u64 *)(r0 +2024)
  81: *(u64 *)(r10 -16) = r0
  82: *(u64 *)(r10 -8) = r6
  83: r1 = 0x0 ll
  85: r2 = r10
  86: r2 += -24
  87: call map_lookup_elem#1
  88: if r0 != 0 goto 126
  89: *(u64 *)(r10 -40) = 1
  90: r1 = 0x0 ll
  92: r2 = r10
  93: r2 += -24
  94: r3 = r10
  95: r3 += -40
  96: r4 = 0
  97: call map_update_elem#2
  98: r0 <<= 32
  99: r0 s>>= 32
 100: if r0 s>= 0 goto 129
 101: r0 = 0x0 ll
 103: r1 = *(u64 *)(r0 +16)
 104: r2 = 1
 105: lock *(u64 *)(r0 +16) += r2
 106: if r1 != 0 goto 129
 107: r1 = 0x0 ll
 109: r2 = 16
 110: r3 = 0
 111: call ringbuf_reserve#131
 112: if r0 != 0 goto 118
 113: r0 = 0x0 ll
 115: r1 = 1
 116: lock *(u64 *)(r0 +8) += r1
 117: goto 129
 118: *(u64 *)(r0 +0) = 1
 119: *(u64 *)(r0 +8) = 0
 120: r1 = r0
 121: r0 = 0x0 ll
 123: r2 = *(u64 *)(r0 +64)
 124: call ringbuf_submit#132
 125: goto 129
 126: r1 = *(u64 *)(r0 +0)
 127: r1 += 1
 128: *(u64 *)(r0 +0) = r1
 129: *(u64 *)(r10 -32) = r8
 130: r1 = 0x0 ll
 132: r2 = r10
 133: r2 += -32
 134: call map_delete_elem#3
 135: r0 = 0
 136: exit
 137: r0 = 0
 138: exit
