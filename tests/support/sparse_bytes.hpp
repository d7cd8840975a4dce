#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>

namespace thinsnap::test {

/// The content of a device of any size: costs what was written, and a copy shares its pages with
/// the original until one of the two writes them.
///
/// What was never written reads as the background: zeros, or noise to catch whoever relies on
/// zeros.
///
/// Threads: one at a time for each object.
class SparseBytes {
public:
    static constexpr std::uint64_t kPageSize = 4096;

    enum class Background { zeros, noise };

    explicit SparseBytes(std::uint64_t size = 0, Background background = Background::zeros)
        : size_(size)
        , background_(background) {}

    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    /// New bytes are background; bytes that go are forgotten.
    void resize(std::uint64_t size);

    void read(std::uint64_t offset, std::span<std::byte> into) const;
    void write(std::uint64_t offset, std::span<const std::byte> from);
    void write_zeros(std::uint64_t offset, std::uint64_t length);
    /// Makes the range background again.
    void forget(std::uint64_t offset, std::uint64_t length);

    /// Whether both hold the same bytes in the range. Cost: shared pages are not looked at.
    [[nodiscard]] bool
    same(const SparseBytes& other, std::uint64_t offset, std::uint64_t length) const;

    /// Pages that take memory.
    [[nodiscard]] std::size_t pages() const noexcept { return pages_.size(); }

private:
    using Page = std::array<std::byte, kPageSize>;

    void check(std::uint64_t offset, std::uint64_t length) const;
    /// \param within  a page
    void fill_background(std::uint64_t within, std::span<std::byte> into) const;
    [[nodiscard]] Page& writable(std::uint64_t number);
    /// Calls `part(page, offset in it, length, position in the range)` for each page of the range.
    template <class Part>
    static void for_each_part(std::uint64_t offset, std::uint64_t length, const Part& part);

    std::uint64_t size_;
    Background background_;
    std::unordered_map<std::uint64_t, std::shared_ptr<Page>> pages_; ///< shared by copies
};

} // namespace thinsnap::test
