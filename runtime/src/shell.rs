//! `beetrace completions SHELL`: completion for a shell, made of the flags, and of the names in the reference and on the machine.

use crate::cli::{Cli, VERBS};
use clap::{Arg, Command, CommandFactory, ValueHint};
use clap_complete::{Shell, generate};
use lang::reference;

/// The shells, by the names that are typed.
pub const SHELLS: &[&str] = &["bash", "zsh", "fish"];

/// The script for a shell.
///
/// # Errors
/// A sentence: there is none for this shell.
pub fn script(shell: &str) -> Result<String, String> {
    let (kind, tail) = match shell {
        "bash" => (Shell::Bash, bash()),
        "zsh" => (Shell::Zsh, zsh()),
        "fish" => (Shell::Fish, fish()),
        _ => return Err(format!("there is no completion for `{shell}`; shells are {}", SHELLS.join(", "))),
    };
    // Flags that are accepted for old scripts are not offered.
    let shown: Vec<Arg> = Cli::command().get_arguments().filter(|a| !a.is_hide_set()).cloned().collect();
    let mut command =
        Command::new("beetrace").disable_version_flag(true).args(shown).mut_arg("rest", |a| a.value_hint(ValueHint::FilePath));
    let mut out = Vec::new();
    generate(kind, &mut command, "beetrace", &mut out);
    Ok(format!("{}{tail}", String::from_utf8_lossy(&out)))
}

fn verbs() -> String {
    VERBS.iter().map(|v| v.name).collect::<Vec<_>>().join(" ")
}

/// Names that `help` knows and that a shell does not take apart.
fn names() -> String {
    let plain = |n: &str| n.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let mut all: Vec<String> = reference::topics().into_iter().map(|t| t.name.into_owned()).filter(|n| plain(n)).collect();
    all.sort();
    all.dedup();
    all.join(" ")
}

/// To bash a colon ends a word: what stands before the last one is taken off.
fn bash() -> String {
    format!(
        r#"
_beetrace_words() {{
    local line="${{COMP_LINE:0:COMP_POINT}}" word all
    word="${{line##*[[:space:]]}}"
    if [[ "$line" =~ [[:space:]]-l[v]?[[:space:]] ]]; then
        all="$(beetrace -l "$word*" 2>/dev/null)"
    elif [[ "$line" =~ ^[[:space:]]*[^[:space:]]+[[:space:]]+help[[:space:]] ]]; then
        all="{names}"
    elif [[ "$line" =~ ^[[:space:]]*[^[:space:]]+[[:space:]]+completions[[:space:]] ]]; then
        all="{shells}"
    else
        _beetrace "$@"
        if [[ "$line" =~ ^[[:space:]]*[^[:space:]]+[[:space:]]+[^[:space:]-]*$ ]]; then
            COMPREPLY+=($(compgen -W "{verbs}" -- "$word") $(compgen -f -- "$word"))
        fi
        return
    fi
    local IFS=$'\n'
    COMPREPLY=($(compgen -W "${{all// /$'\n'}}" -- "$word"))
    if [[ "$word" == *:* && "$COMP_WORDBREAKS" == *:* ]]; then
        local before="${{word%:*}}:"
        COMPREPLY=("${{COMPREPLY[@]#"$before"}}")
    fi
}}
complete -F _beetrace_words -o nosort -o bashdefault -o default beetrace
"#,
        names = names(),
        shells = SHELLS.join(" "),
        verbs = verbs()
    )
}

fn zsh() -> String {
    format!(
        r#"
_beetrace_words() {{
    if (( ${{words[(I)-l*]}} )); then
        compadd -- ${{(f)"$(beetrace -l "$PREFIX*" 2>/dev/null)"}}
    elif [[ "${{words[2]}}" == help && CURRENT -gt 2 ]]; then
        compadd -- {names}
    elif [[ "${{words[2]}}" == completions && CURRENT -gt 2 ]]; then
        compadd -- {shells}
    else
        (( CURRENT == 2 )) && compadd -- {verbs}
        _beetrace "$@"
    fi
}}
compdef _beetrace_words beetrace
"#,
        names = names(),
        shells = SHELLS.join(" "),
        verbs = verbs()
    )
}

fn fish() -> String {
    let mut out = String::from("\n");
    for v in VERBS {
        out.push_str(&format!("complete -c beetrace -n __fish_is_first_arg -a {} -d '{}'\n", v.name, v.doc.replace('\'', "\\'")));
    }
    out.push_str(&format!("complete -c beetrace -f -n 'string match -q -- help (commandline -opc)[2]' -a '{}'\n", names()));
    out.push_str(&format!("complete -c beetrace -f -n 'string match -q -- completions (commandline -opc)[2]' -a '{}'\n", SHELLS.join(" ")));
    out.push_str("complete -c beetrace -f -n 'string match -qr -- \"^-lv?\\$\" (commandline -opc)' -a '(beetrace -l (commandline -ct)\"*\" 2>/dev/null)'\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_has_flags_verbs_and_names() {
        for shell in SHELLS {
            let text = script(shell).unwrap();
            for word in ["include", "flame", "completions", "repl", "kretprobe", "has_key", "beetrace -l"] {
                assert!(text.contains(word), "{shell}: {word}");
            }
        }
        assert!(!script("bash").unwrap().contains("--flame-map"));
        assert!(script("csh").unwrap_err().contains("bash, zsh, fish"));
    }
}
