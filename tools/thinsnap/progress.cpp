#include "progress.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "base/size_text.hpp"

#include "text.hpp"

namespace thinsnap::tools {

namespace {

using rpc::Json;

constexpr std::size_t kBarWidth = 30;
constexpr const char* kEraseLine = "\r\033[K";

std::string label_of(const Json& progress) {
    return fmt::format("layer {}/{} {}",
                       progress.at("layer").get<std::uint64_t>() + 1,
                       progress.at("layers").get<std::uint64_t>(),
                       short_digest(progress.at("diff_id").get<std::string>()));
}

std::string bar_of(const Json& progress) {
    const auto blob_size = progress.at("blob_size").get<std::uint64_t>();
    const std::uint64_t whole = std::max<std::uint64_t>(blob_size, 1);
    const std::uint64_t done = std::min(progress.at("blob_bytes").get<std::uint64_t>(), whole);
    const std::size_t filled = static_cast<std::size_t>(
        static_cast<double>(done) / static_cast<double>(whole) * double{kBarWidth});
    return fmt::format("[{}{}] {:3}% of {}",
                       std::string(filled, '='),
                       std::string(kBarWidth - filled, ' '),
                       done * 100 / whole,
                       format_size(blob_size));
}

} // namespace

ProgressDisplay::ProgressDisplay(bool is_wanted)
    : is_wanted_(is_wanted)
    , is_terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressDisplay::~ProgressDisplay() {
    if (has_bar_)
        std::fputs(kEraseLine, stderr);
}

void ProgressDisplay::show(const Json& progress) {
    if (!is_wanted_)
        return;
    const auto state = progress.at("state").get<std::string>();
    if (state == "applying") {
        if (is_terminal_)
            show_bar(progress);
        return;
    }
    const auto size = progress.at("blob_size").get<std::uint64_t>();
    fmt::print(stderr,
               "{}{}: {}\n",
               has_bar_ ? kEraseLine : "",
               label_of(progress),
               state == "existed" ? "already exists" : "done, " + format_size(size));
    has_bar_ = false;
}

void ProgressDisplay::show_bar(const Json& progress) {
    fmt::print(stderr, "{}{} {}", kEraseLine, label_of(progress), bar_of(progress));
    std::fflush(stderr);
    has_bar_ = true;
}

} // namespace thinsnap::tools
