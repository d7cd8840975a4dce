#!/bin/bash
# Making pools, and what stays behind when that fails.
set -euo pipefail
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_tool jq

rule 'a pool is made where the command line or the environment says'
run 0 pool create --size 10M
prints "$work/pool"
check test -f "$work/pool/metadata" -a -f "$work/pool/data" -a -f "$work/pool/thinsnap.toml"
run 0 pool create "$work/a/b" --size 1M
run 0 --pool "$work/c" pool create --size 1M
run 0 pool status --pool "$work/a/b"
run 0 pool status --pool "$work/c"

rule 'the facts of a new pool are told'
run 0 pool create "$work/d" --size 1G --chunk-size 1M --metadata-size 3M --json
json '.data_bytes == 1073741824 and .metadata_bytes == 3145728 and .chunk_size == 1048576'
json ".pool == \"$work/d\" and .data == \"$work/d/data\""
run 0 pool create "$work/e" --size 200K --json
json '.data_bytes == 196608 and .metadata_bytes == 2097152 and .chunk_size == 65536'

rule 'metadata is allocated and written, data is not'
run 0 pool create "$work/big" --size 10G
check test "$(stat -c %s "$work/big/data")" = $((10 << 30))
check test "$(stat -c %b "$work/big/data")" = 0
metadata=$(stat -c %s "$work/big/metadata")
check test "$metadata" -ge $((48 * 10 * 16384))
check test $(($(stat -c '%b * %B' "$work/big/metadata"))) -ge "$metadata"
if command -v filefrag >/dev/null && filefrag -v "$work/big/metadata" 2>/dev/null | grep -q unwritten; then
    fail 'the metadata file has unwritten extents'
fi

rule 'sizes that make no pool are refused and nothing is left'
for sizes in '--size 0' '--size 65535' '--size 1M --chunk-size 0' '--size 1M --chunk-size 63K' \
    '--size 1M --chunk-size 96K' '--size 8G --chunk-size 2G' '--size 1M --chunk-size 128M' \
    '--size 1M --metadata-size 1M' '--size 1M --metadata-size 0' '--size 7E'; do
    # shellcheck disable=SC2086 # several words
    run 2 pool create "$work/none" $sizes
    check test ! -e "$work/none"
done

rule 'a pool that is there already is not touched'
before=$(sha256sum "$work/pool"/*)
run 4 pool create --size 10M
complains 'there is a pool'
check test "$before" = "$(sha256sum "$work/pool"/*)"

rule 'a data file that is there already is not touched'
mkdir "$work/old"
echo precious >"$work/old/data"
run 4 pool create "$work/old" --size 1M
check test "$(ls -A "$work/old")" = data
check test "$(<"$work/old/data")" = precious
run 4 pool create "$work/new" --size 1M --data "$work/old/data"
check test ! -e "$work/new"
check test "$(<"$work/old/data")" = precious

rule 'the data file can be elsewhere'
run 0 pool create "$work/new" --size 1M --data "$work/chunks"
check test -f "$work/chunks" -a ! -e "$work/new/data"
run 0 --pool "$work/new" device create 1
echo here | "$program" --pool "$work/new" device write 1
check grep -aq here "$work/chunks"
run 2 pool create "$work/new2" --data "$work/chunks2"
complains 'a size is needed'
check test ! -e "$work/chunks2" -a ! -e "$work/new2"

rule 'the files of the pool cannot hold its data'
for name in metadata metadata.new lock thinsnap.toml; do
    run 2 pool create "$work/own" --size 1M --data "$work/own/$name"
    check test ! -e "$work/own"
done
run 0 pool create "$work/own" --size 1M
printf '[pool]\ndata = "metadata"\n' >"$work/own/thinsnap.toml"
run 2 pool check --pool "$work/own"
complains 'own file'

rule 'a directory that cannot be made is an error'
echo file >"$work/file"
run 10 pool create "$work/file/pool" --size 1M
complains "$work/file"

rule 'metadata that a crash left half made is replaced'
mkdir "$work/crashed"
echo half >"$work/crashed/metadata.new"
run 0 pool create "$work/crashed" --size 1M
check test ! -e "$work/crashed/metadata.new"
run 0 pool status --pool "$work/crashed"

rule 'a creation that was killed is given again, and data that holds something is kept'
for data in "$work/killed/data" "$work/elsewhere"; do
    mkdir "$work/killed"
    truncate -s 3M "$data"
    echo text >"$work/killed/thinsnap.toml.new"
    options=(--size 1M)
    [[ $data == */killed/* ]] || options+=(--data "$data")
    run 4 pool create "$work/killed" "${options[@]}"
    complains 'no pool uses it'
    touch "$work/killed/metadata.new"
    echo held >>"$data"
    run 4 pool create "$work/killed" "${options[@]}"
    complains 'no pool uses it'
    check grep -q held "$data"
    rm "$data"
    truncate -s 3M "$data"
    touch "$work/killed/metadata.new"
    run 0 pool create "$work/killed" "${options[@]}"
    check test "$(stat -c %s "$data")" = $((1 << 20))
    check test -z "$(find "$work/killed" -name '*.new')"
    run 0 pool check --pool "$work/killed"
    rm -r "$work/killed"
done

rule 'a pool grows and does not shrink'
run 0 pool grow --size 20M --metadata-size 3M --json
json '.data.total_bytes == 20971520 and .metadata.total_bytes == 3145728 and .mode == "write"'
run 0 pool status --json
json '.data.total_chunks == 320 and .metadata.total_blocks == 768'
check test "$(stat -c %s "$work/pool/data")" = $((20 << 20))
check test $(($(stat -c '%b * %B' "$work/pool/metadata"))) -ge $((3 << 20))
run 2 pool grow --size 10M
complains 'cannot become smaller'
run 2 pool grow --metadata-size 2M
run 2 pool grow
complains 'nothing to grow'
check test "$(stat -c %s "$work/pool/data")" = $((20 << 20))
run 0 pool grow --size 20M

rule 'the transaction id moves only from what it is'
run 0 pool set-transaction-id 0 7
silent
run 5 pool set-transaction-id 0 8
complains '7'
run 0 pool set-transaction-id 7 18446744073709551615 --json
json '.transaction_id == 18446744073709551615'

rule 'the configuration is obeyed and errors in it name the line'
"$program" pool set-transaction-id 18446744073709551615 0
run 0 device create 1
echo content | "$program" device write 1
printf '[space]\nlow-water = 100\n' >"$work/pool/thinsnap.toml"
run 0 pool status
check grep -q 'warning: .* left for data, below the low-water mark' "$work/err"
run 0 pool status --json
json '.data.below_low_water and .metadata.below_low_water'
check test "$(jq -s length "$work/err")" = 2
check grep -q '{"warning":".* left for metadata, below the low-water mark' "$work/err"
run 3 device delete 9
check grep -q 'warning: .* left for data, below the low-water mark' "$work/err"
complains 'thin device 9'
printf '[space]\nlow-mark = 1\n' >"$work/pool/thinsnap.toml"
run 2 pool status
complains "$work/pool/thinsnap.toml:2: space.low-mark"
finish
