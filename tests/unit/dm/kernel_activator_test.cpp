#include "dm/kernel_activator.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/content.hpp"

#include "unit/dm/pool_rig.hpp"

namespace thinsnap::test {

namespace {

using attach::Deactivate;

constexpr DeviceId kOne{1};
const std::string kActive = KernelPoolRig::kName + "-1";

/// Device 1 exists; nothing is active.
class ActivatorRig : public KernelPoolRig {
public:
    ActivatorRig() { apply({CreateThin{kOne}}); }
    [[nodiscard]] dm::KernelActivator activator() { return dm::KernelActivator(kernel(), pool()); }
    [[nodiscard]] bool committed() {
        return std::ranges::find(kernel().calls, "commit") != kernel().calls.end();
    }
};

} // namespace

TEST_SUITE("dm.kernel_activator") {
    TEST_CASE("an active device is a mapped device by numbers of that size") {
        ActivatorRig rig;
        auto activator = rig.activator();
        const auto device = activator.activate({.id = kOne, .name = "web", .size = 1U << 20U});
        CHECK(device.name == "web");
        CHECK(device.size == 1U << 20U);
        CHECK_FALSE(device.read_only);
        CHECK(device.path == "/dev/" + kActive);
        CHECK(rig.kernel().table(kActive) == dm::thin_target(rig.pool().number(), kOne, 1U << 20U));
        CHECK(activator.list().size() == 1);
        CHECK(failure_of([&] { activator.activate({.id = kOne, .name = "x", .size = 4096}); }) ==
              Errc::busy);
        CHECK(failure_of([&] {
                  activator.activate({.id = DeviceId(2), .name = "x", .size = 4096});
              }) == Errc::not_found);
    }

    TEST_CASE("another process finds what is active by the kernel's table") {
        ActivatorRig rig;
        rig.activator().activate({.id = kOne, .name = "web", .size = 4096, .read_only = true});
        rig.close(); // the pool stays for its device
        auto activator = rig.activator();
        const auto found = activator.find(kOne);
        REQUIRE(found.has_value());
        CHECK(found->name == "thin device 1");
        CHECK(found->size == 4096);
        CHECK(found->read_only);
        CHECK_FALSE(activator.find(DeviceId(2)).has_value());
        const auto internal = rig.pool().open_device(kOne, {});
        CHECK(activator.list().size() == 1); // not the program's own
    }

    TEST_CASE("a device that is deactivated has been committed") {
        ActivatorRig rig;
        auto activator = rig.activator();
        activator.activate({.id = kOne, .name = "web", .size = 4096});
        rig.kernel().calls.clear();
        SUBCASE("now") {
            activator.deactivate(kOne, Deactivate::now);
        }
        SUBCASE("if nobody uses it") {
            CHECK(activator.try_deactivate(kOne));
        }
        SUBCASE("when nobody uses it") {
            activator.deactivate(kOne, Deactivate::when_unused);
        }
        CHECK(rig.committed());
        CHECK(activator.list().empty());
        CHECK(failure_of([&] { activator.deactivate(kOne, Deactivate::now); }) == Errc::not_found);
    }

    TEST_CASE("a device in use stays until its last user goes and is committed then") {
        ActivatorRig rig;
        auto activator = rig.activator();
        activator.activate({.id = kOne, .name = "web", .size = 4096});
        rig.kernel().set_users(kActive, 1);
        CHECK_FALSE(activator.try_deactivate(kOne));
        CHECK(failure_of([&] { activator.deactivate(kOne, Deactivate::now); }) == Errc::busy);
        CHECK(rig.kernel().find(kActive)->leaving == false);
        activator.deactivate(kOne, Deactivate::when_unused);
        CHECK(activator.find(kOne)->leaving);
        CHECK(failure_of([&] { activator.activate({.id = kOne, .name = "x", .size = 4096}); }) ==
              Errc::busy);
        rig.kernel().calls.clear();
        rig.kernel().set_users(kActive, 0);
        CHECK(activator.list().empty());
        CHECK(rig.committed());
        CHECK_NOTHROW(activator.activate({.id = kOne, .name = "again", .size = 4096}));
    }

    TEST_CASE("a revoked device fails for its users without waiting for them") {
        ActivatorRig rig;
        auto activator = rig.activator();
        activator.activate({.id = kOne, .name = "web", .size = 8192});
        rig.kernel().set_users(kActive, 2);
        rig.kernel().calls.clear();
        activator.revoke(kOne);
        CHECK(rig.kernel().table(kActive) == dm::error_target(8192));
        CHECK(rig.kernel().calls == std::vector<std::string>{"load " + kActive,
                                                             "suspend at once " + kActive,
                                                             "resume " + kActive,
                                                             "remove later " + kActive});
        CHECK(activator.find(kOne)->leaving);
        rig.kernel().set_users(kActive, 0);
        CHECK_FALSE(activator.find(kOne).has_value());
    }

    TEST_CASE("a device grows while it is in use and never shrinks") {
        ActivatorRig rig;
        auto activator = rig.activator();
        activator.activate({.id = kOne, .name = "web", .size = 8192});
        rig.kernel().set_users(kActive, 1);
        activator.resize(kOne, 1U << 20U);
        CHECK(activator.find(kOne)->size == 1U << 20U);
        CHECK(failure_of([&] { activator.resize(kOne, 8192); }) == Errc::invalid_argument);
        CHECK_FALSE(rig.kernel().is_suspended(kActive));
    }
}

} // namespace thinsnap::test
