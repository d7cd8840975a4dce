#include "options.hpp"

#include <filesystem>

// NOLINTNEXTLINE(portability-restrict-system-includes) the one file of this tool that knows Boost
#include <boost/program_options.hpp>
#include <fmt/core.h>

#include <thinsnap/error.hpp>
#include <thinsnap/version.hpp>

#include "app/pool_paths.hpp"
#include "base/seconds_text.hpp"

namespace thinsnap::tools {

namespace {

namespace po = boost::program_options;

constexpr const char* kHelp =
    R"(usage: thinsnapd [option...]

Holds a pool and serves the commands of thinsnap(8) that come to its socket.

Options:
      --pool DIR              the pool's directory; default $THINSNAP_POOL, else
                              /var/lib/thinsnap
      --lock-timeout SECONDS  how long to wait for a pool that is in use;
                              default 10
      --idle-timeout SECONDS  end when nobody has asked for so long; default 60,
                              0: never
      --background            go on in the background, in a session of its own, and
                              return as soon as commands are served
      --log-file FILE         append what happens to FILE, not to standard error;
                              default in the background: DIR/thinsnapd.log
      --help                  print help and exit
      --version               print the version and exit

See also thinsnapd(8).
)";

po::variables_map parse(const std::vector<std::string>& arguments) {
    po::options_description known;
    auto add = known.add_options();
    for (const char* name : {"pool", "lock-timeout", "idle-timeout", "log-file"})
        add(name, po::value<std::string>());
    add("background", "");
    add("help", "");
    add("version", "");
    const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    po::variables_map values;
    po::store(po::command_line_parser(arguments).options(known).positional({}).style(style).run(),
              values);
    return values;
}

} // namespace

Options parse_options(const std::vector<std::string>& arguments) {
    po::variables_map values;
    try {
        values = parse(arguments);
    } catch (const po::error& error) {
        throw Error(Errc::invalid_argument,
                    fmt::format("{}; try 'thinsnapd --help'", error.what()));
    }
    const auto text = [&](const char* name, const std::string& otherwise) {
        return values.count(name) > 0 ? values[name].as<std::string>() : otherwise;
    };
    const auto seconds = [&](const std::string& name, const char* otherwise) {
        return parse_seconds(text(name.c_str(), otherwise), "--" + name);
    };
    Options options;
    if (values.count("help") > 0)
        options.text = kHelp;
    else if (values.count("version") > 0)
        options.text = fmt::format("thinsnapd {}\n", version());
    const std::string pool = text("pool", app::default_pool_directory().string());
    if (pool.empty())
        throw Error(Errc::invalid_argument, "--pool names no directory");
    options.pool = std::filesystem::absolute(pool).string();
    options.lock_timeout = seconds("lock-timeout", "10");
    options.idle_timeout = seconds("idle-timeout", "60");
    options.background = values.count("background") > 0;
    if (values.count("log-file") > 0)
        options.log_file = std::filesystem::absolute(text("log-file", "")).string();
    else if (options.background)
        options.log_file = options.pool + "/thinsnapd.log";
    return options;
}

} // namespace thinsnap::tools
