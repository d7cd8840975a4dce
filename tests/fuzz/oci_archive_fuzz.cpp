// Bytes taken for an archive, checksums of its headers made right: whatever they say, the walk
// ends, and what it finds lies in the archive.

#include <cstddef>
#include <string>
#include <vector>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "oci/archive_index.hpp"
#include "oci/archive_members.hpp"
#include "oci/source.hpp"

#include "fuzz/fuzz.hpp"
#include "fuzz/memory_file.hpp"
#include "fuzz/tar_checksums.hpp"

namespace thinsnap::test {

int fuzz_one(std::span<const std::byte> input) {
    std::vector<std::byte> bytes(input.begin(), input.end());
    make_checksums_right(bytes);
    const oci::FileWindow tar = file_of(bytes);
    try {
        oci::ArchiveMembers members(tar);
        while (const auto member = members.next())
            static_cast<void>(oci::read_text(tar.part(member->offset, member->size), bytes.size()));
    } catch (const Error&) { // damage, with its offset
    }
    try {
        const oci::ArchiveIndex index(tar);
        for (const char* name : {"oci-layout", "index.json", "manifest.json", "repositories", ""})
            if (const auto content = index.find(name))
                static_cast<void>(oci::read_text(*content, bytes.size()));
    } catch (const Error&) {}
    try {
        const auto source = oci::open_image_source(
            fmt::format("/proc/self/fd/{}", tar.file->descriptor()), {.max_bytes = 1U << 20U});
        for (const oci::Image& image : source.images())
            for (std::size_t i = 0; i < image.layers.size(); ++i)
                source.open_layer(image, i)->finish();
    } catch (const Error&) {}
    return 0;
}

} // namespace thinsnap::test
