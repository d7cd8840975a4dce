#include "layer/byte_ranges.hpp"

#include <algorithm>
#include <utility>

namespace thinsnap::layer {

std::vector<ByteRange> union_of(std::vector<ByteRange> ranges) {
    std::ranges::sort(ranges);
    std::vector<ByteRange> merged;
    for (const ByteRange& range : ranges) {
        if (merged.empty() || range.offset > merged.back().offset + merged.back().length) {
            merged.push_back(range);
            continue;
        }
        ByteRange& last = merged.back();
        last.length = std::max(last.length, range.offset + range.length - last.offset);
    }
    return merged;
}

std::vector<ByteRange> changed_with_replays(const ext4::FileSystem& lower,
                                            const ext4::FileSystem& upper,
                                            std::span<const ByteRange> changed) {
    std::vector<ByteRange> ranges(changed.begin(), changed.end());
    for (const ext4::FileSystem* side : {&lower, &upper}) {
        const std::vector<ByteRange> replayed = side->replayed();
        ranges.insert(ranges.end(), replayed.begin(), replayed.end());
    }
    return union_of(std::move(ranges));
}

} // namespace thinsnap::layer
