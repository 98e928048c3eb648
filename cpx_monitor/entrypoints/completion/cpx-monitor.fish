# Completion of cpx-monitor for fish:  cpx-monitor completion fish | source

function __cpx_monitor_candidates
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    test -n "$current"; or set current ""
    for line in ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
        # Its kind, its text, and what it means; fish quotes the text where it inserts it.
        set -l parts (string split -m 1 \t -- $line)
        if test "$parts[1]" = files
            set -l option (string match -r -- '^--[a-z-]+=' $current)
            for path in (__fish_complete_path (string replace -- "$option" "" $current))
                # In quotes, for nothing before nothing would be nothing at all.
                printf '%s\n' "$option$path"
            end
        else
            printf '%s\n' "$parts[2]"
        end
    end
end

complete -c cpx-monitor -f -a '(__cpx_monitor_candidates)'
