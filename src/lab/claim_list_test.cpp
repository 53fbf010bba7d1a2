// Claims stated as statements: what becomes of them, the settings at which each is judged, with the
// reason where it is not, and an author's slips.
#include "lab/claim_list.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/test_folder.h"
#include "lab/declarations.h"
#include "lab/jobs.h"
#include "nn/layers.h"

namespace omni {
namespace {

struct Study {
  double lr = 0.1;
  int64_t epochs = 5, shots = 16;
  bool extra = false;
  std::vector<double> rates = {1, 2};
  std::string data, slip = "none";

  void visit(auto&& option) {
    option("lr", lr, between(0, 1));
    option("epochs", epochs, between(1, 1000));
    option("shots", shots, between(1, 100));
    option("extra", extra, harmless("it adds an arm"));
    option("rates", rates, between(0, 9));
    option("slip", slip, harmless("for this test"));
  }
  bool is(const char* what) const { return slip == what; }
  std::vector<ArmInfo> arms() const {
    std::vector<ArmInfo> all = {{"a", "", "", {}}, {"b", "", "", {}}};
    if (extra) all.push_back({"c", "", "", {}});
    return all;
  }
  void run(Trial& t) const {
    const Trained m = t.init([](Net& net, Value x) { mlp(net, x, {2}); }, {3}, t.key());
    for (const ArmInfo& arm : arms()) t.record(arm.name, m, {{"acc", 0.5}});
    for (const int64_t step : {0, 5}) t.curve("a", "curve", step, 0.5);
    if (extra) t.curve("a", "curve", 10, 0.5);
  }
  void claims(Claims& claim) const {
    const Term a = of("a", "acc"), b = of("b", "acc");
    claim("gap", a - b > 0.1);
    claim.at_any("rates shots")("any", a > 0.1);
    claim.at_any()("fact", always(a == 0.5));
    claim.needs("epochs>=5")("needs", a > b);
    claim("arm", of("c", "acc") > 0);
    claim("step", of("a", "curve").after(10) > 0);
    claim.calibrated({"epochs=7", "epochs=9 lr=0.3"})("own", a > claim.setting());
    claim("star", least({of("*", "acc")}) > 0);
    claim("sweep", a.at("lr=0.2") > a.at("lr=0.1"));
    claim("swept arm", of("c", "acc").at("lr=0.2") > a.at("lr=0.1"));
    claim("swept star", least({of("*", "acc").at("lr=0.2")}) > 0);
    claim.with("share", 0.5)("words", a > 0, "own words");
    if (is("twice")) claim("gap", a > 0);
    if (is("never")) claim("typo", of("aa", "acc") > 0);
    if (is("swept")) claim("typo", of("aa", "acc").at("lr=0.2") > 0);
    if (is("unneeded")) claim.needs("shots=3")("typo", of("aa", "acc") > 0);
    if (is("metric")) claim("typo", of("a", "ac") > 0);
    if (is("when")) claim("typo", of("a", "curve").after(7) > 0);
    if (is("star")) claim("typo", of("d-*", "acc") > 0);
    if (is("option")) claim.at_any("rats");
    if (is("needs")) claim.needs("epochs=none");
    if (is("own")) claim.calibrated({"epcohs=3"});
    if (is("none")) claim.calibrated({"epochs>=3"});
    if (is("how often")) claim("typo", a == 1);
  }
  std::vector<FigureRow> figures() const { return {}; }
};

Experiment study() {
  return experiment<Study>({.name = "study",
                            .metric = "acc",
                            .primary = {"gap"},
                            .calibrated = {"", "epochs>=100 lr=0.5"},
                            .presets = {{"quick", 2}, {"full", 3, "extra=true"}}});
}

Resolved resolved(const Experiment& e, const std::vector<std::string>& words,
                  const std::string& preset = "") {
  RunRequest request;
  request.preset = preset;
  for (const std::string& w : words) request.assignments.push_back(parse_assignment(w));
  return resolve(e, request);
}

// Reasons by claim; "" for those that are judged.
std::map<std::string, std::string> reasons(const Experiment& e,
                                           const std::vector<std::string>& words,
                                           const std::string& data = "",
                                           const std::string& preset = "") {
  const Resolved r = resolved(e, words, preset);
  Dataset set;
  set.name = data;
  Recording recording = recording_of(dry_run(r, {}));
  PresetReads presets;
  for (const Preset& p : e.presets) {
    RunRequest request;
    request.preset = p.name;
    const Resolved of_preset = resolve(e, request);
    presets[p.name] = recorded_reads(of_preset, e, {}, recording_of(dry_run(of_preset, {})));
  }
  recording.presets = [&]() -> const PresetReads& { return presets; };
  std::map<std::string, std::string> all;
  for (const ClaimSpec& c : stated_claims(r, e, set, &recording)) all[c.id] = c.why_not_judged;
  return all;
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const UserError& e) {
    return e.what();
  }
  return "no error";
}

TEST(Claims, AreStatedByCalling) {
  const Experiment e = study();
  const std::vector<ClaimSpec> all = claims_of(e, *e.settings(), {});
  ASSERT_EQ(all.size(), 12u);
  EXPECT_EQ(all[0].id, "gap");
  EXPECT_EQ(all[0].text, "gap") << "there is no page";
  EXPECT_EQ(all[0].formula, "acc of a - acc of b > 0.1");
  EXPECT_TRUE(all[0].claim.difference);
  EXPECT_EQ(all[2].claim.kind, ClaimKind::exact);
  EXPECT_EQ(all[8].variants, (std::vector<std::string>{"lr=0.2", "lr=0.1"}));
  EXPECT_EQ(all[11].text, "own words");
}

TEST(Claims, WhatOnlyAnotherPresetRecordsIsLeftOutWithTheReason) {
  auto why = reasons(study(), {});
  EXPECT_EQ(why.at("gap") + why.at("any") + why.at("fact") + why.at("needs") + why.at("star"), "");
  EXPECT_EQ(why.at("arm"), "this run records no arm 'c'; see --preset full");
  EXPECT_EQ(why.at("step"),
            "this run records 'curve' of 'a' after 0, after 5 and not after 10; see --preset full");
  EXPECT_FALSE(why.contains("sweep"));
  why = reasons(study(), {"extra=true"});
  EXPECT_EQ(why.at("arm") + why.at("step"), "");
}

TEST(Claims, WhatThePresetItselfWouldRecordIsSaidSo) {
  const auto why = reasons(study(), {"extra=false"}, "", "full");
  EXPECT_EQ(why.at("arm"), "this run records no arm 'c'; --preset full does, as it is");
}

TEST(Claims, FallSilentWhereOptionsAreNotAsCalibrated) {
  auto why = reasons(study(), {"rates=1"});
  EXPECT_EQ(why.at("gap"), "calibrated at rates=1,2; this run has rates=1");
  EXPECT_EQ(why.at("any") + why.at("fact"), "");
  why = reasons(study(), {"rates=1", "shots=3"});
  EXPECT_EQ(why.at("any"), "");
  EXPECT_EQ(why.at("gap"), "calibrated at shots=16, rates=1,2; this run has shots=3, rates=1");
  for (const char* epochs : {"epochs=100", "epochs=250"}) {  // the second of the settings
    why = reasons(study(), {epochs, "lr=0.5"});
    EXPECT_EQ(why.at("gap") + why.at("needs"), "") << epochs;
  }
  EXPECT_EQ(reasons(study(), {"epochs=99", "lr=0.5"}).at("gap"),
            "calibrated at epochs=100; this run has epochs=99");
}

TEST(Claims, MayHaveSettingsOfTheirOwn) {
  EXPECT_EQ(reasons(study(), {}).at("own"), "calibrated at epochs=7; this run has epochs=5");
  EXPECT_EQ(reasons(study(), {"epochs=7"}).at("own"), "");
  EXPECT_EQ(reasons(study(), {"epochs=9", "lr=0.3"}).at("own"), "");
  const Experiment e = study();
  const auto threshold = [&](const std::vector<std::string>& words) {
    const Resolved r = resolved(e, words);
    return claims_of(e, *r.variants[0].settings, {})[6].claim.threshold;
  };
  EXPECT_EQ(threshold({}), 0);
  EXPECT_EQ(threshold({"epochs=200", "lr=0.5"}), 1) << "the nearest setting is the second";
}

TEST(Claims, MayNeedWhatNamesDoNotShow) {
  EXPECT_EQ(reasons(study(), {"epochs=3"}).at("needs"),
            "this run has epochs=3, and it speaks of epochs>=5");
  // What it reads there no preset may record.
  EXPECT_EQ(reasons(study(), {"slip=unneeded"}).at("typo"),
            "this run has shots=16, and it speaks of shots=3");
  EXPECT_EQ(reasons(study(), {"slip=unneeded", "shots=3"})
                .at("typo")
                .find("this run records no arm "
                      "'aa'; did you mean \"a\""),
            0u);
}

TEST(Claims, AreJudgedOnTheDataThatThresholdsWereSetOn) {
  Experiment e = study();
  e.judged_on = "mnist";
  auto why = reasons(e, {}, "digits");
  EXPECT_EQ(why.at("gap"), "thresholds were set on mnist; this run used digits");
  EXPECT_EQ(why.at("arm"), why.at("gap")) << "the first reason is told";
  EXPECT_EQ(why.at("fact"), "");
  EXPECT_EQ(reasons(e, {}, "mnist").at("gap"), "");
}

TEST(Claims, OfSweepsReadTheirVariants) {
  auto why = reasons(study(), {"lr=0.1,0.2"});
  EXPECT_EQ(why.at("sweep") + why.at("gap") + why.at("star"), "");
  EXPECT_EQ(why.at("arm"), "this run records no arm 'c'; see --preset full");
  EXPECT_EQ(why.at("swept arm"), "this run records no arm 'c | lr=0.2'; see --preset full");
  EXPECT_EQ(reasons(study(), {"lr=0.1,0.2", "extra=true"}).at("swept arm"), "");
  why = reasons(study(), {"lr=0.1,0.2", "slip=swept"});
  EXPECT_EQ(why.at("typo").find("this run records no arm 'aa | lr=0.2'; did you mean \"a\""), 0u);
  why = reasons(study(), {"lr=0.2,0.4"});
  EXPECT_EQ(why.size(), 1u) << "the unswept settings did not run";
  EXPECT_EQ(why.at("swept star"), "calibrated at lr=0.1; this run has lr=0.2");
}

TEST(Claims, AStarReadsWhatIsRecorded) {
  const Experiment e = study();
  const auto reads = [&](const std::vector<std::string>& words, const char* id = "star") {
    const Resolved r = resolved(e, words);
    const Recording recording = recording_of(dry_run(r, {}));
    for (const ClaimSpec& c : stated_claims(r, e, {}, &recording))
      if (c.id == id) {
        EXPECT_EQ(c.formula.find("least(acc of *"), 0u);
        return c.reads;
      }
    return std::vector<MetricRead>();
  };
  EXPECT_EQ(reads({}), (std::vector<MetricRead>{{"a", "acc"}, {"b", "acc"}}));
  EXPECT_EQ(reads({"extra=true"}).size(), 3u);
  EXPECT_EQ(reads({"lr=0.1,0.2"}).size(), 2u) << "of the unswept settings";
  for (const char* sweep : {"lr=0.1,0.2", "lr=0.2,0.3"})
    EXPECT_EQ(reads({sweep}, "swept star"),
              (std::vector<MetricRead>{{"a", "acc", kFinalStep, "lr=0.2"},
                                       {"b", "acc", kFinalStep, "lr=0.2"}}))
        << sweep;
}

TEST(Claims, SlipsAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"twice", "study declares the claim 'gap' twice"},
      {"option", "claims of study at any rats: there is no option 'rats'; did you mean \"rates\""},
      {"needs", "claims of study that need epochs=none: 'epochs' expects a whole number"},
      {"own", "settings at which claims of study were calibrated: there is no option 'epcohs'"},
      {"how often", "claim typo: 'acc of a = 1' is a fact of a seed; say always("},
      {"never",
       "claim typo cannot be judged in any preset: this run records no arm 'aa'; did you mean "
       "\"a\""},
      {"metric",
       "claim typo cannot be judged in any preset: this run records no metric 'ac' of 'a'; did you "
       "mean \"acc\""},
      {"when",
       "claim typo cannot be judged in any preset: this run records 'curve' of 'a' after 0, after "
       "5 "
       "and not after 7"},
      {"star", "claim typo cannot be judged in any preset: this run records no arm 'd-*'"}};
  for (const auto& [slip, expected] : cases) {
    const std::string error = error_of([&] { reasons(study(), {std::string("slip=") + slip}); });
    EXPECT_TRUE(error.starts_with(expected)) << slip << ": " << error;
  }
}

