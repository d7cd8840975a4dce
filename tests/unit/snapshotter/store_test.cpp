#include <cerrno>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "support/content.hpp"

#include "unit/snapshotter/store_rig.hpp"

namespace thinsnap::test {

using journal::Condemned;
using journal::LayerCommitted;
using snapshotter::Draft;
using snapshotter::Proposal;

TEST_SUITE("snapshotter.store") {
    TEST_CASE("a commit is in the journal before the pool does it and seen after") {
        StoreRig rig;
        std::vector<std::string> calls;
        rig.pool.on_call([&](const std::string& call) {
            calls.push_back(call);
            // nothing survives but what was flushed
            VolatileDirectory left(rig.power,
                                   rig.directory.image_after_cut({}, 0, rig.directory.unflushed()));
            const auto contents = journal::read_journal(left).value();
            CHECK(contents.transaction == TransactionId(1));
            CHECK(contents.state.find_container("web") != nullptr);
            CHECK(rig.pool.transaction() == 0);
            CHECK_FALSE(rig.device_of("web").has_value());
        });
        rig.store->commit(new_container("web"));
        CHECK(calls == std::vector<std::string>{"apply"});
        CHECK(rig.device_of("web") == DeviceId(1));
        CHECK(rig.pool.devices().contains(DeviceId(1)));
        CHECK(rig.pool.transaction() == 1);
        CHECK(rig.store->transaction() == TransactionId(1));
    }

    TEST_CASE("a change of names carries the current transaction id unchanged") {
        StoreRig rig;
        rig.store->commit(new_container("web"));
        bool asked = false;
        rig.pool.on_call([&](const std::string&) { asked = true; });
        rig.store->commit(
            proposing({{}, {journal::LabelsSet{DeviceId(1), at_second(5), {{"a", "b"}}}}}));
        CHECK_FALSE(asked);
        CHECK(rig.contents().transaction == TransactionId(1));
        CHECK(rig.contents().state.find_container("web")->labels.size() == 1);
    }

    TEST_CASE("a builder that finds nothing to do writes nothing") {
        StoreRig rig;
        rig.store->commit(new_container("web"));
        const auto before = rig.directory.image();
        rig.pool.on_call([&](const std::string& call) { FAIL_CHECK(call); });
        rig.store->commit(proposing({}));
        CHECK(rig.directory.image() == before);
    }

    TEST_CASE("a layer's content is made durable before it is called committed") {
        StoreRig rig;
        rig.store->commit(
            proposing({{CreateThin{DeviceId(4)}}, {journal::LayerAdded{.device = DeviceId(4)}}}));
        std::vector<std::string> calls;
        rig.pool.on_call([&](const std::string& call) {
            calls.push_back(call);
            CHECK(rig.contents().state.find_layer(DeviceId(4))->stage == journal::Stage::preparing);
        });
        rig.store->commit(proposing({{}, {LayerCommitted{.device = DeviceId(4)}}}));
        CHECK(calls == std::vector<std::string>{"commit"});
        CHECK(rig.contents().state.find_layer(DeviceId(4))->stage == journal::Stage::ready);
    }

    TEST_CASE("a builder that throws changes nothing and its caller gets what it threw") {
        StoreRig rig;
        CHECK_THROWS_AS(rig.store->commit([](Draft&) -> Proposal { throw 42; }), int);
        CHECK(failure_of([&] {
                  rig.store->commit(
                      [](Draft&) -> Proposal { throw Error(Errc::unsupported, "no"); });
              }) == Errc::unsupported);
        CHECK(rig.contents().frames == 1);
        rig.store->commit(new_container("web"));
        CHECK(failure_of([&] { rig.store->commit(new_container("web")); }) == Errc::already_exists);
        CHECK(rig.pool.devices().size() == 1);
        CHECK(rig.contents().frames == 2);
    }

    TEST_CASE("a refusal by the pool is an abort and the next transaction has the same id") {
        StoreRig rig;
        rig.pool.refuse(Errc::no_space);
        CHECK(failure_of([&] { rig.store->commit(new_container("web")); }) == Errc::no_space);
        CHECK(rig.store->failure().empty());
        CHECK(rig.contents().transaction == TransactionId(0));
        CHECK(rig.contents().state.size() == 0);
        CHECK(rig.contents().frames == 3);
        CHECK_FALSE(rig.device_of("web").has_value());
        rig.store->commit(new_container("web"));
        CHECK(rig.contents().transaction == TransactionId(1));
        CHECK(rig.pool.transaction() == 1);
        rig.open();
        CHECK(rig.store->recovery().outcome == snapshotter::Recovery::Outcome::clean);
        CHECK(rig.device_of("web").has_value());
    }

    TEST_CASE("once space is short it is asked for before the journal is written") {
        StoreRig rig;
        rig.pool.set_mode(PoolMode::out_of_data_space);
        rig.pool.refuse(Errc::no_space);
        CHECK(failure_of([&] { rig.store->commit(new_container("web")); }) == Errc::no_space);
        const auto frames = rig.contents().frames;
        CHECK(failure_of([&] { rig.store->commit(new_container("web")); }) == Errc::no_space);
        CHECK(rig.contents().frames == frames);
        rig.pool.set_mode(PoolMode::write);
        rig.store->commit(new_container("web"));
        CHECK(rig.device_of("web").has_value());
    }

    TEST_CASE("a pool whose answer was lost has done it") {
        StoreRig rig;
        rig.pool.lose_answer();
        rig.store->commit(new_container("web"));
        CHECK(rig.device_of("web").has_value());
        CHECK(rig.store->failure().empty());
        rig.store->commit(new_container("other"));
        CHECK(rig.pool.transaction() == 2);
    }

    TEST_CASE("transaction T+2 is not appended before the pool has T+1") {
        for (const bool done : {false, true}) {
            StoreRig rig;
            rig.pool.fail(done);
            const auto failed = message_of([&] { rig.store->commit(new_container("web")); });
            CHECK(failed.find("outcome unknown") != std::string::npos);
            const auto frames = rig.contents().frames;
            CHECK(rig.contents().transaction == TransactionId(1)); // no abort: it may be done
            CHECK(failure_of([&] { rig.store->commit(new_container("next")); }) == Errc::read_only);
            CHECK(failure_of([&] {
                      rig.store->commit(proposing({{}, {Condemned{DeviceId(1)}}}));
                  }) == Errc::read_only);
            CHECK(rig.contents().frames == frames);
            rig.pool.set_mode(PoolMode::write);
            rig.open();
            CHECK(rig.store->recovery().outcome == (done ? snapshotter::Recovery::Outcome::clean
                                                         : snapshotter::Recovery::Outcome::redone));
            CHECK(rig.device_of("web").has_value());
            CHECK(rig.pool.devices().size() == 1);
        }
    }

    TEST_CASE("a failed append ends the commits with an unknown outcome") {
        StoreRig rig;
        rig.directory.fail(DirectoryOperation::sync_file, EIO);
        const auto failed = message_of([&] { rig.store->commit(new_container("web")); });
        CHECK(failed.find("outcome unknown") != std::string::npos);
        CHECK(rig.pool.transaction() == 0);
        CHECK(failure_of([&] { rig.store->commit(new_container("web")); }) == Errc::read_only);
        CHECK_FALSE(rig.device_of("web").has_value());
        rig.open();
        CHECK(rig.pool.devices().size() == 1); // the frame was there after all
        CHECK(rig.device_of("web").has_value());
    }

    TEST_CASE("a full disk refuses a commit and the store goes on") {
        StoreRig rig;
        rig.directory.fail(DirectoryOperation::allocate, ENOSPC);
        const std::string label(1000, 'x');
        const Proposal large{{}, {journal::ImageSet{image(label, 1)}}};
        CHECK(failure_of([&] { rig.store->commit(proposing(large)); }) == Errc::no_space);
        CHECK(rig.store->failure().empty());
        rig.store->commit(proposing(large));
    }

    TEST_CASE("an id that exists in the pool is an error and never a reason to delete") {
        StoreRig rig;
        rig.pool.add_device(DeviceId(1)); // somebody else's, behind the store's back
        CHECK(failure_of([&] { rig.store->commit(new_container("web")); }) == Errc::already_exists);
        CHECK(rig.pool.devices() == std::set{DeviceId(1)});
        CHECK(rig.contents().transaction == TransactionId(0));
        rig.open(); // knows it now, and makes a detour
        rig.store->commit(new_container("web"));
        CHECK(rig.device_of("web") == DeviceId(2));
        CHECK(rig.pool.devices().size() == 2);
    }

    TEST_CASE("ids advance cyclically and pass over those that are taken") {
        StoreRig rig(false);
        rig.pool.add_device(DeviceId(0));
        journal::State state;
        state.apply(container(kMaxDeviceId.value() - 1, "late"));
        rig.pool.add_device(DeviceId(kMaxDeviceId.value() - 1));
        journal::replace_journal(rig.directory, {}, state, TransactionId(0));
        rig.open();
        std::vector<DeviceId> ids;
        for (const char* name : {"a", "b", "c"}) {
            ids.emplace_back();
            rig.store->commit(new_container(name, &ids.back()));
        }
        CHECK(ids == std::vector{kMaxDeviceId, DeviceId(1), DeviceId(2)});
    }

    TEST_CASE("a freed id is not given away before its delete is confirmed") {
        StoreRig rig(false);
        journal::State state;
        state.apply(container(6, "old"));
        state.apply(Condemned{DeviceId(6)});
        state.apply(container(5, "five")); // the next id would be 6
        rig.pool.add_device(DeviceId(5));
        rig.pool.add_device(DeviceId(6));
        rig.pool.use(DeviceId(6)); // so that opening does not delete it
        journal::replace_journal(rig.directory, {}, state, TransactionId(0));
        rig.open();
        CHECK(rig.store->recovery().kept == std::vector{DeviceId(6)});
        const auto next = [&](Draft& draft) {
            CHECK(draft.new_device() == DeviceId(7));
            return Proposal{};
        };
        rig.store->commit(next);
        rig.pool.release(DeviceId(6));
        // One commit deletes it, and asks for an id in the same moment.
        DeviceId given{};
        rig.store->commit([&](Draft& draft) {
            CHECK_FALSE(draft.new_device() == DeviceId(6));
            return Proposal{{DeleteDevice{DeviceId(6)}}, {journal::ContainerRemoved{DeviceId(6)}}};
        });
        CHECK_FALSE(rig.pool.devices().contains(DeviceId(6)));
        rig.open(); // begins behind the last id again
        rig.store->commit(new_container("new", &given));
        CHECK(given == DeviceId(6));
    }

    TEST_CASE("a proposal that says one thing to the pool and another to the journal is refused") {
        StoreRig rig;
        rig.store->commit(new_container("web"));
        const std::vector<Proposal> bad{
            {{CreateThin{DeviceId(9)}}, {}},
            {{}, {container(9, "other")}},
            {{CreateThin{DeviceId(8)}}, {container(9, "other")}},
            {{DeleteDevice{DeviceId(1)}}, {}},
            {{CreateThin{DeviceId(9)}, CreateThin{DeviceId(9)}}, {container(9, "other")}},
            {{CreateThin{DeviceId(9)}, DeleteDevice{DeviceId(1)}}, {container(9, "other")}},
            {{CreateThin{DeviceId(1U << 24U)}}, {container(9, "other")}},
        };
        for (const Proposal& proposal : bad)
            CHECK(failure_of([&] { rig.store->commit(proposing(proposal)); }) ==
                  Errc::invalid_argument);
        CHECK(failure_of([&] {
                  rig.store->commit(proposing({{CreateThin{DeviceId(1)}}, {container(1, "b")}}));
              }) == Errc::already_exists);
        CHECK(failure_of([&] { rig.store->commit(on_layer("b", DeviceId(77))); }) ==
              Errc::not_found);
        rig.store->condemn(std::vector{DeviceId(1)});
        CHECK(failure_of([&] {
                  rig.store->commit(proposing({{}, {journal::ContainerRemoved{DeviceId(1)}}}));
              }) == Errc::invalid_argument);
        CHECK(rig.pool.devices() == std::set{DeviceId(1)});
    }

    TEST_CASE("what is condemned is deleted in a transaction of its own") {
        StoreRig rig;
        const DeviceId base = rig.make_layer(1);
        rig.store->commit(on_layer("web", base));
        const DeviceId web = rig.device_of("web").value();
        CHECK(failure_of([&] { rig.store->condemn(std::vector{base}); }) == Errc::precondition);
        rig.store->condemn(std::vector{web, base});
        CHECK_FALSE(rig.device_of("web").has_value());
        CHECK(rig.pool.devices().size() == 2);
        CHECK(rig.store->sweep().empty());
        CHECK(rig.pool.devices().empty());
        CHECK(rig.store->read([](const journal::State& s) { return s.size(); }) == 0);
        CHECK(rig.store->sweep().empty());
        for (const auto& batch : rig.pool.batches()) {
            const bool deletes = std::holds_alternative<DeleteDevice>(batch.front());
            for (const PoolOperation& operation : batch)
                CHECK(std::holds_alternative<DeleteDevice>(operation) == deletes);
        }
    }

    TEST_CASE("what is in use is deleted later and the rest is not kept from it") {
        StoreRig rig;
        for (const char* name : {"a", "b", "c"})
            rig.store->commit(new_container(name));
        rig.store->condemn(std::vector{DeviceId(1), DeviceId(2), DeviceId(3)});
        rig.pool.use(DeviceId(2));
        CHECK(rig.store->sweep() == std::vector{DeviceId(2)});
        CHECK(rig.pool.devices() == std::set{DeviceId(2)});
        rig.pool.release(DeviceId(2));
        CHECK(rig.store->sweep().empty());
        CHECK(rig.pool.devices().empty());
        rig.open();
        CHECK(rig.store->recovery().outcome == snapshotter::Recovery::Outcome::clean);
    }

    TEST_CASE("the journal is folded when it has grown and everything is still there") {
        StoreRig rig(false);
        rig.minimum = 2000;
        rig.open();
        for (int i = 0; i < 100; ++i) {
            rig.store->commit(new_container(fmt::format("{}", i)));
            if (i % 10 != 0) {
                rig.store->condemn(std::vector{rig.device_of(fmt::format("{}", i)).value()});
                CHECK(rig.store->sweep().empty());
            }
        }
        CHECK(rig.contents().header.generation > 3);
        CHECK(rig.contents().file_size < 8000);
        CHECK(rig.contents().state.containers().size() == 10);
        rig.open();
        CHECK(rig.pool.devices().size() == 10);
        CHECK(rig.store->checkpoint_failure().empty());
    }

    TEST_CASE("a checkpoint that fails is told and does no harm") {
        StoreRig rig(false);
        rig.minimum = 2000;
        rig.open();
        rig.directory.fail(DirectoryOperation::create, ENOSPC);
        for (int i = 0; i < 30; ++i)
            rig.store->commit(new_container(fmt::format("{}", i)));
        CHECK_FALSE(rig.store->checkpoint_failure().empty());
        CHECK(rig.store->failure().empty());
        CHECK(rig.contents().header.generation == 1);
        for (int i = 30; i < 90; ++i)
            rig.store->commit(new_container(fmt::format("{}", i)));
        CHECK(rig.store->checkpoint_failure().empty());
        CHECK(rig.contents().header.generation > 1);
        CHECK(rig.contents().state.size() == 90);
    }
}

} // namespace thinsnap::test
