#include "dm/task.hpp"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <thread>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::dm {

namespace {

constexpr int kLevelMask = 7; // the rest of a level are flags of the library
constexpr int kError = 3;     // as in syslog(3)
constexpr auto kUdevPause = std::chrono::milliseconds(2);

/// What libdevmapper keeps to itself, and the first error that it told since somebody asked.
struct Library {
    std::mutex mutex;
    std::string error;
    std::optional<std::string> warning;
};

Library& library() {
    static Library state;
    return state;
}

extern "C" {
__attribute__((format(printf, 5, 6))) void keep_message(
    int level, const char* /*file*/, int /*line*/, int /*dm_errno*/, const char* format, ...) {
    std::string& error = library().error;
    if ((level & kLevelMask) > kError || !error.empty())
        return;
    std::array<char, 512> text{};
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text.data(), text.size(), format, arguments);
    va_end(arguments);
    error = text.data();
}
}

/// Once for the program: no messages of the library's own, no names in its own spelling, and the
/// control device stays open.
void set_up_library() {
    static const bool kDone = [] {
        ::dm_log_with_errno_init(keep_message);
        ::dm_set_name_mangling_mode(DM_STRING_MANGLING_NONE);
        ::dm_hold_control_dev(1);
        return true;
    }();
    static_cast<void>(kDone);
}

} // namespace

Task::Task(int type, std::string_view action, std::string name)
    : library_(library().mutex)
    , what_(name.empty() ? std::string(action) : fmt::format("{} {}", action, name))
    , name_(std::move(name)) {
    set_up_library();
    library().error.clear();
    task_ = ::dm_task_create(type);
    if (task_ == nullptr)
        throw Error(Errc::unsupported,
                    fmt::format("{}: this system has no device-mapper ({}); the embedded pool "
                                "needs none: see `thinsnap pool create`",
                                what_,
                                library().error));
    if (!name_.empty() && ::dm_task_set_name(task_, name_.c_str()) == 0) {
        ::dm_task_destroy(task_);
        throw Error(Errc::internal, fmt::format("{}: {}", what_, library().error));
    }
}

Task::~Task() {
    ::dm_task_destroy(task_);
}

void Task::require(int set) const {
    if (set == 0)
        throw Error(Errc::internal, fmt::format("{}: {}", what_, library().error));
}

void Task::add_target(const Target& target) {
    require(::dm_task_add_target(
        task_, 0, target.bytes / kSector, target.type.c_str(), target.parameters.c_str()));
}

void Task::fail() const {
    const int error = ::dm_task_get_errno(task_);
    if (error == 0)
        throw Error(Errc::io, fmt::format("{}: {}", what_, library().error));
    throw SystemError(error, what_);
}

void Task::run() {
    if (::dm_task_run(task_) == 0)
        fail();
}

void Task::run_with_node(bool is_private) {
    std::uint16_t flags = 0;
    if (is_private)
        flags = DM_UDEV_DISABLE_DISK_RULES_FLAG | DM_UDEV_DISABLE_OTHER_RULES_FLAG |
                DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG;
    std::uint32_t cookie = 0;
    require(::dm_task_set_cookie(task_, &cookie, flags));
    const bool done = ::dm_task_run(task_) != 0;
    wait_for_udev(cookie); // also after a failure, which the cookie outlives
    if (!done)
        fail();
}

void Task::wait_for_udev(std::uint32_t cookie) {
    const auto deadline = std::chrono::steady_clock::now() + kUdevPatience;
    int ready = cookie == 0 ? 1 : 0; // none where libdevmapper makes the nodes itself
    while (ready == 0 && ::dm_udev_wait_immediate(cookie, &ready) != 0 && ready == 0) {
        if (std::chrono::steady_clock::now() >= deadline) {
            // udev's answer may never come, as where it runs in another IPC namespace.
            static_cast<void>(::dm_udev_complete(cookie));
            static_cast<void>(::dm_udev_wait_immediate(cookie, &ready)); // removes the semaphore
            ::dm_udev_set_sync_support(0);
            library().warning = fmt::format(
                "{}: udev has not answered within {} s, and is not waited for any more; is "
                "systemd-udevd running, in this IPC namespace?",
                what_,
                kUdevPatience.count());
            break;
        }
        std::this_thread::sleep_for(kUdevPause);
    }
    ::dm_task_update_nodes();
}

std::optional<std::string> Task::take_warning() {
    const std::lock_guard lock(library().mutex);
    return std::exchange(library().warning, std::nullopt);
}

} // namespace thinsnap::dm
