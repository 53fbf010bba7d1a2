// Figures from a few words: what each kind becomes, which arms it shows, and whose words it has.
#include "lab/figure_list.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "lab/declarations.h"
#include "lab/jobs.h"
#include "nn/layers.h"

namespace omni {
namespace {

using Names = std::vector<std::string>;

constexpr const char* kPage = R"(# T

## Metrics

| metric | what it is |
|---|---|
| `acc` | accuracy |
| `loss` | loss in nats |
| `recall.*` | recall of * |

## Figures

| figure | title | caption | x axis | y axis |
|---|---|---|---|---|
| `acc` | Accuracy | Of {seeds} seeds. | | |
| `mine` | Mine | With axes. | here | there |
| `forks` | Forks | | fork at | |
| `*` | Another | The rest. |
)";

const RecordedMetrics kRecorded = {
    {"base", {{"acc", kFinalStep}, {"loss", kFinalStep}, {"loss", 4}}},
    {"other", {{"acc", kFinalStep}, {"recall.9", kFinalStep}, {"recall.10", kFinalStep}}},
    {"fork-0.5", {{"acc", kFinalStep}, {"loss", kFinalStep}, {"loss", 4}}},
    {"fork-0.25", {{"acc", kFinalStep}, {"f1.9", kFinalStep}, {"f1.11", kFinalStep}}},
    {"fork-x", {{"acc", kFinalStep}}}};
const std::set<std::string> kPictured = {"shown"};

struct Bench {
  Words words = Words::parse(kPage, "t.md");
  Figures figures{{words,
                   {{"seeds", "6"}},
                   {{"base", "Base", "", 0.25},
                    {"other", "Other", "", {}},
                    {"fork-0.5", "Fork 0.5", "", {}},
                    {"fork-0.25", "Fork 0.25", "", 0.5},
                    {"fork-x", "Fork x", "", {}}},
                   kRecorded,
                   kPictured,
                   "acc"}};
  FigureRow row(size_t i = 0) const { return figures.all().at(i); }
  FigureSpec spec(size_t i = 0) const { return row(i).spec; }
};

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const UserError& e) {
    return e.what();
  }
  return "no error";
}

TEST(Figures, HaveTheWordsOfThePage) {
  Bench b;
  b.figures.bars("acc");
  b.figures.bars("mine", "loss");
  b.figures.scatter("some", "loss", "acc");
  EXPECT_EQ(b.row().title, "Accuracy");
  EXPECT_EQ(b.row().caption, "Of 6 seeds.");
  EXPECT_EQ(b.spec().metric, "acc");
  EXPECT_EQ(b.spec().y_label, "accuracy");
  EXPECT_EQ(b.spec(1).x_label + "|" + b.spec(1).y_label, "here|there");
  EXPECT_EQ(b.spec(2).x_label + "|" + b.spec(2).y_label, "loss in nats|accuracy");
}

TEST(Figures, ShowTheArmsThatHaveTheMetric) {
  Bench b;
  b.figures.bars("acc");
  b.figures.bars("loss");
  b.figures.lines("curve", "loss");
  b.figures.scatter("some", "acc", "loss");
  b.figures.bars("few", "acc").arms({"other", "base"});
  EXPECT_TRUE(b.spec().arms.empty()) << "all of them";
  for (const size_t i : {1, 2, 3}) EXPECT_EQ(b.spec(i).arms, (Names{"base", "fork-0.5"})) << i;
  EXPECT_EQ(b.spec(2).kind, "lines");
  EXPECT_EQ(b.spec(3).kind, "scatter");
  EXPECT_EQ(b.spec(4).arms, (Names{"other", "base"}));
}

TEST(Figures, LinesGoOverTheNumbersInMetrics) {
  Bench b;
  b.figures.lines("pushes").metrics("recall", "other", "recall.*").metrics("x", "base", "none@*");
  EXPECT_EQ(
      b.spec().series,
      (std::vector<Series>{{"recall", {{9, "", "recall.9"}, {10, "", "recall.10"}}, "other", ""}}));
  EXPECT_TRUE(b.spec().groups.empty());
}

TEST(Figures, ShowTheArmsThatFitAPattern) {
  Bench b;
  b.figures.bars("forks", "acc").arms({"other", "fork-*", "base"});
  b.figures.bars("spoons", "acc").arms({"spoon-*"});
  EXPECT_EQ(b.spec().arms, (Names{"other", "fork-x", "fork-0.25", "fork-0.5", "base"}));
  EXPECT_EQ(b.figures.all().size(), 1u) << "a figure of no arm is left out";
}

