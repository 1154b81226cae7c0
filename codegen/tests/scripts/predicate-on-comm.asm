; tracepoint:raw_syscalls:sys_enter /comm == "dd"/ { @++; }
p0_sys_enter: # 16 bytes of stack
   0: r5 = 0x0 ll
   2: r3 = *(u64 *)(r5 +0)
   3: if r3 != 0 goto 21
   4: *(u64 *)(r10 -16) = 0
   5: *(u64 *)(r10 -8) = 0
   6: r1 = r10
   7: r1 += -16
   8: r2 = 16
   9: call get_current_comm#16
  10: r0 = *(u64 *)(r10 -16)
  11: if r0 == 25700 goto 14
  12: r0 = 0
  13: exit
  14: r0 = 0x0 ll
  16: r1 = 1
  17: lock *(u64 *)(r0 +72) += r1
  18: *(u64 *)(r0 +64) = 1
  19: r0 = 0
  20: exit
  21: r0 = 0
  22: exit
