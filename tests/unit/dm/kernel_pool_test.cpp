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

dm::Target table_of_pool() {
    return {.bytes = 100 * KernelPoolRig::kChunkSize,
            .type = "thin-pool",
            .parameters = "0:1 0:2 128 10 1 error_if_no_space"};
}

bool holds(const Calls& calls, const std::string& call) {
    return std::ranges::find(calls, call) != calls.end();
}

} // namespace

TEST_SUITE("dm.kernel_pool") {
    TEST_CASE("the kernel's pool is made from what the metadata says") {
        KernelPoolRig rig;
        CHECK(rig.pool().chunk_size() == KernelPoolRig::kChunkSize);
        CHECK(rig.kernel().table(kPool) == table_of_pool());
        const PoolStatus status = rig.pool().status();
        CHECK(status.driver == "dm");
        CHECK("thinsnap-" + status.uuid == kPool);
        CHECK(status.mode == PoolMode::write);
        CHECK(status.data.total == 100);
        CHECK(status.data.reserve == 2);
        CHECK(status.data.low_water == 10);
        CHECK_FALSE(status.held_root.has_value());
        rig.close();
        CHECK(rig.kernel().list("").empty());
    }

    TEST_CASE("a pool that the kernel has is gone on with") {
        KernelPoolRig rig;
        rig.kernel().add(kPool, table_of_pool(), false);
        CHECK(rig.pool().status().data.total == 100);
        CHECK_FALSE(holds(rig.kernel().calls, "create " + kPool));
    }

    TEST_CASE("a pool that the kernel has on other devices is refused and left alone") {
        KernelPoolRig rig;
        dm::Target other = table_of_pool();
        other.parameters = "0:1 0:3 128 10 1 error_if_no_space";
        rig.kernel().add(kPool, other, false);
        CHECK(failure_of([&] { static_cast<void>(rig.pool()); }) == Errc::precondition);
        CHECK(rig.kernel().table(kPool) == other);
    }

    TEST_CASE("what a crash left suspended is resumed and what nobody asked for goes") {
        KernelPoolRig rig;
        rig.kernel().add(kPool, table_of_pool(), true);
        rig.kernel().add(kPool + "-1", dm::thin_target(makedev(253, 0), DeviceId(1), 4096), true);
        rig.kernel().add(
            kPool + "-2-io", dm::thin_target(makedev(253, 0), DeviceId(2), 4096), true);
        rig.kernel().message(kPool, "reserve_metadata_snap");
        CHECK_FALSE(rig.pool().status().held_root.has_value());
        CHECK_FALSE(rig.kernel().is_suspended(kPool));
        CHECK_FALSE(rig.kernel().is_suspended(kPool + "-1"));
        CHECK_FALSE(rig.kernel().find(kPool + "-2-io").has_value());
        rig.close();
        CHECK(rig.kernel().find(kPool).has_value()); // device 1 is active
    }

    TEST_CASE("a pool that cannot be opened is not left in the kernel") {
        KernelPoolRig rig;
        rig.kernel().failures["reserve_metadata_snap"] = EIO;
        CHECK(failure_of([&] { static_cast<void>(rig.pool()); }) == Errc::io);
        CHECK_FALSE(rig.kernel().find(kPool).has_value());
    }

    TEST_CASE("devices that were made before are known") {
        KernelPoolRig rig;
        rig.kernel().metadata().create_thin(DeviceId(5));
        CHECK(rig.pool().status().devices == 1);
        CHECK(rig.pool().has_device(DeviceId(5)));
        CHECK_FALSE(rig.pool().has_device(DeviceId(6)));
    }

    TEST_CASE("a device is a private mapped device while it is open and no longer") {
        KernelPoolRig rig;
        rig.apply({CreateThin{DeviceId(1)}});
        const std::string name = kPool + "-1-io";
        {
            const auto first = rig.pool().open_device(DeviceId(1), {.size = 8192});
            const auto second = rig.pool().open_device(DeviceId(1), {});
            CHECK(rig.kernel().find(name).has_value());
            CHECK(failure_of([&] { rig.apply({DeleteDevice{DeviceId(1)}}); }) == Errc::busy);
        }
        CHECK_FALSE(rig.kernel().find(name).has_value());
        CHECK(failure_of([&] { static_cast<void>(rig.pool().open_device(DeviceId(2), {})); }) ==
              Errc::not_found);
    }

    TEST_CASE("a mapped device that could not be removed is removed by the next to open it") {
        KernelPoolRig rig;
        rig.apply({CreateThin{DeviceId(1)}});
        const std::string name = kPool + "-1-io";
        rig.kernel().failures["remove " + name] = EBUSY;
        rig.pool().open_device(DeviceId(1), {}).reset();
        CHECK(rig.kernel().find(name).has_value());
        rig.kernel().failures.clear();
        CHECK_NOTHROW(rig.pool().open_device(DeviceId(1), {}).reset());
        CHECK_FALSE(rig.kernel().find(name).has_value());
    }

    TEST_CASE("views are the kernel's one metadata snapshot and each keeps its own moment") {
        KernelPoolRig rig;
        rig.apply({CreateThin{DeviceId(1)}});
        auto first = rig.pool().read_view();
        rig.apply({CreateThin{DeviceId(2)}});
        CHECK(rig.pool().status().held_root.has_value());
        {
            const auto second = rig.pool().read_view();
            CHECK(second->find_device(DeviceId(2)).has_value());
            CHECK(first->find_device(DeviceId(1)).has_value());
            CHECK_FALSE(first->find_device(DeviceId(2)).has_value());
        }
        CHECK_FALSE(rig.pool().status().held_root.has_value());
        CHECK_FALSE(first->find_device(DeviceId(2)).has_value());
    }

    TEST_CASE("a pool that takes no changes is looked at without a metadata snapshot") {
        KernelPoolRig rig;
        rig.apply({CreateThin{DeviceId(1)}});
        rig.kernel().mode = "ro";
        rig.kernel().calls.clear();
        CHECK(rig.pool().read_view()->find_device(DeviceId(1)).has_value());
        CHECK(rig.kernel().calls == Calls{"status"});
        CHECK(failure_of([&] { rig.apply({CreateThin{DeviceId(2)}}); }) == Errc::read_only);
    }

    TEST_CASE("a pool grows by another table and never shrinks") {
        KernelPoolRig rig;
        rig.data().reader().resize(200 * KernelPoolRig::kChunkSize);
        static_cast<void>(rig.pool());
        rig.kernel().calls.clear();
        rig.pool().grow_data(150 * KernelPoolRig::kChunkSize + 4096);
        CHECK(rig.pool().status().data.total == 150);
        CHECK(holds(rig.kernel().calls, "suspend without flush " + kPool));
        CHECK(failure_of([&] { rig.pool().grow_data(149 * KernelPoolRig::kChunkSize); }) ==
              Errc::invalid_argument);
        CHECK(failure_of([&] { rig.pool().grow_data(201 * KernelPoolRig::kChunkSize); }) ==
              Errc::invalid_argument);
        CHECK(rig.kernel().table(kPool).bytes == 150 * KernelPoolRig::kChunkSize);
    }

    TEST_CASE("a commit that the kernel did not make is an error") {
        KernelPoolRig rig;
        CHECK_NOTHROW(rig.pool().commit());
        rig.kernel().mode = "ro discard_passdown error_if_no_space needs_check";
        CHECK(failure_of([&] { rig.pool().commit(); }) == Errc::io);
    }
}

} // namespace thinsnap::test
