#include "snapshotter/repair.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "journal/journal.hpp"
#include "journal/record_codec.hpp"

#include "support/content.hpp"

#include "unit/snapshotter/store_rig.hpp"

namespace thinsnap::test {

using snapshotter::compare;
using snapshotter::Finding;
using snapshotter::FindingKind;
using snapshotter::repair;

namespace {

/// Layers 1 and 2 on it, container 3 on 2, an image of 2.
struct RepairRig : StoreRig {
    RepairRig() {
        base = make_layer(1);
        store->commit([&](snapshotter::Draft& draft) {
            top = draft.new_device();
            return snapshotter::Proposal{{CreateSnapshot{top, base}},
                                         {journal::LayerAdded{.device = top, .parent = base}}};
        });
        store->commit(
            proposing({{}, {journal::LayerCommitted{.device = top, .chain_id = digest(2)}}}));
        store->commit(on_layer("web", top));
        store->commit(proposing({{}, {journal::ImageSet{image("debian", 2)}}}));
        web = device_of("web").value();
        store.reset();
    }

    [[nodiscard]] std::vector<FindingKind> found() {
        std::vector<FindingKind> kinds;
        for (const Finding& finding : compare(pool, directory))
            kinds.push_back(finding.kind);
        return kinds;
    }
    void fix_all() { repair(pool, directory, compare(pool, directory)); }

