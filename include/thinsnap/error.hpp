#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

namespace thinsnap {

/// What went wrong, as far as a caller may branch on it. Callers never look at the text.
enum class Errc {
    invalid_argument, ///< the request makes no sense, whatever the state of the pool
    not_found,        ///< the named device, file or pool is not there
    already_exists,   ///< the name or id is taken
    precondition, ///< the request is fine, the state is not (a transaction id that differs, ...)
    busy,         ///< somebody else uses it; trying again later can help
    no_space,     ///< data, metadata or the host's disk is full
    read_only,    ///< the pool or the device takes no writes now
    corrupt,      ///< bytes on the disk contradict themselves
    io,           ///< the system reported an I/O error
    unsupported,  ///< a feature that this program or this system does not have
    internal,     ///< a bug in thinsnap
};

/// The word for `kind` in machine-readable output, for example "no_space".
[[nodiscard]] std::string_view to_string(Errc kind) noexcept;

/// A failure: a kind, and one line that says what was done to which object and what came of it.
///
/// Absence is not an Error (it is an empty optional), and neither is damage that a check reports.
class Error : public std::exception {
public:
    Error(Errc kind, std::string message);

    [[nodiscard]] Errc kind() const noexcept { return kind_; }
    [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }

    /// Puts "`context`: " before the message; the outermost context comes to stand first.
    void add_context(std::string_view context);

private:
    Errc kind_;
    std::string message_;
};

/// A system call that failed. The kind follows from errno (ENOSPC, EDQUOT -> no_space,
/// ENOENT -> not_found, EEXIST -> already_exists, EBUSY -> busy, EROFS -> read_only,
/// EINVAL -> invalid_argument, EOPNOTSUPP -> unsupported, everything else -> io).
class SystemError : public Error {
public:
    /// \param error   errno, read by the caller right after the call
    /// \param action  what was attempted on what, for example "writing /pool/data at 4096"
    SystemError(int error, std::string_view action);

    [[nodiscard]] int error() const noexcept { return error_; }

private:
    int error_;
};

/// A metadata block that cannot be what its parent says it is.
class CorruptionError : public Error {
public:
    /// \param structure  "superblock", "btree node", "space map bitmap", "index block", ...
    /// \param block      metadata block number, unit 4 KiB
    /// \param detail     what was expected and what was seen
    CorruptionError(std::string_view structure, std::uint64_t block, std::string_view detail);

    [[nodiscard]] std::uint64_t block() const noexcept { return block_; }

private:
    std::uint64_t block_;
};

} // namespace thinsnap
