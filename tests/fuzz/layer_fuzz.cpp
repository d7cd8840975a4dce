#include <string>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"
#include "layer/apply.hpp"

#include "support/memory_tree.hpp"
#include "support/tar_builder.hpp"

#include "fuzz/fuzz.hpp"

/// \file
/// The input's first byte: bit 0 asks for OverlayFS's marks. The rest is a tar, which is applied to
/// a small tree of lower layers. Checksums are made right first, else the fuzzer would find nothing
/// but their absence.

namespace thinsnap::test {

namespace {

constexpr std::size_t kBlock = 512;

/// Gives every block that could be a header the checksum that it must have.
std::string with_checksums(std::string tar) {
    for (std::size_t at = 0; at + kBlock <= tar.size(); at += kBlock) {
        if (tar.compare(at + 257, 5, "ustar") != 0)
            continue;
        tar.replace(at + 148, 8, 8, ' ');
        unsigned sum = 0;
        for (std::size_t i = 0; i < kBlock; ++i)
            sum += static_cast<unsigned char>(tar[at + i]);
        for (std::size_t i = 6; i-- > 0; sum /= 8)
            tar[at + 148 + i] = static_cast<char>('0' + sum % 8);
    }
    return tar;
}

void apply_layer(MemoryTree& tree, const std::string& tar, bool overlay) {
    MemorySource source(std::as_bytes(std::span(tar)));
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
                    .finished(),
                false);
    std::string tar;
    for (const std::byte b : input.subspan(1))
        tar += static_cast<char>(b);
    try {
        apply_layer(
            tree, with_checksums(std::move(tar)), (input[0] & std::byte{1}) != std::byte{0});
        TS_ASSERT(tree.nameless() == 0);
    } catch (const Error& error) {
        TS_ASSERT(error.kind() == Errc::corrupt || error.kind() == Errc::unsupported);
    }
    return 0;
}

} // namespace thinsnap::test
