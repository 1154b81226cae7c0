; tracepoint:sched:sched_switch { @[args.prev_state] = count(); }
; 56 instructions
p0_sched_switch: # 24 bytes of stack
   0: r0 = 0x0 ll
   2: r3 = *(u64 *)(r0 +0)
   3: if r3 != 0 goto 54
   4: r0 = *(u64 *)(r1 +32)
   5: *(u64 *)(r10 -24) = r0
   6: r1 = 0x0 ll
   8: r2 = r10
   9: r2 += -24
  10: call map_lookup_elem#1
  11: if r0 != 0 goto 49
  12: *(u64 *)(r10 -16) = 1
  13: r1 = 0x0 ll
  15: r2 = r10
  16: r2 += -24
  17: r3 = r10
  18: r3 += -16
  19: r4 = 0
  20: call map_update_elem#2
  21: r0 <<= 32
  22: r0 s>>= 32
  23: if r0 s>= 0 goto 52
  24: r0 = 0x0 ll
  26: r1 = *(u64 *)(r0 +16)
  27: r2 = 1
  28: lock *(u64 *)(r0 +16) += r2
  29: if r1 != 0 goto 52
  30: r1 = 0x0 ll
  32: r2 = 16
  33: r3 = 0
  34: call ringbuf_reserve#131
  35: if r0 != 0 goto 41
  36: r0 = 0x0 ll
  38: r1 = 1
  39: lock *(u64 *)(r0 +8) += r1
  40: goto 52
  41: *(u64 *)(r0 +0) = 0
  42: *(u64 *)(r0 +8) = 0
  43: r1 = 0x0 ll
  45: r2 = *(u64 *)(r1 +64)
  46: r1 = r0
  47: call ringbuf_submit#132
  48: goto 52
  49: r1 = *(u64 *)(r0 +0)
  50: r1 += 1
  51: *(u64 *)(r0 +0) = r1
  52: r0 = 0
  53: exit
  54: r0 = 0
  55: exit
