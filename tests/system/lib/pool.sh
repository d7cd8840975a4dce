# shellcheck shell=bash disable=SC2154 # part of case.sh
# Changes made through one side (`ours` or `kernel`) and kept in a model of plain files, so that either side can be
# compared with what the devices must hold. The model has one sparse file a device, model/ID.

readonly model=$PWD/model
readonly pattern=$PWD/pattern
readonly pattern_size=$((8 * mib))
: "${device_size:=$((8 * mib))}"

mkdir "$model"
# Every 4 KiB of it differ.
seq 2000000 | head -c "$pattern_size" >"$pattern" || true

make_device() { # SIDE ID
    "$1_create" "$2"
    truncate -s "$device_size" "$model/$2"
}

make_snapshot() { # SIDE ID ORIGIN
    "$1_snapshot" "$2" "$3"
    cp --sparse=always "$model/$3" "$model/$2"
}

drop_device() { # SIDE ID
    "$1_delete" "$2"
    rm "$model/$2"
}

write_device() { # SIDE ID OFFSET LENGTH
    random $(((pattern_size - $4) / 4096 + 1))
    dd if="$pattern" of=piece iflag=skip_bytes skip=$((REPLY * 4096)) bs="$4" count=1
    "$1_write" "$2" "$3" "$4" <piece
    dd if=piece of="$model/$2" oflag=seek_bytes seek="$3" bs="$4" conv=notrunc
}

# Only the chunks that lie whole in the range become zeros.
discard_device() { # SIDE ID OFFSET LENGTH
    "$1_discard" "$2" "$3" "$4"
    local first=$((($3 + chunk - 1) / chunk * chunk)) end=$((($3 + $4) / chunk * chunk))
    [[ $first -ge $end ]] || fallocate --punch-hole --offset "$first" --length $((end - first)) "$model/$2"
}

# Does COUNT random changes to random devices.
random_changes() { # SIDE COUNT
    local side=$1 count=$2 ids
    while ((count-- > 0)); do
        ids=("$model"/*)
        random ${#ids[@]}
        local id=${ids[REPLY]##*/}
        random 16
        case $REPLY in
            0 | 1) random_birth make_snapshot "$side" "$id" ;;
            2) random_birth make_device "$side" ;;
            3 | 4) [[ ${#ids[@]} -le 3 ]] || drop_device "$side" "$id" ;;
            5 | 6) random_range 4096 "$device_size" && discard_device "$side" "$id" "$offset" "$length" ;;
            *) random_write "$side" "$id" ;;
        esac
    done
}

random_birth() { # FUNCTION SIDE [ORIGIN]
    local id
    local ids=("$model"/*)
    [[ ${#ids[@]} -lt 8 ]] || return 0
    random $((1 << 24))
    id=$REPLY
    [[ -e $model/$id ]] || "$1" "$2" "$id" "${@:3}"
}

random_write() { # SIDE ID
    local lengths=(4096 4096 "$chunk" $((3 * 4096)) "$mib")
    random ${#lengths[@]}
    length=${lengths[REPLY]}
    random $(((device_size - length) / 4096 + 1))
    write_device "$1" "$2" $((REPLY * 4096)) "$length"
}

# Sets offset and length, both multiples of UNIT.
random_range() { # UNIT SIZE
    random $(($2 / $1))
    offset=$((REPLY * $1))
    random $((($2 - offset) / $1))
    length=$(((REPLY + 1) * $1))
}

# Every device reads what the model has.
expect_same() { # SIDE
    local file id difference
    "$1_open"
    for file in "$model"/*; do
        id=${file##*/}
        difference=$(cmp "$file" <("$1_read" "$id") 2>&1) || fail "device $id through $1: $difference"
    done
    "$1_close"
}

# Both checkers find nothing and both dumps are the same. The pool must be closed.
expect_sound() {
    thin_check --quiet "$pool/metadata" || fail 'thin_check finds damage'
    ours_check || fail 'our check finds damage'
    cmp <(ours_dump) <(thin_dump "$pool/metadata") || fail 'our dump differs from thin_dump'
}

# Besides, the devices are those of the model.
expect_clean() {
    expect_sound
    local ids=("$model"/*)
    [[ -e ${ids[0]} ]] || ids=()
    expect_equal 'list of devices' "$(ours_list | sort | xargs)" "$(printf '%s\n' "${ids[@]##*/}" | sort | xargs)"
}

# One turn of a side: COMMAND... with the pool open there; afterwards nothing is wrong with the pool.
turn() { # SIDE COMMAND...
    "$1_open"
    "${@:2}"
    "$1_close"
    expect_clean
}
