#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <thinsnap/types.hpp>

#include "service/request.hpp"

namespace thinsnap::tools {

class Output;

/// An option of a command. Over all commands an option's name always takes an argument, or never.
struct Option {
    const char* name;     ///< without the dashes; "output,o" for a short form too
    const char* argument; ///< what the help calls its value; null for a switch
    const char* help;
};

/// What the user gave a command: options by name, and words.
class Arguments {
public:
    Arguments(std::map<std::string, std::string> options, std::vector<std::string> words)
        : options_(std::move(options))
        , words_(std::move(words)) {}

    [[nodiscard]] bool has(std::string_view option) const;
    [[nodiscard]] std::optional<std::string> find_text(std::string_view option) const;
    /// Bytes. \throws Error(invalid_argument)
    [[nodiscard]] std::optional<std::uint64_t> find_size(std::string_view option) const;
    [[nodiscard]] const std::vector<std::string>& words() const noexcept { return words_; }

    /// \throws Error(invalid_argument)  the option is missing
    [[nodiscard]] std::string text(std::string_view option) const;
    [[nodiscard]] std::uint64_t size(std::string_view option) const;

private:
    std::map<std::string, std::string> options_;
    std::vector<std::string> words_;
};

/// What all commands share.
struct Context {
    std::filesystem::path pool;
    bool pool_named = false; ///< by --pool, not by the environment or by default
    std::chrono::milliseconds lock_timeout{};
    bool json = false;
    void (*warn)(const std::string& text) = nullptr; ///< one line on standard error
    Output& out;

    [[nodiscard]] service::PoolAddress address() const {
        return {.directory = pool, .lock_timeout = lock_timeout, .on_warning = warn};
    }
};

/// A path of the host as it is to be understood elsewhere: a server has a directory of its own.
[[nodiscard]] std::string absolute_path(const std::string& path);

/// What a command is for. Who changes something, or writes a file, has done it when run() returns:
/// a signal that comes then is too late and no reason to say otherwise. What is shown is not shown
/// before it is printed.
enum class Effect { shows, changes };

inline constexpr std::size_t kMany = 1U << 24U; ///< words, of a command that sets no limit

/// One command, as the tables list it.
struct Command {
    const char* group; ///< "pool", "device", or empty: the command is called by its name alone
    const char* name;
    const char* words;   ///< what the help calls them
    const char* summary; ///< one line
    std::size_t min_words;
    std::size_t max_words;
    std::span<const Option> options;
    /// \return the process status
    int (*run)(const Context&, const Arguments&);
    Effect effect = Effect::shows;
};

/// "pool create", or "images" for a command without a group.
[[nodiscard]] std::string full_name(const Command& command);

[[nodiscard]] std::span<const Command> image_commands();
[[nodiscard]] std::span<const Command> container_commands();
[[nodiscard]] std::span<const Command> mount_commands();
[[nodiscard]] std::span<const Command> change_commands();
[[nodiscard]] std::span<const Command> inspect_commands();
[[nodiscard]] std::span<const Command> file_commands();
[[nodiscard]] std::span<const Command> pool_commands();
[[nodiscard]] std::span<const Command> metadata_commands();
[[nodiscard]] std::span<const Command> repair_commands();
[[nodiscard]] std::span<const Command> device_commands();
[[nodiscard]] std::span<const Command> device_io_commands();

/// Decimal digits only. \throws Error(invalid_argument)  naming `what`
[[nodiscard]] std::uint64_t
parse_number(std::string_view text, std::string_view what, std::uint64_t max);
[[nodiscard]] DeviceId parse_device_id(std::string_view text);

} // namespace thinsnap::tools
