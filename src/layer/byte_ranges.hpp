#pragma once

#include <span>
#include <vector>

#include "ext4/file_system.hpp"

namespace thinsnap::layer {

using ext4::ByteRange;

/// What is in any of them: ascending, apart from each other. \param ranges  in any order; they may
/// overlap
[[nodiscard]] std::vector<ByteRange> union_of(std::vector<ByteRange> ranges);

/// Where two file systems may differ whose devices differ in `changed`: also where a journal was
/// replayed to memory when one of them was opened.
[[nodiscard]] std::vector<ByteRange> changed_with_replays(const ext4::FileSystem& lower,
                                                          const ext4::FileSystem& upper,
                                                          std::span<const ByteRange> changed);

} // namespace thinsnap::layer
