#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/endian.hpp"
#include "ext4/tree/disk.hpp"
#include "ext4/types.hpp"

namespace thinsnap::ext4::tree {

/// An inode's record as it stands in the inode table, seen through the fields that a TreeWriter
/// changes; what it does not know stays as it was.
/// Source: struct ext4_inode.
class Inode {
public:
    using Bytes = std::array<std::byte, kInodeBytes>;

    /// All zeros: as a free inode is.
    Inode() = default;
    explicit Inode(const Bytes& bytes)
        : bytes_(bytes) {}
    /// A new one without content, with one link (a directory: two).
    Inode(FileType type, const Attributes& attributes);

    [[nodiscard]] const Bytes& bytes() const noexcept { return bytes_; }

    [[nodiscard]] std::uint16_t mode() const { return get<std::uint16_t>(0); }
    [[nodiscard]] bool is_directory() const { return (mode() & 0xF000U) == 0x4000U; }
    [[nodiscard]] bool is_regular() const { return (mode() & 0xF000U) == 0x8000U; }
    /// \throws Error(corrupt)  a mode that means no type
    [[nodiscard]] FileType type() const;
    /// Permissions, owner and all four times.
    void set_attributes(const Attributes& attributes);

    [[nodiscard]] std::uint64_t size() const {
        return std::uint64_t{get<std::uint32_t>(0x6C)} << 32U | get<std::uint32_t>(0x04);
    }
    void set_size(std::uint64_t size);
    [[nodiscard]] std::uint32_t links() const { return get<std::uint16_t>(0x1A); }
    void set_links(std::uint32_t links) {
        set<std::uint16_t>(0x1A, static_cast<std::uint16_t>(links));
    }
    /// What it occupies, unit 512 bytes.
    [[nodiscard]] std::uint64_t sectors() const;
    void set_sectors(std::uint64_t sectors);
    [[nodiscard]] std::uint32_t flags() const { return get<std::uint32_t>(0x20); }
    void set_flags(std::uint32_t flags) { set<std::uint32_t>(0x20, flags); }
    [[nodiscard]] bool has_flag(std::uint32_t flag) const { return (flags() & flag) != 0; }
    /// i_version, of all but inodes with a large xattr's value. After it the record differs from
    /// what it ever was, wherever the inode's content came to stand.
    void count_change() { set<std::uint32_t>(0x24, get<std::uint32_t>(0x24) + 1); }
    [[nodiscard]] std::uint32_t generation() const { return get<std::uint32_t>(0x64); }
    /// The block with xattrs; 0 is none.
    [[nodiscard]] FsBlock xattr_block() const {
        return FsBlock(std::uint64_t{get<std::uint16_t>(0x76)} << 32U | get<std::uint32_t>(0x68));
    }
    void set_xattr_block(FsBlock block);

    /// i_block: the root of an extent tree, a short symlink's target, or a device number.
    [[nodiscard]] std::span<const std::byte> root() const {
        return std::span(bytes_).subspan(0x28, 60);
    }
    [[nodiscard]] std::span<std::byte> root() { return std::span(bytes_).subspan(0x28, 60); }
    /// A symlink whose target stands in root().
    [[nodiscard]] bool is_short_symlink() const;
    void set_device(DeviceNumber device);

    /// The place for xattrs in the record; empty when it has none.
    [[nodiscard]] std::span<const std::byte> xattr_space() const;
    [[nodiscard]] std::span<std::byte> xattr_space();

    /// How often an inode with a large xattr's value is used.
    [[nodiscard]] std::uint64_t value_references() const {
        return std::uint64_t{get<std::uint32_t>(0x0C)} << 32U | get<std::uint32_t>(0x24);
    }
    void set_value_references(std::uint64_t count);
    /// Keeps the hash of the value in it (the access time of other inodes).
    void set_value_hash(std::uint32_t hash) { set<std::uint32_t>(0x08, hash); }

    /// Sets the checksum. \param fs_seed  the file system's
    void seal(std::uint32_t fs_seed, InodeNumber number);

private:
    template <class T>
    [[nodiscard]] T get(std::size_t offset) const {
        return load_le<T>(bytes_, offset);
    }
    template <class T>
    void set(std::size_t offset, T value) {
        store_le<T>(bytes_, offset, value);
    }
    [[nodiscard]] std::size_t extra_size() const { return get<std::uint16_t>(0x80); }

    Bytes bytes_{};
};

} // namespace thinsnap::ext4::tree
