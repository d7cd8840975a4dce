#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <thinsnap/thin_pool.hpp>

#include "oci/source.hpp"
#include "snapshotter/context.hpp"
#include "snapshotter/store.hpp"

#include "support/temp_dir.hpp"
#include "support/volatile_device.hpp"
#include "support/volatile_directory.hpp"

#include "crash/store_world.hpp"

namespace thinsnap::test {

/// What callers of commands were told, to judge by it after a crash.
struct ImageLedger {
    /// The contents that it may have, as content_of() tells them, and whether it may be missing.
    struct Expected {
        std::set<std::string> contents;
        bool may_be_missing = false;
    };
    std::map<std::string, Expected> containers;
    std::map<std::string, Expected> images;
};

/// Files of the host that commands read: two images that share their lowest layer, and what is
/// copied into a container.
class HostFiles {
public:
    HostFiles();
    [[nodiscard]] const oci::ImageSource& first() const { return *first_; }
    [[nodiscard]] const oci::ImageSource& second() const { return *second_; }
    [[nodiscard]] std::string tree() const { return (directory_ / "tree").string(); }
    [[nodiscard]] std::filesystem::path work_directory() const { return directory_.path(); }

private:
    TempDir directory_;
    std::unique_ptr<oci::ImageSource> first_;
    std::unique_ptr<oci::ImageSource> second_;
};

/// Whole commands on images and containers, on disks that lose their power together. Each is
/// entered in the ledger before it is tried, and when it was answered; any may throw PowerCut.
///
/// What a command leaves is known from `known`: a run that nothing disturbs fills it, later ones
/// look it up.
class ImageWorld {
public:
    using Known = std::map<std::string, std::string>;

    ImageWorld(const StoreImages& images, const HostFiles& files, Known& known);

    /// Opens pool and store, as a new process would.
    void open();
    /// The process is gone; nothing else is.
    void kill();

    void import_first();
    void import_second();
    void create(const std::string& name, const std::string& image, std::uint64_t size = 0);
    void copy_into(const std::string& container);
    void commit(const std::string& container, const std::string& image);
    void tag(const std::string& image, const std::string& name);
    void remove_container(const std::string& name);
    void remove_image(const std::string& name);
    void prune();

    [[nodiscard]] PowerSupply& power() { return power_; }
    [[nodiscard]] VolatileDevice& data() { return data_; }
    [[nodiscard]] VolatileDirectory& directory() { return directory_; }
    [[nodiscard]] ImageLedger& ledger() { return ledger_; }
    [[nodiscard]] std::vector<std::uint64_t> unflushed() const;
    [[nodiscard]] StoreImages after_cut(const Survivors& survivors) const;

private:
    using Entries = std::map<std::string, ImageLedger::Expected>;
    using Content = std::string (ImageWorld::*)(const std::string& name);

    void import_images(const oci::ImageSource& source, const std::string& name);
    /// Something new of that name comes of `action`, or replaces what has it.
    void make(Entries& entries,
              const std::string& name,
              Content content,
              const std::function<void()>& action);
    static void
    remove(Entries& entries, const std::string& name, const std::function<void()>& action);
    [[nodiscard]] std::string container_content(const std::string& name);
    [[nodiscard]] std::string image_content(const std::string& name);

    const HostFiles& files_;
    Known& known_;
    std::uint64_t step_ = 0;
    PowerSupply power_;
    VolatileDevice metadata_;
    VolatileDevice data_;
    VolatileDirectory directory_;
    ImageLedger ledger_;
    std::unique_ptr<ThinPool> pool_;
    std::unique_ptr<snapshotter::Store> store_;
    std::unique_ptr<snapshotter::Context> context_;
};

/// An empty pool with its journal, large enough for a few images.
[[nodiscard]] StoreImages empty_image_store();

/// The digest of all that is in the file system of a device.
[[nodiscard]] std::string content_of(ThinPool& pool, DeviceId device);
[[nodiscard]] std::optional<DeviceId> find_container_device(const journal::State& state,
                                                            const std::string& name);
/// Of the top layer. \throws Error(corrupt)  the image lacks layers
[[nodiscard]] std::optional<DeviceId> find_image_device(const journal::State& state,
                                                        const std::string& name);

/// Opens what a crash left, compares it with the ledger, and takes all of it away. \return what is
/// wrong
[[nodiscard]] std::vector<std::string>
judge(const StoreImages& images, const ImageLedger& ledger, const HostFiles& files);

} // namespace thinsnap::test
