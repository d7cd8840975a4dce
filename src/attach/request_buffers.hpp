#pragma once

#include <cstddef>
#include <span>

#include "attach/fuse_operations.hpp"

namespace thinsnap::attach {

/// Memory for all threads; see FuseMount. Huge pages, locking and keeping it from children are
/// wishes: without them it works as well, only slower or with more risk.
class RequestBuffers {
public:
    static constexpr std::size_t kPage = 4096;

    /// \throws SystemError
    explicit RequestBuffers(unsigned count);
    RequestBuffers(const RequestBuffers&) = delete;
    RequestBuffers& operator=(const RequestBuffers&) = delete;
    ~RequestBuffers();

    [[nodiscard]] std::span<std::byte> of(unsigned thread) const {
        return {first_ + thread * kSize, kSize};
    }

private:
    /// A request's header ends at a page's end, its payload starts at the next.
    static constexpr std::size_t kSize = kPage + kMaxPayload;

    std::size_t size_;
    std::byte* memory_ = nullptr;
    std::byte* first_ = nullptr;
};

} // namespace thinsnap::attach
