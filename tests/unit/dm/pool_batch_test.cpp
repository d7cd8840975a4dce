#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <sys/sysmacros.h>

#include <thinsnap/error.hpp>

#include "support/content.hpp"

#include "unit/dm/pool_rig.hpp"

namespace thinsnap::test {

namespace {

using Calls = std::vector<std::string>;

const std::string kPool = KernelPoolRig::kName;
constexpr DeviceId kOne{1};
constexpr DeviceId kTwo{2};
constexpr DeviceId kThree{3};

} // namespace

TEST_SUITE("dm.pool_batch") {
    TEST_CASE("devices are made before others are deleted and the id moves last") {
        KernelPoolRig rig;
        rig.apply({CreateThin{kOne}, CreateThin{kTwo}});
        const Calls calls = rig.apply({CreateSnapshot{kThree, kOne}, DeleteDevice{kTwo}});
        CHECK(calls == Calls{"create_snap 3 1",
                             "create " + kPool + "-2-io",
                             "open " + kPool + "-2-io",
                             "discard " + kPool + "-2-io",
                             "remove " + kPool + "-2-io",
                             "delete 2",
                             "set_transaction_id 1 2"});
        CHECK(device_ids(rig.pool()) == std::vector{kOne, kThree});
    }

    TEST_CASE("after each message the status is read back") {
        KernelPoolRig rig;
        static_cast<void>(rig.pool());
        rig.apply({CreateThin{kOne}, CreateSnapshot{kTwo, kOne}});
        const Calls& calls = rig.kernel().calls;
        for (const std::string message :
             {"create_thin 1", "create_snap 2 1", "set_transaction_id 0 1"}) {
            const auto sent = std::ranges::find(calls, message);
            REQUIRE(sent != calls.end());
            REQUIRE(std::next(sent) != calls.end());
            CHECK(*std::next(sent) == "status");
        }
    }

    TEST_CASE("a message whose commit was lost is an error although the kernel told none") {
        KernelPoolRig rig;
        rig.apply({CreateThin{kOne}});
        rig.kernel().lost_commit = "create_snap 2 1";
        const auto apply = [&] { rig.apply({CreateSnapshot{kTwo, kOne}}); };
        CHECK(failure_of(apply) == Errc::io);
        CHECK(rig.pool().status().needs_check);
        CHECK(rig.pool().status().transaction_id == TransactionId(1));
    }

    TEST_CASE("an origin that runs rests while it is snapshotted and runs again") {
        KernelPoolRig rig;
        rig.apply({CreateThin{kOne}});
        const std::string active = kPool + "-1";
        rig.kernel().add(active, dm::thin_target(makedev(253, 0), kOne, 4096), false);
        const auto open = rig.pool().open_device(kOne, {});
        const std::string internal = active + "-io";
        CHECK(rig.apply({CreateSnapshot{kTwo, kOne}}) == Calls{"suspend " + active,
                                                               "suspend " + internal,
                                                               "create_snap 2 1",
                                                               "resume " + active,
                                                               "resume " + internal,
                                                               "set_transaction_id 1 2"});
        rig.kernel().failures["create_snap 3 1"] = EIO;
        CHECK(failure_of([&] { rig.apply({CreateSnapshot{kThree, kOne}}); }) == Errc::io);
        CHECK_FALSE(rig.kernel().is_suspended(active));
        CHECK_FALSE(rig.kernel().is_suspended(internal));
        CHECK_FALSE(rig.pool().has_device(kThree));
    }

    TEST_CASE("an origin whose file system is frozen already is suspended without that") {
        KernelPoolRig rig;
        rig.apply({CreateThin{kOne}});
        const std::string active = kPool + "-1";
        rig.kernel().add(active, dm::thin_target(makedev(253, 0), kOne, 4096), false);
        rig.kernel().failures["suspend " + active] = EBUSY;
        CHECK(rig.apply({CreateSnapshot{kTwo, kOne}}) == Calls{"suspend " + active,
                                                               "suspend without freezing " + active,
                                                               "create_snap 2 1",
                                                               "resume " + active,
                                                               "set_transaction_id 1 2"});
        rig.kernel().failures["suspend " + active] = EIO;
        CHECK(failure_of([&] { rig.apply({CreateSnapshot{kThree, kOne}}); }) == Errc::io);
    }

    TEST_CASE("a batch that fails half way is undone") {
        KernelPoolRig rig;
        rig.apply({CreateThin{kOne}});
        const auto fails = [&](Errc kind) {
            CHECK(
                failure_of([&] {
                    rig.apply({CreateThin{kTwo}, CreateSnapshot{kThree, kTwo}, DeleteDevice{kOne}});
                }) == kind);
            CHECK(device_ids(rig.pool()) == std::vector{kOne});
            CHECK(rig.pool().status().transaction_id == TransactionId(1));
            CHECK(rig.pool().status().devices == 1);
        };
        SUBCASE("at a creation") {
            rig.kernel().failures["create_snap 3 2"] = EIO;
            fails(Errc::io);
        }
        SUBCASE("at the first deletion") {
            rig.kernel().failures["delete 1"] = EBUSY;
            fails(Errc::busy);
        }
    }

    TEST_CASE("what cannot be undone is said") {
        KernelPoolRig rig;
        rig.apply({CreateThin{kOne}, CreateThin{kTwo}});
        SUBCASE("a deletion after another") {
            rig.kernel().failures["delete 2"] = EIO;
            const auto apply = [&] { rig.apply({DeleteDevice{kOne}, DeleteDevice{kTwo}}); };
            CHECK(message_of(apply).find("1 of the batch's devices are deleted") !=
                  std::string::npos);
            CHECK(device_ids(rig.pool()) == std::vector{kTwo});
        }
        SUBCASE("a device that cannot be deleted again") {
            rig.kernel().failures["create_thin 4"] = EIO;
            rig.kernel().failures["delete 3"] = EIO;
            const auto apply = [&] { rig.apply({CreateThin{kThree}, CreateThin{DeviceId(4)}}); };
            CHECK(message_of(apply).find("cannot be undone") != std::string::npos);
            CHECK(rig.pool().has_device(kThree));
        }
    }

    TEST_CASE("a device that the kernel has and nobody knew is never deleted to make room") {
        KernelPoolRig rig;
        static_cast<void>(rig.pool());
        rig.kernel().message(kPool, "create_thin 2"); // by somebody else
        CHECK(failure_of([&] {
                  rig.apply({CreateThin{kOne}, CreateThin{kTwo}});
              }) == Errc::already_exists);
        CHECK(device_ids(rig.pool()) == std::vector{kTwo});
    }

    TEST_CASE("a device that is active for somebody cannot be deleted") {
        KernelPoolRig rig;
        rig.apply({CreateThin{kOne}});
        rig.kernel().add(kPool + "-1", dm::thin_target(makedev(253, 0), kOne, 4096), false);
        CHECK(failure_of([&] { rig.apply({DeleteDevice{kOne}}); }) == Errc::busy);
    }

    TEST_CASE("a device whose space cannot be given back is deleted all the same") {
        KernelPoolRig rig;
        rig.apply({CreateThin{kOne}});
        rig.kernel().failures["create " + kPool + "-1-io"] = EIO;
        CHECK_NOTHROW(rig.apply({DeleteDevice{kOne}}));
        CHECK(device_ids(rig.pool()).empty());
    }

    TEST_CASE("new devices are refused below either reserve with the numbers") {
        KernelPoolRig rig;
        rig.apply({CreateThin{kOne}});
        const auto make = [&] { rig.apply({CreateThin{kTwo}}); };
        SUBCASE("of data") {
            rig.kernel().used_data = 98;
            CHECK_NOTHROW(make());
            rig.kernel().used_data = 99;
            const auto again = [&] { rig.apply({CreateThin{kThree}}); };
            CHECK(failure_of(again) == Errc::no_space);
            CHECK(message_of(again).find("1 of 100 data chunks are free, 2 are kept") !=
                  std::string::npos);
            CHECK_NOTHROW(rig.apply({DeleteDevice{kOne}}));
        }
        SUBCASE("of metadata of which the kernel keeps a tenth back itself") {
            rig.kernel().used_metadata = 1022; // 102 more are kept
            CHECK_NOTHROW(make());
            rig.kernel().used_metadata = 1023;
            const auto again = [&] { rig.apply({CreateThin{kThree}}); };
            CHECK(failure_of(again) == Errc::no_space);
            CHECK(message_of(again).find("103 of 1024 metadata blocks are free, 103 must be") !=
                  std::string::npos);
        }
    }
}

} // namespace thinsnap::test
