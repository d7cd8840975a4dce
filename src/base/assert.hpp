#pragma once

namespace thinsnap {

/// Prints the broken invariant with its place and ends the process.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

} // namespace thinsnap

/// Stays on in release builds: an invariant that breaks while metadata is being built must stop the
/// process before the superblock is written. Never used on bytes that came from a device or a user.
#define TS_ASSERT(condition)                                                                       \
    ((condition) ? static_cast<void>(0)                                                            \
                 : ::thinsnap::assertion_failed(#condition, __FILE__, __LINE__))
