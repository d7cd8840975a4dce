#!/bin/bash
# activate.sh PROGRAM SERVER: containers as block devices and mounts, and the server that keeps them.
set -euo pipefail
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/cli/mount_lib.sh
source "$(dirname "$0")/mount_lib.sh"
need_root
need_devices
need_tool jq
need_tool mkfs.ext4
daemon=$(readlink -f "$2")
mkdir "$work/mnt" "$work/other"

state_of() { "$program" list --json | jq -r ".containers[] | select(.name == \"$1\") | .state"; }
path_of() { "$program" list --json | jq -r ".containers[] | select(.name == \"$1\") | .path"; }
# shellcheck disable=SC2317 # called by eventually
is_in_state() { [[ $(state_of "$1") == "$2" ]]; }

rule 'what is active needs a pool, a name, and one that is there'
run 3 activate web
complains 'there is no pool'
run 0 pool create --size 1G
run 2 activate
complains 'give either a name or --all'
run 3 activate web
complains 'there is no container and no image web'
run 3 deactivate web
run 3 mount web "$work/mnt"

rule 'a container becomes a block device, for which a server is started'
run 0 create web --size 256M
check test "$(state_of web)" = inactive
run 0 activate web
device=$(<"$work/out")
check test -b "$device"
check test "$(blockdev --getsize64 "$device")" = $((256 << 20))
check test "$(blockdev --getss "$device")" = 4096
check test "$(state_of web)" = active
check test "$(path_of web)" = "$device"
check test "$(stat -c %a "$(runtime_of_pool)")" = 700
check grep -q 'thinsnapd' "$work/pool/lock"
check grep -q 'holds the pool' "$work/pool/thinsnapd.log"
run 6 activate web
complains "active already, writable, as $device"

rule 'the server holds no file, directory or terminal of whoever started it'
server=$(server_of_pool)
check test "$(readlink "/proc/$server/cwd")" = /
check test "$(ps -o sid= -p "$server" | tr -d ' ')" = "$server"
find "/proc/$server/fd" -type l -printf '%l\n' >"$work/fds"
check grep -q thinsnapd.log "$work/fds"
grep -E 'pts|/out$|/err$|pipe:' "$work/fds" && fail 'it holds files of its caller'

rule 'an active container is mounted by whoever can mount'
mount "$device" "$work/mnt"
echo text >"$work/mnt/file"
run 6 deactivate web
complains "mounted on $work/mnt"
check test "$(cat "$work/mnt/file")" = text
umount "$work/mnt"
run 0 deactivate web
check test "$(state_of web)" = inactive
run 3 deactivate web
complains 'web is not active'
run 0 cat web:/file
prints text

rule 'mount activates and umount deactivates'
run 0 mount web "$work/mnt" --json
json '.name == "web" and .mount_point == "'"$work/mnt"'" and .read_only == false'
check test "$(state_of web)" = mounted
run 0 list --json
json '.containers[0].mount_points == ["'"$work/mnt"'"]'
run 0 list
prints "$work/mnt"
run 0 umount "$work/mnt"
check test "$(state_of web)" = inactive
run 3 umount "$work/mnt"
complains 'neither mounted from the pool'

rule 'what was activated before a mount stays active after it'
run 0 activate web
run 0 mount web "$work/mnt"
run 0 umount web
check test "$(state_of web)" = active
run 0 mount web "$work/mnt"
run 0 mount web "$work/other"
echo both >"$work/mnt/both"
check test "$(cat "$work/other/both")" = both
run 0 umount web
run 0 deactivate web

rule 'a mount that another program takes away is noticed'
run 0 mount web "$work/mnt"
umount "$work/mnt"
check test "$(state_of web)" = active
SECONDS=0
until is_in_state web inactive || ((SECONDS > 20)); do sleep 0.2; done
check test "$(state_of web)" = inactive

rule 'a mount that fails leaves nothing active'
run 3 mount web "$work/none"
complains "looking for the directory $work/none"
run 0 device write 1 < <(head -c 8192 /dev/zero) # no file system there any more
run 10 mount web "$work/mnt"
complains 'mounting /dev/loop'
check test "$(state_of web)" = inactive
run 0 rm web

