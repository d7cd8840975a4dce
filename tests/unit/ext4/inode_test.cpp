#include "ext4/inode.hpp"

#include <array>
#include <string>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "ext4/acl.hpp"

using namespace std::literals;

namespace thinsnap::test {

using namespace ext4; // NOLINT(google-build-using-namespace)

TEST_SUITE_BEGIN("ext4.inode");

TEST_CASE("times from 1901 to 2446 come back as they were") {
    for (const std::int64_t seconds : {kEarliestTimestamp.seconds,
                                       std::int64_t{-1},
                                       std::int64_t{0},
                                       std::int64_t{0x7FFF'FFFF},
                                       std::int64_t{0x8000'0000},
                                       std::int64_t{0xFFFF'FFFF},
                                       std::int64_t{0x1'0000'0000},
                                       std::int64_t{0x1'8000'0000},
                                       std::int64_t{0x2'7FFF'FFFF},
                                       kLatestTimestamp.seconds}) {
        CAPTURE(seconds);
        const Timestamp time{seconds, 123'456'789};
        CHECK((unpack_time(pack_time(time)) == time));
    }
}

TEST_CASE("a time that an inode cannot hold becomes the nearest one") {
    CHECK((unpack_time(pack_time({kEarliestTimestamp.seconds - 1, 5})) == kEarliestTimestamp));
    CHECK((unpack_time(pack_time({kLatestTimestamp.seconds + 1, 5})) == kLatestTimestamp));
    CHECK((unpack_time(pack_time({INT64_MIN, 0})) == kEarliestTimestamp));
    CHECK((unpack_time(pack_time({INT64_MAX, 0})) == kLatestTimestamp));
}

TEST_CASE("a time before 1970 is stored as the kernel stores it") {
    CHECK(pack_time({-1, 0}).seconds == 0xFFFF'FFFF);
    CHECK(pack_time({-1, 0}).extra == 0);
    CHECK(pack_time({0x8000'0000, 1}).seconds == 0x8000'0000);
    CHECK(pack_time({0x8000'0000, 1}).extra == (1U << 2U | 1U));
}

TEST_CASE("an ACL survives the way to the disk and back") {
    // user::rw-, user:1000:r--, group::r--, mask::r--, other::---
    const std::string value = "\2\0\0\0"
                              "\1\0\6\0\xff\xff\xff\xff"
                              "\2\0\4\0\xe8\3\0\0"
                              "\4\0\4\0\xff\xff\xff\xff"
                              "\x10\0\4\0\xff\xff\xff\xff"
                              "\x20\0\0\0\xff\xff\xff\xff"s;
    const std::string disk = acl_to_disk(value);
    CHECK(disk.size() == 4 + 4 * 4 + 8);
    CHECK(acl_from_disk(disk) == value);
}

TEST_CASE("what is no ACL is not taken for one") {
    for (const std::string& bad : {""s,
                                   "\1\0\0\0"s,
                                   "\2\0\0\0\1\0\6\0"s,
                                   "\2\0\0\0\3\0\6\0\xff\xff\xff\xff"s,
                                   "\2\0\0\0\5\0\6\0\xff\xff\xff\xff"s})
        CHECK_THROWS_AS(static_cast<void>(acl_to_disk(bad)), Error);
    CHECK(acl_from_disk("\1\0\0"s) == "");
    CHECK(acl_from_disk("\1\0\0\0\2\0\6\0"s) == "");
    CHECK(acl_from_disk("\1\0\0\0\x40\0\6\0"s) == "");
}

TEST_SUITE_END();

} // namespace thinsnap::test
