#include "command_line.hpp"

#include <algorithm>
#include <utility>

// NOLINTNEXTLINE(portability-restrict-system-includes) the one file of this tool that knows Boost
#include <boost/program_options.hpp>
#include <fmt/core.h>

#include <thinsnap/error.hpp>
#include <thinsnap/version.hpp>

#include "app/pool_lock.hpp"
#include "app/pool_paths.hpp"
#include "base/seconds_text.hpp"

#include "help.hpp"

namespace thinsnap::tools {

namespace {

namespace po = boost::program_options;

// No guessing: an abbreviation that works today is another option's name tomorrow.
constexpr int kStyle = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;

void add_options(po::options_description& into, std::span<const Option> options) {
    for (const Option& option : options) {
        if (option.argument != nullptr)
            into.add_options()(
                option.name, po::value<std::string>()->value_name(option.argument), option.help);
        else
            into.add_options()(option.name, option.help);
    }
}

/// Splits the arguments by the options given, with everything else as words.
po::parsed_options parse(const std::vector<std::string>& arguments,
                         const po::options_description& options,
                         bool allow_unknown) {
    po::command_line_parser parser(arguments);
    parser.options(options).style(kStyle);
    if (allow_unknown)
        parser.allow_unregistered();
    return parser.run();
}

/// A positional word has no name of an option, or (with unknown options allowed) a place.
bool is_word(const po::option& option) {
    return option.string_key.empty() || option.position_key >= 0;
}

/// The words of a command line whose command is not yet known.
std::vector<std::string> find_words(const std::vector<std::string>& arguments) {
    po::options_description every;
    add_options(every, global_options());
    std::vector<std::string> seen;
    for (const Command* command : all_commands())
        for (const Option& option : command->options)
            if (std::ranges::find(seen, option.name) == seen.end()) {
                seen.emplace_back(option.name);
                add_options(every, std::span(&option, 1));
            }
    std::vector<std::string> words;
    for (const po::option& option : parse(arguments, every, true).options)
        if (is_word(option))
            words.insert(words.end(), option.value.begin(), option.value.end());
    return words;
}

/// How many words a command's name takes.
std::size_t words_of_name(const Command& command) {
    return *command.group == '\0' ? 1 : 2;
}

const Command* find_command(const std::vector<std::string>& words) {
    for (const Command* command : all_commands()) {
        const bool is_grouped = *command->group != '\0';
        if (words.size() >= words_of_name(*command) &&
            words[0] == (is_grouped ? command->group : command->name) &&
            (!is_grouped || words[1] == command->name))
            return command;
    }
    return nullptr;
}

[[noreturn]] void refuse(const std::string& what, const std::string& try_this) {
    throw Error(Errc::invalid_argument, fmt::format("{}; try '{} --help'", what, try_this));
}

[[noreturn]] void refuse_unknown(const std::vector<std::string>& words) {
    if (words.empty())
        refuse("no command is given", "thinsnap");
    if (!is_group(words[0]))
        refuse(fmt::format("there is no command '{}'", words[0]), "thinsnap");
    if (words.size() < 2)
        refuse(fmt::format("no {} command is given", words[0]), "thinsnap " + words[0]);
    refuse(fmt::format("there is no command '{} {}'", words[0], words[1]), "thinsnap " + words[0]);
}

void take_globals(Request& request) {
    const auto take = [&](const char* name) {
        auto node = request.options.extract(name);
        return node.empty() ? std::optional<std::string>() : std::move(node.mapped());
    };
    request.json = take("json").has_value();
    const auto pool = take("pool");
    request.pool_named = pool.has_value();
    request.pool = pool ? *pool : app::default_pool_directory().string();
    if (request.pool.empty())
        throw Error(Errc::invalid_argument, "--pool names no directory");
    const auto timeout = take("lock-timeout");
    request.lock_timeout =
        timeout ? parse_seconds(*timeout, "--lock-timeout") : app::PoolLock::kDefaultTimeout;
}

Request parse_for(const Command* command, const std::vector<std::string>& arguments) {
    po::options_description description;
    add_options(description, global_options());
    if (command != nullptr)
        add_options(description, command->options);
    Request request;
    request.command = command;
    for (const po::option& option : parse(arguments, description, false).options) {
        if (is_word(option)) {
            request.words.insert(request.words.end(), option.value.begin(), option.value.end());
            continue;
        }
        const std::string value = option.value.empty() ? std::string() : option.value.front();
        if (!request.options.emplace(option.string_key, value).second)
            throw Error(Errc::invalid_argument,
                        fmt::format("the option --{} is given twice", option.string_key));
    }
    return request;
}

void validate_word_count(const Command& command, std::size_t count) {
    if (count >= command.min_words && count <= command.max_words)
        return;
    const std::string name = "thinsnap " + full_name(command);
    if (count > command.max_words && *command.words == '\0')
        refuse(fmt::format("'{}' takes no arguments but options", name), name);
    refuse(fmt::format("'{}' takes {}, {} arguments are given", name, command.words, count), name);
}

} // namespace

Request parse_command_line(const std::vector<std::string>& arguments) {
    try {
        const std::vector<std::string> names = find_words(arguments);
        const Command* command = find_command(names);
        Request request = parse_for(command, arguments);
        if (request.options.contains("version")) {
            request.text = fmt::format("thinsnap {}\n", version());
            return request;
        }
        if (request.options.contains("help")) {
            if (command != nullptr)
                request.text = command_help(*command);
            else if (names.empty() || (names.size() == 1 && is_group(names[0])))
                request.text = group_help(names.empty() ? "" : names[0]);
            else
                refuse_unknown(names);
            return request;
        }
        if (command == nullptr)
            refuse_unknown(names);
        request.words.erase(request.words.begin(),
                            request.words.begin() +
                                static_cast<std::ptrdiff_t>(words_of_name(*command)));
        validate_word_count(*command, request.words.size());
        take_globals(request);
        return request;
    } catch (const po::error& error) {
        throw Error(Errc::invalid_argument, error.what());
    }
}

bool wants_json(const std::vector<std::string>& arguments) {
    const auto end = std::ranges::find(arguments, "--");
    return std::find(arguments.begin(), end, "--json") != end;
}

} // namespace thinsnap::tools
