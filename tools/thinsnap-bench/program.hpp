#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/fd.hpp"

namespace thinsnap::bench {

/// A program and its arguments; the program is looked for in PATH.
using Command = std::vector<std::string>;

[[nodiscard]] bool have_program(std::string_view name);

/// A program that runs, its output kept in memory. Its destructor ends it by SIGTERM if it still
/// runs, and waits for it.
class Program {
public:
    /// \throws SystemError  it cannot be started
    explicit Program(const Command& command);
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
    ~Program();

    /// Waits for its end. \throws std::runtime_error  it failed; with what it wrote to its errors
    /// \throws app::Interrupted
    void wait();
    [[nodiscard]] std::string output() const;

private:
    std::string name_;
    Fd output_;
    Fd errors_;
    pid_t pid_ = 0; ///< 0: it has ended
};

/// Runs it to its end. \return seconds of wall clock \throws as Program
double run(const Command& command);
/// \return what it wrote to its standard output
[[nodiscard]] std::string output_of(const Command& command);

/// The same and a syncfs of the file system that `place` is on.
double run_and_sync(const Command& command, const std::filesystem::path& place);
void sync_file_system(const std::filesystem::path& place);

} // namespace thinsnap::bench
