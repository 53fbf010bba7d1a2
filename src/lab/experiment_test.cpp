// An experiment with the words of its page: what the code does not say is the page's, and what
// either leaves out is named.
#include "lab/experiment.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <functional>

#include "lab/declarations.h"
#include "lab/jobs.h"
#include "lab/judging.h"
#include "lab/word_use.h"
#include "nn/layers.h"

namespace omni {
namespace {

struct Sums {
  double lr = 0.1;
  int64_t width = 8;
  std::string said = "own";

  void visit(auto&& option) {
    option("lr", lr, between(0, 1));
    option("width", width, "units, as the code says", between(1, 99));
    option("said", said, "whose label the last arm has", harmless("a label"));
  }
  std::vector<ArmInfo> arms() const {
    return {{"fork-2", "", "", {}}, {"base", "", "", {}}, {"last", said, "", {}}};
  }
  void run(Trial& t) const {
    const Trained m = t.init([](Net& net, Value x) { mlp(net, x, {2}); }, {3}, t.key());
    for (const char* arm : {"fork-2", "base", "last"}) t.record(arm, m, {{"acc", 0.5}});
  }
  std::vector<ClaimSpec> claims(const Dataset&) const {
    return {stated("1", "", of("base", "acc") > 0.3), stated("2", "own", of("last", "acc") > lr)};
  }
  std::vector<FigureRow> figures() const {
    FigureRow f{"acc", "", "", {}}, own{"own", "Title", "", {}};
    f.spec.metric = own.spec.metric = "acc";
    return {f, own};
  }
};

constexpr const char* kPage = R"(# Sums

## Question

Why?

## What it rests on

Numbers.

## How many seeds

Six.

## Options

| option | what it is |
|---|---|
| `lr` | learning rate |

## Conditions

| arm | name | what is done | published |
|---|---|---|---|
| `base` | Base at {lr} | nothing | 0.25 |
| `fork-*` | Fork * | an order of its own |

## Metrics

| metric | what it is |
|---|---|
| `acc` | accuracy |

## Claims

| claim | what is claimed |
|---|---|
| 1 | It is above 0.3 |

## Figures

| figure | title | caption | x axis | y axis |
|---|---|---|---|---|
| `acc` | Accuracy | At {width} units. | | share |

## Presets

| preset | what it is |
|---|---|
| quick | a second |
)";

Experiment sums() {
  Experiment e;
  e.name = "the-sums";
  e.metric = "acc";
  e.presets = {{"quick", 2}};
  e.settings = settings_of<Sums>();
  return e;
}

Experiment with(const std::string& text, Experiment e = sums()) {
  const WordPage page{"the_sums", text};
  return with_words({std::move(e)}, {&page, text.empty() ? 0U : 1U})[0];
}

std::string without(const std::string& line) {
  std::string text = kPage;
  const size_t at = text.find(line);
  return text.erase(at, text.find('\n', at) + 1 - at);
}

Resolved resolved(const Experiment& e, const std::string& word = "lr=0.2") {
  RunRequest request;
  request.assignments.push_back(parse_assignment(word));
  return resolve(e, request);
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const UserError& e) {
    return e.what();
  }
  return "no error";
}

TEST(WithWords, TheCodesGapsAreFilled) {
  const Experiment e = with(kPage);
  EXPECT_EQ(e.title, "Sums");
  EXPECT_EQ(e.texts.question, "Why?");
  EXPECT_EQ(e.texts.structure, "Numbers.");
  EXPECT_EQ(e.texts.costs, "");
  EXPECT_EQ(e.seeds_needed, "Six.");
  EXPECT_EQ(metric_label(e, *e.settings()), "accuracy");
  EXPECT_EQ(e.presets[0].what, "a second");

  const Resolved r = resolved(e);
  const std::vector<ArmInfo> arms = all_arms(r, e, {});
  ASSERT_EQ(arms.size(), 3u);
  EXPECT_EQ(arms[0].name + "|" + arms[0].label, "base|Base at 0.2");
  EXPECT_EQ(arms[0].description, "nothing");
  EXPECT_EQ(arms[0].published, 0.25);
  EXPECT_EQ(arms[1].name + "|" + arms[1].label, "fork-2|Fork 2");
  EXPECT_FALSE(arms[1].published);
  EXPECT_EQ(arms[2].label, "own") << "what the page has no row of comes last";

  const std::vector<ClaimSpec> claims = stated_claims(r, e, {});
  EXPECT_EQ(claims[0].text, "It is above 0.3");
  EXPECT_EQ(claims[0].formula, "acc of base > 0.3");
  EXPECT_EQ(claims[1].text, "own");

  const std::vector<FigureRow> figures = all_figures(r, e, {}, {});
  EXPECT_EQ(figures[0].title, "Accuracy");
  EXPECT_EQ(figures[0].caption, "At 8 units.");
  EXPECT_EQ(figures[0].spec.y_label, "share");
  EXPECT_EQ(figures[1].title, "Title");
}

// {name} is a value of the run, or of the preset.
TEST(WithWords, ValuesAreThoseOfTheRunOrThePreset) {
  std::string text = kPage;
  const auto replace = [&](const std::string& from, const std::string& to) {
    text.replace(text.find(from), from.size(), to);
  };
  replace("| accuracy |", "| accuracy at {lr} |");
  replace("| a second |", "| {width} units |\n| wide | {width} units |\n| wrong | {width} units |");
  Experiment e = sums();
  e.presets = {{"quick", 2}, {"wide", 2, "width=64"}, {"wrong", 2, "widht=64"}};
  e = with(text, e);
  EXPECT_EQ(e.presets[0].what, "8 units");
  EXPECT_EQ(e.presets[1].what, "64 units");
  EXPECT_EQ(e.presets[2].what, "8 units") << "a slip that resolve() tells";
  const auto label = [&](const char* word) {
    return all_figures(resolved(e, word), e, {}, {})[0].spec.y_label;
  };
  EXPECT_EQ(metric_label(e, *resolved(e, "lr=0.5").variants[0].settings), "accuracy at 0.5");
  EXPECT_EQ(label("width=8,16"), "accuracy at 0.1");
}

