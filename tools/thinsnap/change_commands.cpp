#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "app/snapshotter_handle.hpp"
#include "base/size_text.hpp"
#include "snapshotter/commit.hpp"
#include "snapshotter/containers.hpp"
#include "snapshotter/difference.hpp"
#include "snapshotter/save.hpp"

#include "command.hpp"
#include "output.hpp"
#include "text.hpp"

namespace thinsnap::tools {

namespace {

using Json = nlohmann::ordered_json;

/// What a container changed, found under the pool's shared lock.
struct ContainerChanges {
    ContainerChanges(const Context& context, const std::string& name)
        : view(context.pool, context.lock_timeout)
        , container(snapshotter::get_container(view.state(), name))
        , difference(view.pool().pool(),
                     container.parent,
                     container.device,
                     view.context().check_interrupt) {}
    app::SnapshotterView view;
    const journal::Container& container;
    snapshotter::Difference difference;
};

/// A file, or standard output, as a sink.
class FileSink final : public ByteSink {
public:
    explicit FileSink(OutputFile& file)
        : file_(file) {}
    void write(std::span<const std::byte> bytes) override { file_.write(bytes); }

private:
    OutputFile& file_;
};

/// Where an archive goes; a terminal is refused.
std::string output_of(const Arguments& arguments) {
    const std::string path = arguments.find_text("output").value_or("-");
    if (path == "-" && ::isatty(STDOUT_FILENO) == 1)
        throw Error(Errc::invalid_argument,
                    "an archive is not written to a terminal; use --output, or a pipe");
    return path;
}

int diff(const Context& context, const Arguments& arguments) {
    const ContainerChanges changes(context, arguments.words()[0]);
    std::optional<JsonStream> stream;
    if (context.json)
        stream.emplace(context.out, Json{{"container", changes.container.name}}, "changes");
    for (const layer::Change& change : changes.difference.changes()) {
        if (change.kind == layer::ChangeKind::included)
            continue;
        const std::string letter(1, layer::change_letter(change.kind));
        if (stream)
            stream->add({{"change", letter}, {"path", change.path}});
        else
            context.out.text(fmt::format("{} {}\n", letter, printable(change.path)));
    }
    if (stream)
        stream->finish(Json::object());
    return 0;
}

int commit(const Context& context, const Arguments& arguments) {
    app::SnapshotterHandle handle(context.pool, context.lock_timeout);
    const auto image =
        snapshotter::commit_container(handle.context(),
                                      {.container = arguments.words()[0],
                                       .image = arguments.find_text("image"),
                                       .comment = arguments.find_text("message").value_or("")});
    if (context.json)
        context.out.json({{"image", image.name},
                          {"id", image.id.to_string()},
                          {"diff_id", image.diff_id.to_string()},
                          {"device", image.layer.value()},
                          {"size", image.size}});
    else
        context.out.text(fmt::format("{}  {}  {}\n",
                                     short_digest(image.id),
                                     printable(image.name),
                                     format_size(image.size)));
    return 0;
}

int export_changes(const Context& context, const Arguments& arguments) {
    OutputFile file(output_of(arguments));
    const ContainerChanges changes(context, arguments.words()[0]);
    FileSink sink(file);
    changes.difference.write_tar(sink);
    file.commit();
    return 0;
}

int save(const Context& context, const Arguments& arguments) {
    OutputFile file(output_of(arguments));
    app::SnapshotterView view(context.pool, context.lock_timeout);
    FileSink sink(file);
    snapshotter::save_image(view.context(),
                            arguments.words()[0],
                            sink,
                            arguments.has("gzip") ? snapshotter::SaveCompression::gzip
                                                  : snapshotter::SaveCompression::none);
    file.commit();
    return 0;
}

constexpr Option kCommitOptions[] = {
    {"image", "NAME", "what to call the image; default: the digest of its configuration"},
    {"message", "TEXT", "a comment for its history"},
};
constexpr Option kExportOptions[] = {
    {"output,o", "FILE", "where to write the tar; default: standard output"},
};
constexpr Option kSaveOptions[] = {
    {"output,o", "FILE", "where to write the archive; default: standard output"},
    {"gzip", nullptr, "compress the layers"},
};

constexpr Command kCommands[] = {
    {"", "diff", "NAME", "list what a container changed", 1, 1, {}, diff},
    {"",
     "commit",
     "NAME",
     "make an image of a container",
     1,
     1,
     kCommitOptions,
     commit,
     Effect::changes},
    {"",
     "export",
     "NAME",
     "write what a container changed",
     1,
     1,
     kExportOptions,
     export_changes,
     Effect::changes},
    {"",
     "save",
     "IMAGE",
     "write an image as an OCI archive",
     1,
     1,
     kSaveOptions,
     save,
     Effect::changes},
};

} // namespace

std::span<const Command> change_commands() {
    return kCommands;
}

} // namespace thinsnap::tools
