#include "interop/container_life.hpp"

#include <array>
#include <optional>

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "attach/freezer.hpp"

#include "support/content.hpp"
#include "support/random.hpp"
#include "support/tool.hpp"

namespace thinsnap::test {

namespace {

constexpr std::size_t kFileBlocks = 1024;
constexpr std::size_t kBallast = 512U << 10U;

/// Makes a file with zeros' opposite in it. \return whether all went well
bool make_ballast(const std::string& path) {
    const std::vector<char> bytes(kBallast, '\x5a');
    const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    return file.is_open() &&
           ::write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) &&
           ::fsync(file.get()) == 0;
}

bool trim(const std::string& directory) {
    fstrim_range range{.start = 0, .len = UINT64_MAX, .minlen = 0};
    const Fd root(::open(directory.c_str(), O_RDONLY | O_CLOEXEC));
    return root.is_open() && ::ioctl(root.get(), FITRIM, &range) == 0;
}

/// What e2fsck says if it exits with more than `most`; else nothing.
std::optional<std::string>
e2fsck_says(const std::string& how, const std::string& device, int most) {
    const ToolRun run = run_tool({"e2fsck", how, device});
    if (run.status <= most)
        return std::nullopt;
    return fmt::format("e2fsck {} exits with {}: {}{}", how, run.status, run.output, run.errors);
}

} // namespace

void ContainerLife::prepare(AttachHarness& harness, std::uint32_t containers) {
    for (std::uint32_t id = 1; id <= containers; ++id) {
        AttachHarness::make_file_system(harness.make_active(id, kSize));
        harness.activator().deactivate(DeviceId(id), attach::Deactivate::now);
    }
}

ContainerLife::ContainerLife(std::uint32_t containers)
    : containers_(containers) {
    for (std::uint32_t i = 0; i < containers * kFiles; ++i)
        files_.push_back(
            std::make_unique<PromisedFile>(fmt::format("file-{}", i % kFiles), i, kFileBlocks));
}

void ContainerLife::start(const std::vector<std::string>& directories, std::uint64_t seed) {
    stop_ = false;
    for (std::size_t i = 0; i < files_.size(); ++i)
        threads_.emplace_back([this, i, seed, directory = directories.at(i / kFiles)] {
            files_[i]->write(directory, {.seed = mix(seed, i)}, stop_);
        });
    for (const std::string& directory : directories)
        threads_.emplace_back([this, directory, seed] { churn(directory, seed); });
}

void ContainerLife::churn(const std::string& directory, std::uint64_t seed) const {
    Random random(seed);
    for (std::uint64_t i = 0; !stop_; ++i) {
        const std::string path = fmt::format("{}/ballast-{}", directory, i % 4);
        ::unlink(path.c_str());
        if (!make_ballast(path) || (random.one_in(3) && !trim(directory)))
            return;
    }
}

void ContainerLife::start_snapshots(ThinPool& pool, const std::vector<attach::MountPlace>& places) {
    threads_.emplace_back([this, &pool, places] {
        try {
            take_snapshots(pool, places);
        } catch (const Error&) { // the crash; what was promised by then is what counts
        }
    });
}

void ContainerLife::take_snapshots(ThinPool& pool, const std::vector<attach::MountPlace>& places) {
    for (std::uint32_t i = 0; !stop_; ++i) {
        const std::uint32_t origin = i % containers_;
        auto promises = promises_of(origin);
        attach::FrozenFileSystem frozen(places.at(origin), {});
        for (std::size_t file = 0; file < kFiles; ++file)
            promises[file].most.assign(promises[file].most.size(), UINT64_MAX);
        snapshots_.push_back({origin, std::move(promises)});
        apply_all(pool, {CreateSnapshot{DeviceId(kFirstSnapshot + i), DeviceId(origin + 1)}});
        promised_ = i + 1;
        frozen.thaw();
    }
}

void ContainerLife::stop() {
    stop_ = true;
    threads_.clear();
}

std::vector<PromisedFile::Promise> ContainerLife::promises_of(std::uint32_t container) const {
    std::vector<PromisedFile::Promise> promises;
    for (std::size_t i = 0; i < kFiles; ++i)
        promises.push_back(files_[container * kFiles + i]->promise());
    return promises;
}

std::vector<std::string>
ContainerLife::judge_content(std::uint32_t container,
                             const std::string& directory,
                             const std::vector<PromisedFile::Promise>& promises) const {
    std::vector<std::string> violations;
    for (std::size_t i = 0; i < kFiles; ++i)
        if (auto wrong = files_[container * kFiles + i]->judge(directory, promises[i]);
            !wrong.empty())
            violations.push_back(std::move(wrong));
    return violations;
}

std::vector<std::string> ContainerLife::judge_container(AttachHarness& harness,
                                                        std::uint32_t container,
                                                        Replay replay) const {
    const DeviceId id(container + 1);
    const auto device = harness.activate(container + 1, kSize);
    if (replay != Replay::kernel)
        if (const auto wrong =
                e2fsck_says(replay == Replay::e2fsck_yes ? "-fy" : "-p", device.path, 1))
            return {*wrong};
    std::vector<std::string> violations;
    {
        const MountedDevice mount(device,
                                  harness.make_directory(fmt::format("judged-{}", id.value())));
        violations = judge_content(container, mount.directory(), promises_of(container));
        mount.unmount();
    }
    if (const auto wrong = e2fsck_says("-fn", device.path, 0))
        violations.push_back(*wrong);
    harness.activator().deactivate(id, attach::Deactivate::now);
    return violations;
}

std::vector<std::string> ContainerLife::judge_snapshot(AttachHarness& harness,
                                                       std::uint32_t number) const {
    const DeviceId id(kFirstSnapshot + number);
    const Snapshot& snapshot = snapshots_.at(number);
    const auto device = harness.activate(id.value(), kSize, true);
    if (const auto wrong = e2fsck_says("-fn", device.path, 0))
        return {*wrong};
    std::vector<std::string> violations;
    {
        const MountedDevice mount(
            device, harness.make_directory(fmt::format("judged-{}", id.value())), true);
        violations = judge_content(snapshot.origin, mount.directory(), snapshot.promises);
        mount.unmount();
    }
    harness.activator().deactivate(id, attach::Deactivate::now);
    return violations;
}

std::vector<std::string> ContainerLife::violations(AttachHarness& harness, Replay replay) const {
    std::vector<std::string> all;
    const auto add = [&](const std::string& whose, auto judge) {
        try {
            for (const std::string& text : judge())
                all.push_back(whose + ": " + text);
        } catch (const Error& error) {
            all.push_back(fmt::format("{}: {}", whose, error.what()));
        }
    };
    for (std::uint32_t i = 0; i < containers_; ++i)
        add(fmt::format("container {}", i + 1),
            [&] { return judge_container(harness, i, replay); });
    for (std::uint32_t i = 0; i < snapshots_.size(); ++i) {
        const bool there = device_info(harness.pool(), DeviceId(kFirstSnapshot + i)).has_value();
        if (!there && i < promised_)
            all.push_back(fmt::format("snapshot {} is not there", i));
        if (there)
            add(fmt::format("snapshot {}", i), [&] { return judge_snapshot(harness, i); });
    }
    return all;
}

std::uint64_t ContainerLife::promised_blocks() const {
    std::uint64_t blocks = 0;
    for (const auto& file : files_)
        blocks += file->promised_blocks();
    return blocks;
}

std::uint32_t ContainerLife::promised_snapshots() const {
    return promised_;
}

} // namespace thinsnap::test
