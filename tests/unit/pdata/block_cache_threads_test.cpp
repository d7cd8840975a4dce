#include <atomic>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "base/endian.hpp"
#include "pdata/block_cache.hpp"

#include "support/random.hpp"
#include "support/sparse_device.hpp"

namespace thinsnap::test {

using pdata::BlockCache;
using pdata::BlockKind;
using pdata::kBlockSize;

namespace {

constexpr std::uint64_t kBlocks = 1200;
constexpr std::uint64_t kBadBlock = 1199; // noise

struct CacheRig {
    SparseDevice disk{SparseBytes(kBlocks * kBlockSize, SparseBytes::Background::noise)};
    BlockCache cache{disk, 256};

    CacheRig() {
        for (std::uint64_t i = 0; i < kBadBlock; ++i)
            store_le<std::uint64_t>(
                cache.create(MetaBlock(i), BlockKind::bitmap).bytes(), 100, mix(i));
        cache.write_back();
        cache.drop_all();
    }
    [[nodiscard]] bool is_right(std::uint64_t block) {
        const auto held = cache.read(MetaBlock(block), BlockKind::bitmap);
        return load_le<std::uint64_t>(held.bytes(), 100) == mix(block);
    }
};

} // namespace

TEST_SUITE("pdata.block_cache_threads") {
    TEST_CASE("readers of a small cache see right blocks while others evict them") {
        CacheRig rig;
        std::atomic<int> wrong = 0;
        std::vector<std::jthread> threads;
        for (std::uint64_t t = 0; t < 4; ++t)
            threads.emplace_back([&, t] {
                Random random(t);
                for (int i = 0; i < 4000; ++i)
                    wrong += rig.is_right(random.below(kBadBlock)) ? 0 : 1;
            });
        threads.clear();
        CHECK(wrong == 0);
    }

    TEST_CASE("readers of one bad block all get the error") {
        CacheRig rig;
        std::atomic<int> errors = 0;
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&] {
                for (int i = 0; i < 200; ++i)
                    try {
                        static_cast<void>(rig.is_right(kBadBlock));
                    } catch (const CorruptionError&) {
                        ++errors;
                    }
            });
        threads.clear();
        CHECK(errors == 800);
    }

    TEST_CASE("a writer creates and writes back blocks while readers read others") {
        CacheRig rig;
        std::atomic<bool> stop = false;
        std::atomic<int> wrong = 0;
        std::vector<std::jthread> readers;
        for (std::uint64_t t = 0; t < 3; ++t)
            readers.emplace_back([&, t] {
                Random random(t);
                while (!stop)
                    wrong += rig.is_right(random.below(600)) ? 0 : 1;
            });
        for (int round = 0; round < 20; ++round) {
            for (std::uint64_t i = 600; i < 900; ++i) // nobody reads these
                store_le<std::uint64_t>(
                    rig.cache.create(MetaBlock(i), BlockKind::bitmap).bytes(), 100, mix(i));
            rig.cache.forget(MetaBlock(650));
            rig.cache.write_back();
        }
        stop = true;
        readers.clear();
        CHECK(wrong == 0);
        rig.cache.drop_all();
        for (std::uint64_t i = 600; i < 900; ++i)
            CHECK(rig.is_right(i));
    }
}

} // namespace thinsnap::test
