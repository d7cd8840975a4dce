# shellcheck shell=bash
# Every command that changes a pool, to be ended by a signal at some moment, and what must be true
# afterwards. Source it behind lib.sh, which it builds on.
#
# The ledger holds what commands that ended well have left behind. Of the one command that a
# signal ended, what it makes or takes may be there or not, but whole.
# shellcheck disable=SC2034,SC2154 # it shares variables with lib.sh and with what sources it

seed=${THINSNAP_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "seed $seed (THINSNAP_SEED repeats it)"
RANDOM=$((seed % 32768))
export TMPDIR=$work/tmp
mkdir "$work/tmp" "$work/made"

declare -A containers=() # name -> the text of its /etc/motd
declare -A images=()     # name -> sha256 of what `save` makes of it
number=0                 # of the run

# below N: sets $drawn. No subshell, which would draw the same each time.
below() { drawn=$((((RANDOM << 15) | RANDOM) % $1)); }

# must ARGUMENT...: a command that no signal disturbs.
must() { "$program" "$@" >"$work/out" 2>"$work/err" || fail "$* gives $?: $(<"$work/err")"; }
digest_of() { "$program" save "$1" 2>"$work/err" | sha256sum | cut -d' ' -f1; }

# Archives: one layer as a tar alone, and an image of three layers, of which this is the lowest.
make_sources() {
    local root=$work/root i
    mkdir -p "$root/etc" "$root/bin" "$work/tree/deep"
    for i in {1..40}; do pattern 9000 "$i" >"$root/bin/$i"; done
    echo base >"$root/etc/motd"
    tar -C "$root" --sort=name --mtime=@1 --owner=0 --group=0 -cf "$work/base.tar" .
    THINSNAP_POOL=$work/first
    must pool create --size 1G
    must import "$work/base.tar" --name base
    must create one --image base
    pattern 600K 100 >"$work/tree/large"
    must cp "$work/tree" one:/tree
    must commit one --image two
    echo multi >"$work/motd"
    must create three --image two
    must cp "$work/motd" three:/etc/motd
    must commit three --image multi
    must save multi --output "$work/multi.tar"
    must save multi --gzip --output "$work/multi.gz.tar"
    THINSNAP_POOL=$work/pool
    rm -rf "$work/first"
}

add_image() { # NAME: what must be there from now on
    images[$1]=$(digest_of "$1")
}
add_container() { # NAME IMAGE TEXT
    must create "$1" --image "$2"
    containers[$1]=$3
}
has_container() { [[ -v containers[$1] ]] || add_container "$1" base base; }
has_image() { # NAME SOURCE
    [[ -v images[$1] ]] && return
    must import "$2" --name "${1%:latest}"
    add_image "$1"
}
lacks_image() {
    [[ -v images[$1] ]] || return 0
    must rmi --force "$1"
    must prune
    unset "images[$1]"
}

# Each says what the command is ($args, $input), what it makes and what it takes, after bringing
# about what it needs.
command_names=(create_pool import_layers import_piped import_tar create create_larger create_empty
    commit tag rm rmi prune copy repair save export grow backup)

plan_create_pool() { args=(--pool "$work/made/pool" pool create --size 64M); }
plan_import_layers() {
    lacks_image multi:latest
    args=(import "$work/multi.tar" --name multi)
    makes_image=multi:latest
}
plan_import_piped() {
    plan_import_layers
    args=(import - --name multi)
    input=$work/multi.gz.tar
}
plan_import_tar() {
    lacks_image other:latest
    tar -C "$work/tree" --owner="$number" --group=0 -cf "$work/other.tar" .
    args=(import "$work/other.tar" --name other)
    makes_image=other:latest
}
plan_create() {
    args=(create "c$number" --image base)
    makes_container=c$number text=base
}
plan_create_larger() {
    plan_create
    args+=(--size 40G)
}
plan_create_empty() {
    args=(create "c$number" --size 20G)
    makes_container=c$number text=
}
plan_commit() {
    has_container written
    echo "run $number" >"$work/motd"
    must cp "$work/motd" written:/etc/motd
    containers[written]="run $number"
    lacks_image frozen:latest
    args=(commit written --image frozen)
    makes_image=frozen:latest
}
plan_tag() {
    args=(tag base "name$number")
    makes_image=name$number:latest
}
plan_rm() {
    has_container written
    has_container spare
    args=(rm written spare)
    takes_containers=' written spare '
}
plan_rmi() {
    has_image multi:latest "$work/multi.tar"
    args=(rmi --force multi)
    takes_image=multi:latest
}
plan_prune() {
    has_image multi:latest "$work/multi.tar"
    must tag base multi # the layers of what was called so are nobody's now
    add_image multi:latest
    args=(prune)
}
plan_copy() {
    has_container written
    echo "copied $number" >"$work/tree/motd"
    mkdir -p "$work/etc"
    echo "run $number" >"$work/etc/motd"
    cp "$work/etc/motd" "$work/etc/second"
    args=(cp "$work/etc" written:/)
    rewrites=written text="run $number"
}
plan_repair() {
    must device create "$((5000 + number))"
    args=(pool repair --apply)
}
plan_save() {
    args=(save base --output "$work/made/archive")
}
plan_export() {
    has_container written
    args=(export written --output "$work/made/changes")
}
plan_grow() {
    args=(pool grow --size "$((1024 + number))M")
}
plan_backup() { args=(pool backup "$work/made/backup"); }
plan_nothing() { args=(); }

# plan NAME: resets, then plans.
plan() {
    input=/dev/null makes_container='' makes_image='' takes_containers='' takes_image=''
    rewrites='' text=''
    find "$work/made" -mindepth 1 -delete
    "plan_$1"
}

# --- moments -----------------------------------------------------------------------------------

calls=pwrite64,write,fdatasync,fsync,fallocate,ftruncate,rename,renameat,unlink,unlinkat,linkat,mkdir,openat
traces=
if command -v strace >/dev/null && strace -qq -o /dev/null true 2>/dev/null; then
    traces=1
    # which cannot look for leaks in a process that is traced
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
else
    echo 'NOTE: strace cannot be used here: moments are chosen by time alone'
fi
declare -A duration=() # of each command, in microseconds
declare -A moments=()  # the number of moments that lie in $work/trace.<name>

# measure NAME: runs the command to its end, once for its calls and once for its duration.
measure() {
    local name=$1 before
    if [[ $traces ]]; then
        number=$((number + 1))
        plan "$name"
        strace -f -qq -o "$work/trace" -e "trace=$calls" -e signal=none \
            "$program" "${args[@]}" <"$input" >"$work/out" 2>"$work/err" || fail "$name: $(<"$work/err")"
        # the call and how often its thread had made it: what strace counts by
        awk '{ sub(/\(.*/, "", $2); print $2, ++seen[$1, $2] }' "$work/trace" >"$work/trace.$name"
        moments[$name]=$(wc -l <"$work/trace.$name")
        settle 0
    fi
    number=$((number + 1))
    plan "$name"
    before=$(date +%s%N)
    timeout 60 "$program" "${args[@]}" <"$input" >"$work/out" 2>"$work/err" || fail "$name: $(<"$work/err")"
    duration[$name]=$((($(date +%s%N) - before) / 1000))
    settle 0
}

# strike SIGNAL NAME: runs what was planned, and ends it at some moment. Sets $status.
strike() {
    local signal=$1 name=$2 how=()
    below 2
    if [[ $traces && $drawn == 1 ]]; then
        below "${moments[$name]}"
        read -r call count < <(sed -n "$((drawn + 1))p" "$work/trace.$name")
        moment="at $call number $count"
        how=(strace -f -qq -o /dev/null -e "trace=$call" -e "inject=$call:signal=$signal:when=$count")
    else
        below "${duration[$name]}"
        moment="after $drawn of ${duration[$name]} us"
        how=(timeout --foreground --preserve-status -s "$signal"
            "$(printf '%d.%06d' "$((drawn / 1000000))" "$((drawn % 1000000))")")
    fi
    status=0
    # in a shell of its own, or this one would tell of each kill
    ("${how[@]}" "$program" "${args[@]}" <"$input" >"$work/out" 2>"$work/killed" || exit $?) \
        2>"$work/err" || status=$?
}

# --- what must be true -------------------------------------------------------------------------

names_of() { jq -r "$1" "$work/out" | sort; }

judge_containers() {
    must list --json
    local listed name
    listed=" $(names_of '.containers[].name' | tr '\n' ' ')"
    for name in "${!containers[@]}"; do
        [[ $listed != *" $name "* ]] || continue
        [[ $takes_containers == *" $name "* ]] || fail "the container $name is lost"
        unset "containers[$name]"
    done
    for name in $listed; do
        if [[ ! -v containers[$name] ]]; then
            [[ $name == "$makes_container" ]] || fail "the container $name comes from nowhere"
            containers[$name]=$text
        elif [[ $takes_containers == *" $name "* && $status == 0 ]]; then
            fail "the container $name is still there"
        fi
    done
    [[ $status != 0 || -z $makes_container || $listed == *" $makes_container "* ]] ||
        fail "the container $makes_container is not there"
}

judge_images() {
    must images --json
    local listed name
    listed=" $(names_of '.images[].name' | tr '\n' ' ')"
    for name in "${!images[@]}"; do
        [[ $listed != *" $name "* ]] || continue
        [[ $name == "$takes_image" ]] || fail "the image $name is lost"
        unset "images[$name]"
    done
    for name in $listed; do
        if [[ ! -v images[$name] ]]; then
            [[ $name == "$makes_image" ]] || fail "the image $name comes from nowhere"
            must save "$name" --output "$work/made/whole"
            add_image "$name"
        elif [[ $name == "$takes_image" && $status == 0 ]]; then
            fail "the image $name is still there"
        fi
    done
    [[ $status != 0 || -z $makes_image || $listed == *" $makes_image "* ]] ||
        fail "the image $makes_image is not there"
}

judge_content() { # CONTAINER
    local seen
    if [[ -z ${containers[$1]} ]]; then
        must ls "$1:/"
        return
    fi
    must cat "$1:/etc/motd"
    seen=$(<"$work/out")
    if [[ $1 == "$rewrites" && $seen == "$text" ]]; then
        containers[$1]=$text
        must cat "$1:/etc/second" # which came with it
        [[ $(<"$work/out") == "$text" ]] || fail "of what was copied into $1 a part is there"
    fi
    [[ $seen == "${containers[$1]}" ]] || fail "$1 holds '$seen', not '${containers[$1]}'"
    [[ $1 != "$rewrites" || $status != 0 || $seen == "$text" ]] || fail "$1 was not rewritten"
}

# Of each kind one that is not looked at in every run.
judge_some_content() {
    local names=("${!containers[@]}")
    if ((${#names[@]} > 0)); then
        below "${#names[@]}"
        judge_content "${names[drawn]}"
    fi
    [[ -z $rewrites || ! -v containers[$rewrites] ]] || judge_content "$rewrites"
    names=("${!images[@]}")
    if ((${#names[@]} > 0)); then
        below "${#names[@]}"
        judge_image_content "${names[drawn]}"
    fi
}
judge_image_content() {
    [[ $(digest_of "$1") == "${images[$1]}" ]] || fail "the image $1 is another than it was"
}

# The next command works without help: one that reads, one that changes.
judge_use() {
    must df
    [[ -v images[base:latest] ]] || return 0
    must create probe --image base
    must cat probe:/etc/motd
    [[ $(<"$work/out") == base ]] || fail 'a new container does not hold what its image does'
    must rm probe
}

has_only() { # DIRECTORY FILE...
    local seen
    seen=$(find "$1" -mindepth 1 -printf '%P\n' | sort)
    [[ $seen == "$(printf '%s\n' "${@:2}")" ]] || fail "left over in $1: $seen"
}

judge_pool_files() {
    has_only "$work/pool" data journal lock metadata thinsnap.toml
    has_only "$work/tmp"
}

judge_made_files() {
    local file
    for file in "$work"/made/*; do
        case $file in
            */pool) judge_made_pool ;;
            */archive) [[ $(sha256sum <"$file") == "${images[base:latest]} "* ]] || fail 'half an archive' ;;
            */backup | */changes | */whole | */\*) ;;
            *) fail "left over: $file" ;;
        esac
    done
}

# A creation that was killed can be done again, unless it had come to its end.
judge_made_pool() {
    [[ -e $work/made/pool/metadata ]] || must "${args[@]}"
    has_only "$work/made/pool" data lock metadata thinsnap.toml
    must --pool "$work/made/pool" create one --size 1G
    must --pool "$work/made/pool" pool check
    rm -r "$work/made/pool"
}

judge_agreement() {
    local found=0
    "$program" pool repair >"$work/out" 2>"$work/err" || found=$?
    ((found == 0)) || fail "pool repair finds: $(cat "$work/out" "$work/err")"
    must pool check
    grep -q '^clean: 0 damages, 0 leaks, 0 warnings' "$work/out" || fail "pool check: $(<"$work/out")"
    ! command -v thin_check >/dev/null || thin_check -q "$work/pool/metadata" || fail 'thin_check'
}

# settle STATUS: all that must be true after a command that ended so.
settle() {
    status=$1
    judge_use
    # What was to be repaired may still be: a kill came before it.
    [[ ${args[*]} != 'pool repair --apply' || $status == 0 ]] || must pool repair --apply
    judge_containers
    judge_images
    judge_some_content
    judge_pool_files
    judge_made_files
    judge_agreement
}

# Whether the judges have something to say of the pool as it is now. For negative controls.
is_noticed() {
    (
        failures=0
        settle 0 >/dev/null
        ((failures > 0))
    )
}

# --- from nothing to nothing ---------------------------------------------------------------------

use_of_pool() { jq -c '[.devices, .data.used_chunks, .metadata.used_blocks]' "$work/out"; }

start_pool() {
    must pool create --size 1G
    must create first --size 1G
    must rm first
    must pool status --json
    empty=$(use_of_pool)
    must import "$work/base.tar" --name base
    add_image base:latest
}

# When everything is removed the pool is as empty as it was.
finish_pool() {
    local name
    for name in "${!images[@]}"; do judge_image_content "$name"; done
    for name in "${!containers[@]}"; do judge_content "$name"; done
    must rm "${!containers[@]}"
    must rmi "${!images[@]}"
    must prune
    containers=() images=()
    plan nothing
    settle 0
    must pool status --json
    [[ $(use_of_pool) == "$empty" ]] || fail "of an empty pool $(use_of_pool) is in use, not $empty"
}
