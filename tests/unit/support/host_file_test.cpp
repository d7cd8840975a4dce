#include "support/host_file.hpp"

#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "io/scratch_device.hpp"

namespace thinsnap::test {

TEST_SUITE("support.host_file") {
    TEST_CASE("writing into a hole takes space and rewriting takes none") {
        HostDisk disk(3 * 4096);
        io::ScratchDevice inner(65536);
        HostFile file(disk, inner);
        const std::vector<std::byte> bytes(4096, std::byte{1});
        file.write(2048, bytes); // two units
        CHECK(disk.free_bytes() == 4096);
        file.write(0, bytes);
        CHECK(disk.free_bytes() == 4096);
        CHECK(file.allocated_bytes() == 8192);
    }

    TEST_CASE("a full disk fails writes and allocations of new space alone") {
        HostDisk disk(4096);
        io::ScratchDevice inner(65536);
        HostFile file(disk, inner);
        const std::vector<std::byte> bytes(4096, std::byte{1});
        file.allocate(0, 4096);
        CHECK_THROWS_AS(file.allocate(4096, 1), SystemError);
        CHECK_THROWS_AS(file.write(4096, bytes), SystemError);
        CHECK_THROWS_AS(file.write_zeros(4096, 10), SystemError);
        file.write(0, bytes);
    }

    TEST_CASE("a discard gives back the units that it covers") {
        HostDisk disk(3 * 4096);
        io::ScratchDevice inner(65536);
        HostFile file(disk, inner);
        file.allocate(0, 3 * 4096);
        file.discard(1, 2 * 4096); // unit 1 alone is covered
        CHECK(disk.free_bytes() == 4096);
        file.discard(0, 65536);
        CHECK(disk.free_bytes() == 3 * 4096);
    }

    TEST_CASE("files on one disk share its space") {
        HostDisk disk(4096);
        io::ScratchDevice inner(65536);
        HostFile one(disk, inner);
        HostFile two(disk, inner);
        one.allocate(0, 4096);
        CHECK_THROWS_AS(two.allocate(0, 4096), SystemError);
        one.discard(0, 4096);
        two.allocate(0, 4096);
        CHECK(two.allocated_bytes() == 4096);
    }
}

} // namespace thinsnap::test
