#include "ext4/format.hpp"

#include <array>
#include <string>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "ext4/file_system.hpp"

#include "support/content.hpp"
#include "support/skip.hpp"
#include "support/sparse_device.hpp"
#include "support/tool.hpp"

#include "image_file.hpp"

namespace thinsnap::test {

namespace {

constexpr std::uint64_t kMiB = 1ULL << 20U;
constexpr std::uint64_t kGiB = 1ULL << 30U;

constexpr std::array kSizes = {
    ext4::kMinSize, kGiB, 10 * kGiB, 20 * kGiB, 100 * kGiB, 1024 * kGiB};

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
                                     1024 * kGiB,
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
    for (const std::uint64_t size : kSizes) {
        ImageFile image(size);
        ext4::format(image, options_for(size));
        const std::uint64_t bytes = image.touched_chunks() * ImageFile::kChunk;
        CAPTURE(size);
        MESSAGE((size / kMiB), " MiB: ", image.touched_chunks(), " chunks");
        CHECK(bytes <= (size <= 100 * kGiB ? 2'000'000 : 6'000'000));
    }
}

TEST_SUITE_END();

} // namespace thinsnap::test
