#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string>

#include "base/byte_source.hpp"
#include "base/digest.hpp"
#include "oci/input_file.hpp"

namespace thinsnap::oci {

/// What a layer's bytes must be.
struct LayerCheck {
    Digest blob_digest;          ///< of the blob as it is stored
    Digest diff_id;              ///< of the uncompressed tar
    std::uint64_t max_bytes = 0; ///< of the uncompressed tar; more is taken for a bomb
    std::string name;            ///< put before every message
};

/// The uncompressed tar of a layer. Threads of its own read and hash the blob, inflate it, and hash
/// the tar, each some blocks ahead of the next; next() hands out their memory without a copy.
///
/// The end (an empty read) is only reached when both digests are right: nothing of a layer may be
/// committed before. A tar's reader stops at its end-of-archive blocks; finish() reads the rest,
/// which counts for the diffID.
///
/// Destroyed early it stops its threads; that waits for the system call they are in, at most.
/// Errors: Error(corrupt) for a wrong digest, damage, a cut, garbage behind the end, more than
/// max_bytes; SystemError. Every later call throws the same again.
/// Threads: one consumer; blob_bytes_read() from any.
/// Cost: 6 MiB of memory.
class LayerStream final : public ByteSource {
public:
    /// \throws SystemError  the blob cannot be read, a thread not be started
    LayerStream(FileWindow blob, LayerCheck check);
    LayerStream(const LayerStream&) = delete;
    LayerStream& operator=(const LayerStream&) = delete;
    ~LayerStream() override;

    [[nodiscard]] std::size_t read(std::span<std::byte> into) override;
    [[nodiscard]] std::span<const std::byte> next(std::span<std::byte> scratch) override;

    /// Reads to the very end. When it returns, the blob's digest, its diffID and its size are
    /// right.
    void finish();

    /// For a progress display; of the blob's size.
    [[nodiscard]] std::uint64_t blob_bytes_read() const noexcept;

private:
    class Stages;

    template <class Call>
    auto guarded(Call call);

    std::string name_;
    std::unique_ptr<Stages> stages_;
    std::exception_ptr failure_;
};

} // namespace thinsnap::oci
