#pragma once

#include <map>
#include <memory>
#include <vector>

#include <thinsnap/thin_pool.hpp>

#include "support/pool_model.hpp"
#include "support/random.hpp"
#include "support/sparse_device.hpp"

namespace thinsnap::test {

/// What kind of life a pool leads; sizes in bytes unless they say otherwise.
struct ModelLife {
    std::uint64_t data_chunks = 64;
    std::uint64_t most_data_chunks = 96; ///< grown to this, a step at a time
    std::uint64_t metadata_blocks = 512;
    std::uint64_t device_size = 1U << 20U;
    std::uint64_t most_devices = 16;
    std::uint64_t most_write = 300000; ///< length of a write
};

/// A pool that random operations are done to, beside the model of what it must hold.
class ModelRig {
public:
    ModelRig(const ModelLife& life, std::uint64_t seed);

    /// One random operation.
    void step();

    /// Compares everything, and has the metadata checked. Commits.
    void check_all();
    void check_with_thin_check();

    struct Tally {
        std::uint64_t operations = 0;
        std::uint64_t no_space = 0; ///< of these, how many found the pool full
        std::uint64_t bytes_written = 0;
        std::uint64_t reopened = 0;
    };
    [[nodiscard]] const Tally& tally() const { return tally_; }

private:
    void open();
    [[nodiscard]] DeviceId any_device();
    [[nodiscard]] DeviceId new_id();
    [[nodiscard]] BlockDevice& handle(DeviceId id);
    /// \return whether there was space for it
    bool apply(const std::vector<PoolOperation>& operations);

    void make();
    void snapshot();
    void remove();
    void batch();
    void write();
    void write_whole_chunks();
    void do_write(DeviceId id, std::uint64_t offset, std::uint64_t length);
    void
    take_over_failed_write(DeviceId id, std::uint64_t offset, const std::vector<std::byte>& bytes);
    void discard();
    void read();
    void grow_data();
    void grow_metadata();
    void reopen();

    void compare(DeviceId id, std::uint64_t offset, std::uint64_t length);
    void compare_views();

    ModelLife life_;
    Random random_;
    SparseDevice metadata_;
    SparseDevice data_;
    PoolModel model_;
    std::unique_ptr<ThinPool> pool_;
    std::map<DeviceId, std::unique_ptr<BlockDevice>> handles_;
    TransactionId transaction_id_;
    std::uint64_t next_pattern_ = 1;
    std::uint64_t data_chunks_;
    std::uint64_t metadata_blocks_;
    Tally tally_;
    std::vector<std::byte> actual_;   ///< of compare(), kept for its memory
    std::vector<std::byte> expected_; ///< likewise
};

} // namespace thinsnap::test
