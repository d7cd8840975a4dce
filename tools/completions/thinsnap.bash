# bash completion for thinsnap(8)                                          -*- shell-script -*-

# Prints the options of a command. An option whose value is a path or a number is followed by it.
_thinsnap_options() {
    local global='--pool --lock-timeout --json --help --version'
    case $1 in
        'import '*) echo "$global --name --platform --overlay-whiteouts" ;;
        'create '*) echo "$global --image --size" ;;
        'rmi '* | 'rm '*) echo "$global --force" ;;
        'activate '*) echo "$global --read-only --persist --all" ;;
        'deactivate '*) echo "$global --when-unused" ;;
        'mount '*) echo "$global --read-only --persist" ;;
        'commit '*) echo "$global --image --message" ;;
        'export '*) echo "$global --output" ;;
        'save '*) echo "$global --output --gzip" ;;
        'pool repair') echo "$global --apply" ;;
        'df '*) echo "$global --verbose" ;;
        'pool create') echo "$global --size --chunk-size --metadata-size --data" ;;
        'pool grow') echo "$global --size --metadata-size" ;;
        'pool check') echo "$global --skip-mappings --ignore-leaks --clear-needs-check" ;;
        'pool dump') echo "$global --output" ;;
        'pool restore') echo "$global --force" ;;
        'device snapshot') echo "$global --origin" ;;
        'device read') echo "$global --offset --length --output" ;;
        'device discard') echo "$global --offset --length" ;;
        'device write') echo "$global --offset" ;;
        *) echo "$global" ;;
    esac
}

# Prints the names in the first column of what a command lists.
_thinsnap_names() {
    thinsnap "$@" --lock-timeout 0 2>/dev/null | tail -n +2 | while read -r name _; do echo "$name"; done
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
            --name | --platform | --image | --message | --lock-timeout | --size | --chunk-size | --metadata-size | --data | --output | -o | \
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
        --image)
            mapfile -t COMPREPLY < <(compgen -W "$(_thinsnap_names "${pool[@]}" images)" -- "$word")
            return
            ;;
        --name | --platform | --message | --lock-timeout | --size | --chunk-size | --metadata-size | --offset | --length) return ;;
    esac

    local choices=
    case "${words[0]-} ${words[1]-}" in
        ' ')
            choices='import images history tag rmi prune create list resize rm activate deactivate mount umount diff commit export save'
            choices="$choices ls cp cat inspect df pool device"
            ;;
        'import '*)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            ;;
        'history '* | 'tag '* | 'rmi '* | 'save '*) choices=$(_thinsnap_names "${pool[@]}" images) ;;
        'mount '* | 'activate '* | 'deactivate '*)
            choices="$(_thinsnap_names "${pool[@]}" list) $(_thinsnap_names "${pool[@]}" images)"
            [[ ${#words[@]} == 1 ]] || mapfile -t COMPREPLY < <(compgen -d -- "$word")
            [[ ${#words[@]} == 1 ]] || return
            ;;
        'rm '* | 'resize '* | 'umount '* | 'diff '* | 'commit '* | 'export '*) choices=$(_thinsnap_names "${pool[@]}" list) ;;
        'ls '* | 'cat '* | 'cp '*) choices=$(_thinsnap_names "${pool[@]}" list | sed 's/$/:\//') ;;
        'inspect '*)
            choices="$(_thinsnap_names "${pool[@]}" images) $(_thinsnap_names "${pool[@]}" list)"
            ;;
        'pool ') choices='create status grow set-transaction-id check dump backup restore repair' ;;
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
