#include "crash/model_rig.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <doctest/doctest.h>

#include "engine/embedded_pool.hpp"
#include "thin/format_pool.hpp"

#include "support/content.hpp"
#include "support/metadata_check.hpp"

namespace thinsnap::test {

namespace {

constexpr std::uint64_t kChunk = 64U << 10U;
constexpr std::uint64_t kBlock = 4096;
constexpr std::uint64_t kPiece = 256U << 10U; // compared at once

std::vector<DiffRun> diff_of(ReadView& view, DeviceId left, DeviceId right) {
    std::vector<DiffRun> runs;
    view.diff(left, right, [&](const DiffRun& run) { runs.push_back(run); });
    return runs;
}

bool equal(const DiffRun& a, const DiffRun& b) {
    return a.begin == b.begin && a.length == b.length && a.kind == b.kind;
}

} // namespace

ModelRig::ModelRig(const ModelLife& life, std::uint64_t seed)
    : life_(life)
    , random_(seed)
    , metadata_(SparseBytes(life.metadata_blocks * kBlock, SparseBytes::Background::noise))
    , data_(SparseBytes(life.data_chunks * kChunk, SparseBytes::Background::noise))
    , model_(kChunk)
    , data_chunks_(life.data_chunks)
    , metadata_blocks_(life.metadata_blocks) {
    thin::format_pool(metadata_, {.chunk_size = kChunk, .nr_data_chunks = life.data_chunks});
    open();
}

void ModelRig::open() {
    // caches as small as they get, so that blocks are evicted and written early
    pool_ =
        engine::open_embedded_pool(metadata_, data_, {.metadata_cache = 1, .mapping_cache = 4096});
}

DeviceId ModelRig::any_device() {
    if (model_.devices().empty())
        make();
    const auto devices = model_.devices();
    return devices.at(random_.below(devices.size()));
}

DeviceId ModelRig::new_id() {
    for (;;) {
        const auto n = static_cast<std::uint32_t>(random_.below(3 * life_.most_devices));
        const DeviceId id = n == 0 ? kMaxDeviceId : DeviceId(n - 1);
        if (!model_.exists(id))
            return id;
    }
}

BlockDevice& ModelRig::handle(DeviceId id) {
    std::unique_ptr<BlockDevice>& handle = handles_[id];
    if (!handle)
        handle = pool_->open_device(id, {.size = life_.device_size});
    return *handle;
}

// --- devices -------------------------------------------------------------------------------------

bool ModelRig::apply(const std::vector<PoolOperation>& operations) {
    for (const PoolOperation& operation : operations)
        if (const auto* gone = std::get_if<DeleteDevice>(&operation))
            handles_.erase(gone->id);
    const TransactionId next = transaction_id_ + random_.below(2);
    const auto failure = failure_of([&] { pool_->apply(operations, transaction_id_, next); });
    if (failure) {
        REQUIRE(*failure == Errc::no_space);
        ++tally_.no_space;
        return false;
    }
    transaction_id_ = next;
    for (const PoolOperation& operation : operations)
        model_.apply(operation);
    return true;
}

void ModelRig::make() {
    // A full pool refuses: then something has to go.
    while (!apply({CreateThin{new_id()}}))
        remove();
}

void ModelRig::snapshot() {
    if (model_.devices().size() >= life_.most_devices)
        return remove();
    apply({CreateSnapshot{new_id(), any_device()}});
}

void ModelRig::remove() {
    const auto devices = model_.devices();
    if (!devices.empty())
        REQUIRE(apply({DeleteDevice{devices.at(random_.below(devices.size()))}}));
}

void ModelRig::batch() {
    std::vector<PoolOperation> operations;
    const DeviceId victim = any_device();
    const DeviceId origin = any_device();
    const DeviceId first = new_id();
    operations.emplace_back(CreateSnapshot{first, origin});
    if (const DeviceId second = new_id(); second != first)
        operations.emplace_back(CreateSnapshot{second, first});
    if (victim != origin)
        operations.emplace_back(DeleteDevice{victim});
    apply(operations);
}

// --- content -------------------------------------------------------------------------------------

void ModelRig::do_write(DeviceId id, std::uint64_t offset, std::uint64_t length) {
    const auto bytes = pattern(next_pattern_++, offset, length);
    BlockDevice& device = handle(id);
    const auto failure = failure_of([&] { device.write(offset, bytes); });
    tally_.bytes_written += length;
    if (!failure)
        return model_.write(id, offset, bytes);
    REQUIRE(*failure == Errc::no_space);
    ++tally_.no_space;
    take_over_failed_write(id, offset, bytes);
}

/// A write that found no space may be there in part, but not a part of a block.
void ModelRig::take_over_failed_write(DeviceId id,
                                      std::uint64_t offset,
                                      const std::vector<std::byte>& bytes) {
    std::vector<std::byte> actual(bytes.size());
    handle(id).read(offset, actual);
    for (std::uint64_t at = 0; at < bytes.size();) {
        const std::uint64_t n = std::min(kBlock - (offset + at) % kBlock, bytes.size() - at);
        const auto wanted = std::span(bytes).subspan(at, n);
        if (std::ranges::equal(std::span(actual).subspan(at, n), wanted))
            model_.write(id, offset + at, wanted);
        at += n;
    }
    compare(id, offset, bytes.size());
}

void ModelRig::write() {
    const std::uint64_t length = 1 + random_.below(random_.one_in(4) ? life_.most_write : 20000);
    std::uint64_t offset = random_.below(life_.device_size - length);
    if (random_.one_in(3))
        offset = offset / kBlock * kBlock;
    do_write(any_device(), offset, length);
}

void ModelRig::write_whole_chunks() {
    const std::uint64_t length = (1 + random_.below(3)) * kChunk;
    do_write(any_device(), random_.below((life_.device_size - length) / kChunk) * kChunk, length);
}

void ModelRig::discard() {
    const DeviceId id = any_device();
    std::uint64_t length = random_.below(random_.one_in(10) ? life_.device_size : 5 * kChunk);
    std::uint64_t offset = random_.below(life_.device_size - length);
    if (random_.one_in(2)) {
        offset = offset / kChunk * kChunk;
        length = length / kChunk * kChunk;
    }
    handle(id).discard(offset, length);
    model_.discard(id, offset, length);
}

void ModelRig::read() {
    const std::uint64_t length = random_.below(200000);
    compare(any_device(), random_.below(life_.device_size - length), length);
}

void ModelRig::compare(DeviceId id, std::uint64_t offset, std::uint64_t length) {
    actual_.resize(length);
    expected_.resize(length);
    handle(id).read(offset, actual_);
    model_.content(id).read(offset, expected_);
    CAPTURE(id.value());
    CAPTURE(offset);
    CAPTURE(length);
    REQUIRE(std::memcmp(actual_.data(), expected_.data(), length) == 0);
}

// --- the pool ------------------------------------------------------------------------------------

void ModelRig::grow_data() {
    if (data_chunks_ >= life_.most_data_chunks)
        return;
    data_chunks_ += 1 + random_.below(life_.most_data_chunks - data_chunks_);
    data_.resize(data_chunks_ * kChunk);
    pool_->grow_data(data_chunks_ * kChunk);
}

void ModelRig::grow_metadata() {
    if (metadata_blocks_ >= 2 * life_.metadata_blocks)
        return;
    metadata_blocks_ += 1 + random_.below(100);
    metadata_.resize(metadata_blocks_ * kBlock);
    pool_->grow_metadata(metadata_blocks_ * kBlock);
}

void ModelRig::reopen() {
    handles_.clear();
    pool_->commit();
    pool_.reset();
    open();
    ++tally_.reopened;
}

void ModelRig::step() {
    ++tally_.operations;
    const std::uint64_t dice = random_.below(1000);
    if (dice < 450)
        write();
    else if (dice < 540)
        write_whole_chunks();
    else if (dice < 680)
        discard();
    else if (dice < 800)
        read();
    else if (dice < 870)
        snapshot();
    else if (dice < 890)
        make();
    else if (dice < 930)
        remove();
    else if (dice < 945)
        batch();
    else if (dice < 950)
        REQUIRE(apply({}));
    else if (dice < 985)
        handle(any_device()).flush();
    else if (dice < 990)
        pool_->commit();
    else if (dice < 992)
        grow_data();
    else if (dice < 994)
        grow_metadata();
    else
        reopen();
}

// --- what it all comes to ------------------------------------------------------------------------

void ModelRig::compare_views() {
    const auto view = pool_->read_view();
    std::vector<DeviceId> seen;
    view->for_each_device([&](const DeviceInfo& info) {
        seen.push_back(info.id);
        REQUIRE(info.mapped_chunks == model_.usage(info.id).mapped_chunks);
    });
    REQUIRE(seen == model_.devices());
    for (const DeviceId id : seen) {
        const DeviceUsage usage = view->usage(id);
        REQUIRE(usage.mapped_chunks == model_.usage(id).mapped_chunks);
        REQUIRE(usage.exclusive_chunks == model_.usage(id).exclusive_chunks);
    }
    for (std::size_t i = 0; i < seen.size(); ++i) {
        const DeviceId left = seen[i];
        const DeviceId right = seen[random_.below(seen.size())];
        REQUIRE(std::ranges::equal(diff_of(*view, left, right), model_.diff(left, right), equal));
    }
}

void ModelRig::check_all() {
    pool_->commit();
    const PoolStatus status = pool_->status();
    REQUIRE(status.data.used == model_.used_chunks()); // sharing is exact
    REQUIRE(status.data.total == data_chunks_);
    REQUIRE(status.metadata.total == metadata_blocks_);
    REQUIRE(status.devices == model_.devices().size());
    REQUIRE(status.transaction_id == transaction_id_);
    REQUIRE_FALSE(status.needs_check);
    for (const DeviceId id : model_.devices())
        for (std::uint64_t at = 0; at < life_.device_size; at += kPiece)
            compare(id, at, kPiece);
    compare_views();
    REQUIRE(findings_of(metadata_, data_.size()) == "");
}

void ModelRig::check_with_thin_check() {
    pool_->commit();
    REQUIRE(thin_check_says(metadata_) == "");
}

} // namespace thinsnap::test
