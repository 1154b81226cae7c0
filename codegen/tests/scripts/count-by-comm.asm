; tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }
p0_sys_enter: # 32 bytes of stack
   0: r0 = 0x0 ll
   2: r3 = *(u64 *)(r0 +0)
   3: if r3 != 0 goto 56
   4: *(u64 *)(r10 -16) = 0
   5: *(u64 *)(r10 -8) = 0
   6: r1 = r10
   7: r1 += -16
   8: r2 = 16
   9: call get_current_comm#16
  10: r1 = 0x0 ll
  12: r2 = r10
  13: r2 += -16
  14: call map_lookup_elem#1
  15: if r0 != 0 goto 51
  16: *(u64 *)(r10 -32) = 1
  17: r1 = 0x0 ll
  19: r2 = r10
  20: r2 += -16
  21: r3 = r10
  22: r3 += -32
  23: r4 = 0
  24: call map_update_elem#2
  25: r0 <<= 32
  26: r0 s>>= 32
  27: if r0 s>= 0 goto 54
  28: r0 = 0x0 ll
  30: r1 = *(u64 *)(r0 +16)
  31: r2 = 1
  32: lock *(u64 *)(r0 +16) += r2
  33: if r1 != 0 goto 54
  34: r1 = 0x0 ll
  36: r2 = 16
  37: r3 = 0
  38: call ringbuf_reserve#131
  39: if r0 != 0 goto 45
  40: r0 = 0x0 ll
  42: r1 = 1
  43: lock *(u64 *)(r0 +8) += r1
  44: goto 54
  45: *(u64 *)(r0 +0) = 0
  46: *(u64 *)(r0 +8) = 0
  47: r1 = r0
  48: r2 = 0
  49: call ringbuf_submit#132
  50: goto 54
  51: r1 = *(u64 *)(r0 +0)
  52: r1 += 1
  53: *(u64 *)(r0 +0) = r1
  54: r0 = 0
  55: exit
  56: r0 = 0
  57: exit
