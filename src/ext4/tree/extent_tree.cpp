#include "ext4/tree/extent_tree.hpp"

#include <algorithm>
#include <optional>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"
#include "base/endian.hpp"
#include "ext4/tree/checksum.hpp"

namespace thinsnap::ext4::tree {

namespace {

constexpr std::uint16_t kMagic = 0xF30A;
constexpr std::size_t kEntry = 12;         // of a header, an extent and an index alike
constexpr std::uint32_t kMaxCount = 32768; // EXT_INIT_MAX_LEN; above it: unwritten
constexpr std::uint16_t kMaxDepth = 5;     // EXT4_MAX_EXTENT_DEPTH
constexpr std::size_t kRootEntries = kExtentRootBytes / kEntry - 1;
constexpr std::size_t kBlockEntries = (kBlockBytes - kEntry) / kEntry;

/// A tree block and the first block of the file below it.
struct Child {
    std::uint32_t logical = 0;
    FsBlock block;
};

struct Header {
    std::uint16_t entries = 0;
    std::uint16_t depth = 0;
};

void pack_header(std::span<std::byte> node, std::size_t entries, std::size_t max, unsigned depth) {
    store_le<std::uint16_t>(node, 0, kMagic);
    store_le<std::uint16_t>(node, 2, static_cast<std::uint16_t>(entries));
    store_le<std::uint16_t>(node, 4, static_cast<std::uint16_t>(max));
    store_le<std::uint16_t>(node, 6, static_cast<std::uint16_t>(depth));
    store_le<std::uint32_t>(node, 8, 0); // generation
}

void pack_entry(std::span<std::byte> at, const Extent& extent) {
    store_le<std::uint32_t>(at, 0, extent.logical);
    store_le<std::uint16_t>(
        at, 4, static_cast<std::uint16_t>(extent.count + (extent.unwritten ? kMaxCount : 0)));
    store_le<std::uint16_t>(at, 6, static_cast<std::uint16_t>(extent.physical.value() >> 32U));
    store_le<std::uint32_t>(at, 8, static_cast<std::uint32_t>(extent.physical.value()));
}

void pack_entry(std::span<std::byte> at, const Child& child) {
    store_le<std::uint32_t>(at, 0, child.logical);
    store_le<std::uint32_t>(at, 4, static_cast<std::uint32_t>(child.block.value()));
    store_le<std::uint16_t>(at, 8, static_cast<std::uint16_t>(child.block.value() >> 32U));
    store_le<std::uint16_t>(at, 10, 0);
}

template <class Entry>
void pack_node(std::span<std::byte> node,
               std::span<const Entry> entries,
               std::size_t max,
               unsigned depth) {
    pack_header(node, entries.size(), max, depth);
    for (std::size_t i = 0; i < entries.size(); ++i)
        pack_entry(node.subspan((i + 1) * kEntry, kEntry), entries[i]);
}

template <class Entry>
std::vector<Child>
pack_level(std::span<const Entry> entries, unsigned depth, const ExtentTreeTarget& target) {
    std::vector<Child> above;
    while (!entries.empty()) {
        const auto part = entries.first(std::min(entries.size(), kBlockEntries));
        std::array<std::byte, kBlockBytes> block{};
        pack_node<Entry>(block, part, kBlockEntries, depth);
        seal_extent_block(block, target.checksum_seed);
        above.push_back({part.front().logical, target.allocate()});
        target.write(above.back().block, block);
        entries = entries.subspan(part.size());
    }
    return above;
}

/// Extents cut to what an entry can say.
std::vector<Extent> cut(std::span<const Extent> extents) {
    std::vector<Extent> result;
    result.reserve(extents.size());
    for (Extent rest : extents) {
        const std::uint32_t longest = rest.unwritten ? kMaxCount - 1 : kMaxCount;
        while (rest.count > longest) {
            result.push_back({rest.logical, longest, rest.physical, rest.unwritten});
            rest.logical += longest;
            rest.physical = rest.physical + longest;
            rest.count -= longest;
        }
        result.push_back(rest);
    }
    return result;
}

[[noreturn]] void throw_bad_tree(const std::string& what) {
    throw Error(Errc::corrupt, fmt::format("extent tree: {}", what));
}

class TreeReader {
public:
    explicit TreeReader(const ExtentTreeSource& source)
        : source_(source) {}

    ExtentTreeContent read(std::span<const std::byte> root) {
        const Header header = read_header(root, kRootEntries);
        if (header.depth > kMaxDepth)
            throw_bad_tree(fmt::format("depth {}", header.depth));
        std::vector<FsBlock> level = read_node(root, header);
        for (std::uint16_t depth = header.depth; depth > 0; --depth)
            level = read_level(level, static_cast<std::uint16_t>(depth - 1));
        return std::move(content_);
    }

private:
    [[nodiscard]] Header read_header(std::span<const std::byte> node, std::size_t room) const {
        const Header header{load_le<std::uint16_t>(node, 2), load_le<std::uint16_t>(node, 6)};
        const std::uint16_t max = load_le<std::uint16_t>(node, 4);
        if (load_le<std::uint16_t>(node, 0) != kMagic || max > room || header.entries > max)
            throw_bad_tree("a header that cannot be");
        return header;
    }

