#include "ext4/layout.hpp"

#include <algorithm>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::ext4 {

namespace {

constexpr std::uint32_t kMaxClusterGroups = 10240; // whose bitmaps fit into one group
constexpr std::uint32_t kLeastContent = 64;        // blocks of a short last group
constexpr std::uint64_t kLeastRoomToGrow = 1ULL << 40U;
constexpr std::uint64_t kMostRoomToGrow = 1ULL << 44U;

constexpr std::uint32_t round_up(std::uint32_t value, std::uint32_t to) {
    return (value + to - 1) / to * to;
}

static_assert(kSuperblockRoom % kChunkBlocks == 0);
static_assert(kMostRoomToGrow / kGroupSize / kDescriptorsPerBlock + 3 < kSuperblockRoom);
static_assert(kSuperblockRoom + 2 * kBaseGroups + kTableBlocks + kJournalBlocks + kLeastContent <=
              kMinSize / kBlockSize);
static_assert(2 * kMaxClusterGroups + kSuperblockRoom + kTableBlocks + kLeastContent <=
              kBlocksPerGroup);

bool is_power_of(std::uint32_t base, std::uint32_t value) {
    while (value > 1 && value % base == 0)
        value /= base;
    return value == 1;
}

/// Blocks at the front of a group, before its bitmaps and its table.
std::uint32_t front_room(std::uint32_t group) {
    return has_superblock(group) ? kSuperblockRoom : 0;
}

/// Blocks of a group that are metadata or kept for it, all at its front.
std::uint32_t metadata_blocks(std::uint32_t group) {
    const Cluster cluster = cluster_of(group);
    const std::uint32_t bitmaps =
        group == cluster.first ? 2 * round_up(cluster.count, kChunkBlocks) : 0;
    return front_room(group) + bitmaps + kTableBlocks;
}

} // namespace

std::uint64_t usable_size(std::uint64_t bytes) {
    if (bytes < kMinSize || bytes > kMaxSize)
        throw Error(Errc::invalid_argument,
                    fmt::format("a file system of {} bytes: the size must be between {} and {}",
                                bytes,
                                kMinSize,
                                kMaxSize));
    const std::uint64_t blocks = bytes / kBlockSize;
    const std::uint64_t last = blocks % kBlocksPerGroup;
    const auto group = static_cast<std::uint32_t>(blocks / kBlocksPerGroup);
    const bool too_short = last < metadata_blocks(group) + kLeastContent;
    return (too_short ? blocks - last : blocks) * kBlockSize;
}

std::uint64_t next_size(std::uint64_t bytes) {
    if (bytes >= kMaxSize)
        throw Error(Errc::no_space,
                    fmt::format("a file system of {} bytes cannot become larger", bytes));
    return std::min(kMaxSize, std::max(kBaseSize, 2 * bytes));
}

std::uint32_t group_count(std::uint64_t blocks) {
    return static_cast<std::uint32_t>((blocks + kBlocksPerGroup - 1) / kBlocksPerGroup);
}

bool has_superblock(std::uint32_t group) {
    return group == 0 || is_power_of(3, group) || is_power_of(5, group) || is_power_of(7, group);
}

Cluster cluster_of(std::uint32_t group) {
    Cluster cluster{0, kBaseGroups};
    while (group >= cluster.first + cluster.count) {
        cluster.first += cluster.count;
        cluster.count = std::min(cluster.first, kMaxClusterGroups);
    }
    return cluster;
}

GroupPlace place_of_group(std::uint32_t group) {
    const Cluster cluster = cluster_of(group);
    const std::uint32_t count = round_up(cluster.count, kChunkBlocks);
    const std::uint64_t bitmaps =
        std::uint64_t{cluster.first} * kBlocksPerGroup + front_room(cluster.first);
    const std::uint32_t index = group - cluster.first;
    const std::uint64_t table = index == 0
                                    ? bitmaps + 2 * std::uint64_t{count}
                                    : std::uint64_t{group} * kBlocksPerGroup + front_room(group);
    return {bitmaps + index, bitmaps + count + index, table};
}

std::uint32_t descriptor_room(std::uint64_t bytes) {
    const std::uint64_t four_times = bytes > kMostRoomToGrow / 4 ? kMostRoomToGrow : 4 * bytes;
    const std::uint64_t groups = std::max(kLeastRoomToGrow, four_times) / kGroupSize;
    return static_cast<std::uint32_t>((groups + kDescriptorsPerBlock - 1) / kDescriptorsPerBlock);
}

BlockRange journal_place() {
    return {place_of_group(0).inode_table + kTableBlocks, kJournalBlocks};
}

} // namespace thinsnap::ext4
