#include "unit/dm/fake_kernel.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sstream>
#include <utility>

#include <fmt/core.h>
#include <sys/sysmacros.h>

#include <thinsnap/error.hpp>

#include "dm/pool_status.hpp"
#include "io/forwarding_device.hpp"

namespace thinsnap::test {

namespace {

constexpr unsigned kMajor = 253;
constexpr std::uint64_t kThinSize = std::uint64_t{1} << 62U;

/// A thin device: tells of discards, and of writes through the kernel's hook.
class FakeThin final : public BlockDevice {
public:
    FakeThin(FakeKernel& kernel, std::string name)
        : kernel_(kernel)
        , name_(std::move(name)) {}

    [[nodiscard]] std::uint64_t size() const override { return kThinSize; }
    [[nodiscard]] std::uint64_t alignment() const override { return 4096; }
    void read(std::uint64_t, std::span<std::byte> into) override {
        std::ranges::fill(into, std::byte{0});
    }
    void write(std::uint64_t, std::span<const std::byte>) override { kernel_.on_write(); }
    void flush() override { kernel_.on_flush(); }
    void discard(std::uint64_t, std::uint64_t) override {
        kernel_.calls.push_back("discard " + name_);
    }
    void allocate(std::uint64_t, std::uint64_t) override {}
    void write_zeros(std::uint64_t, std::uint64_t) override {}

private:
    FakeKernel& kernel_;
    std::string name_;
};

} // namespace

FakeKernel::FakeKernel(FakePoolDevice& metadata)
    : device_(metadata)
    , metadata_(std::make_unique<thin::PoolMetadata>(metadata.reader(), 1024)) {}

FakeKernel::~FakeKernel() = default;

void FakeKernel::call(const std::string& text) {
    calls.push_back(text);
    const auto failure = failures.find(text);
    if (failure != failures.end())
        throw SystemError(failure->second, text);
}

FakeKernel::Device& FakeKernel::need(const std::string& name) {
    const auto device = devices_.find(name);
    if (device == devices_.end())
        throw SystemError(ENXIO, name);
    return device->second;
}

void FakeKernel::add(const std::string& name, const dm::Target& target, bool suspended) {
    devices_[name] = {.number = makedev(kMajor, next_minor_++),
                      .live = target,
                      .loaded = std::nullopt,
                      .suspended = suspended};
}

void FakeKernel::create(const dm::NewDevice& device) {
    call("create " + device.name);
    if (devices_.contains(device.name))
        throw SystemError(EBUSY, device.name);
    add(device.name, device.target, false);
    devices_[device.name].read_only = device.read_only;
}

void FakeKernel::load(const std::string& name, const dm::Target& target, bool read_only) {
    call("load " + name);
    need(name).loaded = target;
    need(name).read_only = read_only;
}

void FakeKernel::unload(const std::string& name) {
    call("unload " + name);
    need(name).loaded.reset();
}

void FakeKernel::suspend(const std::string& name, dm::Suspend how) {
    const std::map<dm::Suspend, std::string> texts{
        {dm::Suspend::flush, "suspend "},
        {dm::Suspend::no_freeze, "suspend without freezing "},
        {dm::Suspend::no_flush, "suspend without flush "},
        {dm::Suspend::at_once, "suspend at once "}};
    call(texts.at(how) + name);
    need(name).suspended = true;
}

void FakeKernel::resume(const std::string& name) {
    call("resume " + name);
    Device& device = need(name);
    if (device.loaded)
        device.live = *std::exchange(device.loaded, std::nullopt);
    device.suspended = false;
    if (device.live.type == "thin-pool" &&
        device.live.bytes / metadata_->superblock().chunk_size() >
            metadata_->data_map().nr_chunks()) {
        metadata_->extend_data(device.live.bytes / metadata_->superblock().chunk_size());
        commit();
    }
}

void FakeKernel::remove(const std::string& name, dm::Remove how) {
    call((how == dm::Remove::now ? "remove " : "remove later ") + name);
    Device& device = need(name);
    if (users_.contains(name) && how == dm::Remove::now)
        throw SystemError(EBUSY, name);
    device.leaving = users_.contains(name);
    if (!device.leaving)
        devices_.erase(name);
}

void FakeKernel::set_users(const std::string& name, unsigned users) {
    users_.erase(name);
    if (users > 0)
        users_[name] = users;
    else if (devices_.contains(name) && devices_[name].leaving)
        devices_.erase(name);
}

void FakeKernel::message(const std::string& name, const std::string& text) {
    static_cast<void>(need(name));
    call(text);
    if (text == lost_commit) {
        mode = "ro discard_passdown error_if_no_space needs_check"; // what follows is not looked at
        return;
    }
    try {
        obey(text);
    } catch (const Error& error) {
        const std::map<Errc, int> errors{{Errc::already_exists, EEXIST},
                                         {Errc::not_found, ENODATA}};
        throw SystemError(errors.contains(error.kind()) ? errors.at(error.kind()) : EINVAL, text);
    }
    commit();
}

void FakeKernel::obey(const std::string& text) {
    std::istringstream words(text);
    std::string verb;
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    words >> verb >> first >> second;
    const auto id = [](std::uint64_t n) { return DeviceId(static_cast<std::uint32_t>(n)); };
    if (verb == "create_thin")
        metadata_->create_thin(id(first));
    else if (verb == "create_snap")
        metadata_->create_snapshot(id(first), id(second));
    else if (verb == "delete")
        metadata_->delete_device(id(first));
    else if (verb == "set_transaction_id")
        metadata_->set_transaction_id(TransactionId(second));
    else if (verb == "reserve_metadata_snap")
        reserve();
    else if (verb == "release_metadata_snap")
        held_ = MetaBlock(0);
}

/// The copy lies where nothing else does. Unlike the kernel's it keeps no block from being used
/// again.
void FakeKernel::reserve() {
    if (held_ != MetaBlock(0))
        throw SystemError(EBUSY, "reserve_metadata_snap");
    commit();
    thin::Superblock copy = thin::read_superblock(device_.reader());
    copy.data_space_map = {};
    copy.metadata_space_map = {};
    held_ = MetaBlock(device_.reader().size() / pdata::kBlockSize - 1);
    std::array<std::byte, pdata::kBlockSize> block{};
    thin::pack(copy, block, held_);
    device_.reader().write(held_.value() * pdata::kBlockSize, block);
}

void FakeKernel::commit() {
    metadata_->prepare_commit();
    metadata_->write_commit([] {}); // there is no data
    for (const auto& run : metadata_->finish_commit())
        metadata_->release_data(run);
}

dm::Target FakeKernel::status(const std::string& name, dm::StatusFlush flush) {
    const Device& device = need(name);
    if (flush == dm::StatusFlush::yes)
        call("commit");
    if (device.live.type == "thin")
        return {.bytes = device.live.bytes, .type = "thin", .parameters = "128 127"};
    call("status");
    const auto& data = metadata_->data_map();
    const auto& blocks = metadata_->metadata_map();
    return {.bytes = device.live.bytes,
            .type = "thin-pool",
            .parameters = fmt::format("{} {}/{} {}/{} {} {} discard_passdown error_if_no_space - 9",
                                      metadata_->transaction_id().value(),
                                      used_metadata.value_or(blocks.nr_allocated()),
                                      blocks.nr_blocks(),
                                      used_data.value_or(data.nr_allocated()),
                                      data.nr_chunks(),
                                      held_ == MetaBlock(0) ? "-" : std::to_string(held_.value()),
                                      mode)};
}

dm::Target FakeKernel::table(const std::string& name) {
    return need(name).live;
}

std::optional<dm::MappedDevice> FakeKernel::find(const std::string& name) {
    const auto device = devices_.find(name);
    if (device == devices_.end())
        return std::nullopt;
    const auto users = std::ranges::count_if(devices_, [&](const auto& entry) {
        return entry.first != name && entry.first.starts_with(name + '-');
    });
    return dm::MappedDevice{.device = device->second.number,
                            .suspended = device->second.suspended,
                            .read_only = device->second.read_only,
                            .leaving = device->second.leaving,
                            .open_count = static_cast<std::uint32_t>(users) +
                                          (users_.contains(name) ? users_.at(name) : 0)};
}

std::vector<std::string> FakeKernel::list(std::string_view prefix) {
    std::vector<std::string> names;
    for (const auto& [name, device] : devices_)
        if (name.starts_with(prefix))
            names.push_back(name);
    return names;
}

std::unique_ptr<BlockDevice> FakeKernel::open(const std::string& name, bool) {
    call("open " + name);
    return std::make_unique<FakeThin>(*this, name);
}

} // namespace thinsnap::test
