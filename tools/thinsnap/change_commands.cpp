#include <fmt/format.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "base/size_text.hpp"

#include "command.hpp"
#include "output.hpp"
#include "service/request.hpp"
#include "text.hpp"

namespace thinsnap::tools {

namespace {

using rpc::Json;

/// Where an archive goes; a terminal is refused.
std::string output_of(const Arguments& arguments) {
    const std::string path = arguments.find_text("output").value_or("-");
    if (path == "-" && ::isatty(STDOUT_FILENO) == 1)
        throw Error(Errc::invalid_argument,
                    "an archive is not written to a terminal; use --output, or a pipe");
    return path;
}

int diff(const Context& context, const Arguments& arguments) {
    service::Request request{.method = "container.diff",
                             .params = {{"name", arguments.words()[0]}}};
    const auto line = [](const Json& change) {
        return fmt::format("{} {}\n",
                           change.at("change").get<std::string>(),
                           printable(change.at("path").get<std::string>()));
    };
    ListDisplay display(context.out, context.json, "changes", {.line = line});
    display.attach(request);
    display.finish(service::carry_out(context.address(), request));
    return 0;
}

int commit(const Context& context, const Arguments& arguments) {
    service::Request request{.method = "container.commit",
                             .params = {{"name", arguments.words()[0]}}};
    for (const char* option : {"image", "message"})
        if (const auto value = arguments.find_text(option))
            request.params[option] = *value;
    const Json image = service::carry_out(context.address(), request);
    if (context.json)
        context.out.json(image);
    else
        context.out.text(fmt::format("{}  {}  {}\n",
                                     short_digest(image.at("id").get<std::string>()),
                                     printable(image.at("image").get<std::string>()),
                                     format_size(image.at("size").get<std::uint64_t>())));
    return 0;
}

int export_changes(const Context& context, const Arguments& arguments) {
    OutputFile file(output_of(arguments));
    write_to(
        file, context, {.method = "container.export", .params = {{"name", arguments.words()[0]}}});
    return 0;
}

int save(const Context& context, const Arguments& arguments) {
    OutputFile file(output_of(arguments));
    write_to(file,
             context,
             {.method = "image.save",
              .params = {{"image", arguments.words()[0]}, {"gzip", arguments.has("gzip")}}});
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

constexpr Command kChangeCommands[] = {
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
    return kChangeCommands;
}

} // namespace thinsnap::tools
