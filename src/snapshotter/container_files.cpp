#include "snapshotter/container_files.hpp"

#include <algorithm>
#include <vector>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::snapshotter {

namespace {

constexpr std::size_t kReadPiece = 1U << 20U;

ListedFile listed(const ext4::FileSystem& files, std::string name, const ext4::InodeInfo& inode) {
    ListedFile file{.name = std::move(name), .inode = inode, .link_target = {}};
    if (inode.type == ext4::FileType::symlink)
        file.link_target = files.link_target(inode.number);
    return file;
}

} // namespace

DeviceFiles::DeviceFiles(ThinPool& pool, DeviceId device, ext4::FileSystemAccess access)
    : device_(pool.open_device(device, {.read_only = access == ext4::FileSystemAccess::read_only}))
    , files_(std::make_unique<ext4::FileSystem>(*device_, access)) {}

std::vector<ListedFile> list_files(const ext4::FileSystem& files, std::string_view path) {
    const LastLink last = path.ends_with('/') ? LastLink::follow : LastLink::keep;
    const FoundFile found = get_path(files, path, last);
    std::vector<ListedFile> list;
    if (found.inode.type != ext4::FileType::directory) {
        list.push_back(listed(files, found.path, found.inode));
        return list;
    }
    files.for_each_entry(found.inode.number, [&](const ext4::Entry& entry) {
        list.push_back(listed(files, entry.name, files.inode(entry.inode)));
    });
    std::ranges::sort(list, {}, &ListedFile::name);
    return list;
}

void read_file(const ext4::FileSystem& files,
               std::string_view path,
               const std::function<void(std::span<const std::byte>)>& sink) {
    const FoundFile found = get_path(files, path, LastLink::follow);
    if (found.inode.type != ext4::FileType::regular)
        throw Error(Errc::precondition, fmt::format("{} is no regular file", found.path));
    std::vector<std::byte> piece(kReadPiece);
    for (std::uint64_t offset = 0;;) {
        const std::size_t got = files.read(found.inode.number, offset, piece);
        if (got == 0)
            return;
        sink(std::span(piece).first(got));
        offset += got;
    }
}

} // namespace thinsnap::snapshotter
