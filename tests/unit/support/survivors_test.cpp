#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include <doctest/doctest.h>

#include "support/random.hpp"
#include "support/volatile_device.hpp"

namespace thinsnap::test {
using Kind = Survivors::Kind;

namespace {

constexpr std::size_t kBlock = 4096;

// Two disks; block i of disk 0 and of disk 1 are written in turn, each with its own byte.
struct Disks {
    PowerSupply power;
    VolatileDevice first{power, SparseBytes(16 * kBlock)};
    VolatileDevice second{power, SparseBytes(16 * kBlock)};
    std::array<const VolatileDevice*, 2> all{&first, &second};

    void write(VolatileDevice& disk, std::uint64_t block, unsigned char value) {
        disk.write(block * kBlock, std::vector<std::byte>(kBlock, std::byte{value}));
    }
    std::vector<SparseBytes> images(Kind kind, std::uint64_t value = 0) const {
        return images_after_cut(all, {kind, value});
    }
};

unsigned char at(const SparseBytes& image, std::uint64_t block, std::uint64_t sector = 0) {
    std::array<std::byte, 1> one{};
    image.read(block * kBlock + sector * VolatileDevice::kSector, one);
    return std::to_integer<unsigned char>(one[0]);
}

} // namespace

TEST_SUITE("support.survivors") {
    TEST_CASE("nothing or everything unflushed survives and flushed writes always do") {
        Disks d;
        d.write(d.first, 0, 1);
        d.first.flush();
        d.write(d.first, 0, 2);
        d.write(d.second, 0, 3);
        const auto none = d.images(Kind::none);
        CHECK(at(none[0], 0) == 1);
        CHECK(at(none[1], 0) == 0);
        const auto all = d.images(Kind::all);
        CHECK(at(all[0], 0) == 2);
        CHECK(at(all[1], 0) == 3);
    }

    TEST_CASE("a prefix follows the order of all devices together") {
        Disks d;
        d.write(d.first, 0, 1);
        d.write(d.second, 0, 2);
        d.write(d.first, 1, 3);
        const auto images = d.images(Kind::prefix, 2);
        CHECK(at(images[0], 0) == 1);
        CHECK(at(images[1], 0) == 2);
        CHECK(at(images[0], 1) == 0);
    }

    TEST_CASE("a single write survives alone or is the only one lost") {
        Disks d;
        d.write(d.first, 0, 1);
        d.write(d.second, 0, 2);
        d.write(d.first, 1, 3);
        const auto single = d.images(Kind::single, 1);
        CHECK(at(single[0], 0) == 0);
        CHECK(at(single[1], 0) == 2);
        CHECK(at(single[0], 1) == 0);
        const auto others = d.images(Kind::all_but_one, 1);
        CHECK(at(others[0], 0) == 1);
        CHECK(at(others[1], 0) == 0);
        CHECK(at(others[0], 1) == 3);
    }

    TEST_CASE("one device survives while the other loses everything") {
        Disks d;
        d.write(d.first, 0, 1);
        d.write(d.second, 0, 2);
        const auto images = d.images(Kind::only_device, 1);
        CHECK(at(images[0], 0) == 0);
        CHECK(at(images[1], 0) == 2);
    }

    TEST_CASE("of two writes to one place the older can survive alone") {
        Disks d;
        d.write(d.first, 0, 1);
        d.write(d.first, 0, 2);
        CHECK(at(d.images(Kind::single, 0)[0], 0) == 1);
        CHECK(at(d.images(Kind::single, 1)[0], 0) == 2);
    }

    TEST_CASE("a torn write is old and new by sectors") {
        Disks d;
        d.write(d.first, 0, 1);
        const auto image = d.images(Kind::torn, 5)[0];
        std::set<unsigned char> seen;
        for (std::uint64_t sector = 0; sector < 8; ++sector) {
            const unsigned char begin = at(image, 0, sector);
            seen.insert(begin);
            std::array<std::byte, VolatileDevice::kSector> bytes{};
            image.read(sector * VolatileDevice::kSector, bytes);
            CHECK(std::ranges::all_of(bytes, [&](std::byte b) { return b == std::byte{begin}; }));
        }
        CHECK(seen == std::set<unsigned char>{0, 1});
    }

    TEST_CASE("a discard survives like a write") {
        Disks d;
        d.write(d.first, 0, 1);
        d.first.flush();
        d.first.discard(0, kBlock);
        CHECK(at(d.images(Kind::none)[0], 0) == 1);
        CHECK(at(d.images(Kind::all)[0], 0) == 0);
    }

    TEST_CASE("the choice of survivors has each kind and every single one where they are few") {
        const auto choices = choose_survivors(3, 2, 4, 1);
        const auto has = [&](Kind kind, std::uint64_t value) {
            return std::ranges::any_of(
                choices, [&](const Survivors& s) { return s.kind == kind && s.value == value; });
        };
        CHECK(has(Kind::none, 0));
        CHECK(has(Kind::all, 0));
        for (std::uint64_t i = 0; i < 3; ++i) {
            CHECK(has(Kind::single, i));
            CHECK(has(Kind::all_but_one, i));
        }
        CHECK(has(Kind::prefix, 2));
        CHECK(has(Kind::only_device, 1));
        CHECK(std::ranges::count(choices, Kind::random, &Survivors::kind) == 2);
        CHECK(std::ranges::count(choices, Kind::torn, &Survivors::kind) == 2);
        CHECK(choose_survivors(0, 2, 4, 1).size() == 1);
        CHECK(choose_survivors(1000, 2, 4, 1).size() < 25);
    }
}

} // namespace thinsnap::test
