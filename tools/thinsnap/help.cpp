#include "help.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace thinsnap::tools {

namespace {

constexpr std::size_t kOptionWidth = 30;
constexpr std::size_t kCommandWidth = 44;
constexpr std::size_t kLineWidth = 80;

constexpr Option kGlobalOptions[] = {
    {"pool", "DIR", "the pool's directory; default $THINSNAP_POOL, else /var/lib/thinsnap"},
    {"lock-timeout", "SECONDS", "how long to wait for a pool that is in use; default 10"},
    {"json", nullptr, "print facts and errors as JSON"},
    {"help", nullptr, "print help and exit"},
    {"version", nullptr, "print the version and exit"},
};

/// What help lists under one caption: commands of one group.
struct Section {
    const char* caption;
    std::vector<std::span<const Command>> tables;
    [[nodiscard]] std::string_view group() const { return tables.front().front().group; }
};

const std::vector<Section>& sections() {
    static const std::vector<Section> kSections = {
        {"Images", {image_commands()}},
        {"Containers", {container_commands(), mount_commands(), change_commands()}},
        {"Files of a container", {file_commands()}},
        {"Images and containers", {inspect_commands()}},
        {"Make, look at, check and repair a pool",
         {pool_commands(), metadata_commands(), repair_commands()}},
        {"The thin devices of a pool", {device_commands(), device_io_commands()}},
    };
    return kSections;
}

/// `left`, padded, then `right`, wrapped and indented to stand in one column.
std::string two_columns(const std::string& left, std::string_view right, std::size_t width) {
    std::string text = fmt::format("  {:<{}}", left, width - 2);
    if (left.size() + 3 > width)
        text += fmt::format("\n{:{}}", "", width);
    std::size_t column = width;
    while (!right.empty()) {
        const std::string_view word = right.substr(0, right.find(' '));
        right.remove_prefix(std::min(word.size() + 1, right.size()));
        if (column > width && column + 1 + word.size() > kLineWidth) {
            text += fmt::format("\n{:{}}", "", width);
            column = width;
        } else if (column > width) {
            text += ' ';
            ++column;
        }
        text += word;
        column += word.size();
    }
    return text + "\n";
}

std::string list_options(const char* caption, std::span<const Option> options) {
    if (options.empty())
        return {};
    std::string text = fmt::format("\n{}:\n", caption);
    for (const Option& option : options) {
        const std::string_view names = option.name;
        const auto comma = names.find(',');
        std::string left = comma == std::string_view::npos
                               ? "    "
                               : fmt::format("-{}, ", names.substr(comma + 1));
        left += fmt::format("--{}", names.substr(0, comma));
        if (option.argument != nullptr)
            left += fmt::format(" {}", option.argument);
        text += two_columns(left, option.help, kOptionWidth);
    }
    return text;
}

} // namespace

std::span<const Option> global_options() {
    return kGlobalOptions;
}

const std::vector<const Command*>& all_commands() {
    static const std::vector<const Command*> kAll = [] {
        std::vector<const Command*> commands;
        for (const Section& section : sections())
            for (const auto table : section.tables)
                for (const Command& command : table)
                    commands.push_back(&command);
        return commands;
    }();
    return kAll;
}

bool is_group(std::string_view name) {
    return !name.empty() && std::ranges::any_of(sections(), [&](const Section& section) {
        return section.group() == name;
    });
}

std::string group_help(std::string_view group) {
    std::string text = fmt::format(
        "usage: thinsnap [option...] {}{}command [argument...]\n", group, group.empty() ? "" : " ");
    for (const Section& section : sections()) {
        if (!group.empty() && group != section.group())
            continue;
        text += fmt::format("\n{}:\n", section.caption);
        for (const auto table : section.tables)
            for (const Command& command : table)
                text += two_columns(fmt::format("{} {}", full_name(command), command.words),
                                    command.summary,
                                    kCommandWidth);
    }
    return text + list_options("Global options", kGlobalOptions) +
           "\n'thinsnap command --help' tells a command's options; see also thinsnap(8).\n";
}

std::string command_help(const Command& command) {
    return fmt::format("usage: thinsnap {}{}{}{}\n\n{}\n{}{}",
                       full_name(command),
                       command.options.empty() ? "" : " [option...]",
                       *command.words == '\0' ? "" : " ",
                       command.words,
                       command.summary,
                       list_options("Options", command.options),
                       list_options("Global options", kGlobalOptions));
}

} // namespace thinsnap::tools
