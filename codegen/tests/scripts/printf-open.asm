; tracepoint:syscalls:sys_enter_openat { printf("%d %s %s\n", pid, comm, str(args.filename)); }
; 51 instructions
p0_sys_enter_openat: # 8 bytes of stack
   0: r7 = r1
   1: r0 = 0x0 ll
   3: r3 = *(u64 *)(r0 +0)
   4: if r3 != 0 goto 49
   5: *(u64 *)(r10 -8) = 0
   6: r1 = 0x0 ll
   8: r2 = r10
   9: r2 += -8
  10: call map_lookup_elem#1
  11: r6 = r0
  12: if r0 != 0 goto 15
  13: r0 = 0
  14: exit
  15: call get_current_pid_tgid#14
  16: r0 >>= 32
  17: *(u64 *)(r6 +0) = 0
  18: *(u64 *)(r6 +8) = r0
  19: call get_current_task_btf#158
  20: r1 = *(u64 *)(r0 +2016)
  21: *(u64 *)(r6 +16) = r1
  22: r0 = *(u64 *)(r0 +2024)
  23: *(u64 *)(r6 +24) = r0
  24: r1 = r6
  25: r1 += 32
  26: r3 = *(u64 *)(r7 +24)
  27: *(u64 *)(r6 +32) = 0
  28: r2 = 1025
  29: call probe_read_user_str#114
  30: if r0 s<= 0 goto 33
  31: r3 = r0
  32: goto 34
  33: r3 = 1
  34: r3 += 32
  35: r0 = 0x0 ll
  37: r4 = *(u64 *)(r0 +64)
  38: r1 = 0x0 ll
  40: r2 = r6
  41: call ringbuf_output#130
  42: if r0 s>= 0 goto 47
  43: r0 = 0x0 ll
  45: r1 = 1
  46: lock *(u64 *)(r0 +8) += r1
  47: r0 = 0
  48: exit
  49: r0 = 0
  50: exit
