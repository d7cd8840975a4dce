#include <functional>
#include <iostream>
#include <string>

#include <boost/program_options.hpp>
#include <fmt/core.h>
#include <unistd.h>

#include "app/interrupt.hpp"

#include "cases.hpp"

namespace bench = thinsnap::bench;
namespace po = boost::program_options;

namespace {

struct Case {
    const char* group;
    const char* name;
    std::vector<bench::Figure> (*run)(const std::filesystem::path&, const bench::Scale&);
};

constexpr int kExitSignalBase = 128; // as shells have it

constexpr Case kCases[] = {
    {"engine", "random", bench::random_io},
    {"engine", "sequential", bench::sequential_io},
    {"engine", "sharing", bench::break_sharing},
    {"engine", "snapshots", bench::snapshots},
    {"engine", "lookups", bench::lookups},
    {"devices", "fio", bench::devices},
    {"devices", "first", bench::first_writes},
    {"images", "import", bench::imports},
    {"images", "create", bench::creations},
    {"images", "activate", bench::activations},
    {"images", "questions", bench::questions},
    {"images", "diff", bench::differences},
    {"images", "journal", bench::journals},
};

bench::Scale quick_scale() {
    return {.rounds = 3,
            .working_set = std::uint64_t{512} << 20U,
            .slice = 0.2,
            .mappings = 200'000,
            .fio_seconds = 0.3,
            .fio_rounds = 3,
            .quick = true,
            .slow_rounds = 3,
            .files = 5'000,
            .layers = 20,
            .containers = 1'000};
}

void print(const bench::Figure& figure) {
    if (!figure.missing.empty()) {
        fmt::print("{:<62} not measured: {}\n", figure.name, figure.missing);
        return;
    }
    const std::string bound = !figure.judged ? "not judged"
                                             : fmt::format("{} {:g}: {}",
                                                           figure.at_least ? ">=" : "<=",
                                                           figure.bound,
                                                           figure.holds() ? "holds" : "MISSED");
    const std::string against =
        figure.ratio == 0
            ? std::string()
            : fmt::format("against {:.1f}, ratio {:.3g}", figure.theirs, figure.ratio);
    fmt::print("{:<62} {:>10.1f} {:<9} {:<32} {}\n",
               figure.name,
               figure.ours,
               figure.unit,
               against,
               bound);
    std::fflush(stdout);
}

/// \return number of bounds that do not hold
int run(const std::string& only,
        const std::filesystem::path& directory,
        const bench::Scale& scale) {
    int missed = 0;
    int missing = 0;
    int printed = 0;
    for (const Case& entry : kCases) {
        if (!only.empty() && only != entry.name && only != entry.group)
            continue;
        for (const bench::Figure& figure : entry.run(directory, scale)) {
            print(figure);
            missed += figure.holds() ? 0 : 1;
            missing += figure.missing.empty() ? 0 : 1;
            ++printed;
        }
    }
    if (printed == 0)
        throw std::runtime_error(fmt::format("there is no case '{}'", only));
    fmt::print("{} figures, {} bounds missed, {} not measured\n", printed, missed, missing);
    return missed;
}

} // namespace

int main(int argc, char** argv) {
    po::options_description options("thinsnap-bench: figures of the embedded engine and of images, "
                                    "as ratios to what the file system and other tools do");
    options.add_options()("help", "this text")(
        "quick", "small sizes and few rounds; bounds are printed, not judged")(
        "case",
        po::value<std::string>(),
        "only one of: engine (random sequential sharing snapshots lookups) "
        "devices (fio first) images (import create activate questions diff journal)")(
        "images",
        po::value<std::string>(),
        "where tests/images/make_images keeps its images; default: they are made anew")(
        "directory",
        po::value<std::string>(),
        "where to measure, on a disk; default: a directory of its own under TMPDIR or /tmp");
    try {
        po::variables_map given;
        po::store(po::parse_command_line(argc, argv, options), given);
        if (given.contains("help")) {
            std::cout << options;
            return 0;
        }
        const std::filesystem::path base =
            given.contains("directory")
                ? std::filesystem::path(given["directory"].as<std::string>())
                : std::filesystem::temp_directory_path();
        const auto directory = base / fmt::format("thinsnap-bench.{}", ::getpid());
        const bool quick = given.contains("quick");
        bench::Scale scale = quick ? quick_scale() : bench::Scale{};
        if (given.contains("images"))
            scale.images = std::filesystem::absolute(given["images"].as<std::string>());
        // What is mounted and active must be taken down before the program ends.
        const thinsnap::app::InterruptHandler signals;
        const std::string only = given.contains("case") ? given["case"].as<std::string>() : "";
        int missed = 0;
        try {
            missed = run(only, directory, scale);
        } catch (...) {
            std::filesystem::remove_all(directory);
            throw;
        }
        return quick || missed == 0 ? 0 : 1;
    } catch (const thinsnap::app::Interrupted& interrupted) {
        return kExitSignalBase + interrupted.signal();
    } catch (const std::exception& error) {
        std::cerr << "thinsnap-bench: " << error.what() << '\n';
        return 2;
    }
}
