#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dm/control.hpp"
#include "dm/pool_device.hpp"
#include "thin/pool_metadata.hpp"

#include "support/sparse_device.hpp"

namespace thinsnap::test {

/// A device beneath a pool, without a kernel.
class FakePoolDevice final : public dm::PoolDevice {
public:
    FakePoolDevice(std::uint64_t size, dev_t number)
        : device_(size)
        , number_(number) {}
    [[nodiscard]] dev_t number() const override { return number_; }
    [[nodiscard]] SparseDevice& reader() override { return device_; }
    void update_size() override {}

private:
    SparseDevice device_;
    dev_t number_;
};

/// Stands in for the kernel's device-mapper with one thin-pool, whose metadata is real: messages
/// change it as the kernel's would. Thin devices hold no bytes.
class FakeKernel final : public dm::Control {
public:
    /// \param metadata  formatted; must outlive this
    explicit FakeKernel(FakePoolDevice& metadata);
    ~FakeKernel() override;
    FakeKernel(const FakeKernel&) = delete;
    FakeKernel& operator=(const FakeKernel&) = delete;

    void create(const dm::NewDevice& device) override;
    void load(const std::string& name, const dm::Target& target, bool read_only) override;
    void unload(const std::string& name) override;
    void suspend(const std::string& name, dm::Suspend how) override;
    void resume(const std::string& name) override;
    void remove(const std::string& name, dm::Remove how) override;
    void message(const std::string& name, const std::string& text) override;
    [[nodiscard]] dm::Target status(const std::string& name, dm::StatusFlush flush) override;
    [[nodiscard]] dm::Target table(const std::string& name) override;
    [[nodiscard]] std::optional<dm::MappedDevice> find(const std::string& name) override;
    [[nodiscard]] std::vector<std::string> list(std::string_view prefix) override;
    [[nodiscard]] std::vector<std::string> take_warnings() override { return {}; }
    [[nodiscard]] std::string path(const std::string& name) override { return "/dev/" + name; }
    [[nodiscard]] std::unique_ptr<BlockDevice> open(const std::string& name,
                                                    bool read_only) override;

    /// Every change that was asked for, in order: "suspend NAME", "create_thin 7", "discard NAME".
    std::vector<std::string> calls;
    /// The call of that text fails with that errno.
    std::map<std::string, int> failures;
    /// The commit of the message of that text fails, which the kernel does not tell.
    std::string lost_commit;
    /// What a write to a thin device comes to, and a flush.
    std::function<void()> on_write = [] {};
    std::function<void()> on_flush = [] {};
    /// Replaces the mode in the status, and numbers of blocks and chunks in use.
    std::string mode = "rw";
    std::optional<std::uint64_t> used_data;
    std::optional<std::uint64_t> used_metadata;

    [[nodiscard]] bool is_suspended(const std::string& name) const {
        return devices_.at(name).suspended;
    }
    [[nodiscard]] thin::PoolMetadata& metadata() { return *metadata_; }
    /// Makes a device that this program's life did not begin with.
    void add(const std::string& name, const dm::Target& target, bool suspended);
    /// How many have the device open besides this program.
    void set_users(const std::string& name, unsigned users);

private:
    struct Device {
        dev_t number = 0;
        dm::Target live;
        std::optional<dm::Target> loaded;
        bool suspended = false;
        bool read_only = false;
        bool leaving = false;
    };

    void call(const std::string& text);
    [[nodiscard]] Device& need(const std::string& name);
    void obey(const std::string& text);
    void reserve();
    void commit();

    FakePoolDevice& device_;
    std::unique_ptr<thin::PoolMetadata> metadata_;
    std::map<std::string, Device> devices_;
    std::map<std::string, unsigned> users_;
    MetaBlock held_;
    unsigned next_minor_ = 0;
};

} // namespace thinsnap::test
