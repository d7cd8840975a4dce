# bash completion for thinsnapd(8)                                         -*- shell-script -*-

_thinsnapd() {
    local word=$2 previous=$3
    COMPREPLY=()
    case $previous in
        --pool) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
        --log-file) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        --lock-timeout | --idle-timeout) ;;
        *)
            mapfile -t COMPREPLY < <(compgen -W \
                '--pool --lock-timeout --idle-timeout --background --log-file --help --version' -- "$word")
            ;;
    esac
}

complete -o filenames -F _thinsnapd thinsnapd
