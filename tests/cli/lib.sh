# shellcheck shell=bash
# Common to the black-box tests of a command. A test is called with the program's path. It says
# which rule the next checks are about, runs the program, looks at status, output and files, and
# ends with `finish`.

program=$(readlink -f "$1")
work=$(mktemp -d)
export THINSNAP_POOL=$work/pool
failures=0
rule='no rule yet'

cleanup() {
    jobs -p | xargs -r kill -KILL 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

rule() { rule=$*; }

fail() {
    echo "FAILED: $rule: $*"
    failures=$((failures + 1))
}

skip() {
    echo "SKIP: $*"
    exit 77
}

need_tool() { command -v "$1" >/dev/null || skip "$1 is not installed"; }
need_root() { ((EUID == 0)) || skip "not root"; }

finish() {
    if [[ -n ${THINSNAP_TEST_SERVER-} ]]; then
        rule='the commands went to the server'
        ((server_starts > 0)) || fail 'none was started'
        grep -q thinsnapd "$THINSNAP_POOL/lock" || fail 'it does not hold the pool'
    fi
    exit $((failures > 0))
}

# With THINSNAP_TEST_SERVER, the path of thinsnapd, the commands that run() runs go to a server, which
# is started again whenever a command needed the pool for itself.
server_starts=0
start_server() {
    [[ -n ${THINSNAP_TEST_SERVER-} && -e $THINSNAP_POOL/metadata ]] || return 0
    [[ ! -S $THINSNAP_POOL/socket ]] || return 0
    "$THINSNAP_TEST_SERVER" --idle-timeout 0 2>>"$work/server.log" &
    server_starts=$((server_starts + 1))
    eventually test -S "$THINSNAP_POOL/socket"
}

# run STATUS ARGUMENT...: runs the program with our standard input and checks its exit status.
# What it prints is in $work/out and $work/err.
run() {
    local wanted=$1 status=0
    shift
    start_server
    "$program" "$@" >"$work/out" 2>"$work/err" || status=$?
    if ((status != wanted)); then
        fail "exit status $status, not $wanted: thinsnap $*"
        sed 's/^/    /' "$work/err"
    fi
}

# Every command's name, one or two words a line, as help lists them.
commands() { "$program" --help | sed -nE 's/^  ((pool |device )?[a-z][a-z-]*)( .*)?$/\1/p'; }

# prints TEXT: standard output contains it. complains TEXT: standard error is one line with it, behind
# warnings of the pool where there are any.
prints() {
    grep -Fq -- "$1" "$work/out" || fail "'$1' is not printed"
}

complains() {
    local error
    error=$(grep -v '^thinsnap: warning: .* low-water mark' "$work/err") || true
    [[ $error == *"$1"* ]] || fail "the error is '$error' and not '$1'"
    [[ $error != *$'\n'* ]] || fail "the error is not one line: $error"
    [[ $error == 'thinsnap: '* ]] || fail "the error does not begin with the program's name"
}

silent() {
    [[ ! -s $work/out && ! -s $work/err ]] || fail "printed: $(cat "$work/out" "$work/err")"
}

# json FILTER: standard output is one JSON object for which FILTER is true.
json() {
    jq -es "length == 1 and (.[0] | ($1))" "$work/out" >/dev/null 2>&1 ||
        fail "not true: $1; output: $(head -c 2000 "$work/out")"
}

check() { "$@" || fail "not true: $*"; }

same_files() { cmp "$1" "$2" || fail "$1 and $2 differ"; }

# A file of SIZE bytes that do not repeat, the same each time for the same SEED.
pattern() {
    local size=$1 seed=${2:-1}
    head -c "$size" < <(openssl enc -aes-128-ctr -K "$(printf '%032x' "$seed")" \
        -iv "$(printf '%032x' 0)" -in /dev/zero 2>/dev/null)
}

# within SECONDS COMMAND...: waits until the command succeeds, no longer.
within() {
    local deadline=$((SECONDS + $1)) limit=$1
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || { fail "has not happened within $limit s: $*"; return; }
        sleep 0.05
    done
}
eventually() { within 10 "$@"; }

# The pool has a lock holder at this moment.
is_locked() {
    local status=0
    "$program" --lock-timeout 0 pool set-transaction-id 0 0 || status=$?
    ((status == 6))
}
