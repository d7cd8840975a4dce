#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "tar/format.hpp"

namespace thinsnap::test {

/// Gives every block with a header's magic the checksum that it must have: else a fuzzer of tars
/// would find nothing but its absence.
inline void make_checksums_right(std::span<std::byte> tar) {
    for (; tar.size() >= tar::kBlockSize; tar = tar.subspan(tar::kBlockSize)) {
        tar::Block block{};
        std::copy_n(tar.begin(), block.size(), block.begin());
        if (!tar::field_bytes(block, tar::kMagic).starts_with("ustar"))
            continue;
        tar::put_checksum(block);
        std::copy(block.begin(), block.end(), tar.begin());
    }
}

} // namespace thinsnap::test
