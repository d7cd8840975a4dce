#include "ext4/tree/directory_reader.hpp"

#include <string>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/endian.hpp"
#include "ext4/tree/checksum.hpp"
#include "ext4/tree/dirent.hpp"
#include "ext4/tree/disk.hpp"

namespace thinsnap::ext4::tree {

namespace {

constexpr std::size_t kEntryHead = 8;

struct RawEntry {
    std::string_view name;
    InodeNumber inode;
    std::uint8_t type = 0;
    std::size_t rec_len = 0;
};

[[noreturn]] void throw_bad(std::size_t block, std::size_t offset, const char* what) {
    throw Error(Errc::corrupt,
                fmt::format("directory block {} at byte {}: {}", block, offset, what));
}

std::string_view text_of(std::span<const std::byte> bytes) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) bytes looked at as characters
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

RawEntry read_entry(std::span<const std::byte> block, std::size_t number, std::size_t offset) {
    if (block.size() - offset < kEntryHead)
        throw_bad(number, offset, "an entry that has no room");
    RawEntry entry;
    entry.inode = InodeNumber(load_le<std::uint32_t>(block, offset));
    entry.rec_len = load_le<std::uint16_t>(block, offset + 4);
    entry.type = load_le<std::uint8_t>(block, offset + 7);
    const std::size_t name_length = load_le<std::uint8_t>(block, offset + 6);
    if (entry.rec_len % 4 != 0 || entry.rec_len < kEntryHead ||
        entry.rec_len > block.size() - offset || name_length + kEntryHead > entry.rec_len)
        throw_bad(number, offset, "the length of an entry or of its name cannot be");
    entry.name = text_of(block.subspan(offset + kEntryHead, name_length));
    return entry;
}

/// The first entries of an index block cover it to its end, and it has no tail that can be checked
/// here: the index is not used for reading.
bool is_index_block(std::span<const std::byte> block, std::size_t number) {
    const RawEntry first = read_entry(block, number, 0);
    if (first.inode == InodeNumber(0) && first.rec_len == block.size())
        return true;
    return number == 0 && first.rec_len < block.size() &&
           read_entry(block, number, first.rec_len).rec_len == block.size() - first.rec_len;
}

void take_entry(DirectoryContent& content,
                const RawEntry& entry,
                std::size_t number,
                std::size_t offset) {
    if (entry.inode == InodeNumber(0) || entry.name == ".")
        return;
    if (entry.name == "..") {
        content.parent = entry.inode;
        return;
    }
    if (entry.name.empty() || entry.name.find('/') != std::string_view::npos ||
        entry.name.find('\0') != std::string_view::npos)
        throw_bad(number, offset, "a name that cannot be");
    if (!file_type(entry.type))
        throw_bad(number, offset, "an entry of no type");
    if (!content.entries.insert(entry.name, {entry.inode, entry.type}))
        throw_bad(number, offset, "a name that was there before");
}

} // namespace

DirectoryContent read_directory(std::span<const std::byte> blocks, std::uint32_t checksum_seed) {
    DirectoryContent content;
    for (std::size_t number = 0; number * kBlockBytes < blocks.size(); ++number) {
        const auto block = blocks.subspan(number * kBlockBytes, kBlockBytes);
        if (!is_index_block(block, number) && !is_sealed_directory_block(block, checksum_seed))
            throw_bad(number, kDirentSpace, "the checksum is wrong");
        for (std::size_t offset = 0; offset < kBlockBytes;) {
            const RawEntry entry = read_entry(block, number, offset);
            take_entry(content, entry, number, offset);
            offset += entry.rec_len;
        }
    }
    if (content.parent == InodeNumber(0))
        throw Error(Errc::corrupt, "directory: it has no '..'");
    return content;
}

} // namespace thinsnap::ext4::tree
