//! Names of kernel addresses from the kernel itself: a program formats an address by `%pS`. Reading all of /proc/kallsyms for a few
//! frames would cost more than the rest of a short run.

use crate::sink::Frame;
use crate::sys::bpf::{self, F_RDONLY_PROG, MAP_TYPE_ARRAY, MapShape};
use aya_obj::generated::bpf_insn;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// `BPF_PROG_TYPE_RAW_TRACEPOINT` and `BPF_FUNC_snprintf` (include/uapi/linux/bpf.h), the latter since 5.13.
const RAW_TRACEPOINT: u32 = 17;
const SNPRINTF: i32 = 165;
/// `KSYM_SYMBOL_LEN` of include/linux/kallsyms.h is less than this.
const TEXT: usize = 768;
const FORMAT: &[u8; 8] = b"%pS\0\0\0\0\0";

/// A program that names one address a run.
#[derive(Debug)]
pub(super) struct KernelNames {
    program: OwnedFd,
    /// The address, then the text.
    data: OwnedFd,
}

impl KernelNames {
    /// `None` on kernels that have not what this needs.
    pub fn new() -> Option<KernelNames> {
        let array = |name, value_size, flags| {
            bpf::map_create(&MapShape { name, kind: MAP_TYPE_ARRAY, key_size: 4, value_size, max_entries: 1, flags })
        };
        let load = || -> io::Result<KernelNames> {
            let format = array("format", FORMAT.len() as u32, F_RDONLY_PROG)?;
            bpf::map_update(format.as_fd(), &[0; 4], FORMAT)?;
            bpf::map_freeze(format.as_fd())?;
            let data = array("names", 8 + TEXT as u32, 0)?;
            let code = instructions(format.as_raw_fd(), data.as_raw_fd());
            let program = bpf::prog_load("names", RAW_TRACEPOINT, &code, c"GPL", None, (0, 0), &mut [])?;
            Ok(KernelNames { program, data })
        };
        load().ok()
    }

    /// The function at an address.
    pub fn frame(&self, address: u64) -> io::Result<Frame> {
        let mut value = vec![0u8; 8 + TEXT];
        value[..8].copy_from_slice(&address.to_ne_bytes());
        bpf::map_update(self.data.as_fd(), &[0; 4], &value)?;
        bpf::test_run(self.program.as_fd())?;
        bpf::map_lookup(self.data.as_fd(), &[0; 4], &mut value)?;
        let text = value[8..].split(|b| *b == 0).next().unwrap_or_default();
        Ok(parse(address, &String::from_utf8_lossy(text)))
    }
}

/// `vfs_read+0x10/0x330`, `ext4_open+0x0/0x20 [ext4]`, or the address alone.
fn parse(address: u64, text: &str) -> Frame {
    let (text, module) = match text.split_once(" [") {
        Some((text, module)) => (text, module.split(']').next().map(str::to_string)),
        None => (text, None),
    };
    let place = text.rsplit_once("+0x").and_then(|(name, rest)| {
        let offset = u64::from_str_radix(rest.split('/').next()?, 16).ok()?;
        Some((name.to_string(), offset))
    });
    match place {
        Some((name, offset)) => Frame { address, symbol: Some(name), offset, module, ..Frame::default() },
        None => Frame { address, ..Frame::default() },
    }
}

/// `bpf_snprintf(data + 8, TEXT, format, data, 8)`
fn instructions(format: i32, data: i32) -> Vec<bpf_insn> {
    // Opcodes and BPF_PSEUDO_MAP_VALUE: include/uapi/linux/bpf.h, include/uapi/linux/bpf_common.h.
    const LD_IMM64: u8 = 0x18;
    const MOV_IMM: u8 = 0xb7;
    const MOV_REG: u8 = 0xbf;
    const ADD_IMM: u8 = 0x07;
    const CALL: u8 = 0x85;
    const EXIT: u8 = 0x95;
    const MAP_VALUE: u8 = 2;
    let one = |code, dst, src, imm| bpf_insn { code, _bitfield_align_1: [], _bitfield_1: bpf_insn::new_bitfield_1(dst, src), off: 0, imm };
    vec![
        one(LD_IMM64, 4, MAP_VALUE, data),
        one(0, 0, 0, 0),
        one(MOV_REG, 1, 4, 0),
        one(ADD_IMM, 1, 0, 8),
        one(MOV_IMM, 2, 0, TEXT as i32),
        one(LD_IMM64, 3, MAP_VALUE, format),
        one(0, 0, 0, 0),
        one(MOV_IMM, 5, 0, 8),
        one(CALL, 0, 0, SNPRINTF),
        one(MOV_IMM, 0, 0, 0),
        one(EXIT, 0, 0, 0),
    ]
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn texts_of_the_kernel() {
        let f = parse(1, "vfs_read+0x10/0x330");
        assert_eq!((f.symbol.as_deref(), f.offset, f.module.as_deref()), (Some("vfs_read"), 16, None));
        let f = parse(1, "ext4_open+0x0/0x20 [ext4]");
        assert_eq!((f.symbol.as_deref(), f.offset, f.module.as_deref()), (Some("ext4_open"), 0, Some("ext4")));
        assert_eq!(parse(255, "0xff").symbol, None);
        assert_eq!(parse(255, "").symbol, None);
    }
}