TEST(WithWords, APageMayDescribeWhatTheCodeDoes) {
  std::string text = kPage;
  text.insert(text.find("| `lr`"), "| `width` | units, as the page says |\n");
  const auto help = [](const Experiment& e, const char* option) {
    const auto s = e.settings();
    OptionList options = s->options();
    return help_of(e, options.find(option, "here"), values_of(options));
  };
  EXPECT_EQ(help(with(kPage), "width"), "units, as the code says");
  EXPECT_EQ(help(with(text), "width"), "units, as the page says");
  EXPECT_EQ(help(with(text), "lr"), "learning rate");
  EXPECT_EQ(help(with(""), "lr"), "");
}

TEST(WithWords, APageOfNoExperimentIsNamed) {
  const WordPage pages[] = {{"the_sum", "# Sums"}};
  EXPECT_EQ(error_of([&] { with_words({sums()}, pages); }),
            "the_sum.md is the page of no experiment; none is called the_sum; did you mean "
            "\"the_sums\"?");
}

TEST(WithWords, WithoutAPageThingsAreCalledByTheirNames) {
  const Experiment e = with("");
  EXPECT_FALSE(e.words.there());
  EXPECT_EQ(stated_claims(resolved(e), e, {})[0].text, "1");
  EXPECT_EQ(all_arms(resolved(e), e, {})[0].label, "fork-2");
  EXPECT_EQ(all_figures(resolved(e), e, {}, {})[0].title, "acc");
}

// Without arms(), a page or labels.
struct Bare {
  double lr = 0.1;

  void visit(auto&& option) { option("lr", lr, "a rate", between(0, 1)); }
  void run(Trial& t) const {
    const Trained m = t.init({{"w", {2}, init::zeros()}}, t.key());
    for (const char* arm : {"second", "first"}) t.record(arm, m, {{"acc", 0.5}});
  }
};

TEST(WithWords, ArmsAreWhatIsRecordedInItsOrder) {
  const Experiment e =
      experiment<Bare>({.name = "bare", .metric = "acc", .presets = {{"quick", 2}}});
  const auto names = [&](const char* word) {
    const Resolved r = resolved(e, word);
    std::string text;
    for (const ArmInfo& a : all_arms(r, e, recording_of(dry_run(r, {}))))
      text += a.name + " = " + a.label + "; ";
    return text;
  };
  EXPECT_EQ(names("lr=0.2"), "second = second; first = first; ");
  EXPECT_EQ(names("lr=0.1,0.2"),
            "second | lr=0.1 = second, lr=0.1; first | lr=0.1 = first, lr=0.1; "
            "second | lr=0.2 = second, lr=0.2; first | lr=0.2 = first, lr=0.2; ");
}

TEST(WithWords, WhatIsSaidTwiceOrNotAtAllIsNamed) {
  Experiment titled = sums();
  titled.title = "My sums";
  EXPECT_EQ(error_of([&] { with(kPage, titled); }),
            "the_sums.md and the code of the-sums both say the title; leave it to the page");
  EXPECT_EQ(
      error_of([&] { with(without("| quick")); }),
      "the_sums.md: it says nothing of the preset 'quick'; write a row of it under ## Presets");
  EXPECT_EQ(error_of([&] { with(without("| `acc` | accuracy")); }),
            "the_sums.md: it says nothing of the metric 'acc'; write a row of it under ## Metrics");
  const std::pair<const char*, const char*> rows[] = {{"| `lr`", "option 'lr'"},
                                                      {"| `base`", "arm 'base'"},
                                                      {"| 1 |", "claim '1'"},
                                                      {"| `acc` | Accuracy", "figure 'acc'"}};
  for (const auto& [row, what] : rows) {
    const Experiment e = with(without(row));
    const std::string error = error_of([&] {
      const Resolved r = resolved(e);
      check_declarations(r, e, {}, dry_run(r, {}));
    });
    EXPECT_EQ(error.find(std::string("the_sums.md: it says nothing of the ") + what), 0u) << error;
  }
  const Experiment whole = with(kPage);
  const Resolved r = resolved(whole);
  check_declarations(r, whole, {}, dry_run(r, {}));
}

TEST(WithWords, RowsThatNoPresetUsesAreNamed) {
  const auto unused = [](const std::string& text) {
    const Experiment e = with(text);
    const Resolved r = resolved(e);
    WordUse use;
    use.add(r, e, {}, dry_run(r, {}));
    const std::vector<std::string> rows = use.unused(e.words);
    return rows.empty() ? "no error" : fmt::format("{}", fmt::join(rows, "\n"));
  };
  const auto and_row = [](const char* before, const std::string& row) {
    std::string text = kPage;
    return text.insert(text.find(before), row + "\n");
  };
  EXPECT_EQ(unused(kPage), "no error");
  EXPECT_EQ(unused(and_row("| `lr`", "| `lrr` | x |")),
            "the_sums.md:19: there is no option 'lrr' in the code; did you mean \"lr\"?");
  EXPECT_EQ(unused(and_row("| `lr`", "| `width` | x |")), "no error")
      << "its page may describe what the code does, too";
  EXPECT_NE(
      unused(and_row("| 1 |", "| 1b | x |\n| 1c | x |")).find("\nthe_sums.md:39: there is no"),
      std::string::npos)
      << "each of them";
}

}  // namespace
}  // namespace omni
