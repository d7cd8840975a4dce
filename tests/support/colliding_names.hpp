#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include <fmt/core.h>

#include "ext4/tree/name_hash.hpp"

namespace thinsnap::test {

/// Names for a directory of which two have one hash and stand in different leaves: the first leaf
/// is filled so that it ends between the two.
inline std::vector<std::string>
names_that_collide_across_leaves(const ext4::tree::NameHasher& hasher) {
    const std::size_t entry_size = 8 + 20;
    const std::size_t per_leaf = (4084 - 4084 / 8) / entry_size;
    std::unordered_map<std::uint32_t, std::string> seen;
    std::vector<std::pair<std::uint32_t, std::string>> all;
    for (int i = 0; i < 2'000'000; ++i) {
        std::string name = fmt::format("{:0>20}", i);
        const std::uint32_t hash = hasher(name).major;
        const auto [other, fresh] = seen.emplace(hash, name);
        all.emplace_back(hash, name);
        if (fresh)
            continue;
        std::vector<std::string> names;
        for (const auto& [h, n] : all)
            if (h < hash && names.size() < per_leaf - 1)
                names.push_back(n);
        if (names.size() < per_leaf - 1)
            continue;
        names.push_back(other->second);
        names.push_back(name);
        std::size_t more = 0;
        for (const auto& [h, n] : all)
            if (h > hash && ++more <= 100)
                names.push_back(n);
        return names;
    }
    return {};
}

} // namespace thinsnap::test
