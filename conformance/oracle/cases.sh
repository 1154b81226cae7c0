# What `record` and `check` share. The first lines of a script may say how it is run, each in a comment of its own:
#
#     // args: WORD...      positional parameters
#     // env: NAME=VALUE    an environment variable
#     // flags: FLAG...     flags before the script
#     // exit: CODE         the exit code, if not 0

# header SCRIPT KEY: what the script's first lines say of KEY.
header() { sed -n "1,8s|^// $2: ||p" "$1"; }

# run SCRIPT COMMAND...: runs the script as its header says. Fails unless the exit code is the one that it names.
run() {
    local script=$1 args flags env code
    shift
    read -r -a args <<<"$(header "$script" args)"
    read -r -a flags <<<"$(header "$script" flags)"
    mapfile -t env < <(header "$script" env)
    env "${env[@]}" timeout 5 "$@" -q "${flags[@]}" -e "$(cat "$script")" "${args[@]}" </dev/null
    code=$?
    [ "$code" = "$(header "$script" exit)" ] || [ "$code$(header "$script" exit)" = 0 ] && return 0
    echo "$script: exit code $code" >&2
    return 1
}
