#include "app/pool_config.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <functional>

#include <fmt/core.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "base/fd.hpp"
#include "base/size_text.hpp"

namespace thinsnap::app {

namespace {

constexpr std::uint64_t kMaxCache = std::uint64_t{1} << 40U;

/// Where a value stands, for errors: "/pool/thinsnap.toml:3: cache.metadata".
struct Place {
    const std::string& file;
    std::string key;
    toml::source_region source;

    [[noreturn]] void reject(std::string_view what) const {
        throw Error(Errc::invalid_argument,
                    fmt::format("{}:{}: {}: {}", file, source.begin.line, key, what));
    }
};

std::string text_value(const Place& place, const toml::node& node) {
    const auto value = node.value_exact<std::string>();
    if (!value)
        place.reject("a text in quotes is expected");
    return *value;
}

std::size_t size_value(const Place& place, const toml::node& node) {
    std::uint64_t bytes = 0;
    if (const auto number = node.value_exact<std::int64_t>()) {
        if (*number < 0)
            place.reject("a size cannot be negative");
        bytes = static_cast<std::uint64_t>(*number);
    } else if (const auto text = node.value_exact<std::string>()) {
        bytes = parse_size(
            *text, fmt::format("{}:{}: {}:", place.file, place.source.begin.line, place.key));
    } else {
        place.reject("a size is expected, as in \"64M\" or 67108864");
    }
    if (bytes > kMaxCache)
        place.reject("more than 1 TiB");
    return bytes;
}

double number_value(const Place& place, const toml::node& node, double max) {
    double value = 0;
    if (const auto whole = node.value_exact<std::int64_t>())
        value = static_cast<double>(*whole);
    else if (const auto real = node.value_exact<double>())
        value = *real;
    else
        place.reject("a number is expected");
    if (!(value >= 0 && value <= max))
        place.reject(fmt::format("a number from 0 to {:g} is expected", max));
    return value;
}

struct Key {
    const char* table;
    const char* name;
    void (*read)(PoolConfig&, const Place&, const toml::node&);
};

constexpr std::array kKeys{
    Key{"pool",
        "data",
        [](PoolConfig& config, const Place& place, const toml::node& node) {
            config.data = text_value(place, node);
            if (config.data.empty())
                place.reject("a path is expected");
        }},
    Key{"cache",
        "metadata",
        [](PoolConfig& config, const Place& place, const toml::node& node) {
            config.engine.metadata_cache = size_value(place, node);
        }},
    Key{"cache",
        "mappings",
        [](PoolConfig& config, const Place& place, const toml::node& node) {
            config.engine.mapping_cache = size_value(place, node);
        }},
    Key{"space",
        "no-space-wait",
        [](PoolConfig& config, const Place& place, const toml::node& node) {
            const double seconds = number_value(place, node, 3600);
            config.engine.no_space_wait = std::chrono::milliseconds(std::llround(seconds * 1000));
        }},
    Key{"space",
        "low-water",
        [](PoolConfig& config, const Place& place, const toml::node& node) {
            config.engine.low_water = number_value(place, node, 100) / 100;
        }},
    Key{"space",
        "reserve",
        [](PoolConfig& config, const Place& place, const toml::node& node) {
            config.engine.reserve = number_value(place, node, 100) / 100;
        }},
};

void read_table(PoolConfig& config,
                const std::string& file,
                std::string_view table_name,
                const toml::table& table) {
    for (const auto& [key, node] : table) {
        const Place place{file, fmt::format("{}.{}", table_name, key.str()), node.source()};
        const Key* found = nullptr;
        for (const Key& known : kKeys)
            if (known.table == table_name && known.name == key.str())
                found = &known;
        if (found == nullptr)
            place.reject("no such key, see thinsnap.conf(5)");
        found->read(config, place, node);
    }
}

} // namespace

PoolConfig parse_pool_config(std::string_view text, const std::string& name) {
    PoolConfig config;
    toml::table all;
    try {
        all = toml::parse(text);
    } catch (const toml::parse_error& error) {
        throw Error(Errc::invalid_argument,
                    fmt::format("{}:{}: {}", name, error.source().begin.line, error.description()));
    }
    for (const auto& [key, node] : all) {
        const Place place{name, std::string(key.str()), node.source()};
        bool known = false;
        for (const Key& candidate : kKeys)
            known = known || candidate.table == key.str();
        if (!known)
            place.reject("no such table, see thinsnap.conf(5)");
        if (!node.is_table())
            place.reject("a table is expected");
        read_table(config, name, key.str(), *node.as_table());
    }
    return config;
}

PoolConfig read_pool_config(const std::string& path) {
    if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT)
        return {};
    return parse_pool_config(read_text_file(path), path);
}

std::string render_pool_config(const std::string& data) {
    std::string text = "# Configuration of a thinsnap pool, see thinsnap.conf(5).\n";
    if (!data.empty()) {
        toml::table all{{"pool", toml::table{{"data", data}}}};
        std::ostringstream rendered;
        rendered << all;
        text += "\n" + rendered.str() + "\n";
    }
    return text;
}

} // namespace thinsnap::app
