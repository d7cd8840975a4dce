#pragma once

#include <cstddef>
#include <span>

namespace thinsnap {

/// Takes bytes one after another: a file, standard output, memory.
///
/// Threads: one at a time.
class ByteSink {
public:
    ByteSink() = default;
    ByteSink(const ByteSink&) = delete;
    ByteSink& operator=(const ByteSink&) = delete;
    virtual ~ByteSink() = default;

    /// Takes all of `bytes`. Whether and when they are durable is the sink's business.
    /// \throws Error  they could not be taken; what came before may be there or not
    virtual void write(std::span<const std::byte> bytes) = 0;
};

} // namespace thinsnap
