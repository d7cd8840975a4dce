#include "support/skip.hpp"

#include <cstdio>

namespace thinsnap::test {
namespace {

struct SkipLog {
    std::string current_case;
    std::vector<SkippedCase> entries;
};

SkipLog& skip_log() {
    static SkipLog log;
    return log;
}

} // namespace

void skip(std::string_view reason) {
    SkipLog& log = skip_log();
    log.entries.push_back({log.current_case, std::string{reason}});
    std::printf("SKIP: %s\n", log.entries.back().reason.c_str());
    std::fflush(stdout); // else a crash later in the process hides the reason
}

const std::vector<SkippedCase>& skipped_cases() {
    return skip_log().entries;
}

void detail::enter_case(std::string_view name) {
    skip_log().current_case = name;
}

} // namespace thinsnap::test
