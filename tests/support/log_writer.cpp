#include "support/log_writer.hpp"

#include <algorithm>
#include <array>

#include "base/crc32c.hpp"
#include "base/endian.hpp"
#include "ext4/journal_format.hpp"
#include "ext4/layout.hpp"
#include "ext4/superblock_check.hpp"

namespace thinsnap::test {

using ext4::kBlockSize;

namespace {

constexpr std::size_t kIncompatible = 96; ///< of the file system, in its superblock
constexpr std::uint32_t kRecover = 0x4;

std::uint32_t checksum_seed() {
    constexpr std::array<std::byte, 16> uuid{};
    return crc32c_raw(uuid);
}

/// \param block  the first one
void set_needs_recovery(std::span<std::byte> block) {
    const auto super = block.subspan(1024, 1024);
    store_le<std::uint32_t>(
        super, kIncompatible, load_le<std::uint32_t>(super, kIncompatible) | kRecover);
    ext4::seal_superblock(super);
}

} // namespace

void store_be(std::span<std::byte> bytes, std::size_t at, std::uint32_t value) {
    store_le<std::uint32_t>(bytes, at, __builtin_bswap32(value));
}

LogWriter& LogWriter::descriptor(const std::vector<Update>& updates) {
    Block block = header(1);
    std::size_t at = 12;
    std::vector<Block> contents;
    for (std::size_t i = 0; i < updates.size(); ++i) {
        Block data = updates[i].content;
        std::uint32_t flags = i == 0 ? 0 : 2;
        if (load_le<std::uint32_t>(data, 0) == __builtin_bswap32(ext4::kJournalMagic)) {
            flags |= 1;
            store_be(data, 0, 0);
        }
        flags |= i + 1 == updates.size() ? 8U : 0U;
        at += tag(std::span(block).subspan(at), updates[i].block, flags, data);
        at += (flags & 2) == 0 ? 16 : 0;
        contents.push_back(data);
    }
    seal(block, kBlockSize - 4);
    put(block);
    for (const Block& data : contents)
        put(data);
    return *this;
}

LogWriter& LogWriter::revoke(const std::vector<std::uint32_t>& blocks) {
    Block block = header(5);
    for (std::size_t i = 0; i < blocks.size(); ++i)
        store_be(block, 16 + i * width() + (width() - 4), blocks[i]);
    store_be(block, 12, static_cast<std::uint32_t>(16 + blocks.size() * width()));
    seal(block, kBlockSize - 4);
    put(block);
    return *this;
}

LogWriter& LogWriter::commit() {
    Block block = header(2);
    seal(block, 16);
    put(block);
    ++sequence_;
    return *this;
}

LogWriter& LogWriter::spoil() {
    Block block(kBlockSize);
    device_.read(last_, block);
    block[100] ^= std::byte{1};
    device_.write(last_, block);
    return *this;
}

void LogWriter::finish() {
    Block block(kBlockSize);
    const std::uint64_t where = ext4::journal_place().first * kBlockSize;
    device_.read(where, block);
    store_be(block, 24, kFirstSequence);
    store_be(block, 28, start_);
    store_be(block, 40, features_);
    block[80] = std::byte{4};
    store_be(block, 252, 0);
    store_be(block, 252, crc32c_raw(std::span(block).first(1024)));
    device_.write(where, block);
    device_.read(0, block);
    set_needs_recovery(block);
    device_.write(0, block);
}

bool LogWriter::has_checksums() const {
    return (features_ & (ext4::kJournalChecksumV3 | ext4::kJournalChecksumV2)) != 0;
}

std::size_t LogWriter::width() const {
    return (features_ & ext4::kJournal64Bit) != 0 ? 8 : 4;
}

LogWriter::Block LogWriter::header(std::uint32_t type) const {
    Block block(kBlockSize);
    store_be(block, 0, ext4::kJournalMagic);
    store_be(block, 4, type);
    store_be(block, 8, sequence_);
    return block;
}

std::size_t LogWriter::tag(std::span<std::byte> at,
                           std::uint64_t block,
                           std::uint32_t flags,
                           const Block& data) const {
    Block number(4);
    store_be(number, 0, sequence_);
    const std::uint32_t sum =
        has_checksums() ? crc32c_raw(data, crc32c_raw(number, checksum_seed())) : 0;
    store_be(at, 0, static_cast<std::uint32_t>(block));
    if ((features_ & ext4::kJournalChecksumV3) != 0) {
        store_be(at, 4, flags);
        store_be(at, 12, sum);
        return 16;
    }
    store_be(at, 4, (sum & 0xFFFFU) << 16U | flags);
    const std::size_t v2 = (features_ & ext4::kJournalChecksumV2) != 0 ? 2 : 0;
    return (width() == 8 ? 12 : 8) + v2;
}

void LogWriter::seal(Block& block, std::size_t at) const {
    if (has_checksums())
        store_be(block, at, crc32c_raw(block, checksum_seed()));
}

void LogWriter::put(const Block& block) {
    last_ = (ext4::journal_place().first + position_) * kBlockSize;
    device_.write(last_, block);
    position_ = position_ + 1 == ext4::kJournalBlocks ? 1 : position_ + 1;
}

void write_to_journal(BlockDevice& device, BlockDevice& changed) {
    constexpr std::size_t kBlocksOfOne = 200;
    std::vector<LogWriter::Update> updates;
    LogWriter::Block before(kBlockSize);
    LogWriter::Block now(kBlockSize);
    for (std::uint64_t block = 0; block < changed.size() / kBlockSize; ++block) {
        device.read(block * kBlockSize, before);
        changed.read(block * kBlockSize, now);
        if (before == now)
            continue;
        if (block == 0) // which a mounted file system never logs without it
            set_needs_recovery(now);
        updates.push_back({block, now});
    }
    LogWriter log(device, ext4::kJournalRevoke | ext4::kJournalChecksumV3, 1);
    for (std::size_t at = 0; at < updates.size(); at += kBlocksOfOne) {
        const auto first = updates.begin() + static_cast<std::ptrdiff_t>(at);
        const auto count = std::min(kBlocksOfOne, updates.size() - at);
        log.descriptor({first, first + static_cast<std::ptrdiff_t>(count)});
    }
    log.commit().finish();
}

} // namespace thinsnap::test
