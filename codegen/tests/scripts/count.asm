; tracepoint:raw_syscalls:sys_enter { @ = count(); }
; 18 instructions
p0_sys_enter: # 8 bytes of stack
   0: r0 = 0x0 ll
   2: r3 = *(u64 *)(r0 +0)
   3: if r3 != 0 goto 16
   4: *(u64 *)(r10 -8) = 0
   5: r1 = 0x0 ll
   7: r2 = r10
   8: r2 += -8
   9: call map_lookup_elem#1
  10: if r0 == 0 goto 14
  11: r1 = *(u64 *)(r0 +0)
  12: r1 += 1
  13: *(u64 *)(r0 +0) = r1
  14: r0 = 0
  15: exit
  16: r0 = 0
  17: exit
