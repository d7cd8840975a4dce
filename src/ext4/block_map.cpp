#include "ext4/block_map.hpp"

#include <array>
#include <unordered_set>

#include <fmt/core.h>

#include "base/endian.hpp"
#include "ext4/device_io.hpp"

namespace thinsnap::ext4 {

namespace {

constexpr std::uint64_t kPointers = kBlockSize / sizeof(std::uint32_t);
constexpr std::uint32_t kLongestRun = 32768; // as in an extent

class MapWalk {
public:
    MapWalk(DeviceIo& io,
            const ExtentTree& map,
            std::uint64_t from,
            const std::function<bool(const Extent&)>& visit)
        : io_(io)
        , map_(map)
        , from_(from)
        , visit_(visit) {}

    void run() {
        std::uint64_t logical = 0;
        for (std::uint32_t i = 0; i < EXT2_N_BLOCKS; ++i) {
            const std::uint32_t level = i < EXT2_NDIR_BLOCKS ? 0 : i - EXT2_NDIR_BLOCKS + 1;
            if (!follow(load_le<std::uint32_t>(map_.root, i * 4UL), level, logical))
                return;
            logical += span_of(level);
        }
        (void)tell();
    }

private:
    /// Blocks of the file below one pointer.
    static std::uint64_t span_of(std::uint32_t level) {
        std::uint64_t span = 1;
        for (; level > 0; --level)
            span *= kPointers;
        return span;
    }

    /// \return false to stop
    bool follow(std::uint32_t pointer, std::uint32_t level, std::uint64_t logical) {
        if (pointer == 0 || logical + span_of(level) <= from_)
            return true;
        if (pointer >= map_.nr_blocks)
            throw_corrupt(map_.inode, fmt::format("a pointer to block {}", pointer));
        if (level == 0)
            return add(logical, pointer);
        if (!seen_.insert(pointer).second)
            throw_corrupt(map_.inode, fmt::format("block {} of pointers met twice", pointer));
        std::array<std::byte, kBlockSize> pointers{};
        io_.read(pointer, pointers);
        for (std::uint64_t i = 0; i < kPointers; ++i)
            if (!follow(load_le<std::uint32_t>(pointers, i * 4),
                        level - 1,
                        logical + i * span_of(level - 1)))
                return false;
        return true;
    }

    bool add(std::uint64_t logical, std::uint64_t physical) {
        if (run_.count > 0 && run_.count < kLongestRun && logical == run_.logical + run_.count &&
            physical == run_.physical + run_.count) {
            ++run_.count;
            return true;
        }
        const bool go_on = tell();
        run_ = {logical, physical, 1, false};
        return go_on;
    }

    bool tell() { return run_.count == 0 || visit_(run_); }

    DeviceIo& io_;
    const ExtentTree& map_;
    const std::uint64_t from_;
    const std::function<bool(const Extent&)>& visit_;
    std::unordered_set<std::uint32_t> seen_;
    Extent run_;
};

} // namespace

void for_each_mapped_run(DeviceIo& io,
                         const ExtentTree& map,
                         std::uint64_t from,
                         const std::function<bool(const Extent&)>& visit) {
    MapWalk(io, map, from, visit).run();
}

} // namespace thinsnap::ext4
