#include <stdexcept>

#include <fmt/core.h>

#include "cases.hpp"
#include "containerd.hpp"
#include "image_pool.hpp"
#include "image_set.hpp"

namespace thinsnap::bench {

namespace fs = std::filesystem;

namespace {

/// A snapshot `changed` on the image of `source`, in which a file is another.
void make_changed_snapshot(const Containerd& containerd,
                           const fs::path& directory,
                           const fs::path& source) {
    const fs::path archive = directory / "archive";
    const fs::path mount = directory / "mount";
    run({"tar", "-cf", archive, "-C", source, "."});
    run(containerd.ctr({"images",
                        "import",
                        "--snapshotter",
                        "overlayfs",
                        "--base-name",
                        "localhost/files",
                        archive}));
    fs::remove(archive);
    const std::string list = output_of(containerd.ctr({"snapshots", "ls"}));
    const std::size_t key = list.find("sha256:");
    run(containerd.ctr({"snapshots", "prepare", "changed", list.substr(key, 7 + 64)}));
    fs::create_directories(mount);
    const std::string command =
        output_of(containerd.ctr({"snapshots", "mounts", mount.string(), "changed"}));
    run({"sh",
         "-ec",
         fmt::format("{0}\ntrap 'umount {1}' EXIT\necho changed >{1}{2}",
                     command,
                     mount.string(),
                     kChangedFile)});
}

std::string against_containerd(std::vector<Figure>& figures,
                               const fs::path& directory,
                               const SourceImage& image,
                               int rounds,
                               const std::function<double()>& ours) {
    std::string why;
    const auto containerd = Containerd::start(directory / "containerd", why);
    if (!containerd)
        return why;
    make_changed_snapshot(*containerd, directory, image.source);
    const Command command = containerd->ctr({"snapshots", "diff", "changed"});
    Figure figure =
        compare(fmt::format("diff of one file in {}, against ctr snapshot diff", image.name),
                "ms",
                rounds,
                ours,
                [&] { return 1e3 * run(command); });
    figure.bound = 1.0 / 15;
    figure.at_least = false;
    figures.push_back(figure);
    return {};
}

} // namespace

std::vector<Figure> differences(const fs::path& directory, const Scale& scale) {
    fs::create_directories(directory);
    const SourceImage image = image_of_files(directory, scale);
    ImagePool pool(directory / "pool", std::uint64_t{4} << 30U);
    pool.import(image.source, "files");
    pool.create("changed", "files");
    pool.close();
    run(pool.command({"cp", "/proc/self/cmdline", std::string("changed:") + kChangedFile}));
    const Command diff = pool.command({"diff", "changed"});
    if (const std::string text = output_of(diff);
        text.find(fmt::format("C {}\n", kChangedFile)) == std::string::npos)
        throw std::runtime_error("diff says: " + text);

    std::vector<double> taken;
    for (int round = 0; round < scale.rounds; ++round)
        taken.push_back(1e3 * run(diff));
    std::vector<Figure> figures{absolute(
        fmt::format("diff of one file in {}", image.name), "ms", median(taken), 100, false)};
    const std::string why =
        scale.quick ? "in the full run only"
                    : against_containerd(figures, directory, image, scale.slow_rounds, [&] {
                          return 1e3 * run(diff);
                      });
    if (!why.empty())
        figures.push_back(not_measured(
            fmt::format("diff of one file in {}, against ctr snapshot diff", image.name), why));
    fs::remove_all(directory);
    return figures;
}

} // namespace thinsnap::bench
