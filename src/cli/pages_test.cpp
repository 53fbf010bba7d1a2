// An experiment whose words stand on a page, through the whole command line: what `list` and the
// report say of it, and how a damaged page ends every command.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/test_folder.h"
#include "cli/cli.h"
#include "nn/layers.h"
#include "store/files.h"
#include "store/results.h"

namespace omni {
namespace {

std::string never = "third";  // the arm of the second claim
enum class Slip { none, shapes, fact, absent } slip = Slip::none;

struct Paged {
  double lr = 0.1;
  int64_t width = 8;
  bool third = false;

  void visit(auto&& option) {
    option("lr", lr, between(0, 1));
    option("width", width, between(1, 64));
    option("third", third, "one more step", harmless("it adds an arm"));
  }
  void run(Trial& t) const {
    const Trained m = t.init([](Net& net, Value x) { mlp(net, x, {2}); }, {3}, t.key());
    if (slip == Slip::absent) read_file("nowhere.txt");
    if (slip == Slip::shapes)
      t.evaluate(
          [](Step& s) {
            Net net = s.net("model");
            const Value x = input(s.graph(), "x", {DType::f32, {2, 3}}, Role::data);
            s.graph().result("y", x + input(s.graph(), "y", {DType::f32, {4}}, Role::data));
          },
          2, {{"model", &m.model}});
    t.record("first", m, {{"height", 1}});
    t.record("second", m, {{"height", 0.5}});
    if (third) t.record("third", m, {{"height", 0.25}});
  }
  void claims(Claims& claim) const {
    claim("1", of("first", "height") - of("second", "height") > 0.25);
    claim("2", of(never, "height") > 0);
    if (slip == Slip::fact) claim("3", of("first", "height") >= 0.5);
  }
  void figures(Figures& figure) const { figure.bars("height").from_zero(); }
};

std::string page(
    const std::string& claims = "| 1 | The first is higher |\n| 2 | There is a third |\n") {
  return "# A page of steps\n\n## Question\n\nWhich is *higher*?\n\n## Costs\n\nNone at all.\n\n"
         "## Options\n\n| option | what it is |\n|---|---|\n| `lr` | rate of climbing |\n"
         "| `width` | of the steps |\n\n"
         "## Conditions\n\n| arm | name | what is done | published |\n|---|---|---|---|\n"
         "| `second` | The second step | nothing | 0.4 |\n| `first` | The first step | a rise |\n"
         "| `third` | The third step | a fall |\n\n"
         "## Metrics\n\n| metric | what it is |\n|---|---|\n| `height` | height in metres |\n\n"
         "## Claims\n\n| claim | what is claimed |\n|---|---|\n" +
         claims +
         "\n## Figures\n\n| figure | title | caption |\n|---|---|---|\n"
         "| `height` | How high | At a rate of {lr}. |\n\n"
         "## Presets\n\n| preset | what it is |\n|---|---|\n| quick | a blink |\n| smoke | less "
         "|\n";
}

std::string text;
std::vector<Experiment> paged_catalogue() {
  const WordPage page{"paged", text};
  return with_words(
      {experiment<Paged>({.name = "paged",
                          .metric = "height",
                          .primary = {"1"},
                          .presets = {{"quick", 3}, {"smoke", 2, "width=4 third=true"}}})},
      {&page, 1});
}

struct Output {
  int code;
  std::string out, err;
};

class Pages : public testing::Test {
 protected:
  void SetUp() override {
    before_ = std::filesystem::current_path();
    std::filesystem::current_path(folder_.path());
    setenv("XDG_CACHE_HOME", (folder_.path() / "cache").c_str(), 1);
    text = page();
  }
  void TearDown() override { std::filesystem::current_path(before_); }

  static Output omni(std::vector<std::string> words) {
    words.insert(words.begin(), "omniscale");
    std::vector<char*> argv;
    for (std::string& w : words) argv.push_back(w.data());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = cli_main(static_cast<int>(argv.size()), argv.data(), paged_catalogue);
    std::fflush(stdout);
    return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
  }

