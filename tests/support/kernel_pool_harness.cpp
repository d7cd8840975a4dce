#include "support/kernel_pool_harness.hpp"

#include <cstddef>
#include <exception>
#include <filesystem>
#include <sstream>
#include <stdexcept>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.hpp"
#include "dm/kernel_control.hpp"
#include "io/file_device.hpp"
#include "thin/format_pool.hpp"

namespace thinsnap::test {

namespace fs = std::filesystem;

namespace {

// Fields of /sys/block/*/stat; Linux Documentation/block/stat.rst.
constexpr std::size_t kReadSectors = 2;
constexpr std::size_t kWrittenSectors = 6;
constexpr std::size_t kFlushes = 15;

struct stat stat_of(const std::string& path) {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0)
        throw std::runtime_error("no file " + path);
    return st;
}

std::string make_file(const fs::path& path, std::uint64_t bytes) {
    const Fd file = open_file(path.string(), O_CREAT | O_EXCL | O_RDWR);
    fs::resize_file(path, bytes);
    return path.string();
}

} // namespace

std::uint64_t KernelPoolHarness::File::size() const {
    return fs::file_size(path_);
}

std::uint64_t KernelPoolHarness::File::allocated() const {
    return static_cast<std::uint64_t>(stat_of(path_).st_blocks) * dm::kSector;
}

std::uint64_t KernelPoolHarness::File::count(std::size_t field) const {
    std::istringstream text(
        read_text_file(fmt::format("/sys/dev/block/{}:{}/stat", ::major(loop_), ::minor(loop_))));
    std::uint64_t number = 0;
    for (std::size_t i = 0; i <= field; ++i)
        text >> number;
    return number;
}

std::uint64_t KernelPoolHarness::File::bytes_read() const {
    return count(kReadSectors) * dm::kSector;
}

std::uint64_t KernelPoolHarness::File::bytes_written() const {
    return count(kWrittenSectors) * dm::kSector;
}

std::uint64_t KernelPoolHarness::File::flushes() const {
    return count(kFlushes);
}

KernelPoolHarness::KernelPoolHarness(const PoolShape& shape)
    : shape_(shape)
    , metadata_(make_file(directory_ / "metadata", shape.metadata_bytes))
    , data_(make_file(directory_ / "data", shape.data_chunks * shape.chunk_size))
    , control_(dm::open_kernel_control()) {
    io::FileDevice metadata(metadata_.path());
    thin::format_pool(
        metadata,
        {.chunk_size = shape.chunk_size, .nr_data_chunks = shape.data_chunks, .uuid = make_uuid()});
    open(false);
}

KernelPoolHarness::~KernelPoolHarness() {
    if (!pool_)
        return;
    try { // what a failed case left
        for (const std::string& name : control_->list(pool_->names().pool() + '-')) {
            if (control_->find(name)->suspended)
                control_->resume(name);
            control_->remove(name, dm::Remove::when_unused);
        }
    } catch (const std::exception& error) {
        fmt::print(stderr, "after the case: {}\n", error.what());
    }
}

void KernelPoolHarness::open(bool read_only) {
    pool_.reset();
    metadata_device_.reset();
    data_device_.reset();
    metadata_device_ = dm::open_pool_device(metadata_.path());
    data_device_ = dm::open_pool_device(data_.path());
    metadata_.watch(metadata_device_->number());
    data_.watch(data_device_->number());
    pool_ = dm::open_kernel_pool(*control_,
                                 *metadata_device_,
                                 *data_device_,
                                 {.no_space_wait = shape_.no_space_wait, .read_only = read_only});
}

void KernelPoolHarness::enlarge_data(std::uint64_t bytes) const {
    fs::resize_file(data_.path(), bytes);
}

void KernelPoolHarness::enlarge_metadata(std::uint64_t bytes) const {
    fs::resize_file(metadata_.path(), bytes);
}

} // namespace thinsnap::test
