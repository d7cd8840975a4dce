// main() of every doctest program. Beyond doctest's own result it answers three questions that
// doctest passes over in silence: did anything run, did it check anything, was it skipped.
//
//   0  every executed case passed       1  an assertion failed, or a case contains none
//   2  no test case matches the filter  77 every executed case was skipped

#define DOCTEST_CONFIG_IMPLEMENT
#include <cstdio>

#include <doctest/doctest.h>

#include "support/skip.hpp"

namespace thinsnap::test {
namespace {

constexpr int kFailed = 1;
constexpr int kNothingMatched = 2;
constexpr int kSkipped = 77;

struct Tally {
    int executed = 0;
    int skipped = 0;
    int empty = 0;
};

Tally& tally() {
    static Tally counts;
    return counts;
}

// doctest creates the listener itself, so the counts live outside of it.
struct CaseListener : doctest::IReporter {
    explicit CaseListener(const doctest::ContextOptions& /*options*/) {}

    void test_case_start(const doctest::TestCaseData& data) override {
        name_ = data.m_name;
        skips_before_ = skipped_cases().size();
        ++tally().executed;
        detail::enter_case(name_);
    }

    void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
        if (skipped_cases().size() > skips_before_) {
            ++tally().skipped;
        } else if (stats.numAssertsCurrentTest == 0 && stats.failure_flags == 0) {
            ++tally().empty;
            std::fprintf(stderr, "case '%s' asserts nothing\n", name_);
        }
    }

    void report_query(const doctest::QueryData& /*data*/) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats& /*stats*/) override {}
    void test_case_reenter(const doctest::TestCaseData& /*data*/) override {}
    void test_case_exception(const doctest::TestCaseException& /*exception*/) override {}
    void subcase_start(const doctest::SubcaseSignature& /*subcase*/) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData& /*assertion*/) override {}
    void log_message(const doctest::MessageData& /*message*/) override {}
    void test_case_skipped(const doctest::TestCaseData& /*data*/) override {}

private:
    const char* name_ = "";
    std::size_t skips_before_ = 0;
};

int run(int argc, char** argv) {
    doctest::Context context(argc, argv);
    const int status = context.run();
    if (status != 0 || context.shouldExit()) // a query such as --list-test-cases ran no case
        return status;
    if (tally().executed == 0) {
        std::fputs("no test case matches the filter\n", stderr);
        return kNothingMatched;
    }
    if (tally().empty > 0)
        return kFailed;
    return tally().skipped == tally().executed ? kSkipped : 0;
}

} // namespace

DOCTEST_REGISTER_LISTENER("cases", 1, CaseListener);

} // namespace thinsnap::test

int main(int argc, char** argv) {
    return thinsnap::test::run(argc, argv);
}