rule 'read-only is enforced, for containers and for images'
run 0 create web --size 256M
run 0 mount web "$work/mnt"
echo text >"$work/mnt/file"
run 0 umount web
run 0 mount web "$work/mnt" --read-only
check test "$(cat "$work/mnt/file")" = text
touch "$work/mnt/new" 2>/dev/null && fail 'a file was made'
mount -o remount,rw "$work/mnt" 2>/dev/null && fail 'it can be made writable'
run 6 activate web
run 0 umount web
run 0 commit web --image app
run 5 activate app
complains 'app:latest is an image, which nobody may write'
run 0 activate app --read-only
image=$(<"$work/out")
run 0 activate app --read-only
check test "$(<"$work/out")" = "$image"
run 0 mount app "$work/mnt" --read-only
run 0 mount app "$work/other" --read-only
check test "$(cat "$work/mnt/file" "$work/other/file")" = $'text\ntext'
check test "$(findmnt -no SOURCE "$work/other")" = "$image"
run 0 images --json
json '.images[0] | .state == "mounted" and .path == "'"$image"'" and (.mount_points | length) == 2'
dd if=/dev/zero of="$image" bs=4096 count=1 oflag=direct 2>/dev/null && fail 'the layer was written'
run 6 rmi app
complains 'app:latest is active as'
run 0 tag app other-name
run 0 umount other-name
run 0 rmi other-name
run 0 deactivate app
run 0 deactivate app
run 3 deactivate app
run 0 rmi app

rule 'a container that is mounted is seen as it is at one moment'
run 0 mount web "$work/mnt"
echo two >"$work/mnt/second"
sync -f "$work/mnt"
run 0 ls web:/
prints second
run 0 cat web:/second
prints two
run 0 diff web
prints 'A /second'
run 0 cp web:/second "$work/copy"
check test "$(cat "$work/copy")" = two
run 0 export web -o "$work/changes.tar"
check grep -q second <(tar tf "$work/changes.tar")
run 0 commit web --image app:2
run 0 mount app:2 "$work/other" --read-only
check test "$(cat "$work/other/second")" = two
run 0 umount "$work/other"
run 6 cp "$work/copy" web:/third
complains "mounted on $work/mnt"
run 6 device write "$("$program" inspect web | jq .device)" </dev/null
complains 'write to it instead'
echo three >"$work/mnt/third" # it is not frozen any more
run 0 device list --json
json '[.devices[]] | length == 2' # the container and the layer: no snapshot is left

rule 'of what is removed by force nothing is taken away unless all is there'
run 3 rm web none --force
check test -e "$work/mnt/third"
check test "$(state_of web)" = mounted

rule 'rm says who uses a container, and takes it away by force'
run 6 rm web
complains "web is active as"
complains "mounted on $work/mnt"
exec 7>"$work/mnt/open"
run 0 rm web --force
check test ! -e "$work/mnt/third"
{ echo more >&7; } 2>/dev/null || true
sync "$work/mnt" 2>/dev/null || true
exec 7>&-
run 0 list --json
json '.containers == []'
eventually no_loops
run 0 pool check

rule 'a signal does not pull devices from under a mount'
run 0 create web --size 256M
run 0 create idle --size 256M
run 0 mount web "$work/mnt"
run 0 activate idle
server=$(server_of_pool)
kill -TERM "$server"
eventually is_in_state idle inactive
check grep -q 'stays for now (signal 15): web is active as /dev/loop' "$work/pool/thinsnapd.log"
kill -HUP "$server"
kill -INT "$server"
echo still >"$work/mnt/still"
sync "$work/mnt/still"
run 6 pool repair
complains 'web is active as'
check kill -0 "$server"
run 0 umount web
eventually has_ended "$server"
check test ! -e "$work/pool/socket"
check test ! -e "$(runtime_of_pool)"
run 0 cat web:/still
prints still

rule 'after its death what it held is named and cleaned up, and all works at once'
run 0 mount web "$work/mnt"
run 0 activate idle
echo synced >"$work/mnt/synced"
sync "$work/mnt/synced"
kill -KILL "$(server_of_pool)"
eventually is_in_state web lost
run 0 create next --size 256M
check grep -q "warning: thinsnapd died while web was active as .*, mounted on $work/mnt" "$work/err"
check grep -q 'warning: thinsnapd died while idle was active' "$work/err"
check test ! -e "$work/mnt/synced"
check test "$(state_of web) $(state_of idle)" = 'inactive inactive'
eventually no_loops
run 0 mount web "$work/mnt"
check test "$(cat "$work/mnt/synced")" = synced
kill -KILL "$(server_of_pool)"
run 0 mount web "$work/mnt" # by a server that is started for it
check grep -q "warning: thinsnapd died while web was active" "$work/err"
check test "$(cat "$work/mnt/synced")" = synced
run 0 umount "$work/mnt"
run 0 pool check

