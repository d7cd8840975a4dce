#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "support/ext4_image.hpp"
#include "support/temp_dir.hpp"

namespace thinsnap::test {

/// An image mounted by the kernel through a loop device; unmounted and detached when it goes,
/// whatever happened meanwhile.
class Mount {
public:
    /// Nothing where loop devices or mounts are not permitted; `why` then says what failed.
    [[nodiscard]] static std::optional<Mount>
    try_mount(const ImageFile& image, std::string& why, const std::string& options = "rw");

    Mount(Mount&& other) noexcept;
    Mount& operator=(Mount&&) = delete;
    Mount(const Mount&) = delete;
    Mount& operator=(const Mount&) = delete;
    ~Mount();

    /// \throws std::runtime_error  it is still busy
    void unmount();

    [[nodiscard]] std::filesystem::path path() const { return *directory_ / "mnt"; }
    [[nodiscard]] const std::string& device() const { return device_; }

private:
    Mount(std::unique_ptr<TempDir> directory, std::string device)
        : directory_(std::move(directory))
        , device_(std::move(device)) {}

    std::unique_ptr<TempDir> directory_;
    std::string device_;
    bool mounted_ = false;
};

/// What the kernel has said of the file system on `device` since it was last mounted, but for news
/// of mounting. Empty where the kernel's log cannot be read.
[[nodiscard]] std::string kernel_complaints(const std::string& device);

} // namespace thinsnap::test
