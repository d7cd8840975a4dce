#include <optional>
#include <stdexcept>

#include <fcntl.h>
#include <fmt/core.h>

#include "base/fd.hpp"
#include "journal/checkpoint.hpp"
#include "journal/journal.hpp"
#include "journal/record_codec.hpp"

#include "cases.hpp"

namespace thinsnap::bench {

namespace fs = std::filesystem;

namespace {

constexpr DeviceId kLayer(1);

journal::ContainerAdded container(std::size_t i) {
    return {.device = DeviceId(static_cast<std::uint32_t>(i + 2)),
            .name = fmt::format("container-{:06}", i),
            .parent = kLayer,
            .image = "debian:latest",
            .created = journal::Time(std::chrono::seconds(1'700'000'000 + i)),
            .virtual_size = std::uint64_t{10} << 30U};
}

/// A state with one layer and containers on it.
journal::State make_state(std::size_t containers) {
    journal::State state;
    state.apply(journal::LayerAdded{.device = kLayer});
    state.apply(journal::LayerCommitted{.device = kLayer, .chain_id = Digest::of("chain")});
    for (std::size_t i = 0; i < containers; ++i)
        state.apply(container(i));
    return state;
}

/// A file with `folded` containers in its checkpoint, and the others in a transaction each.
void write_journal(const fs::path& directory, std::size_t folded, std::size_t all) {
    fs::create_directories(directory);
    auto made = journal::make_checkpoint({}, make_state(folded), TransactionId(1));
    const std::uint32_t seed = journal::frame_seed({});
    for (std::size_t i = folded; i < all; ++i) {
        std::vector<std::byte> payload;
        const auto added = container(i);
        journal::encode(journal::PoolSnapshot{.device = added.device, .origin = kLayer}, payload);
        journal::encode(added, payload);
        const auto frame = journal::pack_frame({.transaction = TransactionId(2 + i - folded),
                                                .number = ++made.frames,
                                                .kind = journal::FrameKind::change},
                                               payload,
                                               seed);
        made.bytes.insert(made.bytes.end(), frame.begin(), frame.end());
    }
    const std::string path = (directory / journal::kFileName).string();
    write_at(open_file(path, O_WRONLY | O_CREAT | O_TRUNC), made.bytes, 0, path);
}

Figure opening(const fs::path& directory, const std::string& what, const Scale& scale) {
    const auto files = journal::open_journal_directory(directory.string());
    std::vector<double> taken;
    for (int round = 0; round < scale.rounds; ++round) {
        std::optional<journal::Contents> contents; // what frees it is not measured
        taken.push_back(1e3 * seconds([&] {
                            contents = journal::read_journal(*files);
                            const journal::Journal opened(*files, contents.value(), {});
                        }));
        if (contents->state.containers().size() != scale.entries)
            throw std::runtime_error("the journal does not say what was written");
    }
    return absolute(what, "ms", median(taken), 150, false);
}

} // namespace

std::vector<Figure> journals(const fs::path& directory, const Scale& scale) {
    std::vector<Figure> figures;
    write_journal(directory, scale.entries, scale.entries);
    figures.push_back(opening(
        directory,
        fmt::format("opening a journal of {} entries, all in its checkpoint", scale.entries),
        scale));
    // As many behind it as there ever are: then the next checkpoint is due.
    write_journal(directory, scale.entries / 5, scale.entries);
    figures.push_back(
        opening(directory,
                fmt::format("the same, {} of them a transaction each", scale.entries * 4 / 5),
                scale));
    fs::remove_all(directory);
    return figures;
}

} // namespace thinsnap::bench
