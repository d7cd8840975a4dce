#pragma once

#include <cstddef>
#include <span>

#include "attach/file_table.hpp"

struct fuse_lowlevel_ops;

namespace thinsnap::attach {

/// Most bytes of one read or write request.
inline constexpr std::size_t kMaxPayload = std::size_t{1} << 20U;

/// What the requests of one mount work with.
struct FuseServer {
    FileTable files;
    /// Memory of the calling thread for the answer to a read: kMaxPayload bytes, aligned.
    static std::span<std::byte>& answer_buffer();
};

/// The requests that the kernel sends, as libfuse wants them; its user data is a FuseServer. Each
/// is answered before it returns, and none throws: they are called from C.
[[nodiscard]] const fuse_lowlevel_ops& fuse_operations();

} // namespace thinsnap::attach
