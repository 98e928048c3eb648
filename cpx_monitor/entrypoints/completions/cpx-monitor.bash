# Completion of cpx-monitor for bash:  source <(cpx-monitor completion bash)

_cpx_monitor() {
    local line="${COMP_LINE:0:COMP_POINT}" words=() word prefix candidate
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    word="${words[-1]}"
    # bash takes what follows a = or a : for a word of its own, and replaces no more than that.
    prefix="${word%"${word##*[=:]}"}"
    COMPREPLY=()
    while IFS= read -r candidate; do
        candidate="${candidate%%$'\t'*}"
        if [[ $candidate == ":files" ]]; then
            compopt -o filenames
            while IFS= read -r candidate; do
                COMPREPLY+=("$candidate")
            done < <(compgen -f -- "${word#"$prefix"}")
            return
        fi
        candidate="${candidate#"$prefix"}"
        if [[ $candidate == *= ]]; then
            compopt -o nospace
        else
            # bash inserts it as it is, and a name may hold what bash would act on.
            printf -v candidate %q "$candidate"
        fi
        COMPREPLY+=("$candidate")
    done < <("$1" __complete "${words[@]:1}" 2>/dev/null)
}

complete -F _cpx_monitor cpx-monitor
