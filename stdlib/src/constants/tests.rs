use super::*;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::process::Command;

#[test]
fn well_known_values() {
    for (name, value) in [
        ("TASK_UNINTERRUPTIBLE", 2),
        ("TASK_IDLE", 0x402),
        ("PF_KTHREAD", 0x20_0000),
        ("CLONE_NEWNS", 0x2_0000),
        ("ENOENT", 2),
        ("ERESTARTSYS", 512),
        ("SIGKILL", 9),
        ("AF_INET6", 10),
        ("SOL_SOCKET", 1),
        ("IPPROTO_TCP", 6),
        ("ETH_P_IP", 0x800),
        ("O_CREAT", 0o100),
        ("S_IFMT", 0o170_000),
        ("AT_FDCWD", -100),
        ("MAP_ANONYMOUS", 0x20),
        ("PAGE_SIZE", 4096),
        ("GFP_KERNEL", 0xcc0),
        ("TCP_LISTEN", 10),
        ("TCPF_LISTEN", 1 << 10),
        ("TCGETS", 0x5401),
        ("PATH_MAX", 4096),
        ("INT_MIN", i64::from(i32::MIN)),
        ("NSEC_PER_SEC", 1_000_000_000),
        ("CAP_SYS_ADMIN", 21),
        ("MINORBITS", 20),
        ("REQ_SYNC", 1 << 11),
        ("EXT4_SUPER_MAGIC", 0xef53),
        ("__NR_openat", 257),
        ("SYS_openat", 257),
        ("ULLONG_MAX", -1),
        ("PAGE_MASK", -4096),
    ] {
        assert_eq!(lookup(name), Some(value), "{name}");
    }
    for name in ["", "E", "SYS_", "SYS_nothing", "enoent", "ENOENTT"] {
        assert_eq!(lookup(name), None, "{name}");
    }
    assert!(unsigned("ULLONG_MAX") && !unsigned("LLONG_MAX"));
}

#[test]
fn names_are_unique_and_found() {
    let mut seen = HashSet::new();
    for name in names() {
        assert!(seen.insert(name), "{name} is there twice");
        assert!(lookup(name).is_some(), "{name} is not found");
    }
    let rows = GROUPS.iter().map(|group| group.len()).sum::<usize>() + limits::UNSIGNED.len();
    assert_eq!(seen.len(), rows);
    for &(name, value) in GROUPS.iter().copied().flatten() {
        assert_eq!(lookup(name), Some(value), "{name}");
    }
    for (name, value) in limits::UNSIGNED {
        assert!(i64::try_from(*value).is_err(), "{name} fits");
    }
}

#[test]
fn older_kernels() {
    assert_eq!(lookup_for("TASK_TRACED", || (5, 10)), Some(0x108));
    assert_eq!(lookup_for("TASK_TRACED", || (5, 19)), Some(8));
    assert_eq!(lookup_for("TASK_TRACED", || (6, 18)), lookup("TASK_TRACED"));
    assert_eq!(lookup_for("ENOENT", || (5, 10)), Some(2));
    for (name, version, value) in VERSIONED {
        assert_ne!(lookup_for(name, || *version), Some(*value), "{name}");
    }
}

#[test]
fn bits_of_flags() {
    assert_eq!(bit("__GFP_IO").as_deref(), Some("___GFP_IO_BIT"));
    assert_eq!(bit("REQ_SYNC").as_deref(), Some("__REQ_SYNC"));
    assert_eq!(bit("RQF_STATS").as_deref(), Some("__RQF_STATS"));
    assert_eq!(bit("VM_EXEC").as_deref(), Some("VMA_EXEC_BIT"));
    assert_eq!(bit("ENOENT"), None);
}

#[test]
fn names_of_numbers() {
    assert_eq!(syscall_name(0), Some("read"));
    assert_eq!(syscall_name(231), Some("exit_group"));
    assert_eq!(syscall_name(462), Some("mseal"));
    assert_eq!((syscall_name(400), syscall_name(-1), syscall_name(1 << 40)), (None, None, None));
    assert!(syscalls::SYSCALLS.is_sorted_by(|a, b| a.1 < b.1));
    assert_eq!(signal_name(6), Some("SIGABRT"));
    assert_eq!(signal_name(29), Some("SIGIO"));
    assert!((1..32).all(|n| signal_name(n).is_some()));
    assert_eq!((signal_name(0), signal_name(32), signal_name(-1)), (None, None, None));
    assert_eq!(strerror(2), Some("No such file or directory"));
    assert_eq!(strerror(133), Some("Memory page has hardware error"));
    assert_eq!((strerror(41), strerror(134), strerror(-1)), (None, None, None));
}

