# shellcheck shell=bash disable=SC2154 # part of case.sh
# The kernel and the thin tools in our place, to test the cases themselves before blaming the program.

for function in pool_create open close create snapshot delete write discard read grow_data grow_metadata \
    transaction mode needs_check; do
    eval "ours_$function() { kernel_$function \"\$@\"; }"
done

ours_list() {
    thin_dump "$pool/metadata" | sed -n 's/.*<device dev_id="\([0-9]*\)".*/\1/p'
}

ours_check() {
    thin_check --ignore-non-fatal-errors "$pool/metadata"
}

ours_dump() {
    thin_dump "$pool/metadata"
}
