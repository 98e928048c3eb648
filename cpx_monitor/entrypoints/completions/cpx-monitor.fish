# Completion of cpx-monitor for fish:  cpx-monitor completion fish | source

function __cpx_monitor_candidates
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    test -n "$current"; or set current ""
    for candidate in ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
        if test "$candidate" = ":files"
            set -l option (string match -r -- '^--[a-z-]+=' $current)
            for path in (__fish_complete_path (string replace -- "$option" "" $current))
                # In quotes, for nothing before nothing would be nothing at all.
                echo "$option$path"
            end
        else
            echo $candidate
        end
    end
end

complete -c cpx-monitor -f -a '(__cpx_monitor_candidates)'
