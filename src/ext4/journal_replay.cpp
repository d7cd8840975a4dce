#include "ext4/journal_replay.hpp"

#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <unordered_map>
#include <vector>

#include <ext2fs/ext2fs.h>
#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/crc32c.hpp"
#include "ext4/checksums.hpp"
#include "ext4/device_io.hpp"
#include "ext4/extents.hpp"
#include "ext4/journal_format.hpp"
#include "ext4/superblock_check.hpp"
#include "ext4/types.hpp"

namespace thinsnap::ext4 {

namespace {

constexpr std::uint64_t kMaxJournalBlocks = 65536; // 256 MiB; ours have 4 MiB

using Block = std::array<std::byte, kBlockSize>;

ext2_super_block unpack(std::span<const std::byte> superblock) {
    ext2_super_block super{};
    std::memcpy(&super, superblock.data(), sizeof super);
    return super;
}

/// The journal's blocks in their order.
std::vector<std::uint64_t> find_journal(DeviceIo& io, const ext2_super_block& super) {
    if (super.s_jnl_backup_type != EXT3_JNL_BACKUP_BLOCKS || super.s_journal_inum == 0)
        throw Error(Errc::unsupported,
                    "journal: the superblock does not say where it is; run e2fsck first");
    const auto root = std::as_bytes(std::span(super.s_jnl_blocks)).first<60>();
    const InodeNumber inode(super.s_journal_inum);
    const std::uint32_t seed = crc32c_raw(std::as_bytes(std::span(super.s_uuid)));
    const ExtentTree tree{inode, root, inode_seed(seed, inode, 0), super.s_blocks_count};
    std::vector<std::uint64_t> blocks;
    for_each_extent(io, tree, 0, [&](const Extent& extent) {
        if (extent.logical != blocks.size() || extent.unwritten ||
            extent.count > kMaxJournalBlocks - blocks.size())
            throw Error(Errc::corrupt,
                        fmt::format("journal: an extent of {} blocks at {}, {} blocks before it",
                                    extent.count,
                                    extent.logical,
                                    blocks.size()));
        for (std::uint32_t i = 0; i < extent.count; ++i)
            blocks.push_back(extent.physical + i);
        return true;
    });
    if (blocks.empty())
        throw Error(Errc::corrupt, "journal: it has no blocks");
    return blocks;
}

/// The log, and a walk over its committed transactions.
class Log {
public:
    Log(DeviceIo& io, std::vector<std::uint64_t> blocks)
        : io_(io)
        , blocks_(std::move(blocks))
        , journal_(unpack_journal_superblock(io.view(blocks_[0]))) {
        if (journal_.max_length > blocks_.size())
            throw Error(Errc::corrupt,
                        fmt::format("journal: {} blocks, its superblock says {}",
                                    blocks_.size(),
                                    journal_.max_length));
    }

    [[nodiscard]] const JournalSuperblock& superblock() const { return journal_; }
    [[nodiscard]] std::uint64_t superblock_place() const { return blocks_[0]; }

    struct Visitor {
        std::function<void(std::uint32_t sequence, std::uint64_t block)> revoked;
        std::function<void(std::uint32_t sequence, const JournalTag&, Block&)> content;
    };

    /// Finds the end: the number of the first transaction that is not whole.
    void scan() { end_ = walk({}, false); }
    /// Meets everything before the end.
    void for_each(const Visitor& visit) { (void)walk(visit, true); }
    [[nodiscard]] std::uint32_t end() const { return end_; }

private:
    void read(std::uint32_t position, Block& into) { io_.read_content(blocks_[position], into); }

    [[nodiscard]] std::uint32_t after(std::uint32_t position, std::size_t count) const {
        const std::uint32_t length = journal_.max_length - journal_.first;
        return journal_.first +
               static_cast<std::uint32_t>((position - journal_.first + count) % length);
    }