TEST(Figures, BarsOfTheExperimentsMetricShowWhatWasPublished) {
  Bench b;
  b.figures.bars("acc");
  b.figures.bars("loss");
  EXPECT_EQ(b.spec(0).reference,
            (std::map<std::string, double>{{"base", 0.25}, {"fork-0.25", 0.5}}));
  EXPECT_TRUE(b.spec(1).reference.empty());
}

TEST(Figures, AxesAreSaidOneAfterAnother) {
  Bench b;
  b.figures.bars("acc").unit().level(0.1, "chance");
  b.figures.lines("loss").from_zero().log_x().to(4);
  b.figures.bars("mine", "loss").log_y();
  EXPECT_EQ(b.spec().y_low, 0);
  EXPECT_EQ(b.spec().y_high, 1);
  EXPECT_EQ(b.spec().level_line, 0.1);
  EXPECT_EQ(b.spec().level_label, "chance");
  EXPECT_TRUE(b.spec(1).log_x && !b.spec(1).log_y);
  EXPECT_EQ(b.spec(1).y_high, 4);
  EXPECT_TRUE(b.spec(2).log_y);
  EXPECT_FALSE(b.spec(2).y_low);
}

TEST(Figures, GroupsAreOfMetricsOrOfArms) {
  Bench b;
  b.figures.groups("g", {"acc", "recall.*"});
  b.figures.by_arm("h", {"loss"});
  b.figures.groups("i").metrics("mine", "other", "recall.*");
  EXPECT_EQ(b.spec().groups,
            (std::vector<Group>{
                {"accuracy", "acc"}, {"recall of 9", "recall.9"}, {"recall of 10", "recall.10"}}));
  EXPECT_TRUE(b.spec().arms.empty());
  EXPECT_EQ(b.spec(1).groups, (std::vector<Group>{{"Base", ""}, {"Fork 0.5", ""}}));
  EXPECT_EQ(b.spec(1).series,
            (std::vector<Series>{{"loss in nats", {{0, "base"}, {0, "fork-0.5"}}, "", "loss"}}));
  EXPECT_EQ(b.spec(2).groups, (std::vector<Group>{{"9", ""}, {"10", ""}}));
  EXPECT_EQ(
      b.spec(2).series,
      (std::vector<Series>{{"mine", {{0, "", "recall.9"}, {0, "", "recall.10"}}, "other", ""}}));
  EXPECT_EQ(error_of([&] {
              b.figures.groups("j").metrics("a", "other", "recall.*").metrics("b", "base", "acc");
            }),
            "figure 'j': 'acc' of 'base' makes the groups [], and [9, 10] are there already");
  EXPECT_EQ(
      error_of([&] {
        b.figures.groups("k").metrics("a", "other", "recall.*").metrics("b", "fork-0.25", "f1.*");
      }),
      "figure 'k': 'f1.*' of 'fork-0.25' makes the groups [9, 11], and [9, 10] are there "
      "already");
  EXPECT_EQ(
      error_of([&] {
        b.figures.groups("l").metrics("a", "base", "recall.*").metrics("b", "other", "recall.*");
      }),
      "figure 'l': 'recall.*' of 'other' makes the groups [9, 10], and [] are there already");
}

TEST(Figures, LinesGoOverTheNumbersInArms) {
  Bench b;
  b.figures.lines("forks").over("fork-*", {"acc", "loss"}, 0.4, "base").across("other");
  b.figures.lines("none").over("rate-*", {"acc"}, 1, "base");
  b.figures.lines("points").points("own", {{1, "base", "acc"}}).series({.label = "more"});
  ASSERT_EQ(b.figures.all().size(), 2u) << "a figure of no arm is left out";
  const std::vector<Series> s = b.spec().series;
  ASSERT_EQ(s.size(), 3u);
  EXPECT_EQ(
      s[0],
      (Series{"accuracy", {{0.25, "fork-0.25"}, {0.4, "base"}, {0.5, "fork-0.5"}}, "", "acc"}));
  EXPECT_EQ(s[1], (Series{"loss in nats", {{0.4, "base"}, {0.5, "fork-0.5"}}, "", "loss"}));
  EXPECT_EQ(s[2], (Series{"Other", {{0.25, "other"}, {0.5, "other"}}}));
  EXPECT_EQ(b.spec().x_label + "|" + b.spec().y_label, "fork at|accuracy");
  EXPECT_TRUE(b.spec().arms.empty());
  EXPECT_EQ(b.spec(1).series.size(), 2u);
}

