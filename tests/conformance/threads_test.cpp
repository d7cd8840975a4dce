#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/metadata_check.hpp"
#include "support/random.hpp"

#include "conformance/drivers.hpp"

namespace thinsnap::test {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kBlock = 4096;

/// apply() for threads that do not agree on the transaction id.
void apply_somehow(ThinPool& pool, const std::vector<PoolOperation>& operations) {
    for (;;) {
        const auto failure = failure_of([&] { apply_all(pool, operations); });
        if (!failure)
            return;
        if (*failure != Errc::precondition) // somebody else moved it
            throw Error(*failure, "a batch failed for another reason than its transaction id");
    }
}

/// Threads whose first error fails the test.
class Crew {
public:
    template <class Body>
    void add(Body body) {
        threads_.emplace_back([this, body = std::move(body)]() mutable {
            try {
                body();
            } catch (const std::exception& error) {
                const MutexLock lock(mutex_);
                errors_.emplace_back(error.what());
            }
        });
    }
    void join() {
        threads_.clear();
        const MutexLock lock(mutex_);
        for (const std::string& error : errors_)
            FAIL_CHECK(error);
    }

private:
    Mutex mutex_;
    std::vector<std::string> errors_ TS_GUARDED_BY(mutex_);
    std::vector<std::jthread> threads_;
};

template <class Harness>
void require_clean(Harness& harness) {
    harness.pool().commit();
    CHECK(harness.pool().status().mode == PoolMode::write);
    CHECK(findings_of(harness.metadata(), harness.data().size()) == "");
}

/// A device whose blocks carry the number of the write that filled them. Each block has one writer;
/// neighbours in a chunk have different ones.
struct Stamped {
    static constexpr std::uint64_t kBlocks = 256;

    std::array<std::atomic<std::uint64_t>, kBlocks> begun{};     ///< last write that was begun
    std::array<std::atomic<std::uint64_t>, kBlocks> completed{}; ///< last write that returned

    static void require(bool ok, const char* what) {
        if (!ok)
            throw Error(Errc::internal, what);
    }

    using Words = std::array<std::uint64_t, kBlock / 8>;

    static Words words_of(BlockDevice& device, std::uint64_t block) {
        Words words{};
        device.read(block * kBlock, std::as_writable_bytes(std::span(words)));
        for (std::size_t i = 0; i + 1 < words.size(); i += 2)
            require(words.at(i + 1) == (words.at(i) == 0 ? 0 : block), "another block's bytes");
        return words;
    }

    /// Number of the write that filled the block, which nobody writes at the moment.
    static std::uint64_t read(BlockDevice& device, std::uint64_t block) {
        const Words words = words_of(device, block);
        for (std::size_t i = 0; i < words.size(); i += 2)
            require(words.at(i) == words[0], "a block is torn");
        return words[0];
    }

    /// Number of the oldest write of which something is left in a block that is being written.
    static std::uint64_t oldest(BlockDevice& device, std::uint64_t block) {
        const Words words = words_of(device, block);
        std::uint64_t least = words[0];
        for (std::size_t i = 0; i < words.size(); i += 2)
            least = std::min(least, words.at(i));
        return least;
    }

    void write(BlockDevice& device, std::uint64_t block) {
        const std::uint64_t version = ++begun.at(block);
        Words words{};
        for (std::size_t i = 0; i < words.size(); i += 2) {
            words.at(i) = version;
            words.at(i + 1) = block;
        }
        device.write(block * kBlock, std::as_bytes(std::span(words)));
        completed.at(block) = version;
    }

    void
    write_and_verify(ThinPool& pool, DeviceId id, std::uint64_t writer, int writers, int rounds) {
        const auto device = open(pool, id);
        Random random(writer);
        for (int i = 0; i < rounds; ++i) {
            const auto n = static_cast<std::uint64_t>(writers);
            const std::uint64_t mine = random.below(kBlocks / n) * n + writer;
            write(*device, mine);
            require(read(*device, mine) == completed.at(mine), "a write is not there");
            const std::uint64_t other = random.below(kBlocks);
            const std::uint64_t at_least = completed.at(other);
            require(oldest(*device, other) >= at_least, "an older write came back");
            if (random.one_in(50))
                device->flush();
        }
    }

