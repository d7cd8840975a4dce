#include "ext4/tree/xattr_layout.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "base/endian.hpp"
#include "ext4/acl.hpp"
#include "ext4/checksums.hpp"

namespace thinsnap::ext4::tree {

namespace {

constexpr std::uint32_t kXattrMagic = 0xEA020000;
constexpr std::size_t kXattrHead = 16;
constexpr std::size_t kBlockHead = 32;
constexpr std::size_t kChecksum = 16; // in a block
constexpr std::size_t kInodeHead = 4;
constexpr std::size_t kXattrsEnd = 4; // zeros behind the last entry
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxValue = 65536; // XATTR_SIZE_MAX

struct Prefix {
    std::string_view text;
    std::uint8_t number;
    bool whole; ///< the whole name, nothing may follow
};
constexpr std::array kPrefixes = {Prefix{"user.", 1, false},
                                  Prefix{"system.posix_acl_access", 2, true},
                                  Prefix{"system.posix_acl_default", 3, true},
                                  Prefix{"trusted.", 4, false},
                                  Prefix{"security.", 6, false}};

std::size_t rounded(std::size_t bytes) {
    return (bytes + 3) & ~std::size_t{3};
}

std::size_t entry_size(const DiskXattr& xattr) {
    return rounded(kXattrHead + xattr.name.size());
}

bool comes_before(const DiskXattr& a, const DiskXattr& b) {
    if (a.prefix != b.prefix)
        return a.prefix < b.prefix;
    if (a.name.size() != b.name.size())
        return a.name.size() < b.name.size();
    return a.name < b.name;
}

DiskXattr to_disk(const Xattr& xattr) {
    const auto prefix = std::find_if(kPrefixes.begin(), kPrefixes.end(), [&](const Prefix& p) {
        return p.whole ? xattr.name == p.text : xattr.name.starts_with(p.text);
    });
    if (prefix == kPrefixes.end())
        throw Error(Errc::unsupported,
                    fmt::format("setting '{}': ext4 has no attributes of such a name", xattr.name));
    DiskXattr disk{prefix->number, xattr.name.substr(prefix->text.size()), xattr.value, {}, 0};
    if (prefix->whole)
        disk.value = acl_to_disk(xattr.value);
    else if (disk.name.empty() || xattr.name.size() > kMaxName ||
             disk.name.find('\0') != std::string::npos)
        throw Error(Errc::invalid_argument,
                    fmt::format("setting '{}': not a name of 1 to 255 bytes", xattr.name));
    if (disk.value.size() > kMaxValue)
        throw Error(Errc::unsupported,
                    fmt::format("setting '{}': {} bytes, Linux takes at most 65536",
                                xattr.name,
                                disk.value.size()));
    return disk;
}

/// Source: ext4_xattr_hash_entry().
std::uint32_t entry_hash(const DiskXattr& xattr) {
    std::uint32_t hash = 0;
    for (const char c : xattr.name)
        hash = hash << 5U ^ hash >> 27U ^ static_cast<std::uint8_t>(c);
    if (xattr.value_inode != InodeNumber(0))
        return hash << 16U ^ hash >> 16U ^ xattr.value_hash;
    std::string padded = xattr.value;
    padded.resize(rounded(padded.size()));
    const auto words = std::as_bytes(std::span(padded));
    for (std::size_t at = 0; at < words.size(); at += 4)
        hash = hash << 16U ^ hash >> 16U ^ load_le<std::uint32_t>(words, at);
    return hash;
}

/// Writes entries from `first` on, their values from the end down. Offsets of values count from
/// `base`. \return the hash of all entries
std::uint32_t pack_entries(std::span<std::byte> space,
                           std::size_t first,
                           std::size_t base,
                           std::span<const DiskXattr> xattrs,
                           std::span<const std::size_t> which) {
    std::size_t at = first;
    std::size_t values = space.size();
    std::uint32_t all = 0;
    for (const std::size_t i : which) {
        const DiskXattr& xattr = xattrs[i];
        const bool large = xattr.value_inode != InodeNumber(0);
        if (!large && !xattr.value.empty()) {
            values -= rounded(xattr.value.size());
            std::memcpy(space.subspan(values, xattr.value.size()).data(),
                        xattr.value.data(),
                        xattr.value.size());
        }
        const std::uint32_t hash = entry_hash(xattr);
        const bool offset = !large && !xattr.value.empty();
        store_le<std::uint8_t>(space, at, static_cast<std::uint8_t>(xattr.name.size()));
        store_le<std::uint8_t>(space, at + 1, xattr.prefix);
        store_le<std::uint16_t>(
            space, at + 2, static_cast<std::uint16_t>(offset ? values - base : 0));
        store_le<std::uint32_t>(space, at + 4, xattr.value_inode.value());
        store_le<std::uint32_t>(space, at + 8, static_cast<std::uint32_t>(xattr.value.size()));
        store_le<std::uint32_t>(space, at + 12, hash);
        std::memcpy(space.subspan(at + kXattrHead, xattr.name.size()).data(),
                    xattr.name.data(),
                    xattr.name.size());
        all = all << 16U ^ all >> 16U ^ hash;
        at += entry_size(xattr);
    }
    TS_ASSERT(at + kXattrsEnd <= values);
    return all;
}

void seal_block(std::span<std::byte> block, FsBlock where, std::uint32_t fs_seed) {
    store_le<std::uint32_t>(block, kChecksum, xattr_block_checksum(fs_seed, block, where.value()));
}

std::vector<InodeNumber> value_inodes(std::span<const std::byte> space, std::size_t at) {
    std::vector<InodeNumber> inodes;
    while (at + kXattrsEnd <= space.size() && load_le<std::uint32_t>(space, at) != 0) {
        if (at + kXattrHead > space.size())
            throw Error(Errc::corrupt, fmt::format("xattrs: an entry at {} that has no room", at));
        const InodeNumber inode(load_le<std::uint32_t>(space, at + 4));
        if (inode != InodeNumber(0))
            inodes.push_back(inode);
        at += rounded(kXattrHead + load_le<std::uint8_t>(space, at));
    }
    return inodes;
}

/// Puts what is left into a block; the largest values leave it until the rest has room.
void place_in_block(std::span<const DiskXattr> xattrs,
                    std::span<const std::size_t> left,
                    XattrPlaces& places) {
    std::size_t need = kBlockHead + kXattrsEnd;
    for (const std::size_t i : left)
        need += entry_size(xattrs[i]) + rounded(xattrs[i].value.size());
    std::vector<std::size_t> by_size(left.begin(), left.end());
    std::stable_sort(by_size.begin(), by_size.end(), [&](std::size_t a, std::size_t b) {
        return xattrs[a].value.size() > xattrs[b].value.size();
    });
    for (const std::size_t i : by_size) {
        if (need <= kBlockBytes)
            break;
        if (xattrs[i].value.empty())
            continue;
        need -= rounded(xattrs[i].value.size());
        places.large.push_back(i);
    }
    if (need > kBlockBytes)
        throw Error(Errc::unsupported,
                    fmt::format("setting {} extended attributes: their names need {} bytes, a "
                                "block has {}",
                                xattrs.size(),
                                need,
                                kBlockBytes));
    places.in_block.assign(left.begin(), left.end());
}

} // namespace

std::vector<DiskXattr> to_disk_xattrs(std::span<const Xattr> xattrs) {
    std::vector<DiskXattr> disk;
    disk.reserve(xattrs.size());
    for (const Xattr& xattr : xattrs)
        disk.push_back(to_disk(xattr));
    std::sort(disk.begin(), disk.end(), comes_before);
    for (std::size_t i = 1; i < disk.size(); ++i)
        if (!comes_before(disk[i - 1], disk[i]))
            throw Error(Errc::invalid_argument,
                        fmt::format("setting '{}': given twice", disk[i].name));
    return disk;
}

XattrPlaces place_xattrs(std::span<const DiskXattr> xattrs, std::size_t room) {
    XattrPlaces places;
    std::vector<std::size_t> left;
    std::size_t used = kInodeHead + kXattrsEnd;
    for (std::size_t i = 0; i < xattrs.size(); ++i) {
        const std::size_t need = entry_size(xattrs[i]) + rounded(xattrs[i].value.size());
        if (used + need <= room) {
            used += need;
            places.in_inode.push_back(i);
        } else {
            left.push_back(i);
        }
    }
    if (!left.empty())
        place_in_block(xattrs, left, places);
    return places;
}

void pack_inode_xattrs(std::span<std::byte> space,
                       std::span<const DiskXattr> xattrs,
                       std::span<const std::size_t> which) {
    std::fill(space.begin(), space.end(), std::byte{0});
    if (which.empty())
        return;
    store_le<std::uint32_t>(space, 0, kXattrMagic);
    pack_entries(space, kInodeHead, kInodeHead, xattrs, which);
}

std::vector<std::byte> pack_xattr_block(std::span<const DiskXattr> xattrs,
                                        std::span<const std::size_t> which,
                                        FsBlock where,
                                        std::uint32_t fs_seed) {
    std::vector<std::byte> block(kBlockBytes);
    store_le<std::uint32_t>(block, 0, kXattrMagic);
    store_le<std::uint32_t>(block, 4, 1); // references
    store_le<std::uint32_t>(block, 8, 1); // blocks
    store_le<std::uint32_t>(block, 12, pack_entries(block, kBlockHead, 0, xattrs, which));
    seal_block(block, where, fs_seed);
    return block;
}

std::vector<InodeNumber> value_inodes_in_inode(std::span<const std::byte> space) {
    if (space.size() < kInodeHead || load_le<std::uint32_t>(space, 0) != kXattrMagic)
        return {};
    return value_inodes(space, kInodeHead);
}

std::vector<InodeNumber> value_inodes_in_block(std::span<const std::byte> block) {
    (void)xattr_block_references(block);
    return value_inodes(block, kBlockHead);
}

std::uint32_t xattr_block_references(std::span<const std::byte> block) {
    if (load_le<std::uint32_t>(block, 0) != kXattrMagic)
        throw Error(Errc::corrupt, "xattrs: a block without the magic number");
    return load_le<std::uint32_t>(block, 4);
}

void set_xattr_block_references(std::span<std::byte> block,
                                std::uint32_t count,
                                FsBlock where,
                                std::uint32_t fs_seed) {
    store_le<std::uint32_t>(block, 4, count);
    seal_block(block, where, fs_seed);
}

} // namespace thinsnap::ext4::tree
