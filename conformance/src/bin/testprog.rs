//! A program that does known things a known number of times, so that what is traced can be checked.

#[path = "../traced.rs"]
mod traced;
#[path = "../usdt.rs"]
mod usdt;

use std::hint::black_box;
use std::process::exit;
use std::sync::atomic::{AtomicU64, Ordering};

/// Called a known number of times with the arguments 0, 1, 2, ...; returns `2 n + 1`.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn bt_target(n: u64) -> u64 {
    black_box(n) * 2 + 1
}

/// Six arguments: 11, 22, 33, 44, 55, 66.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn bt_six(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64) -> u64 {
    black_box(a) + black_box(b) + black_box(c) + black_box(d) + black_box(e) + black_box(f)
}

/// A structure that is passed in a register.
#[repr(C)]
pub struct Small {
    a: u32,
    b: u32,
}

/// Arguments of which not each takes one register for integers: 5.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn bt_mixed(small: Small, real: f64, n: u64) -> u64 {
    black_box(u64::from(small.a + small.b)) + black_box(real) as u64 + black_box(n)
}

/// A structure in memory.
#[repr(C)]
pub struct Pair {
    a: i64,
    b: [i32; 2],
}

/// A pointer to a structure: -5, 66, 77.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn bt_pair(p: *const Pair) -> u64 {
    black_box(p) as u64
}

/// A variable of the program.
#[unsafe(no_mangle)]
pub static BT_VARIABLE: AtomicU64 = AtomicU64::new(424_242);

/// A C string.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn bt_string(s: *const libc::c_char) -> i64 {
    black_box(s);
    -7
}

/// A name as Go has them.
#[unsafe(export_name = "encoding/json.Marshal")]
#[inline(never)]
pub extern "C" fn json_marshal(n: u64) -> u64 {
    black_box(n)
}

/// `bt::padded(int)` as C++ has it.
#[unsafe(export_name = "_ZN2bt6paddedEi")]
#[inline(never)]
pub extern "C" fn padded(n: i32) -> i32 {
    black_box(n)
}

/// A system call right here, so that its number and this place are in a stack without those of a library. The stack says where it
/// will return to: the `nop` keeps that in this function.
#[inline(always)]
fn bt_inlined() {
    // SAFETY: getppid(2) takes nothing and changes nothing.
    unsafe { std::arch::asm!("syscall", "nop", inout("rax") libc::SYS_getppid => _, out("rcx") _, out("r11") _) };
}

/// Has another function inlined into it.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn bt_outer(n: u64) -> u64 {
    bt_inlined();
    black_box(n)
}

/// Busy for about so many milliseconds.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn bt_hot(ms: u64) -> u64 {
    let start = std::time::Instant::now();
    let mut n = 0u64;
    while start.elapsed().as_millis() < u128::from(ms) {
        for i in 0..10_000u64 {
            n = black_box(n.wrapping_mul(31).wrapping_add(i));
        }
    }
    n
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let number = |i: usize| args.get(i).and_then(|a| a.parse::<u64>().ok()).unwrap_or(0);
    match args.get(1).map(String::as_str) {
        Some("writes") => writes(number(2)),
        Some("opens") => (0..number(3)).for_each(|_| drop(std::fs::File::open(&args[2]))),
        Some("calls") => calls(0, number(2)),
        Some("marshal") => (0..number(2)).for_each(|n| {
            black_box(json_marshal(n));
        }),
        Some("padded") => (0..number(2)).for_each(|n| {
            black_box(padded(n as i32));
        }),
        Some("args") => {
            black_box(bt_six(11, 22, 33, 44, 55, 66));
            // A tracer may write there.
            let mut text = *b"hello from testprog\0";
            black_box(bt_string(text.as_mut_ptr().cast()));
            black_box(bt_mixed(Small { a: 1, b: 2 }, 0.5, 5));
            black_box(bt_pair(&Pair { a: -5, b: [66, 77] }));
            black_box(BT_VARIABLE.load(Ordering::Relaxed));
        }
        Some("lines") => (0..number(2)).for_each(|n| {
            black_box(traced::bt_lines(n));
        }),
        Some("inlined") => (0..number(2)).for_each(|n| {
            black_box(bt_outer(n));
        }),
        Some("jit") => jit(number(2)),
        Some("usdt") => (0..number(2)).for_each(usdt::fire),
        Some("watch") => watch(number(2)),
        Some("faults") => faults(number(2)),
        Some("spread") => spread(number(2)),
        Some("burn") => {
            black_box(bt_hot(number(2)));
        }
        Some("spawn") => (0..number(2)).for_each(|_| drop(std::process::Command::new(&args[0]).arg("nothing").status())),
        Some("sleep") => std::thread::sleep(std::time::Duration::from_millis(number(2))),
        Some("udp") => udp(number(2)).expect("datagrams to oneself"),
        Some("leak") => leak(number(2), number(3) as usize),
        Some("tcp") => tcp(number(2) as usize),
        Some("nothing") => {}
        _ => {
            eprintln!(
                "testprog writes N | opens PATH N | calls N | marshal N | padded N | args | lines N | inlined N | jit N | usdt N | watch N | faults N | spread N | burn MS | spawn N | sleep MS | udp N | leak N BYTES | tcp BYTES"
            );
            exit(2);
        }
    }
}

