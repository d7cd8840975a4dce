#include "bench_pool.hpp"

#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "thin/format_pool.hpp"

#include "measure.hpp"

namespace thinsnap::bench {

RawFile::RawFile(const fs::path& path, std::uint64_t bytes, bool direct)
    : fd_(open_file(path, O_RDWR | O_CREAT | (direct ? O_DIRECT : 0))) {
    if (bytes != 0 && ::fallocate(fd_.get(), 0, 0, static_cast<off_t>(bytes)) != 0)
        throw SystemError(errno, fmt::format("allocating {}", path.string()));
}

void RawFile::read(std::uint64_t offset, std::span<std::byte> into) const {
    if (::pread(fd_.get(), into.data(), into.size(), static_cast<off_t>(offset)) !=
        static_cast<ssize_t>(into.size()))
        throw SystemError(errno, "reading the raw file");
}

void RawFile::write(std::uint64_t offset, std::span<const std::byte> from) const {
    if (::pwrite(fd_.get(), from.data(), from.size(), static_cast<off_t>(offset)) !=
        static_cast<ssize_t>(from.size()))
        throw SystemError(errno, "writing the raw file");
}

void RawFile::flush() const {
    if (::fdatasync(fd_.get()) != 0)
        throw SystemError(errno, "flushing the raw file");
}

AppendedFile::AppendedFile(const fs::path& path)
    : fd_(open_file(path, O_WRONLY | O_CREAT | O_APPEND)) {}

double AppendedFile::append_and_sync(int times) {
    const std::vector<char> line(200, 'x');
    return 1e6 / times * seconds([&] {
               for (int i = 0; i < times; ++i)
                   if (::write(fd_.get(), line.data(), line.size()) < 0 ||
                       ::fdatasync(fd_.get()) != 0)
                       throw SystemError(errno, "appending to a file");
           });
}

BenchPool::BenchPool(const fs::path& directory, const BenchPoolOptions& options)
    : directory_(directory)
    , options_(options) {
    fs::create_directories(directory);
    const RawFile data(data_path(), options.data_bytes, false);
    open_file(directory / "metadata", O_RDWR | O_CREAT).reset();
    metadata_ = std::make_unique<io::FileDevice>(directory / "metadata");
    metadata_->resize(options.metadata_bytes);
    metadata_->write_zeros(0, options.metadata_bytes);
    thin::format_pool(*metadata_,
                      {.chunk_size = thin::kMinChunkSize,
                       .nr_data_chunks = options.data_bytes / thin::kMinChunkSize,
                       .uuid = {}});
    data_ = std::make_unique<io::FileDevice>(data_path(),
                                             io::FileDeviceOptions{.direct = options.direct});
    open();
}

void BenchPool::open() {
    engine::EngineOptions engine;
    engine.mapping_cache = options_.mapping_cache;
    pool_ = engine::open_embedded_pool(*metadata_, *data_, engine);
}

void BenchPool::reopen() {
    pool_.reset();
    open();
}

void BenchPool::apply(std::span<const PoolOperation> operations) {
    pool_->apply(operations, TransactionId(0), TransactionId(0));
}

} // namespace thinsnap::bench