TEST(Figures, LinesMayGoOverSeveralKindsOfArms) {
  Bench b;
  b.figures.lines("forks").over("fork-*", {"acc"}).over("rate-*", {"acc"});
  b.figures.lines("more").over("fork-*", {"acc"}).over("fork-*", {"loss"}, 0.1, "base");
  b.figures.lines("both").points("own", {{1, "base", "acc"}}).over("rate-*", {"acc"});
  ASSERT_EQ(b.figures.all().size(), 3u) << "one has lines, if not for every kind";
  EXPECT_EQ(b.spec(1).series[0],
            (Series{"accuracy", {{0.25, "fork-0.25"}, {0.5, "fork-0.5"}}, "", "acc"}));
  EXPECT_EQ(b.spec(1).series[1],
            (Series{"loss in nats", {{0.1, "base"}, {0.5, "fork-0.5"}}, "", "loss"}));
}

TEST(Figures, OfPicturesAreThereWhereThereAreAny) {
  Bench b;
  b.figures.images("shown", 4).rows({"a"}).columns({"b", "c"});
  b.figures.images("hidden", 4);
  b.figures.texts("told", 2);
  ASSERT_EQ(b.figures.all().size(), 1u);
  EXPECT_EQ(b.spec().kind, "images");
  EXPECT_EQ(b.spec().columns, 4);
  EXPECT_EQ(b.spec().row_labels, Names{"a"});
  EXPECT_EQ(b.spec().column_labels, (Names{"b", "c"}));
}

TEST(Figures, SlipsAreNamed) {
  Bench b;
  b.figures.bars("acc");
  EXPECT_EQ(error_of([&] { b.figures.lines("acc"); }), "the figure 'acc' is declared twice");
  b.figures.bars("los");
  EXPECT_EQ(error_of([&] { b.figures.all(); }),
            "t.md: it says nothing of the metric 'los'; line 8 has 'loss'");
}

// --- In an experiment ---

struct Drawn {
  double lr = 0.1;
  std::string slip = "none";

  void visit(auto&& option) {
    option("lr", lr);
    option("slip", slip, harmless("for this test"));
  }
  std::vector<ArmInfo> arms() const { return {{"a", "A", "", 0.75}, {"b", "B", "", {}}}; }
  void run(Trial& t) const {
    const Trained m = t.init([](Net& net, Value x) { mlp(net, x, {2}); }, {3}, t.key());
    t.record("a", m, {{"acc", 0.5}, {"loss", 1}});
    t.record("b", m, {{"acc", 0.5}});
    t.text("told", 0, "a text");
  }
  void claims(Claims& claim) const { claim("1", of("a", "acc") > 0.3); }
  void figures(Figures& figure) const {
    figure.bars("acc").unit();
    figure.bars("loss");
    figure.texts("told", 2);
    figure.images("pictures", 2);
    if (slip == "metric") figure.bars("lost");
    if (slip == "arm") figure.bars("x", "acc").arms({"c"});
  }
};

TEST(Figures, OfAnExperimentAreHeldAgainstItsDryRun) {
  Experiment e = experiment<Drawn>({.name = "drawn", .metric = "acc", .presets = {{"quick", 2}}});
  const auto figures = [&](const char* word, const char* data = "") {
    RunRequest request;
    request.assignments.push_back(parse_assignment(word));
    const Resolved r = resolve(e, request);
    const SeedRecord dry = dry_run(r, {});
    Dataset set;
    set.name = data;
    check_declarations(r, e, set, dry);
    const Recording recording = recording_of(dry);
    return all_figures(r, e, set, recording);
  };
  const std::vector<FigureRow> all = figures("slip=none");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].title, "acc") << "there is no page";
  EXPECT_EQ(all[0].spec.reference, (std::map<std::string, double>{{"a", 0.75}}));
  EXPECT_EQ(all[1].spec.arms, Names{"a"});
  EXPECT_EQ(all[2].spec.kind, "texts");
  EXPECT_TRUE(figures("lr=0.2")[0].spec.reference.empty()) << "these are not the source's settings";
  e.judged_on = "mnist";
  EXPECT_TRUE(figures("lr=0.1", "digits")[0].spec.reference.empty());
  EXPECT_EQ(figures("lr=0.1", "mnist")[0].spec.reference.size(), 1u);
  EXPECT_EQ(error_of([&] { figures("slip=metric"); }).find("figure 'lost' speaks of the metric"),
            0u);
  EXPECT_EQ(error_of([&] { figures("slip=arm"); }).find("figure 'x' speaks of the arm 'c'"), 0u);
}

}  // namespace
}  // namespace omni
