#include "attach/seen_devices.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include "support/temp_dir.hpp"

namespace thinsnap::attach {

TEST_SUITE("attach.seen_devices") {
    TEST_CASE(
        "a device whose server has died is lost and one that is coming or going is not there") {
        const test::TempDir temp;
        const RuntimeDirectory directory(temp / "run", "7f3e");
        ActiveRecord record{.device = {.id = DeviceId(17), .name = "web"}, .loop_number = 9999999};
        record.server = mark_of(::getpid());
        directory.write(record);
        CHECK(see_active_devices(directory).empty());

        ++record.server.start; // another process had the number
        directory.write(record);
        const auto seen = see_active_devices(directory);
        REQUIRE(seen.size() == 1);
        CHECK(seen[0].device.name == "web");
        CHECK(seen[0].is_lost);
        CHECK(seen[0].mounts.empty());
    }
}

} // namespace thinsnap::attach
