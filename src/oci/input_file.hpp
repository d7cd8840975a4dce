#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/byte_source.hpp"
#include "base/fd.hpp"

namespace thinsnap::oci {

/// A regular file that an image is read from.
///
/// Threads: any number.
class InputFile {
public:
    /// \param name  for messages
    /// \throws SystemError
    InputFile(Fd fd, std::string name);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }

    /// Fills `into` from byte `offset`.
    /// \throws SystemError
    /// \throws Error(corrupt)  the file ends before that
    void read(std::uint64_t offset, std::span<std::byte> into) const;

private:
    Fd fd_;
    std::string name_;
    std::uint64_t size_ = 0;
};

/// A part of a file: a blob, a member of an archive, or all of it. The file is shared: streams read
/// from it in threads of their own, and blobs of one archive are windows on one file.
struct FileWindow {
    std::shared_ptr<const InputFile> file;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;

    /// All of `file`.
    [[nodiscard]] static FileWindow whole(std::shared_ptr<const InputFile> file);
    /// A part of the window; it must lie in it.
    [[nodiscard]] FileWindow part(std::uint64_t begin, std::uint64_t length) const;
};

/// The bytes of a window, in order.
class WindowSource final : public ByteSource {
public:
    explicit WindowSource(FileWindow window)
        : window_(std::move(window)) {}

    [[nodiscard]] std::size_t read(std::span<std::byte> into) override;

private:
    FileWindow window_;
    std::uint64_t done_ = 0;
};

/// The window's bytes as text. \throws Error(corrupt) over `limit` bytes
[[nodiscard]] std::string read_text(const FileWindow& window, std::uint64_t limit);

} // namespace thinsnap::oci
