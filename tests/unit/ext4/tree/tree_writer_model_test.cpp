#include <doctest/doctest.h>

#include "ext4/file_system.hpp"
#include "ext4/format.hpp"
#include "ext4/tree_writer.hpp"

#include "support/ext4_image.hpp"
#include "support/random.hpp"

#include "unit/ext4/tree/tree_model.hpp"

namespace thinsnap::test {

using ext4::FileSystem;
using ext4::FileSystemAccess;
using ext4::TreeWriter;

TEST_SUITE("ext4.tree_writer_model") {
    TEST_CASE("layers of random changes hold what a model of them says") {
        const std::uint64_t seed = test_seed();
        CAPTURE(seed);
        const int rounds = long_run() ? 40 : 2;
        for (int round = 0; round < rounds; ++round) {
            CAPTURE(round);
            Random random(mix(seed, static_cast<std::uint64_t>(round)));
            ImageFile image(128U << 20U);
            ext4::format(image, options_for(image.size()));
            TreeModel model(random.next());
            for (int layer = 0; layer < 8; ++layer) {
                CAPTURE(layer);
                {
                    FileSystem fs(image, FileSystemAccess::read_write);
                    TreeWriter writer(
                        fs, {.grow_device = [&](std::uint64_t bytes) { image.resize(bytes); }});
                    for (std::uint64_t n = random.below(400); n > 0; --n)
                        model.change(writer);
                    REQUIRE(model.difference(writer) == "");
                    writer.finish();
                }
                REQUIRE(complaints_of_e2fsck(image) == "");
                const FileSystem fs(image, FileSystemAccess::read_only);
                REQUIRE(model.difference(fs) == "");
            }
        }
    }
}

} // namespace thinsnap::test
