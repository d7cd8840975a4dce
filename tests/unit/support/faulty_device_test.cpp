#include "support/faulty_device.hpp"

#include <cerrno>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "io/scratch_device.hpp"

namespace thinsnap::test {

namespace {

struct Rig {
    io::ScratchDevice inner{65536};
    FaultyDevice device{inner};
    std::vector<std::byte> ones = std::vector<std::byte>(4096, std::byte{1});

    void write(std::uint64_t block = 0) { device.write(block * 4096, ones); }
    std::vector<std::byte> content(std::uint64_t block = 0) {
        std::vector<std::byte> into(4096);
        inner.read(block * 4096, into);
        return into;
    }
};

} // namespace

TEST_SUITE("support.faulty_device") {
    TEST_CASE("a faulty device fails the chosen operation once") {
        Rig rig;
        rig.device.fail({.operation = DeviceOperation::write, .at = 2});
        rig.write();
        rig.device.flush();
        CHECK_THROWS_AS(rig.write(1), SystemError);
        CHECK(rig.content(1) == std::vector<std::byte>(4096));
        rig.write(1);
        CHECK(rig.content(1) == rig.ones);
        CHECK(rig.device.failures() == 1);
        CHECK(rig.device.count(DeviceOperation::write) == 3);
        CHECK(rig.device.changes() == 4);
    }

    TEST_CASE("a fault without a kind takes any operation but a read") {
        Rig rig;
        rig.device.fail({.at = 2});
        std::vector<std::byte> into(16);
        rig.device.read(0, into);
        rig.write();
        rig.device.read(0, into);
        CHECK_THROWS_AS(rig.device.flush(), SystemError);
    }

    TEST_CASE("a lasting fault ends when the device is healed") {
        Rig rig;
        rig.device.fail({.operation = DeviceOperation::flush, .for_ever = true});
        CHECK_THROWS_AS(rig.device.flush(), SystemError);
        CHECK_THROWS_AS(rig.device.flush(), SystemError);
        rig.device.heal();
        rig.device.flush();
        CHECK(rig.device.failures() == 2);
    }

    TEST_CASE("the kind of the error follows from the chosen errno") {
        Rig rig;
        rig.device.fail({.error = ENOSPC});
        try {
            rig.device.allocate(0, 4096);
            FAIL("it went well");
        } catch (const Error& error) {
            CHECK(error.kind() == Errc::no_space);
        }
    }

    TEST_CASE("a write that fails half done leaves its first half") {
        Rig rig;
        rig.device.fail({.half_done = true});
        CHECK_THROWS_AS(rig.write(), SystemError);
        CHECK(rig.content()[2047] == std::byte{1});
        CHECK(rig.content()[2048] == std::byte{0});
    }

    TEST_CASE("a fault can be confined to a range") {
        Rig rig;
        rig.device.fail({.operation = DeviceOperation::read, .for_ever = true, .from = 4096});
        std::vector<std::byte> into(16);
        rig.device.read(0, into);
        CHECK_THROWS_AS(rig.device.read(4096, into), SystemError);
    }
}

} // namespace thinsnap::test
