#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include <thinsnap/thin_pool.hpp>

#include "base/fd.hpp"
#include "engine/embedded_pool.hpp"
#include "io/file_device.hpp"

namespace thinsnap::bench {

namespace fs = std::filesystem;

/// The file system's own read and write on one file: what the engine is measured against.
class RawFile {
public:
    /// Opens or makes the file. \param bytes  allocated ahead (unwritten extents) when not 0
    RawFile(const fs::path& path, std::uint64_t bytes, bool direct);

    void read(std::uint64_t offset, std::span<std::byte> into) const;
    void write(std::uint64_t offset, std::span<const std::byte> from) const;
    void flush() const;

private:
    Fd fd_;
};

/// What a journal costs at least: lines appended to a file that grows, each made durable.
class AppendedFile {
public:
    explicit AppendedFile(const fs::path& path);
    /// \return microseconds for each of `times`
    double append_and_sync(int times);

private:
    Fd fd_;
};

struct BenchPoolOptions {
    std::uint64_t data_bytes = 0;
    std::uint64_t metadata_bytes = 64U << 20U;
    bool direct = true;
    std::size_t mapping_cache = 64U << 10U; ///< small, so that a working set does not fit
};

/// A pool in two files of a directory, data allocated ahead; metadata written with zeros, as
/// `thinsnap pool create` leaves it.
class BenchPool {
public:
    BenchPool(const fs::path& directory, const BenchPoolOptions& options);

    [[nodiscard]] ThinPool& operator*() { return *pool_; }
    [[nodiscard]] ThinPool* operator->() { return pool_.get(); }
    void reopen();
    /// One batch; the transaction id stays 0.
    void apply(std::span<const PoolOperation> operations);
    [[nodiscard]] fs::path data_path() const { return directory_ / "data"; }

private:
    void open();

    fs::path directory_;
    BenchPoolOptions options_;
    std::unique_ptr<io::FileDevice> metadata_;
    std::unique_ptr<io::FileDevice> data_;
    std::unique_ptr<ThinPool> pool_;
};

} // namespace thinsnap::bench
