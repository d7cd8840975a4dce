#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/attach_harness.hpp"
#include "support/promised_file.hpp"

namespace thinsnap::test {

/// How an ext4 file system's journal is replayed after a crash.
enum class Replay {
    kernel,
    e2fsck_preen, ///< e2fsck -p
    /// e2fsck -fy: ext4 writes its superblock past the journal, in two sectors of 512 bytes; where
    /// one of them is lost neither the kernel nor -p takes a copy of it by themselves.
    e2fsck_yes,
};

/// Mounted containers at work, and what a crash must leave of them.
class ContainerLife {
public:
    /// More than one block group, so that there is a copy of the superblock.
    static constexpr std::uint64_t kSize = std::uint64_t{160} << 20U;
    static constexpr std::uint32_t kFirstSnapshot = 100;

    /// Makes that many containers in a pool, with file systems, none active.
    static void prepare(AttachHarness& harness, std::uint32_t containers);

    explicit ContainerLife(std::uint32_t containers);
    ContainerLife(const ContainerLife&) = delete;
    ContainerLife& operator=(const ContainerLife&) = delete;
    ~ContainerLife() { stop(); }

    /// Two writers in each container, and somebody who makes, deletes and trims, until they fail.
    /// \param directories  where container 1, 2, ... is mounted
    void start(const std::vector<std::string>& directories, std::uint64_t seed);
    /// Freezes one container after the other and takes a snapshot of it, until something fails.
    void start_snapshots(ThinPool& pool, const std::vector<attach::MountPlace>& places);
    /// Ends the threads that have not failed.
    void stop();

    /// What is wrong with the containers and snapshots in a pool that was opened again: content, or
    /// file systems that are not clean after their journals were replayed.
    [[nodiscard]] std::vector<std::string> violations(AttachHarness& harness, Replay replay) const;

    [[nodiscard]] std::uint64_t promised_blocks() const;
    [[nodiscard]] std::uint32_t promised_snapshots() const;

private:
    static constexpr std::size_t kFiles = 2; ///< in each container

    struct Snapshot {
        std::uint32_t origin = 0; ///< from 0
        std::vector<PromisedFile::Promise> promises;
    };

    void churn(const std::string& directory, std::uint64_t seed) const;
    void take_snapshots(ThinPool& pool, const std::vector<attach::MountPlace>& places);
    [[nodiscard]] std::vector<PromisedFile::Promise> promises_of(std::uint32_t container) const;
    [[nodiscard]] std::vector<std::string>
    judge_content(std::uint32_t container,
                  const std::string& directory,
                  const std::vector<PromisedFile::Promise>& promises) const;
    [[nodiscard]] std::vector<std::string>
    judge_container(AttachHarness& harness, std::uint32_t container, Replay replay) const;
    [[nodiscard]] std::vector<std::string> judge_snapshot(AttachHarness& harness,
                                                          std::uint32_t number) const;

    const std::uint32_t containers_;
    std::vector<std::unique_ptr<PromisedFile>> files_; ///< kFiles for each container
    std::atomic<bool> stop_ = false;
    std::vector<Snapshot> snapshots_;         ///< taken, the last one perhaps; by its thread
    std::atomic<std::uint32_t> promised_ = 0; ///< how many of them for sure
    std::vector<std::jthread> threads_;
};

} // namespace thinsnap::test
