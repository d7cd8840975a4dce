#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <thinsnap/block_device.hpp>

namespace thinsnap::test {

/// Writes the log of a kernel's journal on a device of ours, block by block, as a mount leaves it
/// that was not ended: nothing of it stands where it belongs. A position behind the last block goes
/// on at the first.
class LogWriter {
public:
    /// One of the file system.
    using Block = std::vector<std::byte>;

    /// \param features  incompatible ones of the journal
    LogWriter(BlockDevice& device, std::uint32_t features, std::uint32_t start)
        : device_(device)
        , features_(features)
        , position_(start)
        , start_(start) {}

    struct Update {
        std::uint64_t block;
        Block content;
    };

    /// \param updates  of one transaction; as many as one descriptor holds, which is over 250
    LogWriter& descriptor(const std::vector<Update>& updates);
    LogWriter& revoke(const std::vector<std::uint32_t>& blocks);
    LogWriter& commit();
    /// Spoils the block that was written last.
    LogWriter& spoil();
    /// The superblocks, as a mounted file system has them.
    void finish();

    static constexpr std::uint32_t kFirstSequence = 0xFFFF'FFFE; ///< and it wraps around

private:
    [[nodiscard]] bool has_checksums() const;
    [[nodiscard]] std::size_t width() const;
    [[nodiscard]] Block header(std::uint32_t type) const;
    [[nodiscard]] std::size_t
    tag(std::span<std::byte> at, std::uint64_t block, std::uint32_t flags, const Block& data) const;
    void seal(Block& block, std::size_t at) const;
    void put(const Block& block);

    BlockDevice& device_;
    std::uint32_t features_;
    std::uint32_t position_;
    std::uint32_t start_;
    std::uint32_t sequence_ = kFirstSequence;
    std::uint64_t last_ = 0;
};

/// What `changed` has that differs from `device`, written to the device's journal only: a replay
/// makes it what `changed` is.
void write_to_journal(BlockDevice& device, BlockDevice& changed);

void store_be(std::span<std::byte> bytes, std::size_t at, std::uint32_t value);

} // namespace thinsnap::test
