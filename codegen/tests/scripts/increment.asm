; tracepoint:raw_syscalls:sys_enter { @++; }
; 13 instructions
p0_sys_enter: # 0 bytes of stack
   0: r3 = 0x0 ll
   2: r3 = *(u64 *)(r3 +0)
   3: if r3 != 0 goto 11
   4: r0 = 0x0 ll
   6: r1 = 1
   7: lock *(u64 *)(r0 +136) += r1
   8: *(u64 *)(r0 +128) = 1
   9: r0 = 0
  10: exit
  11: r0 = 0
  12: exit
