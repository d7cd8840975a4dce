#pragma once

#include <cstddef>
#include <span>

namespace thinsnap {

/// Bytes that come one after another, once: a layer's tar, a file, memory.
///
/// Threads: one at a time.
class ByteSource {
public:
    ByteSource() = default;
    ByteSource(const ByteSource&) = delete;
    ByteSource& operator=(const ByteSource&) = delete;
    virtual ~ByteSource() = default;

    /// Fills the front of `into`, as much as is at hand.
    /// \param into  at least one byte
    /// \return      bytes read; 0 only at the end, and again after it
    /// \throws Error  the bytes cannot be had, or are not what they should be; then the source is
    ///                at its end for good
    [[nodiscard]] virtual std::size_t read(std::span<std::byte> into) = 0;

    /// The next piece without a copy, where the source holds it in memory of its own; else read
    /// into `scratch`.
    /// \param scratch  memory of the caller, at least one byte; the content is lost
    /// \return         the piece, empty at the end only; good until the next call
    [[nodiscard]] virtual std::span<const std::byte> next(std::span<std::byte> scratch) {
        return scratch.first(read(scratch));
    }
};

/// Reads until `into` is full or the source at its end. \return bytes read
[[nodiscard]] std::size_t read_full(ByteSource& source, std::span<std::byte> into);

/// What is in memory already. The memory must outlive it.
class MemorySource final : public ByteSource {
public:
    explicit MemorySource(std::span<const std::byte> bytes)
        : rest_(bytes) {}

    [[nodiscard]] std::size_t read(std::span<std::byte> into) override;
    [[nodiscard]] std::span<const std::byte> next(std::span<std::byte> scratch) override;

private:
    std::span<const std::byte> rest_;
};

} // namespace thinsnap
