#include "ext4/tree/new_inode.hpp"

#include <array>
#include <cstring>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "ext4/file_system_handle.hpp"
#include "ext4/tree/extent_tree.hpp"
#include "ext4/tree/file_blocks.hpp"
#include "ext4/tree/file_content.hpp"

namespace thinsnap::ext4::tree {

namespace {

constexpr std::uint32_t kMaxMajor = 1U << 12U;
constexpr std::uint32_t kMaxMinor = 1U << 20U;

bool is_device(FileType type) {
    return type == FileType::character_device || type == FileType::block_device;
}

std::string as_text(std::span<const std::byte> bytes) {
    std::string text(bytes.size(), '\0');
    std::memcpy(text.data(), bytes.data(), bytes.size());
    return text;
}

} // namespace

void check_new_inode(const NewInode& what) {
    const std::string& target = what.link_target;
    if (what.type == FileType::symlink &&
        (target.empty() || target.size() >= kBlockBytes || target.find('\0') != std::string::npos))
        throw Error(Errc::invalid_argument,
                    fmt::format("a symlink with a target of {} bytes: 1 to 4095 are possible, none "
                                "of them NUL",
                                target.size()));
    if (!is_device(what.type))
        return;
    if (!what.device)
        throw Error(Errc::invalid_argument, "a device without a number");
    if (what.device->major >= kMaxMajor || what.device->minor >= kMaxMinor)
        throw Error(Errc::invalid_argument,
                    fmt::format("device {}:{}: at most 4095:1048575 is possible",
                                what.device->major,
                                what.device->minor));
}

InodeNumber create_inode(Workspace& workspace, const NewInode& what) {
    const InodeNumber number = workspace.space.take_inode(what.type == FileType::directory);
    Inode inode(what.type, what.attributes);
    const auto target = std::as_bytes(std::span(what.link_target));
    const bool short_link = what.type == FileType::symlink && target.size() < kExtentRootBytes;
    if (is_device(what.type))
        inode.set_device(*what.device);
    if (short_link) {
        inode.set_flags(0);
        inode.set_size(target.size());
        std::copy(target.begin(), target.end(), inode.root().begin());
    } else if (inode.has_flag(kExtentsFlag)) {
        const ExtentRoot root = build_extent_tree({}, {}).root;
        std::copy(root.begin(), root.end(), inode.root().begin());
    }
    if (what.type == FileType::directory)
        inode.set_size(kBlockBytes); // until it is written
    workspace.inodes.create(number, inode);
    if (what.type == FileType::symlink && !short_link) {
        FileContent content(workspace, number);
        content.write(0, target);
        content.close(target.size());
    }
    return number;
}

std::string read_link_target(FileSystemHandle& handle, InodeNumber number, const Inode& inode) {
    if (inode.type() != FileType::symlink)
        throw Error(Errc::invalid_argument,
                    fmt::format("inode {} is not a symlink", number.value()));
    if (inode.is_short_symlink())
        return as_text(inode.root().first(inode.size()));
    const ExtentTreeContent content = read_file_extents(handle, number, inode);
    if (inode.size() >= kBlockBytes || content.extents.size() != 1)
        throw_corrupt(number, fmt::format("is a symlink of {} bytes", inode.size()));
    std::array<std::byte, kBlockBytes> block{};
    handle.io().read(content.extents.front().physical.value(), block);
    return as_text(std::span(block).first(inode.size()));
}

} // namespace thinsnap::ext4::tree
