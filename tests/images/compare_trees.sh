#!/bin/bash
# compare_trees.sh PROGRAM: the comparison sees every kind of difference, and none where there is
# none.
set -euo pipefail
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

make_tree() {
    rm -rf "${work:?}/$1"
    mkdir -p "$work/$1/d"
    echo content >"$work/$1/f"
    ln "$work/$1/f" "$work/$1/d/h"
    ln -s f "$work/$1/s"
    echo other >"$work/$1/g"
    mkfifo "$work/$1/p"
    find "$work/$1" -exec touch -h -d @1000000000.5 {} +
}

# differs TEXT COMMAND: with the command done in one tree (its directory), TEXT is reported.
differs() {
    make_tree a
    make_tree b
    (cd "$work/b" && eval "$2")
    if output=$("$program" "$work/a" "$work/b") || [[ $output != *"$1"* ]]; then
        echo "FAILED: '$2' is not seen: $output"
        failures=$((failures + 1))
    fi
}

make_tree a
make_tree b
"$program" "$work/a" "$work/b" >/dev/null || { echo "FAILED: the same trees differ" && failures=1; }
touch "$work/b/f"
"$program" "$work/a" "$work/b" --ignore-mtime=f --ignore-mtime=d/h >/dev/null ||
    { echo "FAILED: an ignored time is not" && failures=1; }

same_with() { # OPTION COMMAND: what the command does in one tree is no difference, with the option.
    make_tree a
    make_tree b
    (cd "$work/b" && eval "$2")
    touch -d @1000000000.5 "$work/b" "$work/b/d"
    "$program" "$work/a" "$work/b" "$1" >/dev/null || { echo "FAILED: $1 does not ignore '$2'" && failures=1; }
}

differs 'mode' 'chmod 0600 f; touch -d @1000000000.5 f'
differs 'mtime' 'touch -d @1000000000.500000001 f'
differs 'content' 'echo CONTENT >f; touch -d @1000000000.5 f'
differs 'size' 'echo longer >>f'
differs 'only in' 'touch new'
differs 'only in' 'rm g'
differs 'link target' 'ln -sf g s'
differs 'links' 'rm d/h; cp -p f d/h'
differs 'first name' 'rm d/h; ln g d/h'
differs 'mode' 'rm p; touch p'
same_with --ignore-directory-mtimes 'touch d'
same_with --ignore-sockets 'python3 -c "import socket; socket.socket(socket.AF_UNIX).bind(\"new\")"'
if ((EUID == 0)); then
    differs 'uid' 'chown 5 f'
    differs 'gid' 'chgrp 5 d'
    differs 'device' 'rm p; mknod p c 1 3; mknod ../a/x c 1 3; mknod x c 1 5'
    command -v setfattr >/dev/null && differs 'attributes' 'setfattr -n trusted.a -v 1 d'
    command -v setfattr >/dev/null && same_with --ignore-attributes=trusted. 'setfattr -n trusted.a -v 1 d'
    command -v setfattr >/dev/null && same_with --ignore-empty-attributes 'setfattr -n trusted.a d'
fi
[[ $("$program" 2>&1 >/dev/null || echo "status $?") == *'usage'*'status 2' ]] ||
    { echo "FAILED: no usage" && failures=1; }
exit $((failures > 0))
