#include "image_set.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "base/endian.hpp"
#include "base/fd.hpp"

#include "image_pool.hpp"
#include "program.hpp"

namespace thinsnap::bench {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kSmallImage = 100U << 20U; ///< bytes of the one in a quick run

fs::path make_image(const char* name, const fs::path& directory, const Scale& scale) {
    const fs::path images = scale.images.empty() ? directory / "images" : scale.images;
    fs::create_directories(images);
    run({THINSNAP_MAKE_IMAGES, images.string(), name});
    return images / name;
}

std::uint64_t load32(const Fd& file, std::uint64_t offset) {
    std::array<std::byte, 4> bytes{};
    if (::pread(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)) != 4)
        throw std::runtime_error("a blob is too short");
    return load_le<std::uint32_t>(bytes, 0);
}

/// Uncompressed bytes of a gzip file; 0: it is none.
std::uint64_t gzip_content(const fs::path& blob) {
    constexpr std::uint64_t kMagic = 0x8B1F;
    const Fd file = open_file(blob.string(), O_RDONLY);
    const std::uint64_t size = fs::file_size(blob);
    if (size < 18 || (load32(file, 0) & 0xFFFFU) != kMagic)
        return 0;
    return load32(file, size - 4);
}

} // namespace

SourceImage compressed_image(const fs::path& directory, const Scale& scale) {
    SourceImage image{.name = "a small image", .source = directory / "layout"};
    if (scale.quick) {
        const fs::path tar = directory / "root.tar";
        const fs::path archive = directory / "archive";
        write_root_tar(tar, scale.files, kSmallImage / scale.files);
        ImagePool pool(directory / "pool", std::uint64_t{1} << 30U);
        pool.import(tar, "small");
        run(pool.command({"save", "small", "--gzip", "--output", archive.string()}));
        fs::create_directories(image.source);
        run({"tar", "-xf", archive.string(), "-C", image.source.string()});
    } else {
        image.name = "the Debian image";
        image.source = make_image("debian", directory, scale);
    }
    for (const auto& entry : fs::directory_iterator(image.source / "blobs/sha256"))
        if (const std::uint64_t content = gzip_content(entry.path())) {
            image.layers.push_back(entry.path());
            image.tar_bytes += content;
        }
    return image;
}

SourceImage image_of_files(const fs::path& directory, const Scale& scale) {
    SourceImage image{.name = fmt::format("a layer of {} files", scale.files), .source = {}};
    if (scale.quick) {
        image.source = directory / "files.tar";
        write_root_tar(image.source, scale.files, 2500);
        image.layers = {image.source};
    } else {
        image.source = make_image("files", directory, scale);
        std::uint64_t largest = 0;
        for (const auto& entry : fs::directory_iterator(image.source / "blobs/sha256"))
            if (entry.file_size() > largest) {
                largest = entry.file_size();
                image.layers = {entry.path()};
            }
    }
    image.tar_bytes = fs::file_size(image.layers.front());
    return image;
}

} // namespace thinsnap::bench
