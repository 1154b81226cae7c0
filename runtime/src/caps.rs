//! What a user must be allowed to do.

use procfs::process::Process;

/// Capability numbers (include/uapi/linux/capability.h).
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// Two lines about what is missing, if anything is.
pub fn check() -> Result<(), String> {
    let effective = Process::myself().and_then(|p| p.status()).map_or(0, |s| s.capeff);
    let has = |cap: u32| effective & (1 << cap) != 0;
    if has(CAP_SYS_ADMIN) || has(CAP_BPF) && has(CAP_PERFMON) {
        return Ok(());
    }
    Err("beetrace may not load BPF programs as this user.\n\
         Run it as root (`sudo beetrace ...`), or give it the capabilities CAP_BPF and CAP_PERFMON."
        .into())
}
