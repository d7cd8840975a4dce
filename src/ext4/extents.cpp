#include "ext4/extents.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/core.h>

#include "base/endian.hpp"
#include "ext4/checksums.hpp"
#include "ext4/device_io.hpp"

namespace thinsnap::ext4 {

namespace {

constexpr std::size_t kNodeHeader = 12;
constexpr std::size_t kNodeEntry = 12;
constexpr std::uint32_t kMaxDepth = 5; // Linux fs/ext4/ext4_extents.h, EXT4_MAX_EXTENT_DEPTH
constexpr std::uint32_t kMaxWritten = 32768;
constexpr std::uint64_t kEndOfFile = 1ULL << 32U;

/// An entry of a node: an extent in a leaf, a child elsewhere.
struct NodeEntry {
    std::uint64_t logical = 0;
    std::uint64_t physical = 0;
    std::uint32_t count = 0; ///< in a leaf
    bool unwritten = false;
};

class Walk {
public:
    Walk(DeviceIo& io,
         const ExtentTree& tree,
         std::uint64_t from,
         const std::function<bool(const Extent&)>& visit,
         const std::function<void(std::uint64_t)>& meet_node)
        : io_(io)
        , tree_(tree)
        , from_(from)
        , visit_(visit)
        , meet_node_(meet_node) {}

    void run() {
        const std::uint32_t depth = load_le<std::uint16_t>(tree_.root, 6);
        if (depth > kMaxDepth)
            fail(fmt::format("an extent tree of depth {}", depth));
        const auto entries = parse(tree_.root, depth, {0, kEndOfFile});
        (void)follow(entries, depth, kEndOfFile);
    }

private:
    struct Range {
        std::uint64_t begin = 0;
        std::uint64_t end = 0;
    };

    [[noreturn]] void fail(std::string_view what) const { throw_corrupt(tree_.inode, what); }

    [[nodiscard]] std::vector<NodeEntry>
    parse(std::span<const std::byte> node, std::uint32_t depth, Range range) const {
        const std::size_t room = (node.size() - kNodeHeader) / kNodeEntry;
        const std::size_t count = load_le<std::uint16_t>(node, 2);
        const std::size_t max = load_le<std::uint16_t>(node, 4);
        if (load_le<std::uint16_t>(node, 0) != EXT3_EXT_MAGIC || max > room || count > max ||
            load_le<std::uint16_t>(node, 6) != depth)
            fail(
                fmt::format("no extent node of depth {} with {} of {} entries", depth, count, max));
        std::vector<NodeEntry> entries(count);
        std::uint64_t end = range.begin;
        for (std::size_t i = 0; i < count; ++i) {
            const auto bytes = node.subspan(kNodeHeader + i * kNodeEntry, kNodeEntry);
            entries[i] = depth == 0 ? leaf_entry(bytes) : index_entry(bytes);
            if (entries[i].logical < end || entries[i].logical + entries[i].count > range.end)
                fail(fmt::format("extents at block {} out of order", entries[i].logical));
            end = entries[i].logical + std::max<std::uint64_t>(entries[i].count, 1);
        }
        return entries;
    }

    [[nodiscard]] NodeEntry leaf_entry(std::span<const std::byte> bytes) const {
        const std::uint32_t length = load_le<std::uint16_t>(bytes, 4);
        const NodeEntry entry{load_le<std::uint32_t>(bytes, 0),
                              load_le<std::uint32_t>(bytes, 8) |
                                  std::uint64_t{load_le<std::uint16_t>(bytes, 6)} << 32U,
                              length > kMaxWritten ? length - kMaxWritten : length,
                              length > kMaxWritten};
        if (entry.count == 0 || entry.physical == 0 || entry.physical >= tree_.nr_blocks ||
            entry.count > tree_.nr_blocks - entry.physical)
            fail(fmt::format("an extent of {} blocks from block {}", entry.count, entry.physical));
        return entry;
    }

    [[nodiscard]] NodeEntry index_entry(std::span<const std::byte> bytes) const {
        const NodeEntry entry{load_le<std::uint32_t>(bytes, 0),
                              load_le<std::uint32_t>(bytes, 4) |
                                  std::uint64_t{load_le<std::uint16_t>(bytes, 8)} << 32U};
        if (entry.physical == 0 || entry.physical >= tree_.nr_blocks)
            fail(fmt::format("an extent node in block {}", entry.physical));
        return entry;
    }

    /// \return false to stop
    bool follow(const std::vector<NodeEntry>& entries, std::uint32_t depth, std::uint64_t end) {
        for (std::size_t i = 0; i < entries.size(); ++i) {
            const NodeEntry& entry = entries[i];
            if (depth == 0) {
                if (entry.logical + entry.count > from_ &&
                    !visit_({entry.logical, entry.physical, entry.count, entry.unwritten}))
                    return false;
                continue;
            }
            const std::uint64_t stop = i + 1 < entries.size() ? entries[i + 1].logical : end;
            if (stop > from_ && !descend(entry, depth - 1, {entry.logical, stop}))
                return false;
        }
        return true;
    }

    bool descend(const NodeEntry& child, std::uint32_t depth, Range range) {
        std::array<std::byte, kBlockSize> node{};
        io_.read(child.physical, node);
        const std::size_t max = load_le<std::uint16_t>(node, 4);
        if (max > (kBlockSize - kNodeHeader - sizeof(std::uint32_t)) / kNodeEntry ||
            load_le<std::uint32_t>(node, kNodeHeader + max * kNodeEntry) !=
                extent_block_checksum(tree_.seed, node, max))
            fail(fmt::format("extent node in block {}: wrong checksum", child.physical));
        const auto entries = parse(node, depth, range);
        if (entries.empty())
            fail(fmt::format("extent node in block {}: empty", child.physical));
        if (meet_node_)
            meet_node_(child.physical);
        return follow(entries, depth, range.end);
    }

    DeviceIo& io_;
    const ExtentTree& tree_;
    const std::uint64_t from_;
    const std::function<bool(const Extent&)>& visit_;
    const std::function<void(std::uint64_t)>& meet_node_;
};

} // namespace

void for_each_extent(DeviceIo& io,
                     const ExtentTree& tree,
                     std::uint64_t from,
                     const std::function<bool(const Extent&)>& visit,
                     const std::function<void(std::uint64_t)>& meet_node) {
    Walk(io, tree, from, visit, meet_node).run();
}

} // namespace thinsnap::ext4
