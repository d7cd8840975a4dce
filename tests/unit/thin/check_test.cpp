#include "thin/check.hpp"

#include <vector>

#include <doctest/doctest.h>

#include "support/metadata_builder.hpp"

namespace thinsnap::test {
TEST_SUITE("thin.check") {
    TEST_CASE("metadata with sharing at every level is clean") {
        MetadataBuilder builder(1024, 100000);
        builder.superblock().time = 3;
        const MetaBlock leaf = builder.leaf(run(0, 0, 200, 1));
        const MetaBlock other = builder.leaf(run(200, 200, 200, 1));
        const MetaBlock own = builder.leaf(run(200, 200, 200, 1));
        builder.add_device(device(1, 400), builder.internal({{0, leaf}, {200, other}}));
        builder.add_device(device(2, 400), builder.internal({{0, leaf}, {200, other}}));
        builder.add_device(device(3, 400), builder.internal({{0, leaf}, {200, own}}));
        const MetaBlock root = builder.tree(run(5, 1000, 70000));
        for (std::uint32_t id = 4; id < 400; ++id)
            builder.add_device(device(id, 70000), root);
        builder.hold();
        auto image = builder.finish();
        const auto result =
            thin::check_metadata(image.device(), {}, [](const thin::Finding& finding) {
                FAIL_CHECK(thin::describe(finding));
            });
        CHECK(result.is_clean());
        CHECK(result.warnings == 0);
        CHECK(result.devices == 399);
        CHECK(result.mappings == 1200 + 396 * 70000);
    }
}
} // namespace thinsnap::test
