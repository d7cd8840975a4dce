#include <array>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "app/interrupt.hpp"
#include "app/snapshotter_handle.hpp"
#include "base/timestamp.hpp"
#include "snapshotter/container_files.hpp"
#include "snapshotter/containers.hpp"
#include "snapshotter/copy.hpp"

#include "command.hpp"
#include "container_path.hpp"
#include "output.hpp"
#include "text.hpp"

namespace thinsnap::tools {

namespace {

using Json = nlohmann::ordered_json;
using ext4::FileType;
using ext4::InodeInfo;
using snapshotter::DeviceFiles;
using snapshotter::ListedFile;

/// A container's files, under the pool's shared lock.
struct OpenedContainer {
    OpenedContainer(const Context& context, const std::string& name)
        : view(context.pool, context.lock_timeout)
        , device(view.pool().pool(),
                 snapshotter::get_container(view.state(), name).device,
                 ext4::FileSystemAccess::read_only) {}
    app::SnapshotterView view;
    DeviceFiles device;
};

struct TypeName {
    char letter;
    const char* word;
};

TypeName name_of(FileType type) {
    switch (type) {
    case FileType::regular:
        return {'-', "regular"};
    case FileType::directory:
        return {'d', "directory"};
    case FileType::symlink:
        return {'l', "symlink"};
    case FileType::character_device:
        return {'c', "character_device"};
    case FileType::block_device:
        return {'b', "block_device"};
    case FileType::fifo:
        return {'p', "fifo"};
    case FileType::socket:
        break;
    }
    return {'s', "socket"};
}

/// "rwsr-x--T", as ls(1) writes it.
std::string permissions_text(std::uint16_t mode) {
    std::string text;
    constexpr std::array<std::pair<unsigned, char>, 3> kSpecial{
        {{04000, 's'}, {02000, 's'}, {01000, 't'}}};
    for (unsigned i = 0; i < 3; ++i) {
        const unsigned bits = static_cast<unsigned>(mode) >> (3 * (2 - i));
        const bool can_execute = (bits & 1U) != 0;
        text += (bits & 4U) != 0 ? 'r' : '-';
        text += (bits & 2U) != 0 ? 'w' : '-';
        const auto [bit, letter] = kSpecial[i];
        if ((mode & bit) != 0)
            text += can_execute ? letter : static_cast<char>(letter - 'a' + 'A');
        else
            text += can_execute ? 'x' : '-';
    }
    return text;
}

std::string size_text(const InodeInfo& inode) {
    return inode.device ? fmt::format("{},{}", inode.device->major, inode.device->minor)
                        : std::to_string(inode.size);
}

std::vector<std::string> row_of(const ListedFile& file) {
    const InodeInfo& inode = file.inode;
    std::string name = printable(file.name);
    if (inode.type == FileType::symlink)
        name += " -> " + printable(file.link_target);
    return {name_of(inode.type).letter + permissions_text(inode.attributes.permissions),
            std::to_string(inode.links),
            std::to_string(inode.attributes.uid),
            std::to_string(inode.attributes.gid),
            size_text(inode),
            format_time(inode.attributes.mtime),
            name};
}

Json json_of(const ListedFile& file) {
    const InodeInfo& inode = file.inode;
    Json json{{"name", file.name},
              {"type", name_of(inode.type).word},
              {"mode", fmt::format("{:04o}", inode.attributes.permissions)},
              {"uid", inode.attributes.uid},
              {"gid", inode.attributes.gid},
              {"size", inode.size},
              {"links", inode.links},
              {"inode", inode.number.value()},
              {"mtime", format_rfc3339(inode.attributes.mtime, Fraction::always)}};
    if (inode.type == FileType::symlink)
        json["target"] = file.link_target;
    if (inode.device) {
        json["major"] = inode.device->major;
        json["minor"] = inode.device->minor;
    }
    return json;
}

int list(const Context& context, const Arguments& arguments) {
    const ContainerPath where = parse_container_path(arguments.words()[0]);
    OpenedContainer opened(context, where.container);
    const auto files = snapshotter::list_files(opened.device.files(), where.path);
    Json json = Json::array();
    std::vector<std::vector<std::string>> rows{
        {"MODE", ">LINKS", ">UID", ">GID", ">SIZE", "MODIFIED", "NAME"}};
    for (const ListedFile& file : files) {
        if (context.json)
            json.push_back(json_of(file));
        else
            rows.push_back(row_of(file));
    }
    if (context.json)
        context.out.json({{"container", where.container}, {"path", where.path}, {"files", json}});
    else
        context.out.text(columns(rows));
    return 0;
}

int cat(const Context& context, const Arguments& arguments) {
    const ContainerPath where = parse_container_path(arguments.words()[0]);
    OpenedContainer opened(context, where.container);
    snapshotter::read_file(opened.device.files(), where.path, [](std::span<const std::byte> bytes) {
        write_fully(STDOUT_FILENO, bytes, "standard output");
    });
    return 0;
}

int report(const Context& context, const snapshotter::CopyReport& copied) {
    if (context.json)
        context.out.json(
            {{"files", copied.files}, {"bytes", copied.bytes}, {"left_out", copied.left_out}});
    else if (copied.left_out > 0)
        fmt::print(stderr,
                   "thinsnap: warning: {} device nodes, fifos and sockets were not copied\n",
                   copied.left_out);
    return 0;
}

int copy(const Context& context, const Arguments& arguments) {
    const std::string& from = arguments.words()[0];
    const std::string& to = arguments.words()[1];
    const auto source = find_container_path(from);
    const auto target = find_container_path(to);
    if (source.has_value() == target.has_value())
        throw Error(Errc::invalid_argument,
                    fmt::format("one of '{}' and '{}' must be in a container, as NAME:/path, the "
                                "other on the host",
                                from,
                                to));
    if (source) {
        OpenedContainer opened(context, source->container);
        return report(
            context,
            snapshotter::copy_out(opened.device.files(), source->path, to, app::check_interrupt));
    }
    app::SnapshotterHandle handle(context.pool, context.lock_timeout);
    return report(
        context,
        snapshotter::copy_into_container(handle.context(), target->container, from, target->path));
}

constexpr Command kCommands[] = {
    {"", "ls", "NAME:PATH", "list files of a container", 1, 1, {}, list},
    {"", "cp", "FROM TO", "copy from or to a container", 2, 2, {}, copy, Effect::changes},
    {"", "cat", "NAME:PATH", "print a file of a container", 1, 1, {}, cat},
};

} // namespace

std::span<const Command> file_commands() {
    return kCommands;
}

} // namespace thinsnap::tools
