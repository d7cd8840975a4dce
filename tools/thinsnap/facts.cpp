#include "facts.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "base/size_text.hpp"

namespace thinsnap::tools {

namespace {

using rpc::Json;

std::uint64_t number(const Json& facts, const std::string& key) {
    return facts.at(key).get<std::uint64_t>();
}

double percent(std::uint64_t used, std::uint64_t total) {
    return total == 0 ? 0 : 100 * static_cast<double>(used) / static_cast<double>(total);
}

/// \param unit  what the space is counted in, "chunks"
std::string line_of(const Json& use, const std::string& unit) {
    const std::uint64_t used = number(use, "used_" + unit);
    const std::uint64_t total = number(use, "total_" + unit);
    return fmt::format("{} of {} used ({:.1f} %), {} of {} {}",
                       format_size(number(use, "used_bytes")),
                       format_size(number(use, "total_bytes")),
                       percent(used, total),
                       used,
                       total,
                       unit);
}

void warn_if_low(const Json& use, const std::string& unit, const char* what, const char* option) {
    if (!use.at("below_low_water").get<bool>())
        return;
    const std::uint64_t unit_bytes =
        number(use, "total_bytes") / std::max<std::uint64_t>(number(use, "total_" + unit), 1);
    fmt::print(stderr,
               "thinsnap: warning: {} left for {}, below the low-water mark of {}; delete "
               "devices or 'thinsnap pool grow {}'\n",
               format_size(number(use, "free_bytes")),
               what,
               format_size(number(use, "low_water_" + unit) * unit_bytes),
               option);
}

} // namespace

std::string table_of(const Json& status) {
    std::string text;
    const auto line = [&](const char* name, const std::string& value) {
        text += fmt::format("{:<16}{}\n", name, value);
    };
    const auto value = [&](const char* key) { return status.at(key).get<std::string>(); };
    line("pool", value("pool"));
    line("uuid", value("uuid").empty() ? "none" : value("uuid"));
    line("driver", value("driver"));
    line("mode", value("mode"));
    if (!value("reason").empty())
        line("reason", value("reason"));
    line("needs check", status.at("needs_check").get<bool>() ? "yes" : "no");
    line("transaction id", fmt::to_string(number(status, "transaction_id")));
    line("chunk size", format_size(number(status, "chunk_size")));
    line("data", line_of(status.at("data"), "chunks"));
    line("metadata", line_of(status.at("metadata"), "blocks"));
    line("devices", fmt::to_string(number(status, "devices")));
    if (!status.at("held_root").is_null())
        line("held root", fmt::format("metadata block {}", number(status, "held_root")));
    return text;
}

void warn_about(const Json& status) {
    warn_if_low(status.at("data"), "chunks", "data", "--size");
    warn_if_low(status.at("metadata"), "blocks", "metadata", "--metadata-size");
    if (status.at("needs_check").get<bool>())
        fmt::print(stderr,
                   "thinsnap: warning: the pool wants a check before it is written again: "
                   "'thinsnap pool check --clear-needs-check'\n");
}

std::string size_and_bytes(std::uint64_t bytes) {
    return fmt::format("{} ({} bytes)", format_size(bytes), bytes);
}

} // namespace thinsnap::tools
