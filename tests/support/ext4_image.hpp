#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <thinsnap/block_device.hpp>

#include "base/uuid.hpp"
#include "ext4/format.hpp"
#include "io/file_device.hpp"

#include "support/temp_dir.hpp"

namespace thinsnap::test {

/// A device that is a sparse file, so that e2fsprogs and the kernel can judge what is on it. Knows
/// which 64 KiB chunks were written, as a thin pool would map them.
class ImageFile final : public BlockDevice {
public:
    static constexpr std::uint64_t kChunk = 64U << 10U;

    explicit ImageFile(std::uint64_t size);

    [[nodiscard]] std::uint64_t size() const override { return file_.size(); }
    [[nodiscard]] std::uint64_t alignment() const override { return 4096; }
    void read(std::uint64_t offset, std::span<std::byte> into) override;
    void write(std::uint64_t offset, std::span<const std::byte> from) override;
    void flush() override {}
    void discard(std::uint64_t offset, std::uint64_t length) override;
    void allocate(std::uint64_t, std::uint64_t) override {}
    void write_zeros(std::uint64_t offset, std::uint64_t length) override;

    void resize(std::uint64_t size) { file_.resize(size); }
    [[nodiscard]] std::string path() const { return directory_ / "image"; }
    /// The chunks that hold something other than zeros that was written.
    [[nodiscard]] const std::set<std::uint64_t>& touched() const { return touched_; }
    void forget_touched() { touched_.clear(); }
    /// Of the file, as stat(2) counts them.
    [[nodiscard]] std::uint64_t allocated_bytes() const;
    /// What the other image holds at this moment, the page cache included.
    void copy_from(const ImageFile& other) const;
    [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }

private:
    TempDir directory_;
    io::FileDevice file_;
    std::set<std::uint64_t> touched_;
    std::uint64_t bytes_read_ = 0;
};

/// With a UUID and a seed that are always the same.
[[nodiscard]] ext4::FormatOptions options_for(std::uint64_t size);

/// What `e2fsck -fn` has to say; empty when it finds nothing wrong.
[[nodiscard]] std::string complaints_of_e2fsck(const ImageFile& image);

/// Standard output of `debugfs -R request`, with what it says on standard error behind.
std::string debugfs(const ImageFile& image, const std::string& request);
/// The same, one that writes.
void debugfs_write(const ImageFile& image, const std::vector<std::string>& requests);

} // namespace thinsnap::test
