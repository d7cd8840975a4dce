#include "oci/input_file.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"

namespace thinsnap::oci {

InputFile::InputFile(Fd fd, std::string name)
    : fd_(std::move(fd))
    , name_(std::move(name)) {
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0)
        throw SystemError(errno, fmt::format("looking at {}", name_));
    size_ = static_cast<std::uint64_t>(status.st_size);
}

void InputFile::read(std::uint64_t offset, std::span<std::byte> into) const {
    while (!into.empty()) {
        const ssize_t n = ::pread(fd_.get(), into.data(), into.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            throw SystemError(errno, fmt::format("reading {} at byte {}", name_, offset));
        if (n == 0)
            throw Error(
                Errc::corrupt,
                fmt::format("{} ends at byte {}, {} bytes too early", name_, offset, into.size()));
        offset += static_cast<std::uint64_t>(n);
        into = into.subspan(static_cast<std::size_t>(n));
    }
}

FileWindow FileWindow::whole(std::shared_ptr<const InputFile> file) {
    const std::uint64_t size = file->size();
    return {std::move(file), 0, size};
}

FileWindow FileWindow::part(std::uint64_t begin, std::uint64_t length) const {
    TS_ASSERT(begin <= size && length <= size - begin);
    return {file, offset + begin, length};
}

std::size_t WindowSource::read(std::span<std::byte> into) {
    const auto n =
        static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), window_.size - done_));
    window_.file->read(window_.offset + done_, into.first(n));
    done_ += n;
    return n;
}

std::string read_text(const FileWindow& window, std::uint64_t limit) {
    if (window.size > limit)
        throw Error(Errc::corrupt,
                    fmt::format("it has {} bytes, more than the {} allowed", window.size, limit));
    std::string text(static_cast<std::size_t>(window.size), '\0');
    window.file->read(window.offset, std::as_writable_bytes(std::span(text)));
    return text;
}

} // namespace thinsnap::oci
