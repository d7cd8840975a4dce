#include "journal/state.hpp"

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "journal/checkpoint.hpp"

#include "support/content.hpp"
#include "support/journal_samples.hpp"
#include "support/random.hpp"

namespace thinsnap::test {

using namespace journal; // NOLINT(google-build-using-namespace) every name here is one of its

namespace {

constexpr DeviceId kBase{1};
constexpr DeviceId kWeb{5};

/// Layer 1, layer 2 on it, container web on 2, an image.
State small_state() {
    State state;
    apply_all(state, layer(1, 100));
    apply_all(state, layer(2, 200, kBase));
    state.apply(container(5, "web", DeviceId(2)));
    state.apply(ImageSet{image("debian:12", 200)});
    return state;
}

/// A copy, by way of the records that a checkpoint would have.
State copy_of(const State& state) {
    State copy;
    for_each_record_of(state, [&](const Record& record) { copy.apply(record); });
    return copy;
}

void require_refused(State& state, Errc kind, const Record& record) {
    const State before = copy_of(state);
    CAPTURE(name_of(record));
    CHECK(failure_of([&] { state.apply(record); }) == kind);
    CHECK(state == before);
}

} // namespace

TEST_SUITE("journal.state") {
    TEST_CASE("layers and containers and images are found by what names them") {
        const State state = small_state();
        REQUIRE(state.find_layer(digest(200)) != nullptr);
        CHECK(state.find_layer(digest(200))->device == DeviceId(2));
        CHECK(state.find_layer(digest(200))->blobs == std::vector{digest(2'000'200)});
        CHECK(state.find_layer(kBase)->stage == Stage::ready);
        CHECK(state.find_layer(digest(7)) == nullptr);
        REQUIRE(state.find_container("web") != nullptr);
        CHECK(state.find_container("web")->parent == DeviceId(2));
        CHECK(state.find_container("we") == nullptr);
        CHECK(state.find_container(kWeb)->name == "web");
        REQUIRE(state.find_image("debian:12") != nullptr);
        CHECK(state.find_image("debian:12")->top_chain == digest(200));
        CHECK(state.children(kBase) == 1);
        CHECK(state.children(DeviceId(2)) == 1);
        CHECK(state.children(kWeb) == 0);
        CHECK(state.last_device() == kWeb);
        CHECK(state.size() == 4);
    }

    TEST_CASE("a layer is found by its chain ID once it is ready and not after it is condemned") {
        State state;
        state.apply(LayerAdded{.device = kBase});
        CHECK(state.find_layer(kBase)->stage == Stage::preparing);
        state.apply(LayerCommitted{.device = kBase, .chain_id = digest(1)});
        CHECK(state.find_layer(digest(1)) != nullptr);
        state.apply(Condemned{kBase});
        CHECK(state.find_layer(digest(1)) == nullptr);
        CHECK(state.find_layer(kBase)->stage == Stage::condemned);
        state.apply(LayerRemoved{kBase});
        CHECK_FALSE(state.knows(kBase));
    }

    TEST_CASE("of several layers with a chain ID an applied one is found") {
        State state;
        for (const std::uint32_t id : {3U, 2U, 1U}) {
            state.apply(LayerAdded{.device = DeviceId(id),
                                   .kind = id == 2 ? LayerKind::applied : LayerKind::committed});
            state.apply(LayerCommitted{.device = DeviceId(id), .chain_id = digest(1)});
        }
        CHECK(state.find_layer(digest(1))->device == DeviceId(2));
        state.apply(Condemned{DeviceId(2)});
        CHECK(state.find_layer(digest(1))->device == DeviceId(1));
        state.apply(Condemned{DeviceId(1)});
        CHECK(state.find_layer(digest(1))->device == DeviceId(3));
    }

    TEST_CASE("digests that come later are added and those that are there stay") {
        State state;
        state.apply(LayerAdded{.device = kBase, .kind = LayerKind::committed});
        state.apply(LayerCommitted{.device = kBase});
        state.apply(LayerDigests{.device = kBase, .chain_id = digest(1), .blobs = {digest(5)}});
        state.apply(
            LayerDigests{.device = kBase, .diff_id = digest(2), .blobs = {digest(5), digest(6)}});
        CHECK(state.find_layer(digest(1))->diff_id == digest(2));
        CHECK(state.find_layer(kBase)->blobs == std::vector{digest(5), digest(6)});
        require_refused(
            state, Errc::precondition, LayerDigests{.device = kBase, .chain_id = digest(9)});
    }

    TEST_CASE("a condemned container gives its name free and leaves its layer") {
        State state = small_state();
        state.apply(Condemned{kWeb});
        CHECK(state.find_container("web") == nullptr);
        CHECK(state.children(DeviceId(2)) == 0);
        state.apply(container(6, "web", DeviceId(2)));
        CHECK(state.find_container("web")->device == DeviceId(6));
        CHECK(copy_of(state) == state);
        state.apply(ContainerRemoved{kWeb});
        CHECK(state.find_container("web")->device == DeviceId(6));
    }

    TEST_CASE("what the order of events forbids is refused and changes nothing") {
        State state = small_state();
        require_refused(state, Errc::already_exists, container(6, "web"));
        require_refused(state, Errc::already_exists, container(2, "other"));
        require_refused(state, Errc::already_exists, LayerAdded{.device = kWeb});
        require_refused(state, Errc::not_found, container(6, "other", DeviceId(77)));
        require_refused(state, Errc::not_found, container(6, "other", kWeb));
        require_refused(state, Errc::invalid_argument, container(6, ""));
        require_refused(state, Errc::invalid_argument, container(6, std::string(4097, 'a')));
        require_refused(state, Errc::invalid_argument, LayerAdded{.device = DeviceId(1U << 24U)});
        require_refused(state, Errc::precondition, LayerCommitted{.device = kBase});
        require_refused(state, Errc::not_found, LayerCommitted{.device = kWeb});
        require_refused(state, Errc::precondition, LayerRemoved{kBase});
        require_refused(state, Errc::precondition, ContainerRemoved{kWeb});
        require_refused(state, Errc::precondition, Condemned{DeviceId(2)}); // has a child
        require_refused(state, Errc::not_found, Condemned{DeviceId(77)});
        require_refused(state, Errc::not_found, ImageRemoved{"none"});
        require_refused(state, Errc::not_found, LabelsSet{.device = DeviceId(77)});
        require_refused(state, Errc::precondition, CheckpointEnd{.layers = 3});
        state.apply(Condemned{kWeb});
        require_refused(state, Errc::precondition, Condemned{kWeb});
        require_refused(state, Errc::precondition, LabelsSet{.device = kWeb});
        require_refused(state, Errc::precondition, ContainerReady{kWeb, 1});
        state.apply(LayerAdded{.device = DeviceId(9)});
        require_refused(state, Errc::precondition, container(10, "early", DeviceId(9)));
    }

    TEST_CASE("labels and sizes are replaced") {
        State state = small_state();
        state.apply(LabelsSet{kWeb, at_second(9), {{"a", "b"}}});
        CHECK(state.find_container("web")->labels == Labels{{"a", "b"}});
        CHECK(state.find_container("web")->updated == at_second(9));
        CHECK(state.find_container("web")->created == at_second(2));
        state.apply(LabelsSet{kBase, at_second(8), {}});
        CHECK(state.find_layer(kBase)->updated == at_second(8));
        state.apply(ContainerReady{kWeb, 99});
        CHECK(state.find_container("web")->virtual_size == 99);
    }

    TEST_CASE("what is to be active after a boot is set and taken back") {
        State state = small_state();
        CHECK_FALSE(state.find_container("web")->activation.has_value());
        state.apply(ActivationSet{kWeb, true, "/srv/web", true});
        CHECK(state.find_container("web")->activation == journal::Activation{"/srv/web", true});
        state.apply(ActivationSet{.device = kWeb, .is_wanted = true});
        CHECK(state.find_container("web")->activation == journal::Activation{});
        require_refused(state,
                        Errc::invalid_argument,
                        ActivationSet{kWeb, true, std::string(4097, '/'), false});
        require_refused(state, Errc::not_found, ActivationSet{.device = kBase});
        state.apply(ActivationSet{.device = kWeb});
        CHECK_FALSE(state.find_container("web")->activation.has_value());
        state.apply(ActivationSet{.device = kWeb, .is_wanted = true});
        state.apply(Condemned{kWeb});
        CHECK_FALSE(state.find_container(kWeb)->activation.has_value());
        require_refused(state, Errc::precondition, ActivationSet{.device = kWeb});
    }

    TEST_CASE("a container moves to the device that was prepared for it") {
        State state = small_state();
        const auto parent = state.find_container("web")->parent;
        state.apply(LabelsSet{kWeb, at_second(9), {{"a", "b"}}});
        state.apply(LayerAdded{.device = DeviceId(9), .parent = parent});
        state.apply(ContainerMoved{kWeb, DeviceId(9), 99});
        const auto* moved = state.find_container("web");
        REQUIRE(moved != nullptr);
        CHECK(moved->device == DeviceId(9));
        CHECK(moved->parent == parent);
        CHECK(moved->virtual_size == 99);
        CHECK(moved->labels == Labels{{"a", "b"}});
        CHECK(state.find_layer(DeviceId(9)) == nullptr);
        CHECK(state.find_container(kWeb)->stage == Stage::condemned);
        CHECK(state.children(parent.value()) == 1);
        // whoever began before it moved comes too late
        state.apply(LayerAdded{.device = DeviceId(10), .parent = parent});
        require_refused(state, Errc::precondition, ContainerMoved{kWeb, DeviceId(10), 99});
        // a ready layer, another parent, nothing at all
        require_refused(state, Errc::precondition, ContainerMoved{DeviceId(9), kBase, 99});
        state.apply(LayerAdded{.device = DeviceId(11)});
        require_refused(state, Errc::precondition, ContainerMoved{DeviceId(9), DeviceId(11), 9});
        require_refused(state, Errc::not_found, ContainerMoved{DeviceId(9), DeviceId(77), 9});
    }

    TEST_CASE("everything that is done can be taken back to any point") {
        State state = small_state();
        const std::vector<Record> records{
            LabelsSet{kWeb, at_second(9), {{"a", "b"}}},
            LayerAdded{.device = DeviceId(20), .parent = DeviceId(2)},
            ContainerMoved{kWeb, DeviceId(20), 99},
            LayerAdded{.device = DeviceId(21), .parent = DeviceId(2)},
            ContainerMoved{DeviceId(20), DeviceId(21), 99},
            ContainerRemoved{DeviceId(20)},
            ContainerRemoved{kWeb},
            LayerAdded{.device = kWeb, .parent = DeviceId(2)},
            ContainerMoved{DeviceId(21), kWeb, 99},
            ActivationSet{kWeb, true, "/srv/web", false},
            Condemned{kWeb},
            container(6, "web", DeviceId(2)),
            ContainerRemoved{kWeb},
            ImageSet{image("debian:12", 100)},
            ImageSet{image("other", 100)},
            ImageRemoved{"debian:12"},
            LayerAdded{.device = DeviceId(7), .parent = kBase},
            LayerCommitted{.device = DeviceId(7), .chain_id = digest(3)},
            LayerDigests{.device = DeviceId(7), .diff_id = digest(4)},
            Condemned{DeviceId(7)},
            LayerRemoved{DeviceId(7)},
        };
        Undo undo;
        std::vector<State> states;
        std::vector<std::size_t> marks;
        for (const Record& record : records) {
            states.push_back(copy_of(state));
            marks.push_back(undo.mark());
            state.apply(record, &undo);
        }
        for (std::size_t i = records.size(); i > 0; --i) {
            CAPTURE(i);
            state.take_back(undo, marks[i - 1]);
            CHECK(state.layers() == states[i - 1].layers());
            CHECK(state.containers() == states[i - 1].containers());
            CHECK(state.images() == states[i - 1].images());
            CHECK(state.children(kBase) == states[i - 1].children(kBase));
            const auto* web = states[i - 1].find_container("web");
            CHECK((web == nullptr ? state.find_container("web") == nullptr
                                  : state.find_container("web")->device == web->device));
            CHECK((state.find_layer(digest(3)) == nullptr) ==
                  (states[i - 1].find_layer(digest(3)) == nullptr));
        }
    }

    TEST_CASE("a state survives its way through the records of a checkpoint") {
        State state = large_state(300);
        state.apply(Condemned{DeviceId(1005)});
        state.apply(LabelsSet{DeviceId(1006), at_second(7), {{"k", "v"}}});
        state.apply(ContainerAdded{.device = DeviceId(5000), .name = "p", .preparing = true});
        state.apply(ActivationSet{DeviceId(1007), true, "/srv", true});
        state.apply(LayerAdded{.device = DeviceId(5001), .parent = DeviceId(7)});
        state.apply(LayerAdded{.device = DeviceId(5002), .parent = DeviceId(7)});
        state.apply(Condemned{DeviceId(5002)});
        State copy;
        for_each_record_of(state, [&](const Record& record) {
            if (!std::holds_alternative<CheckpointEnd>(record))
                return copy.apply(record);
            CHECK(failure_of([&] { copy.apply(record); }) == std::nullopt);
        });
        CHECK(copy.containers() == state.containers());
        CHECK(copy.images() == state.images());
        CHECK(copy.last_device() == state.last_device());
        for (const auto& [id, expected] : state.layers()) {
            Layer seen = *copy.find_layer(id);
            if (expected.stage == Stage::condemned) // it may have been committed before
                seen.size = expected.size;
            CHECK(seen == expected);
        }
    }

    TEST_CASE("what is forgotten leaves its children without a parent") {
        State state = small_state();
        state.forget(DeviceId(2));
        CHECK(state.find_layer(digest(200)) == nullptr);
        CHECK_FALSE(state.find_container("web")->parent.has_value());
        CHECK(state.children(kBase) == 0);
        CHECK(copy_of(state) == state);
        state.forget(kWeb);
        CHECK(state.find_container("web") == nullptr);
        CHECK(copy_of(state) == state);
    }
}

} // namespace thinsnap::test