    /// A snapshot holds of each block a write that was under way or done when it was made.
    void snapshot_and_verify(ThinPool& pool, DeviceId origin, DeviceId id) {
        std::array<std::uint64_t, kBlocks> least{};
        std::array<std::uint64_t, kBlocks> seen{};
        for (std::uint64_t i = 0; i < kBlocks; ++i)
            least.at(i) = completed.at(i);
        apply_somehow(pool, {CreateSnapshot{id, origin}});
        {
            const auto device = open(pool, id);
            for (std::uint64_t i = 0; i < kBlocks; ++i) {
                const std::uint64_t most = begun.at(i);
                seen.at(i) = read(*device, i);
                require(seen.at(i) >= least.at(i) && seen.at(i) <= most,
                        "a snapshot holds what its origin did not");
            }
            for (std::uint64_t i = 0; i < kBlocks; ++i)
                require(read(*device, i) == seen.at(i), "a snapshot changed");
        }
        apply_somehow(pool, {DeleteDevice{id}});
    }
};

} // namespace

TEST_SUITE("pool.threads") {
    TEST_CASE_TEMPLATE(
        "writers and snapshots of one device never mix up bytes", Harness, POOL_DRIVERS) {
        Harness harness({.data_chunks = 400});
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        Stamped stamped;
        std::atomic<bool> stop = false;
        Crew writers;
        Crew others;
        for (std::uint64_t t = 0; t < 4; ++t)
            writers.add([&, t] { stamped.write_and_verify(pool, kOne, t, 4, 400); });
        others.add([&] {
            for (std::uint32_t i = 0; !stop; ++i)
                stamped.snapshot_and_verify(pool, kOne, DeviceId(100 + i % 3));
        });
        others.add([&] {
            while (!stop) {
                pool.commit();
                const auto view = pool.read_view();
                Stamped::require(view->find_device(kOne).has_value(), "a view misses a device");
                static_cast<void>(view->usage(kOne));
                static_cast<void>(pool.status());
            }
        });
        writers.join();
        stop = true;
        others.join();
        const auto device = open(pool, kOne);
        for (std::uint64_t i = 0; i < Stamped::kBlocks; ++i)
            CHECK(Stamped::read(*device, i) == stamped.completed.at(i));
        require_clean(harness);
        CHECK(pool.status().data.used <= 16);
    }

    TEST_CASE_TEMPLATE("threads with a device each live their own lives", Harness, POOL_DRIVERS) {
        Harness harness({.data_chunks = 800});
        ThinPool& pool = harness.pool();
        Crew crew;
        for (std::uint32_t t = 0; t < 4; ++t)
            crew.add([&, t] {
                const DeviceId mine(10 * t);
                const DeviceId snapshot(10 * t + 1);
                apply_somehow(pool, {CreateThin{mine}});
                for (std::uint64_t round = 0; round < 15; ++round) {
                    {
                        const auto device = open(pool, mine);
                        write_pattern(*device, round, 1000 * round, 3 * kChunk);
                        device->discard(10 * kChunk, 5 * kChunk);
                        device->flush();
                    }
                    apply_somehow(pool, {CreateSnapshot{snapshot, mine}});
                    {
                        const auto device = open(pool, mine);
                        write_pattern(*device, 77, 0, 12 * kChunk);
                        Stamped::require(holds_pattern(*device, 77, 0, 12 * kChunk), "lost");
                        Stamped::require(
                            holds_pattern(*open(pool, snapshot), round, 1000 * round, 3 * kChunk),
                            "a snapshot lost its bytes");
                    }
                    apply_somehow(pool, {DeleteDevice{mine}});
                    apply_somehow(pool, {CreateSnapshot{mine, snapshot}});
                    apply_somehow(pool, {DeleteDevice{snapshot}});
                }
            });
        crew.join();
        CHECK(device_ids(pool).size() == 4);
        require_clean(harness);
    }

    TEST_CASE_TEMPLATE(
        "parts of one block written by many threads all arrive", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        write_pattern(*open(pool, kOne), 1, 0, kChunk);
        apply_all(pool, {CreateSnapshot{kTwo, kOne}}); // the first of them breaks sharing
        Crew crew;
        for (std::uint64_t t = 0; t < 4; ++t)
            crew.add([&, t] {
                const auto device = open(pool, kOne);
                for (std::uint64_t i = 0; i < 200; ++i) {
                    write_pattern(*device, 100 + t, t * 700 + i, 1);
                    Stamped::require(holds_pattern(*device, 100 + t, t * 700, i + 1), "lost");
                }
            });
        crew.join();
        const auto device = open(pool, kOne);
        for (std::uint64_t t = 0; t < 4; ++t) {
            CHECK(holds_pattern(*device, 100 + t, t * 700, 200));
            CHECK(holds_pattern(*device, 1, t * 700 + 200, 500));
        }
        CHECK(holds_pattern(*open(pool, kTwo), 1, 0, kChunk));
    }

    TEST_CASE_TEMPLATE("discards and writes of many threads leave zeros or what was written",
                       Harness,
                       POOL_DRIVERS) {
        Harness harness({.data_chunks = 60}); // often full: writers commit what others discard
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        Crew crew;
        for (std::uint64_t t = 0; t < 4; ++t)
            crew.add([&, t] {
                const auto device = open(pool, kOne);
                Random random(t);
                for (std::uint64_t i = 0; i < 150; ++i) {
                    const std::uint64_t chunk = random.below(14) * 4 + t;
                    write_pattern(*device, i, chunk * kChunk + 512, 9000);
                    Stamped::require(holds_pattern(*device, i, chunk * kChunk + 512, 9000), "lost");
                    Stamped::require(holds_zeros(*device, chunk * kChunk, 512), "not zeros");
                    device->discard(chunk * kChunk, kChunk);
                    Stamped::require(holds_zeros(*device, chunk * kChunk, kChunk), "not zeros");
                    if (random.one_in(20))
                        device->flush();
                }
            });
        crew.join();
        CHECK(used_chunks(pool) == 0);
        require_clean(harness);
    }

    TEST_CASE_TEMPLATE(
        "devices open and close while somebody tries to delete them", Harness, POOL_DRIVERS) {
        Harness harness;
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}});
        std::atomic<bool> stop = false;
        std::atomic<int> deleted = 0;
        Crew crew;
        for (std::uint64_t t = 0; t < 3; ++t)
            crew.add([&, t] {
                while (!stop) {
                    const auto failure = failure_of([&] {
                        const auto device = open(pool, kOne);
                        write_pattern(*device, t, t * kChunk, 100);
                    });
                    Stamped::require(!failure || *failure == Errc::not_found, "what is this?");
                    std::this_thread::sleep_for(1ms);
                }
            });
        crew.add([&] {
            for (int i = 0; i < 200; ++i) {
                const auto failure = failure_of([&] { apply_all(pool, {DeleteDevice{kOne}}); });
                Stamped::require(!failure || *failure == Errc::busy, "neither gone nor busy");
                if (failure)
                    continue;
                ++deleted;
                apply_all(pool, {CreateThin{kOne}});
            }
            stop = true;
        });
        crew.join();
        MESSAGE("deleted ", deleted.load(), " times of 200");
        require_clean(harness);
    }

    TEST_CASE_TEMPLATE(
        "a writer that waits for space goes on when there is some", Harness, POOL_DRIVERS) {
        Harness harness({.data_chunks = 50, .no_space_wait = 60s});
        ThinPool& pool = harness.pool();
        apply_all(pool, {CreateThin{kOne}, CreateThin{kTwo}});
        write_pattern(*open(pool, kOne), 1, 0, 50 * kChunk);
        pool.commit();
        Crew crew;
        for (std::uint64_t t = 0; t < 3; ++t)
            crew.add([&, t] { write_pattern(*open(pool, kTwo), t, t * kChunk, kChunk); });
        std::this_thread::sleep_for(50ms);
        SUBCASE("a device is deleted") {
            apply_all(pool, {DeleteDevice{kOne}});
        }
        SUBCASE("chunks are discarded and committed") {
            const auto device = open(pool, kOne);
            device->discard(0, 10 * kChunk);
            device->flush();
        }
        SUBCASE("the pool grows") {
            harness.enlarge_data(60 * kChunk);
            pool.grow_data(60 * kChunk);
        }
        crew.join();
        for (std::uint64_t t = 0; t < 3; ++t)
            CHECK(holds_pattern(*open(pool, kTwo), t, t * kChunk, kChunk));
        require_clean(harness);
    }
}

} // namespace thinsnap::test
