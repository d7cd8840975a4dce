#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "oci/source.hpp"
#include "snapshotter/container_files.hpp"
#include "snapshotter/context.hpp"
#include "snapshotter/import.hpp"
#include "snapshotter/store.hpp"

#include "support/embedded_pool_harness.hpp"
#include "support/image_builder.hpp"
#include "support/tar_builder.hpp"
#include "support/temp_dir.hpp"
#include "support/volatile_directory.hpp"

namespace thinsnap::test {

/// A tar with one file.
[[nodiscard]] inline Bytes layer_with(const std::string& name, const std::string& content) {
    return TarBuilder().file(name, content).finished_bytes();
}

/// An image of one layer for each tar.
[[nodiscard]] inline ImageSpec image_of(const std::string& name, const std::vector<Bytes>& tars) {
    ImageSpec spec{.names = {name}, .layers = {}};
    for (const Bytes& tar : tars)
        spec.layers.push_back({tar, oci::Compression::none});
    return spec;
}

/// A snapshotter on an embedded pool and a journal in memory, with a clock that stands still.
struct PoolRig {
    [[nodiscard]] oci::ImageSource source_of(const ImageFiles& layout) const {
        std::filesystem::remove_all(dir / "layout");
        write_files(dir / "layout", layout);
        return oci::open_image_source((dir / "layout").string(),
                                      {.platform = oci::Platform{"linux", "amd64", ""},
                                       .work_directory = dir.path().string()});
    }
    std::vector<snapshotter::ImportedImage> import(const std::vector<ImageSpec>& images) {
        return snapshotter::import_images(context, source_of(oci_layout(images)), {});
    }

    /// What a regular file of a container holds.
    [[nodiscard]] std::string content(const std::string& container, const std::string& path) {
        const DeviceId device = store->read(
            [&](const journal::State& state) { return state.find_container(container)->device; });
        const snapshotter::DeviceFiles opened(
            harness.pool(), device, ext4::FileSystemAccess::read_only);
        std::string text;
        snapshotter::read_file(opened.files(), path, [&](std::span<const std::byte> bytes) {
            text += to_text(bytes);
        });
        return text;
    }

    [[nodiscard]] std::uint64_t devices() { return harness.pool().status().devices; }
    [[nodiscard]] std::uint64_t used_chunks() { return harness.pool().status().data.used; }
    [[nodiscard]] std::size_t layers() const {
        return store->read([](const journal::State& state) { return state.layers().size(); });
    }
    [[nodiscard]] bool has_image(const std::string& name) const {
        return store->read(
            [&](const journal::State& state) { return state.find_image(name) != nullptr; });
    }

    TempDir dir;
    EmbeddedPoolHarness<4096> harness{{.data_chunks = 4096}};
    PowerSupply power;
    VolatileDirectory directory{power};
    std::unique_ptr<snapshotter::Store> store = snapshotter::open_store(harness.pool(), directory);
    std::function<void()> interrupt; ///< called where an operation may be ended
    snapshotter::Context context{
        .store = *store,
        .pool = harness.pool(),
        .work_directory = dir.path(),
        .now = [] { return journal::Time(std::chrono::seconds(1'000'000'000)); },
        .check_interrupt =
            [this] {
                if (interrupt)
                    interrupt();
            }};
};

} // namespace thinsnap::test
