#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "attach/writeback.hpp"

#include "background.hpp"
#include "daemon.hpp"
#include "log.hpp"
#include "options.hpp"
#include "service/exit_status.hpp"
#include "service_manager.hpp"

namespace thinsnap::tools {

namespace {

/// The signals that end the server, blocked in this thread and all that it starts.
Fd take_signals() {
    std::signal(SIGPIPE, SIG_IGN); // write() tells
    std::signal(SIGHUP, SIG_IGN);  // whoever started it may log out
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    if (const int error = ::pthread_sigmask(SIG_BLOCK, &ending, nullptr); error != 0)
        throw SystemError(error, "blocking signals");
    Fd signals(::signalfd(-1, &ending, SFD_CLOEXEC));
    if (!signals.is_open())
        throw SystemError(errno, "waiting for signals");
    return signals;
}

/// What a client hands over must not come to stand where standard output is expected.
void reserve_standard_descriptors() {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
        if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF) [[maybe_unused]]
            const int opened = ::open("/dev/null", O_RDWR);
}

/// Runs a server until its end. `background` knows how it began.
void serve(const Options& options, Background& background) {
    auto handed = options.background ? std::nullopt : take_socket();
    Fd signals = take_signals();
    if (!options.log_file.empty())
        log_to_file(options.log_file);
    if (::chdir("/") != 0) // no mount is kept busy
        throw SystemError(errno, "going to /");
    for (const std::string& text : attach::protect_writeback())
        log_line(text);
    Daemon daemon(options, std::move(signals), std::move(handed));
    background.report(service::kExitOk, "");
    daemon.run();
}

/// The exit for every exception.
int serve_and_report(const Options& options, Background& background) {
    int status = service::kExitInternal;
    std::string message;
    try {
        serve(options, background);
        return service::kExitOk;
    } catch (const ServedAlready& served) {
        status = service::kExitServed;
        message = served.what();
    } catch (const Error& error) {
        status = service::exit_status(error.kind());
        message = error.what();
    } catch (const std::exception& error) {
        message = fmt::format("this is a bug in thinsnap: {}", error.what());
    }
    log_line(message);
    background.report(status, message);
    return status;
}

int run(const std::vector<std::string>& arguments) {
    const Options options = parse_options(arguments);
    if (!options.text.empty()) {
        fmt::print("{}", options.text);
        return std::fflush(stdout) == 0 ? service::kExitOk : service::exit_status(Errc::io);
    }
    Background background = options.background ? Background::enter() : Background();
    return serve_and_report(options, background);
}

} // namespace

} // namespace thinsnap::tools

int main(int argc, char** argv) {
    using namespace thinsnap;
    try {
        tools::reserve_standard_descriptors();
        const std::span words(argv, static_cast<std::size_t>(argc));
        return tools::run({words.begin() + (words.empty() ? 0 : 1), words.end()});
    } catch (const Error& error) {
        tools::log_line(error.what());
        return service::exit_status(error.kind());
    } catch (const std::exception& error) {
        tools::log_line(fmt::format("this is a bug in thinsnap: {}", error.what()));
        return service::kExitInternal;
    }
}
