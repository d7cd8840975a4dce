#include "progress.hpp"

#include <algorithm>
#include <cstdio>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "base/size_text.hpp"

#include "text.hpp"

namespace thinsnap::tools {

namespace {

using snapshotter::ImportProgress;

constexpr std::chrono::milliseconds kInterval{100};
constexpr std::size_t kBarWidth = 30;
constexpr const char* kEraseLine = "\r\033[K";

std::string label_of(const ImportProgress& progress) {
    return fmt::format("layer {}/{} {}",
                       progress.layer + 1,
                       progress.image.layers.size(),
                       short_digest(progress.image.layers[progress.layer].diff_id));
}

std::string bar_of(const ImportProgress& progress) {
    const std::uint64_t whole = std::max<std::uint64_t>(progress.blob_size, 1);
    const std::uint64_t done = std::min(progress.blob_bytes, whole);
    const std::size_t filled = static_cast<std::size_t>(
        static_cast<double>(done) / static_cast<double>(whole) * double{kBarWidth});
    return fmt::format("[{}{}] {:3}% of {}",
                       std::string(filled, '='),
                       std::string(kBarWidth - filled, ' '),
                       done * 100 / whole,
                       format_size(progress.blob_size));
}

} // namespace

ProgressDisplay::ProgressDisplay(bool is_wanted)
    : is_wanted_(is_wanted)
    , is_terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressDisplay::~ProgressDisplay() {
    if (has_bar_)
        std::fputs(kEraseLine, stderr);
}

void ProgressDisplay::show(const ImportProgress& progress) {
    if (!is_wanted_)
        return;
    if (progress.state == ImportProgress::State::applying) {
        if (is_terminal_)
            show_bar(progress);
        return;
    }
    const bool existed = progress.state == ImportProgress::State::existed;
    fmt::print(stderr,
               "{}{}: {}\n",
               has_bar_ ? kEraseLine : "",
               label_of(progress),
               existed ? "already exists" : "done, " + format_size(progress.blob_size));
    has_bar_ = false;
}

void ProgressDisplay::show_bar(const ImportProgress& progress) {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_)
        return;
    next_ = now + kInterval;
    fmt::print(stderr, "{}{} {}", kEraseLine, label_of(progress), bar_of(progress));
    std::fflush(stderr);
    has_bar_ = true;
}

} // namespace thinsnap::tools
