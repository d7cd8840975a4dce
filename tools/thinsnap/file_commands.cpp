#include <array>
#include <cstdio>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "command.hpp"
#include "container_path.hpp"
#include "output.hpp"
#include "service/request.hpp"
#include "text.hpp"

namespace thinsnap::tools {

namespace {

using rpc::Json;

/// As ls(1) begins a line.
char letter_of(const std::string& type) {
    static const std::map<std::string, char> kLetters{{"regular", '-'},
                                                      {"directory", 'd'},
                                                      {"symlink", 'l'},
                                                      {"character_device", 'c'},
                                                      {"block_device", 'b'},
                                                      {"fifo", 'p'},
                                                      {"socket", 's'}};
    return kLetters.at(type);
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

std::string size_text(const Json& file) {
    return file.contains("major") ? fmt::format("{},{}",
                                                file.at("major").get<std::uint64_t>(),
                                                file.at("minor").get<std::uint64_t>())
                                  : file.at("size").dump();
}

std::vector<std::string> row_of(const Json& file) {
    std::string name = printable(file.at("name").get<std::string>());
    if (file.contains("target"))
        name += " -> " + printable(file.at("target").get<std::string>());
    const auto mode = std::stoul(file.at("mode").get<std::string>(), nullptr, 8);
    return {letter_of(file.at("type").get<std::string>()) +
                permissions_text(static_cast<std::uint16_t>(mode)),
            file.at("links").dump(),
            file.at("uid").dump(),
            file.at("gid").dump(),
            size_text(file),
            short_time(file.at("mtime").get<std::string>()),
            name};
}

int list_files(const Context& context, const Arguments& arguments) {
    const ContainerPath where = parse_container_path(arguments.words()[0]);
    const Json result = service::carry_out(
        context.address(),
        {.method = "file.list", .params = {{"container", where.container}, {"path", where.path}}});
    if (context.json) {
        context.out.json(result);
        return 0;
    }
    std::vector<std::vector<std::string>> rows{
        {"MODE", ">LINKS", ">UID", ">GID", ">SIZE", "MODIFIED", "NAME"}};
    for (const Json& file : result.at("files"))
        rows.push_back(row_of(file));
    context.out.text(columns(rows));
    return 0;
}

int cat(const Context& context, const Arguments& arguments) {
    const ContainerPath where = parse_container_path(arguments.words()[0]);
    static_cast<void>(service::carry_out(context.address(),
                                         {.method = "file.read",
                                          .params = {{"container", where.container},
                                                     {"path", where.path},
                                                     {"output", "standard output"}},
                                          .descriptor = STDOUT_FILENO}));
    return 0;
}

int report_copied(const Context& context, const Json& copied) {
    const auto left_out = copied.at("left_out").get<std::uint64_t>();
    if (context.json)
        context.out.json(copied);
    else if (left_out > 0)
        fmt::print(stderr,
                   "thinsnap: warning: {} device nodes, fifos and sockets were not copied\n",
                   left_out);
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
    if (source)
        return report_copied(context,
                             service::carry_out(context.address(),
                                                {.method = "file.copy_out",
                                                 .params = {{"container", source->container},
                                                            {"path", source->path},
                                                            {"target", absolute_path(to)}}}));
    return report_copied(context,
                         service::carry_out(context.address(),
                                            {.method = "file.copy_in",
                                             .params = {{"source", absolute_path(from)},
                                                        {"container", target->container},
                                                        {"path", target->path}}}));
}

constexpr Command kFileCommands[] = {
    {"", "ls", "NAME:PATH", "list files of a container", 1, 1, {}, list_files},
    {"", "cp", "FROM TO", "copy from or to a container", 2, 2, {}, copy, Effect::changes},
    {"", "cat", "NAME:PATH", "print a file of a container", 1, 1, {}, cat},
};

} // namespace

std::span<const Command> file_commands() {
    return kFileCommands;
}

} // namespace thinsnap::tools
