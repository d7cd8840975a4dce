#include "attach/request_buffers.hpp"

#include <cerrno>
#include <memory>

#include <fmt/core.h>
#include <sys/mman.h>

#include <thinsnap/error.hpp>

namespace thinsnap::attach {

namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20U;

} // namespace

RequestBuffers::RequestBuffers(unsigned count)
    : size_((count * kSize + kHugePage - 1) / kHugePage * kHugePage + kHugePage) {
    void* const mapped =
        ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
        throw SystemError(errno, fmt::format("allocating {} bytes for requests", size_));
    memory_ = static_cast<std::byte*>(mapped);
    std::size_t space = size_;
    void* aligned = mapped;
    std::align(kHugePage, size_ - kHugePage, aligned, space);
    first_ = static_cast<std::byte*>(aligned);
    ::madvise(first_, count * kSize, MADV_HUGEPAGE);
    ::madvise(first_, count * kSize, MADV_DONTFORK);
    for (std::size_t at = 0; at < count * kSize; at += kPage)
        first_[at] = std::byte{0}; // here now, not when memory is short
    ::mlock(first_, count * kSize);
}

RequestBuffers::~RequestBuffers() {
    ::munmap(memory_, size_);
}

} // namespace thinsnap::attach
