#pragma once

#include <memory>
#include <string>

#include "attach/fuse_operations.hpp"

namespace thinsnap::attach {

/// The mount's file system type.
inline constexpr const char* kFuseType = "fuse.thinsnap";

/// A FUSE mount and the threads that serve it.
///
/// Each thread has a descriptor of /dev/fuse of its own and one buffer, laid out so that the
/// payload of a write request starts on a page and can go to the disk with O_DIRECT as it is. All
/// buffers are one piece of locked memory in huge pages where there are any (measured: 1 MiB reads
/// at twice the speed of 4 KiB pages, since the kernel pins page by page), and are not copied into
/// children: a fork while the disk writes to a page would leave the data in the child's copy.
class FuseMount {
public:
    /// \param server  must outlive this
    FuseMount(std::string directory, unsigned threads, FuseServer& server);
    /// Unmounts lazily and returns when no request is at work any more.
    ~FuseMount();
    FuseMount(const FuseMount&) = delete;
    FuseMount& operator=(const FuseMount&) = delete;

    [[nodiscard]] const std::string& directory() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace thinsnap::attach
