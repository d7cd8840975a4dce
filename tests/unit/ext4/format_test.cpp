#include "ext4/format.hpp"

#include <array>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "base/crc32c.hpp"
#include "ext4/file_system.hpp"

#include "support/content.hpp"
#include "support/ext4_image.hpp"
#include "support/skip.hpp"
#include "support/sparse_device.hpp"
#include "support/tool.hpp"

namespace thinsnap::test {

namespace {

constexpr std::uint64_t kMiB = 1ULL << 20U;
constexpr std::uint64_t kGiB = 1ULL << 30U;

/// What is on the device that is not zero: each such block's number and content.
std::uint32_t fingerprint(BlockDevice& device, const std::vector<std::uint64_t>& chunks) {
    std::uint32_t sum = kCrc32cStart;
    std::vector<std::byte> content(ImageFile::kChunk);
    for (const std::uint64_t chunk : chunks) {
        device.read(chunk * ImageFile::kChunk, content);
        sum = crc32c_raw(std::as_bytes(std::span(&chunk, 1)), crc32c_raw(content, sum));
    }
    return sum;
}

} // namespace

TEST_SUITE_BEGIN("ext4.format");

TEST_CASE("e2fsck finds nothing wrong with a file system of any size") {
    if (!have_tool("e2fsck"))
        return skip("e2fsck is not installed");
    for (const std::uint64_t size : {ext4::kMinSize,
                                     kGiB,
                                     10 * kGiB,
                                     20 * kGiB,
                                     100 * kGiB,
                                     100 * kMiB + 12345,
                                     128 * kMiB + kMiB,
                                     21 * kGiB + 77 * kMiB}) {
        CAPTURE(size);
        ImageFile image(size);
        ext4::format(image, options_for(size));
        CHECK(complaints_of_e2fsck(image) == "");
    }
}

TEST_CASE("a fresh file system takes few chunks of a pool") {
    struct Budget {
        std::uint64_t size;
        std::size_t chunks;
    };
    // 2 MB are 30 chunks of 64 KiB, 6 MB are 91
    for (const Budget budget : {Budget{ext4::kMinSize, 6},
                                Budget{kGiB, 13},
                                Budget{10 * kGiB, 15},
                                Budget{20 * kGiB, 16},
                                Budget{100 * kGiB, 19},
                                Budget{1024 * kGiB, 54}}) {
        CAPTURE(budget.size);
        ImageFile image(budget.size);
        ext4::format(image, options_for(budget.size));
        CHECK(image.touched().size() == budget.chunks);
    }
}

TEST_CASE("it is empty and has no lost+found") {
    SparseDevice device(ext4::kBaseSize);
    ext4::format(device, options_for(ext4::kBaseSize));
    const ext4::FileSystem fs(device, ext4::FileSystemAccess::read_only);
    std::vector<std::string> names;
    fs.for_each_entry(fs.root(), [&](const ext4::Entry& entry) { names.push_back(entry.name); });
    CHECK(names.empty());
    const ext4::InodeInfo root = fs.inode(fs.root());
    CHECK(root.type == ext4::FileType::directory);
    CHECK(root.attributes.permissions == 0755);
    CHECK(root.attributes.uid == 0);
    CHECK(root.links == 2);
    CHECK(root.attributes.mtime.seconds == 1'600'000'000);
    CHECK(fs.uuid() == options_for(ext4::kBaseSize).uuid);
    CHECK(fs.statistics().size == ext4::kBaseSize);
    CHECK(fs.statistics().directories == 1);
    CHECK(fs.statistics().free_inodes == fs.statistics().inodes - 10);
}

TEST_CASE("the same options give the same bytes") {
    SparseDevice first(kGiB);
    SparseDevice second(kGiB);
    ext4::format(first, options_for(kGiB));
    ext4::format(second, options_for(kGiB));
    const SparseBytes content = first.content();
    CHECK(content.same(second.content(), 0, kGiB));
    CHECK(content.pages() == second.content().pages());
}

// Whoever changes this number changes what every layer's device holds: a new layout version.
TEST_CASE("layout version 1 has the bytes that it always had") {
    ImageFile image(ext4::kBaseSize);
    ext4::format(image, options_for(ext4::kBaseSize));
    const std::vector<std::uint64_t> chunks(image.touched().begin(), image.touched().end());
    CHECK(ext4::kLayoutVersion == 1);
    CHECK(fingerprint(image, chunks) == 2644949856);
}

TEST_CASE("options that make no sense are refused") {
    SparseDevice device(kGiB);
    const auto refused = [&](const ext4::FormatOptions& options) {
        return failure_of([&] { ext4::format(device, options); }) == Errc::invalid_argument;
    };
    ext4::FormatOptions options = options_for(kGiB + 4096);
    CHECK(refused(options));
    options = options_for(ext4::kMinSize - 1);
    CHECK(refused(options));
    options = options_for(kGiB);
    options.time = 0;
    CHECK(refused(options));
    options = options_for(kGiB);
    options.uuid = {};
    CHECK(refused(options));
    options = options_for(kGiB);
    options.hash_seed = {};
    CHECK(refused(options));
    CHECK(device.bytes_written() == 0);
}

TEST_SUITE_END();

} // namespace thinsnap::test
