#include "oci/blob_store.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include <thinsnap/error.hpp>

#include "oci/json.hpp"

namespace thinsnap::oci {

namespace {

/// openat(2) of one name that must not be a link. None: it is not there.
std::optional<Fd> open_below(int directory, const std::string& name, int flags) {
    Fd fd(::openat(directory, name.c_str(), flags | O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (fd.is_open())
        return fd;
    if (errno == ENOENT)
        return std::nullopt;
    if (errno == ELOOP || errno == ENOTDIR)
        throw Error(Errc::corrupt,
                    fmt::format("{} in the layout is a link or no {}; copy the layout with cp -rL "
                                "if that is meant",
                                name,
                                (flags & O_DIRECTORY) != 0 ? "directory" : "file"));
    throw SystemError(errno, fmt::format("opening {} in the layout", name));
}

FileWindow whole_file(Fd fd, std::string name) {
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0)
        throw SystemError(errno, fmt::format("looking at {}", name));
    if (!S_ISREG(status.st_mode))
        throw Error(Errc::corrupt, fmt::format("{} is no regular file", name));
    return FileWindow::whole(std::make_shared<const InputFile>(std::move(fd), std::move(name)));
}

} // namespace

std::optional<FileWindow> DirectoryBlobs::find(const Digest& digest) const {
    const auto blobs = open_below(directory_.get(), "blobs", O_DIRECTORY);
    if (!blobs)
        return std::nullopt;
    const auto sha256 = open_below(blobs->get(), "sha256", O_DIRECTORY);
    if (!sha256)
        return std::nullopt;
    auto blob = open_below(sha256->get(), digest.hex(), O_NONBLOCK); // it could be a FIFO
    if (!blob)
        return std::nullopt;
    return whole_file(std::move(*blob), path_ + "/blobs/sha256/" + digest.hex());
}

std::optional<FileWindow> DirectoryBlobs::find_file(std::string_view name) const {
    auto file = open_below(directory_.get(), std::string(name), O_NONBLOCK);
    if (!file)
        return std::nullopt;
    return whole_file(std::move(*file), path_ + '/' + std::string(name));
}

std::optional<FileWindow> ArchiveBlobs::find(const Digest& digest) const {
    return archive_->find("blobs/sha256/" + digest.hex());
}

std::optional<FileWindow> ArchiveBlobs::find_file(std::string_view name) const {
    return archive_->find(name);
}

std::optional<FileWindow> ListedBlobs::find(const Digest& digest) const {
    const auto found = windows_.find(digest);
    if (found == windows_.end())
        return std::nullopt;
    return found->second;
}

std::optional<FileWindow> ListedBlobs::find_file(std::string_view /*name*/) const {
    return std::nullopt;
}

FileWindow open_blob(const BlobStore& blobs, const Descriptor& descriptor) {
    auto window = blobs.find(descriptor.digest);
    if (!window)
        throw Error(Errc::corrupt,
                    fmt::format("blob {} is missing; get the image again, with all its layers",
                                descriptor.digest.to_string()));
    if (window->size != descriptor.size)
        throw Error(Errc::corrupt,
                    fmt::format("blob {} has {} bytes instead of the {} that its descriptor "
                                "says; get the image again",
                                descriptor.digest.to_string(),
                                window->size,
                                descriptor.size));
    return std::move(*window);
}

std::string read_blob(const BlobStore& blobs, const Descriptor& descriptor) {
    const FileWindow window = open_blob(blobs, descriptor);
    try {
        std::string text = read_text(window, kMaxJsonBytes);
        const Digest found = Digest::of(text);
        if (found != descriptor.digest)
            throw Error(Errc::corrupt,
                        fmt::format("its content has the digest {}; get the image again",
                                    found.to_string()));
        return text;
    } catch (Error& error) {
        error.add_context(fmt::format("blob {}", descriptor.digest.to_string()));
        throw;
    }
}

} // namespace thinsnap::oci
