#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "engine/embedded_pool.hpp"
#include "thin/format_pool.hpp"
#include "thin/superblock.hpp"

#include "support/content.hpp"
#include "support/metadata_check.hpp"
#include "support/random.hpp"
#include "support/real_pool.hpp"
#include "support/sparse_device.hpp"

namespace thinsnap::test {

namespace {

constexpr std::uint64_t kBlock = pdata::kBlockSize;

using Block = std::array<std::byte, kBlock>;

const RealPool& real_pool() {
    static const RealPool pool = make_real_pool({});
    return pool;
}

Outcome use_with(const SparseBytes& metadata) {
    return use_pool(real_pool(), metadata, 1);
}

Block read_block(const SparseBytes& metadata, std::uint64_t number) {
    Block block{};
    metadata.read(number * kBlock, block);
    return block;
}

/// A few blocks of each purpose.
std::vector<std::pair<std::uint64_t, Purpose>> sample_blocks(std::size_t of_each) {
    std::map<Purpose, std::size_t> taken;
    std::vector<std::pair<std::uint64_t, Purpose>> blocks;
    for (const auto& [number, purpose] : blocks_of(real_pool().metadata))
        if (taken[purpose]++ < of_each)
            blocks.emplace_back(number, purpose);
    return blocks;
}

bool names(const Outcome& outcome, std::uint64_t block) {
    return std::ranges::find(outcome.blocks, block) != outcome.blocks.end();
}

Outcome use_with(std::uint64_t number, const Block& block) {
    SparseBytes metadata = real_pool().metadata;
    metadata.write(number * kBlock, block);
    return use_with(metadata);
}

std::optional<Errc> opening_fails(const SparseBytes& metadata_image, std::uint64_t data_bytes) {
    return failure_of([&] {
        SparseDevice metadata(metadata_image);
        SparseDevice data(data_bytes);
        static_cast<void>(engine::open_embedded_pool(metadata, data));
    });
}

} // namespace

TEST_SUITE("crash.bad_input") {
    TEST_CASE("the pool that is going to be damaged is whole and has blocks of every purpose") {
        std::set<Purpose> purposes;
        for (const auto& [number, purpose] : blocks_of(real_pool().metadata))
            purposes.insert(purpose);
        CHECK(purposes.size() == 10);
        SparseDevice metadata(real_pool().metadata);
        CHECK(findings_of(metadata, real_pool().data.size()) == "");
        const Outcome outcome = use_with(real_pool().metadata);
        CHECK(outcome.opened);
        for (const std::string& error : outcome.errors)
            FAIL_CHECK(error);
        CHECK(outcome.wrong == std::vector<std::string>{});
    }

    TEST_CASE("a flipped bit in any kind of block is an error that names it and no wrong read") {
        const std::uint64_t seed = test_seed();
        CAPTURE(seed);
        Random random(seed);
        for (const auto& [number, purpose] : sample_blocks(long_run() ? 100 : 3)) {
            Block block = read_block(real_pool().metadata, number);
            const std::size_t byte = random.below(purpose == Purpose::superblock ? 364 : kBlock);
            block.at(byte) ^= std::byte{1} << random.below(8);
            const Outcome outcome = use_with(number, block);
            const std::string what = fmt::format("{} {} byte {}", name_of(purpose), number, byte);
            CAPTURE(what);
            CHECK(names(outcome, number));
            CHECK(outcome.wrong == std::vector<std::string>{});
        }
    }

    TEST_CASE("a lost or misplaced block is an error that names it and no wrong read") {
        const auto blocks = sample_blocks(2);
        for (const auto& [number, purpose] : blocks) {
            const std::string what = fmt::format("{} {}", name_of(purpose), number);
            CAPTURE(what);
            if (number == 0) // zeros there are no pool at all
                continue;
            CHECK(names(use_with(number, Block{}), number));
            const auto other = number == blocks.back().first ? blocks[1] : blocks.back();
            const Outcome outcome = use_with(number, read_block(real_pool().metadata, other.first));
            CHECK(names(outcome, number));
            CHECK(outcome.wrong == std::vector<std::string>{});
        }
    }

    TEST_CASE("changed fields under a right checksum are survived") {
        const std::uint64_t seed = test_seed();
        CAPTURE(seed);
        Random random(seed);
        const auto blocks = sample_blocks(long_run() ? 100 : 3);
        for (int i = 0; i < (long_run() ? 1000 : 80); ++i) {
            const auto& [number, purpose] = blocks[random.below(blocks.size())];
            Block block = read_block(real_pool().metadata, number);
            std::string text;
            for (std::uint64_t n = 1 + random.below(3); n > 0; --n) {
                // headers and the first entries are where it hurts
                const std::size_t at =
                    4 + random.below(random.one_in(2) ? 60 : kBlock - 4 - sizeof(std::uint64_t));
                block.at(at) = static_cast<std::byte>(random.next());
                text += fmt::format(" [{}]={:#x}", at, std::to_integer<int>(block.at(at)));
            }
            pdata::seal(kind_of(purpose), MetaBlock(number), block);
            const std::string what = fmt::format("{} {}{}", name_of(purpose), number, text);
            CAPTURE(what);
            const Outcome outcome = use_with(number, block); // Errors only, and no hang
            CHECK((outcome.opened || !outcome.errors.empty()));
        }
    }

    TEST_CASE("metadata that ends early is refused with both sizes") {
        for (const std::uint64_t blocks : {16999ULL, 10000ULL, 100ULL, 1ULL}) {
            SparseBytes metadata = real_pool().metadata;
            metadata.resize(blocks * kBlock);
            SparseDevice short_one(metadata);
            SparseDevice data(real_pool().data);
            const std::string text =
                message_of([&] { static_cast<void>(engine::open_embedded_pool(short_one, data)); });
            CAPTURE(text);
            CHECK(text.find(std::to_string(blocks * kBlock)) != std::string::npos);
            CHECK(text.find(std::to_string(17000 * kBlock)) != std::string::npos);
        }
    }

    TEST_CASE("a metadata device without a superblock is refused") {
        for (const std::uint64_t size : {0ULL, 1ULL, 512ULL, 4095ULL})
            CHECK(opening_fails(SparseBytes(size), 1U << 20U) == Errc::invalid_argument);
        CHECK(opening_fails(SparseBytes(2U << 20U), 1U << 20U) == Errc::invalid_argument);
        CHECK(opening_fails(SparseBytes(2U << 20U, SparseBytes::Background::noise), 1U << 20U) ==
              Errc::corrupt);
    }

    TEST_CASE("a foreign file is refused and its text says that it is no pool") {
        SparseBytes foreign(2U << 20U);
        const std::string_view text = "<superblock uuid=\"\" time=\"1\" transaction=\"2\"";
        foreign.write(0, std::as_bytes(std::span(text)));
        SparseDevice metadata(foreign);
        SparseDevice data(1U << 20U);
        const auto open = [&] { static_cast<void>(engine::open_embedded_pool(metadata, data)); };
        CHECK(failure_of(open) == Errc::corrupt);
        CHECK(message_of(open).find("magic") != std::string::npos);
    }

    TEST_CASE("data that is shorter than the metadata says is refused with both sizes") {
        const std::uint64_t bytes = real_pool().data.size();
        SparseDevice metadata(real_pool().metadata);
        SparseDevice data(bytes - 1);
        const auto open = [&] { static_cast<void>(engine::open_embedded_pool(metadata, data)); };
        CHECK(failure_of(open) == Errc::invalid_argument);
        CHECK(message_of(open).find(std::to_string(bytes - 1)) != std::string::npos);
        CHECK(message_of(open).find(std::to_string(bytes)) != std::string::npos);
        data.resize(bytes + 12345); // longer is fine
        CHECK(failure_of(open) == std::nullopt);
    }

    TEST_CASE("swapped devices are refused") {
        SparseDevice metadata(real_pool().metadata);
        SparseDevice data(real_pool().data);
        CHECK(failure_of([&] {
                  static_cast<void>(engine::open_embedded_pool(data, metadata));
              }).has_value());
    }

    TEST_CASE("a pool with needs_check set is read and not written") {
        SparseDevice metadata(real_pool().metadata);
        SparseDevice data(real_pool().data);
        thin::Superblock superblock = thin::read_superblock(metadata);
        superblock.flags |= thin::kNeedsCheckFlag;
        thin::write_superblock(metadata, superblock);
        const std::uint64_t written = metadata.bytes_written();
        const auto pool = engine::open_embedded_pool(metadata, data);
        CHECK(pool->status().needs_check);
        CHECK(pool->status().mode == PoolMode::read_only);
        CHECK(pool->status().reason.find("needs_check") != std::string::npos);
        const auto device = pool->open_device(DeviceId(0), {});
        CHECK(holds_pattern(*device, 0, 4096, 512));
        CHECK(failure_of([&] { write_pattern(*device, 1, 0, 512); }) == Errc::read_only);
        CHECK(failure_of([&] { apply_all(*pool, {CreateThin{DeviceId(9)}}); }) == Errc::read_only);
        CHECK(failure_of([&] { pool->grow_data(data.size()); }) == Errc::read_only);
        CHECK(metadata.bytes_written() == written);
    }

    TEST_CASE("features that nobody here knows are refused") {
        SparseDevice metadata(real_pool().metadata);
        SparseDevice data(real_pool().data);
        const thin::Superblock good = thin::read_superblock(metadata);
        const auto open = [&] { static_cast<void>(engine::open_embedded_pool(metadata, data)); };
        thin::Superblock strange = good;
        strange.incompat_flags = 1;
        thin::write_superblock(metadata, strange);
        CHECK(failure_of(open) == Errc::unsupported);
        strange = good;
        strange.compat_ro_flags = 4;
        thin::write_superblock(metadata, strange);
        CHECK(failure_of(open) == Errc::unsupported);
        strange = good;
        strange.compat_flags = 4; // these say that it does not matter
        thin::write_superblock(metadata, strange);
        CHECK(failure_of(open) == std::nullopt);
    }
}

} // namespace thinsnap::test
