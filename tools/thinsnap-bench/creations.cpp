#include <fmt/core.h>

#include "bench_pool.hpp"
#include "cases.hpp"
#include "image_pool.hpp"
#include "image_set.hpp"

namespace thinsnap::bench {

namespace {

constexpr int kRepeats = 20;
constexpr std::uint64_t kPoolBytes = std::uint64_t{16} << 30U;
constexpr const char* kImage = "image";

/// Pools that differ in one thing, open in this process.
class Creator {
public:
    Creator(const fs::path& directory, std::string what)
        : pool_(directory, kPoolBytes)
        , what_(std::move(what)) {}

    [[nodiscard]] ImagePool& pool() { return pool_; }
    [[nodiscard]] const std::string& what() const { return what_; }

    /// Microseconds for one.
    double create() {
        return 1e6 / kRepeats * seconds([&] {
                   for (int i = 0; i < kRepeats; ++i)
                       pool_.create(fmt::format("measured-{}", made_++), kImage);
               });
    }

private:
    ImagePool pool_;
    std::string what_;
    int made_ = 0;
};

Figure no_slower(Creator& creator, Creator& base, int rounds) {
    Figure figure = compare(
        fmt::format("create {}, against {}", creator.what(), base.what()),
        "us",
        rounds,
        [&] { return creator.create(); },
        [&] { return base.create(); });
    figure.bound = 1.25; // the same, as far as a disk's flushes can tell
    figure.at_least = false;
    return figure;
}

Figure as_command(ImagePool& pool, const std::string& what, int rounds) {
    pool.close();
    std::vector<double> taken;
    for (int i = 0; i < rounds; ++i)
        taken.push_back(
            1e3 * run(pool.command({"create", fmt::format("command-{}", i), "--image", kImage})));
    return absolute(fmt::format("create as a command, {}", what), "ms", median(taken), 40, false);
}

} // namespace

std::vector<Figure> creations(const fs::path& directory, const Scale& scale) {
    const fs::path tar = directory / "root.tar";
    write_root_tar(tar, 2000, 2500);
    Creator plain(directory / "plain", "on an image of 1 layer");
    Creator deep(directory / "deep", fmt::format("on an image of {} layers", scale.layers));
    Creator crowded(directory / "crowded", fmt::format("beside {} containers", scale.containers));
    for (Creator* creator : {&plain, &deep, &crowded})
        creator->pool().import(tar, kImage);
    deep.pool().stack_layers(kImage, scale.layers);
    static_cast<void>(crowded.pool().fill(kImage, scale.containers));

    std::vector<Figure> figures;
    AppendedFile journal(directory / "journal");
    for (Creator* creator : {&plain, &deep, &crowded}) {
        Figure figure = compare(
            fmt::format("create {}, against append + fdatasync", creator->what()),
            "us",
            scale.rounds,
            [&] { return creator->create(); },
            [&] { return journal.append_and_sync(kRepeats); });
        figure.bound = 8;
        figure.at_least = false;
        figures.push_back(figure);
    }
    figures.push_back(no_slower(deep, plain, scale.rounds));
    figures.push_back(no_slower(crowded, plain, scale.rounds));
    figures.push_back(as_command(crowded.pool(), crowded.what(), scale.rounds));
    fs::remove_all(directory);
    return figures;
}

} // namespace thinsnap::bench
