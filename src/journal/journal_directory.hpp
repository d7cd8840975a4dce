#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

/// \file
/// The seam between a journal and the file system: every operation whose order or failure matters.
/// Tests cut the power at each of them.

namespace thinsnap::journal {

/// One open file. Threads: one at a time.
class JournalFile {
public:
    JournalFile() = default;
    JournalFile(const JournalFile&) = delete;
    JournalFile& operator=(const JournalFile&) = delete;
    virtual ~JournalFile() = default;

    // All throw SystemError naming the file.
    [[nodiscard]] virtual std::uint64_t size() = 0;
    /// \return how many bytes were there; fewer than asked for at the file's end only
    [[nodiscard]] virtual std::size_t read(std::uint64_t offset, std::span<std::byte> into) = 0;
    virtual void write(std::uint64_t offset, std::span<const std::byte> from) = 0;
    /// Makes the file `size` bytes long, with space beneath all of it; new bytes are zeros. Nothing
    /// has changed when it throws for lack of space.
    virtual void allocate(std::uint64_t size) = 0;
    /// Makes the file shorter.
    virtual void truncate(std::uint64_t size) = 0;
    /// fdatasync(2): content and size are durable; the name need not be.
    virtual void sync() = 0;
};

/// The directory in which a journal lives. Threads: one at a time.
class JournalDirectory {
public:
    JournalDirectory() = default;
    JournalDirectory(const JournalDirectory&) = delete;
    JournalDirectory& operator=(const JournalDirectory&) = delete;
    virtual ~JournalDirectory() = default;

    // All throw SystemError naming the file.
    /// \return null: there is no such file
    [[nodiscard]] virtual std::unique_ptr<JournalFile> open(std::string_view name,
                                                            bool read_only) = 0;
    /// An empty file, in the place of one of that name that may be there.
    [[nodiscard]] virtual std::unique_ptr<JournalFile> create(std::string_view name) = 0;
    virtual void rename(std::string_view from, std::string_view to) = 0;
    /// It need not be there.
    virtual void remove(std::string_view name) = 0;
    /// fsync(2) of the directory: names are durable.
    virtual void sync() = 0;
    /// For messages.
    [[nodiscard]] virtual std::string path_of(std::string_view name) const = 0;
};

/// \throws SystemError  the directory cannot be opened
[[nodiscard]] std::unique_ptr<JournalDirectory> open_journal_directory(const std::string& path);

} // namespace thinsnap::journal