    /// \return the number of the transaction at which it ended
    std::uint32_t walk(const Visitor& visit, bool bounded) {
        std::uint32_t sequence = journal_.sequence;
        if (journal_.start == 0)
            return sequence;
        std::uint32_t position = journal_.start;
        std::size_t left = journal_.max_length - journal_.first; // it is a ring
        Block block;
        while (left > 0 && !(bounded && sequence == end_)) {
            read(position, block);
            const JournalHeader header = unpack_journal_header(block);
            if (!header.valid || header.sequence != sequence ||
                !journal_block_is_whole(block, journal_))
                break;
            std::size_t used = 1;
            if (header.type == JournalBlock::commit) {
                ++sequence;
            } else if (header.type == JournalBlock::descriptor) {
                const auto tags = unpack_journal_tags(block, journal_);
                used += tags.size();
                if (used > left)
                    break;
                meet_content(visit, sequence, after(position, 1), tags);
            } else if (header.type == JournalBlock::revoke) {
                for (const std::uint64_t revoked : unpack_revoked(block, journal_))
                    if (visit.revoked)
                        visit.revoked(sequence, revoked);
            } else {
                break;
            }
            position = after(position, used);
            left -= used;
        }
        return sequence;
    }

    void meet_content(const Visitor& visit,
                      std::uint32_t sequence,
                      std::uint32_t position,
                      const std::vector<JournalTag>& tags) {
        if (!visit.content)
            return;
        Block content;
        for (const JournalTag& tag : tags) {
            read(position, content);
            if (!journal_content_is_whole(content, tag, sequence, journal_))
                throw Error(Errc::corrupt,
                            fmt::format("journal: wrong checksum of block {} in transaction {}",
                                        tag.block,
                                        sequence));
            visit.content(sequence, tag, content);
            position = after(position, 1);
        }
    }

    DeviceIo& io_;
    std::vector<std::uint64_t> blocks_;
    JournalSuperblock journal_;
    std::uint32_t end_ = 0;
};

/// Sequence numbers wrap around.
bool is_later(std::uint32_t left, std::uint32_t right) {
    return static_cast<std::int32_t>(left - right) > 0;
}

void clear_needs_recovery(DeviceIo& io) {
    const auto bytes = io.edit(0).subspan(kSuperblockOffset, kSuperblockSize);
    ext2_super_block super = unpack(bytes);
    super.s_feature_incompat &= ~static_cast<std::uint32_t>(EXT3_FEATURE_INCOMPAT_RECOVER);
    std::memcpy(bytes.data(), &super, sizeof super);
    seal_superblock(bytes);
}

} // namespace

JournalReplay replay_journal(DeviceIo& io, std::span<const std::byte> superblock) {
    Log log(io, find_journal(io, unpack(superblock)));
    log.scan();
    std::unordered_map<std::uint64_t, std::uint32_t> revoked; // the last transaction that did
    log.for_each({.revoked =
                      [&](std::uint32_t sequence, std::uint64_t block) {
                          const auto [found, is_new] = revoked.try_emplace(block, sequence);
                          if (!is_new && is_later(sequence, found->second))
                              found->second = sequence;
                      },
                  .content = {}});
    JournalReplay result;
    result.transactions = log.end() - log.superblock().sequence;
    std::map<std::uint64_t, Block> blocks; // all is read before anything is written
    log.for_each({.revoked = {},
                  .content = [&](std::uint32_t sequence, const JournalTag& tag, Block& content) {
                      const auto found = revoked.find(tag.block);
                      if (found != revoked.end() && !is_later(sequence, found->second))
                          return;
                      if (tag.block >= io.nr_blocks())
                          throw Error(Errc::corrupt,
                                      fmt::format("journal: block {} of {} in transaction {}",
                                                  tag.block,
                                                  io.nr_blocks(),
                                                  sequence));
                      if (tag.escaped)
                          unescape_journal_content(content);
                      blocks[tag.block] = content;
                      ++result.blocks;
                  }});
    for (const auto& [block, content] : blocks) {
        io.write(block, content);
        if (!result.places.empty() && result.places.back().end() == block)
            ++result.places.back().count;
        else
            result.places.push_back({block, 1});
    }
    if (!io.read_only()) {
        io.write_back();
        io.device().flush();
    }
    empty_journal(io.edit(log.superblock_place()), log.end());
    clear_needs_recovery(io);
    if (!io.read_only()) {
        io.write_back();
        io.device().flush();
    }
    return result;
}

} // namespace thinsnap::ext4
