# bash completion for thinsnap(8)                                          -*- shell-script -*-

# Prints the options of a command. An option whose value is a path or a number is followed by it.
_thinsnap_options() {
    local global='--pool --lock-timeout --json --help --version'
    case $1 in
        'pool create') echo "$global --size --chunk-size --metadata-size --data" ;;
        'pool grow') echo "$global --size --metadata-size" ;;
        'pool check') echo "$global --skip-mappings --ignore-leaks --clear-needs-check" ;;
        'pool dump') echo "$global --output" ;;
        'pool restore') echo "$global --force" ;;
        'device snapshot') echo "$global --origin" ;;
        'device read' | 'device discard') echo "$global --offset --length" ;;
        'device write') echo "$global --offset" ;;
        *) echo "$global" ;;
    esac
}

# Prints the ids of the pool's devices, if that is possible at once.
_thinsnap_devices() {
    thinsnap "$@" --lock-timeout 0 device list 2>/dev/null |
        while read -r id _; do
            [[ $id != device ]] && echo "$id"
        done
}

_thinsnap() {
    local word=$2 previous=$3 words=() pool=() i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --pool)
                i=$((i + 1))
                pool=(--pool "${COMP_WORDS[i]}")
                ;;
            --lock-timeout | --size | --chunk-size | --metadata-size | --data | --output | -o | \
                --origin | --offset | --length)
                i=$((i + 1))
                ;;
            -*) ;;
            *) words+=("${COMP_WORDS[i]}") ;;
        esac
    done

    case $previous in
        --pool)
            mapfile -t COMPREPLY < <(compgen -d -- "$word")
            return
            ;;
        --data | --output | -o)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
        --origin)
            mapfile -t COMPREPLY < <(compgen -W "$(_thinsnap_devices "${pool[@]}")" -- "$word")
            return
            ;;
        --lock-timeout | --size | --chunk-size | --metadata-size | --offset | --length) return ;;
    esac

    local choices=
    case "${words[0]-} ${words[1]-}" in
        ' ') choices='pool device' ;;
        'pool ') choices='create status grow set-transaction-id check dump backup restore' ;;
        'device ') choices='create snapshot delete list diff read write discard' ;;
        'pool create')
            mapfile -t COMPREPLY < <(compgen -d -- "$word")
            ;;
        'pool backup' | 'pool restore')
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            ;;
        'device delete' | 'device diff' | 'device read' | 'device write' | 'device discard')
            choices=$(_thinsnap_devices "${pool[@]}")
            ;;
    esac
    [[ $word != -* ]] || choices=$(_thinsnap_options "${words[0]-} ${words[1]-}")
    [[ -z $choices ]] || mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
}

complete -o filenames -F _thinsnap thinsnap
