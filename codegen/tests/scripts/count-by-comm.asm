; tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }
; 59 instructions
p0_sys_enter: # 32 bytes of stack
   0: r0 = 0x0 ll
   2: r3 = *(u64 *)(r0 +0)
   3: if r3 != 0 goto 57
   4: call get_current_task_btf#158
   5: r1 = *(u64 *)(r0 +2016)
   6: *(u64 *)(r10 -16) = r1
   7: r0 = *(u64 *)(r0 +2024)
   8: *(u64 *)(r10 -8) = r0
   9: r1 = 0x0 ll
  11: r2 = r10
  12: r2 += -16
  13: call map_lookup_elem#1
  14: if r0 != 0 goto 52
  15: *(u64 *)(r10 -32) = 1
  16: r1 = 0x0 ll
  18: r2 = r10
  19: r2 += -16
  20: r3 = r10
  21: r3 += -32
  22: r4 = 0
  23: call map_update_elem#2
  24: r0 <<= 32
  25: r0 s>>= 32
  26: if r0 s>= 0 goto 55
  27: r0 = 0x0 ll
  29: r1 = *(u64 *)(r0 +16)
  30: r2 = 1
  31: lock *(u64 *)(r0 +16) += r2
  32: if r1 != 0 goto 55
  33: r1 = 0x0 ll
  35: r2 = 16
  36: r3 = 0
  37: call ringbuf_reserve#131
  38: if r0 != 0 goto 44
  39: r0 = 0x0 ll
  41: r1 = 1
  42: lock *(u64 *)(r0 +8) += r1
  43: goto 55
  44: *(u64 *)(r0 +0) = 0
  45: *(u64 *)(r0 +8) = 0
  46: r1 = r0
  47: r0 = 0x0 ll
  49: r2 = *(u64 *)(r0 +64)
  50: call ringbuf_submit#132
  51: goto 55
  52: r1 = *(u64 *)(r0 +0)
  53: r1 += 1
  54: *(u64 *)(r0 +0) = r1
  55: r0 = 0
  56: exit
  57: r0 = 0
  58: exit