/// Headers that define what programs see. `<termios.h>` and `<asm/termbits.h>` can't both be included.
const HEADERS: &[&str] = &[
    "errno.h",
    "signal.h",
    "sys/socket.h",
    "sys/types.h",
    "fcntl.h",
    "sys/stat.h",
    "unistd.h",
    "limits.h",
    "stdint.h",
    "stdio.h",
    "stdlib.h",
    "string.h",
    "sys/mman.h",
    "sys/wait.h",
    "sys/resource.h",
    "netinet/in.h",
    "netinet/tcp.h",
    "sys/epoll.h",
    "poll.h",
    "sys/ptrace.h",
    "sys/prctl.h",
    "sched.h",
    "time.h",
    "sys/un.h",
    "net/if.h",
    "sys/ioctl.h",
    "sys/mount.h",
    "sys/file.h",
    "sys/eventfd.h",
    "sys/timerfd.h",
    "sys/signalfd.h",
    "sys/inotify.h",
    "sys/fanotify.h",
    "sys/syscall.h",
    "sys/ipc.h",
    "sys/sem.h",
    "sys/msg.h",
    "sys/shm.h",
    "linux/limits.h",
    "linux/futex.h",
    "linux/if_ether.h",
    "linux/netlink.h",
    "linux/rtnetlink.h",
    "linux/fs.h",
    "linux/falloc.h",
    "linux/magic.h",
    "linux/capability.h",
    "linux/seccomp.h",
    "linux/if_arp.h",
    "linux/if_packet.h",
    "linux/if_tun.h",
    "linux/ip.h",
    "linux/icmp.h",
    "linux/netfilter.h",
    "linux/mempolicy.h",
    "linux/memfd.h",
    "linux/major.h",
    "linux/blkzoned.h",
    "linux/sockios.h",
    "linux/io_uring.h",
    "linux/perf_event.h",
    "linux/bpf.h",
    "linux/pkt_cls.h",
    "linux/kvm.h",
    "linux/userfaultfd.h",
    "linux/keyctl.h",
    "linux/vm_sockets.h",
    "linux/reboot.h",
    "linux/openat2.h",
    "linux/random.h",
    "linux/udp.h",
    "linux/sched.h",
    "linux/prctl.h",
    "asm/prctl.h",
    "linux/serial.h",
    "linux/fiemap.h",
    "linux/blktrace_api.h",
    "asm/termbits.h",
    "asm/ioctls.h",
    "asm/mman.h",
];

/// What a C library or older headers define otherwise, on purpose.
const DIFFERENT: &[&str] = &[
    "O_LARGEFILE", // glibc says 0, as every file is large; the kernel sets the flag.
    "SIGRTMIN",    // glibc keeps two signals for itself.
    "MINSIGSTKSZ", // glibc asks the kernel for it.
    "SIGSTKSZ",
];

/// Compiles a C program that prints what this machine's headers say.
#[test]
fn values_are_those_of_the_headers() {
    let dir = std::env::temp_dir().join(format!("beetrace-constants-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let mut source = String::from("#define _GNU_SOURCE\n");
    for header in HEADERS {
        writeln!(source, "#if __has_include(<{header}>)\n#include <{header}>\n#endif").unwrap();
    }
    source += "int main(void) {\n";
    for name in names() {
        writeln!(source, "#ifdef {name}\nprintf(\"{name} %lld\\n\", (long long)({name}));\n#endif").unwrap();
    }
    source += "for (int n = 0; n < 140; n++) printf(\"%d %s\\n\", n, strerror(n));\nreturn 0;\n}\n";
    std::fs::write(dir.join("t.c"), source).unwrap();
    std::fs::write(dir.join("empty.c"), "#include <stdio.h>\n#include <linux/errno.h>\nint main(void) { return 0; }\n").unwrap();
    let gcc = |file: &str| Command::new("gcc").args(["-w", "-o", "t", file]).current_dir(&dir).output();
    if !gcc("empty.c").is_ok_and(|gcc| gcc.status.success()) {
        std::fs::remove_dir_all(&dir).unwrap();
        println!("skipped: no gcc, or no headers");
        return;
    }
    let compiled = gcc("t.c").unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let run = Command::new(dir.join("t")).env("LC_ALL", "C").output().unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    let mut compared = 0;
    let mut wrong = Vec::new();
    for line in String::from_utf8(run.stdout).unwrap().lines() {
        let (name, value) = line.split_once(' ').unwrap();
        if let Ok(number) = name.parse() {
            assert_eq!(strerror(number), Some(value).filter(|text| !text.starts_with("Unknown error")), "{number}");
        } else if !DIFFERENT.contains(&name) {
            compared += 1;
            if lookup(name) != value.parse().ok() {
                wrong.push(line.to_string());
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{compared} constants compared");
    assert!(compared > 1500, "only {compared} names are defined");
}
