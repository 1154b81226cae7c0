; tracepoint:raw_syscalls:sys_enter /comm == "dd"/ { @++; }
; 18 instructions
p0_sys_enter: # 0 bytes of stack
   0: r5 = 0x0 ll
   2: r3 = *(u64 *)(r5 +0)
   3: if r3 != 0 goto 16
   4: call get_current_task_btf#158
   5: r0 = *(u64 *)(r0 +2016)
   6: if r0 == 25700 goto 9
   7: r0 = 0
   8: exit
   9: r0 = 0x0 ll
  11: r1 = 1
  12: lock *(u64 *)(r0 +136) += r1
  13: *(u64 *)(r0 +128) = 1
  14: r0 = 0
  15: exit
  16: r0 = 0
  17: exit
