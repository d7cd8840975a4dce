// Linked into a program that runs where only its files are seen: after each case it appends a line
// to $THINSNAP_RESULTS, as tests/system/report reads them. So a case that hangs or kills the
// machine costs its own result and those of the cases behind it, no more.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <doctest/doctest.h>

#include "support/skip.hpp"

namespace thinsnap::test {
namespace {

struct ResultLines : doctest::IReporter {
    explicit ResultLines(const doctest::ContextOptions& /*options*/) {}

    void test_case_start(const doctest::TestCaseData& data) override {
        name_ = data.m_name;
        name_.resize(std::min(name_.find('<'), name_.size())); // without a template's argument
        failure_.clear();
        skips_before_ = skipped_cases().size();
    }

    void log_assert(const doctest::AssertData& assertion) override {
        if (assertion.m_failed && failure_.empty())
            failure_ = std::string(assertion.m_file) + ':' + std::to_string(assertion.m_line) +
                       ": " + assertion.m_expr;
    }

    void test_case_exception(const doctest::TestCaseException& exception) override {
        if (failure_.empty())
            failure_ = exception.error_string.c_str();
    }

    void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
        // NOLINTNEXTLINE(concurrency-mt-unsafe) nobody changes the environment
        const char* const path = std::getenv("THINSNAP_RESULTS");
        std::FILE* const file = path == nullptr ? nullptr : std::fopen(path, "a");
        if (file == nullptr)
            return;
        if (stats.failure_flags != 0)
            std::fprintf(file, "not ok %s: %s\n", name_.c_str(), failure_.c_str());
        else if (skipped_cases().size() > skips_before_)
            std::fprintf(
                file, "skip %s: %s\n", name_.c_str(), skipped_cases().back().reason.c_str());
        else if (stats.numAssertsCurrentTest == 0)
            std::fprintf(file, "not ok %s: it asserts nothing\n", name_.c_str());
        else
            std::fprintf(file, "ok %s\n", name_.c_str());
        static_cast<void>(std::fclose(file));
    }

    void report_query(const doctest::QueryData& /*data*/) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats& /*stats*/) override {}
    void test_case_reenter(const doctest::TestCaseData& /*data*/) override {}
    void subcase_start(const doctest::SubcaseSignature& /*subcase*/) override {}
    void subcase_end() override {}
    void log_message(const doctest::MessageData& /*message*/) override {}
    void test_case_skipped(const doctest::TestCaseData& /*data*/) override {}

private:
    std::string name_;
    std::string failure_;
    std::size_t skips_before_ = 0;
};

} // namespace

DOCTEST_REGISTER_LISTENER("results", 1, ResultLines);

} // namespace thinsnap::test
