#include "support/promised_file.hpp"

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include "base/fd.hpp"

#include "support/random.hpp"

namespace thinsnap::test {

namespace {

constexpr std::size_t kSectorWords = 512 / sizeof(std::uint64_t);
constexpr std::size_t kBlockWords = PromisedFile::kBlock / sizeof(std::uint64_t);

} // namespace

/// One life of a writer.
class PromisedFile::Writer {
public:
    Writer(PromisedFile& file, const WritingOptions& options)
        : file_(file)
        , options_(options)
        , random_(options.seed) {}

    WritingEnd run(const std::string& path, const std::atomic<bool>& stop) {
        call("open", [&] {
            fd_ = Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
            return fd_.is_open();
        });
        while (!stop && (end_.error == 0 || (options_.go_on && fd_.is_open()))) {
            write_some();
            if (random_.one_in(options_.sync_each))
                sync();
            if (end_.error != 0)
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return end_;
    }

private:
    /// \return whether it succeeded
    template <class Work>
    bool call(const char* name, Work work) {
        const auto start = std::chrono::steady_clock::now();
        errno = 0;
        const bool succeeded = work();
        const int error = succeeded ? 0 : errno == 0 ? ENOSPC : errno; // 0: a part was written
        end_.slowest = std::max(end_.slowest,
                                std::chrono::duration_cast<std::chrono::milliseconds>(
                                    std::chrono::steady_clock::now() - start));
        if (error != 0 && end_.error == 0) {
            end_.error = error;
            end_.failed_call = name;
        } else if (error != 0 && error != ENOSPC && error != EIO && error != EROFS) {
            end_.other_errors.push_back(error);
        }
        return succeeded;
    }

    void write_some() {
        std::vector<std::uint64_t> words;
        const std::size_t blocks = file_.blocks();
        const std::size_t first = random_.below(blocks);
        const std::size_t count =
            std::min<std::size_t>(1 + random_.below(options_.longest), blocks - first);
        const std::vector<std::uint64_t> versions = file_.begin(first, count);
        for (std::size_t i = 0; i < count; ++i)
            for (std::size_t word = 0; word < kBlockWords; ++word)
                words.push_back(word % 2 == 0 ? versions[i] : file_.tag_ + first + i);
        const std::size_t bytes = words.size() * sizeof(std::uint64_t);
        const bool written = call("write", [&] {
            return ::pwrite(fd_.get(), words.data(), bytes, static_cast<off_t>(first * kBlock)) ==
                   static_cast<ssize_t>(bytes);
        });
        ++end_.writes;
        if (written)
            file_.complete(first, versions);
    }

    void sync() {
        const std::vector<std::uint64_t> completed = file_.completed();
        const bool whole = random_.one_in(2);
        const bool synced = call(whole ? "fsync" : "fdatasync", [&] {
            return (whole ? ::fsync(fd_.get()) : ::fdatasync(fd_.get())) == 0;
        });
        if (!synced || end_.error != 0)
            return;
        ++end_.syncs;
        file_.make_durable(completed);
    }

    PromisedFile& file_;
    const WritingOptions options_;
    Random random_;
    Fd fd_;
    WritingEnd end_;
};

PromisedFile::PromisedFile(std::string name, std::uint64_t tag, std::size_t blocks)
    : name_(std::move(name))
    , tag_(mix(tag))
    , begun_(blocks)
    , completed_(blocks)
    , durable_(blocks) {}

WritingEnd PromisedFile::write(const std::string& directory,
                               const WritingOptions& options,
                               const std::atomic<bool>& stop) {
    {
        const MutexLock lock(mutex_);
        completed_ = durable_; // what an earlier writer did not sync may be gone
    }
    return Writer(*this, options).run(directory + "/" + name_, stop);
}

std::size_t PromisedFile::blocks() const {
    const MutexLock lock(mutex_);
    return begun_.size();
}

std::vector<std::uint64_t> PromisedFile::begin(std::size_t first, std::size_t count) {
    const MutexLock lock(mutex_);
    std::vector<std::uint64_t> versions;
    for (std::size_t i = 0; i < count; ++i)
        versions.push_back(++begun_[first + i]);
    return versions;
}

void PromisedFile::complete(std::size_t first, const std::vector<std::uint64_t>& versions) {
    const MutexLock lock(mutex_);
    std::ranges::copy(versions, completed_.begin() + static_cast<std::ptrdiff_t>(first));
}

std::vector<std::uint64_t> PromisedFile::completed() const {
    const MutexLock lock(mutex_);
    return completed_;
}

void PromisedFile::make_durable(const std::vector<std::uint64_t>& versions) {
    const MutexLock lock(mutex_);
    durable_ = versions;
}

PromisedFile::Promise PromisedFile::promise() const {
    const MutexLock lock(mutex_);
    return {durable_, begun_};
}

std::uint64_t PromisedFile::promised_blocks() const {
    const MutexLock lock(mutex_);
    return static_cast<std::uint64_t>(
        std::ranges::count_if(durable_, [](std::uint64_t version) { return version != 0; }));
}

std::string PromisedFile::judge(const std::string& directory, const Promise& promise) const {
    const std::string path = directory + "/" + name_;
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open() && errno != ENOENT)
        return fmt::format("{} cannot be opened: errno {}", path, errno);
    std::vector<std::uint64_t> words(kBlockWords);
    for (std::size_t block = 0; block < promise.least.size(); ++block) {
        std::ranges::fill(words, 0);
        const auto at = static_cast<off_t>(block * kBlock);
        if (file.is_open() && ::pread(file.get(), words.data(), kBlock, at) < 0)
            return fmt::format("{}: block {} cannot be read: errno {}", path, block, errno);
        if (std::string wrong = judge_block(block, words, promise); !wrong.empty())
            return path + ": " + wrong;
    }
    return {};
}

std::string PromisedFile::judge_block(std::size_t block,
                                      const std::vector<std::uint64_t>& words,
                                      const Promise& promise) const {
    for (std::size_t i = 0; i < words.size(); i += 2) {
        const std::uint64_t version = words[i / kSectorWords * kSectorWords]; // of the sector
        if (words[i] != version || words[i + 1] != (version == 0 ? 0 : tag_ + block))
            return fmt::format(
                "block {} holds what nobody wrote: {:#x} {:#x}", block, words[i], words[i + 1]);
        if (version < promise.least[block] || version > promise.most[block])
            return fmt::format("block {} holds write {}, expected {} to {}",
                               block,
                               version,
                               promise.least[block],
                               promise.most[block]);
    }
    return {};
}

} // namespace thinsnap::test
