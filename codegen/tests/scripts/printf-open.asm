; tracepoint:syscalls:sys_enter_openat { printf("%d %s %s\n", pid, comm, str(args.filename)); }
p0_sys_enter_openat: # 0 bytes of stack
   0: r6 = r1
   1: r0 = 0x0 ll
   3: r3 = *(u64 *)(r0 +0)
   4: if r3 != 0 goto 39
   5: call get_current_pid_tgid#14
   6: r0 >>= 32
   7: r7 = r0
   8: r1 = 0x0 ll
  10: r2 = 1064
  11: r3 = 0
  12: call ringbuf_reserve#131
  13: if r0 != 0 goto 19
  14: r0 = 0x0 ll
  16: r1 = 1
  17: lock *(u64 *)(r0 +8) += r1
  18: goto 37
  19: *(u64 *)(r0 +0) = 0
  20: *(u64 *)(r0 +8) = r7
  21: *(u64 *)(r0 +16) = 0
  22: *(u64 *)(r0 +24) = 0
  23: r1 = r0
  24: r1 += 16
  25: r7 = r0
  26: r2 = 16
  27: call get_current_comm#16
  28: r3 = *(u64 *)(r6 +24)
  29: r1 = r7
  30: r1 += 32
  31: *(u64 *)(r7 +32) = 0
  32: r2 = 1025
  33: call probe_read_user_str#114
  34: r2 = 0
  35: r1 = r7
  36: call ringbuf_submit#132
  37: r0 = 0
  38: exit
  39: r0 = 0
  40: exit