    DeviceId base;
    DeviceId top;
    DeviceId web;
};

using Kinds = std::vector<FindingKind>;

} // namespace

TEST_SUITE("snapshotter.repair") {
    TEST_CASE("a sound pool and its journal have no findings") {
        RepairRig rig;
        CHECK(rig.found().empty());
        const auto image = rig.directory.image();
        rig.fix_all();
        CHECK(rig.directory.image() == image);
    }

    TEST_CASE("an orphan device is found and deleted") {
        RepairRig rig;
        rig.pool.add_device(DeviceId(77));
        CHECK(rig.found() == Kinds{FindingKind::orphan_device});
        CHECK(compare(rig.pool, rig.directory).front().device == DeviceId(77));
        CHECK(rig.pool.devices().contains(DeviceId(77)));
        rig.fix_all();
        CHECK_FALSE(rig.pool.devices().contains(DeviceId(77)));
        CHECK(rig.found().empty());
        rig.open();
        CHECK(rig.device_of("web").has_value());
    }

    TEST_CASE("a missing device is found and its entry goes and what was on it stays") {
        RepairRig rig;
        rig.pool.remove_device(rig.top);
        CHECK(rig.found() == Kinds{FindingKind::missing_device});
        rig.fix_all();
        CHECK(rig.found() == Kinds{FindingKind::image_without_layer});
        rig.fix_all();
        CHECK(rig.found().empty());
        rig.open();
        CHECK(rig.device_of("web") == rig.web);
        CHECK(rig.contents().state.images().empty());
        CHECK_FALSE(rig.contents().state.find_container("web")->parent.has_value());
    }

    TEST_CASE("a transaction gap is found and both go on from the larger id") {
        for (const std::uint64_t pool : {1U, 99U}) {
            RepairRig rig;
            rig.pool.set_transaction(pool);
            CHECK(rig.found() == Kinds{FindingKind::transaction_gap});
            CHECK(failure_of([&] { rig.open(); }) == Errc::precondition);
            rig.fix_all();
            CHECK(rig.found().empty());
            rig.open();
            CHECK(rig.pool.transaction() == std::max<std::uint64_t>(pool, 3));
            rig.store->commit(new_container("next"));
            CHECK(rig.found().empty());
        }
    }

    TEST_CASE("a transaction that will be redone is no finding and is not repaired around") {
        RepairRig rig;
        std::vector<std::byte> payload;
        journal::encode(journal::PoolCreate{DeviceId(9)}, payload);
        journal::encode(container(9, "new"), payload);
        {
            journal::Journal journal(rig.directory, rig.contents(), {.headroom = 512});
            journal.reserve(payload.size());
            journal.append(journal::FrameKind::change, TransactionId(4), payload);
        }
        CHECK(rig.found().empty());
        rig.pool.add_device(DeviceId(9)); // half done
        CHECK(rig.found().empty());
        rig.pool.add_device(DeviceId(77));
        CHECK(rig.found() == Kinds{FindingKind::orphan_device});
        CHECK(failure_of([&] { rig.fix_all(); }) == Errc::precondition);
        rig.open();
        CHECK(rig.device_of("new") == DeviceId(9));
    }

    TEST_CASE("what a crash left half made or half deleted is found and goes") {
        RepairRig rig;
        rig.open();
        DeviceId frozen{};
        rig.store->commit(freeze(rig.web, &frozen));
        rig.store->commit(new_container("gone"));
        rig.store->condemn(std::vector{rig.device_of("gone").value()});
        rig.store.reset();
        CHECK(rig.found() == Kinds{FindingKind::preparing_left, FindingKind::condemned_left});
        rig.fix_all();
        CHECK(rig.found().empty());
        CHECK(rig.pool.devices().size() == 3);
    }

    TEST_CASE("of several findings only those that are chosen are fixed") {
        RepairRig rig;
        rig.pool.add_device(DeviceId(77));
        rig.pool.add_device(DeviceId(78));
        const auto all = compare(rig.pool, rig.directory);
        REQUIRE(all.size() == 2);
        repair(rig.pool, rig.directory, std::span(all).first(1));
        CHECK(compare(rig.pool, rig.directory) == std::vector{all[1]});
        CHECK(failure_of([&] { repair(rig.pool, rig.directory, all); }) == Errc::precondition);
        CHECK(rig.pool.devices().contains(DeviceId(78)));
    }

    TEST_CASE("damage of the journal is found and what stands behind it is given up") {
        RepairRig rig;
        auto image = rig.directory.image();
        // The frame that made container `web`: what is left knows the layers only.
        const auto contents = rig.contents();
        auto& bytes = image.at("journal");
        for (std::size_t at = contents.checkpoint_size; at + 3 < bytes.size(); ++at)
            if (bytes[at] == std::byte{'w'} && bytes[at + 1] == std::byte{'e'} &&
                bytes[at + 2] == std::byte{'b'})
                bytes[at] = std::byte{'x'};
        VolatileDirectory damaged(rig.power, image);
        CHECK(failure_of([&] { (void)snapshotter::open_store(rig.pool, damaged); }) ==
              Errc::corrupt);
        const auto findings = compare(rig.pool, damaged);
        Kinds kinds;
        for (const Finding& finding : findings)
            kinds.push_back(finding.kind);
        CHECK(kinds == Kinds{FindingKind::journal_damaged,
                             FindingKind::transaction_gap,
                             FindingKind::orphan_device});
        CHECK(failure_of([&] { repair(rig.pool, damaged, std::span(findings).last(1)); }) ==
              Errc::precondition);
        repair(rig.pool, damaged, findings);
        CHECK(compare(rig.pool, damaged).empty());
        CHECK(rig.pool.devices() == std::set{rig.base, rig.top});
        CHECK(snapshotter::open_store(rig.pool, damaged)->recovery().outcome ==
              snapshotter::Recovery::Outcome::clean);
    }

    TEST_CASE("a missing or foreign journal is found and replaced") {
        RepairRig rig;
        VolatileDirectory empty(rig.power);
        auto findings = compare(rig.pool, empty);
        REQUIRE(findings.size() == 4);
        CHECK(findings.front().kind == FindingKind::journal_missing);
        repair(rig.pool, empty, std::span(findings).first(1));
        CHECK(compare(rig.pool, empty).size() == 3);
        CHECK(rig.pool.devices().size() == 3);
        rig.pool.set_uuid("00010203-0405-4607-8809-0a0b0c0d0e0f");
        CHECK(rig.found() == Kinds{FindingKind::journal_foreign});
        rig.fix_all();
        CHECK(rig.found().empty());
        rig.open();
        CHECK(rig.device_of("web") == rig.web);
    }
}

} // namespace thinsnap::test
