#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "ext4/file_system.hpp"
#include "ext4/format.hpp"
#include "ext4/tree_writer.hpp"

#include "support/content.hpp"
#include "support/ext4_image.hpp"

namespace thinsnap::test {

using ext4::Attributes;
using ext4::ContentWriter;
using ext4::DeviceNumber;
using ext4::FileSystem;
using ext4::FileSystemAccess;
using ext4::FileType;
using ext4::InodeInfo;
using ext4::InodeNumber;
using ext4::kRootInode;
using ext4::NewInode;
using ext4::TreeWriter;
using ext4::Xattr;

inline constexpr std::uint64_t kMiB = 1U << 20U;

/// A fresh file system on a file.
struct Fresh {
    ImageFile image;

    explicit Fresh(std::uint64_t size = 256 * kMiB)
        : image(size) {
        ext4::format(image, options_for(size));
    }

    /// Applies `change` as one layer.
    void layer(const std::function<void(TreeWriter&)>& change) {
        FileSystem file_system(image, FileSystemAccess::read_write);
        TreeWriter writer(file_system);
        change(writer);
        writer.finish();
    }
    void check() const { CHECK(complaints_of_e2fsck(image) == ""); }
};

inline Attributes plain(std::uint16_t permissions = 0644) {
    return {permissions, 1000, 1001, {1700000000, 123456789}};
}

inline InodeNumber make_file(TreeWriter& writer,
                             InodeNumber directory,
                             std::string_view name,
                             std::uint64_t seed,
                             std::size_t size) {
    const InodeNumber number = writer.create(directory, name, {FileType::regular, plain()});
    ContentWriter content = writer.open_content(number);
    content.write(0, pattern(seed, 0, size));
    content.close(size);
    return number;
}

inline std::vector<std::byte> content_of(const FileSystem& fs, InodeNumber number) {
    std::vector<std::byte> bytes(fs.inode(number).size);
    CHECK(fs.read(number, 0, bytes) == bytes.size());
    return bytes;
}

inline InodeNumber
at(const FileSystem& fs, std::string_view name, InodeNumber directory = kRootInode) {
    const auto found = fs.find(directory, name);
    REQUIRE_MESSAGE(found.has_value(), name);
    return found->inode;
}

inline std::string text(std::size_t size, char c) {
    return std::string(size, c);
}

} // namespace thinsnap::test
