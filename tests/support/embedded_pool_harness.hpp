#pragma once

#include <memory>
#include <string>

#include <thinsnap/thin_pool.hpp>

#include "engine/embedded_pool.hpp"
#include "thin/format_pool.hpp"

#include "support/pool_shape.hpp"
#include "support/sparse_device.hpp"

namespace thinsnap::test {

/// The embedded driver for tests that know ThinPool only: a pool on two devices in memory, which
/// are full of noise at first.
/// \tparam Alignment  of writes to the two devices
template <std::uint64_t Alignment>
class EmbeddedPoolHarness {
public:
    static constexpr DriverPromises kPromises{};

    explicit EmbeddedPoolHarness(const PoolShape& shape = {})
        : shape_(shape)
        , metadata_(SparseBytes(shape.metadata_bytes, SparseBytes::Background::noise), Alignment)
        , data_(SparseBytes(shape.data_chunks * shape.chunk_size, SparseBytes::Background::noise),
                Alignment) {
        thin::format_pool(metadata_,
                          {.chunk_size = shape.chunk_size, .nr_data_chunks = shape.data_chunks});
        open(false);
    }

    [[nodiscard]] ThinPool& pool() { return *pool_; }
    [[nodiscard]] const PoolShape& shape() const { return shape_; }

    /// Without a commit: what was not flushed may be gone. No device may be open.
    void reopen() { open(false); }
    void reopen_read_only() { open(true); }

    /// Makes the device beneath larger; the pool is not told.
    void enlarge_data(std::uint64_t bytes) { data_.resize(bytes); }
    void enlarge_metadata(std::uint64_t bytes) { metadata_.resize(bytes); }

    [[nodiscard]] SparseDevice& metadata() { return metadata_; }
    [[nodiscard]] SparseDevice& data() { return data_; }

private:
    void open(bool read_only) {
        pool_.reset();
        pool_ = engine::open_embedded_pool(
            metadata_, data_, {.no_space_wait = shape_.no_space_wait, .read_only = read_only});
    }

    PoolShape shape_;
    SparseDevice metadata_;
    SparseDevice data_;
    std::unique_ptr<ThinPool> pool_;
};

} // namespace thinsnap::test
