#include "thin/check/block_reader.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "base/endian.hpp"

namespace thinsnap::thin::check {

using pdata::kBlockSize;

std::optional<pdata::ConstBlockBytes> LoadedBlocks::find(MetaBlock block) const {
    const auto at = std::ranges::lower_bound(numbers_, block.value());
    if (at == numbers_.end() || *at != block.value())
        return std::nullopt;
    const auto i = static_cast<std::size_t>(at - numbers_.begin());
    if (!readable_[i])
        return std::nullopt;
    return memory_.bytes().subspan(i * kBlockSize).first<kBlockSize>();
}

LoadedBlocks BlockReader::load(std::vector<std::uint64_t> blocks) {
    std::ranges::sort(blocks);
    blocks.erase(std::unique(blocks.begin(), blocks.end()), blocks.end());
    LoadedBlocks loaded;
    loaded.numbers_ = std::move(blocks);
    loaded.readable_.resize(loaded.numbers_.size());
    loaded.memory_ = AlignedBuffer(loaded.numbers_.size() * kBlockSize);
    for (std::size_t from = 0; from < loaded.numbers_.size();) {
        std::size_t to = from + 1;
        while (to < loaded.numbers_.size() && loaded.numbers_[to] == loaded.numbers_[to - 1] + 1)
            ++to;
        load_run(loaded, from, to);
        from = to;
    }
    return loaded;
}

void BlockReader::load_run(LoadedBlocks& blocks, std::size_t from, std::size_t to) {
    const auto bytes = blocks.memory_.bytes().subspan(from * kBlockSize, (to - from) * kBlockSize);
    try {
        device_.read(blocks.numbers_[from] * kBlockSize, bytes);
    } catch (const SystemError&) {
        // One bad sector must not hide its neighbours.
        if (to - from > 1)
            for (std::size_t i = from; i < to; ++i)
                load_run(blocks, i, i + 1);
        return;
    }
    std::fill(blocks.readable_.begin() + static_cast<std::ptrdiff_t>(from),
              blocks.readable_.begin() + static_cast<std::ptrdiff_t>(to),
              true);
}

std::optional<std::string>
find_header_fault(pdata::BlockKind kind, MetaBlock where, pdata::ConstBlockBytes block) {
    const auto number = load_le<std::uint64_t>(block, 8);
    std::array<std::byte, kBlockSize> sealed{};
    std::ranges::copy(block, sealed.begin());
    pdata::seal(kind, MetaBlock(number), sealed);
    const auto stored = load_le<std::uint32_t>(block, 0);
    const auto computed = load_le<std::uint32_t>(sealed, 0);
    if (stored != computed)
        return fmt::format("checksum is {:#010x}, its content gives {:#010x}", stored, computed);
    if (number != where.value())
        return fmt::format("says that it is block {}", number);
    return std::nullopt;
}

} // namespace thinsnap::thin::check
