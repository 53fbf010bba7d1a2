// Pages name files and headings that are there, and a training step is followed through few files.
#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace omni {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = OMNI_SOURCE_DIR;

std::vector<fs::path> pages() {
  std::vector<fs::path> all = {kRoot / "README.md", kRoot / "CONTRIBUTING.md"};
  for (const char* folder : {"docs", "experiments", "examples"})
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder))
      if (entry.path().extension() == ".md") all.push_back(entry.path());
  return all;
}

// Without blocks of code.
std::string prose_of(const fs::path& page) {
  std::ifstream in(page);
  EXPECT_TRUE(in) << page;
  std::string text;
  bool in_block = false;
  for (std::string line; std::getline(in, line);) {
    const bool fence = line.starts_with("```");
    if (!fence && !in_block) text += line + "\n";
    in_block = in_block != fence;
  }
  return text;
}

std::vector<std::string> found(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  std::vector<std::string> all;
  for (std::sregex_iterator i(text.begin(), text.end(), regex), end; i != end; ++i)
    all.push_back((*i)[1]);
  return all;
}

// `pattern` may hold stars. Of a page in that folder.
bool is_there(const std::string& pattern, const fs::path& folder) {
  for (const fs::path& from : {kRoot, kRoot / "src", folder}) {
    if (fs::exists(from / pattern)) return true;
    std::string regex;
    for (const char c : pattern) regex += c == '*' ? "[^/]*" : c == '.' ? "\\." : std::string(1, c);
    const fs::path fixed = from / pattern.substr(0, pattern.rfind('/', pattern.find('*')));
    if (pattern.find('*') == std::string::npos || !fs::is_directory(fixed)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(fixed))
      if (std::regex_match(fs::relative(entry.path(), from).string(), std::regex(regex)))
        return true;
  }
  return false;
}

// As in a link to a heading: "Words on a page" is "words-on-a-page".
std::string anchor_of(const std::string& heading) {
  std::string anchor;
  for (const char c : heading)
    if (c == ' ' || c == '-')
      anchor += '-';
    else if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_')
      anchor += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return anchor;
}

std::set<std::string> anchors_of(const fs::path& page) {
  std::set<std::string> anchors;
  for (const std::string& heading : found("\n" + prose_of(page), "\n#+ ([^\n]*)"))
    anchors.insert(anchor_of(heading));
  return anchors;
}

TEST(Docs, NameFilesThatAreThere) {
  int names = 0;
  for (const fs::path& page : pages())
    for (const std::string& path :
         found(prose_of(page),
               R"(`([\w.*-]+(?:/[\w.*-]+)*/[\w.*-]+\.(?:h|cpp|inc|md|py|cmake|txt))`)")) {
      if (std::regex_search(path, std::regex(R"((^|/)[A-Z]{2,}[./])"))) continue;  // NAME.md
      ++names;
      EXPECT_TRUE(is_there(path, page.parent_path())) << page << " names " << path;
    }
  for (const fs::path& page : pages()) {
    std::ifstream in(page);  // drawings, too
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    for (const std::string& path : found(text, R"(\b(src/[\w./-]+\.(?:h|cpp))\b)")) {
      ++names;
      EXPECT_TRUE(is_there(path, kRoot)) << page << " names " << path;
    }
  }
  EXPECT_GT(names, 100);
  EXPECT_TRUE(is_there("src/store/*_test.cpp", kRoot));
  EXPECT_FALSE(is_there("src/store/*_attic.cpp", kRoot));
  EXPECT_FALSE(is_there("store/attic.h", kRoot));
}

TEST(Docs, LinksLeadSomewhere) {
  int links = 0;
  for (const fs::path& page : pages())
    for (const std::string& link : found(prose_of(page), R"(\]\(([^)\s:]+)\))")) {
      const size_t hash = link.find('#');
      const std::string file = link.substr(0, hash);
      const fs::path target = file.empty() ? page : page.parent_path() / file;
      if (!fs::exists(target) && file.find_first_of("./") == std::string::npos) continue;  // code
      ++links;
      EXPECT_TRUE(fs::exists(target)) << page << " links to " << link;
      if (hash == std::string::npos || !fs::exists(target)) continue;
      EXPECT_TRUE(anchors_of(target).contains(link.substr(hash + 1)))
          << page << " links to " << link << ", a heading that is not there";
    }
  EXPECT_GT(links, 30);
}

