#include "attach/file_table.hpp"

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "io/scratch_device.hpp"

namespace thinsnap::attach {

namespace {

std::shared_ptr<BlockDevice> device_of(std::uint64_t size) {
    return std::make_shared<io::ScratchDevice>(size);
}

template <class Work>
Errc kind_of(Work work) {
    try {
        work();
    } catch (const Error& error) {
        return error.kind();
    }
    return Errc::internal;
}

} // namespace

TEST_SUITE("attach.file_table") {
    TEST_CASE("a file is found by its name and by its inode") {
        FileTable table;
        table.add("7", device_of(4096), {.read_only = true});
        const auto file = table.find("7");
        REQUIRE(file);
        CHECK(file->how.read_only);
        CHECK(file->device->size() == 4096);
        CHECK(table.find(file->inode)->device == file->device);
        CHECK_FALSE(table.find("8"));
        CHECK_FALSE(table.find(FileTable::kRoot));
        CHECK(table.names() == std::vector<std::string>{"7"});
    }

    TEST_CASE("of the writes to a file one is the first") {
        FileTable table;
        table.add("7", device_of(4096), {});
        table.add("8", device_of(4096), {});
        const auto inode = table.find("7")->inode;
        CHECK_FALSE(table.find(inode)->is_written);
        CHECK(table.note_write(inode));
        CHECK_FALSE(table.note_write(inode));
        CHECK(table.find(inode)->is_written);
        CHECK(table.note_write(table.find("8")->inode));
        CHECK_FALSE(table.note_write(FileTable::kRoot));
    }

    TEST_CASE("a name is given once") {
        FileTable table;
        table.add("7", device_of(4096), {});
        CHECK(kind_of([&] { table.add("7", device_of(4096), {}); }) == Errc::already_exists);
        CHECK(kind_of([&] { table.remove("8"); }) == Errc::not_found);
        CHECK(kind_of([&] { table.replace("8", device_of(1)); }) == Errc::not_found);
    }

    TEST_CASE("an open file stays until it is closed as often as it was opened") {
        FileTable table;
        table.add("7", device_of(4096), {});
        const std::uint64_t inode = table.find("7")->inode;
        CHECK(table.open(inode));
        CHECK(table.open(inode));
        table.close(inode);
        CHECK(table.is_open("7"));
        CHECK(kind_of([&] { table.remove("7"); }) == Errc::busy);
        table.close(inode);
        CHECK_FALSE(table.is_open("7"));
        table.remove("7");
        CHECK_FALSE(table.open(inode));
    }

    TEST_CASE("an inode number is never used twice") {
        FileTable table;
        table.add("7", device_of(4096), {});
        const std::uint64_t first = table.find("7")->inode;
        table.remove("7");
        table.add("7", device_of(4096), {});
        CHECK(table.find("7")->inode != first);
        CHECK_FALSE(table.find(first));
    }

    TEST_CASE("a request under way keeps the device that was replaced or removed") {
        FileTable table;
        table.add("7", device_of(4096), {});
        const auto before = table.find("7");
        table.replace("7", device_of(8192));
        CHECK(before->device->size() == 4096);
        CHECK(table.find(before->inode)->device->size() == 8192);
        table.remove("7");
        CHECK(before->device.use_count() == 1);
        CHECK(before->device->size() == 4096);
    }
}

} // namespace thinsnap::attach
