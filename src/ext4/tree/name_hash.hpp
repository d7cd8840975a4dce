#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string_view>

namespace thinsnap::ext4::tree {

/// Where a name stands in an indexed directory. The lowest bit of `major` is 0.
struct NameHash {
    std::uint32_t major = 0;
    std::uint32_t minor = 0; ///< orders names of one major; not on the disk

    // NOLINTNEXTLINE(modernize-use-nullptr) the check takes the comparison with 0 for a pointer's
    friend auto operator<=>(const NameHash&, const NameHash&) = default;
};

/// The hash that a file system's indexed directories are ordered by.
struct NameHasher {
    std::uint8_t version = 1;            ///< as s_def_hash_version and an htree's root say it
    bool unsigned_chars = true;          ///< s_flags, EXT2_FLAGS_UNSIGNED_HASH
    std::array<std::uint32_t, 4> seed{}; ///< s_hash_seed

    /// \throws Error(unsupported)  a version that libext2fs does not know
    [[nodiscard]] NameHash operator()(std::string_view name) const;
};

} // namespace thinsnap::ext4::tree
