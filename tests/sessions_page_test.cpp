// The code on docs/sessions.md is that of the tests which it names.
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "store/files.h"

namespace omni {
namespace {

// Lines without what they are indented by, and without empty ones.
std::string bare(const std::string& code) {
  std::istringstream lines(code);
  std::string all = "\n";
  for (std::string line; std::getline(lines, line);) {
    const size_t begin = line.find_first_not_of(' ');
    if (begin != std::string::npos) all += line.substr(begin) + "\n";
  }
  return all;
}

TEST(SessionsPage, ShowsCodeOfTests) {
  const std::string root = OMNI_SOURCE_DIR, page = read_file(root + "/docs/sessions.md");
  const std::string tests = bare(read_file(root + "/src/lab/sessions_turns_test.cpp")) +
                            bare(read_file(root + "/src/lab/sessions_hosts_test.cpp")) +
                            bare(read_file(root + "/src/lab/hosts_test.cpp"));
  const std::string opening = "```cpp\n", closing = "```";
  int blocks = 0;
  for (size_t at = 0; (at = page.find(opening, at)) != std::string::npos; ++blocks) {
    at += opening.size();
    const size_t end = page.find(closing, at);
    ASSERT_NE(end, std::string::npos);
    const std::string block = page.substr(at, end - at);
    EXPECT_NE(tests.find(bare(block)), std::string::npos) << "stands in no test:\n" << block;
    at = end + closing.size();
  }
  EXPECT_GT(blocks, 10);
}

}  // namespace
}  // namespace omni
