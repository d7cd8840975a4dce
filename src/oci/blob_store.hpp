#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.hpp"
#include "base/fd.hpp"
#include "oci/archive_index.hpp"
#include "oci/input_file.hpp"
#include "oci/manifest.hpp"

namespace thinsnap::oci {

/// The blobs of an image source by their digests. That a blob has its digest is not checked here:
/// read_blob() and LayerStream do.
///
/// Threads: any number.
class BlobStore {
public:
    BlobStore() = default;
    BlobStore(const BlobStore&) = delete;
    BlobStore& operator=(const BlobStore&) = delete;
    virtual ~BlobStore() = default;

    /// None: there is no such blob.
    [[nodiscard]] virtual std::optional<FileWindow> find(const Digest& digest) const = 0;
    /// A file of the layout itself, "index.json" or "oci-layout".
    [[nodiscard]] virtual std::optional<FileWindow> find_file(std::string_view name) const = 0;
};

/// An OCI layout in a directory. Only names made of digests are opened, and no link is followed
/// below the directory.
class DirectoryBlobs final : public BlobStore {
public:
    /// \throws SystemError
    DirectoryBlobs(Fd directory, std::string path)
        : directory_(std::move(directory))
        , path_(std::move(path)) {}

    [[nodiscard]] std::optional<FileWindow> find(const Digest& digest) const override;
    [[nodiscard]] std::optional<FileWindow> find_file(std::string_view name) const override;

private:
    Fd directory_;
    std::string path_;
};

/// An OCI layout in a tar.
class ArchiveBlobs final : public BlobStore {
public:
    explicit ArchiveBlobs(std::shared_ptr<const ArchiveIndex> archive)
        : archive_(std::move(archive)) {}

    [[nodiscard]] std::optional<FileWindow> find(const Digest& digest) const override;
    [[nodiscard]] std::optional<FileWindow> find_file(std::string_view name) const override;

private:
    std::shared_ptr<const ArchiveIndex> archive_; ///< also read by who lists the images
};

/// Blobs that are found by other names than their digests.
class ListedBlobs final : public BlobStore {
public:
    void add(const Digest& digest, FileWindow window) {
        windows_.insert_or_assign(digest, std::move(window));
    }

    [[nodiscard]] std::optional<FileWindow> find(const Digest& digest) const override;
    [[nodiscard]] std::optional<FileWindow> find_file(std::string_view name) const override;

private:
    std::map<Digest, FileWindow> windows_;
};

/// The blob, where it is there and as long as the descriptor says.
/// \throws Error(corrupt)  with the digest and the numbers
[[nodiscard]] FileWindow open_blob(const BlobStore& blobs, const Descriptor& descriptor);

/// The content of a JSON blob, verified. \throws Error(corrupt)
[[nodiscard]] std::string read_blob(const BlobStore& blobs, const Descriptor& descriptor);

} // namespace thinsnap::oci
