#include <fmt/format.h>

#include "app/interrupt.hpp"
#include "app/stream_io.hpp"
#include "base/timestamp.hpp"
#include "snapshotter/container_files.hpp"
#include "snapshotter/containers.hpp"
#include "snapshotter/copy.hpp"
#include "snapshotter/store.hpp"

#include "service/json.hpp"
#include "service/method.hpp"

namespace thinsnap::service {

namespace {

using ext4::FileType;
using ext4::InodeInfo;
using snapshotter::DeviceFiles;
using snapshotter::ListedFile;

/// The files of the container that the parameters name, to be read.
DeviceFiles files_of(Session& session, const Params& params) {
    const std::string name = params.text("container");
    session.claim(container_claim(name), Claims::Use::read);
    const journal::Container container = session.container(name);
    return {session.readable_pool().pool(),
            session.still_device(container),
            ext4::FileSystemAccess::read_only};
}

const char* type_word(FileType type) {
    switch (type) {
    case FileType::regular:
        return "regular";
    case FileType::directory:
        return "directory";
    case FileType::symlink:
        return "symlink";
    case FileType::character_device:
        return "character_device";
    case FileType::block_device:
        return "block_device";
    case FileType::fifo:
        return "fifo";
    case FileType::socket:
        break;
    }
    return "socket";
}

Json json_of(const ListedFile& file) {
    const InodeInfo& inode = file.inode;
    Json json{{"name", file.name},
              {"type", type_word(inode.type)},
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

Json list_files(Session& session, const Params& params, Streams&) {
    const std::string path = params.text("path");
    const DeviceFiles device = files_of(session, params);
    Json files = Json::array();
    for (const ListedFile& file : snapshotter::list_files(device.files(), path))
        files.push_back(json_of(file));
    return {{"container", params.text("container")}, {"path", path}, {"files", files}};
}

Json read_file(Session& session, const Params& params, Streams& streams) {
    app::DescriptorSink sink(streams.output(), params.output_name());
    const DeviceFiles device = files_of(session, params);
    snapshotter::read_file(device.files(),
                           params.text("path"),
                           [&](std::span<const std::byte> bytes) { sink.write(bytes); });
    sink.flush();
    return Json::object();
}

Json json_of(const snapshotter::CopyReport& copied) {
    return {{"files", copied.files}, {"bytes", copied.bytes}, {"left_out", copied.left_out}};
}

Json copy_out(Session& session, const Params& params, Streams&) {
    const std::string target = params.text("target");
    const DeviceFiles device = files_of(session, params);
    return json_of(
        snapshotter::copy_out(device.files(), params.text("path"), target, app::check_interrupt));
}

Json copy_in(Session& session, const Params& params, Streams&) {
    const std::string container = params.text("container");
    snapshotter::Context& context = session.changing();
    session.claim(container_claim(container), Claims::Use::write);
    const DeviceId device = context.store.read([&](const journal::State& state) {
        return snapshotter::get_container(state, container).device;
    });
    require_inactive(session, device, "copy to where it is mounted instead");
    return json_of(snapshotter::copy_into_container(
        context, container, params.text("source"), params.text("path")));
}

constexpr Method kFileMethods[] = {
    {"file.list", list_files},
    {"file.read", read_file},
    {"file.copy_out", copy_out},
    {"file.copy_in", copy_in},
};

} // namespace

std::span<const Method> file_methods() {
    return kFileMethods;
}

} // namespace thinsnap::service
