#compdef cpx-monitor
# Completion of cpx-monitor for zsh:  source <(cpx-monitor completion zsh)

_cpx-monitor() {
    local line kind text
    local -a before values described open
    # Without their quotes; zsh puts them again around what it inserts.
    before=("${(@Q)words[2,CURRENT-1]}")
    for line in "${(@f)$("${words[1]}" __complete "${before[@]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
        kind="${line%%$'\t'*}" line="${line#*$'\t'}"
        text="${line%%$'\t'*}"
        case $kind in
            files)
                compset -P '*='
                _files
                return
                ;;
            open)
                open+=("$text")
                ;;
            word)
                values+=("$text")
                described+=("${line/$'\t'/  -- }")
                ;;
        esac
    done
    (( $#open )) && compadd -S '' -- "${open[@]}"
    (( $#values )) && compadd -l -d described -- "${values[@]}"
}

if [[ $funcstack[1] == _cpx-monitor ]]; then
    _cpx-monitor "$@"
else
    compdef _cpx-monitor cpx-monitor
fi
