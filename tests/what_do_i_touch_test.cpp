// CONTRIBUTING's table of what an addition touches, held against where those that are there stand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace omni {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

const fs::path kRoot = OMNI_SOURCE_DIR;

std::string read(const fs::path& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

bool is_test(const std::string& path) {
  return path.ends_with("_test.cpp") || path.find("/test") != std::string::npos;
}

std::string without_comments(const std::string& text) {
  std::string code;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) code += line.substr(0, line.find("//")) + "\n";
  return code;
}

// The code, without comments, of every source that is no test.
const std::map<std::string, std::string>& sources() {
  static const auto all = [] {
    std::map<std::string, std::string> code;
    for (const char* folder : {"src", "experiments"})
      for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
        const std::string path = fs::relative(entry.path(), kRoot).string();
        if ((path.ends_with(".h") || path.ends_with(".cpp")) && !is_test(path))
          code[path] = without_comments(read(entry.path()));
      }
    return code;
  }();
  return all;
}

struct Row {
  std::string what, example;
  Names sources, others, tests;  // paths; of what is not code: pages
};

std::vector<std::string> marked(const std::string& cell) {
  std::vector<std::string> words;
  const std::regex code("`([^`]+)`");
  for (std::sregex_iterator i(cell.begin(), cell.end(), code), end; i != end; ++i)
    words.push_back((*i)[1]);
  return words;
}

std::vector<Row> rows() {
  const std::string text = read(kRoot / "CONTRIBUTING.md");
  const size_t from = text.find("## What do I touch?"), to = text.find("\n## ", from);
  std::istringstream section(text.substr(from, to - from));
  std::vector<Row> found;
  const std::regex cells(
      R"(\| (an? [^|]+|another [^|]+) \| `([^`|]+)` \|([^|]*)\|([^|]*)\|([^|]*)\|)");
  for (std::string line; std::getline(section, line);) {
    std::smatch m;
    if (!std::regex_match(line, m, cells)) continue;
    Row row{m[1], m[2], {}, {}, {}};
    for (const std::string& path : marked(m[3].str() + m[4].str()))
      (path.ends_with(".md") ? row.others : row.sources).insert(path);
    for (const std::string& path : marked(m[5])) row.tests.insert(path);
    found.push_back(std::move(row));
  }
  return found;
}

// How each example is defined or registered; uses of it elsewhere are not meant.
const std::map<std::string, std::string> kDefinition = {
    {"softplus", R"(OMNI_ELEMENTWISE\(softplus,)"},
    {"kl_divergence", R"(OpDef[^;(]*\bkl_divergence\b|void plan_kl_divergence\()"},
    {"mask_pooled",
     R"(enum class Pass \{[^}]*\bmask_pooled\b|void mask_pooled\(|\{Pass::mask_pooled,)"},
    {"rms_norm", R"(Value rms_norm\(Net)"},
    {"AdamW", R"(struct AdamW|make_steps\(const AdamW)"},
    {"fashion_mnist", R"(DataSource fashion_mnist_source\(|set\(fashion_mnist\))"},
    {"reference",
     R"(enum class ExecutorKind \{[^}]*\breference\b|\.kind = ExecutorKind::reference,|)"
     R"((Executor>|=) make_reference_executor\()"},
    {"relearn", R"(Relearned relearn\(Trial)"},
    {"unlearning_relearning",
     R"(Experiment unlearning_relearning\(|experiment\(unlearning_relearning\))"},
};

TEST(WhatDoITouch, UsesAreNoDefinitions) {
  for (const auto& [name, pattern] : kDefinition)
    for (const std::string& use :
         {name + "(net, x)", "return " + name + "(x) * 2;",
          "const Value y = omni::" + name + "(x);", "c.add(&ops::" + name + ", {x});",
          "off.insert(Pass::" + name + ");", name + "_source().name", "\"" + name + "\"",
          "apply(" + name + "{}, net, loss, lr);", "runs.push_back(" + name + "());"})
      EXPECT_FALSE(std::regex_search(use, std::regex(pattern))) << name << ": " << use;
}

TEST(WhatDoITouch, TheTableIsTrue) {
  Names examples;
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.what + " such as " + row.example);
    examples.insert(row.example);
    const auto definition = kDefinition.find(row.example);
    ASSERT_NE(definition, kDefinition.end()) << "how is it found in the sources?";
    const std::regex pattern(definition->second);
    Names found;
    for (const auto& [path, code] : sources())
      if (code.find(row.example) != std::string::npos && std::regex_search(code, pattern))
        found.insert(path);
    EXPECT_THAT(found, ::testing::ContainerEq(row.sources));
    for (const std::string& path : row.others) EXPECT_TRUE(fs::exists(kRoot / path)) << path;
    EXPECT_FALSE(row.tests.empty());
    for (const std::string& path : row.tests) {
      EXPECT_TRUE(is_test(path)) << path;
      EXPECT_TRUE(fs::exists(kRoot / path)) << path;
    }
  }
  Names expected;
  for (const auto& [example, pattern] : kDefinition) expected.insert(example);
  EXPECT_EQ(examples, expected);
}

}  // namespace
}  // namespace omni
