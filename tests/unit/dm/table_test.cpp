#include "dm/table.hpp"

#include <string>

#include <doctest/doctest.h>
#include <sys/sysmacros.h>

#include "dm/names.hpp"

#include "support/content.hpp"

namespace thinsnap::test {

using dm::Names;
using dm::Target;

namespace {

const std::string kUuid = "01234567-89ab-4def-8123-456789abcdef";

} // namespace

TEST_SUITE("dm.table") {
    TEST_CASE("a pool's line names devices by number and never lets writers wait") {
        const dm::PoolTable table{.metadata = makedev(7, 0),
                                  .data = makedev(7, 300),
                                  .bytes = 16U << 20U,
                                  .chunk_size = 64U << 10U,
                                  .low_water = 25};
        CHECK(dm::pool_target(table) ==
              Target{.bytes = 16U << 20U,
                     .type = "thin-pool",
                     .parameters = "7:0 7:300 128 25 1 error_if_no_space"});
        dm::PoolTable reading = table;
        reading.read_only = true;
        CHECK(dm::pool_target(reading).parameters ==
              "7:0 7:300 128 25 2 error_if_no_space read_only");
    }

    TEST_CASE("a pool's line is read as it was made") {
        const dm::PoolTable table{.metadata = makedev(259, 1048575),
                                  .data = makedev(8, 17),
                                  .bytes = std::uint64_t{3} << 40U,
                                  .chunk_size = 192U << 10U,
                                  .low_water = 0,
                                  .read_only = true};
        const dm::PoolTable read = dm::parse_pool_target(dm::pool_target(table));
        CHECK(read.metadata == table.metadata);
        CHECK(read.data == table.data);
        CHECK(read.bytes == table.bytes);
        CHECK(read.chunk_size == table.chunk_size);
        CHECK(read.low_water == table.low_water);
        CHECK(read.read_only);
    }

    TEST_CASE("a thin device's length is whole sectors") {
        const Target target = dm::thin_target(makedev(253, 0), DeviceId(7), 1000);
        CHECK(target == Target{.bytes = 1024, .type = "thin", .parameters = "253:0 7"});
        CHECK(dm::parse_thin_target(target).id == DeviceId(7));
        CHECK(dm::parse_thin_target(target).pool == makedev(253, 0));
    }

    TEST_CASE("other lines are refused") {
        const auto refused = [](const Target& target) {
            return failure_of([&] { static_cast<void>(dm::parse_pool_target(target)); }) ==
                       Errc::corrupt &&
                   failure_of([&] { static_cast<void>(dm::parse_thin_target(target)); }) ==
                       Errc::corrupt;
        };
        CHECK(refused({.bytes = 512, .type = "linear", .parameters = "8:1 0"}));
        CHECK(refused({.bytes = 512, .type = "thin-pool", .parameters = "8:1 8:2 128"}));
        CHECK(refused({.bytes = 512, .type = "thin-pool", .parameters = "sda 8:2 128 0"}));
        CHECK(refused({.bytes = 512, .type = "thin", .parameters = "253:0 16777216"}));
        CHECK(refused({.bytes = 512, .type = "thin", .parameters = "253:0 7 8:1"}));
    }

    TEST_CASE("names carry the pool's UUID and are understood again") {
        const Names names(kUuid);
        CHECK(names.pool() == "thinsnap-" + kUuid);
        CHECK(names.active(DeviceId(7)) == names.pool() + "-7");
        CHECK(names.internal(kMaxDeviceId) == names.pool() + "-16777215-io");
        CHECK(names.parse_active(names.active(DeviceId(7))) == DeviceId(7));
        CHECK(names.parse_internal(names.internal(kMaxDeviceId)) == kMaxDeviceId);
    }

    TEST_CASE("names of others are nobody's") {
        const Names names(kUuid);
        const std::string other = "thinsnap-11234567-89ab-4def-8123-456789abcdef";
        for (const std::string& name : {names.pool(),
                                        names.pool() + "-",
                                        names.pool() + "-x",
                                        names.pool() + "-7x",
                                        names.pool() + "-16777216",
                                        names.pool() + "7",
                                        other + "-7"}) {
            CAPTURE(name);
            CHECK_FALSE(names.parse_active(name).has_value());
            CHECK_FALSE(names.parse_internal(name + "-io").has_value());
        }
        CHECK_FALSE(names.parse_active(names.internal(DeviceId(7))).has_value());
        CHECK_FALSE(names.parse_internal(names.active(DeviceId(7))).has_value());
    }

    TEST_CASE("a pool without a UUID is refused") {
        CHECK(failure_of([] { static_cast<void>(Names("")); }) == Errc::precondition);
        CHECK(message_of([] { static_cast<void>(Names("")); }).find("embedded") !=
              std::string::npos);
    }
}

} // namespace thinsnap::test
