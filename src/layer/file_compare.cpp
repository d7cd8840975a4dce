#include "layer/file_compare.hpp"

#include <algorithm>
#include <limits>

namespace thinsnap::layer {

namespace {

using ext4::FileExtent;
using ext4::FileSystem;
using ext4::FileType;
using ext4::InodeInfo;
using ext4::InodeNumber;

constexpr std::uint64_t kComparePiece = std::uint64_t{256} << 10U;

/// What has been written; the rest reads as zeros.
std::vector<FileExtent> written_extents(const FileSystem& fs, InodeNumber number) {
    std::vector<FileExtent> extents;
    fs.for_each_extent(number, [&](const FileExtent& extent) {
        if (!extent.unwritten)
            extents.push_back(extent);
    });
    return extents;
}

/// What stands at a file's byte, and how far it goes on like that.
struct Run {
    bool hole = true;
    std::uint64_t physical = 0;
    std::uint64_t end = std::numeric_limits<std::uint64_t>::max(); ///< in the file
};

/// Looks an ascending list up at ascending offsets.
class ExtentCursor {
public:
    explicit ExtentCursor(const std::vector<FileExtent>& extents)
        : rest_(extents) {}

    [[nodiscard]] Run at(std::uint64_t offset) {
        while (!rest_.empty() && rest_.front().logical + rest_.front().length <= offset)
            rest_ = rest_.subspan(1);
        if (rest_.empty())
            return {};
        const FileExtent& extent = rest_.front();
        if (extent.logical > offset)
            return {true, 0, extent.logical};
        return {false, extent.physical + (offset - extent.logical), extent.logical + extent.length};
    }

private:
    std::span<const FileExtent> rest_;
};

bool has_blocks(FileType type) {
    return type == FileType::regular || type == FileType::directory || type == FileType::symlink;
}

} // namespace

bool FileCompare::same_attributes(const InodeInfo& lower, const InodeInfo& upper) const {
    if (lower.type != upper.type || lower.attributes != upper.attributes)
        return false;
    if (!lower.has_xattrs && !upper.has_xattrs)
        return true;
    return lower_.xattrs(lower.number) == upper_.xattrs(upper.number);
}

bool FileCompare::same_file(const InodeInfo& lower, const InodeInfo& upper) const {
    if (lower.size != upper.size || lower.device != upper.device || !same_attributes(lower, upper))
        return false;
    if (lower.type == FileType::symlink)
        return lower_.link_target(lower.number) == upper_.link_target(upper.number);
    return lower.type != FileType::regular || same_content(lower, upper);
}

bool FileCompare::same_inode(const InodeInfo& lower, const InodeInfo& upper) const {
    if (lower.ctime != upper.ctime || lower.size != upper.size || lower.links != upper.links ||
        lower.allocated_bytes != upper.allocated_bytes || lower.device != upper.device ||
        lower.generation != upper.generation || !same_attributes(lower, upper))
        return false;
    if (lower.type == FileType::symlink)
        return lower_.link_target(lower.number) == upper_.link_target(upper.number);
    if (!has_blocks(lower.type))
        return true;
    const auto lower_extents = written_extents(lower_, lower.number);
    const auto upper_extents = written_extents(upper_, upper.number);
    return std::equal(lower_extents.begin(),
                      lower_extents.end(),
                      upper_extents.begin(),
                      upper_extents.end(),
                      [&](const FileExtent& a, const FileExtent& b) {
                          return a.logical == b.logical && a.physical == b.physical &&
                                 a.length == b.length &&
                                 first_changed(a.physical, a.length) == a.physical + a.length;
                      });
}

bool FileCompare::same_content(const InodeInfo& lower, const InodeInfo& upper) const {
    const auto lower_extents = written_extents(lower_, lower.number);
    const auto upper_extents = written_extents(upper_, upper.number);
    ExtentCursor lower_at(lower_extents);
    ExtentCursor upper_at(upper_extents);
    for (std::uint64_t offset = 0; offset < upper.size;) {
        const Run a = lower_at.at(offset);
        const Run b = upper_at.at(offset);
        std::uint64_t end = std::min({a.end, b.end, upper.size});
        if (!a.hole && !b.hole && a.physical == b.physical) {
            const std::uint64_t same = first_changed(a.physical, end - offset) - a.physical;
            offset += same;
            end = std::min(end, offset + kComparePiece);
        }
        if (!(a.hole && b.hole) && !same_bytes(lower, upper, offset, end - offset))
            return false;
        offset = end;
    }
    return true;
}

bool FileCompare::same_bytes(const InodeInfo& lower,
                             const InodeInfo& upper,
                             std::uint64_t offset,
                             std::uint64_t length) const {
    if (length == 0)
        return true;
    std::vector<std::byte> a(std::min(length, kComparePiece));
    std::vector<std::byte> b(a.size());
    for (std::uint64_t done = 0; done < length; done += a.size()) {
        if (check_cancelled_)
            check_cancelled_();
        const auto piece =
            static_cast<std::size_t>(std::min<std::uint64_t>(a.size(), length - done));
        const std::size_t got_a =
            lower_.read(lower.number, offset + done, std::span(a).first(piece));
        const std::size_t got_b =
            upper_.read(upper.number, offset + done, std::span(b).first(piece));
        if (got_a != got_b ||
            !std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(got_a), b.begin()))
            return false;
    }
    return true;
}

std::uint64_t FileCompare::first_changed(std::uint64_t offset, std::uint64_t length) const {
    const auto range =
        std::partition_point(changed_.begin(), changed_.end(), [&](const ByteRange& candidate) {
            return candidate.offset + candidate.length <= offset;
        });
    if (range == changed_.end())
        return offset + length;
    return std::clamp(range->offset, offset, offset + length);
}

} // namespace thinsnap::layer
