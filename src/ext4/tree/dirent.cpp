#include "ext4/tree/dirent.hpp"

#include <cstring>

#include "base/assert.hpp"
#include "base/endian.hpp"
#include "ext4/tree/checksum.hpp"

namespace thinsnap::ext4::tree {

namespace {

// EXT2_FT_REG_FILE = 1, in the order of the format.
constexpr std::array kTypes = {FileType::regular,
                               FileType::directory,
                               FileType::character_device,
                               FileType::block_device,
                               FileType::fifo,
                               FileType::socket,
                               FileType::symlink};

} // namespace

std::uint8_t dirent_type(FileType type) noexcept {
    for (std::size_t i = 0; i < kTypes.size(); ++i)
        if (kTypes[i] == type)
            return static_cast<std::uint8_t>(i + 1);
    return 0;
}

std::optional<FileType> file_type(std::uint8_t dirent_type) noexcept {
    if (dirent_type == 0 || dirent_type > kTypes.size())
        return std::nullopt;
    return kTypes[dirent_type - 1U];
}

void pack_dirent(std::span<std::byte> block,
                 std::size_t offset,
                 std::size_t rec_len,
                 const NamedInode& entry) {
    store_le<std::uint32_t>(block, offset, entry.inode.value());
    store_le<std::uint16_t>(block, offset + 4, static_cast<std::uint16_t>(rec_len));
    store_le<std::uint8_t>(block, offset + 6, static_cast<std::uint8_t>(entry.name.size()));
    store_le<std::uint8_t>(block, offset + 7, entry.type);
    std::memcpy(
        block.subspan(offset + 8, entry.name.size()).data(), entry.name.data(), entry.name.size());
}

void DirentBlock::append(std::string_view name, InodeNumber inode, std::uint8_t type) {
    const std::size_t size = dirent_size(name.size());
    TS_ASSERT(used_ + size <= kDirentSpace);
    pack_dirent(block_, used_, size, {name, inode, type});
    last_ = used_;
    used_ += size;
}

void DirentBlock::finish(std::uint32_t checksum_seed) {
    store_le<std::uint16_t>(block_, last_ + 4, static_cast<std::uint16_t>(kDirentSpace - last_));
    seal_directory_block(block_, checksum_seed);
}

} // namespace thinsnap::ext4::tree
