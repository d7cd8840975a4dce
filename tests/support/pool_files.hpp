#pragma once

#include <memory>
#include <string>

#include <fcntl.h>

#include <thinsnap/thin_pool.hpp>

#include "base/fd.hpp"
#include "engine/embedded_pool.hpp"
#include "io/file_device.hpp"
#include "thin/format_pool.hpp"

namespace thinsnap::test {

/// A pool in two files of a directory, which outlast the process that works with them.
struct PoolFiles {
    /// \param formatted  there is a pool in the directory already
    PoolFiles(const std::string& directory, std::uint64_t data_bytes, bool formatted)
        : metadata(make(directory + "/metadata"))
        , data(make(directory + "/data")) {
        if (!formatted) {
            metadata.resize(std::uint64_t{16} << 20U);
            data.resize(data_bytes);
            thin::format_pool(metadata,
                              {.chunk_size = kChunk, .nr_data_chunks = data_bytes / kChunk});
        }
        pool = engine::open_embedded_pool(metadata, data);
    }

    static constexpr std::uint64_t kChunk = 64U << 10U;
    io::FileDevice metadata;
    io::FileDevice data;
    std::unique_ptr<ThinPool> pool;

private:
    static std::string make(std::string path) {
        static_cast<void>(open_file(path, O_RDWR | O_CREAT));
        return path;
    }
};

} // namespace thinsnap::test
