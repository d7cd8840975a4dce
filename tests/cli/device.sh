#!/bin/bash
# Devices: making, writing, reading, comparing, deleting.
set -euo pipefail
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_tool jq
need_tool openssl
run 0 pool create --size 64M

rule 'devices are made and listed'
run 0 device list
silent
run 0 device create 0
silent
run 0 device create 16777215 --json
json '.device == 16777215'
run 4 device create 0
complains '0'
run 0 device list --json
json '[.devices[].device] == [0, 16777215]'
json '.transaction_id == 0 and .chunk_size == 65536 and .devices[0].mapped_chunks == 0'
run 0 device delete 0 16777215 --json
json '.deleted == [0, 16777215]'

rule 'what is written is read, whatever the sizes and offsets'
run 0 device create 1
for case in '0 1' '0 65536' '1 65535' '65535 2' '1048575 1048578' '4095 3000000' '777 0'; do
    read -r offset size <<<"$case"
    pattern "$size" "$offset" >"$work/in"
    run 0 device write 1 --offset "$offset" <"$work/in"
    silent
    "$program" device read 1 --offset "$offset" --length "$size" >"$work/copy"
    same_files "$work/in" "$work/copy"
done

rule 'a pipe may deliver its bytes in pieces of any size'
pattern 3000001 5 >"$work/in"
run 0 device create 2
{
    dd bs=1 count=7 status=none
    sleep 0.2
    dd bs=65537 status=none
} <"$work/in" | "$program" device write 2
"$program" device read 2 --length 3000001 | dd bs=4097 iflag=fullblock status=none >"$work/copy"
same_files "$work/in" "$work/copy"

rule 'without a length all is read up to the end of the last mapped chunk'
"$program" device read 2 >"$work/copy"
check test "$(stat -c %s "$work/copy")" = $((46 * 65536))
cmp -n 3000001 "$work/in" "$work/copy" || fail 'content differs'
"$program" device read 2 --offset 65536 | cmp - <(tail -c +65537 "$work/copy") || fail 'offset'
run 0 device read 2 --offset 1G
silent
run 0 device create 3
run 0 device read 3
silent

rule 'what was never written reads as zeros'
"$program" device read 3 --offset 1T --length 100K | cmp - <(head -c 100K /dev/zero) || fail zeros

rule 'a snapshot keeps what its origin had'
run 0 device snapshot 4 --origin 2 --json
json '.device == 4 and .origin == 2'
echo changed | "$program" device write 2 --offset 128K
"$program" device read 4 >"$work/snapshot"
same_files "$work/copy" "$work/snapshot"
run 3 device snapshot 5 --origin 99
complains '99'

rule 'a diff lists what differs'
run 0 device diff 2 4
check grep -qxE 'different +131072 +65536' "$work/out"
run 0 device diff 3 4 --json
json '.total_chunks == 46 and .total_bytes == 3014656 and .left == 3 and .right == 4'
json '.runs == [{"kind":"right_only","begin_chunk":0,"length_chunks":46,"offset":0,"length":3014656}]'
run 0 device diff 4 4 --json
json '.runs == [] and .total_bytes == 0'
run 3 device diff 4 99

rule 'a list tells what is shared'
run 0 device list --json
json '.devices[] | select(.device == 4) | .mapped_chunks == 46 and .exclusive_chunks == 1
    and .shared_bytes == 45 * 65536 and .exclusive_bytes == 65536'
run 0 device list
check grep -qE '^ +4 +2\.9 MiB +64\.0 KiB +2\.8 MiB ' "$work/out"

rule 'a discard unmaps the chunks that it covers entirely'
run 0 device discard 4 --offset 1 --length 200000 --json
json '.device == 4 and .offset == 1 and .length == 200000'
run 0 device diff 2 4 --json
json '.runs == [{"kind":"left_only","begin_chunk":1,"length_chunks":2,"offset":65536,"length":131072}]'

rule 'a batch of deletes is done whole or not at all'
run 3 device delete 3 99
complains '99'
run 2 device delete 3 3
complains '3'
run 0 device list --json
json '[.devices[].device] == [1, 2, 3, 4]'
run 0 device delete 4 3 2 1
silent
run 0 pool status --json
json '.devices == 0 and .data.used_chunks == 0'

rule 'a write that does not fit fails and keeps its first part'
run 0 device create 1
pattern 80M 9 >"$work/in"
run 7 device write 1 <"$work/in"
complains 'bytes were written before'
written=$(grep -oE '[0-9]+ bytes were written' "$work/err" | grep -oE '[0-9]+')
check test "$written" -gt 0
"$program" device read 1 --length "$written" | cmp -n "$written" - "$work/in" || fail 'first part'
run 0 pool status
prints 'out_of_data_space'
check grep -q 'warning: 0 B left for data' "$work/err"
run 0 device delete 1
run 0 pool status --json
json '.mode == "write" and .data.used_chunks == 0'

rule 'what the kernel tools check is clean'
if command -v thin_check >/dev/null; then
    check thin_check -q "$work/pool/metadata"
fi
finish
