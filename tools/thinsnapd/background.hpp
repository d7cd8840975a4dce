#pragma once

#include <string>
#include <utility>

#include "base/fd.hpp"

namespace thinsnap::tools {

/// A server's life in the background, seen from whoever starts it: the process that was called ends
/// when the server has begun to serve, or could not; with its status, and its words on standard
/// error.
///
/// Threads: one at a time.
class Background {
public:
    /// Not in the background: nobody waits.
    Background() = default;

    /// Forks; returns in the child only, which is in a session of its own and holds no descriptor
    /// of its caller but standard error. To be called before there are threads.
    /// \throws SystemError
    [[nodiscard]] static Background enter();

    /// Tells the process that waits, once, how it came out. Standard input, output and error are
    /// its own from then on.
    void report(int status, const std::string& message) noexcept;

private:
    explicit Background(Fd waiting)
        : waiting_(std::move(waiting)) {}

    Fd waiting_; ///< a pipe to the process that waits
};

} // namespace thinsnap::tools
