#include "ext4/tree/inode.hpp"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "ext4/checksums.hpp"
#include "ext4/inode.hpp"

namespace thinsnap::ext4::tree {

namespace {

constexpr std::size_t kBaseBytes = 128; // EXT2_GOOD_OLD_INODE_SIZE
constexpr std::size_t kExtraSize = 32;  // up to and with i_projid
constexpr std::size_t kChecksumLow = 0x7C;
constexpr std::size_t kChecksumHigh = 0x82;
constexpr std::size_t kTimesEnd = 0x98 - kBaseBytes; // i_crtime_extra is the last time

struct ModeBits {
    FileType type;
    std::uint16_t bits;
};
constexpr std::array kModes = {ModeBits{FileType::fifo, 0x1000},
                               ModeBits{FileType::character_device, 0x2000},
                               ModeBits{FileType::directory, 0x4000},
                               ModeBits{FileType::block_device, 0x6000},
                               ModeBits{FileType::regular, 0x8000},
                               ModeBits{FileType::symlink, 0xA000},
                               ModeBits{FileType::socket, 0xC000}};

std::uint16_t mode_bits(FileType type) {
    return std::find_if(kModes.begin(), kModes.end(), [&](auto m) { return m.type == type; })->bits;
}

} // namespace

Inode::Inode(FileType type, const Attributes& attributes) {
    set<std::uint16_t>(0, mode_bits(type));
    set<std::uint16_t>(0x80, kExtraSize);
    set_attributes(attributes);
    set_links(type == FileType::directory ? 2 : 1);
    if (type == FileType::regular || type == FileType::directory || type == FileType::symlink)
        set_flags(kExtentsFlag);
}

FileType Inode::type() const {
    for (const ModeBits& m : kModes)
        if (m.bits == (mode() & 0xF000U))
            return m.type;
    throw Error(Errc::corrupt, fmt::format("an inode with mode {:o}", mode()));
}

void Inode::set_attributes(const Attributes& attributes) {
    set<std::uint16_t>(
        0, static_cast<std::uint16_t>((mode() & 0xF000U) | (attributes.permissions & 07777U)));
    set<std::uint16_t>(0x02, static_cast<std::uint16_t>(attributes.uid));
    set<std::uint16_t>(0x78, static_cast<std::uint16_t>(attributes.uid >> 16U));
    set<std::uint16_t>(0x18, static_cast<std::uint16_t>(attributes.gid));
    set<std::uint16_t>(0x7A, static_cast<std::uint16_t>(attributes.gid >> 16U));
    const DiskTime time = pack_time(attributes.mtime);
    for (const std::size_t field : {0x08U, 0x0CU, 0x10U}) // atime, ctime, mtime
        set<std::uint32_t>(field, time.seconds);
    if (extra_size() < kTimesEnd)
        return;
    for (const std::size_t field : {0x84U, 0x88U, 0x8CU, 0x94U}) // ctime, mtime, atime, crtime
        set<std::uint32_t>(field, time.extra);
    set<std::uint32_t>(0x90, time.seconds);
}

void Inode::set_size(std::uint64_t size) {
    set<std::uint32_t>(0x04, static_cast<std::uint32_t>(size));
    set<std::uint32_t>(0x6C, static_cast<std::uint32_t>(size >> 32U));
}

std::uint64_t Inode::sectors() const {
    const std::uint64_t count =
        std::uint64_t{get<std::uint16_t>(0x74)} << 32U | get<std::uint32_t>(0x1C);
    return has_flag(kHugeFileFlag) ? count * kSectorsPerBlock : count;
}

void Inode::set_sectors(std::uint64_t sectors) {
    TS_ASSERT(sectors >> 48U == 0);
    set_flags(flags() & ~kHugeFileFlag);
    set<std::uint32_t>(0x1C, static_cast<std::uint32_t>(sectors));
    set<std::uint16_t>(0x74, static_cast<std::uint16_t>(sectors >> 32U));
}

void Inode::set_xattr_block(FsBlock block) {
    set<std::uint32_t>(0x68, static_cast<std::uint32_t>(block.value()));
    set<std::uint16_t>(0x76, static_cast<std::uint16_t>(block.value() >> 32U));
}

bool Inode::is_short_symlink() const {
    return (mode() & 0xF000U) == 0xA000U && size() < root().size();
}

/// Source: ext4_fill_raw_inode(), old_encode_dev(), new_encode_dev().
void Inode::set_device(DeviceNumber device) {
    if (device.major < 256 && device.minor < 256) {
        store_le<std::uint32_t>(root(), 0, device.major << 8U | device.minor);
        return;
    }
    store_le<std::uint32_t>(
        root(), 4, (device.minor & 0xFFU) | device.major << 8U | (device.minor & ~0xFFU) << 12U);
}

std::span<const std::byte> Inode::xattr_space() const {
    const std::size_t start = kBaseBytes + extra_size();
    if (extra_size() == 0 || start % 4 != 0 || start + 4 > kInodeBytes)
        return {};
    return std::span(bytes_).subspan(start);
}

std::span<std::byte> Inode::xattr_space() {
    const std::size_t size = std::as_const(*this).xattr_space().size();
    return std::span(bytes_).last(size);
}

void Inode::set_value_references(std::uint64_t count) {
    set<std::uint32_t>(0x0C, static_cast<std::uint32_t>(count >> 32U));
    set<std::uint32_t>(0x24, static_cast<std::uint32_t>(count));
}

/// Source: ext4_inode_csum().
void Inode::seal(std::uint32_t fs_seed, InodeNumber number) {
    set<std::uint16_t>(kChecksumLow, 0);
    const bool has_high = extra_size() >= kChecksumHigh + 2 - kBaseBytes;
    if (has_high)
        set<std::uint16_t>(kChecksumHigh, 0);
    const std::uint32_t crc = crc32c_raw(bytes_, inode_seed(fs_seed, number, generation()));
    set<std::uint16_t>(kChecksumLow, static_cast<std::uint16_t>(crc));
    if (has_high)
        set<std::uint16_t>(kChecksumHigh, static_cast<std::uint16_t>(crc >> 16U));
}

} // namespace thinsnap::ext4::tree
