#compdef cpx-monitor
# Completion of cpx-monitor for zsh:  source <(cpx-monitor completion zsh)

_cpx-monitor() {
    local line value
    local -a values described open
    for line in "${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}"; do
        value="${line%%$'\t'*}"
        if [[ $value == ":files" ]]; then
            compset -P '*='
            _files
            return
        elif [[ $value == *= ]]; then
            open+=("$value")
        elif [[ -n $value ]]; then
            values+=("$value")
            described+=("${line/$'\t'/  -- }")
        fi
    done
    (( $#open )) && compadd -S '' -- "${open[@]}"
    (( $#values )) && compadd -l -d described -- "${values[@]}"
}

if [[ $funcstack[1] == _cpx-monitor ]]; then
    _cpx-monitor "$@"
else
    compdef _cpx-monitor cpx-monitor
fi
