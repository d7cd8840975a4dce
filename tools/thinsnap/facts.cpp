#include "facts.hpp"

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

std::string size_and_bytes(std::uint64_t bytes) {
    return fmt::format("{} ({} bytes)", format_size(bytes), bytes);
}

} // namespace thinsnap::tools
