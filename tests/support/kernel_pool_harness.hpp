#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "dm/control.hpp"
#include "dm/kernel_pool.hpp"
#include "dm/pool_device.hpp"

#include "support/pool_shape.hpp"
#include "support/temp_dir.hpp"

namespace thinsnap::test {

/// The kernel driver for tests that know ThinPool only: a pool on two files below $TMPDIR, of a
/// kernel that has device-mapper and that this test may use as it likes. What a failed case leaves
/// goes with it.
class KernelPoolHarness {
public:
    static constexpr DriverPromises kPromises{.deletes_without_metadata_space = false,
                                              .is_told_the_metadata_size = false,
                                              .commits_only_changes = false,
                                              .stores_no_zeros = false};

    explicit KernelPoolHarness(const PoolShape& shape = {});
    KernelPoolHarness(const KernelPoolHarness&) = delete;
    KernelPoolHarness& operator=(const KernelPoolHarness&) = delete;
    ~KernelPoolHarness();

    [[nodiscard]] dm::KernelPool& pool() { return *pool_; }
    [[nodiscard]] const PoolShape& shape() const { return shape_; }
    [[nodiscard]] dm::Control& control() { return *control_; }

    /// No device may be open.
    void reopen() { open(false); }
    void reopen_read_only() { open(true); }

    void enlarge_data(std::uint64_t bytes) const;
    void enlarge_metadata(std::uint64_t bytes) const;

    /// What the kernel did to a file, by its loop device.
    class File {
    public:
        explicit File(std::string path)
            : path_(std::move(path)) {}
        [[nodiscard]] std::uint64_t size() const;
        [[nodiscard]] std::uint64_t allocated() const; ///< bytes that the file takes
        [[nodiscard]] std::uint64_t bytes_read() const;
        [[nodiscard]] std::uint64_t bytes_written() const;
        [[nodiscard]] std::uint64_t flushes() const;
        [[nodiscard]] const std::string& path() const { return path_; }
        void watch(dev_t loop) { loop_ = loop; }

    private:
        [[nodiscard]] std::uint64_t count(std::size_t field) const;
        std::string path_;
        dev_t loop_ = 0;
    };
    [[nodiscard]] const File& metadata() const { return metadata_; }
    [[nodiscard]] const File& data() const { return data_; }

private:
    void open(bool read_only);

    PoolShape shape_;
    TempDir directory_;
    File metadata_;
    File data_;
    std::unique_ptr<dm::Control> control_;
    std::unique_ptr<dm::PoolDevice> metadata_device_;
    std::unique_ptr<dm::PoolDevice> data_device_;
    std::unique_ptr<dm::KernelPool> pool_;
};

} // namespace thinsnap::test
