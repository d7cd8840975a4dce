#!/bin/bash
# Images and containers, from the import of a tar to what comes out again.
set -euo pipefail
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_tool jq

root=$work/root
mkdir -p "$root/etc" "$root/usr/bin" "$root/empty"
echo first >"$root/etc/motd"
ln "$root/etc/motd" "$root/etc/motd.hard"
ln -s motd "$root/etc/link"
ln -s /etc/../../etc "$root/usr/etc"
head -c 300K /dev/zero | tr '\0' 'x' >"$root/usr/bin/program"
chmod 4755 "$root/usr/bin/program"
tar -C "$root" --sort=name --owner=5 --group=7 -cf "$work/root.tar" .

rule 'without a pool the images are not found'
run 3 images
complains 'there is no pool'

rule 'a new pool holds nothing and lacks nothing'
run 0 pool create --size 4G
run 0 images
silent
run 0 prune
prints '0 layers'
check test "$(stat -c %a "$THINSNAP_POOL/journal")" = 600

rule 'a root tar becomes an image of one layer'
run 0 import "$work/root.tar" --name base
prints 'base:latest'
run 0 images --json
json '.images | length == 1 and .[0].name == "base:latest" and .[0].layers == 1 and .[0].size > 300000'
run 0 history base --json
json '.history | length == 1 and (.[0].empty_layer | not)'

rule 'what is there already is not read again'
run 0 import "$work/root.tar" --name base --json
json '.images[0].layers[0].existed'
gzip -c "$work/root.tar" >"$work/root.tar.gz"
run 0 import "$work/root.tar.gz" --name packed --json
json '.images[0].layers[0].existed'
run 0 import - --name piped --json <"$work/root.tar"
json '.images[0].layers[0].existed'
run 0 rmi packed piped
prints '0 layers'

rule 'two imports at once make a layer they share once'
echo shared >"$root/etc/shared"
tar -C "$root" --sort=name --owner=5 --group=7 -cf "$work/shared.tar" .
"$program" import "$work/shared.tar" --name left --json --lock-timeout 60 >"$work/left" 2>&1 &
left=$!
run 0 import "$work/shared.tar" --name right --json --lock-timeout 60
check wait "$left"
check test "$(cat "$work/out" "$work/left" | jq -s 'map(.images[0].layers[0].existed) | sort | tostring')" = '"[false,true]"'
check test "$(cat "$work/out" "$work/left" | jq -s 'map(.images[0].layers[0].device) | unique | length')" = 1
run 0 rmi left right
prints '1 layer'

rule 'one name for several images is refused, as is one that cannot be'
run 2 import "$work/root.tar" --name 'two words'
complains 'image name'

rule 'a container is a copy of its image'
run 0 create one --image base
run 4 create one --image base
complains 'one'
run 3 create two --image nothing
complains 'there is no image nothing'
run 2 create 'a:b' --image base
complains 'container name'
run 0 create big --image base --size 20G
run 2 create small --image base --size 1G
complains 'less than'
run 0 list --json
json '[.containers[] | [.name, .virtual_size]] == [["big", 21474836480], ["one", 10737418240]]'
run 0 ls one:/etc
prints 'link -> motd'
run 0 ls one:/ --json
json '[.files[].name] == ["empty", "etc", "usr"] and .files[0].uid == 5 and .files[0].gid == 7'
run 0 cat one:/usr/etc/link
prints first
run 3 cat one:/etc/none
complains '/etc/none'
run 5 cat one:/etc
complains 'no regular file'
run 3 ls none:/
complains 'there is no container none'

rule 'nothing differs before something is changed'
run 0 diff one
silent

rule 'files go in and out'
echo second >"$work/second"
mkdir -p "$work/tree/sub"
echo deep >"$work/tree/sub/deep"
run 0 cp "$work/second" one:/etc/motd
run 0 cp "$work/tree" one:/empty
run 0 cat one:/etc/motd
prints second
run 0 cat one:/etc/motd.hard
prints first
run 0 cp one:/empty/tree "$work/copy"
check diff -r "$work/tree" "$work/copy"
run 0 cp one:/etc "$work/copy"
check test -L "$work/copy/etc/link"
run 0 cp one:/ "$work/root-copy"
check diff "$work/root/usr/bin/program" "$work/root-copy/usr/bin/program"
run 2 cp "$work/second" "$work/third"
complains 'must be in a container'
run 3 cp one:/none "$work/copy"

rule 'a link in a container leads nowhere on the host'
mkdir "$work/outside"
ln -s "$work/outside" "$work/trap"
run 0 cp "$work/trap" one:/empty/trap
mkdir "$work/victim"
ln -s "$work/outside" "$work/victim/tree"
run 4 cp one:/empty/tree "$work/victim"
complains 'is there already'
check test -z "$(ls "$work/outside")"

