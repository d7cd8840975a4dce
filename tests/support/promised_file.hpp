#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/mutex.hpp"

namespace thinsnap::test {

/// How a writer of a PromisedFile goes about it.
struct WritingOptions {
    std::uint64_t seed = 1;
    std::uint64_t longest = 4;   ///< most blocks of one write
    std::uint64_t sync_each = 3; ///< fsync or fdatasync behind about every n-th write
    /// After the first failure it goes on until told to stop, but promises nothing any more: the
    /// kernel tells of a lost page once.
    bool go_on = false;
};

/// What came of a writer.
struct WritingEnd {
    int error = 0;                   ///< errno of the first call that failed; 0: none did
    std::string failed_call{};       ///< which that was
    std::vector<int> other_errors{}; ///< of later ones that were none of ENOSPC, EIO, EROFS
    std::uint64_t writes = 0;
    std::uint64_t syncs = 0;              ///< that succeeded
    std::chrono::milliseconds slowest{0}; ///< of all calls
};

/// A file that is written, synced and judged after a crash. Each sector of 512 bytes says which
/// write filled it; what was synced is remembered on this side.
///
/// Threads: one writer; promise() and judge() from any thread.
class PromisedFile {
public:
    static constexpr std::uint64_t kBlock = 4096;

    /// What a block may hold: the number of a write, at least what was synced and at most what was
    /// begun; 0 is zeros, or nothing at all behind the file's end.
    struct Promise {
        std::vector<std::uint64_t> least;
        std::vector<std::uint64_t> most;
    };

    /// \param tag  a number of its own for each file: bytes of another are recognised
    PromisedFile(std::string name, std::uint64_t tag, std::size_t blocks);

    /// Writes blocks chosen at random and syncs now and then, until a call fails or `stop`.
    WritingEnd write(const std::string& directory,
                     const WritingOptions& options,
                     const std::atomic<bool>& stop);

    /// What would have to be there after a crash of this moment.
    [[nodiscard]] Promise promise() const;
    [[nodiscard]] std::uint64_t promised_blocks() const;

    /// What is wrong with the file below the directory, the first of it; empty when nothing is.
    [[nodiscard]] std::string judge(const std::string& directory, const Promise& promise) const;
    [[nodiscard]] std::string judge(const std::string& directory) const {
        return judge(directory, promise());
    }

private:
    class Writer;
    [[nodiscard]] std::size_t blocks() const;
    /// The numbers of a write of these blocks.
    [[nodiscard]] std::vector<std::uint64_t> begin(std::size_t first, std::size_t count);
    void complete(std::size_t first, const std::vector<std::uint64_t>& versions);
    [[nodiscard]] std::vector<std::uint64_t> completed() const;
    void make_durable(const std::vector<std::uint64_t>& versions);
    [[nodiscard]] std::string judge_block(std::size_t block,
                                          const std::vector<std::uint64_t>& words,
                                          const Promise& promise) const;

    const std::string name_;
    const std::uint64_t tag_;
    mutable Mutex mutex_;
    std::vector<std::uint64_t> begun_ TS_GUARDED_BY(mutex_);
    std::vector<std::uint64_t> completed_ TS_GUARDED_BY(mutex_);
    std::vector<std::uint64_t> durable_ TS_GUARDED_BY(mutex_);
};

} // namespace thinsnap::test
