// Times of files that e2fsck and the kernel do not agree on.

#include <string>

#include <doctest/doctest.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include "ext4/file_system.hpp"
#include "ext4/format.hpp"
#include "ext4/tree_writer.hpp"

#include "support/ext4_image.hpp"
#include "support/ext4_mount.hpp"
#include "support/skip.hpp"

namespace thinsnap::test {

using ext4::FileSystem;
using ext4::FileSystemAccess;
using ext4::FileType;
using ext4::kRootInode;

namespace {

constexpr std::uint64_t kSize = 64U << 20U;

void make_file(ImageFile& image, std::int64_t seconds) {
    ext4::format(image, options_for(kSize));
    FileSystem fs(image, FileSystemAccess::read_write);
    ext4::TreeWriter writer(fs);
    writer.create(kRootInode, "f", {FileType::regular, {0644, 0, 0, {seconds, 5}}});
    writer.finish();
}

} // namespace

TEST_SUITE("interop.ext4_times") {
    TEST_CASE("the kernel reads every time back as it was given") {
        for (const std::int64_t seconds : {ext4::kEarliestTimestamp.seconds,
                                           std::int64_t{-1},
                                           std::int64_t{0x7FFF'FFFF},
                                           std::int64_t{0x8000'0000},
                                           ext4::kFirstDoubtedSecond,
                                           ext4::kLastDoubtedSecond,
                                           ext4::kLatestTimestamp.seconds}) {
            CAPTURE(seconds);
            ImageFile image(kSize);
            make_file(image, seconds);
            std::string why;
            auto mount = Mount::try_mount(image, why, "ro");
            if (!mount)
                return skip(why);
            struct stat st {};
            REQUIRE(::stat((mount->path() / "f").c_str(), &st) == 0);
            CHECK(st.st_mtim.tv_sec == seconds);
            CHECK(st.st_mtim.tv_nsec == 5);
        }
    }

    TEST_CASE("e2fsck doubts the times of 2310 to 2378 and no others") {
        const auto complaints = [](std::int64_t seconds) {
            ImageFile image(kSize);
            make_file(image, seconds);
            return complaints_of_e2fsck(image);
        };
        CHECK(complaints(ext4::kFirstDoubtedSecond - 1) == "");
        CHECK(complaints(ext4::kFirstDoubtedSecond).find("2310") != std::string::npos);
        CHECK(complaints(ext4::kLastDoubtedSecond).find("2310") != std::string::npos);
        CHECK(complaints(ext4::kLastDoubtedSecond + 1) == "");
    }
}

} // namespace thinsnap::test
