#include "crash/image_world.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/fd.hpp"
#include "engine/embedded_pool.hpp"
#include "snapshotter/commit.hpp"
#include "snapshotter/containers.hpp"
#include "snapshotter/copy.hpp"
#include "snapshotter/images.hpp"
#include "snapshotter/import.hpp"

#include "support/image_builder.hpp"
#include "support/journal_samples.hpp"
#include "support/tar_builder.hpp"

namespace thinsnap::test {

using journal::State;

namespace {

constexpr WorldShape kShape{.data_chunks = 1024};

Bytes lower_layer() {
    return TarBuilder()
        .directory("etc")
        .file("etc/motd", "first")
        .file("large", std::string(150'000, 'x'))
        .finished_bytes();
}

std::unique_ptr<oci::ImageSource>
make_source(const std::filesystem::path& path, const std::string& name, const Bytes& upper) {
    write_files(path,
                oci_layout({{.names = {name},
                             .layers = {{lower_layer()}, {upper, oci::Compression::none}}}}));
    return std::make_unique<oci::ImageSource>(oci::open_image_source(path.string(), {}));
}

} // namespace

HostFiles::HostFiles() {
    std::filesystem::create_directory(directory_ / "tree");
    replace_text_file((directory_ / "tree/motd").string(), "copied");
    replace_text_file((directory_ / "tree/large").string(), std::string(100'000, 'y'));
    first_ =
        make_source(directory_ / "first",
                    "first:latest",
                    TarBuilder().file("etc/motd", "upper").file(".wh.large", "").finished_bytes());
    second_ = make_source(directory_ / "second",
                          "second:latest",
                          TarBuilder().file("second", std::string(90'000, 'z')).finished_bytes());
}

ImageWorld::ImageWorld(const StoreImages& images, const HostFiles& files, Known& known)
    : files_(files)
    , known_(known)
    , metadata_(power_, images.pool.metadata)
    , data_(power_, images.pool.data)
    , directory_(power_, images.journal) {}

void ImageWorld::open() {
    pool_ = engine::open_embedded_pool(metadata_, data_, kSmallCaches);
    store_ = snapshotter::open_store(*pool_, directory_, small_journal());
    context_ = std::make_unique<snapshotter::Context>(
        snapshotter::Context{.store = *store_,
                             .pool = *pool_,
                             .work_directory = files_.work_directory(),
                             .now = [] { return at_second(77); },
                             .check_interrupt = [] {}});
}

void ImageWorld::kill() {
    context_.reset();
    store_.reset();
    pool_.reset();
    power_.restore();
}

std::string ImageWorld::container_content(const std::string& name) {
    return content_of(*pool_, store_->read([&](const State& s) {
        return find_container_device(s, name).value();
    }));
}

std::string ImageWorld::image_content(const std::string& name) {
    return content_of(
        *pool_, store_->read([&](const State& s) { return find_image_device(s, name).value(); }));
}

void ImageWorld::make(Entries& entries,
                      const std::string& name,
                      Content content,
                      const std::function<void()>& action) {
    const std::string key = fmt::format("{} {}", ++step_, name);
    const auto known = known_.find(key);
    const auto before = entries.find(name);
    if (known != known_.end()) {
        if (before == entries.end())
            entries[name] = {{known->second}, true};
        else
            before->second.contents.insert(known->second);
    }
    action();
    if (known == known_.end())
        known_[key] = (this->*content)(name);
    entries[name] = {{known_[key]}, false};
}

void ImageWorld::remove(Entries& entries,
                        const std::string& name,
                        const std::function<void()>& action) {
    entries[name].may_be_missing = true;
    action();
    entries[name] = {{}, true}; // what is there now was to be gone: no content is right
}

void ImageWorld::import_images(const oci::ImageSource& source, const std::string& name) {
    make(ledger_.images, name, &ImageWorld::image_content, [&] {
        (void)snapshotter::import_images(*context_, source, {});
    });
}

void ImageWorld::import_first() {
    import_images(files_.first(), "first:latest");
}

void ImageWorld::import_second() {
    import_images(files_.second(), "second:latest");
}

void ImageWorld::create(const std::string& name, const std::string& image, std::uint64_t size) {
    make(ledger_.containers, name, &ImageWorld::container_content, [&] {
        snapshotter::CreateContainer request{.name = name, .image = image};
        if (size != 0)
            request.size = size;
        (void)snapshotter::create_container(*context_, request);
    });
}

void ImageWorld::copy_into(const std::string& container) {
    make(ledger_.containers, container, &ImageWorld::container_content, [&] {
        (void)snapshotter::copy_into_container(*context_, container, files_.tree(), "/etc");
    });
}

void ImageWorld::commit(const std::string& container, const std::string& image) {
    make(ledger_.images, image, &ImageWorld::image_content, [&] {
        (void)snapshotter::commit_container(*context_, {.container = container, .image = image});
    });
}

void ImageWorld::tag(const std::string& image, const std::string& name) {
    make(ledger_.images, name, &ImageWorld::image_content, [&] {
        snapshotter::tag_image(*context_, image, name);
    });
}

void ImageWorld::remove_container(const std::string& name) {
    remove(
        ledger_.containers, name, [&] { (void)snapshotter::remove_containers(*context_, {name}); });
}

void ImageWorld::remove_image(const std::string& name) {
    remove(ledger_.images, name, [&] {
        (void)snapshotter::remove_images(*context_, {name}, snapshotter::InUse::allow);
    });
}

void ImageWorld::prune() {
    (void)snapshotter::prune_layers(*context_);
}

std::vector<std::uint64_t> ImageWorld::unflushed() const {
    return unflushed_of({metadata_, data_, directory_});
}

StoreImages ImageWorld::after_cut(const Survivors& survivors) const {
    return images_of({metadata_, data_, directory_}, survivors);
}

StoreImages empty_image_store() {
    return empty_store(kShape);
}

} // namespace thinsnap::test
