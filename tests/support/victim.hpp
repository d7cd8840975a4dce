#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include <sys/types.h>

namespace thinsnap::test {

/// A process that does something, tells one line and then waits to be killed; it is, in the end.
/// What the caller has is copied into it, threads are not: make it before they start.
class Victim {
public:
    /// Returns when the line is there.
    /// \param work  gives the line; an exception becomes "failed: ..."
    /// \param then  what it does from then on, instead of waiting
    explicit Victim(const std::function<std::string()>& work,
                    const std::function<void()>& then = {});
    Victim(const Victim&) = delete;
    Victim& operator=(const Victim&) = delete;
    ~Victim() { kill(); }

    /// SIGKILL; returns when it is gone.
    void kill();
    /// SIGKILL; it may be gone later, if the kernel keeps it.
    void kill_and_leave();
    /// Whether it is gone within that time after kill_and_leave().
    [[nodiscard]] bool is_gone(std::chrono::milliseconds within);

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] const std::string& told() const { return told_; }

private:
    pid_t pid_ = -1;
    std::string told_;
};

template <class Done>
[[nodiscard]] bool becomes_true(Done done,
                                std::chrono::milliseconds within = std::chrono::seconds(3)) {
    const auto deadline = std::chrono::steady_clock::now() + within;
    while (!done()) {
        if (std::chrono::steady_clock::now() > deadline)
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
}

/// From here on this process makes its temporary files there. For what a Victim does: nobody
/// removes them after it, and it has no other thread that could read the environment.
void make_temporary_files_in(const std::string& directory);

/// Whether a new file can be made in the directory within that time: not while it is frozen.
[[nodiscard]] bool can_write(const std::string& directory, std::chrono::milliseconds within);

} // namespace thinsnap::test
