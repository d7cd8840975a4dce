#include <algorithm>
#include <cerrno>
#include <csignal>
#include <new>
#include <span>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "app/interrupt.hpp"
#include "app/pool_glance.hpp"
#include "app/stream_io.hpp"

#include "command_line.hpp"
#include "output.hpp"
#include "service/exit_status.hpp"

namespace thinsnap::tools {

namespace {

using service::exit_status;
using service::kExitInternal;
using service::kExitOk;
using service::kExitSignalBase;

void write_line(std::string line) {
    std::ranges::replace(line, '\n', ' ');
    line += '\n';
    [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, line.data(), line.size());
}

std::string line_of(const nlohmann::ordered_json& value) {
    return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

/// One line on standard error, or one line of JSON; never more, whatever the text.
int report(bool json, int status, std::string_view kind, const std::string& message) {
    write_line(
        json ? line_of({{"error", {{"kind", kind}, {"message", message}, {"exit_status", status}}}})
             : fmt::format("thinsnap: {}", message));
    return status;
}

void warn(const std::string& text) {
    write_line(fmt::format("thinsnap: warning: {}", text));
}

void warn_in_json(const std::string& text) {
    write_line(line_of({{"warning", text}}));
}

/// Behind what was asked for, whatever that was and whether it came about.
void warn_of_pool(const Request& request) {
    if (request.pool.empty())
        return;
    if (const auto pool = app::glance_at_pool(request.pool))
        for (const std::string& text : app::warnings_of(*pool))
            (request.json ? warn_in_json : warn)(text);
}

int carry_out(const Request& request) {
    Output out;
    int status = kExitOk;
    if (request.command == nullptr || !request.text.empty()) {
        out.text(request.text);
    } else {
        const Context context{.pool = request.pool,
                              .pool_named = request.pool_named,
                              .lock_timeout = request.lock_timeout,
                              .json = request.json,
                              .warn = request.json ? warn_in_json : warn,
                              .out = out};
        status = request.command->run(context, Arguments(request.options, request.words));
        if (request.command->effect == Effect::changes)
            app::disregard_interrupts();
    }
    out.flush();
    return status;
}

int run(const std::vector<std::string>& arguments) {
    const Request request = parse_command_line(arguments);
    try {
        const int status = carry_out(request);
        warn_of_pool(request);
        return status;
    } catch (...) {
        warn_of_pool(request);
        throw;
    }
}

/// A standard descriptor that is closed would be taken by the first file that is opened, and what
/// is printed would end up in the pool. Opened the wrong way round, using it stays an error.
void reserve_standard_descriptors() {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
        if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF) [[maybe_unused]]
            const int opened = ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/// The exit for every exception.
int run_and_report(std::span<char*> words) {
    bool json = false;
    try {
        const std::vector<std::string> arguments(words.begin(), words.end());
        json = wants_json(arguments);
        const app::InterruptHandler handler;
        return run(arguments);
    } catch (const Error& error) {
        return report(json, exit_status(error.kind()), to_string(error.kind()), error.what());
    } catch (const app::Interrupted& signal) {
        return report(json, kExitSignalBase + signal.signal(), "interrupted", signal.what());
    } catch (const app::BrokenPipe&) {
        return kExitSignalBase + SIGPIPE;
    } catch (const std::bad_alloc&) {
        return report(json, kExitInternal, "internal", "out of memory");
    } catch (const std::exception& error) {
        return report(json,
                      kExitInternal,
                      "internal",
                      fmt::format("this is a bug in thinsnap: {}", error.what()));
    }
}

} // namespace

} // namespace thinsnap::tools

int main(int argc, char** argv) {
    try {
        thinsnap::tools::reserve_standard_descriptors();
        std::signal(SIGPIPE, SIG_IGN); // write() tells, where it is known what to do about it
        const std::span words(argv, static_cast<std::size_t>(argc));
        return thinsnap::tools::run_and_report(words.subspan(words.empty() ? 0 : 1));
    } catch (...) {
        return thinsnap::service::kExitInternal; // not even a message could be made
    }
}
