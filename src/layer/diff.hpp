#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ext4/file_system.hpp"
#include "layer/byte_ranges.hpp"

namespace thinsnap::layer {

enum class ChangeKind {
    added,
    modified, ///< content or attributes; also a directory with a change somewhere below it
    deleted,  ///< with everything below it
    /// Did not change, but belongs into a layer with the changes: another name of a file that has
    /// one among them, a directory on the way to such a name, or the root with other attributes.
    included,
};

/// 'A', 'C', 'D', or ' '.
[[nodiscard]] char change_letter(ChangeKind kind);

struct Change {
    ChangeKind kind = ChangeKind::modified;
    std::string path;        ///< absolute: "/", "/usr/bin"
    ext4::InodeNumber inode; ///< in the upper file system; of what is deleted, in the lower
    ext4::FileType type = ext4::FileType::regular;
};

struct DiffOptions {
    /// Called now and then, stops the work by throwing.
    std::function<void()> check_cancelled{};
};

/// What a file system has that differs from the one it is a snapshot of, path by path.
///
/// As `docker diff` has it on a block driver: a directory is modified when anything below it is,
/// what is below a deleted one is not listed, what is below an added one is. A rename is a deletion
/// and an addition. Times other than mtime are no change, neither is content that stands in other
/// blocks, byte for byte the same. A file that got or lost another name did not change; one that
/// was replaced by a file just like it did, if either has several names.
///
/// \param changed  what differs between the two devices, ascending, without overlaps: every byte
///                 outside is the same on both. What a replay of either's journal changed comes to
///                 it here: FileSystem::replayed().
/// \return  sorted, a directory right before what is in it
/// \throws Error(corrupt)  either file system is
/// Cost: the inodes in `changed`; every directory of the upper file system once, in the worst case
///       (a changed file's directory is found only so); content of files with the same attributes
///       as before, as far as it stands in `changed` or in other blocks.
[[nodiscard]] std::vector<Change> find_changes(const ext4::FileSystem& lower,
                                               const ext4::FileSystem& upper,
                                               std::span<const ByteRange> changed,
                                               const DiffOptions& options = {});

} // namespace thinsnap::layer
