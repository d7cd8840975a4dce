#include "crash/crash_world.hpp"

#include <utility>

#include "thin/format_pool.hpp"

#include "support/content.hpp"
#include "support/random.hpp"
#include "support/sparse_device.hpp"

namespace thinsnap::test {

namespace {

constexpr std::uint64_t kMetaBlock = 4096;

} // namespace

PoolImages format_images(const WorldShape& shape) {
    constexpr auto kNoise = SparseBytes::Background::noise;
    SparseDevice metadata(SparseBytes(shape.metadata_blocks * kMetaBlock, kNoise));
    thin::format_pool(metadata,
                      {.chunk_size = shape.chunk_size, .nr_data_chunks = shape.data_chunks});
    return {metadata.content(), SparseBytes(shape.data_chunks * shape.chunk_size, kNoise)};
}

PoolState first_state(const WorldShape& shape) {
    return {
        TransactionId(0), shape.data_chunks, shape.metadata_blocks, PoolModel(shape.chunk_size)};
}

CrashWorld::CrashWorld(const PoolImages& images, PoolState state)
    : metadata_(power_, images.metadata)
    , data_(power_, images.data)
    , history_(std::move(state))
    , pool_(engine::open_embedded_pool(metadata_faults_, data_faults_, kSmallCaches)) {}

BlockDevice& CrashWorld::handle(DeviceId id) {
    std::unique_ptr<BlockDevice>& handle = handles_[id];
    if (!handle)
        handle = pool_->open_device(id, {.size = kSeenBytes});
    return *handle;
}

void CrashWorld::apply(const std::vector<PoolOperation>& operations) {
    PoolState& state = history_.next();
    const TransactionId from = state.transaction_id;
    state.transaction_id = from + 1;
    for (const PoolOperation& operation : operations) {
        state.model.apply(operation);
        if (const auto* gone = std::get_if<DeleteDevice>(&operation))
            close(gone->id);
    }
    pool_->apply(operations, from, from + 1);
    history_.committed();
}

void CrashWorld::write(DeviceId id, std::uint64_t offset, std::uint64_t length) {
    // A seed of the place and the count, so that no two writes of a test look alike.
    const std::uint64_t seed = mix(mix(id.value(), offset), next_pattern_++);
    const auto bytes = pattern(seed, offset, length);
    BlockDevice& device = handle(id);
    history_.next().model.write(id, offset, bytes);
    device.write(offset, bytes);
}

void CrashWorld::discard(DeviceId id, std::uint64_t offset, std::uint64_t length) {
    BlockDevice& device = handle(id);
    history_.next().model.discard(id, offset, length);
    device.discard(offset, length);
}

void CrashWorld::flush(DeviceId id) {
    handle(id).flush();
    history_.flushed(id);
}

void CrashWorld::commit() {
    pool_->commit();
    history_.committed();
}

void CrashWorld::grow_data(std::uint64_t chunks) {
    const std::uint64_t bytes = chunks * history_.now().model.chunk_size();
    data_.resize(bytes);
    history_.next().data_chunks = chunks;
    pool_->grow_data(bytes);
    history_.committed();
}

void CrashWorld::grow_metadata(std::uint64_t blocks) {
    metadata_.resize(blocks * kMetaBlock);
    history_.next().metadata_blocks = blocks;
    pool_->grow_metadata(blocks * kMetaBlock);
    history_.committed();
}

PoolImages CrashWorld::images() {
    handles_.clear();
    commit();
    metadata_.flush();
    data_.flush();
    return {metadata_.durable(), data_.durable()};
}

} // namespace thinsnap::test
