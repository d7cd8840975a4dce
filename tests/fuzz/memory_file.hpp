#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include <sys/mman.h>

#include "oci/input_file.hpp"
#include "oci/spool.hpp"

namespace thinsnap::test {

/// A file in memory, without a name.
inline oci::FileWindow file_of(std::span<const std::byte> bytes) {
    Fd fd(::memfd_create("fuzz", MFD_CLOEXEC));
    oci::write_all(fd.get(), bytes, "fuzz");
    return oci::FileWindow::whole(std::make_shared<const oci::InputFile>(std::move(fd), "fuzz"));
}

} // namespace thinsnap::test
