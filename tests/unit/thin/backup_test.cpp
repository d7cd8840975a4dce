#include "thin/backup.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "base/crc32c.hpp"
#include "pdata/block_cache.hpp"
#include "thin/check.hpp"
#include "thin/dump.hpp"

#include "support/faulty_device.hpp"
#include "support/metadata_mutations.hpp"

namespace thinsnap::test {

namespace {

using pdata::BlockBytes;
using pdata::kBlockSize;

using Bytes = std::vector<std::byte>;

Bytes back_up(MetadataImage& image) {
    pdata::BlockCache cache(image.device(), 256);
    thin::MetadataView view(cache, image.superblock(), {});
    Bytes bytes;
    const auto count = thin::write_backup(view, [&](std::span<const std::byte> piece) {
        bytes.insert(bytes.end(), piece.begin(), piece.end());
    });
    CHECK(bytes.size() == 80 + count * 4104 + 24);
    return bytes;
}

std::string dump(BlockDevice& device) {
    pdata::BlockCache cache(device, 256);
    thin::MetadataView view(cache, thin::read_superblock(device), {});
    std::string text;
    thin::dump_xml(view, [&](std::string_view piece) { text += piece; });
    return text;
}

Bytes content_of(BlockDevice& device) {
    Bytes bytes(device.size());
    device.read(0, bytes);
    return bytes;
}

thin::CheckResult check(BlockDevice& device) {
    return thin::check_metadata(device, {}, {});
}

/// A device full of something else.
Bytes junk(std::uint64_t blocks) {
    return Bytes(blocks * kBlockSize, std::byte{0x77});
}

/// Sets the checksums right again after a change on purpose.
void seal(Bytes& backup) {
    const std::span<std::byte> bytes(backup);
    store_le<std::uint32_t>(bytes, 76, crc32c_raw(bytes.first(76)));
    store_le<std::uint32_t>(bytes, bytes.size() - 4, crc32c_raw(bytes.first(bytes.size() - 4)));
}

std::string refusal(const Bytes& backup, BlockDevice& device) {
    io::ScratchDevice file(backup);
    try {
        (void)thin::restore_backup(file, device);
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

} // namespace

TEST_SUITE("thin.backup") {
    TEST_CASE("a restored backup is the same pool and clean") {
        auto image = make_rich_metadata();
        const Bytes backup = back_up(image);
        io::ScratchDevice file(backup);
        io::ScratchDevice device(junk(3000));
        const auto info = thin::restore_backup(file, device);
        CHECK(info.time == 3);
        CHECK(info.chunk_size == 65536);
        CHECK(info.nr_data_chunks == 40000);
        CHECK(info.nr_metadata_blocks == 2048);
        const auto result = check(device);
        CHECK(result.is_clean());
        CHECK(result.warnings == 0);
        CHECK(dump(device) == dump(image.device()));
    }

    TEST_CASE("a backup has the blocks in use and no others") {
        auto image = make_rich_metadata();
        io::ScratchDevice file(back_up(image));
        CHECK(thin::inspect_backup(file).nr_blocks ==
              image.superblock().metadata_space_map.nr_allocated);
    }

    TEST_CASE("blocks that are not in a backup are left as they are") {
        auto image = make_rich_metadata();
        io::ScratchDevice file(back_up(image));
        io::ScratchDevice device(junk(2100));
        const auto info = thin::restore_backup(file, device);
        const Bytes content = content_of(device);
        std::uint64_t changed = 0;
        for (std::size_t at = 0; at < content.size(); at += kBlockSize)
            changed += content[at + 4000] == std::byte{0x77} ? 0U : 1U;
        CHECK(changed == info.nr_blocks);
    }

    TEST_CASE("a backup of damaged metadata fails") {
        for (const auto& mutation : mutation::node_mutations()) {
            if (mutation.thin_check_passes || mutation.text.find("checksum") == std::string::npos)
                continue;
            CAPTURE(mutation.name);
            auto image = make_rich_metadata();
            mutation.mutate(image);
            CHECK_THROWS_AS(back_up(image), const CorruptionError&);
        }
    }

    TEST_CASE("a backup that was changed anywhere is refused and the device untouched") {
        MetadataBuilder builder(64, 1000);
        builder.add_device(device(1, 300), builder.tree(run(0, 0, 300)));
        auto image = builder.finish();
        const Bytes backup = back_up(image);
        for (std::size_t at = 0; at < backup.size(); at += at < 200 ? 1 : 37) {
            Bytes changed = backup;
            changed[at] ^= std::byte{4};
            io::ScratchDevice target(junk(64));
            CAPTURE(at);
            CHECK_FALSE(refusal(changed, target).empty());
            CHECK(content_of(target) == junk(64));
        }
    }

    TEST_CASE("a backup that was cut anywhere is refused and the device untouched") {
        MetadataBuilder builder(64, 1000);
        builder.add_device(device(1, 300), builder.tree(run(0, 0, 300)));
        auto image = builder.finish();
        const Bytes backup = back_up(image);
        for (std::size_t size = 0; size < backup.size(); size += 41) {
            io::ScratchDevice target(junk(64));
            CHECK_FALSE(
                refusal(Bytes(backup.begin(), backup.begin() + static_cast<std::ptrdiff_t>(size)),
                        target)
                    .empty());
            CHECK(content_of(target) == junk(64));
        }
        Bytes longer = backup;
        longer.push_back(std::byte{0});
        io::ScratchDevice target(junk(64));
        CHECK(refusal(longer, target).find("expected") != std::string::npos);
    }

    TEST_CASE(
        "a backup whose records contradict themselves is refused though checksums are right") {
        auto image = make_rich_metadata();
        const Bytes backup = back_up(image);
        io::ScratchDevice target(junk(3000));
        const auto with = [&](std::size_t at, std::uint64_t value) {
            Bytes changed = backup;
            store_le<std::uint64_t>(changed, at, value);
            seal(changed);
            return refusal(changed, target);
        };
        CHECK(with(80 + 4104, 0).find("does not belong here") != std::string::npos);
        CHECK(with(80, 1).find("does not belong here") != std::string::npos);
        CHECK(with(80 + 4104, 5000).find("does not belong here") != std::string::npos);
        CHECK(with(80 + 4104 + 16, 9).find("says that it is block") != std::string::npos);
        CHECK(with(32, 9).find("not the one that the header describes") != std::string::npos);
        CHECK(with(64, 1ULL << 60U).find("cannot be") != std::string::npos);
        CHECK(with(56, 1ULL << 60U).find("cannot be") != std::string::npos);
        CHECK(with(8, 2).find("version") != std::string::npos);
        CHECK(content_of(target) == junk(3000));
    }

    TEST_CASE("a device that is too small is refused with both sizes") {
        auto image = make_rich_metadata();
        io::ScratchDevice target(junk(2047));
        const auto text = refusal(back_up(image), target);
        CHECK(text.find(std::to_string(2048 * kBlockSize)) != std::string::npos);
        CHECK(text.find(std::to_string(2047 * kBlockSize)) != std::string::npos);
        CHECK(content_of(target) == junk(2047));
    }

    TEST_CASE("a restore that fails half-way leaves no pool behind and can be repeated") {
        auto image = make_rich_metadata();
        io::ScratchDevice file(back_up(image));
        MetadataBuilder builder(2048, 40000);
        for (std::uint32_t id = 0; id < 100; ++id)
            builder.add_device(device(id, 300), builder.tree(run(0, id * 300, 300)));
        auto old = builder.finish();
        FaultyDevice faulty(old.device());
        std::uint64_t n = 1;
        for (;; ++n) {
            faulty.fail({.at = n, .half_done = true});
            bool failed = false;
            try {
                (void)thin::restore_backup(file, faulty);
            } catch (const Error&) {
                failed = true;
            }
            faulty.heal();
            if (!failed)
                break;
            CAPTURE(n);
            // Before the first write it is the old pool; the last flush may have done its work.
            if (n > 2) {
                const auto result = check(old.device());
                CHECK((!result.is_clean() || dump(old.device()) == dump(image.device())));
            }
        }
        CHECK(n > 5);
        CHECK(check(old.device()).is_clean());
    }

    TEST_CASE("an interrupted restore is refused by name and not taken for an empty device") {
        auto image = make_rich_metadata();
        io::ScratchDevice file(back_up(image));
        io::ScratchDevice target(junk(3000));
        FaultyDevice device(target);
        device.fail({.operation = DeviceOperation::write, .at = 2, .for_ever = true});
        CHECK_THROWS_AS((void)thin::restore_backup(file, device), const Error&);
        const Bytes content = content_of(target);
        const std::string text = "thinsnap: a restore of this metadata was not finished";
        for (std::size_t i = 0; i < text.size(); ++i)
            CHECK(static_cast<char>(content[i]) == text[i]);
        CHECK_THROWS_AS((void)thin::read_superblock(target), const CorruptionError&);
    }
}

} // namespace thinsnap::test
