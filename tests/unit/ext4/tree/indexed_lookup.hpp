#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "base/endian.hpp"
#include "ext4/tree/dirent.hpp"
#include "ext4/tree/name_hash.hpp"
#include "ext4/types.hpp"

namespace thinsnap::test {

/// Looks a name up as the kernel does: by the index only. Linux fs/ext4/namei.c, dx_probe(),
/// ext4_dx_find_entry() and ext4_htree_next_block().
class IndexedLookup {
public:
    explicit IndexedLookup(std::span<const std::byte> blocks)
        : blocks_(blocks) {
        levels_ = load_le<std::uint8_t>(blocks_, 30) + 1U;
    }

    [[nodiscard]] bool finds(std::string_view name) const {
        const std::uint32_t hash = ext4::tree::NameHasher{}(name).major;
        std::vector<Step> path;
        std::uint32_t block = 0;
        for (std::uint32_t level = 0; level < levels_; ++level) {
            path.push_back(probe(block, hash));
            block = child_of(path.back());
        }
        for (;;) {
            if (leaf_has(block, name))
                return true;
            if (!next(path, hash))
                return false;
            block = child_of(path.back());
        }
    }

private:
    struct Step {
        std::size_t base = 0; // byte of the first entry
        std::uint32_t at = 0;
        std::uint32_t count = 0;
    };

    [[nodiscard]] std::uint32_t hash_at(const Step& step, std::uint32_t i) const {
        return load_le<std::uint32_t>(blocks_, step.base + i * 8U);
    }
    [[nodiscard]] std::uint32_t child_of(const Step& step) const {
        return load_le<std::uint32_t>(blocks_, step.base + step.at * 8U + 4);
    }
    [[nodiscard]] Step probe(std::uint32_t block, std::uint32_t hash) const {
        Step step{block * ext4::kBlockSize + (block == 0 ? 32U : 8U), 0, 0};
        step.count = load_le<std::uint16_t>(blocks_, step.base + 2);
        while (step.at + 1 < step.count && hash_at(step, step.at + 1) <= hash)
            ++step.at;
        return step;
    }
    [[nodiscard]] bool next(std::vector<Step>& path, std::uint32_t hash) const {
        std::size_t level = path.size();
        while (level > 0 && path[level - 1].at + 1 == path[level - 1].count)
            --level;
        if (level == 0)
            return false;
        ++path[level - 1].at;
        if ((hash_at(path[level - 1], path[level - 1].at) & ~1U) != hash ||
            (hash_at(path[level - 1], path[level - 1].at) & 1U) == 0)
            return false;
        for (; level < path.size(); ++level) {
            path[level] = probe(child_of(path[level - 1]), 0);
            path[level].at = 0;
        }
        return true;
    }
    [[nodiscard]] bool leaf_has(std::uint32_t block, std::string_view name) const {
        const auto leaf = blocks_.subspan(block * ext4::kBlockSize, ext4::kBlockSize);
        for (std::size_t at = 0; at < ext4::tree::kDirentSpace;
             at += load_le<std::uint16_t>(leaf, at + 4)) {
            const std::size_t length = load_le<std::uint8_t>(leaf, at + 6);
            if (length == name.size() &&
                std::memcmp(leaf.subspan(at + 8, length).data(), name.data(), length) == 0)
                return true;
        }
        return false;
    }

    std::span<const std::byte> blocks_;
    std::uint32_t levels_ = 0;
};

} // namespace thinsnap::test
