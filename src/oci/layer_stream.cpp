#include "oci/layer_stream.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "oci/block_queue.hpp"
#include "oci/compression.hpp"

namespace thinsnap::oci {

namespace {

constexpr std::size_t kBlobBlock = std::size_t{256} << 10U;
constexpr std::size_t kBlobBlocks = 4;
constexpr std::size_t kTarBlockBytes = std::size_t{512} << 10U;
constexpr std::size_t kTarBlocks = 10;

void fill(BlockQueue& pool, std::size_t blocks, std::size_t bytes) {
    for (std::size_t i = 0; i < blocks; ++i)
        pool.push({AlignedBuffer(bytes)});
}

/// An empty block; pools are never closed.
Block take(BlockQueue& pool) {
    return std::move(*pool.pop());
}

Compression detect(const FileWindow& blob) {
    std::array<std::byte, kMagicSize> magic{};
    const auto front =
        std::span(magic).first(static_cast<std::size_t>(std::min<std::uint64_t>(blob.size, 6)));
    blob.file->read(blob.offset, front);
    return detect_compression(front);
}

void expect_digest(std::string_view what, const Digest& expected, const Digest& found) {
    if (expected != found)
        throw Error(Errc::corrupt,
                    fmt::format("{} has the digest {} instead of {}; get the image again",
                                what,
                                found.to_string(),
                                expected.to_string()));
}

} // namespace

/// The threads and what lies between them:
///
///     read the blob, hash it -> blob_queue -> inflate -> tar_queue -> hash -> out
///
/// A blob that is not compressed is its own tar: one thread reads it, hashes it once, and is done.
class LayerStream::Stages {
public:
    Stages(FileWindow blob, const LayerCheck& check)
        : blob_(std::move(blob))
        , blob_digest_(check.blob_digest)
        , diff_id_(check.diff_id)
        , max_bytes_(check.max_bytes)
        , compression_(detect(blob_)) {
        fill(tar_pool_, kTarBlocks, kTarBlockBytes);
        if (compression_ == Compression::none) {
            start(out_, [this] { read_blob(tar_pool_, out_); });
            return;
        }
        fill(blob_pool_, kBlobBlocks, kBlobBlock);
        start(blob_queue_, [this] { read_blob(blob_pool_, blob_queue_); });
        start(tar_queue_, [this] { inflate(); });
        start(out_, [this] { hash_tar(); });
    }

    Stages(const Stages&) = delete;
    Stages& operator=(const Stages&) = delete;
    ~Stages() { stop(); }

    [[nodiscard]] ByteSource& tar() { return tar_; }
    [[nodiscard]] std::uint64_t bytes_read() const noexcept { return bytes_read_; }

private:
    template <class Work>
    void start(BlockQueue& output, Work work) {
        try {
            threads_.emplace_back([&output, work] {
                try {
                    work();
                    output.close();
                } catch (const StreamCancelled&) {
                    return; // nobody is waiting
                } catch (...) {
                    output.close(std::current_exception());
                }
            });
        } catch (const std::system_error& error) {
            stop(); // a destructor will not: the object never came to be
            throw SystemError(error.code().value(), "starting a thread to read a layer");
        }
    }

    void stop() noexcept {
        for (BlockQueue* queue : {&blob_pool_, &blob_queue_, &tar_pool_, &tar_queue_, &out_})
            queue->cancel();
        for (std::thread& thread : threads_)
            thread.join();
        threads_.clear();
    }

    void read_blob(BlockQueue& pool, BlockQueue& output) {
        expect_allowed(compression_ == Compression::none ? blob_.size : 0);
        Sha256 sum;
        WindowSource source(blob_);
        for (;;) {
            Block block = take(pool);
            block.size = source.read(block.memory.bytes());
            if (block.size == 0)
                break;
            sum.update(block.content());
            bytes_read_ += block.size;
            output.push(std::move(block));
        }
        const Digest digest = sum.finish();
        expect_digest("the blob", blob_digest_, digest);
        if (compression_ == Compression::none)
            expect_digest("the layer's tar (its diffID in the config)", diff_id_, digest);
    }

    void inflate() {
        QueueSource source(blob_queue_, blob_pool_);
        const auto decoder = make_decoder(compression_, source);
        std::uint64_t total = 0;
        for (;;) {
            Block block = take(tar_pool_);
            block.size = read_full(*decoder, block.memory.bytes());
            if (block.size == 0)
                return;
            total += block.size;
            expect_allowed(total);
            tar_queue_.push(std::move(block));
        }
    }

    void hash_tar() {
        Sha256 sum;
        while (auto block = tar_queue_.pop()) {
            sum.update(block->content());
            out_.push(std::move(*block));
        }
        expect_digest("the uncompressed layer (its diffID in the config)", diff_id_, sum.finish());
    }

    void expect_allowed(std::uint64_t bytes) const {
        if (bytes > max_bytes_)
            throw Error(Errc::corrupt,
                        fmt::format("it has more than the {} uncompressed bytes allowed, from a "
                                    "blob of {}; raise the limit if that is right",
                                    max_bytes_,
                                    blob_.size));
    }

    FileWindow blob_;
    Digest blob_digest_;
    Digest diff_id_;
    std::uint64_t max_bytes_;
    Compression compression_;
    std::atomic<std::uint64_t> bytes_read_ = 0;

    BlockQueue blob_pool_;
    BlockQueue blob_queue_;
    BlockQueue tar_pool_;
    BlockQueue tar_queue_;
    BlockQueue out_;
    QueueSource tar_{out_, tar_pool_};
    std::vector<std::thread> threads_;
};

LayerStream::LayerStream(FileWindow blob, LayerCheck check)
    : name_(std::move(check.name)) {
    stages_ = std::make_unique<Stages>(std::move(blob), check);
}

LayerStream::~LayerStream() = default;

/// Names the layer in what a stage threw, and keeps it for later calls.
template <class Call>
auto LayerStream::guarded(Call call) {
    if (failure_)
        std::rethrow_exception(failure_);
    try {
        return call();
    } catch (Error& error) {
        error.add_context(name_);
        failure_ = std::current_exception();
        throw;
    } catch (...) {
        failure_ = std::current_exception();
        throw;
    }
}

std::size_t LayerStream::read(std::span<std::byte> into) {
    return guarded([&] { return stages_->tar().read(into); });
}

std::span<const std::byte> LayerStream::next(std::span<std::byte> scratch) {
    return guarded([&] { return stages_->tar().next(scratch); });
}

void LayerStream::finish() {
    while (!next({}).empty()) {}
}

std::uint64_t LayerStream::blob_bytes_read() const noexcept {
    return stages_->bytes_read();
}

} // namespace thinsnap::oci
