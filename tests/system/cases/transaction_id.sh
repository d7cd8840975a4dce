# shellcheck shell=bash
# Either side shows the transaction id that the other one set.

# shellcheck source=tests/system/lib/case.sh
. "$SYSTEM_LIB/case.sh"

transaction_is() { # SIDE NUMBER
    expect_equal "transaction id through $1" "$("$1_transaction")" "$2"
}

kernel_pool_create 16M 2M
turn kernel kernel_message set_transaction_id 0 4294967301
turn ours transaction_is ours 4294967301
turn ours make_device ours 1
ours_open
number=$(ours_transaction)
ours_close
turn kernel transaction_is kernel "$number"
turn kernel kernel_message set_transaction_id "$number" $((number + 1))
turn ours transaction_is ours $((number + 1))
