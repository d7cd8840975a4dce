# shellcheck shell=bash
# What tools/quickstart shows of a built thinsnap on an image.

# Prints a command as a user would type it, then runs it.
show() {
    printf '\n$ %s\n' "${*/#$thinsnap/thinsnap}"
    "$@"
}

# clean_demo PROGRAM DIRECTORY: takes away containers, mounts, server and files of an earlier run.
clean_demo() {
    local thinsnap=$1 demo=$2 server mounted
    [[ -d $demo ]] || return 0
    while read -r mounted; do
        umount "$mounted" 2>/dev/null || true
    done < <(awk -v "below=$demo/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo | tac)
    if [[ -x $thinsnap && -e $demo/pool/metadata ]]; then
        "$thinsnap" --pool "$demo/pool" list --json | jq -r '.containers[].name' |
            xargs -r "$thinsnap" --pool "$demo/pool" rm --force
        server=$(sed -nE 's/^([0-9]+) \(.*thinsnapd.*/\1/p' "$demo/pool/lock")
        [[ -z $server || ! -S $demo/pool/socket ]] || end_server "$server"
    fi
    rm -rf --one-file-system "$demo"
}

# It ends by itself, once nothing is active.
end_server() {
    local i
    kill "$1" 2>/dev/null || return 0
    for ((i = 0; i < 100; i++)); do
        [[ -e /proc/$1 ]] || return 0
        sleep 0.1
    done
    echo "quickstart: process $1 still uses the pool" >&2
}

# run_demo PROGRAM DIRECTORY IMAGE
run_demo() {
    thinsnap=$1
    demo=$2
    export THINSNAP_POOL=$demo/pool
    say "a pool: files in one directory, no volume group, no device-mapper needed"
    show "$thinsnap" pool create --size 20G
    show "$thinsnap" import "$3" --name app
    show "$thinsnap" images
    show "$thinsnap" history app
    three_containers
    what_it_costs
    a_new_image
    compare_with_overlayfs
}

# create_mounted NAME IMAGE: made, and mounted on DEMO/NAME.
create_mounted() {
    mkdir -p "$demo/$1"
    show "$thinsnap" create "$1" --image "$2"
    show "$thinsnap" mount "$1" "$demo/$1"
}

three_containers() {
    local name
    say "three containers of it, mounted"
    for name in web1 web2 web3; do
        create_mounted "$name" app
    done
    say "each is a root of its own"
    echo "changed in web1" >"$demo/web1/etc/quickstart"
    rm -f "$demo/web1/etc/issue"
    run_program web2
    run_program web2
    run_program web3
    show ls "$demo/web2/etc/quickstart" || echo "web1's file is in web1 alone"
    show "$thinsnap" list
}

# The image's program, or whatever shell an image of the user's own has.
run_program() {
    if [[ -e $demo/$1/app/main.py ]]; then
        show chroot "$demo/$1" python3 /app/main.py
    elif [[ -e $demo/$1/bin/sh ]]; then
        show chroot "$demo/$1" /bin/sh -c 'echo "one more" >>/visits; wc -l </visits'
    else
        echo "one more" >>"$demo/$1/visits"
    fi
}

what_it_costs() {
    say "what they changed is all they cost"
    show "$thinsnap" df -v
    show "$thinsnap" diff web1
    show "$thinsnap" diff web2
}

a_new_image() {
    say "a container becomes an image, and the image a container"
    show "$thinsnap" commit web1 --image app:2 --message "what web1 did"
    show "$thinsnap" history app:2
    create_mounted web4 app:2
    show cat "$demo/web4/etc/quickstart"
}

# first_write FILE: sets `took` to the microseconds of 4 KiB written into the middle and flushed.
first_write() {
    local begin
    begin=$(now)
    dd if=/dev/urandom of="$1" bs=4096 count=1 seek=100 conv=notrunc,fsync status=none
    took=$(($(now) - begin))
}

exclusive_bytes() {
    "$thinsnap" df --json | jq --arg name "$1" '.containers[] | select(.name == $name).exclusive'
}

# The large file of a lower layer: the image's own, or one that is committed for it.
large_container() {
    if [[ ! -e $demo/web1/app/database ]]; then
        mkdir -p "$demo/web1/app"
        yes 'a row of a database that nobody reads' 2>/dev/null |
            head -c 512M >"$demo/web1/app/database" || true
        show "$thinsnap" commit web1 --image large
        create_mounted web5 large
    else
        create_mounted web5 app
    fi
}

compare_with_overlayfs() {
    local overlay=$demo/overlay before
    say "why: the first 4 KiB written to a file of 512 MiB in a lower layer, with fsync"
    large_container
    mkdir -p "$overlay"/{lower,upper,work,merged}
    cp "$demo/web5/app/database" "$overlay/lower/database"
    mount -t overlay overlay -o "lowerdir=$overlay/lower,upperdir=$overlay/upper,workdir=$overlay/work" \
        "$overlay/merged" || { echo "this host's file system carries no overlayfs" && return 0; }
    sync
    before=$(exclusive_bytes web5)
    first_write "$demo/web5/app/database"
    thinsnap_took=$took
    thinsnap_bytes=$(($(exclusive_bytes web5) - before))
    first_write "$overlay/merged/database"
    overlay_took=$took
    overlay_bytes=$(du -B1 -s "$overlay/upper" | cut -f1)
    umount "$overlay/merged"
    rm -rf "$overlay"
}

# summary TIMES: a file of lines "MICROSECONDS STEP".
summary() {
    local micros step
    say "done"
    while read -r micros step; do
        printf '%-28s %12.1f s\n' "$step" "$(in_s "$micros")"
    done <"$1"
    printf '\n'
    if [[ -n ${overlay_took:-} ]]; then
        printf '%-28s %14s %16s\n' "first write of 4 KiB" "time" "bytes copied"
        printf '%-28s %11.1f ms %16d\n' "thinsnap" "$(in_ms "$thinsnap_took")" "$thinsnap_bytes" \
            "overlayfs" "$(in_ms "$overlay_took")" "$overlay_bytes"
    fi
    cat <<TEXT

The containers are mounted below ${demo#"$root"/}; the pool is THINSNAP_POOL=$THINSNAP_POOL.
Try:   ${thinsnap#"$root"/} --help    (man pages in man/)
Later: tools/quickstart --clean
TEXT
}

in_s() { printf '%d.%06d' $(($1 / 1000000)) $(($1 % 1000000)); }
in_ms() { printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)); }
