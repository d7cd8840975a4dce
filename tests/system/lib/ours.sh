# shellcheck shell=bash disable=SC2154 # part of case.sh
# Our side: every call of the program that the cases make is here, and nowhere else. Each call opens and closes the
# pool, so there is nothing to do between turns.


ours() {
    "$THINSNAP" --pool "$pool" "$@"
}

ours_pool_create() { # DATA_SIZE METADATA_SIZE
    "$THINSNAP" pool create "$pool" --size "$1" --metadata-size "$2"
}

ours_open() { :; }
ours_close() { :; }

ours_create() { # ID
    ours device create "$1"
}

ours_snapshot() { # ID ORIGIN
    ours device snapshot "$1" --origin "$2"
}

ours_delete() { # ID
    ours device delete "$1"
}

ours_write() { # ID OFFSET LENGTH, data from stdin
    ours device write "$1" --offset "$2"
}

ours_discard() { # ID OFFSET LENGTH
    ours device discard "$1" --offset "$2" --length "$3"
}

ours_read() { # ID: the whole device
    ours device read "$1" --length "$device_size"
}

ours_list() {
    ours device list --json | grep -o '"device": *[0-9]*' | grep -o '[0-9]*$'
}

ours_grow_data() { # SIZE
    ours pool grow --size "$1"
}

ours_grow_metadata() { # SIZE
    ours pool grow --metadata-size "$1"
}

ours_check() {
    ours pool check
}

ours_dump() {
    ours pool dump
}

# ours_status KEY: a number, word or truth value of the status.
ours_status() {
    ours pool status --json | sed -n "s/.*\"$1\": *\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p" | head -n 1
}

ours_transaction() { ours_status transaction_id; }

# In the kernel's words.
ours_mode() {
    if [[ $(ours_status mode) == write ]]; then echo rw; else echo ro; fi
}

ours_needs_check() {
    if [[ $(ours_status needs_check) == true ]]; then echo needs_check; else echo -; fi
}
