#include <algorithm>

#include <fmt/core.h>
#include <unistd.h>

#include "base/aligned_buffer.hpp"

#include "bench_pool.hpp"
#include "cases.hpp"
#include "containerd.hpp"
#include "image_pool.hpp"
#include "image_set.hpp"

namespace thinsnap::bench {

namespace {

constexpr std::uint64_t kPoolBytes = std::uint64_t{8} << 30U;

/// Each begins with nothing of the others left to be written.
class ImportRace {
public:
    ImportRace(const fs::path& directory, const SourceImage& image, int rounds)
        : directory_(directory)
        , image_(image)
        , rounds_(rounds) {}

    Figure against(const std::string& peer, double bound, const std::function<double()>& theirs) {
        Figure figure = compare(
            fmt::format("import of {}, against {}", image_.name, peer),
            "ms",
            rounds_,
            [&] { return 1e3 * ours(); },
            [&] {
                sync_file_system(directory_);
                return 1e3 * theirs();
            });
        figure.bound = bound;
        figure.at_least = false;
        return figure;
    }
    [[nodiscard]] Figure missing(const std::string& peer, const std::string& why) const {
        return not_measured(fmt::format("import of {}, against {}", image_.name, peer), why);
    }

private:
    double ours() {
        ImagePool pool(directory_ / "pool", kPoolBytes);
        sync_file_system(directory_);
        return run(pool.command({"import", image_.source.string(), "--name", "image"}));
    }

    fs::path directory_;
    const SourceImage& image_;
    int rounds_;
};

/// Unpacks an image or a tar to a directory, which is removed again.
double unpack(const Command& command, const fs::path& target) {
    const double taken = run_and_sync(command, target.parent_path());
    fs::remove_all(target);
    return taken;
}

/// All digests that an import has to verify, on as many processors as there are.
double inflate_and_digest(const SourceImage& image) {
    double taken = 0;
    for (const fs::path& blob : image.layers)
        taken +=
            run({"sh",
                 "-ec",
                 "openssl dgst -sha256 \"$1\" & igzip -d -c \"$1\" | openssl dgst -sha256; wait",
                 "sh",
                 blob.string()});
    return taken;
}

double write_preallocated(const fs::path& path, std::uint64_t bytes) {
    AlignedBuffer buffer(1U << 20U);
    std::ranges::fill(buffer.bytes(), std::byte{0x5A});
    const RawFile file(path, bytes, false);
    const double taken = seconds([&] {
        for (std::uint64_t at = 0; at < bytes; at += buffer.size())
            file.write(at,
                       buffer.bytes().first(std::min<std::uint64_t>(buffer.size(), bytes - at)));
        file.flush();
    });
    fs::remove(path);
    return taken;
}

Figure against_hardware(ImportRace& race, const fs::path& directory, const SourceImage& image) {
    const std::string peer = "igzip + sha256 or a write, the larger";
    for (const char* program : {"igzip", "openssl"})
        if (!have_program(program))
            return race.missing(peer, fmt::format("{} is not installed", program));
    return race.against(peer, 1.3, [&] {
        const double computed = inflate_and_digest(image);
        sync_file_system(directory);
        return std::max(computed, write_preallocated(directory / "written", image.tar_bytes));
    });
}

using AgainstPeer = Figure (*)(ImportRace& race,
                               const std::string& peer,
                               const fs::path& directory,
                               const SourceImage& image);

Figure against_umoci(ImportRace& race,
                     const std::string& peer,
                     const fs::path& directory,
                     const SourceImage& image) {
    if (!have_program("umoci") || ::geteuid() != 0)
        return race.missing(peer, "umoci is not installed, or we are not root");
    return race.against(peer, 0.35, [&] {
        const fs::path bundle = directory / "bundle";
        return unpack({"umoci", "unpack", "--image", image.source.string() + ":latest", bundle},
                      bundle);
    });
}

Figure against_containerd(ImportRace& race,
                          const std::string& peer,
                          const fs::path& directory,
                          const SourceImage& image) {
    std::string why;
    const auto containerd = Containerd::start(directory / "containerd", why);
    if (!containerd)
        return race.missing(peer, why);
    const fs::path archive = directory / "archive";
    run({"tar", "-cf", archive, "-C", image.source, "."});
    return race.against(peer, 0.4, [&] {
        const double taken = run_and_sync(containerd->ctr({"images",
                                                           "import",
                                                           "--snapshotter",
                                                           "overlayfs",
                                                           "--base-name",
                                                           "localhost/image",
                                                           archive}),
                                          directory);
        run(containerd->ctr({"images", "rm", "--sync", "localhost/image:latest"}));
        return taken;
    });
}

Figure against_tar(ImportRace& race, const fs::path& directory, const SourceImage& image) {
    return race.against("tar x + syncfs", 1.0, [&] {
        const fs::path root = directory / "root";
        fs::create_directories(root);
        return unpack({"tar", "-xf", image.layers.front(), "-C", root}, root);
    });
}

} // namespace

std::vector<Figure> imports(const fs::path& directory, const Scale& scale) {
    fs::create_directories(directory);
    std::vector<Figure> figures;
    {
        const SourceImage image = compressed_image(directory, scale);
        ImportRace race(directory, image, scale.slow_rounds);
        figures.push_back(against_hardware(race, directory, image));
        for (const auto& [peer, against] :
             {std::pair<const char*, AgainstPeer>("umoci unpack + syncfs", against_umoci),
              std::pair<const char*, AgainstPeer>("ctr image import + syncfs", against_containerd)})
            figures.push_back(scale.quick ? race.missing(peer, "in the full run only")
                                          : against(race, peer, directory, image));
    }
    const SourceImage image = image_of_files(directory, scale);
    ImportRace race(directory, image, scale.slow_rounds);
    figures.push_back(against_tar(race, directory, image));
    fs::remove_all(directory);
    return figures;
}

} // namespace thinsnap::bench
