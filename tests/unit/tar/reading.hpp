#pragma once

#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "tar/reader.hpp"

#include "support/content.hpp"
#include "support/piece_source.hpp"
#include "support/tar_builder.hpp"

/// \file
/// What a reader makes of a tar.

namespace thinsnap::test {

struct ReadEntry {
    tar::Entry entry;
    std::string content; ///< holes are dots
};

inline std::vector<ReadEntry> read_all(const std::string& tar, std::size_t piece = 100'000) {
    PieceSource source(std::as_bytes(std::span(tar)), piece);
    tar::Reader reader(source);
    std::vector<ReadEntry> all;
    while (const tar::Entry* entry = reader.next()) {
        all.push_back({*entry, std::string(std::min<std::uint64_t>(entry->size, 1U << 20U), '.')});
        while (const auto data = reader.next_piece())
            for (std::size_t i = 0; i < data->bytes.size(); ++i)
                all.back().content.at(data->offset + i) = static_cast<char>(data->bytes[i]);
    }
    reader.drain();
    CHECK(reader.position() == tar.size());
    return all;
}

inline ReadEntry read_one(const TarBuilder& tar) {
    const auto all = read_all(tar.finished());
    REQUIRE(all.size() == 1);
    return all[0];
}

inline std::optional<Errc> kind_of(const std::string& tar) {
    return failure_of([&] { static_cast<void>(read_all(tar)); });
}

inline std::string message(const TarBuilder& tar) {
    return message_of([&] { static_cast<void>(read_all(tar.finished())); });
}

} // namespace thinsnap::test
