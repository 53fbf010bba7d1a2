// Reads every source under src/ and experiments/ and checks what the layout promises: which folder
// may include which, and that only the command line prints or ends the process.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
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

// Folder -> the folders that it may include, beside itself. Unchecked rules decay. An executor's
// folder is one of its own: what it shares with others knows no device.
const std::map<std::string, Names>& may_include() {
  static const std::map<std::string, Names> table = {
      {"base", {}},
      {"graph", {"base"}},
      {"cpu", {"base", "graph"}},
      {"ops", {"base", "graph", "cpu"}},
      {"engine", {"base", "graph", "ops"}},  // not cpu: it plans for any device
      {"executors", {"base", "graph"}},
      {"executors/cpu", {"base", "graph", "cpu", "ops", "engine", "executors"}},
      {"nn", {"base", "graph", "ops"}},
      {"data", {"base"}},
      {"text", {"base"}},
      {"store", {"base"}},
      {"report", {"base", "store"}},  // not lab: a report never needs a run
      {"weights", {"base", "nn", "store"}},
      {"lab",
       {"base", "graph", "ops", "engine", "executors", "nn", "data", "text", "store", "weights"}},
      {"studies", {"base", "graph", "ops", "nn", "data", "text", "store", "weights", "lab"}},
      {"experiments",
       {"base", "graph", "ops", "engine", "nn", "data", "text", "store", "weights", "lab",
        "studies"}},
      {"cli",
       {"base", "graph", "cpu", "ops", "engine", "executors", "executors/cpu", "nn", "data", "text",
        "store", "report", "weights", "lab", "studies", "experiments"}},
  };
  return table;
}

// Of a source or of what it includes, by its path below src/ or the root. A family of experiments
// has a folder of its own, which no other family reads.
std::string folder_of(const std::string& path) {
  const std::string top = path.substr(0, path.find('/')), rest = path.substr(top.size());
  const size_t end = rest.empty() ? std::string::npos : rest.find('/', 1);
  const bool divided = top == "executors" || top == "experiments";
  return divided && end != std::string::npos ? top + rest.substr(0, end) : top;
}

// Its row of the table.
std::string layer_of(const std::string& folder) {
  return folder.starts_with("experiments/") ? "experiments" : folder;
}

// Where executors are made: of all that stands on them, but for the command line, the one file that
// knows devices.
bool makes_executors(const fs::path& path) { return path.stem() == "executor_kinds"; }

// Where a raw string that opens at text[i] (the R of R"delimiter() ends, or npos if none does.
size_t end_of_raw_string(const std::string& text, size_t i) {
  if (text.compare(i, 2, "R\"") != 0) return std::string::npos;
  const size_t open = text.find('(', i);
  if (open == std::string::npos) return std::string::npos;
  const std::string close = ")" + text.substr(i + 2, open - i - 2) + "\"";
  const size_t end = text.find(close, open);
  return end == std::string::npos ? text.size() : end + close.size();
}

// The text with comments and the insides of literals blanked, line breaks kept.
std::string code_only(const std::string& text) {
  std::string code = text;
  const auto blank = [&](size_t from, size_t to) {
    for (size_t k = from; k < std::min(to, code.size()); ++k)
      if (code[k] != '\n') code[k] = ' ';
  };
  size_t i = 0;
  while (i < text.size()) {
    size_t end = i + 1;
    const bool in_word = i > 0 && (std::isalnum(static_cast<unsigned char>(text[i - 1])) != 0 ||
                                   text[i - 1] == '_');
    if (text.compare(i, 2, "//") == 0) {
      end = std::min(text.find('\n', i), text.size());
    } else if (text.compare(i, 2, "/*") == 0) {
      end = std::min(text.find("*/", i + 2), text.size() - 2) + 2;
    } else if (!in_word && end_of_raw_string(text, i) != std::string::npos) {
      end = end_of_raw_string(text, i);
    } else if (text[i] == '"' || (text[i] == '\'' && !in_word)) {  // 1'000 is no character
      while (end < text.size() && text[end] != text[i] && text[end] != '\n')
        end += text[end] == '\\' ? 2 : 1;
      ++end;
    } else {
      ++i;
      continue;
    }
    blank(i, end);
    i = end;
  }
  return code;
}

