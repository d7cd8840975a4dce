#include <algorithm>
#include <string>
#include <unordered_set>
#include <vector>

#include <doctest/doctest.h>

#include "journal/record_codec.hpp"
#include "snapshotter/gathering.hpp"

#include "support/content.hpp"

#include "unit/snapshotter/store_rig.hpp"

namespace thinsnap::test {

using snapshotter::BatchNames;
using snapshotter::Gathering;

namespace {

constexpr auto kYes = Gathering::Added::yes;
constexpr auto kLater = Gathering::Added::later;

/// A layer 1, containers 2 and 3 on it, container 4 condemned; all in the pool.
struct Group {
    Group() {
        apply_all(state, layer(1, 1));
        state.apply(container(2, "two", DeviceId(1)));
        state.apply(container(3, "three", DeviceId(1)));
        state.apply(container(4, "four"));
        state.apply(journal::Condemned{DeviceId(4)});
    }
    journal::State state;
    std::unordered_set<DeviceId> devices{DeviceId(1), DeviceId(2), DeviceId(3), DeviceId(4)};
    DeviceId last_given{4};
};

std::vector<journal::PoolSnapshot> snapshots_in(std::span<const std::byte> payload) {
    std::vector<journal::PoolSnapshot> found;
    journal::for_each_record(payload, [&](journal::Record&& record) {
        if (const auto* snapshot = std::get_if<journal::PoolSnapshot>(&record))
            found.push_back(*snapshot);
    });
    return found;
}

} // namespace

TEST_SUITE("snapshotter.group") {
    TEST_CASE("a batch never names an id twice except as a later origin") {
        const DeviceId a(1);
        const DeviceId b(2);
        const DeviceId c(3);
        const auto accepts = [](const std::vector<PoolOperation>& operations) {
            return BatchNames().accepts(operations);
        };
        CHECK(accepts({CreateThin{a}, CreateSnapshot{b, a}, CreateSnapshot{c, a}}));
        CHECK(accepts({CreateSnapshot{b, a}, CreateSnapshot{c, b}}));
        CHECK(accepts({DeleteDevice{a}, DeleteDevice{b}}));
        CHECK_FALSE(accepts({CreateThin{a}, CreateThin{a}}));
        CHECK_FALSE(accepts({CreateSnapshot{a, a}}));
        CHECK_FALSE(accepts({CreateSnapshot{b, a}, CreateThin{a}}));
        CHECK_FALSE(accepts({DeleteDevice{a}, DeleteDevice{a}}));
        CHECK_FALSE(accepts({DeleteDevice{a}, CreateThin{b}}));
        CHECK_FALSE(accepts({CreateThin{b}, DeleteDevice{a}}));
        CHECK_FALSE(accepts({DeleteDevice{a}, CreateSnapshot{b, a}}));
    }

    TEST_CASE("each member sees what those before it in the group do") {
        Group group;
        Gathering gathering(group.state, group.devices, group.last_given);
        CHECK(gathering.add(new_container("web")) == kYes);
        CHECK(failure_of([&] { (void)gathering.add(new_container("web")); }) ==
              Errc::already_exists);
        DeviceId frozen{};
        CHECK(gathering.add(freeze(DeviceId(5), &frozen)) == kYes); // of what was just made
        CHECK(frozen == DeviceId(7));
        CHECK(gathering.operations().size() == 2);
        CHECK(gathering.proposals().size() == 2);
    }

    TEST_CASE("the state is as before when the gathering is over") {
        Group group;
        {
            Gathering gathering(group.state, group.devices, group.last_given);
            CHECK(gathering.add(new_container("web")) == kYes);
            CHECK(group.state.find_container("web") != nullptr);
        }
        CHECK(group.state.find_container("web") == nullptr);
        CHECK(group.state.size() == 4);
    }

    TEST_CASE("who would name an id twice waits for the next group") {
        Group group;
        Gathering gathering(group.state, group.devices, group.last_given);
        const auto remove =
            proposing({{DeleteDevice{DeviceId(4)}}, {journal::ContainerRemoved{DeviceId(4)}}});
        CHECK(gathering.add(new_container("web")) == kYes);
        CHECK(gathering.add(remove) == kLater);
        CHECK(gathering.add(proposing({{}, {journal::Condemned{DeviceId(2)}}})) == kYes);
        Group other;
        Gathering deletes(other.state, other.devices, other.last_given);
        CHECK(deletes.add(remove) == kYes);
        CHECK(deletes.add(new_container("web")) == kLater);
        CHECK(deletes.add(on_layer("web", DeviceId(1))) == kLater);
        CHECK(deletes.operations().size() == 1);
    }

    TEST_CASE("a frame that is large enough takes no more") {
        Group group;
        Gathering gathering(group.state, group.devices, group.last_given);
        journal::Image large = image("large", 1);
        large.config = std::string(2U << 20U, '{');
        CHECK(gathering.add(proposing({{}, {journal::ImageSet{large}}})) == kYes);
        CHECK(gathering.add(new_container("web")) == kLater);
        large.config = std::string(40U << 20U, '{');
        Gathering next(group.state, group.devices, group.last_given);
        CHECK(failure_of([&] {
                  (void)next.add(proposing({{}, {journal::ImageSet{large}}}));
              }) == Errc::invalid_argument);
    }

    TEST_CASE("only a ready layer is an origin that nobody writes to") {
        Group group;
        DeviceId frozen{};
        DeviceId again{};
        Gathering gathering(group.state, group.devices, group.last_given);
        CHECK(gathering.add(on_layer("web", DeviceId(1))) == kYes);
        CHECK(gathering.add(freeze(DeviceId(2), &frozen)) == kYes);
        CHECK(gathering.add(freeze(frozen, &again)) == kYes); // not ready yet
        const auto snapshots = snapshots_in(gathering.payload());
        REQUIRE(snapshots.size() == 3);
        CHECK_FALSE(snapshots[0].origin_active);
        CHECK(snapshots[1].origin_active);
        CHECK(snapshots[2].origin_active);
    }

    TEST_CASE("an id that is freed in the group is not given away in it") {
        Group group;
        group.last_given = DeviceId(3);
        Gathering gathering(group.state, group.devices, group.last_given);
        CHECK(gathering.add(proposing({{DeleteDevice{DeviceId(4)}},
                                       {journal::ContainerRemoved{DeviceId(4)}}})) == kYes);
        CHECK_FALSE(gathering.state().knows(DeviceId(4)));
        CHECK(gathering.new_device() == DeviceId(5));
    }
}

} // namespace thinsnap::test
