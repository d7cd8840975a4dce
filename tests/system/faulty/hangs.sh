# shellcheck shell=bash
# Never ends, with the pool open and a device in use.

# shellcheck source=tests/system/lib/case.sh
. "$SYSTEM_LIB/case.sh"

kernel_pool_create 16M 2M
kernel_open
make_device kernel 1
kernel_activate 1
exec 3</dev/mapper/thin-1
sleep 1000
