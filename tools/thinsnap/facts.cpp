#include "facts.hpp"

#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/size_text.hpp"

namespace thinsnap::tools {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kMetadataBlock = 4096;

bool is_low(const SpaceUse& use) {
    return use.free() < use.low_water;
}

Json json_of(const SpaceUse& use, std::uint64_t unit, const std::string& name) {
    return {{"used_" + name, use.used},
            {"free_" + name, use.free()},
            {"total_" + name, use.total},
            {"low_water_" + name, use.low_water},
            {"reserve_" + name, use.reserve},
            {"used_bytes", use.used * unit},
            {"free_bytes", use.free() * unit},
            {"total_bytes", use.total * unit},
            {"below_low_water", is_low(use)}};
}

double percent(const SpaceUse& use) {
    if (use.total == 0)
        return 0;
    return 100 * static_cast<double>(use.used) / static_cast<double>(use.total);
}

std::string line_of(const SpaceUse& use, std::uint64_t unit, const char* name) {
    return fmt::format("{} of {} used ({:.1f} %), {} of {} {}",
                       format_size(use.used * unit),
                       format_size(use.total * unit),
                       percent(use),
                       use.used,
                       use.total,
                       name);
}

void warn_if_low(const SpaceUse& use, std::uint64_t unit, const char* what, const char* option) {
    if (is_low(use))
        fmt::print(stderr,
                   "thinsnap: warning: {} left for {}, below the low-water mark of {}; delete "
                   "devices or 'thinsnap pool grow {}'\n",
                   format_size(use.free() * unit),
                   what,
                   format_size(use.low_water * unit),
                   option);
}

} // namespace

Json json_of(const PoolStatus& status, const std::string& pool) {
    return {{"pool", pool},
            {"driver", status.driver},
            {"uuid", status.uuid},
            {"mode", to_string(status.mode)},
            {"reason", status.reason},
            {"needs_check", status.needs_check},
            {"transaction_id", status.transaction_id.value()},
            {"chunk_size", status.chunk_size},
            {"data", json_of(status.data, status.chunk_size, "chunks")},
            {"metadata", json_of(status.metadata, kMetadataBlock, "blocks")},
            {"devices", status.devices},
            {"held_root", status.held_root ? Json(status.held_root->value()) : Json(nullptr)}};
}

std::string table_of(const PoolStatus& status, const std::string& pool) {
    std::string text;
    const auto line = [&](const char* name, const std::string& value) {
        text += fmt::format("{:<16}{}\n", name, value);
    };
    line("pool", pool);
    line("uuid", status.uuid.empty() ? "none" : status.uuid);
    line("driver", status.driver);
    line("mode", std::string(to_string(status.mode)));
    if (!status.reason.empty())
        line("reason", status.reason);
    line("needs check", status.needs_check ? "yes" : "no");
    line("transaction id", fmt::to_string(status.transaction_id.value()));
    line("chunk size", format_size(status.chunk_size));
    line("data", line_of(status.data, status.chunk_size, "chunks"));
    line("metadata", line_of(status.metadata, kMetadataBlock, "blocks"));
    line("devices", fmt::to_string(status.devices));
    if (status.held_root)
        line("held root", fmt::format("metadata block {}", status.held_root->value()));
    return text;
}

void warn_about(const PoolStatus& status) {
    warn_if_low(status.data, status.chunk_size, "data", "--size");
    warn_if_low(status.metadata, kMetadataBlock, "metadata", "--metadata-size");
    if (status.needs_check)
        fmt::print(stderr,
                   "thinsnap: warning: the pool wants a check before it is written again: "
                   "'thinsnap pool check --clear-needs-check'\n");
}

std::string size_and_bytes(std::uint64_t bytes) {
    return fmt::format("{} ({} bytes)", format_size(bytes), bytes);
}

} // namespace thinsnap::tools
