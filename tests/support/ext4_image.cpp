#include "support/ext4_image.hpp"

#include <algorithm>
#include <fstream>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <thinsnap/error.hpp>

#include "base/fd.hpp"

#include "support/tool.hpp"

namespace thinsnap::test {

namespace {

std::string make_file(const std::string& path, std::uint64_t size) {
    (void)open_file(path, O_RDWR | O_CREAT | O_EXCL);
    std::filesystem::resize_file(path, size);
    return path;
}

bool is_zero(std::span<const std::byte> bytes) {
    return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

} // namespace

ImageFile::ImageFile(std::uint64_t size)
    : file_(make_file(directory_ / "image", size), {.direct = false}) {}

void ImageFile::read(std::uint64_t offset, std::span<std::byte> into) {
    bytes_read_ += into.size();
    file_.read(offset, into);
}

void ImageFile::write(std::uint64_t offset, std::span<const std::byte> from) {
    if (offset % alignment() != 0 || from.size() % alignment() != 0)
        throw Error(Errc::invalid_argument, "a write that is not aligned");
    for (std::uint64_t at = 0; at < from.size(); at += alignment())
        if (!is_zero(from.subspan(at, alignment())))
            touched_.insert((offset + at) / kChunk);
    file_.write(offset, from);
}

void ImageFile::discard(std::uint64_t offset, std::uint64_t length) {
    file_.discard(offset, length);
}

void ImageFile::write_zeros(std::uint64_t offset, std::uint64_t length) {
    file_.write_zeros(offset, length);
}

std::uint64_t ImageFile::allocated_bytes() const {
    struct stat status {};
    REQUIRE(::stat(path().c_str(), &status) == 0);
    return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

void ImageFile::copy_from(const ImageFile& other) const {
    REQUIRE(run_tool({"cp", "--sparse=always", other.path(), path()}).status == 0);
}

ext4::FormatOptions options_for(std::uint64_t size) {
    ext4::FormatOptions options{.size = size};
    for (std::size_t i = 0; i < options.uuid.size(); ++i) {
        options.uuid[i] = static_cast<std::byte>(0x10 + i);
        options.hash_seed[i] = static_cast<std::byte>(0x80 + i);
    }
    options.time = 1'600'000'000;
    return options;
}

std::string complaints_of_e2fsck(const ImageFile& image) {
    const ToolRun run = run_tool({"e2fsck", "-fn", image.path()});
    // Some things it would change and yet exits with 0.
    const bool clean = run.status == 0 && run.output.find("? no") == std::string::npos;
    return clean ? std::string() : run.output + run.errors;
}

std::string debugfs(const ImageFile& image, const std::string& request) {
    const ToolRun run = run_tool({"debugfs", "-R", request, image.path()});
    return run.output + run.errors;
}

void debugfs_write(const ImageFile& image, const std::vector<std::string>& requests) {
    const TempDir directory;
    std::ofstream script(directory / "script");
    for (const std::string& request : requests)
        script << request << '\n';
    script.close();
    REQUIRE(run_tool({"debugfs", "-w", "-f", directory / "script", image.path()}).status == 0);
}

} // namespace thinsnap::test
