//! What the kernel's verifier refused, in the words of the script.

use lang::diag::Diagnostic;
use lang::source::Span;

/// One kind of refusal. The kernel's words are from kernel/bpf/verifier.c, cfg.c and helpers of 5.10 to 6.18.
struct Refusal {
    /// Any of these in the verifier's last lines.
    words: &'static [&'static str],
    /// What it means for the script; one line under the place.
    meaning: &'static str,
    /// What to write instead.
    help: &'static str,
}

/// Looked through in this order.
const REFUSALS: &[Refusal] = &[
    Refusal {
        words: &["BPF program is too large", "too many instructions", "The sequence of", "jumps is too complex"],
        meaning: "this probe takes the kernel more steps to check than it is willing to do",
        help: "do less in one probe: fewer rounds of a loop, fewer branches, shorter strings (`max_strlen`)",
    },
    Refusal {
        words: &["infinite loop detected", "back-edge from insn"],
        meaning: "the kernel can't see that this loop ends",
        help: "count the rounds in a variable that is compared with a constant, or use `unroll`",
    },
    Refusal {
        words: &["combined stack size", "stack frame", "invalid indirect access to stack", "stack depth"],
        meaning: "the values of this probe need more than the 512 bytes of stack that the kernel gives it",
        help: "use fewer strings and keys at once, or lower `on_stack_limit` in a config block",
    },
    Refusal {
        words: &["invalid bpf_context access"],
        meaning: "this kernel does not let a probe of this type read that argument or field",
        help: "list what there is with `beetrace -lv PROBE`",
    },
    Refusal {
        words: &["unknown func", "program of this type cannot use helper", "helper call is not allowed", "invalid func"],
        meaning: "this kernel has no such function for a probe of this type",
        help: "the same event may exist as another probe type; `beetrace -l '*:NAME'` lists them",
    },
    Refusal {
        words: &["cannot call GPL-restricted function"],
        meaning: "the kernel keeps this function for programs under the GPL",
        help: "take `license` out of the config block, or set it to `GPL`",
    },
    Refusal {
        words: &["math between", "pointer arithmetic", "prohibited"],
        meaning: "the kernel does not let a probe calculate with this address",
        help: "cast it to an integer first: `(uint64)$p`",
    },
    Refusal {
        words: &["invalid mem access", "invalid access to", "outside of the allowed memory range", "outside of the array range"],
        meaning: "the kernel is not sure that this access stays inside the memory it is meant for",
        help: "check the index or the length against a constant before it is used",
    },
];

/// The message about a program that the verifier refused at `span`. `probe`: the attach point; `log`: all that it said.
pub fn explain(probe: &str, span: Span, reason: &str, log: &str) -> Diagnostic {
    let tail: Vec<&str> = log.lines().rev().filter(|l| !l.is_empty()).take(6).collect();
    let said = |words: &[&str]| words.iter().any(|w| reason.contains(w) || tail.iter().any(|l| l.contains(w)));
    let d = Diagnostic::error(span, format!("the kernel does not accept the program of `{probe}`"));
    match REFUSALS.iter().find(|r| said(r.words)) {
        Some(known) => d.label(known.meaning).help(format!("{}\n(the kernel: {})", known.help, reason.trim())),
        None => d
            .label(format!("the kernel says: {}", reason.trim()))
            .help("this is likely a mistake of beetrace's; `-d verifier` shows the kernel's whole log"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lang::source::SourceMap;

    fn explained(log: &str) -> String {
        let mut map = SourceMap::default();
        let file = map.add("s.bt", "BEGIN { while (1) { @++; } }");
        let reason = log.lines().rfind(|l| !l.starts_with("processed")).unwrap_or("");
        lang::diag::render(&[explain("begin", Span::new(file, 8, 26), reason, log)], &map, false)
    }

    #[test]
    fn a_known_refusal_speaks_of_the_script() {
        let text =
            explained("12: (05) goto pc-3\ninfinite loop detected at insn 9\nprocessed 14 insns (limit 1000000) max_states_per_insn 0");
        assert!(text.contains("can't see that this loop ends") && text.contains("s.bt:1:9"), "{text}");
        assert!(text.contains("unroll") && text.contains("infinite loop detected at insn 9"), "{text}");
    }

    #[test]
    fn the_size_limit() {
        let text = explained("BPF program is too large. Processed 1000001 insn\nprocessed 1000001 insns");
        assert!(text.contains("more steps to check"), "{text}");
    }

    #[test]
    fn an_unknown_refusal_is_quoted() {
        let text = explained("R7 frobnicates\nprocessed 3 insns");
        assert!(text.contains("the kernel says: R7 frobnicates") && text.contains("-d verifier"), "{text}");
    }
}
