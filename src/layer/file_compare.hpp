#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ext4/file_system.hpp"
#include "layer/diff.hpp"

namespace thinsnap::layer {

/// Compares files of two file systems whose devices are the same but for some ranges.
class FileCompare {
public:
    /// All must outlive it. \param changed  ascending, without overlaps
    FileCompare(const ext4::FileSystem& lower,
                const ext4::FileSystem& upper,
                std::span<const ByteRange> changed,
                const std::function<void()>& check_cancelled)
        : lower_(lower)
        , upper_(upper)
        , changed_(changed)
        , check_cancelled_(check_cancelled) {}

    /// Type, attributes, size, device, target, extended attributes and content are the same.
    [[nodiscard]] bool same_file(const ext4::InodeInfo& lower, const ext4::InodeInfo& upper) const;
    /// The same for directories, which have no content here.
    [[nodiscard]] bool same_attributes(const ext4::InodeInfo& lower,
                                       const ext4::InodeInfo& upper) const;
    /// The inode says the same on both sides, also what same_file() does not look at, and what it
    /// points to is the same: nothing of the file can have changed. May say no where it has not.
    [[nodiscard]] bool same_inode(const ext4::InodeInfo& lower, const ext4::InodeInfo& upper) const;

private:
    using Extents = std::vector<ext4::FileExtent>;

    [[nodiscard]] bool same_content(const ext4::InodeInfo& lower,
                                    const ext4::InodeInfo& upper) const;
    [[nodiscard]] bool same_bytes(const ext4::InodeInfo& lower,
                                  const ext4::InodeInfo& upper,
                                  std::uint64_t offset,
                                  std::uint64_t length) const;
    /// The first byte in [offset, offset + length) of the device that may differ; else the end.
    [[nodiscard]] std::uint64_t first_changed(std::uint64_t offset, std::uint64_t length) const;

    const ext4::FileSystem& lower_;
    const ext4::FileSystem& upper_;
    std::span<const ByteRange> changed_;
    const std::function<void()>& check_cancelled_;
};

} // namespace thinsnap::layer
