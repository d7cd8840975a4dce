#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "ext4/types.hpp"

namespace thinsnap::layer {

/// The names that the layer being applied has brought, with the directories on the way to them:
/// what its whiteouts must spare, wherever they stand in its tar.
///
/// By directory and name, as symlinks can lead to one place by many paths. A name that is removed
/// again stays here: whoever gets its inode's number belongs to the layer, too.
class UpperNames {
public:
    /// The layer has made this directory: all that is in it is the layer's.
    void add_made(ext4::InodeNumber directory) { made_.insert(directory); }
    [[nodiscard]] bool is_made(ext4::InodeNumber directory) const {
        return made_.count(directory) != 0;
    }

    void add(ext4::InodeNumber directory, std::string_view name);
    [[nodiscard]] bool contains(ext4::InodeNumber directory, std::string_view name) const;

private:
    std::unordered_set<ext4::InodeNumber> made_;
    std::unordered_map<ext4::InodeNumber, std::set<std::string, std::less<>>> names_;
};

} // namespace thinsnap::layer
