#include <vector>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"
#include "layer/apply.hpp"

#include "support/memory_tree.hpp"
#include "support/tar_builder.hpp"

#include "fuzz/fuzz.hpp"
#include "fuzz/tar_checksums.hpp"

/// \file
/// The input's first byte: bit 0 asks for OverlayFS's marks. The rest is a tar, which is applied to
/// a small tree of lower layers. Checksums are made right first, else the fuzzer would find nothing
/// but their absence.

namespace thinsnap::test {

namespace {

void apply_layer(MemoryTree& tree, std::span<const std::byte> tar, bool overlay) {
    MemorySource source(tar);
    layer::apply_tar(
        source,
        tree,
        {.overlay_whiteouts = overlay, .max_entries = 1000, .max_content_bytes = 1U << 20U});
}

} // namespace

int fuzz_one(std::span<const std::byte> input) {
    if (input.empty())
        return -1;
    MemoryTree tree;
    apply_layer(tree,
                TarBuilder()
                    .directory("d")
                    .file("d/a", "lower")
                    .file("d/sub/b", "lower")
                    .symlink("s", "/d/sub")
                    .symlink("loop", "loop")
                    .hard_link("h", "d/a")
                    .finished_bytes(),
                false);
    const auto rest = input.subspan(1);
    std::vector<std::byte> tar(rest.begin(), rest.end());
    make_checksums_right(tar);
    try {
        apply_layer(tree, tar, (input[0] & std::byte{1}) != std::byte{0});
        TS_ASSERT(tree.nameless() == 0);
    } catch (const Error& error) {
        TS_ASSERT(error.kind() == Errc::corrupt || error.kind() == Errc::unsupported);
    }
    return 0;
}

} // namespace thinsnap::test
