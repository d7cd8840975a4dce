#!/bin/bash
# check_tidy.sh ROOT BUILD: clang-tidy over what changed, with the compile commands of a Clang build
# (GCC's own warning flags are errors to clang-tidy).
#
# Changed means: against $THINSNAP_TIDY_BASE, else the merge base with the upstream branch, else
# HEAD~1, and what is not committed yet. A changed header counts as a change of the sources that
# include it by name. Everything with THINSNAP_LONG, without git or without a base.
set -euo pipefail

# One source, called below through xargs; output in one piece, because several run at a time.
# clang-tidy's stderr is noise (it counts the warnings in system headers) unless it crashes.
if [[ ${1:-} == --one ]]; then
    tool=$2 build=$3 source=$4 status=0
    noise=$(mktemp)
    output=$("$tool" --quiet -p "$build" "$source" 2>"$noise") || status=$?
    if ((status > 1)); then
        output+=$(printf '\n%s: %s ended with status %d: ' "$source" "$tool" "$status" &&
            grep -A9 '^Stack dump' "$noise" | grep -v '^ *#')
    fi
    rm "$noise"
    [[ -z $output ]] || printf '%s\n' "$output"
    exit $((status != 0))
fi

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/lint/lib.sh
source "$here/lib.sh"
root=$1 build=$2

tool=clang-tidy
need clang-tidy-14 clang-tidy
[[ $("$tool" --version) =~ version\ 14\. ]] || { echo "SKIP: $tool is not version 14"; exit 77; }

find_base() {
    local head base
    [[ -z ${THINSNAP_LONG:-} ]] || return 0
    if [[ -n ${THINSNAP_TIDY_BASE:-} ]]; then
        git -C "$root" rev-parse --verify --quiet "$THINSNAP_TIDY_BASE^{commit}" ||
            { echo "THINSNAP_TIDY_BASE=$THINSNAP_TIDY_BASE is no commit" >&2; exit 1; }
        return
    fi
    head=$(git -C "$root" rev-parse --verify --quiet HEAD 2>/dev/null) || return 0
    base=$(git -C "$root" merge-base HEAD '@{upstream}' 2>/dev/null) || base=$head
    if [[ $base == "$head" ]]; then
        base=$(git -C "$root" rev-parse --verify --quiet HEAD~1) || return 0
    fi
    echo "$base"
}

# Sources in the build's compile commands, relative to ROOT.
known_sources() {
    grep -oP '"file": "\K[^"]+' "$build/compile_commands.json" | sed "s,^$root/,," | sort -u
}

# Of stdin's changed paths, prints the sources to look at.
affected_sources() {
    local changed header
    while IFS= read -r changed; do
        case $changed in
            *.cpp) echo "$changed" ;;
            *.hpp)
                header=$(sed -E 's,^(src|include|tests)/,,' <<<"$changed")
                # word boundaries: "fd.hpp" must not match "pool_fd.hpp"
                (cd "$root" && grep -rlE --include='*.cpp' \
                    "#include [<\"]([a-z./]*/)?${header//./\\.}[>\"]" src tests tools) || true ;;
            .clang-tidy) known_sources ;;
        esac
    done | sort -u
}

base=$(find_base)
if [[ -n $base ]]; then
    echo "against $(git -C "$root" log -1 --format='%h %s' "$base")"
    mapfile -t sources < <({
        git -C "$root" diff --name-only --diff-filter=d "$base"
        git -C "$root" ls-files --others --exclude-standard
    } | affected_sources | comm -12 - <(known_sources))
else
    mapfile -t sources < <(known_sources)
fi
echo "${#sources[@]} sources"
((${#sources[@]} > 0)) || exit 0

(cd "$root" && printf '%s\0' "${sources[@]}" |
    xargs -0 -n1 -P"$(nproc)" "$here/check_tidy.sh" --one "$tool" "$build") ||
    complain "clang-tidy complains, see above"
finish
