#include "ext4/directory.hpp"

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/endian.hpp"
#include "ext4/checksums.hpp"
#include "ext4/inode.hpp"

namespace thinsnap::ext4 {

namespace {

constexpr std::size_t kEntryHeader = 8;
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kRootCounts = 32; // offset of limit and count in an index' root
constexpr std::size_t kNodeCounts = 8;
constexpr std::size_t kIndexEntry = 8;
constexpr std::size_t kContentEnd = kBlockSize - kDirectoryTail;

class BlockReader {
public:
    BlockReader(std::span<const std::byte> content, const DirectoryBlock& block)
        : content_(content)
        , block_(block) {}

    bool run(const std::function<bool(const RawEntry&)>& visit) {
        if (is_index_node()) {
            check_index(kNodeCounts);
            return true;
        }
        const bool is_root = block_.indexed && block_.index == 0;
        if (is_root)
            check_index(kRootCounts);
        else
            check_leaf();
        const std::size_t end = is_root ? kBlockSize : kContentEnd;
        std::size_t at = 0;
        std::size_t position = 0;
        while (at < end) {
            const std::size_t length = record_length(at, end);
            if (!read_entry(at, length, position, visit))
                return false;
            at += length;
            ++position;
        }
        if (block_.index == 0 && position < 2)
            fail(at, "no . and ..");
        return true;
    }

private:
    [[noreturn]] void fail(std::size_t at, std::string_view what) const {
        throw_corrupt(block_.inode,
                      fmt::format("directory block {} at block {}, byte {}: {}",
                                  block_.index,
                                  block_.physical,
                                  at,
                                  what));
    }

    /// An unused entry over the whole block, which a block of entries cannot have: its tail is one.
    [[nodiscard]] bool is_index_node() const {
        return block_.indexed && block_.index > 0 && load_le<std::uint32_t>(content_, 0) == 0 &&
               load_le<std::uint16_t>(content_, 4) == kBlockSize;
    }

    void check_leaf() const {
        if (load_le<std::uint32_t>(content_, kContentEnd) != 0 ||
            load_le<std::uint16_t>(content_, kContentEnd + 4) != kDirectoryTail ||
            load_le<std::uint16_t>(content_, kContentEnd + 6) != EXT2_DIR_NAME_LEN_CSUM)
            fail(kContentEnd, "no checksum");
        if (load_le<std::uint32_t>(content_, kContentEnd + 8) !=
            directory_block_checksum(block_.seed, content_))
            fail(kContentEnd, "wrong checksum");
    }

    void check_index(std::size_t counts) const {
        const std::size_t limit = load_le<std::uint16_t>(content_, counts);
        const std::size_t count = load_le<std::uint16_t>(content_, counts + 2);
        if (count == 0 || count > limit || counts + (limit + 1) * kIndexEntry > kBlockSize)
            fail(counts, fmt::format("an index of {} of {} entries", count, limit));
        if (load_le<std::uint32_t>(content_, counts + limit * kIndexEntry + 4) !=
            directory_index_checksum(block_.seed, content_, counts))
            fail(counts, "wrong checksum");
    }

    [[nodiscard]] std::size_t record_length(std::size_t at, std::size_t end) const {
        if (end - at < kEntryHeader)
            fail(at, "no room for an entry");
        const std::size_t length = load_le<std::uint16_t>(content_, at + 4);
        const std::size_t name = std::to_integer<std::size_t>(content_[at + 6]);
        if (length < kEntryHeader + name || length % 4 != 0 || length > end - at ||
            length < kEntryHeader + 4)
            fail(at, fmt::format("an entry of {} bytes with a name of {}", length, name));
        return length;
    }

    bool read_entry(std::size_t at,
                    std::size_t length,
                    std::size_t position,
                    const std::function<bool(const RawEntry&)>& visit) const {
        const std::uint32_t inode = load_le<std::uint32_t>(content_, at);
        const std::size_t name_length = std::to_integer<std::size_t>(content_[at + 6]);
        const auto* text = static_cast<const char*>(static_cast<const void*>(
            content_.subspan(at + kEntryHeader, length - kEntryHeader).data()));
        const std::string_view name(text, name_length);
        if (block_.index == 0 && position < 2) {
            if (name != (position == 0 ? "." : "..") || inode == 0 || inode > block_.nr_inodes)
                fail(at, "no . and ..");
            if (position == 0 && inode != block_.inode.value())
                fail(at, fmt::format(". is inode {}", inode));
            return true;
        }
        if (inode == 0)
            return true;
        if (inode > block_.nr_inodes)
            fail(at, fmt::format("inode {} of {}", inode, block_.nr_inodes));
        if (!is_valid_name(name))
            fail(at, "a name that no file can have");
        return visit({name, inode, std::to_integer<std::uint8_t>(content_[at + 7])});
    }

    std::span<const std::byte> content_;
    const DirectoryBlock& block_;
};

} // namespace

bool is_valid_name(std::string_view name) {
    return !name.empty() && name.size() <= kMaxName && name != "." && name != ".." &&
           name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

bool for_each_raw_entry(std::span<const std::byte> content,
                        const DirectoryBlock& block,
                        const std::function<bool(const RawEntry&)>& visit) {
    return BlockReader(content, block).run(visit);
}

} // namespace thinsnap::ext4
