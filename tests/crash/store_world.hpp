#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <thinsnap/thin_pool.hpp>

#include "snapshotter/store.hpp"

#include "support/volatile_device.hpp"
#include "support/volatile_directory.hpp"

#include "crash/crash_world.hpp"

namespace thinsnap::test {

/// What the disks of a pool with a journal hold.
struct StoreImages {
    PoolImages pool;
    DirectoryImage journal;
};

/// What callers were told, to judge by it after a crash what is there.
struct Ledger {
    enum class Fate { there, gone, either };
    std::map<std::string, Fate> containers;
    std::map<std::string, Fate> images;
    /// By chain ID: whether the layer must be there, and the pattern that it must hold if it is.
    struct LayerFate {
        Fate fate = Fate::either;
        std::uint64_t pattern = 0;
    };
    std::map<std::uint64_t, LayerFate> layers;
    /// The value of the label `v` of a container: at least what was answered, at most what was
    /// asked for.
    struct Versions {
        std::uint64_t least = 0;
        std::uint64_t most = 0;
    };
    std::map<std::string, Versions> labels;
};

/// A pool and its store on disks that lose their power together, as one process has them. Each step
/// is entered in the ledger before it is tried, and when it was answered; any may throw PowerCut.
class StoreWorld {
public:
    /// \param journal_limit  bytes from which on checkpoints are made
    explicit StoreWorld(const StoreImages& images, std::uint64_t journal_limit = 1U << 20U);

    /// Opens pool and store, as a new process would.
    void open();
    /// The process is gone; nothing else is.
    void kill();

    void
    make_layer(std::uint64_t chain, std::uint64_t pattern, std::optional<std::uint64_t> on = {});
    void make_container(const std::string& name, std::uint64_t chain);
    void write(const std::string& container, std::uint64_t pattern);
    /// The container becomes the layer `chain`, and is written to while it does.
    void commit_container(const std::string& name,
                          std::uint64_t chain,
                          std::uint64_t pattern,
                          std::uint64_t next_pattern);
    void relabel(const std::string& container, std::uint64_t version);
    void set_image(const std::string& name, std::uint64_t chain);
    void remove_image(const std::string& name);
    void remove_container(const std::string& name);
    void remove_layer(std::uint64_t chain);

    [[nodiscard]] snapshotter::Store& store() { return *store_; }
    [[nodiscard]] ThinPool& pool() { return *pool_; }
    [[nodiscard]] PowerSupply& power() { return power_; }
    [[nodiscard]] VolatileDevice& metadata() { return metadata_; }
    [[nodiscard]] VolatileDevice& data() { return data_; }
    [[nodiscard]] VolatileDirectory& directory() { return directory_; }
    [[nodiscard]] Ledger& ledger() { return ledger_; }

    /// Unflushed operations of all disks: their numbers, ascending.
    [[nodiscard]] std::vector<std::uint64_t> unflushed() const;
    [[nodiscard]] StoreImages after_cut(const Survivors& survivors) const;

private:
    [[nodiscard]] DeviceId layer_device(std::uint64_t chain);
    [[nodiscard]] DeviceId container_device(const std::string& name);
    void remove(DeviceId device);

    PowerSupply power_;
    VolatileDevice metadata_;
    VolatileDevice data_;
    VolatileDirectory directory_;
    std::uint64_t journal_limit_;
    Ledger ledger_;
    std::unique_ptr<ThinPool> pool_;
    std::unique_ptr<snapshotter::Store> store_;
};

/// An empty pool and its empty journal.
[[nodiscard]] StoreImages empty_store(const WorldShape& shape = {});

/// Little headroom to copy around; a checkpoint from `journal_limit` bytes on.
[[nodiscard]] snapshotter::StoreOptions small_journal(std::uint64_t journal_limit = 1U << 20U);

/// The disks of one machine.
struct StoreDisks {
    const VolatileDevice& metadata;
    const VolatileDevice& data;
    const VolatileDirectory& directory;
};
/// Numbers of the unflushed operations of all of them, ascending.
[[nodiscard]] std::vector<std::uint64_t> unflushed_of(const StoreDisks& disks);
[[nodiscard]] StoreImages images_of(const StoreDisks& disks, const Survivors& survivors);

/// Opens what a crash left and compares it with the ledger. \return what is wrong
[[nodiscard]] std::vector<std::string> judge(const StoreImages& images, const Ledger& ledger);

} // namespace thinsnap::test
