// Settings from presets and assignments, sweeps, and the claims and figures that follow from them.
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/test_folder.h"
#include "lab/judging.h"
#include "lab/options.h"
#include "lab/runner.h"
#include "store/files.h"

namespace omni {
namespace {

struct Toy {
  double lr = 0.1;
  int64_t width = 8;
  std::string kind = "plain", text = "none";
  void visit(auto&& option) {
    option("lr", lr, "learning rate", between(0, 1));
    option("width", width, "units", between(1, 100));
    option("kind", kind, "kind", one_of({"plain", "fancy"}));
    option("text", text, "a file");
    option.check([this] { require(lr != 0.13, "lr 0.13 brings bad luck, too"); });
  }
  void check() const { require(width != 13, "width 13 brings bad luck"); }
  std::vector<ArmInfo> arms() const {
    return {{"method", "Method", "", 0.9}, {"control", "Control", "", {}}};
  }
  void run(Trial&) const {}
  std::vector<ClaimSpec> claims(const Dataset&) const {
    ClaimSpec better{"better", "the method beats the control", {ClaimKind::above, 0}, {}};
    better.claim.difference = true;
    better.value = [](const SeedValues& v) { return v("method", "score") - v("control", "score"); };
    ClaimSpec wider{"wider", "width helps", {ClaimKind::above, 0}, {}};
    wider.value = [](const SeedValues& v) {
      return v.at("width=16", "method", "score") - v.at("width=8", "method", "score");
    };
    wider.variants = {"width=8", "width=16"};
    ClaimSpec open{"open", "not judged", {ClaimKind::above, 0}, better.value};
    open.why_not_judged = width == 8 ? "too few models" : "of the usual width only";
    return {better, wider, open};
  }
  std::vector<FigureRow> figures() const { return {{"scores", "Scores", "", {}}}; }
};

Experiment toy() {
  Experiment e;
  e.name = "toy";
  e.title = "A toy";
  e.metric = "score";
  e.metric_label = "Score";
  e.presets = {{"quick", "fast", {}, 4}, {"full", "slow", {{"width", "64"}}, 10}};
  e.settings = settings_of<Toy>();
  return e;
}

Resolved resolve_with(std::vector<std::string> arguments, const std::string& preset = "") {
  RunRequest r;
  r.preset = preset;
  for (const std::string& a : arguments) r.assignments.push_back(parse_assignment(a));
  return resolve(toy(), r);
}

std::string value_of(const Variant& v, const char* option) {
  OptionList list = v.settings->options();
  return list.find(option, "").text();
}

TEST(Resolve, PresetsThenAssignments) {
  const Resolved plain = resolve_with({}), full = resolve_with({"lr=0.5", "lr=0.25"}, "full");
  EXPECT_EQ(plain.preset, "quick");
  EXPECT_EQ(plain.seeds, (std::vector<int64_t>{0, 1, 2, 3}));
  ASSERT_EQ(plain.variants.size(), 1u);
  EXPECT_EQ(plain.variants[0].label, "");
  EXPECT_EQ(full.seeds.size(), 10u);
  EXPECT_EQ(value_of(full.variants[0], "width"), "64");
  EXPECT_EQ(value_of(full.variants[0], "lr"), "0.25");  // the later one wins
}

TEST(Resolve, SweepsAreAllCombinations) {
  const Resolved r = resolve_with({"width=8,16", "lr=0.1,0.2,0.3"});
  ASSERT_EQ(r.variants.size(), 6u);
  EXPECT_EQ(r.variants[0].label, "width=8, lr=0.1");
  EXPECT_EQ(r.variants[5].label, "width=16, lr=0.3");
  EXPECT_EQ(value_of(r.variants[5], "lr"), "0.3");
  EXPECT_EQ(r.base, "width=8, lr=0.1");
  EXPECT_EQ(r.swept, (std::vector<std::string>{"width", "lr"}));
  EXPECT_EQ(resolve_with({"width=16,32"}).base, "");  // the usual width is not among them
  EXPECT_EQ(resolve_with({"width=8,16", "width=4"}).variants.size(), 1u);
}

TEST(Resolve, RefusesWhatCannotBe) {
  EXPECT_THROW(resolve_with({"lr=2"}), UserError);
  EXPECT_THROW(resolve_with({"lr=0.1,2"}), UserError);
  EXPECT_THROW(resolve_with({"learning=1"}), UserError);
  EXPECT_THROW(resolve_with({"width=13"}), UserError);
  EXPECT_THROW(resolve_with({"width=12,13"}), UserError);
  EXPECT_THROW(resolve_with({"width=8,8"}), UserError);
  EXPECT_THROW(resolve_with({}, "quik"), UserError);
  RunRequest none;
  none.seeds = std::vector<int64_t>{};
  EXPECT_THROW(resolve(toy(), none), UserError);
}

// config.toml, given back, is the same run.
TEST(Resolve, WritesWhatItWouldRead) {
  const Resolved r = resolve_with({"kind=plain,fancy", "lr=0.2,1", "width=9"});
  RunRequest again;
  again.assignments = parse_assignments(r.toml, "config.toml");
  // What says which run it is, beside the options.
  EXPECT_EQ(std::erase_if(again.assignments,
                          [](const Assignment& a) {
                            return a.key == "experiment" || a.key == "preset" || a.key == "seeds" ||
                                   a.key == "precision";
                          }),
            4u)
      << r.toml;
  const Resolved back = resolve(toy(), again);
  ASSERT_EQ(back.variants.size(), 4u);
  std::set<std::string> labels, wanted;
  for (const Variant& v : r.variants)
    wanted.insert(value_of(v, "kind") + value_of(v, "lr") + value_of(v, "width"));
  for (const Variant& v : back.variants)
    labels.insert(value_of(v, "kind") + value_of(v, "lr") + value_of(v, "width"));
  EXPECT_EQ(labels, wanted);
}

TEST(Resolve, SaysWhichExecutorWhereItIsNotTheCpu) {
  RunRequest request;
  EXPECT_EQ(resolve(toy(), request).toml.find("executor"), std::string::npos);
  request.executor = ExecutorKind::reference;
  EXPECT_NE(resolve(toy(), request).toml.find("\nexecutor = \"reference\"\n"), std::string::npos);
  request.precision = Precision::bf16;
  EXPECT_THROW(resolve(toy(), request), UserError);
  request.precision = Precision::f32;
  request.passes_off = {"dead-code"};
  EXPECT_THROW(resolve(toy(), request), UserError);
}

TEST(Resolve, APresetIsWhatOneWouldType) {
  Experiment e = toy();
  e.presets = {{"wide", 3, "width=32 text=\"two words\""}, {"bad", 1, "widht=3"}, {"plain", 2}};
  RunRequest request;
  const Resolved r = resolve(e, request);
  EXPECT_EQ(r.seeds.size(), 3u);
  EXPECT_EQ(value_of(r.variants[0], "width"), "32");
  EXPECT_EQ(value_of(r.variants[0], "text"), "two words");
  request.preset = "plain";
  EXPECT_EQ(value_of(resolve(e, request).variants[0], "width"), "8");
  request.preset = "bad";
  try {
    resolve(e, request);
    ADD_FAILURE();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "preset bad of toy: there is no option 'widht'; did you mean \"width\"?");
  }
}

TEST(Resolve, ChecksThatComeWithOptionsAreAskedInEveryVariant) {
  for (const char* word : {"lr=0.13", "lr=0.1,0.13", "width=13"})
    EXPECT_THROW(resolve_with({word}), UserError) << word;
}

// --- Judging ---

void record(Results& results, const std::string& arm, int64_t seed, double score,
            ModelStatus status = ModelStatus::ok) {
  results.record_model({arm, seed, status, -1, "", {{"score", kFinalStep, score}}});
}

TEST(Judging, ReadsPairsFromTheStore) {
  TestFolder folder;
  Results results(folder.path() / "r.sqlite", Access::write);
  for (int64_t seed = 0; seed < 4; ++seed) {
    record(results, "method", seed, 0.8 + 0.01 * seed);
    record(results, "control", seed, 0.5);
  }
  record(results, "control", 3, 0, ModelStatus::diverged);
  const auto claims = judge_claims(resolve_with({}), toy(), results, {});
  ASSERT_EQ(claims.size(), 2u);  // the claim about widths needs a sweep
  EXPECT_EQ(claims[0].id, "better");
  EXPECT_EQ(claims[0].judgement.verdict, Verdict::supported);
  EXPECT_EQ(claims[0].judgement.n, 3);
  EXPECT_EQ(claims[0].judgement.excluded, 1);
  EXPECT_NEAR(claims[0].judgement.estimate, 0.31, 1e-9);
  EXPECT_EQ(claims[1].judgement.verdict, Verdict::not_judged);
  EXPECT_EQ(claims[1].judgement.note, "too few models");
}

TEST(Judging, SpeaksOfVariantsInSweeps) {
  TestFolder folder;
  Results results(folder.path() / "r.sqlite", Access::write);
  for (int64_t seed = 0; seed < 4; ++seed)
    for (const char* width : {"8", "16"})
      for (const char* arm : {"method", "control"})
        record(results, fmt::format("{} | width={}", arm, width), seed,
               (*arm == 'm' ? 0.8 : 0.5) - (*width == '8' ? 0 : 0.1) + 0.001 * seed);
  const auto swept = judge_claims(resolve_with({"width=8,16"}), toy(), results, {});
  ASSERT_EQ(swept.size(), 3u);
  EXPECT_NEAR(swept[0].judgement.estimate, 0.3, 1e-9);  // of the usual width
  EXPECT_NEAR(swept[1].judgement.estimate, -0.1, 1e-9);
  EXPECT_EQ(swept[1].judgement.verdict, Verdict::refuted);
  EXPECT_TRUE(judge_claims(resolve_with({"width=16,32"}), toy(), results, {}).empty());
  // The usual width states the claims, in whatever order widths are typed.
  EXPECT_EQ(judge_claims(resolve_with({"width=16,8"}), toy(), results, {})[2].judgement.note,
            "too few models");
}

TEST(Judging, NamesArmsAndDrawsSweeps) {
  const Resolved plain = resolve_with({}), swept = resolve_with({"width=8,16"}),
                 words = resolve_with({"kind=plain,fancy"}),
                 both = resolve_with({"width=8,16", "lr=0.1,0.2"});
  EXPECT_EQ(all_arms(plain, toy(), {}).size(), 2u);
  const auto arms = all_arms(swept, toy(), {});
  ASSERT_EQ(arms.size(), 4u);
  EXPECT_EQ(arms[2].name, "method | width=16");
  EXPECT_EQ(arms[0].published, 0.9);
  EXPECT_FALSE(arms[2].published);  // published for the usual width
  EXPECT_EQ(all_figures(plain, toy(), {}, {})[0].id, "scores");
  const FigureRow line = all_figures(swept, toy(), {}, {}).at(0);
  EXPECT_EQ(line.spec.kind, "lines");
  ASSERT_EQ(line.spec.series.size(), 2u);
  EXPECT_EQ(line.spec.series[0].points.size(), 2u);
  EXPECT_TRUE(all_figures(words, toy(), {}, {}).at(0).spec.series.empty());
  EXPECT_TRUE(all_figures(both, toy(), {}, {}).at(0).spec.series.empty());
}

std::string refusal(std::vector<std::string> arguments) {
  try {
    resolve_with(std::move(arguments));
  } catch (const UserError& e) {
    return e.what();
  }
  return "";
}

TEST(Resolve, ACommaForAPointIsNoSweep) {
  EXPECT_EQ(refusal({"lr=0,001"}),
            "argument lr=0,001: a comma separates values to sweep over. For one value write "
            "lr=0.001; for two, lr=0,1");
  EXPECT_EQ(resolve_with({"lr=0,1"}).variants.size(), 2u);
  EXPECT_NE(refusal({"lr=\u22120.1"}).find("not the minus of the keyboard: -0.1"),
            std::string::npos);
}

TEST(Resolve, AValueIsSweptOverOnce) {
  EXPECT_EQ(refusal({"lr=1,1e-3,0.001"}),
            "argument lr=1,1e-3,0.001: '1e-3' and '0.001' are the same value, lr=0.001");
  EXPECT_EQ(refusal({"width=8,16", "lr=1,0.5,1"}), "argument lr=1,0.5,1: '1' stands there twice");
  EXPECT_EQ(resolve_with({"width=8,16", "lr=1,0.5"}).variants.size(), 4u);
}

TEST(Resolve, APathMayHoldAComma) {
  const TestFolder folder;
  const std::string path = (folder.path() / "my stories, 2024.txt").string();
  EXPECT_EQ(resolve_with({"text=" + path}).variants.size(), 2u) << "there is no such file yet";
  EXPECT_EQ(value_of(resolve_with({"text=\"" + path + "\""}).variants[0], "text"), path);
  atomic_write(path, "x");
  const Resolved r = resolve_with({"text=" + path});
  ASSERT_EQ(r.variants.size(), 1u);
  EXPECT_EQ(value_of(r.variants[0], "text"), path);
  EXPECT_EQ(resolve_with({"text=" + path + ",none"}).variants.size(), 3u);
}

// Of every variant: what is copied from the base keeps all that was set.
TEST(Resolve, WhatHappensOnDivergenceReachesEveryVariant) {
  for (const auto& [text, wanted] : {std::pair{"keep", OnDivergence::keep},
                                     {"stop-model", OnDivergence::stop_model},
                                     {"stop-run", OnDivergence::stop_run}}) {
    const std::string chosen = fmt::format("on_divergence={}", text);
    for (const char* sweep : {"width=8", "width=8,16"}) {
      const Resolved r = resolve_with({chosen, sweep});
      for (const Variant& v : r.variants)
        EXPECT_EQ(v.settings->common().when_diverging(), wanted) << chosen << ' ' << v.label;
      EXPECT_NE(r.toml.find(fmt::format("on_divergence = \"{}\"", text)), std::string::npos);
    }
  }
}

// --- Options without effect ---

struct Curly {
  std::string kind = "plain";
  int64_t depth = 2;
  double curl = 0.5;
  void visit(auto&& option) {
    option("kind", kind, "kind", one_of({"plain", "fancy"}));
    option("depth", depth, "layers", between(0, 9));
    option("curl", curl, "of fancy layers", harmless("nobody looks"), between(0, 1),
           used_if(kind == "fancy", "kind=fancy"), used_if(depth > 0, "depth=2"));
  }
  std::vector<ArmInfo> arms() const { return {{"a", "A", "", {}}}; }
  void run(Trial&) const {}
  std::vector<ClaimSpec> claims(const Dataset&) const { return {}; }
  std::vector<FigureRow> figures() const { return {}; }
};

// What is refused, or "".
std::string refused_curl(const std::vector<std::string>& arguments) {
  Experiment e;
  e.name = "curly";
  e.presets = {{"quick", "", {}, 1}, {"wild", "", {{"curl", "0.9"}}, 1}};
  e.settings = settings_of<Curly>();
  RunRequest request;
  for (const std::string& a : arguments) {
    if (a == "wild")
      request.preset = a;
    else
      request.assignments.push_back(parse_assignment(a));
  }
  try {
    const Resolved first = resolve(e, request);
    request.assignments.clear();  // config.toml says everything, and reads back
    for (const Assignment& a : parse_assignments(first.toml, "config.toml"))
      if (a.key == "kind" || a.key == "depth" || a.key == "curl") request.assignments.push_back(a);
    EXPECT_EQ(resolve(e, request).toml, first.toml);
    return "";
  } catch (const UserError& error) {
    return error.what();
  }
}

TEST(Resolve, AnOptionWithoutEffectIsRefusedWithWhatGivesItOne) {
  for (const std::vector<std::string>& fine : std::vector<std::vector<std::string>>{
           {"kind=fancy", "curl=0.7"},
           {"curl=0.7", "kind=fancy"},
           {"kind=fancy", "curl=0.1,0.2"},
           {"kind=fancy", "depth=1,2", "curl=0.1,0.2"},
           {"kind=plain,fancy", "curl=0.7"},  // one of them uses it
           {"depth=0"},
           {"curl=0.5"},  // as it is anyway
           {"wild"},
           {"wild", "curl=0.9"}})
    EXPECT_EQ(refused_curl(fine), "") << fmt::format("{}", fmt::join(fine, " "));
  EXPECT_EQ(refused_curl({"curl=0.7"}),
            "argument curl=0.7: curl has no effect in this run; it has one with kind=fancy. Give "
            "that as well, or leave curl out");
  EXPECT_EQ(refused_curl({"kind=fancy", "depth=0", "curl=0.7"}),
            "argument curl=0.7: curl has no effect in this run; it has one with depth=2. Give "
            "that as well, or leave curl out");
  EXPECT_EQ(refused_curl({"kind=plain,fancy", "curl=0.1,0.2"}),
            "argument curl=0.1,0.2: some variants of this sweep have no use for curl, which has an "
            "effect with kind=fancy; give that to all of them");
  EXPECT_EQ(
      refused_curl({"curl=0.1,0.2"}),
      "argument curl=0.1,0.2: curl has no effect in this run; it has one with kind=fancy. Give "
      "that as well, or leave curl out");
}

// --- Where claims stand ---

struct Calibrated {
  int64_t steps = 100, wide = 0;
  double lr = 0.1;
  std::vector<double> rates = {1, 2};
  std::string methods = "one", note = "none";
  bool extra = false;
  void visit(auto&& option) {
    option("steps", steps, "length", between(1, 1000), harmless_if_more("more is learned"));
    option("wide", wide, "another network", between(0, 1));
    option("lr", lr, "learning rate", between(0, 1));
    option("rates", rates, "of the attack", between(0, 9),
           harmless_if_including("the best counts"));
    option("methods", methods, "ways", harmless_if_including("the first counts"));
    option("note", note, "any text", harmless("nobody reads it"));
    option("extra", extra, "one more arm", harmless("no claim speaks of it"));
  }
  std::vector<Calibrated> calibrated() const {
    Calibrated narrow, broad;
    broad.wide = 1;
    broad.lr = 0.2;
    return {narrow, broad};
  }
  std::vector<ArmInfo> arms() const { return {{"a", "A", "", {}}}; }
  void run(Trial&) const {}
  std::vector<ClaimSpec> claims(const Dataset&) const {
    const auto any = [](const SeedValues&) { return 1.0; };
    ClaimSpec usual{"usual", "", {ClaimKind::above, 0}, any}, early = usual, fact = usual;
    early.id = "early";
    early.indifferent_to = {"rates"};
    fact.id = "fact";
    fact.at_all_settings = true;
    return {usual, early, fact};
  }
  std::vector<FigureRow> figures() const { return {}; }
};

// Ids and reasons of claims: "usual: calibrated at ...; early".
std::string silent(const std::vector<std::string>& arguments) {
  Experiment e;
  e.name = "calibrated";
  e.presets = {{"quick", "", {}, 1}};
  e.settings = settings_of<Calibrated>();
  RunRequest request;
  for (const std::string& a : arguments) request.assignments.push_back(parse_assignment(a));
  std::string all;
  for (const ClaimSpec& c : stated_claims(resolve(e, request), e, {}))
    if (!c.why_not_judged.empty()) all += (all.empty() ? "" : "; ") + c.id + " " + c.why_not_judged;
  return all;
}

TEST(Resolve, ClaimsFallSilentWhereAnOptionIsNotAsCalibrated) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{},
                                             {"steps=100"},
                                             {"steps=101"},
                                             {"rates=1,2,3"},
                                             {"rates=0.5,1,2"},
                                             {"methods=one+two"},
                                             {"note=any"},
                                             {"extra=true"},
                                             {"wide=1", "lr=0.2"},
                                             {"on_divergence=keep"},
                                             {"wide=1", "lr=0.2", "steps=500"}})
    EXPECT_EQ(silent(arguments), "") << fmt::format("{}", fmt::join(arguments, " "));
  const auto both = [](const char* usual, const char* now) {
    const std::string why = fmt::format("calibrated at {}; this run has {}", usual, now);
    return "usual " + why + "; early " + why;
  };
  EXPECT_EQ(silent({"lr=0.2"}), both("lr=0.1", "lr=0.2"));
  EXPECT_EQ(silent({"steps=99"}), both("steps=100", "steps=99"));
  EXPECT_EQ(silent({"methods=two+one"}), both("methods=one", "methods=two+one"));
  EXPECT_EQ(silent({"methods=ones"}), both("methods=one", "methods=ones"));
  EXPECT_EQ(silent({"wide=1", "lr=0.2", "steps=2"}), both("steps=100", "steps=2"));
  EXPECT_EQ(silent({"rates=1,3"}), "usual calibrated at rates=1,2; this run has rates=1,3");
  EXPECT_EQ(silent({"steps=2", "lr=0.3", "note=x"}), both("steps=100, lr=0.1", "steps=2, lr=0.3"));
}

}  // namespace
}  // namespace omni