    std::vector<FsBlock> read_level(std::span<const FsBlock> blocks, std::uint16_t depth) {
        std::vector<FsBlock> below;
        std::array<std::byte, kBlockBytes> node{};
        last_child_.reset();
        for (const FsBlock block : blocks) {
            content_.tree_blocks.push_back(block);
            source_.read(block, node);
            const Header header = read_header(node, kBlockEntries);
            if (header.entries == 0 || header.depth != depth ||
                !is_sealed_extent_block(node, source_.checksum_seed))
                throw_bad_tree(
                    fmt::format("block {}: wrong depth, checksum or no entry", block.value()));
            const auto children = read_node(node, header);
            below.insert(below.end(), children.begin(), children.end());
        }
        return below;
    }

    /// \return the blocks below; a leaf's extents go to the result
    std::vector<FsBlock> read_node(std::span<const std::byte> node, const Header& header) {
        std::vector<FsBlock> children;
        for (std::size_t i = 1; i <= header.entries; ++i) {
            const auto entry = node.subspan(i * kEntry, kEntry);
            if (header.depth > 0)
                children.push_back(read_child(entry));
            else
                content_.extents.push_back(read_extent(entry));
        }
        return children;
    }

    /// The children of a level ascend, and so do extents, and no node is empty: a block that is
    /// named twice is found before it is read often.
    [[nodiscard]] FsBlock read_child(std::span<const std::byte> entry) {
        const std::uint32_t logical = load_le<std::uint32_t>(entry, 0);
        if (last_child_ && logical <= *last_child_)
            throw_bad_tree(fmt::format("block {} of the file in two places", logical));
        last_child_ = logical;
        const std::uint64_t high = load_le<std::uint16_t>(entry, 8);
        const FsBlock block(high << 32U | load_le<std::uint32_t>(entry, 4));
        if (block.value() == 0 || block.value() >= source_.nr_blocks)
            throw_bad_tree(fmt::format("block {} is outside the file system", block.value()));
        return block;
    }

    [[nodiscard]] Extent read_extent(std::span<const std::byte> entry) const {
        const std::uint32_t count = load_le<std::uint16_t>(entry, 4);
        const std::uint64_t high = load_le<std::uint16_t>(entry, 6);
        Extent extent{load_le<std::uint32_t>(entry, 0),
                      count > kMaxCount ? count - kMaxCount : count,
                      FsBlock(high << 32U | load_le<std::uint32_t>(entry, 8)),
                      count > kMaxCount};
        const std::uint64_t start = extent.physical.value();
        if (extent.count == 0 || start == 0 || start >= source_.nr_blocks ||
            extent.count > source_.nr_blocks - start || extent.count > UINT32_MAX - extent.logical)
            throw_bad_tree(fmt::format("{} blocks at {} cannot be", extent.count, start));
        if (!content_.extents.empty() &&
            extent.logical < content_.extents.back().logical + content_.extents.back().count)
            throw_bad_tree(fmt::format("block {} of the file twice", extent.logical));
        return extent;
    }

    const ExtentTreeSource& source_;
    ExtentTreeContent content_;
    std::optional<std::uint32_t> last_child_; ///< of the level that is read
};

} // namespace

void append_extent(std::vector<Extent>& extents, Extent extent) {
    if (!extents.empty()) {
        Extent& last = extents.back();
        TS_ASSERT(extent.logical >= last.logical + last.count);
        if (last.logical + last.count == extent.logical &&
            last.physical + last.count == extent.physical && last.unwritten == extent.unwritten) {
            last.count += extent.count;
            return;
        }
    }
    extents.push_back(extent);
}

BuiltExtentTree build_extent_tree(std::span<const Extent> extents, const ExtentTreeTarget& target) {
    BuiltExtentTree built;
    const std::vector<Extent> leaves = cut(extents);
    if (leaves.size() <= kRootEntries) {
        pack_node<Extent>(built.root, leaves, kRootEntries, 0);
        return built;
    }
    std::vector<Child> level = pack_level<Extent>(leaves, 0, target);
    built.tree_blocks = static_cast<std::uint32_t>(level.size());
    unsigned depth = 1;
    for (; level.size() > kRootEntries; ++depth) {
        level = pack_level<Child>(level, depth, target);
        built.tree_blocks += static_cast<std::uint32_t>(level.size());
    }
    pack_node<Child>(built.root, level, kRootEntries, depth);
    return built;
}

ExtentTreeContent read_extent_tree(std::span<const std::byte> root,
                                   const ExtentTreeSource& source) {
    return TreeReader(source).read(root);
}

} // namespace thinsnap::ext4::tree
