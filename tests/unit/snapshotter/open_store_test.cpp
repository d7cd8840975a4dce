#include <cerrno>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "journal/record_codec.hpp"

#include "support/content.hpp"

#include "unit/snapshotter/store_rig.hpp"

namespace thinsnap::test {

using journal::FrameKind;
using journal::Record;
using Outcome = snapshotter::Recovery::Outcome;

namespace {

/// A layer 1 and a container 2 on it, at transaction 2, and then a crash after the journal got a
/// frame that the pool has not done.
struct CrashRig : StoreRig {
    CrashRig() {
        base = make_layer(1);
        store->commit(on_layer("web", base));
        web = device_of("web").value();
        store.reset();
    }

    void append(FrameKind kind, std::uint64_t transaction, const std::vector<Record>& records) {
        std::vector<std::byte> payload;
        for (const Record& record : records)
            journal::encode(record, payload);
        journal::Journal journal(directory, contents(), {.headroom = 512});
        journal.reserve(payload.size());
        journal.append(kind, TransactionId(transaction), payload);
    }
    void append(const std::vector<Record>& records) { append(FrameKind::change, 3, records); }

    DeviceId base;
    DeviceId web;
    DeviceId fresh{9};
};

} // namespace

TEST_SUITE("snapshotter.open_store") {
    TEST_CASE("equal ids are clean") {
        CrashRig rig;
        rig.open();
        CHECK(rig.store->recovery().outcome == Outcome::clean);
        CHECK(rig.pool.transaction() == 2);
        CHECK(rig.device_of("web") == rig.web);
    }

    TEST_CASE("a journal that is one ahead is redone") {
        CrashRig rig;
        rig.append(
            {journal::PoolSnapshot{rig.fresh, rig.base, false}, container(9, "new", rig.base)});
        rig.open();
        CHECK(rig.store->recovery().outcome == Outcome::redone);
        CHECK(rig.pool.devices().contains(rig.fresh));
        CHECK(rig.pool.transaction() == 3);
        CHECK(rig.device_of("new") == rig.fresh);
        rig.open();
        CHECK(rig.store->recovery().outcome == Outcome::clean);
    }

    TEST_CASE("what a redo finds there already is ours") {
        CrashRig rig;
        rig.append({journal::PoolCreate{rig.fresh},
                    journal::PoolSnapshot{DeviceId(10), rig.base, false},
                    container(9, "a"),
                    container(10, "b", rig.base)});
        rig.pool.add_device(rig.fresh); // done, and the crash came before the second
        rig.open();
        CHECK(rig.store->recovery().outcome == Outcome::redone);
        CHECK(rig.pool.devices().size() == 4);
        CHECK(rig.device_of("a") == rig.fresh);
        CHECK(rig.device_of("b") == DeviceId(10));
    }

    TEST_CASE("a delete that was begun is ended") {
        CrashRig rig;
        rig.open();
        rig.store->commit(new_container("other"));
        const DeviceId other = rig.device_of("other").value();
        rig.store->condemn(std::vector{other, rig.web});
        rig.store.reset();
        rig.append(FrameKind::change,
                   4,
                   {journal::PoolDelete{other},
                    journal::ContainerRemoved{other},
                    journal::PoolDelete{rig.web},
                    journal::ContainerRemoved{rig.web}});
        rig.pool.remove_device(other);
        rig.open();
        CHECK(rig.store->recovery().outcome == Outcome::redone);
        CHECK(rig.pool.devices() == std::set{rig.base});
    }

    TEST_CASE("a snapshot of an active origin that is absent is aborted and never redone") {
        CrashRig rig;
        rig.append({journal::PoolSnapshot{rig.fresh, rig.web, true},
                    journal::LayerAdded{.device = rig.fresh}});
        rig.open();
        CHECK(rig.store->recovery().outcome == Outcome::aborted);
        CHECK_FALSE(rig.pool.devices().contains(rig.fresh));
        CHECK(rig.pool.transaction() == 2);
        CHECK(rig.contents().transaction == TransactionId(2));
        CHECK(rig.store->read([](const journal::State& s) { return s.size(); }) == 2);
        rig.open();
        CHECK(rig.store->recovery().outcome == Outcome::clean);
        rig.store->commit(new_container("next"));
        CHECK(rig.pool.transaction() == 3);
    }

    TEST_CASE("a snapshot of an active origin that is there was made in time") {
        CrashRig rig;
        rig.append({journal::PoolSnapshot{rig.fresh, rig.web, true}, container(9, "copy")});
        rig.pool.add_device(rig.fresh);
        rig.open();
        CHECK(rig.store->recovery().outcome == Outcome::redone);
        CHECK(rig.device_of("copy") == rig.fresh);
    }

    TEST_CASE("an abort leaves nothing of what was done of it") {
        CrashRig rig;
        rig.append({journal::PoolCreate{rig.fresh},
                    journal::PoolSnapshot{DeviceId(10), rig.web, true},
                    container(9, "a"),
                    container(10, "b")});
        rig.pool.add_device(rig.fresh);
        rig.open();
        CHECK(rig.store->recovery().outcome == Outcome::aborted);
        CHECK(rig.pool.devices() == std::set{rig.base, rig.web});
    }

    TEST_CASE("a redo that the pool refuses is aborted if nothing of it stays done") {
        CrashRig rig;
        rig.append({journal::PoolCreate{rig.fresh}, container(9, "a")});
        rig.pool.refuse(Errc::no_space);
        rig.open();
        CHECK(rig.store->recovery().outcome == Outcome::aborted);
        CHECK_FALSE(rig.device_of("a").has_value());
        CHECK(rig.pool.transaction() == 2);
    }

    TEST_CASE("a redo that fails with an unknown outcome is not aborted") {
        CrashRig rig;
        rig.append({journal::PoolCreate{rig.fresh}, container(9, "a")});
        rig.pool.fail(false);
        CHECK(failure_of([&] { rig.open(); }) == Errc::io);
        CHECK(rig.contents().transaction == TransactionId(3));
        rig.pool.set_mode(PoolMode::write);
        rig.open();
        CHECK(rig.store->recovery().outcome == Outcome::redone);
    }

    TEST_CASE("any other difference is refused and says which is ahead and by how much") {
        CrashRig rig;
        const auto refusal = [&](std::uint64_t pool) {
            rig.pool.set_transaction(pool);
            CHECK(failure_of([&] { rig.open(); }) == Errc::precondition);
            return message_of([&] { rig.open(); });
        };
        const auto image = rig.directory.image();
        CHECK(refusal(7).find("transaction 2, the pool at 7: the pool is ahead by 5") !=
              std::string::npos);
        CHECK(refusal(0).find("transaction 2, the pool at 0: the journal is ahead by 2") !=
              std::string::npos);
        CHECK(rig.directory.image() == image);
        // One ahead, but by no transaction that could be done.
        journal::replace_journal(rig.directory, {}, {}, TransactionId(2));
        CHECK(refusal(1).find("ahead by 1") != std::string::npos);
    }

    TEST_CASE("a journal of another pool is refused") {
        CrashRig rig;
        rig.pool.set_uuid("00010203-0405-4607-8809-0a0b0c0d0e0f");
        CHECK(failure_of([&] { rig.open(); }) == Errc::precondition);
        CHECK(message_of([&] { rig.open(); }).find("00010203-0405-4607") != std::string::npos);
    }

    TEST_CASE("a new pool gets a journal of its own and a used one does not") {
        StoreRig rig(false);
        rig.pool.set_uuid("00010203-0405-4607-8809-0a0b0c0d0e0f");
        rig.pool.set_transaction(12);
        rig.open();
        CHECK(rig.contents().transaction == TransactionId(12));
        CHECK(rig.contents().header.pool.at(15) == std::byte{15});
        StoreRig used(false);
        used.pool.add_device(DeviceId(3));
        CHECK(failure_of([&] { used.open(); }) == Errc::not_found);
        CHECK(used.directory.image().empty());
    }

    TEST_CASE("what was being made when its maker went away is deleted") {
        CrashRig rig;
        rig.open();
        DeviceId unfinished{};
        rig.store->commit(freeze(rig.web, &unfinished));
        rig.store->commit([&](snapshotter::Draft& draft) {
            const DeviceId id = draft.new_device();
            return snapshotter::Proposal{
                {CreateThin{id}},
                {journal::ContainerAdded{.device = id, .name = "half", .preparing = true}}};
        });
        const DeviceId half = rig.device_of("half").value();
        rig.open();
        CHECK(rig.store->recovery().unfinished == std::vector{unfinished, half});
        CHECK(rig.pool.devices() == std::set{rig.base, rig.web});
        CHECK_FALSE(rig.device_of("half").has_value());
        CHECK(rig.contents().state.size() == 2);
    }

    TEST_CASE("a condemned entry whose device is gone is removed") {
        CrashRig rig;
        rig.open();
        rig.store->condemn(std::vector{rig.web});
        rig.pool.remove_device(rig.web);
        rig.open();
        CHECK(rig.contents().state.size() == 1);
    }

    TEST_CASE("a pool that takes no changes can be opened and nothing is tried") {
        CrashRig rig;
        rig.open();
        rig.store->condemn(std::vector{rig.web});
        rig.pool.set_mode(PoolMode::read_only);
        rig.open();
        CHECK(rig.store->failure().empty());
        CHECK(rig.pool.devices().size() == 2);
        CHECK(failure_of([&] { rig.store->commit(new_container("a")); }) == Errc::read_only);
        CHECK(rig.contents().transaction == TransactionId(2));
    }

    TEST_CASE("a reader of the pool sees what the pool has done") {
        CrashRig rig;
        rig.append({journal::PoolCreate{rig.fresh}, container(9, "a")});
        const auto image = rig.directory.image();
        CHECK(snapshotter::read_state(rig.pool, rig.directory).size() == 2);
        rig.pool.add_device(rig.fresh);
        rig.pool.set_transaction(3);
        CHECK(snapshotter::read_state(rig.pool, rig.directory).size() == 3);
        rig.pool.set_transaction(5);
        CHECK(failure_of([&] { (void)snapshotter::read_state(rig.pool, rig.directory); }) ==
              Errc::precondition);
        CHECK(rig.directory.image() == image);
    }

    TEST_CASE("a pool's last commit is made durable before names are recorded on it") {
        CrashRig rig;
        std::vector<std::string> calls;
        rig.pool.on_call([&](const std::string& call) { calls.push_back(call); });
        rig.open(); // the pool may have come here by a process that was killed
        CHECK(calls == std::vector<std::string>{"apply"});
        CHECK(rig.pool.transaction() == 2);
        rig.store->commit(proposing({{}, {journal::LabelsSet{rig.web, at_second(1), {}}}}));
        calls.clear();
        rig.open();
        CHECK(calls.empty());
    }
}

} // namespace thinsnap::test