/// `n` pieces of memory of so many bytes that are kept, and as many that are freed.
#[inline(never)]
fn leak(n: u64, bytes: usize) {
    for _ in 0..n {
        // SAFETY: what is freed was just allocated.
        unsafe {
            black_box(libc::malloc(bytes));
            libc::free(black_box(libc::malloc(bytes)));
        }
    }
}

/// A connection to ourselves over which so many bytes go.
fn tcp(bytes: usize) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let reader = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("bytes");
    });
    let mut stream = std::net::TcpStream::connect(address).expect("a connection");
    stream.write_all(&vec![b'x'; bytes]).expect("bytes go");
    drop(stream);
    drop(reader.join());
}

/// Exactly `n` system calls write(1, ..., 1), into /dev/null.
fn writes(n: u64) {
    // SAFETY: constant strings and descriptors of our own.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_WRONLY);
        libc::dup2(null, 1);
        for _ in 0..n {
            libc::write(1, [b'x'].as_ptr().cast(), 1);
        }
    }
}

/// Memory of a page or more at an address, or anywhere.
fn memory(at: usize, bytes: usize) -> *mut u64 {
    let fixed = if at == 0 { 0 } else { libc::MAP_FIXED_NOREPLACE };
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | fixed;
    // SAFETY: a new mapping that replaces none.
    let p = unsafe { libc::mmap(at as *mut _, bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    assert!(p != libc::MAP_FAILED, "mmap fails");
    p.cast()
}

/// `n` system calls getppid(2) from code that is made here and told of in /tmp/perf-PID.map, which stays.
fn jit(n: u64) {
    // push %rbp; mov %rsp,%rbp; mov $SYS_getppid,%eax; syscall; pop %rbp; ret
    const CODE: [u8; 13] = [0x55, 0x48, 0x89, 0xe5, 0xb8, libc::SYS_getppid as u8, 0, 0, 0, 0x0f, 0x05, 0x5d, 0xc3];
    let p = memory(0, 4096);
    let path = format!("/tmp/perf-{}.map", std::process::id());
    std::fs::write(&path, format!("{:x} {:x} Script:made at run time\n", p as usize, CODE.len())).expect("/tmp can be written");
    // SAFETY: the code fits the mapping, which is executable before it is called.
    unsafe {
        std::ptr::copy_nonoverlapping(CODE.as_ptr(), p.cast(), CODE.len());
        libc::mprotect(p.cast(), 4096, libc::PROT_READ | libc::PROT_EXEC);
        let made: extern "C" fn() = std::mem::transmute(p);
        (0..n).for_each(|_| made());
    }
}

/// Exactly `n` writes to the word at 0x10000000.
fn watch(n: u64) {
    let p = memory(0x1000_0000, 4096);
    // SAFETY: the word is in the mapping.
    (0..n).for_each(|i| unsafe { p.write_volatile(i) });
}

/// `n` datagrams of ten bytes to a socket of its own.
fn udp(n: u64) -> std::io::Result<()> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
    let own = socket.local_addr()?;
    (0..n).try_for_each(|_| socket.send_to(b"0123456789", own).map(|_| ()))
}

/// `n` pages that are touched for the first time.
fn faults(n: u64) {
    let p = memory(0, n as usize * 4096);
    // SAFETY: the words are in the mapping, which is not to be made of huge pages.
    unsafe {
        libc::madvise(p.cast(), n as usize * 4096, libc::MADV_NOHUGEPAGE);
        (0..n as usize).for_each(|i| p.add(i * 512).write_volatile(1));
    }
}

fn calls(first: u64, n: u64) {
    for i in first..first + n {
        black_box(bt_target(i));
    }
}

/// `n` calls on every CPU there is, each from a thread that is bound to it; arguments 0 to n-1 on each.
fn spread(n: u64) {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let threads: Vec<_> = (0..cpus).map(|cpu| std::thread::spawn(move || on_cpu(cpu, n))).collect();
    threads.into_iter().for_each(|t| drop(t.join()));
}

fn on_cpu(cpu: usize, n: u64) {
    // SAFETY: the set is initialised before it is used, and its size is given.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
    }
    calls(0, n);
}
