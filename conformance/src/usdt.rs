//! Two statically defined probes, `bt:tick` and `bt:gated`, as <sys/sdt.h> would make them; the second has a semaphore.

use std::hint::black_box;

unsafe extern "C" {
    static bt_gated_semaphore: u16;
}

/// A note of a probe at the place of the label 990.
macro_rules! probe {
    ($name:literal, $semaphore:literal, $n:expr, $text:expr) => {
        // SAFETY: a nop and what the linker puts into sections of its own.
        unsafe {
            core::arch::asm!(
                "990: nop",
                ".pushsection .note.stapsdt,\"\",\"note\"",
                ".balign 4",
                ".4byte 992f-991f, 994f-993f, 3",
                "991: .asciz \"stapsdt\"",
                "992: .balign 4",
                "993: .8byte 990b",
                ".8byte _.stapsdt.base",
                concat!(".8byte ", $semaphore),
                concat!(".asciz \"bt\"; .asciz \"", $name, "\"; .asciz \"-8@%rdi 8@%rsi\""),
                "994: .balign 4",
                ".popsection",
                ".ifndef _.stapsdt.base",
                ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat",
                ".weak _.stapsdt.base",
                ".hidden _.stapsdt.base",
                "_.stapsdt.base: .space 1",
                ".size _.stapsdt.base, 1",
                ".popsection",
                ".endif",
                in("rdi") $n, in("rsi") $text,
                options(att_syntax, nostack)
            );
        }
    };
}

core::arch::global_asm!(
    ".pushsection .probes,\"aw\",\"progbits\"",
    ".globl bt_gated_semaphore",
    // In pages of the file that no other segment maps: the kernel counts in the first writable mapping of the place.
    ".balign 4096",
    ".space 4096",
    "bt_gated_semaphore: .2byte 0",
    ".space 4094",
    ".popsection"
);

/// Fires `tick` with a number and a text, and `gated` if somebody traces it.
#[inline(never)]
pub fn fire(n: u64) {
    probe!("tick", "0", n, c"tock".as_ptr());
    // SAFETY: the kernel counts tracers there.
    if black_box(unsafe { (&raw const bt_gated_semaphore).read_volatile() }) > 0 {
        probe!("gated", "bt_gated_semaphore", n + 1000, c"gate".as_ptr());
    }
}