// Everything in one source that breaks a rule, as "line N: what".
std::vector<std::string> violations(const std::string& folder, const std::string& text,
                                    bool knows_devices = false) {
  static const std::regex include(R"(^\s*#\s*include\s*"([^"]+)\")");
  static const std::regex printing(
      R"(\bstd::(cout|cerr|clog)\b|\b(stdout|stderr)\b|\b(printf|vprintf|puts|putchar|perror)\s*\()"
      R"(|\b(exit|_exit|_Exit|quick_exit|abort|terminate)\s*\()");
  const std::string layer = layer_of(folder);
  const auto allowed = may_include().find(layer);
  if (allowed == may_include().end()) return {"folder " + folder + " is not in the table"};

  std::vector<std::string> found;
  std::istringstream raw(text), bare(code_only(text));
  std::string line, code;
  for (int number = 1; std::getline(raw, line) && std::getline(bare, code); ++number) {
    const std::string where = "line " + std::to_string(number) + ": ";
    std::smatch match;
    if (std::regex_search(line, match, include)) {
      const std::string target = match[1];
      const std::string to = folder_of(target);
      if (may_include().count(layer_of(to)) == 0)
        found.push_back(where + "\"" + target + "\" does not start with a folder of the layout");
      else if (to != folder && to != layer && allowed->second.count(layer_of(to)) == 0 &&
               !(knows_devices && to.starts_with("executors/")))
        found.push_back(where + folder + " must not include " + target);
    }
    if (folder != "cli" && std::regex_search(code, match, printing))
      found.push_back(where + "only cli prints or exits, found " + match.str());
  }
  return found;
}

// Files that open others, and whose reading is no input of an experiment: the machine's and the run
// folder's own. Whatever else reads must note it (base/inputs.h), or a run could go on with one
// file in place of another.
bool reads_unnoticed(const std::string& path, const std::string& text) {
  static const std::set<std::string> own = {"src/base/build_info.cpp", "src/base/cpu_quota.cpp",
                                            "src/base/inputs.cpp",     "src/base/machine.cpp",
                                            "src/base/memory.cpp",     "src/data/download.cpp",
                                            "src/store/sqlite.h",      "src/store/run_folder.cpp"};
  static const std::regex reading(
      R"(\b(i?fstream|fopen|freopen|gzopen|fdopen|mmap|sqlite3_open\w*|(recursive_)?directory_iterator)\b)"
      R"(|(^|[^\w>])::open(at)?\s*\()");
  if (path.starts_with("src/cli/") || path.starts_with("src/report/") || own.contains(path))
    return false;
  const std::string code = code_only(text);
  std::istringstream lines(code);
  bool opens = false;
  for (std::string line; std::getline(lines, line);)
    opens =
        opens || (line.find("#include") == std::string::npos && std::regex_search(line, reading));
  return opens && code.find("note_input(") == std::string::npos;
}

// Tests and their helpers may include and print what they like.
bool is_for_tests(const fs::path& path) {
  const std::string stem = path.stem().string();
  return stem.ends_with("_test") || stem.starts_with("test_") || stem == "testing";
}

std::string read(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Layering, EverySourceKeepsTheRules) {
  const fs::path root = OMNI_SOURCE_DIR;
  int sources = 0;
  for (const char* top : {"src", "experiments"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      const fs::path path = entry.path();
      if ((path.extension() != ".h" && path.extension() != ".cpp") || is_for_tests(path)) continue;
      ++sources;
      const fs::path inside = path.lexically_relative(root);
      const std::string folder = folder_of(
          (top == std::string("src") ? inside.lexically_relative("src") : inside).string());
      const std::string text = read(path);
      for (const std::string& what : violations(folder, text, makes_executors(inside)))
        ADD_FAILURE() << inside.string() << ", " << what;
      EXPECT_FALSE(reads_unnoticed(inside.string(), text))
          << inside.string() << " opens files and does not call note_input()";
    }
  }
  EXPECT_GT(sources, 50);
}

TEST(Layering, NoticesAWrongDirection) {
  EXPECT_EQ(violations("base", "#include \"base/error.h\"\n#include <vector>\n").size(), 0U);
  EXPECT_EQ(violations("base", "#include \"graph/graph.h\"\n").size(), 1U);
  EXPECT_EQ(violations("report", "#include \"lab/trial.h\"\n").size(), 1U);
  EXPECT_EQ(violations("engine", "#include \"cpu/planner.h\"\n").size(), 1U);
  EXPECT_EQ(violations("engine", "#include \"executors/cpu/limits.h\"\n").size(), 1U);
  EXPECT_EQ(violations("executors", "#include \"executors/cpu/session.h\"\n").size(), 1U);
  EXPECT_EQ(violations("executors/cpu", "#include \"executors/executor.h\"\n").size(), 0U);
  EXPECT_EQ(violations("experiments", "#include \"executors/executor.h\"\n").size(), 1U);
  EXPECT_EQ(folder_of("executors/cpu/session.h"), "executors/cpu");
  EXPECT_EQ(folder_of("executors/executor.h"), "executors");
  EXPECT_EQ(folder_of("experiments/executors/a.cpp"), "experiments/executors");
  EXPECT_EQ(violations("weights", "#include \"lab/trial.h\"\n").size(), 1U);
  EXPECT_EQ(violations("lab", "#include \"studies/image_task.h\"\n").size(), 1U);
  EXPECT_EQ(violations("lab", "#include \"weights/arrays.h\"\n").size(), 0U);
  for (const char* folder : {"nn", "lab", "studies"})
    EXPECT_EQ(violations(folder, "#include \"executors/cpu/program.h\"\n").size(), 1U);
  EXPECT_EQ(violations("lab", "#include \"executors/cpu/session.h\"\n", true).size(), 0U);
  EXPECT_EQ(violations("studies", "#include \"experiments/catalogue.h\"\n").size(), 1U);
  EXPECT_EQ(violations("experiments/a", "#include \"experiments/catalogue.h\"\n").size(), 0U);
  EXPECT_EQ(violations("experiments/a", "#include \"experiments/a/study.h\"\n").size(), 0U);
  EXPECT_EQ(violations("experiments/a", "#include \"experiments/b/study.h\"\n").size(), 1U);
  EXPECT_EQ(violations("experiments/a", "#include \"executors/executor.h\"\n").size(), 1U);
  EXPECT_EQ(violations("ops", "#include \"../graph/graph.h\"\n").size(), 1U);
  EXPECT_EQ(violations("attic", "").size(), 1U);
}

TEST(Layering, NoticesReadingThatNobodyNotes) {
  EXPECT_TRUE(reads_unnoticed("src/text/a.cpp", "std::ifstream in(path);\n"));
  EXPECT_TRUE(reads_unnoticed("experiments/a.cpp", "int f = ::open(name, O_RDONLY);\n"));
  EXPECT_TRUE(
      reads_unnoticed("src/lab/a.cpp", "for (auto& e : fs::directory_iterator(path)) {}\n"));
  EXPECT_FALSE(reads_unnoticed("src/text/a.cpp", "note_input(path);\nstd::ifstream in(path);\n"));
  EXPECT_FALSE(
      reads_unnoticed("src/text/a.cpp", "#include <fstream>\n// fopen\nRunFolder::opened();\n"));
  EXPECT_FALSE(
      reads_unnoticed("src/lab/a.cpp", "void Pool<int>::open(int) { Rendezvous::open(); }\n"));
  EXPECT_FALSE(reads_unnoticed("src/cli/a.cpp", "std::ifstream in(path);\n"));
}

TEST(Layering, NoticesPrintingAndExiting) {
  EXPECT_EQ(violations("lab", "std::cout << 1;\nprintf(\"a\");\nif (x) exit(1);\n").size(), 3U);
  EXPECT_EQ(violations("lab", "fmt::print(stderr, \"a\");\n").size(), 1U);
  EXPECT_EQ(violations("cli", "std::cout << 1; exit(1);\n").size(), 0U);
  EXPECT_EQ(violations("lab", "snprintf(buffer, 3, \"a\"); atexit_list();\n").size(), 0U);
}

TEST(Layering, CommentsAndLiteralsAreNotCode) {
  EXPECT_EQ(violations("lab", "// exit(1)\n/* stdout\n stderr */\n\"printf(\\\"\";\n").size(), 0U);
  EXPECT_EQ(violations("lab", "R\"js(exit(1))js\";\n'\"'; \"stdout\";\n").size(), 0U);
  EXPECT_EQ(violations("lab", "int n = 1'000; exit(1'0);\n").size(), 1U);
}

}  // namespace
}  // namespace omni
