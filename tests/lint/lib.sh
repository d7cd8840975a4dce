# shellcheck shell=bash
# Common to the lints. A lint is called with the source tree, prints one line per violation and
# exits with 1 if there was any, 77 if its tool is missing.

violations=0

complain() {
    echo "$*"
    violations=$((violations + 1))
}

finish() {
    exit $((violations > 0))
}

# need TOOL...: skips the lint unless one of these exists; sets `tool` to the first that does.
need() {
    local name
    for name in "$@"; do
        if command -v "$name" >/dev/null; then
            # shellcheck disable=SC2034 # read by the caller
            tool=$name
            return
        fi
    done
    echo "SKIP: none of these is installed: $*"
    exit 77
}

# files ROOT PATTERN...: the files that git tracks or would add, NUL-separated and relative to
# ROOT; in a tree without git all files outside build/.
files() {
    local root=$1 pattern name_tests=()
    shift
    if git -C "$root" rev-parse --git-dir >/dev/null 2>&1; then
        git -C "$root" ls-files -z --cached --others --exclude-standard --deduplicate -- "$@" |
            while IFS= read -r -d '' pattern; do
                # ls-files names what was deleted but not yet committed, too
                [[ ! -f $root/$pattern ]] || printf '%s\0' "$pattern"
            done
        return
    fi
    for pattern in "$@"; do
        name_tests+=(-o -path "./$pattern")
    done
    (cd "$root" && find . \( -path ./build -o -path ./.git \) -prune -o -type f \( "${name_tests[@]:1}" \) -printf '%P\0')
}
