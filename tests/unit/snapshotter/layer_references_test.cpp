#include "snapshotter/layer_references.hpp"

#include <unordered_set>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "snapshotter/images.hpp"

#include "unit/snapshotter/image_states.hpp"

namespace thinsnap::test {

namespace {

using Ids = std::vector<std::uint32_t>;

Ids ids_of(const std::vector<const journal::Layer*>& layers) {
    Ids ids;
    for (const journal::Layer* layer : layers)
        ids.push_back(layer->device.value());
    return ids;
}

Ids unneeded(const journal::State& state, const snapshotter::ImageNames& without = {}) {
    return ids_of(snapshotter::unneeded_layers(state, snapshotter::needed_layers(state, without)));
}

/// 1 <- 2 <- 3 and 2 <- 4; the image a is 3, b is 4.
journal::State two_images() {
    journal::State state;
    add_layer(state, 1, {});
    add_layer(state, 2, 1);
    add_layer(state, 3, 2);
    add_layer(state, 4, 2);
    add_image(state, "a:latest", 3, "a");
    add_image(state, "b:latest", 4, "b");
    return state;
}

} // namespace

TEST_SUITE("snapshotter.layer_references") {
    TEST_CASE("an image's layers are its chain from the top down") {
        const auto state = two_images();
        CHECK(ids_of(snapshotter::layers_of(state, *state.find_image("b:latest"))) == Ids{4, 2, 1});
    }

    TEST_CASE("a layer is needed as long as anything stands on it") {
        auto state = two_images();
        CHECK(unneeded(state).empty());
        CHECK(unneeded(state, {"b:latest"}) == Ids{4});
        add_container(state, "c", 9, 4);
        CHECK(unneeded(state, {"b:latest"}).empty());
    }

    TEST_CASE("what nobody needs goes from the top down") {
        const auto state = two_images();
        CHECK(unneeded(state, {"a:latest", "b:latest"}) == Ids{3, 4, 2, 1});
    }

    TEST_CASE("what a layer that is being made stands on is needed") {
        auto state = two_images();
        state.apply(journal::LayerAdded{.device = DeviceId(7), .parent = DeviceId(3)});
        CHECK(unneeded(state, {"a:latest", "b:latest"}) == Ids{4});
    }

    TEST_CASE("an image is found by its name or by the first digits of its config") {
        const auto state = two_images();
        CHECK(snapshotter::get_image(state, "a").name == "a:latest");
        const std::string digits = state.find_image("b:latest")->config_digest.hex();
        CHECK(snapshotter::get_image(state, digits.substr(0, 4)).name == "b:latest");
        CHECK(snapshotter::get_image(state, "sha256:" + digits).name == "b:latest");
        CHECK_THROWS_AS(static_cast<void>(snapshotter::get_image(state, digits.substr(0, 3))),
                        Error);
        CHECK_THROWS_AS(static_cast<void>(snapshotter::get_image(state, "c")), Error);
    }
}

} // namespace thinsnap::test