struct Silent : RunWatcher {
  void began(int64_t, int64_t, double) override {}
  void advanced(const Amount&) override {}
  void seed_done(int64_t, const std::vector<ModelResult>&) override {}
  void note(const std::string&) override {}
};

// Through a run: judged, shown with the reason, and stored with their formulas.
TEST(Claims, AreJudgedAfterARun) {
  const TestFolder folder;
  RunRequest request;
  request.out = folder.path() / "run";
  request.threads = 1;
  Silent watcher;
  const RunOutcome outcome = run_experiment(study(), request, watcher, false);
  const Results results(outcome.folder / "results.sqlite", Access::read);
  std::map<std::string, ClaimRow> rows;
  for (const ClaimRow& row : results.claims()) rows[row.id] = row;
  EXPECT_EQ(rows.at("fact").judgement.verdict, Verdict::supported);
  EXPECT_EQ(rows.at("fact").formula, "on every seed: acc of a = 0.5");
  EXPECT_TRUE(rows.at("gap").claim.primary);
  EXPECT_EQ(rows.at("arm").judgement.verdict, Verdict::not_judged);
  EXPECT_EQ(rows.at("arm").judgement.note, "this run records no arm 'c'; see --preset full");

  request.out = folder.path() / "slip";
  request.assignments.push_back(parse_assignment("slip=never"));
  EXPECT_THROW(run_experiment(study(), request, watcher, false), UserError);
  EXPECT_FALSE(std::filesystem::exists(request.out));
}

}  // namespace
}  // namespace omni
