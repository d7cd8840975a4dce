# shellcheck shell=bash
# A device is there that no one made through the model.

# shellcheck source=tests/system/lib/case.sh
. "$SYSTEM_LIB/case.sh"

ours_pool_create 16M 2M
turn ours ours_create 3
