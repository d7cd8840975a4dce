#!/bin/bash
# Check, dump, backup and restore, and pools that are damaged, missing or read-only.
set -euo pipefail
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_tool jq
need_tool openssl

# overwrite FILE OFFSET: puts 16 bytes there that are certainly wrong.
overwrite() { printf 'thinsnap-garbage' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

make_pool() {
    rm -rf "$work/pool"
    "$program" pool create --size 64M >/dev/null
    "$program" device create 1
    pattern 1M | "$program" device write 1
    "$program" device snapshot 2 --origin 1
    echo later | "$program" device write 2 --offset 3M
}

rule 'a sound pool is clean'
make_pool
run 0 pool check
prints 'clean: 0 damages, 0 leaks, 0 warnings; 2 devices, 33 mappings'
run 0 pool check --json
json '.clean and .findings == [] and .devices == 2 and .mappings == 33 and (.needs_check | not)'
run 0 pool check --skip-mappings
run 0 pool check --ignore-leaks
run 0 pool check --clear-needs-check --json
json '.cleared_needs_check | not'
run 2 pool check --clear-needs-check --skip-mappings

rule 'a dump is what thin_dump prints'
if command -v thin_dump >/dev/null; then
    thin_dump "$work/pool/metadata" >"$work/expected"
    "$program" pool dump >"$work/dump"
    same_files "$work/expected" "$work/dump"
    run 0 pool dump -o "$work/file"
    silent
    same_files "$work/expected" "$work/file"
fi
run 3 pool dump -o "$work/none/file"

rule 'a backup brings back the metadata that it was made of'
run 0 pool backup "$work/backup" --json
json '.transaction_id == 0 and .chunk_size == 65536 and .blocks > 5 and .bytes > 0'
check test "$(stat -c %s "$work/backup")" = "$(jq .bytes "$work/out")"
"$program" pool backup - | cmp - "$work/backup" || fail 'not the same on standard output'
"$program" pool dump >"$work/before"
run 0 pool restore "$work/backup"
prints 'nothing was changed'
echo more | "$program" device write 2 --offset 9M
run 5 pool restore "$work/backup"
complains '--force'
run 0 pool restore "$work/backup" --force --json
json '.changed and (.replaced | contains("2 devices"))'
"$program" pool dump | cmp - "$work/before" || fail 'the dump differs'
run 0 pool check
check test "$(find "$work/pool" -name '*.new*')" = ''

rule 'a backup replaces metadata that is damaged or missing'
overwrite "$work/pool/metadata" 100
run 9 device list
complains 'superblock'
run 0 pool restore "$work/backup"
prints 'damaged metadata'
run 0 pool check
rm "$work/pool/metadata"
run 3 device list
run 0 pool restore "$work/backup"
"$program" pool dump | cmp - "$work/before" || fail 'the dump differs'
run 0 pool check

rule 'a backup is not restored where there is no pool'
mkdir "$work/empty_directory"
for directory in "$work/empty_directory" "$work/none"; do
    run 3 --pool "$directory" pool restore "$work/backup"
    complains 'there is no pool'
done
check test "$(ls -A "$work/empty_directory")" = ''

rule 'a backup that is damaged leaves the pool alone'
before=$(sha256sum "$work/pool/metadata")
cp "$work/backup" "$work/broken"
overwrite "$work/broken" 5000
run 9 pool restore "$work/broken" --force
head -c 9000 "$work/backup" >"$work/cut"
run 9 pool restore "$work/cut" --force
: >"$work/empty"
run 9 pool restore "$work/empty" --force
run 3 pool restore "$work/none" --force
check test "$before" = "$(sha256sum "$work/pool/metadata")"

rule 'a backup is not restored over data that is too small for it'
truncate -s 32M "$work/pool/data"
run 5 pool restore "$work/backup" --force
complains 'data'
make_pool

rule 'a check lists damage wherever it is and has status 1'
for block in 0 1 2 3 4 5 6 7 8 9 10; do
    cp "$work/pool/metadata" "$work/good"
    overwrite "$work/pool/metadata" $((block * 4096 + 8))
    if command -v thin_check >/dev/null && thin_check -q "$work/pool/metadata" 2>/dev/null; then
        run 0 pool check
    else
        run 1 pool check
        prints 'damage'
        run 1 pool check --json
        json '(.clean | not) and (.findings | length > 0) and (.damages + .leaks > 0)'
        run 1 pool check --clear-needs-check
    fi
    cp "$work/good" "$work/pool/metadata"
done

rule 'a pool that is missing has status 3'
for command in 'pool status' 'pool check' 'pool dump' 'pool backup /dev/null' 'device list' \
    'device read 1' 'device create 1' 'pool grow --size 1G'; do
    # shellcheck disable=SC2086 # several words
    run 3 --pool "$work/none" $command
    complains 'there is no pool'
    check test ! -e "$work/none"
    # shellcheck disable=SC2086
    run 3 --pool "$work" $command
    check test ! -e "$work/lock"
done

rule 'metadata that is none is refused and stays as it is'
for content in '' x "$(head -c 5000 /dev/zero | tr '\0' z)"; do
    printf %s "$content" >"$work/pool/metadata"
    before=$(sha256sum "$work/pool/metadata")
    for command in 'pool status' 'pool dump' 'device list' 'device create 7'; do
        status=0
        # shellcheck disable=SC2086
        "$program" $command >"$work/out" 2>"$work/err" || status=$?
        ((status == 2 || status == 9)) || fail "status $status of $command on '${content:0:5}'"
        check test "$(wc -l <"$work/err")" = 1
    done
    check test "$before" = "$(sha256sum "$work/pool/metadata")"
done
make_pool
truncate -s 1M "$work/pool/data"
run 2 pool status
complains 'data'
run 1 pool check
rm "$work/pool/data"
run 3 pool status
complains "$work/pool/data"
make_pool

rule 'a pool that wants a check is read-only until it had one'
dd if="$work/pool/metadata" of="$work/good" bs=4096 count=1 status=none
if command -v thin_dump >/dev/null && command -v thin_restore >/dev/null; then
    thin_dump "$work/pool/metadata" | sed 's/flags="0"/flags="1"/' >"$work/xml"
    thin_restore -i "$work/xml" -o "$work/pool/metadata" >/dev/null
    run 0 pool status
    prints 'read_only'
    check grep -q 'clear-needs-check' "$work/err"
    run 8 device create 9
    run 0 pool check
    prints 'needs_check flag is set'
    run 0 pool check --clear-needs-check
    prints 'is cleared'
    run 0 device create 9
    check thin_check -q "$work/pool/metadata"
fi
finish
