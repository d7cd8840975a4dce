#include <array>
#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "base/crc32c.hpp"
#include "base/endian.hpp"
#include "ext4/device_io.hpp"
#include "ext4/file_system.hpp"
#include "ext4/format.hpp"
#include "ext4/journal_format.hpp"
#include "ext4/journal_replay.hpp"
#include "ext4/layout.hpp"
#include "ext4/superblock_check.hpp"

#include "support/content.hpp"
#include "support/ext4_image.hpp"
#include "support/log_writer.hpp"
#include "support/sparse_bytes.hpp"
#include "support/sparse_device.hpp"
#include "support/volatile_device.hpp"

namespace thinsnap::test {

namespace {

using ext4::FileSystem;
using ext4::FileSystemAccess;
using ext4::kBlockSize;

constexpr std::uint64_t kSize = 1ULL << 30U;
using Block = LogWriter::Block;

constexpr std::uint64_t kTarget = 6000; ///< blocks from here on are free

Block content(std::uint64_t seed) {
    return pattern(seed, 0, kBlockSize);
}

Block read_block(BlockDevice& device, std::uint64_t block) {
    Block bytes(kBlockSize);
    device.read(block * kBlockSize, bytes);
    return bytes;
}

constexpr std::uint32_t kV3 = ext4::kJournalRevoke | ext4::kJournalChecksumV3;

/// Opens for writing, which replays for good, and gives the block at kTarget + index.
Block replayed(SparseDevice& device, std::uint64_t index) {
    { const FileSystem fs(device, FileSystemAccess::read_write); }
    return read_block(device, kTarget + index);
}

} // namespace

TEST_SUITE_BEGIN("ext4.journal");

TEST_CASE("committed transactions are replayed in every form of the log") {
    for (const std::uint32_t features : {0U,
                                         ext4::kJournal64Bit,
                                         ext4::kJournalChecksumV2,
                                         ext4::kJournalChecksumV2 | ext4::kJournal64Bit,
                                         ext4::kJournalChecksumV3,
                                         ext4::kJournalChecksumV3 | ext4::kJournal64Bit}) {
        for (const std::uint32_t start : {1U, 500U, 1020U}) { // the last one wraps around
            CAPTURE(features);
            CAPTURE(start);
            SparseDevice device(kSize);
            ext4::format(device, options_for(kSize));
            LogWriter log(device, features | ext4::kJournalRevoke, start);
            log.descriptor({{kTarget, content(1)}, {kTarget + 1, content(2)}})
                .commit()
                .descriptor({{kTarget + 2, content(3)}})
                .descriptor({{kTarget, content(4)}})
                .commit()
                .descriptor({{kTarget + 3, content(5)}})
                .commit()
                .finish();
            CHECK(replayed(device, 0) == content(4));
            CHECK(replayed(device, 1) == content(2));
            CHECK(replayed(device, 2) == content(3));
            CHECK(replayed(device, 3) == content(5));
            // and it is empty now
            device.write(kTarget * kBlockSize, content(9));
            CHECK(replayed(device, 0) == content(9));
        }
    }
}

TEST_CASE("what a replay wrote is told by its places") {
    SparseDevice device(kSize);
    ext4::format(device, options_for(kSize));
    LogWriter log(device, kV3, 1);
    log.descriptor({{kTarget + 9, content(1)}, {kTarget, content(2)}})
        .commit()
        .descriptor({{kTarget + 1, content(3)}, {kTarget + 20, content(3)}})
        .revoke({kTarget + 20})
        .commit()
        .descriptor({{kTarget + 30, content(4)}})
        .finish();
    const std::vector<ext4::ByteRange> expected = {{kTarget * kBlockSize, 2 * kBlockSize},
                                                   {(kTarget + 9) * kBlockSize, kBlockSize}};
    CHECK(FileSystem(device, FileSystemAccess::read_only).replayed() == expected);
    CHECK(FileSystem(device, FileSystemAccess::read_write).replayed() == expected);
    CHECK(FileSystem(device, FileSystemAccess::read_only).replayed().empty());
}

TEST_CASE("what was not committed is not replayed") {
    SparseDevice device(kSize);
    ext4::format(device, options_for(kSize));
    LogWriter log(device, kV3, 1);
    log.descriptor({{kTarget, content(1)}}).commit().descriptor({{kTarget, content(2)}}).finish();
    CHECK(replayed(device, 0) == content(1));
}

TEST_CASE("a torn commit or descriptor block ends the log") {
    for (const bool commit : {true, false}) {
        SparseDevice device(kSize);
        ext4::format(device, options_for(kSize));
        LogWriter log(device, kV3, 1);
        log.descriptor({{kTarget, content(1)}}).commit();
        if (commit) {
            log.descriptor({{kTarget, content(2)}}).commit().spoil();
        } else {
            log.revoke({1}).spoil().descriptor({{kTarget, content(2)}}).commit();
        }
        log.finish();
        CHECK(replayed(device, 0) == content(1));
    }
}

TEST_CASE("a block with a wrong checksum in a committed transaction is damage") {
    SparseDevice device(kSize);
    ext4::format(device, options_for(kSize));
    LogWriter log(device, kV3, 1);
    log.descriptor({{kTarget + 1, content(1)}, {kTarget, content(2)}}).spoil().commit().finish();
    const std::uint64_t before = device.bytes_written();
    CHECK(failure_of([&] { (void)replayed(device, 0); }) == Errc::corrupt);
    CHECK(message_of([&] { (void)replayed(device, 0); }).find("block 6000") != std::string::npos);
    CHECK(device.bytes_written() == before);
}

TEST_CASE("a revoked block keeps what was written to it otherwise") {
    SparseDevice device(kSize);
    ext4::format(device, options_for(kSize));
    device.write(kTarget * kBlockSize, content(7));
    LogWriter log(device, kV3, 1);
    log.descriptor({{kTarget, content(1)}, {kTarget + 1, content(1)}})
        .commit()
        .revoke({kTarget, kTarget + 1})
        .commit()
        .descriptor({{kTarget + 1, content(2)}})
        .commit()
        .finish();
    CHECK(replayed(device, 0) == content(7));
    CHECK(replayed(device, 1) == content(2));
}

TEST_CASE("a revocation that was not committed does not count") {
    SparseDevice device(kSize);
    ext4::format(device, options_for(kSize));
    LogWriter log(device, kV3, 1);
    log.descriptor({{kTarget, content(1)}}).commit().revoke({kTarget}).finish();
    CHECK(replayed(device, 0) == content(1));
}

TEST_CASE("content that begins like a journal block comes back whole") {
    SparseDevice device(kSize);
    ext4::format(device, options_for(kSize));
    Block magic = content(1);
    store_be(magic, 0, ext4::kJournalMagic);
    LogWriter log(device, kV3, 1);
    log.descriptor({{kTarget, magic}}).commit().finish();
    CHECK(replayed(device, 0) == magic);
}

TEST_CASE("opened read-only the device is not written and the content is seen") {
    SparseDevice device(kSize);
    ext4::format(device, options_for(kSize));
    // a root directory with other times
    const std::uint64_t table = ext4::place_of_group(0).inode_table;
    SparseDevice changed(device.content());
    {
        FileSystem fs(changed, FileSystemAccess::read_write);
        fs.grow(kSize);
        fs.flush();
    }
    Block inodes = read_block(changed, table);
    LogWriter log(device, kV3, 1);
    log.descriptor({{table, inodes}, {kTarget, content(1)}}).commit().finish();
    const std::uint64_t before = device.bytes_written();
    const FileSystem fs(device, FileSystemAccess::read_only);
    CHECK(fs.inode(fs.root()).type == ext4::FileType::directory);
    CHECK(device.bytes_written() == before);
    CHECK(read_block(device, kTarget) != content(1));
}

TEST_CASE("a log without an end or with places that are none is refused or ends") {
    SparseDevice device(kSize);
    ext4::format(device, options_for(kSize));
    SUBCASE("a block behind the end of the device") {
        LogWriter log(device, kV3, 1);
        log.descriptor({{kSize / kBlockSize, content(1)}}).commit().finish();
        CHECK(failure_of([&] { (void)replayed(device, 0); }) == Errc::corrupt);
    }
    SUBCASE("a ring of revocations") {
        LogWriter log(device, kV3, 1);
        for (std::uint32_t i = 1; i < ext4::kJournalBlocks; ++i)
            log.revoke({1});
        log.finish();
        CHECK(replayed(device, 0) == Block(kBlockSize));
    }
    SUBCASE("a feature that nobody knows") {
        LogWriter log(device, kV3 | 0x20, 1);
        log.finish();
        CHECK(failure_of([&] { (void)replayed(device, 0); }) == Errc::unsupported);
    }
    SUBCASE("a beginning behind the end") {
        LogWriter log(device, kV3, ext4::kJournalBlocks);
        log.finish();
        CHECK(failure_of([&] { (void)replayed(device, 0); }) == Errc::corrupt);
    }
}

TEST_CASE("a power cut while replaying leaves the log or its effect") {
    SparseDevice sound(kSize);
    ext4::format(sound, options_for(kSize));
    LogWriter(sound, kV3, 1)
        .descriptor({{kTarget, content(1)}, {kTarget + 9, content(2)}})
        .commit()
        .finish();
    for (std::uint64_t cut = 1;; ++cut) {
        PowerSupply power;
        VolatileDevice device(power, sound.content());
        power.cut_during(cut);
        bool done = false;
        try {
            const FileSystem fs(device, FileSystemAccess::read_write);
            done = true;
        } catch (const PowerCut&) {}
        const std::array<const VolatileDevice*, 1> devices = {&device};
        for (const Survivors& survivors : choose_survivors(device.unflushed().size(), 1, 8, cut)) {
            if (survivors.kind == Survivors::Kind::torn)
                continue; // the superblock's sector cannot be torn by a 4 KiB write on real disks
            SparseDevice after(images_after_cut(devices, survivors).at(0));
            CAPTURE(survivors.text());
            CHECK(replayed(after, 0) == content(1));
            CHECK(replayed(after, 9) == content(2));
        }
        if (done)
            break;
        REQUIRE(cut < 100);
    }
}

TEST_SUITE_END();

} // namespace thinsnap::test
