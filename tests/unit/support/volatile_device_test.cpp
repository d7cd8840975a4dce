#include "support/volatile_device.hpp"

#include <chrono>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "support/random.hpp"

namespace thinsnap::test {

namespace {

std::vector<std::byte> pattern(std::uint64_t seed, std::size_t length = 4096) {
    std::vector<std::byte> into(length);
    fill_pattern(into, seed, 0);
    return into;
}

template <class Source>
std::vector<std::byte> read(Source& from, std::uint64_t offset, std::size_t length = 4096) {
    std::vector<std::byte> into(length);
    from.read(offset, into);
    return into;
}

struct Machine {
    PowerSupply power;
    VolatileDevice disk{power, SparseBytes(1U << 20U)};
    VolatileDevice other{power, SparseBytes(1U << 20U)};
};

} // namespace

TEST_SUITE("support.volatile_device") {
    TEST_CASE("a volatile device reads what was written before it is flushed") {
        Machine m;
        m.disk.write(4096, pattern(1));
        CHECK(read(m.disk, 4096) == pattern(1));
        CHECK(m.disk.unflushed().size() == 1);
        SparseBytes durable = m.disk.durable();
        CHECK(read(durable, 4096) == std::vector<std::byte>(4096));
    }

    TEST_CASE("flush makes writes durable on its own device only") {
        Machine m;
        m.disk.write(0, pattern(1));
        m.other.write(0, pattern(2));
        m.disk.flush();
        SparseBytes mine = m.disk.durable();
        SparseBytes others = m.other.durable();
        CHECK(read(mine, 0) == pattern(1));
        CHECK(read(others, 0) == std::vector<std::byte>(4096));
    }

    TEST_CASE("operations of all devices on one supply are counted together without reads") {
        Machine m;
        m.disk.write(0, pattern(1));
        m.other.write_zeros(0, 4096);
        m.disk.allocate(0, 4096);
        m.other.discard(0, 4096);
        (void)read(m.disk, 0);
        m.disk.flush();
        CHECK(m.power.operations() == 5);
    }

    TEST_CASE("the pieces of a gathered write are operations of their own") {
        Machine m;
        const auto one = pattern(1);
        const auto two = pattern(2);
        const std::vector<std::span<const std::byte>> pieces{one, two};
        m.disk.write_gather(0, pieces);
        CHECK(m.power.operations() == 2);
        CHECK(m.disk.unflushed().size() == 2);
        CHECK(read(m.disk, 4096) == two);
    }

    TEST_CASE("the power goes off during the chosen operation and stays off") {
        Machine m;
        m.power.cut_during(2);
        m.disk.write(0, pattern(1));
        CHECK_THROWS_AS(m.other.write(0, pattern(2)), PowerCut);
        CHECK(m.power.is_off());
        CHECK(m.other.unflushed().size() == 1);
        CHECK_THROWS_AS(m.disk.write(0, pattern(3)), PowerCut);
        CHECK_THROWS_AS(m.disk.flush(), PowerCut);
        CHECK_THROWS_AS(m.disk.discard(0, 512), PowerCut);
        CHECK_THROWS_AS(m.disk.write_zeros(0, 4096), PowerCut);
        CHECK_THROWS_AS(m.disk.allocate(0, 512), PowerCut);
        CHECK_THROWS_AS((void)read(m.disk, 0), PowerCut);
        CHECK(m.disk.unflushed().size() == 1);
    }

    TEST_CASE("a volatile device refuses unaligned writes") {
        Machine m;
        CHECK_THROWS_AS(m.disk.write(512, pattern(1)), Error);
        CHECK_THROWS_AS(m.disk.write(0, pattern(1, 512)), Error);
        CHECK_THROWS_AS(m.disk.write_zeros(0, 512), Error);
    }

    TEST_CASE("a flush during which the power goes off makes nothing durable") {
        Machine m;
        m.disk.write(0, pattern(1));
        m.power.cut_during(1);
        CHECK_THROWS_AS(m.disk.flush(), PowerCut);
        CHECK(m.disk.unflushed().size() == 1);
    }

    TEST_CASE("a flush that takes time covers what was written before it alone") {
        Machine m;
        m.disk.set_flush_time(std::chrono::milliseconds(30));
        m.disk.write(0, pattern(1));
        std::jthread flush([&] { m.disk.flush(); });
        while (m.power.operations() < 2)
            std::this_thread::yield();
        m.disk.write(4096, pattern(2));
        CHECK(m.disk.unflushed().size() == 2);
        flush.join();
        REQUIRE(m.disk.unflushed().size() == 1);
        CHECK(m.disk.unflushed()[0].offset == 4096);
    }

    TEST_CASE("a discard is background at once and volatile until the flush") {
        PowerSupply power;
        VolatileDevice disk(power, SparseBytes(65536, SparseBytes::Background::noise));
        const auto noise = read(disk, 0);
        disk.write(0, pattern(1));
        disk.flush();
        disk.discard(0, 4096);
        CHECK(read(disk, 0) == noise);
        SparseBytes durable = disk.durable();
        CHECK(read(durable, 0) == pattern(1));
        disk.flush();
        durable = disk.durable();
        CHECK(read(durable, 0) == noise);
    }

    TEST_CASE("a broken barrier keeps writes volatile and tells nobody") {
        Machine m;
        SUBCASE("every flush") {
            m.disk.break_barrier(BrokenBarrier::every_flush);
            m.disk.write(4096, pattern(1));
            m.disk.flush();
            CHECK(m.disk.unflushed().size() == 1);
        }
        SUBCASE("before the superblock") {
            m.disk.break_barrier(BrokenBarrier::before_superblock);
            m.disk.write(4096, pattern(1));
            m.disk.flush();
            m.disk.write(0, pattern(2));
            CHECK(m.disk.unflushed().size() == 2);
            m.disk.flush();
            CHECK(m.disk.unflushed().empty());
        }
        SUBCASE("after the superblock") {
            m.disk.break_barrier(BrokenBarrier::after_superblock);
            m.disk.write(4096, pattern(1));
            m.disk.flush();
            CHECK(m.disk.unflushed().empty());
            m.disk.write(0, pattern(2));
            m.disk.flush();
            CHECK(m.disk.unflushed().size() == 1);
        }
    }
}

} // namespace thinsnap::test
