#include "base/cancellation.hpp"

#include <cerrno>
#include <cstdint>

#include <sys/eventfd.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

namespace thinsnap {

Cancellation::Cancellation()
    : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!event_.is_open())
        throw SystemError(errno, "making an event descriptor");
}

void Cancellation::cancel(int signal) noexcept {
    int none = 0;
    signal_.compare_exchange_strong(none, signal);
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(event_.get(), &one, sizeof one);
}

} // namespace thinsnap
