# Completion of cpx-monitor for bash:  source <(cpx-monitor completion bash)

_cpx_monitor() {
    local kind text path
    COMPREPLY=()
    # What comes is quoted as far as it has to be.
    while IFS=$'\t' read -r kind text path; do
        case $kind in
            files)
                compopt -o filenames
                mapfile -t COMPREPLY < <(compgen -f -- "$text")
                ;;
            files_of)
                compopt -o filenames
                mapfile -t COMPREPLY < <(compgen -f -P "$text" -- "$path")
                ;;
            open)
                compopt -o nospace
                COMPREPLY+=("$text")
                ;;
            word)
                COMPREPLY+=("$text")
                ;;
        esac
    done < <("$1" __complete_in_bash "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
}

complete -F _cpx_monitor cpx-monitor
