#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "attach/activator.hpp"
#include "attach/process_mark.hpp"

namespace thinsnap::attach {

/// What is written down of an active device, so that the next process can clean up after this one.
struct ActiveRecord {
    ActiveDevice device;
    unsigned loop_number = 0; ///< once device.path is known
    ProcessMark server{};     ///< who serves it
};

/// One line `key=value` for each field; the name stands last and may hold anything but a newline.
[[nodiscard]] std::string encode_record(const ActiveRecord& record);
/// \return nothing for text that encode_record() did not write
[[nodiscard]] std::optional<ActiveRecord> decode_record(std::string_view text);

/// Where one pool keeps what lives no longer than the machine runs: `devices`, on which its devices
/// are exported, and `active`, a file for each active device.
///
///     /run/thinsnap/POOL-UUID/devices     FUSE mount point
///     /run/thinsnap/POOL-UUID/active/17   thin device 17
///
/// Used by whoever holds the pool's lock, so by one process at a time. Files are not made durable:
/// a crash of the machine ends what they tell of.
class RuntimeDirectory {
public:
    /// Makes what is missing, for this user only (0700).
    /// \param base  "/run/thinsnap"; see default_base()
    /// \throws SystemError; Error(precondition)  somebody else owns what is there
    RuntimeDirectory(std::string base, const std::string& pool_uuid);

    /// What is there already; makes nothing.
    [[nodiscard]] static std::optional<RuntimeDirectory> find(const std::string& base,
                                                              const std::string& pool_uuid);

    static constexpr const char* kSystemBase = "/run/thinsnap";
    /// kSystemBase for root; else $XDG_RUNTIME_DIR/thinsnap, if that is set.
    [[nodiscard]] static std::optional<std::string> find_base();
    /// \throws Error(precondition)  there is none: XDG_RUNTIME_DIR is not set
    [[nodiscard]] static std::string default_base();

    [[nodiscard]] std::string devices() const { return path_ + "/devices"; }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    /// Writes or replaces the device's file, whole or not at all. \throws SystemError
    void write(const ActiveRecord& record) const;
    /// No such file is no failure.
    void remove(DeviceId id) const noexcept;
    /// Files that hold something else are left out.
    [[nodiscard]] std::vector<ActiveRecord> read() const;

    /// Removes the directory, unless there is something in it. It is of no use any more.
    void remove_if_unused() const noexcept;

private:
    explicit RuntimeDirectory(std::string path)
        : path_(std::move(path)) {}

    std::string path_;
};

} // namespace thinsnap::attach