// The tests behind promises: `OneOfThese`, and `Several...` or `Suite.*` by how they begin.
TEST(Docs, PromisesNameTestsThatAreThere) {
  std::string sources;
  for (const char* folder : {"src", "tests", "experiments"})
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder))
      if (const std::string name = entry.path().filename().string();
          name.ends_with("_test.cpp") || name.ends_with(".h")) {
        std::ifstream in(entry.path());
        sources.append(std::istreambuf_iterator<char>(in), {});
      }
  int names = 0;
  for (const std::string& test :
       found(prose_of(kRoot / "docs/promises.md"), R"(`([A-Z]\w*[a-z]\w*)(?:\.\*|\.\.\.)?`)")) {
    ++names;
    EXPECT_NE(sources.find(test), std::string::npos) << test;
  }
  EXPECT_GT(names, 60);
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  EXPECT_TRUE(in) << file;
  return {std::istreambuf_iterator<char>(in), {}};
}

// What stands below a heading, until the next of its kind.
std::string section_of(const fs::path& page, const std::string& heading) {
  const std::string text = prose_of(page);
  const size_t from = text.find("\n## " + heading + "\n");
  EXPECT_NE(from, std::string::npos) << page << " has no heading " << heading;
  return from == std::string::npos ? "" : text.substr(from, text.find("\n## ", from + 1) - from);
}

// Each header of ops is in the table, and has the functions that its row names.
TEST(Docs, OpsAreListedByHeader) {
  const std::string section = section_of(kRoot / "docs/experiments.md", "What a graph computes");
  int functions = 0;
  for (const std::string& row : found(section, "\n(\\| `[^\n]*)")) {
    std::string headers;
    for (const std::string& header : found(row, R"(`((?:ops|nn)/\w+\.h)`)"))
      headers += text_of(kRoot / "src" / header);
    if (row.find("`ops/elementwise.h`") != std::string::npos)
      headers += text_of(kRoot / "src/ops/elementwise_table.h");
    for (const std::string& name : found(row, R"(`(\w+)`)")) {
      ++functions;
      EXPECT_TRUE(std::regex_search(headers, std::regex("\\b" + name + "\\(|\\(" + name + ",")))
          << name << " in " << row;
    }
  }
  EXPECT_GT(functions, 70);
  for (const auto& entry : fs::directory_iterator(kRoot / "src/ops")) {
    const std::string name = entry.path().filename().string();
    const bool declares =
        name.ends_with(".h") &&
        std::regex_search(text_of(entry.path()), std::regex("\nextern const OpDef|"
                                                            "\n(std::vector<)?Value>? "));
    if (!declares || name.starts_with("test")) continue;
    EXPECT_NE(section.find("`ops/" + name + "`"), std::string::npos) << name;
  }
}

// Fields of Experiment stand in the page's table in the order in which the compiler wants them.
TEST(Docs, FieldsOfAnExperimentAreListedInOrder) {
  const std::string header = text_of(kRoot / "src/lab/experiment.h");
  const size_t from = header.find("\nstruct Experiment {");
  ASSERT_NE(from, std::string::npos);
  const std::string fields = header.substr(from, header.find("\n};", from) - from);
  std::vector<std::string> declared = found(fields, R"(\n  [\w:<>(), ]+ (\w+)(?: = [^;\n]*)?;)");
  const std::string page = prose_of(kRoot / "docs/experiments.md");
  const size_t table = page.find("| field of `Experiment` |");
  ASSERT_NE(table, std::string::npos);
  const std::string rows = page.substr(table, page.find("\n\n", table) - table);
  std::vector<std::string> listed;
  for (const std::string& cell : found(rows, R"(\n\| (`[^|]*) \|)"))
    for (const std::string& name : found(cell, R"(`\.(\w+)`)")) listed.push_back(name);
  ASSERT_GE(declared.size(), 3U);
  declared.resize(declared.size() - 2);  // settings and words, which are filled in
  EXPECT_EQ(listed, declared);
}

TEST(Docs, AStepIsFollowedThroughEightFiles) {
  const std::string text = prose_of(kRoot / "docs/how-a-run-flows.md");
  const size_t from = text.find("## One training step in eight files");
  ASSERT_NE(from, std::string::npos);
  const std::string section = text.substr(from, text.find("\n## ", from) - from);
  const std::vector<std::string> files = found(section, R"(\n\| `([^`]+)` \|)");
  const std::vector<std::string> on = found(section, R"(\n\| `[^\n]* \| (`\w+` |)\|)");
  EXPECT_GE(files.size(), 4U);
  EXPECT_LE(files.size(), 8U);
  ASSERT_EQ(on.size(), files.size());
  int named = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    ASSERT_TRUE(fs::exists(kRoot / files[i])) << files[i];
    if (on[i].empty()) continue;
    const std::string by = on[i].substr(1, on[i].size() - 3);
    for (size_t k = i; k < i + 2 && k < files.size(); ++k)
      EXPECT_NE(prose_of(kRoot / files[k]).find(by), std::string::npos) << files[k] << ": " << by;
    ++named;
  }
  EXPECT_GE(named, 6);
}

}  // namespace
}  // namespace omni
