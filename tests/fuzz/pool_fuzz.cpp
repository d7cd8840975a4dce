// A pool that the engine made, damaged as the input says and with right checksums again. Whatever
// its metadata says, opening and using it ends, in answers or in Errors.

#include <utility>
#include <vector>

#include "pdata/block.hpp"

#include "support/real_pool.hpp"

#include "fuzz/changes.hpp"
#include "fuzz/fuzz.hpp"

namespace thinsnap::test {

namespace {

using pdata::kBlockSize;

struct Target {
    RealPool pool = make_real_pool(
        {.metadata_blocks = 512, .data_chunks = 400, .device_chunks = 300, .small_devices = 5});
    std::vector<std::pair<std::uint64_t, Purpose>> blocks;

    Target() {
        for (const auto& block : blocks_of(pool.metadata))
            blocks.push_back(block);
    }
};

void damage(const Target& target, SparseBytes& metadata, const Change& change) {
    const auto& [where, purpose] = target.blocks[change.block % target.blocks.size()];
    std::vector<std::byte> bytes(kBlockSize);
    const pdata::BlockBytes block(bytes.data(), kBlockSize);
    metadata.read(where * kBlockSize, block);
    change.apply(block);
    pdata::seal(kind_of(purpose), MetaBlock(where), block);
    metadata.write(where * kBlockSize, block);
}

} // namespace

int fuzz_one(std::span<const std::byte> input) {
    static const Target target;
    SparseBytes metadata = target.pool.metadata;
    for_each_change(input, [&](const Change& change) { damage(target, metadata, change); });
    static_cast<void>(use_pool(target.pool, metadata, 97));
    return 0;
}

} // namespace thinsnap::test
