#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>

namespace thinsnap {

/// Memory that starts on a 4096-byte boundary, as O_DIRECT asks. Content is not initialised.
class AlignedBuffer {
public:
    static constexpr std::size_t kAlignment = 4096;

    AlignedBuffer() = default;
    explicit AlignedBuffer(std::size_t size)
        : data_(static_cast<std::byte*>(::operator new (size, std::align_val_t{kAlignment})))
        , size_(size) {}

    [[nodiscard]] std::span<std::byte> bytes() noexcept { return {data_.get(), size_}; }
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_.get(), size_}; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    struct Free {
        void operator()(std::byte* p) const noexcept {
            ::operator delete (p, std::align_val_t{kAlignment});
        }
    };
    std::unique_ptr<std::byte, Free> data_;
    std::size_t size_ = 0;
};

} // namespace thinsnap
