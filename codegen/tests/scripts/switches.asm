; tracepoint:sched:sched_switch { @[args.prev_comm, args.next_pid] = count(); }
; 64 instructions
p0_sched_switch: # 40 bytes of stack
   0: r0 = 0x0 ll
   2: r3 = *(u64 *)(r0 +0)
   3: if r3 != 0 goto 62
   4: r0 = *(u64 *)(r1 +8)
   5: r2 = *(u64 *)(r0 +2016)
   6: *(u64 *)(r10 -24) = r2
   7: r0 = *(u64 *)(r0 +2024)
   8: *(u64 *)(r10 -16) = r0
   9: r0 = *(u64 *)(r1 +16)
  10: r0 = *(u32 *)(r0 +1512)
  11: r0 <<= 32
  12: r0 s>>= 32
  13: *(u64 *)(r10 -8) = r0
  14: r1 = 0x0 ll
  16: r2 = r10
  17: r2 += -24
  18: call map_lookup_elem#1
  19: if r0 != 0 goto 57
  20: *(u64 *)(r10 -40) = 1
  21: r1 = 0x0 ll
  23: r2 = r10
  24: r2 += -24
  25: r3 = r10
  26: r3 += -40
  27: r4 = 0
  28: call map_update_elem#2
  29: r0 <<= 32
  30: r0 s>>= 32
  31: if r0 s>= 0 goto 60
  32: r0 = 0x0 ll
  34: r1 = *(u64 *)(r0 +16)
  35: r2 = 1
  36: lock *(u64 *)(r0 +16) += r2
  37: if r1 != 0 goto 60
  38: r1 = 0x0 ll
  40: r2 = 16
  41: r3 = 0
  42: call ringbuf_reserve#131
  43: if r0 != 0 goto 49
  44: r0 = 0x0 ll
  46: r1 = 1
  47: lock *(u64 *)(r0 +8) += r1
  48: goto 60
  49: *(u64 *)(r0 +0) = 0
  50: *(u64 *)(r0 +8) = 0
  51: r1 = r0
  52: r0 = 0x0 ll
  54: r2 = *(u64 *)(r0 +64)
  55: call ringbuf_submit#132
  56: goto 60
  57: r1 = *(u64 *)(r0 +0)
  58: r1 += 1
  59: *(u64 *)(r0 +0) = r1
  60: r0 = 0
  61: exit
  62: r0 = 0
  63: exit
