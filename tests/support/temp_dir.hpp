#pragma once

#include <filesystem>
#include <string_view>

namespace thinsnap::test {

/// A fresh, empty directory below $TMPDIR, removed with everything in it.
///
/// Removed when a failed REQUIRE or an exception leaves the test case, too. What a killed process
/// leaves behind, tools/check removes and reports: it gives every run a TMPDIR of its own.
class TempDir {
public:
    /// \throws std::system_error  the directory cannot be made
    TempDir();
    ~TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

    /// `path() / name`.
    [[nodiscard]] std::filesystem::path operator/(std::string_view name) const {
        return path_ / name;
    }

private:
    std::filesystem::path path_;
};

} // namespace thinsnap::test
