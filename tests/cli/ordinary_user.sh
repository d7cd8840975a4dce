#!/bin/bash
# An ordinary user without a single capability makes of an image what root makes of it: images,
# containers, archives, and every byte of every device.
set -euo pipefail
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_tool jq
need_tool setpriv
need_tool python3
here=$(dirname "$(readlink -f "$0")")

# What only root could make on a disk: setuid files, device nodes, capabilities, trusted attributes,
# foreign owners.
python3 "$here/../images/odd_layers.py" "$work/blobs" "$work/except"
layers=()
for tar in "$work"/blobs/*.tar; do layers+=("blobs/$(basename "$tar")"); done
(cd "$work" && sha256sum "${layers[@]}") | sed 's/^\([^ ]*\).*/"sha256:\1"/' |
    jq -s '{architecture: "amd64", os: "linux", config: {}, rootfs: {type: "layers", diff_ids: .}}' \
        >"$work/blobs/config.json"
jq -n '[{Config: "blobs/config.json", RepoTags: ["odd:latest"], Layers: $ARGS.positional}]' \
    --args "${layers[@]}" >"$work/manifest.json"
tar -C "$work" -cf "$work/odd.tar" manifest.json blobs/config.json "${layers[@]}"
mkdir -p "$work/tree/sub"
echo deep >"$work/tree/sub/deep"
touch -d @1000000000 "$work/tree/sub/deep" "$work/tree/sub" "$work/tree"

cat >"$work/journey" <<'TEXT'
#!/bin/bash
# journey PROGRAM POOL FROM TO: what a user does, with all that comes of it in the directory TO.
set -euo pipefail
program=$1 from=$3 to=$4
export THINSNAP_POOL=$2 TMPDIR=$4
cd "$to"
grep -E '^(Uid|Cap)' /proc/self/status >who
"$program" pool create --size 2G
"$program" import "$from/odd.tar"
"$program" import - --name again <"$from/blobs/1-lower.tar"
"$program" create one --image odd
"$program" create large --image odd --size 40G
"$program" cp "$from/tree" one:/real
"$program" cp one:/types copy
"$program" cp one:/links/three one
"$program" diff one >diff
"$program" export one --output export
"$program" save odd --output saved
"$program" ls one:/types --json | jq '[.files[] | del(.inode)]' >types
"$program" commit one --image next
"$program" create two --image next
"$program" cat two:/real/tree/sub/deep >deep
"$program" diff two
"$program" df --json >df
mkdir devices
"$program" device list --json | jq -r '.devices[].device' | while read -r id; do
    "$program" device read "$id" --length 40G --output raw
    # as a sparse member: the same bytes make the same tar, and 40 GiB of holes take no time
    tar --sparse --format=gnu --owner=0 --group=0 --mtime=@0 -cf - raw | sha256sum >"devices/$id"
    rm raw
done
"$program" rm one two large
"$program" rmi odd again next
"$program" pool repair
"$program" pool check
"$program" pool status --json | jq '[.devices, .data.used_chunks]' >left
TEXT
chmod -R a+rX "$work"
chmod 755 "$work/journey"

# What runs as another user must be where that user can read it.
install -D -m 755 "$program" "$work/bin/thinsnap"
# travel NAME COMMAND...: the journey through a pool of its own, run by COMMAND.
travel() {
    local name=$1
    shift
    "$@" "$work/journey" "$work/bin/thinsnap" "$work/$name/pool" "$work" "$work/$name/made" \
        >"$work/$name.log" 2>&1 || fail "$name: $(tail -n 3 "$work/$name.log")"
}

rule 'an ordinary user does all that there is to do'
mkdir -p "$work/first/made" "$work/user/made"
user=(setpriv --inh-caps=-all --no-new-privs)
if ((EUID == 0)); then
    chown -R 65534:65534 "$work/user"
    chmod 755 "$work"
    user+=(--reuid=65534 --regid=65534 --clear-groups --bounding-set=-all)
else
    echo 'NOTE: not root: what this user makes is compared with what it makes a second time'
fi
travel first
travel user "${user[@]}"
for file in deep diff df export left saved types; do
    [[ -s $work/user/made/$file ]] || fail "$file is empty"
done
check grep -qx 'CapEff:.0000000000000000' "$work/user/made/who"
check grep -qx 'CapBnd:.*' "$work/user/made/who"
check test "$(jq -c . "$work/user/made/left")" = '[0,0]'
check test "$(find "$work/user/made/devices" -type f | wc -l)" -ge 6

rule 'all that comes of it is what comes of it for root'
for file in deep diff export left one saved types devices copy/setuid; do
    diff -r "$work/first/made/$file" "$work/user/made/$file" >"$work/differences" ||
        fail "$file differs: $(head -n 5 "$work/differences")"
done
jq '[.used_bytes, .layers_bytes, .containers_bytes]' "$work/first/made/df" >"$work/first/df"
jq '[.used_bytes, .layers_bytes, .containers_bytes]' "$work/user/made/df" >"$work/user/df"
same_files "$work/first/df" "$work/user/df"
json_of_types() { jq -e "any(.[]; $1)" "$work/user/made/types" >/dev/null || fail "no $1"; }
json_of_types '.name == "setuid" and .uid == 1 and .gid == 2'
json_of_types '.name == "ids" and .uid == 4000000000'

rule 'every rule of images holds for an ordinary user'
mkdir "$work/cli"
cp "$here/images.sh" "$here/lib.sh" "$work/cli"
mkdir -m 1777 "$work/cli/tmp"
TMPDIR=$work/cli/tmp "${user[@]}" "$work/cli/images.sh" "$work/bin/thinsnap" >"$work/images.log" 2>&1 ||
    fail "images.sh: $(tail -n 5 "$work/images.log")"
finish