rule 'the changes are listed, exported and committed'
run 0 diff one
check test "$(grep -c . "$work/out")" -eq 7
prints 'C /etc/motd'
prints 'A /empty/tree/sub/deep'
run 0 export one --output "$work/changes.tar"
check test "$(tar -xOf "$work/changes.tar" etc/motd)" = second
run 0 export one
same_files "$work/changes.tar" "$work/out"
run 0 commit one --image next --message 'why not' --json
json '.size > 0'
run 0 create three --image next
run 0 cat three:/etc/motd
prints second
run 0 diff three
silent
run 0 history next
prints 'thinsnap commit one'

rule 'a name that means a whiteout is refused by what makes a layer, and the container goes on'
run 0 create hidden --image base
run 0 cp "$work/second" hidden:/etc/.wh.motd
run 0 diff hidden
prints 'A /etc/.wh.motd'
run 11 export hidden --output "$work/hidden.tar"
complains '/etc/.wh.motd'
check test ! -e "$work/hidden.tar"
run 11 commit hidden --image hidden
complains '/etc/.wh.motd'
run 0 cat hidden:/etc/.wh.motd
prints second
run 3 history hidden
run 0 rm hidden
run 0 pool repair
prints agree

rule 'a saved image says the same when it is imported again'
run 0 save next --output "$work/next.tar"
run 0 save next --output "$work/again.tar"
same_files "$work/next.tar" "$work/again.tar"
"$program" pool create "$work/other" --size 4G >/dev/null
run 0 --pool "$work/other" import "$work/next.tar"
run 0 --pool "$work/other" create copy --image next
run 0 --pool "$work/other" cat copy:/empty/tree/sub/deep
prints deep
run 0 --pool "$work/other" ls copy:/etc --json
jq '[.files[] | del(.inode)]' "$work/out" >"$work/theirs"
run 0 ls three:/etc --json
jq '[.files[] | del(.inode)]' "$work/out" >"$work/ours"
same_files "$work/ours" "$work/theirs"

rule 'the same image is the same device in every pool'
run 0 --pool "$work/other" import "$work/root.tar" --name base
run 0 device read 1 --length 64M
sha256sum <"$work/out" >"$work/ours"
device=$("$program" --pool "$work/other" inspect base | jq '.layers[0].device')
run 0 --pool "$work/other" device read "$device" --length 64M
sha256sum <"$work/out" >"$work/theirs"
same_files "$work/ours" "$work/theirs"

rule 'usage adds up'
run 0 df --json
json '.containers_bytes + .layers_bytes + .other_bytes == .used_bytes'
json '[.containers[] | select(.name == "three")][0].exclusive == 0'
json '[.containers[] | select(.name == "one")][0].mapped > 0'
run 0 df -v
prints base:latest

rule 'what is in use is not removed'
run 6 rmi base
complains 'the container'
run 0 rm one big
run 3 rm one
run 6 rmi next
run 0 tag next other:tag
run 0 rmi next
run 0 rm three
run 0 rmi base other:tag
run 0 pool status --json
json '.devices == 0 and .data.used_chunks == 0'

rule 'layers that nobody needs any more are pruned'
run 0 import "$work/next.tar" --name next
run 0 import "$work/root.tar" --name next
run 0 prune --json
json '.removed == [] and .layers == 2 and .bytes > 0'
run 0 rmi next

rule 'an image with a wrong digest leaves nothing behind'
mkdir "$work/layout"
tar -C "$work/layout" -xf "$work/next.tar"
blob=$(find "$work/layout/blobs" -type f -size +100k)
printf y | dd of="$blob" bs=1 seek=200000 conv=notrunc status=none
run 9 import "$work/layout"
complains sha256
run 0 pool status --json
json '.devices == 0 and .data.used_chunks == 0'

rule 'of an archive in which one image is wrong no image gets its name'
mkdir "$work/blobs"
cp "$work/root.tar" "$work/blobs/one.tar"
config() { # DIFF_ID
    jq -n "{architecture: \"amd64\", os: \"linux\", config: {}, rootfs: {type: \"layers\", diff_ids: [\"sha256:$1\"]}}"
}
config "$(sha256sum <"$work/root.tar" | cut -d' ' -f1)" >"$work/blobs/one.json"
config "$(sha256sum </dev/null | cut -d' ' -f1)" >"$work/blobs/two.json"
jq -n '[["one", "two"][] | {Config: "blobs/\(.).json", RepoTags: ["\(.):1"], Layers: ["blobs/one.tar"]}]' \
    >"$work/manifest.json"
tar -C "$work" -cf "$work/pair.tar" manifest.json blobs
run 9 import "$work/pair.tar"
check grep -q 'image two:1: .*sha256' "$work/err"
run 0 images --json
json '.images == []'
run 0 pool status --json
json '.devices == 0 and .data.used_chunks == 0'

rule 'journal and pool agree, and what they do not is shown before it is changed'
run 0 pool repair
prints 'agree'
run 0 device create 1000
run 1 pool repair
prints 'orphan_device'
run 0 pool repair --apply
run 0 pool repair
prints 'agree'
run 0 pool check
prints clean

rule 'containers without an image are empty'
run 0 create bare --size 1G
run 0 ls bare:/ --json
json '.files == []'
finish
