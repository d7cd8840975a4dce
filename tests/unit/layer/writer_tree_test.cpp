#include "layer/writer_tree.hpp"

#include <doctest/doctest.h>

#include "support/layer_device.hpp"
#include "support/memory_tree.hpp"

#include "unit/layer/random_layer.hpp"

namespace thinsnap::test {

TEST_SUITE("layer.writer_tree") {
    TEST_CASE("ext4 holds what the tree in memory says a layer means") {
        const std::uint64_t seed = test_seed();
        for (std::uint64_t round = 0; round < (long_run() ? 100 : 6); ++round) {
            Random random(mix(seed, round));
            CAPTURE(round);
            MemoryTree tree;
            LayerDevice device;
            for (int layer = 0; layer < 4; ++layer) {
                const std::string tar = random_layer(random, tree, 60);
                device.apply(tar);
                REQUIRE(device.listing() == tree.listing());
            }
        }
    }

    TEST_CASE("the same layers give the same device") {
        Random random(test_seed());
        MemoryTree tree;
        LayerDevice one;
        LayerDevice other;
        for (int layer = 0; layer < 3; ++layer) {
            const std::string tar = random_layer(random, tree, 40);
            one.apply(tar);
            other.apply(tar);
            const auto differing = changed_ranges(one, other);
            REQUIRE(differing.empty());
        }
    }
}

} // namespace thinsnap::test
