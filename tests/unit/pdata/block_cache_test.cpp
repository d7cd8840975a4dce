#include "pdata/block_cache.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "support/faulty_device.hpp"
#include "support/sparse_device.hpp"

namespace thinsnap::test {

using pdata::BlockCache;
using pdata::BlockKind;
using pdata::kBlockSize;

namespace {

constexpr std::uint64_t kBlocks = 2000;

struct CacheRig {
    SparseDevice disk{SparseBytes(kBlocks * kBlockSize, SparseBytes::Background::noise)};
    FaultyDevice device{disk};
    BlockCache cache{device, 256};

    void fill(std::uint64_t begin, std::uint64_t end, unsigned char mark = 1) {
        for (std::uint64_t i = begin; i < end; ++i)
            cache.create(MetaBlock(i), BlockKind::bitmap).bytes()[100] = std::byte{mark};
    }
    [[nodiscard]] unsigned char mark(std::uint64_t block) {
        return std::to_integer<unsigned char>(
            cache.read(MetaBlock(block), BlockKind::bitmap).bytes()[100]);
    }
    [[nodiscard]] bool on_disk(std::uint64_t block) {
        std::array<std::byte, kBlockSize> bytes{};
        disk.read(block * kBlockSize, bytes);
        try {
            pdata::validate(BlockKind::bitmap, MetaBlock(block), bytes);
        } catch (const CorruptionError&) {
            return false;
        }
        return true;
    }
};

} // namespace

TEST_SUITE("pdata.block_cache") {
    TEST_CASE("a created block is zeros and is sealed when it is written back") {
        CacheRig rig;
        {
            const auto block = rig.cache.create(MetaBlock(5), BlockKind::bitmap);
            CHECK(
                std::ranges::all_of(block.bytes(), [](std::byte b) { return b == std::byte{0}; }));
            block.bytes()[100] = std::byte{7};
        }
        CHECK_FALSE(rig.on_disk(5));
        rig.cache.write_back();
        CHECK(rig.on_disk(5));
        rig.cache.drop_all();
        CHECK(rig.mark(5) == 7);
    }

    TEST_CASE("a block is read from the device once") {
        CacheRig rig;
        rig.fill(5, 6);
        rig.cache.write_back();
        rig.cache.drop_all();
        const auto before = rig.cache.stats();
        for (int i = 0; i < 5; ++i)
            CHECK(rig.mark(5) == 1);
        CHECK(rig.cache.stats().misses == before.misses + 1);
        CHECK(rig.cache.stats().hits == before.hits + 4);
        CHECK(rig.device.count(DeviceOperation::read) == 1);
    }

    TEST_CASE("a block that is not what it should be is an error each time") {
        CacheRig rig;
        for (int i = 0; i < 2; ++i)
            CHECK_THROWS_AS(static_cast<void>(rig.cache.read(MetaBlock(9), BlockKind::node)),
                            CorruptionError);
        rig.fill(9, 10);
        CHECK(rig.mark(9) == 1);
        CHECK_THROWS_AS(static_cast<void>(rig.cache.read(MetaBlock(9), BlockKind::node)),
                        CorruptionError);
    }

    TEST_CASE("a block behind the end of the device is an error that names it") {
        CacheRig rig;
        try {
            static_cast<void>(rig.cache.read(MetaBlock(kBlocks), BlockKind::node));
            FAIL("it was read");
        } catch (const CorruptionError& error) {
            CHECK(error.block() == kBlocks);
        }
        CHECK_THROWS_AS(static_cast<void>(rig.cache.read(MetaBlock(UINT64_MAX), BlockKind::node)),
                        CorruptionError);
    }

    TEST_CASE("a read error is reported and the next read tries again") {
        CacheRig rig;
        rig.fill(5, 6);
        rig.cache.write_back();
        rig.cache.drop_all();
        rig.device.fail({.operation = DeviceOperation::read});
        CHECK_THROWS_AS(static_cast<void>(rig.mark(5)), SystemError);
        CHECK(rig.mark(5) == 1);
    }

    TEST_CASE("blocks near each other are read ahead in one call") {
        CacheRig rig;
        rig.fill(10, 40);
        rig.cache.write_back();
        rig.cache.drop_all();
        const std::array wanted{MetaBlock(30),
                                MetaBlock(12),
                                MetaBlock(17),
                                MetaBlock(26),
                                MetaBlock(21),
                                MetaBlock(12)};
        rig.cache.read_ahead(wanted, BlockKind::bitmap);
        CHECK(rig.device.count(DeviceOperation::read) == 1);
        for (const MetaBlock block : wanted)
            CHECK(rig.mark(block.value()) == 1);
        CHECK(rig.device.count(DeviceOperation::read) == 1);
        CHECK(rig.mark(13) == 1); // nobody asked for it
        CHECK(rig.device.count(DeviceOperation::read) == 2);
    }

    TEST_CASE("reading ahead leaves what is here as it is") {
        CacheRig rig;
        rig.fill(10, 14);
        rig.cache.write_back();
        rig.cache.drop_all();
        rig.cache.write(MetaBlock(11), BlockKind::bitmap).bytes()[100] = std::byte{9};
        rig.cache.read_ahead(std::array{MetaBlock(10), MetaBlock(11), MetaBlock(12)},
                             BlockKind::bitmap);
        CHECK(rig.mark(11) == 9);
        CHECK(rig.mark(12) == 1);
    }

    TEST_CASE("what cannot be read ahead is left to who reads it") {
        CacheRig rig;
        rig.fill(10, 12);
        rig.cache.write_back();
        rig.cache.drop_all();
        const std::array wanted{
            MetaBlock(10), MetaBlock(11), MetaBlock(12), MetaBlock(kBlocks), MetaBlock(UINT64_MAX)};
        rig.device.fail({.operation = DeviceOperation::read});
        rig.cache.read_ahead(wanted, BlockKind::bitmap);
        rig.cache.read_ahead(wanted, BlockKind::bitmap);
        const std::uint64_t reads = rig.device.count(DeviceOperation::read);
        CHECK(rig.mark(10) == 1);
        CHECK(rig.mark(11) == 1);
        CHECK(rig.device.count(DeviceOperation::read) == reads);
        CHECK_THROWS_AS(static_cast<void>(rig.mark(12)), CorruptionError);
    }

    TEST_CASE("more blocks than the cache holds can be read again") {
        CacheRig rig;
        rig.fill(1, 1500, 3);
        CHECK(rig.cache.stats().early_writes >= 1500 - 256 - 1);
        for (std::uint64_t i = 1; i < 1500; ++i)
            REQUIRE(rig.mark(i) == 3);
        rig.cache.write_back();
        for (std::uint64_t i = 1; i < 1500; ++i)
            REQUIRE(rig.on_disk(i));
    }

    TEST_CASE("a block in use keeps its place and its content") {
        CacheRig rig;
        rig.fill(1, 2, 9);
        const auto held = rig.cache.read(MetaBlock(1), BlockKind::bitmap);
        rig.fill(2, 1500, 3);
        CHECK(held.bytes()[100] == std::byte{9});
        CHECK(held.where() == MetaBlock(1));
    }

    TEST_CASE("a cache whose blocks are all in use takes more memory") {
        CacheRig rig;
        std::vector<pdata::WriteRef> held;
        for (std::uint64_t i = 0; i < 600; ++i)
            held.push_back(rig.cache.create(MetaBlock(i), BlockKind::bitmap));
        for (std::uint64_t i = 0; i < 600; ++i)
            CHECK(held[i].where() == MetaBlock(i));
    }

    TEST_CASE("a forgotten block is not written") {
        CacheRig rig;
        rig.fill(5, 7);
        rig.cache.forget(MetaBlock(5));
        rig.cache.write_back();
        CHECK_FALSE(rig.on_disk(5));
        CHECK(rig.on_disk(6));
    }

    TEST_CASE("neighbours are written in one call and in ascending order") {
        CacheRig rig;
        rig.fill(20, 30);
        rig.fill(10, 20);
        rig.fill(50, 51);
        rig.cache.write_back();
        for (std::uint64_t i = 10; i < 30; ++i)
            CHECK(rig.on_disk(i));
        CHECK(rig.on_disk(50));
        const auto writes = rig.device.count(DeviceOperation::write);
        rig.cache.write_back();
        CHECK(rig.device.count(DeviceOperation::write) == writes); // nothing was dirty
    }

    TEST_CASE("a failed write back leaves blocks dirty for the next one") {
        CacheRig rig;
        rig.fill(5, 8);
        rig.device.fail({.operation = DeviceOperation::write});
        CHECK_THROWS_AS(rig.cache.write_back(), SystemError);
        rig.cache.write_back();
        for (std::uint64_t i = 5; i < 8; ++i)
            CHECK(rig.on_disk(i));
    }

    TEST_CASE("dropping everything forgets what was not written") {
        CacheRig rig;
        rig.fill(5, 6, 1);
        rig.cache.write_back();
        rig.cache.write(MetaBlock(5), BlockKind::bitmap).bytes()[100] = std::byte{2};
        rig.cache.drop_all();
        CHECK(rig.mark(5) == 1);
        rig.cache.write_back();
        rig.cache.drop_all();
        CHECK(rig.mark(5) == 1);
    }
}

} // namespace thinsnap::test
