#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/byte_source.hpp"
#include "tar/format.hpp"

namespace thinsnap::tar {

/// A tar's bytes, with their position.
///
/// Threads: one at a time.
class Input {
public:
    /// The source must outlive it.
    explicit Input(ByteSource& source);

    /// Bytes taken so far.
    [[nodiscard]] std::uint64_t position() const noexcept { return position_; }

    /// The next `length` bytes or as many as are in memory, without a copy; good until the next
    /// call. \throws Error(corrupt)  the tar ends here
    [[nodiscard]] std::span<const std::byte> take(std::uint64_t length);

    /// \return false at the tar's end \throws Error(corrupt)  it ends within the block
    [[nodiscard]] bool read_block(Block& block);
    /// Appends `length` bytes to `text`. \throws Error(corrupt)  the tar ends before
    void read_text(std::string& text, std::uint64_t length);
    /// \throws Error(corrupt)  the tar ends before
    void skip(std::uint64_t length);
    /// Takes everything that is left.
    void drain();

private:
    /// Makes `rest_` hold something. \return false at the end
    [[nodiscard]] bool refill();
    [[noreturn]] void refuse_end(std::uint64_t missing) const;

    ByteSource& source_;
    std::vector<std::byte> scratch_;
    std::span<const std::byte> rest_;
    std::uint64_t position_ = 0;
};

} // namespace thinsnap::tar
