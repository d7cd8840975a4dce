#include "thin/sharing.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <unordered_map>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "pdata/bitmap.hpp"
#include "pdata/btree_reader.hpp"
#include "thin/mapping.hpp"
#include "thin/tree_cursor.hpp"

namespace thinsnap::thin {

namespace {

using pdata::kEntriesPerBitmap;

/// The count fields of one space map; the bitmap asked for last stays at hand.
class CountFields {
public:
    bool is_above_one(std::uint64_t i, std::uint64_t nr_blocks, const char* what, auto&& find) {
        if (i >= nr_blocks)
            throw Error(Errc::corrupt,
                        fmt::format("{} {} is behind the end, {}", what, i, nr_blocks));
        const std::uint64_t page = i / kEntriesPerBitmap;
        if (page != page_) {
            bitmap_ = find(page);
            page_ = page;
        }
        const auto field =
            pdata::bitmap_get(bitmap_.bytes(), static_cast<std::uint32_t>(i % kEntriesPerBitmap));
        if (field == 0)
            throw CorruptionError("space map bitmap",
                                  bitmap_.where().value(),
                                  fmt::format("{} {} is in use and counted as free", what, i));
        return field > 1;
    }

private:
    pdata::ReadRef bitmap_;
    std::optional<std::uint64_t> page_;
};

class CountedSharing final : public Sharing {
public:
    CountedSharing(pdata::BlockCache& cache, const Superblock& superblock)
        : cache_(cache)
        , data_(superblock.data_space_map)
        , metadata_(superblock.metadata_space_map)
        , data_index_(cache, pdata::IndexEntry::kSize)
        , metadata_index_(cache.read(metadata_.bitmap_root, pdata::BlockKind::index)) {}

    bool is_shared(MetaBlock block) override {
        return blocks_.is_above_one(
            block.value(),
            std::min(metadata_.nr_blocks, pdata::kMaxMetadataBlocks),
            "metadata block",
            [&](std::uint64_t page) {
                constexpr auto size = pdata::IndexEntry::kSize;
                return bitmap(metadata_index_.bytes().subspan(size * (page + 1), size));
            });
    }

    bool is_shared(DataChunk chunk) override {
        return chunks_.is_above_one(
            chunk.value(), data_.nr_blocks, "data chunk", [&](std::uint64_t page) {
                std::array<std::byte, pdata::IndexEntry::kSize> value{};
                if (!data_index_.find(data_.bitmap_root, page, value))
                    throw CorruptionError("data space map index",
                                          data_.bitmap_root.value(),
                                          fmt::format("bitmap {} is missing", page));
                return bitmap(value);
            });
    }

private:
    pdata::ReadRef bitmap(std::span<const std::byte> entry) {
        return cache_.read(pdata::IndexEntry::unpack(entry).bitmap, pdata::BlockKind::bitmap);
    }

    pdata::BlockCache& cache_;
    pdata::SpaceMapRoot data_;
    pdata::SpaceMapRoot metadata_;
    pdata::BtreeReader data_index_;
    pdata::ReadRef metadata_index_;
    CountFields blocks_;
    CountFields chunks_;
};

/// Numbers met never, once, or more often.
class Sightings {
public:
    /// \return whether this is the first time
    bool add(std::uint64_t i) {
        Page& page = pages_[i / kBits];
        const std::size_t at = i % kBits;
        if (!page.once[at]) {
            page.once[at] = true;
            return true;
        }
        page.again[at] = true;
        return false;
    }
    [[nodiscard]] bool repeated(std::uint64_t i) const {
        const auto page = pages_.find(i / kBits);
        return page != pages_.end() && page->second.again[i % kBits];
    }

private:
    static constexpr std::size_t kBits = 4096;
    struct Page {
        std::bitset<kBits> once;
        std::bitset<kBits> again;
    };
    std::unordered_map<std::uint64_t, Page> pages_;
};

class WalkedSharing final : public Sharing {
public:
    WalkedSharing(pdata::BlockCache& cache, MetaBlock mapping_root)
        : reader_(cache, sizeof(std::uint64_t)) {
        blocks_.add(mapping_root.value());
        for_each_new(mapping_root, [&](std::uint64_t device_root) {
            const MetaBlock root(device_root);
            if (blocks_.add(device_root))
                for_each_new(root, [&](std::uint64_t mapping) {
                    chunks_.add(unpack_mapping(mapping).chunk.value());
                });
        });
    }

    bool is_shared(MetaBlock block) override { return blocks_.repeated(block.value()); }
    bool is_shared(DataChunk chunk) override { return chunks_.repeated(chunk.value()); }

private:
    /// Entries of the leaves that no earlier walk met.
    void for_each_new(MetaBlock root, auto&& visit) {
        for (TreeCursor cursor(reader_, root); !cursor.at_end();) {
            const auto head = cursor.head();
            if (head.is_entry())
                visit(head.value);
            if (!head.is_entry() && (head.block() == root || blocks_.add(head.value)))
                cursor.open();
            else
                cursor.skip();
        }
    }

    pdata::BtreeReader reader_;
    Sightings blocks_;
    Sightings chunks_;
};

} // namespace

std::unique_ptr<Sharing> make_sharing(pdata::BlockCache& cache, const Superblock& superblock) {
    if (superblock.metadata_space_map.nr_blocks == 0)
        return std::make_unique<WalkedSharing>(cache, superblock.mapping_root);
    return std::make_unique<CountedSharing>(cache, superblock);
}

} // namespace thinsnap::thin
