// Runs the tests. A run in which every test case that ran asked for a device this machine lacks
// ends with 77, which CTest shows as Skipped.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <set>
#include <string>

#include "skip.hpp"

namespace {

int cases_run = 0;
std::set<std::string> cases_skipped;
std::string current_case;

struct counting_listener : doctest::IReporter {
    explicit counting_listener(const doctest::ContextOptions& /*options*/) {}
    void test_case_start(const doctest::TestCaseData& data) override {
        ++cases_run;
        current_case = std::string(data.m_file.c_str()) + ":" + data.m_name;
    }
    void report_query(const doctest::QueryData& /*data*/) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats& /*stats*/) override {}
    void test_case_reenter(const doctest::TestCaseData& /*data*/) override {}
    void test_case_end(const doctest::CurrentTestCaseStats& /*stats*/) override {}
    void test_case_exception(const doctest::TestCaseException& /*data*/) override {}
    void subcase_start(const doctest::SubcaseSignature& /*data*/) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData& /*data*/) override {}
    void log_message(const doctest::MessageData& /*data*/) override {}
    void test_case_skipped(const doctest::TestCaseData& /*data*/) override {}
};
REGISTER_LISTENER("counting", 1, counting_listener);

}  // namespace

void sinter_test::skip(const char* why) {
    if (cases_skipped.insert(current_case).second)
        std::printf("skipped: %s: %s\n", current_case.c_str(), why);
}

int main(int argc, char** argv) {
    doctest::Context context(argc, argv);
    const int result = context.run();
    if (context.shouldExit() || result != 0) return result;
    // A filter that matches nothing would pass without having tested anything.
    if (cases_run == 0) {
        std::printf("no test case ran\n");
        return 1;
    }
    return static_cast<int>(cases_skipped.size()) == cases_run ? 77 : 0;
}
