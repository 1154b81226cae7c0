//! Kprobes: by one link for many functions where the kernel has such links, else by one perf event for each.

use super::{c_string, started};
use crate::kernel::functions::addresses;
use crate::load::Multi;
use crate::sys::bpf::{self, Functions};
use crate::sys::perf::{ProbePmu, Probed};
use codegen::manifest::{AttachPoint, Named, Target};
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// What is left, for perf events: functions that one link can't have.
pub(super) fn many<'a>(points: &[&'a AttachPoint], program: BorrowedFd<'_>, links: &mut Vec<OwnedFd>) -> Vec<&'a AttachPoint> {
    let ret = matches!(points.first().map(|p| &p.target), Some(Target::Kprobe { ret: true, .. }));
    let (once, often): (Vec<_>, Vec<_>) = points.iter().copied().partition(|p| matches!(p.target, Target::Kprobe { by: Named::Once, .. }));
    let mut left = Vec::new();
    let names: Vec<(CString, &AttachPoint)> = once.into_iter().filter_map(|p| Some((CString::new(names_of(p)?.0).ok()?, p))).collect();
    let mut link_names = |part: &[(CString, &'a AttachPoint)]| {
        let names: Vec<&CStr> = part.iter().map(|n| n.0.as_c_str()).collect();
        bpf::kprobe_multi(program, Multi::Kprobe.attach_type(), Functions::Names(&names), ret).map(|link| links.push(link)).is_ok()
    };
    left.extend(halves(&names, &mut link_names).into_iter().map(|n| n.1));
    if often.is_empty() {
        return left;
    }
    let wanted: Vec<(&str, Option<&str>)> = often.iter().filter_map(|p| names_of(p)).collect();
    let found = addresses(&wanted).unwrap_or_default();
    let places: Vec<(u64, &AttachPoint)> = often.iter().zip(found).flat_map(|(p, list)| list.into_iter().map(|a| (a, *p))).collect();
    let mut link_addresses = |part: &[(u64, &'a AttachPoint)]| {
        let list: Vec<u64> = part.iter().map(|a| a.0).collect();
        bpf::kprobe_multi(program, Multi::Kprobe.attach_type(), Functions::Addresses(&list), ret).map(|link| links.push(link)).is_ok()
    };
    let refused = halves(&places, &mut link_addresses);
    // Of several functions of one name some may be out of reach: what counts is that one is not.
    let reached = |p: &AttachPoint| {
        let of = |list: &[(u64, &AttachPoint)]| list.iter().filter(|a| std::ptr::eq(a.1, p)).count();
        of(&places) > of(&refused)
    };
    left.extend(often.into_iter().filter(|p| !reached(p)));
    left
}

fn names_of(point: &AttachPoint) -> Option<(&str, Option<&str>)> {
    match &point.target {
        Target::Kprobe { function, module, .. } => Some((function, module.as_deref())),
        _ => None,
    }
}

/// One refusal makes the kernel refuse all: halves find it. What is refused.
fn halves<T: Clone>(list: &[T], link: &mut dyn FnMut(&[T]) -> bool) -> Vec<T> {
    if list.is_empty() || link(list) {
        return Vec::new();
    }
    if list.len() == 1 {
        return list.to_vec();
    }
    let (a, b) = list.split_at(list.len() / 2);
    [halves(a, link), halves(b, link)].concat()
}

/// A perf event, or one for each function of the name.
pub(super) fn one(
    pmu: Option<ProbePmu>,
    (function, module, by): (&str, Option<&str>, Named),
    offset: u64,
    ret: bool,
    program: BorrowedFd<'_>,
) -> Result<Vec<OwnedFd>, String> {
    let pmu = pmu.ok_or("this kernel has no kprobes (it was built without CONFIG_KPROBE_EVENTS); look for a tracepoint with `-l`")?;
    let several = || {
        let places = addresses(&[(function, module)]).map_err(|e| format!("/proc/kallsyms: {e}"))?.remove(0);
        let mut refusal = format!("`{function}` is ambiguous: several functions have that name, and the kernel hides their addresses");
        let mut out = Vec::new();
        for address in places {
            match pmu.open_at(address + offset, ret) {
                Ok(event) => out.push(started(event, program)?),
                Err(e) => refusal = reason(&e, function),
            }
        }
        if out.is_empty() { Err(refusal) } else { Ok(out) }
    };
    let event = match by {
        Named::Address(address) => pmu.open_at(address, ret).map_err(|e| reason(&e, &format!("{address:#x}")))?,
        Named::Often => return several(),
        Named::Once => {
            // The kernel's own functions have no module in front of them.
            let name = match module.filter(|m| *m != "vmlinux") {
                Some(module) => c_string(&format!("{module}:{function}"))?,
                None => c_string(function)?,
            };
            match pmu.open(Probed { path: &name, offset, semaphore: 0 }, ret, None) {
                Err(e) if e.raw_os_error() == Some(libc::EADDRNOTAVAIL) => return several(),
                event => event.map_err(|e| reason(&e, function))?,
            }
        }
    };
    started(event, program).map(|fd| vec![fd])
}

fn reason(e: &io::Error, function: &str) -> String {
    match e.raw_os_error() {
        Some(libc::ENOENT) => format!("the kernel has no function `{function}`, or it was inlined"),
        Some(libc::EINVAL) => format!("the kernel does not allow a kprobe on `{function}`, or not at this offset"),
        Some(libc::EILSEQ) => "the offset lies within an instruction".into(),
        _ => format!("the kernel refuses it: {e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::halves;

    #[test]
    fn what_is_refused_is_found_with_few_questions() {
        let mut asked = 0;
        let mut link = |part: &[u32]| {
            asked += 1;
            !part.contains(&700) && !part.contains(&3)
        };
        let list: Vec<u32> = (0..1024).collect();
        assert_eq!(halves(&list, &mut link), [3, 700]);
        assert!(asked < 45, "{asked}");
    }
}
