#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ext4/types.hpp"

namespace thinsnap::test {

/// All that a comparison of trees looks at in one file.
struct ListedFile {
    ext4::FileType type = ext4::FileType::regular;
    ext4::Attributes attributes;
    std::uint64_t size = 0; ///< of a regular file
    std::string link_target;
    std::optional<ext4::DeviceNumber> device;
    std::vector<ext4::Xattr> xattrs;
    std::string content;        ///< of a regular file of no more than Listing::kMaxContent
    std::uint64_t identity = 0; ///< the same for all names of a file
};

/// A tree as text, a line for each path, so that two can be compared and shown.
class Listing {
public:
    static constexpr std::uint64_t kMaxContent = std::uint64_t{4} << 20U;

    /// \param path  "" for the root, else "a/b"
    void add(const std::string& path, const ListedFile& file);
    /// Sorted by path. Files with several names have the first of them in each of their lines.
    [[nodiscard]] std::string text() const;

private:
    struct Line {
        std::string text;
        std::uint64_t identity = 0;
    };
    std::map<std::string, Line> lines_;
};

} // namespace thinsnap::test
