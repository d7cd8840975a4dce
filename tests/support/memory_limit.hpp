#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sys/types.h>

namespace thinsnap::test {

/// A cgroup whose processes share so much memory, page cache included; of version 1 or 2, whichever
/// the machine has. Removed at the end; what still lives there is killed before.
class MemoryLimit {
public:
    /// Why there cannot be one here; nothing when there can.
    [[nodiscard]] static std::optional<std::string> why_not();

    /// Whether the kernel makes those who need memory wait for writeback: version 1 does.
    [[nodiscard]] static bool waits_for_writeback();

    /// \throws SystemError
    explicit MemoryLimit(std::uint64_t bytes);
    ~MemoryLimit();
    MemoryLimit(const MemoryLimit&) = delete;
    MemoryLimit& operator=(const MemoryLimit&) = delete;

    /// Moves the calling process in; what it uses from then on counts. \throws SystemError
    void enter() const;
    /// Bytes that count at the moment.
    [[nodiscard]] std::uint64_t usage() const;

private:
    std::string path_;
    std::string usage_file_;
};

} // namespace thinsnap::test
