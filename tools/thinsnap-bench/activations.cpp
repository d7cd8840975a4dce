#include <csignal>
#include <thread>

#include <fmt/core.h>

#include "attach/mounts.hpp"
#include "base/fd.hpp"

#include "cases.hpp"
#include "image_pool.hpp"
#include "service/remote.hpp"
#include "service/request.hpp"

namespace thinsnap::bench {

namespace {

namespace fs = std::filesystem;
using rpc::Json;

constexpr std::uint64_t kPoolBytes = std::uint64_t{16} << 30U;
constexpr const char* kImage = "image";
constexpr double kCommandsBound = 60; // ms
constexpr double kClientBound = 6;

/// A pool whose containers are mounted through a server.
class Mounter {
public:
    Mounter(const fs::path& directory, std::string what)
        : pool_(directory, kPoolBytes)
        , directory_(directory)
        , mount_point_(directory.string() + ".mnt")
        , what_(std::move(what)) {
        fs::create_directories(mount_point_);
    }
    Mounter(const Mounter&) = delete;
    Mounter& operator=(const Mounter&) = delete;
    ~Mounter() {
        try {
            end_server();
        } catch (const std::exception&) { // NOLINT(bugprone-empty-catch) a failure is told already
        }
    }

    [[nodiscard]] ImagePool& pool() { return pool_; }
    [[nodiscard]] const std::string& what() const { return what_; }

    /// Milliseconds for create, activate and mount as three commands.
    double by_commands() {
        const std::string name = next_name();
        const double taken = run(pool_.command({"create", name, "--image", kImage})) +
                             run(pool_.command({"activate", name})) +
                             run(pool_.command({"mount", name, mount_point_.string()}));
        static_cast<void>(run(pool_.command({"rm", "--force", name})));
        return 1e3 * taken;
    }

    /// Milliseconds for the same in a client of the server.
    double by_client() {
        const std::string name = next_name();
        bool is_ending = false;
        auto server = service::Remote::connect(app::find_pool(directory_), is_ending);
        if (!server)
            throw std::runtime_error("no server runs");
        const auto ask = [&](const char* method, const Json& params) {
            return server->call(
                {.method = method, .params = params},
                {.directory = directory_, .lock_timeout = std::chrono::seconds(10)});
        };
        const double taken = seconds([&] {
            static_cast<void>(ask("container.create", {{"name", name}, {"image", kImage}}));
            const Json active = ask("container.activate", {{"name", name}, {"for_mount", true}});
            attach::mount_ext4(active.at("path").get<std::string>(), mount_point_.string(), false);
        });
        static_cast<void>(ask("container.remove", {{"names", {name}}, {"force", true}}));
        return 1e3 * taken;
    }

    void end_server() {
        const fs::path socket = directory_ / "socket";
        if (!fs::exists(socket))
            return;
        ::kill(std::stoi(read_text_file((directory_ / "lock").string())), SIGTERM);
        for (int i = 0; i < 500 && fs::exists(socket); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }

private:
    std::string next_name() { return fmt::format("measured-{}", made_++); }

    ImagePool pool_;
    fs::path directory_;
    fs::path mount_point_;
    std::string what_;
    int made_ = 0;
};

std::vector<Figure> measure(Mounter& mounter, int rounds) {
    std::vector<double> starting;
    std::vector<double> running;
    std::vector<double> client;
    for (int i = 0; i < rounds; ++i) {
        mounter.end_server();
        starting.push_back(mounter.by_commands());
        running.push_back(mounter.by_commands());
        client.push_back(mounter.by_client());
    }
    const auto figure = [&](const char* how, const std::vector<double>& taken, double bound) {
        return absolute(fmt::format("create + activate + mount {}, {}", how, mounter.what()),
                        "ms",
                        median(taken),
                        bound,
                        false);
    };
    return {figure("as commands that start a server", starting, kCommandsBound),
            figure("as commands", running, kCommandsBound),
            figure("by a client", client, kClientBound)};
}

} // namespace

std::vector<Figure> activations(const fs::path& directory, const Scale& scale) {
    const fs::path tar = directory / "root.tar";
    write_root_tar(tar, 2000, 2500);
    Mounter plain(directory / "plain", "1 layer");
    Mounter deep(directory / "deep", fmt::format("{} layers", scale.layers));
    std::vector<Figure> figures;
    for (Mounter* mounter : {&plain, &deep}) {
        mounter->pool().import(tar, kImage);
        if (mounter == &deep)
            mounter->pool().stack_layers(kImage, scale.layers);
        mounter->pool().close();
        for (Figure& figure : measure(*mounter, scale.rounds))
            figures.push_back(std::move(figure));
    }
    plain.end_server();
    deep.end_server();
    fs::remove_all(directory);
    return figures;
}

} // namespace thinsnap::bench
