#pragma once

#include <optional>
#include <string_view>
#include <vector>

/// \file
/// Names as they stand in a layer's tar.

namespace thinsnap::layer {

inline constexpr std::size_t kMaxName = 255;  // Linux limits.h, NAME_MAX: bytes of a component
inline constexpr std::size_t kMaxPath = 4095; // PATH_MAX without its NUL

/// The components of a tar entry's name or of a hard link's target, from the root of the tree.
///
/// "./a", "/a", "a//b", "a/./b" and "a/" are what they seem: every tool takes them so, an absolute
/// name too. None: the root itself, as "." and "/" name it.
/// A whiteout may be longer by its prefix than a file's name, else not every file had one.
/// \throws Error(corrupt)  empty, a component "..", a NUL, a component or the whole too long
[[nodiscard]] std::vector<std::string_view> split_tar_name(std::string_view name);

/// The last component's meaning.
struct Whiteout {
    enum class Kind {
        name,   ///< ".wh.x": x of the lower layers is hidden
        opaque, ///< ".wh..wh..opq": everything that the lower layers have in the directory is
        ignored ///< AUFS's own files (".wh..wh.aufs", ".wh..wh.plnk"), also what is below them
    };
    Kind kind = Kind::ignored;
    std::string_view name; ///< what is hidden (Kind::name only)
};

/// What an entry says by the prefix ".wh."; nothing when it is not a whiteout.
/// \throws Error(corrupt)  ".wh." alone, of "." or "..", or as a directory's name
/// Source: OCI image specification, layer.md, "Whiteouts"
[[nodiscard]] std::optional<Whiteout>
find_whiteout(const std::vector<std::string_view>& components);

inline constexpr std::string_view kWhiteoutPrefix = ".wh.";

} // namespace thinsnap::layer