  TestFolder folder_;
  std::filesystem::path before_;
};

TEST_F(Pages, AreWhatListSays) {
  const Output o = omni({"list", "paged"});
  EXPECT_EQ(o.code, 0) << o.err;
  for (const char* words :
       {"paged: A page of steps", "Which is *higher*?", "rate of climbing (a number",
        "quick (the default, 3 seeds): a blink", "The first is higher",
        "height of first - height of second > 0.25", "There is a third"})
    EXPECT_NE(o.out.find(words), std::string::npos) << words << "\n" << o.out;
}

TEST_F(Pages, AreWhatTheReportSays) {
  const Output o = omni({"run", "paged", "--out", "run"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.err.find("paged, preset quick: 3 seeds, f32"), std::string::npos) << o.err;
  EXPECT_NE(o.err.find("\n2 conditions for each seed\n"), std::string::npos) << o.err;
  const std::string html = read_file("run/report.html");
  for (const char* words :
       {"A page of steps", "Which is *higher*?", "None at all.", "The second step", "a rise",
        "height in metres", "The first is higher", "height of first - height of second &gt; 0.25",
        "this run records no arm &#39;third&#39;; see --preset smoke", "How high",
        "At a rate of 0.1."})
    EXPECT_NE(html.find(words), std::string::npos) << words;
  const Results results("run/results.sqlite", Access::read);
  ASSERT_EQ(results.arms().size(), 2u);
  EXPECT_EQ(results.arms()[0].label, "The second step") << "the page's order";
  EXPECT_EQ(results.arms()[0].published, 0.4);
  EXPECT_EQ(results.figures().at(0).spec.reference.at("second"), 0.4);
}

TEST_F(Pages, WhatNoPresetRecordsEndsARunBeforeItBegins) {
  never = "fourth";
  const Output o = omni({"run", "paged", "--out", "run"});
  never = "third";
  EXPECT_EQ(o.code, 2);
  EXPECT_NE(o.err.find("claim 2 cannot be judged in any preset: this run records no arm 'fourth'"),
            std::string::npos)
      << o.err;
  EXPECT_FALSE(std::filesystem::exists("run"));
}

TEST_F(Pages, DamagedOnesEndEveryCommandWithTheirLine) {
  text = page() + "## Claim\n";
  const auto line = std::count(text.begin(), text.end(), '\n');
  for (const char* command : {"list", "run", "--version"}) {
    const Output o = omni({command});
    EXPECT_EQ(o.code, 2) << command;
    EXPECT_EQ(o.err, fmt::format("omni: error: paged.md:{}: there is no heading ## Claim; did you "
                                 "mean ## Claims?\n",
                                 line));
  }
}

TEST_F(Pages, RowsThatStandForNothingAreToldWithTheCounts) {
  text =
      page("| 1 | The first is higher |\n| 2 | There is a third |\n| 3 | And more |\n| 4 | x |\n");
  const Output o = omni({"list", "--count", "counts.json"});
  EXPECT_EQ(o.code, 0) << o.err;
  for (const char* row : {"there is no claim '3' in the code", "there is no claim '4' in the code"})
    EXPECT_NE(o.err.find(row), std::string::npos) << o.err;
}

TEST_F(Pages, WhatTheyDoNotSayIsToldWithTheCounts) {
  text = page("| 1 | The first is higher |\n");
  const Output o = omni({"list", "--count", "counts.json"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(
      o.err,
      "!! paged: paged.md: it says nothing of the claim '2'; write a row of it under ## Claims\n");
}

// Whatever would end a run of a preset is told when the build counts it; but for files that the
// user has still to bring.
TEST_F(Pages, WhatWouldEndARunIsToldWithTheCounts) {
  const auto told = [](Slip what) {
    slip = what;
    if (what == Slip::fact)
      text = page("| 1 | The first is higher |\n| 2 | There is a third |\n| 3 | It is high |\n");
    const Output o = omni({"list", "--count", "counts.json"});
    slip = Slip::none;
    text = page();
    EXPECT_EQ(o.code, 0) << o.err;
    return o.err;
  };
  EXPECT_NE(told(Slip::shapes).find("!! paged: evaluation: add: shapes"), std::string::npos)
      << told(Slip::shapes);
  EXPECT_EQ(told(Slip::fact),
            "!! paged: claim 3: 'height of first >= 0.5' is a fact of a seed; say always(height of "
            "first >= 0.5), sometimes(height of first >= 0.5), or > or < of the mean\n");
  EXPECT_EQ(told(Slip::absent), "");
  EXPECT_NE(read_file("counts.json").find("nowhere.txt"), std::string::npos);
}

// What a run adds to what the build counted.
TEST_F(Pages, ARunKeepsWhatItsPresetRecords) {
  ASSERT_EQ(omni({"run", "paged", "--preset", "smoke", "--out", "run"}).code, 0);
  std::string kept;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path() / "cache"))
    if (entry.path().parent_path().filename() == "counts") kept = read_file(entry.path());
  EXPECT_NE(kept.find("height of third"), std::string::npos) << kept;
}

}  // namespace
}  // namespace omni
