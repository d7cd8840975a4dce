#include "thin/check/findings.hpp"

#include <fmt/format.h>

namespace thinsnap::thin {

std::string_view to_string(Severity severity) noexcept {
    switch (severity) {
    case Severity::warning:
        return "warning";
    case Severity::leak:
        return "leak";
    case Severity::damage:
        break;
    }
    return "damage";
}

std::string describe(const Finding& finding) {
    std::string text = fmt::format("{}: {}", to_string(finding.severity), finding.structure);
    const auto out = std::back_inserter(text);
    if (finding.device)
        fmt::format_to(out, ", device {}", finding.device->value());
    if (finding.begin && finding.length && *finding.length == 1)
        fmt::format_to(out, ", chunk {}", finding.begin->value());
    else if (finding.begin && finding.length)
        fmt::format_to(out,
                       ", chunks {} to {}",
                       finding.begin->value(),
                       finding.begin->value() + *finding.length - 1);
    else if (finding.begin)
        fmt::format_to(out, ", chunks from {} on", finding.begin->value());
    if (finding.block)
        fmt::format_to(out, ", block {}", finding.block->value());
    fmt::format_to(out, ": {}", finding.message);
    return text;
}

namespace check {

void Findings::add(const Finding& finding) {
    switch (finding.severity) {
    case Severity::warning:
        ++warnings_;
        break;
    case Severity::leak:
        ++leaks_;
        break;
    case Severity::damage:
        ++damages_;
        break;
    }
    if (sink_)
        sink_(finding);
}

void Findings::add(Severity severity,
                   std::string structure,
                   std::optional<MetaBlock> block,
                   std::string message) {
    Finding finding;
    finding.severity = severity;
    finding.structure = std::move(structure);
    finding.block = block;
    finding.message = std::move(message);
    add(finding);
}

} // namespace check

} // namespace thinsnap::thin