rule 'who only reads cleans up as well, and only once'
run 0 mount web "$work/mnt"
kill -KILL "$(server_of_pool)"
run 0 pool status
check grep -q 'warning: thinsnapd died while web was active' "$work/err"
check test ! -e "$work/mnt/synced"
run 0 df
check test ! -s "$work/err"
check test "$(state_of web)" = inactive

rule 'a mount whose server has died can be unmounted'
run 0 mount web "$work/mnt"
kill -KILL "$(server_of_pool)"
run 0 umount "$work/mnt"
check test "$(state_of web)" = inactive

rule 'what is persistent comes back by activate --all, until it is deactivated'
run 0 mount web "$work/mnt" --persist
run 0 activate idle --persist --read-only
run 0 list --json
json '[.containers[] | select(.persistent) | .name] == ["idle", "web"]'
kill -KILL "$(server_of_pool)"
run 0 activate --all
check test "$(cat "$work/mnt/synced")" = synced
check test "$(state_of idle)" = active
run 0 activate --all # nothing is left to do
run 0 umount web
run 0 deactivate idle
run 0 list --json
json '[.containers[] | select(.persistent)] == []'

rule 'umount also ends what was to come back of a container that stays active'
run 0 activate web
run 0 mount web "$work/mnt" --persist
run 0 umount web
check test "$(state_of web)" = active
run 0 list --json
json '[.containers[] | select(.persistent)] == []'
run 0 deactivate web

rule 'of what is persistent one that fails does not keep the others down'
run 0 mount web "$work/other" --persist
run 0 mount next "$work/mnt" --persist
kill -KILL "$(server_of_pool)"
run 0 list # nothing is cleaned up yet
umount -l "$work/other" "$work/mnt"
rmdir "$work/other"
run 3 activate --all
check grep -q 'warning: web: ' "$work/err"
check test "$(state_of next)" = mounted
run 0 umount next
mkdir "$work/other"
run 0 deactivate web # it is not active, and not wanted any more

rule 'a container grows while nobody uses it, and not behind the back of who does'
run 0 resize next 300M
run 0 mount next "$work/mnt"
check test "$(blockdev --getsize64 "$(path_of next)")" = $((300 << 20))
check test "$(findmnt -bno SIZE "$work/mnt")" -gt $((256 << 20))
rule 'a growth that the kernel does not carry out while it is mounted is carried out afterwards'
"$program" resize next 350M 2>"$work/err" || check grep -q CAP_SYS_RESOURCE "$work/err"
run 0 umount next
run 0 resize next 350M
run 0 mount next "$work/mnt"
check test "$(findmnt -bno SIZE "$work/mnt")" -gt $((310 << 20))
run 2 resize next 100M
complains 'cannot shrink'
run 0 umount next
run 0 activate next
run 6 resize next 400M
complains 'active and not mounted'
run 0 deactivate next

rule 'every command says that the pool fills up'
run 0 list
# shellcheck disable=SC2317 # called by check
silent_about_space() { ! grep -q 'low-water' "$work/err"; }
check silent_about_space
printf '[space]\nlow-water = 100\n' >"$work/pool/thinsnap.toml"
for command in list images df 'pool status' 'mount next '"$work/mnt" 'umount next'; do
    # shellcheck disable=SC2086 # words
    run 0 $command
    check grep -q 'warning: .* left for data, below the low-water mark' "$work/err"
done
printf '' >"$work/pool/thinsnap.toml"

rule 'many commands at once start one server'
kill -TERM "$(server_of_pool)"
eventually is_free
pids=()
for i in 1 2 3 4 5 6; do
    run 0 create "c$i" --size 64M
done
for i in 1 2 3 4 5 6; do
    "$program" activate "c$i" >/dev/null 2>>"$work/errors" &
    pids+=($!)
done
wait "${pids[@]}" || fail "$(<"$work/errors")"
for pid in "${pids[@]}"; do wait "$pid" || fail "$(<"$work/errors")"; done
check test "$(pgrep -fc -- "--pool $work/pool ")" = 1
run 0 list --json
json '[.containers[] | select(.state == "active")] | length == 6'
run 0 rm c1 c2 c3 c4 c5 c6 --force

rule 'a server that nobody needs any more ends and leaves nothing behind'
kill -TERM "$(server_of_pool)"
eventually no_server
check test ! -e "$(runtime_of_pool)"
no_loops || fail 'loop devices are left'
"$daemon" --idle-timeout 0.3 --background
run 0 mount web "$work/mnt"
sleep 1.5
check test "$(state_of web)" = mounted
run 0 umount web
eventually is_free
run 0 pool check
finish
