; tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }
p0_sys_enter: # 32 bytes of stack
   0: r0 = 0x0 ll
   2: r3 = *(u64 *)(r0 +0)
   3: if r3 != 0 goto 38
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
  15: if r0 != 0 goto 33
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
  27: if r0 s>= 0 goto 36
  28: r0 = 0x0 ll
  30: r1 = 1
  31: lock *(u64 *)(r0 +16) += r1
  32: goto 36
  33: r1 = *(u64 *)(r0 +0)
  34: r1 += 1
  35: *(u64 *)(r0 +0) = r1
  36: r0 = 0
  37: exit
  38: r0 = 0
  39: exit
