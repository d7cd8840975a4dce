#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "layer/tree.hpp"

namespace thinsnap::layer {

/// A place in a tree that names lead to, through symlinks, as if the tree's root were "/": nothing
/// leads out of it.
///
/// Directories that are missing are places, too. As in umoci and containerd, ".." in a symlink's
/// target goes back to where the way came from, also behind a name that is missing, and stops at
/// the root.
struct ResolvedDirectory {
    struct Step {
        std::string name;
        std::optional<ext4::InodeNumber> inode; ///< none: missing
    };
    std::vector<Step> steps; ///< from the root, which is none of them
    /// What stands in the way and is no directory; everything behind it is missing.
    std::optional<std::string> obstacle;

    [[nodiscard]] bool is_there() const {
        return !obstacle && (steps.empty() || steps.back().inode.has_value());
    }
};

class PathResolver {
public:
    /// Symlinks in one name. Source: Linux include/linux/namei.h, MAXSYMLINKS
    static constexpr unsigned kMaxSymlinks = 40;
    /// Directories on the way to a file; what was made by a path of PATH_MAX bytes has no more.
    static constexpr std::size_t kMaxDepth = 2048;

    /// The tree must outlive it.
    explicit PathResolver(Tree& tree)
        : tree_(tree) {}

    /// Follows all of `components`, the last one, too.
    /// \throws Error(corrupt)  too many symlinks, too deep, a symlink to a name that is too long
    [[nodiscard]] ResolvedDirectory resolve(std::span<const std::string_view> components) const;

private:
    Tree& tree_;
};

} // namespace thinsnap::layer
