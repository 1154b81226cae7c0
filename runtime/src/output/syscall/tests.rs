use super::shapes::signals;
use super::*;

/// A call with its arguments, its result and what was read of its memory.
fn text(number: u64, args: [u64; 6], result: Option<i64>, pieces: &[&[u8]]) -> String {
    const ROOM: u32 = 64;
    let mut bytes = vec![0; (call::REGISTERS + 3 * (8 + ROOM)) as usize];
    let mut put = |at: usize, value: u64| bytes[at..at + 8].copy_from_slice(&value.to_ne_bytes());
    put(call::NUMBER as usize, number);
    put(call::RESULT as usize, result.unwrap_or(0) as u64);
    for (at, arg) in call::ARGS.iter().zip(args) {
        put(*at as usize, arg);
    }
    for (i, piece) in pieces.iter().enumerate() {
        let at = call::REGISTERS as usize + i * (8 + ROOM as usize);
        bytes[at..at + 8].copy_from_slice(&piece.len().to_ne_bytes());
        bytes[at + 8..at + 8 + piece.len()].copy_from_slice(piece);
    }
    let mut out = Vec::new();
    Calls::default().print(&mut out, &bytes, ROOM, 32, result.is_some());
    String::from_utf8(out).unwrap()
}

// Expected texts are strace's.

#[test]
fn paths_and_flags() {
    let at = -100i64 as u64;
    assert_eq!(
        text(257, [at, 1, 0o2000000, 0, 0, 0], Some(-2), &[b"/no\0"]),
        "openat(AT_FDCWD, \"/no\", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)"
    );
    assert_eq!(text(257, [at, 1, 0o1101, 0o666, 0, 0], Some(3), &[b"x\0"]), "openat(AT_FDCWD, \"x\", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3");
    assert_eq!(text(21, [1, 4, 0, 0, 0, 0], Some(0), &[b"/etc\0"]), "access(\"/etc\", R_OK)                    = 0");
    assert_eq!(text(82, [1, 2, 0, 0, 0, 0], Some(0), &[b"a\0", b"b\0"]), "rename(\"a\", \"b\")                        = 0");
}

#[test]
fn data_is_quoted_and_cut() {
    assert_eq!(text(1, [1, 9, 4, 0, 0, 0], Some(4), &[b"a\n\"\x01"]), "write(1, \"a\\n\\\"\\1\", 4)                  = 4");
    let long = [b'x'; 40];
    let got = text(0, [3, 9, 100, 0, 0, 0], Some(40), &[&long]);
    assert_eq!(got, format!("read(3, \"{}\"..., 100) = 40", "x".repeat(32)));
    assert_eq!(text(0, [3, 0x10, 100, 0, 0, 0], Some(-11), &[b""]).split(" = ").next().unwrap().trim_end(), "read(3, 0x10, 100)");
    assert_eq!(text(1, [1, 9, 3, 0, 0, 0], Some(3), &[b"\x00\x31\xff"]), "write(1, \"\\0001\\377\", 3)                = 3");
}

#[test]
fn memory_and_futexes() {
    assert_eq!(
        text(9, [0, 8192, 3, 0x22, u64::MAX, 0], Some(0x7f00_0000_0000), &[]),
        "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000"
    );
    assert_eq!(text(202, [0x10, 0x81, 1, 0, 0, 0], Some(1), &[]), "futex(0x10, FUTEX_WAKE_PRIVATE, 1)      = 1");
    assert_eq!(
        text(202, [0x10, 0x80, 2, 0, 0, 0], Some(-11), &[]),
        "futex(0x10, FUTEX_WAIT_PRIVATE, 2, NULL) = -1 EAGAIN (Resource temporarily unavailable)"
    );
}

#[test]
fn structures() {
    let mut stat = [0u8; 144];
    stat[24..28].copy_from_slice(&0o100644u32.to_ne_bytes());
    stat[48..56].copy_from_slice(&1234u64.to_ne_bytes());
    let room = text(5, [3, 9, 0, 0, 0, 0], Some(0), &[&stat[..64]]);
    assert_eq!(room.split(" = ").next().unwrap().trim_end(), "fstat(3, ...)");
    let mut out = Vec::new();
    Calls::default().shape(&mut out, "fstat", calls::Shape::Stat, &stat);
    assert_eq!(out, b"{st_mode=S_IFREG|0644, st_size=1234, ...}");
    let address = [&2u16.to_ne_bytes()[..], &80u16.to_be_bytes(), &[127, 0, 0, 1], &[0; 8]].concat();
    assert_eq!(
        text(42, [3, 9, 16, 0, 0, 0], Some(0), &[&address]),
        "connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}, 16) = 0"
    );
    assert_eq!(text(42, [3, 9, 9, 0, 0, 0], Some(0), &[b"\x01\0/run/x\0"]), "connect(3, {sa_family=AF_UNIX, sun_path=\"/run/x\"}, 9) = 0");
    let mut out = Vec::new();
    signals(&mut out, 3);
    assert_eq!(out, b"[HUP INT]");
}

#[test]
fn results() {
    assert_eq!(text(231, [0; 6], Some(0), &[]), "exit_group(0)                           = ?");
    assert!(text(35, [1, 2, 0, 0, 0, 0], Some(-516), &[]).ends_with("= ? ERESTART_RESTARTBLOCK (Interrupted by signal)"));
    assert_eq!(text(3, [3, 0, 0, 0, 0, 0], None, &[]), "close(3");
}

#[test]
fn calls_by_their_format() {
    let format =
        "name: x\n\tfield:int __syscall_nr;\toffset:8;\n\tfield:const char * path;\toffset:16;\n\tfield:unsigned int flags;\toffset:24;\n";
    assert_eq!(fields(format), [Kind::Ptr, Kind::Uint]);
}
