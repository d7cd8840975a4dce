#include "ext4/tree/name_hash.hpp"

#include <ext2fs/ext2fs.h>
#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::ext4::tree {

namespace {

/// The kernel keeps the highest value for the end of a directory (EXT4_HTREE_EOF_32BIT).
constexpr std::uint32_t kEnd = 0xFFFFFFFE;

} // namespace

NameHash NameHasher::operator()(std::string_view name) const {
    const int full = unsigned_chars ? version + EXT2_HASH_LEGACY_UNSIGNED : int{version};
    NameHash hash;
    if (ext2fs_dirhash(full,
                       name.data(),
                       static_cast<int>(name.size()),
                       seed.data(),
                       &hash.major,
                       &hash.minor) != 0)
        throw Error(Errc::unsupported,
                    fmt::format("hashing a name: directory hash version {} is not known", version));
    if (hash.major == kEnd)
        hash.major = kEnd - 2;
    return hash;
}

} // namespace thinsnap::ext4::tree
