#include "lab/runner.h"

#include <gtest/gtest.h>

#include <numeric>
#include <stdexcept>
#include <tuple>

#include "base/error.h"
#include "base/test_folder.h"
#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/optimizers.h"
#include "ops/elementwise.h"
#include "store/files.h"
#include "store/sqlite.h"
#include "text/lines.h"
#include "weights/arrays.h"

namespace omni {
namespace {

// What another build of the experiment would do otherwise.
struct Edition {
  double factor = 1;    // in a graph of the second arm
  double measured = 0;  // outside of graphs
};
Edition edition;

// Two arms on a few signals: one trains, one starts from what the first reached.
struct Toy {
  std::string data = "mnist1d";
  double lr = 1e-2, explode = -1, broken = -1;  // of the seed with that number
  int64_t epochs = 3;
  std::string reads = "";                       // a file whose length is measured
  bool parts = false;                           // each arm is a part; the second trains the first too
  std::string throws = "";                      // by seed 1: what, or from where

  void visit(auto&& option) {
    option("lr", lr, "learning rate", between(0, 10));
    option("epochs", epochs, "passes over the data", between(0, 10));
    option("reads", reads, "a file");
    option("explode", explode, "seed whose loss becomes infinite");
    option("broken", broken, "seed that meets a bug");
    option("parts", parts, "each arm is a part");
    option("throws", throws, "what seed 1 throws");
  }
  std::vector<ArmInfo> arms() const { return {{"first", "First", "", {}}, {"second", "Second", "", {}}}; }

  static Value logits(Net& net, Value x) { return mlp(net, x, {8, 10}); }

  void run(Trial& t) const {
    check(t.dry() || static_cast<double>(t.seed()) != broken, "this seed meets a bug");
    const bool slips = !t.dry() && t.seed() == 1;
    if (slips && throws == "vector") std::ignore = std::vector<int>(2).at(7);
    if (slips && throws == "int") throw 42;
    if (throws == "dry") throw std::out_of_range("a place");
    const double length = reads.empty() ? 0 : static_cast<double>(read_text(reads).size());
    const Ensemble start = t.init(
        [](Net& net) { logits(net, input(net.graph(), "x", {DType::f32, {1, 40}, 0}, Role::data)); },
        t.key().fold("init"));
    const auto keep = [&](const char* arm, const Trained& m) {
      t.record(arm, m, {{"norm", norm(m.model[0]) + edition.measured}, {"length", length}});
    };
    const auto second = [&] {
      const Trained first = phase(t, "first", start);
      keep("second", phase(t, "second", first.model, edition.factor));
    };
    if (parts) {
      t.part("the first", [&] { keep("first", phase(t, "first", start)); });
      return t.part("the second", second);
    }
    keep("first", phase(t, "first", start));
    second();
  }

  Trained phase(Trial& t, const char* name, const Ensemble& start, double times = 1) const {
    Training p;
    p.name = name;
    p.start = &start;
    const double factor = !t.dry() && static_cast<double>(t.seed()) == explode ? 1e30 : 1;
    p.scalars = {{"factor", factor}};
    const bool slips = !t.dry() && t.seed() == 1 && throws == "graph";
    p.build = [times, slips](Step& s) {
      if (slips) throw std::domain_error("no such width");
      Net net = s.net("model");
      const Value z = logits(net, s.rows("train.x")) * s.scalar("factor") * s.scalar("factor");
      const Value loss = cross_entropy(z, s.rows("train.y"));
      s.graph().result("loss", loss);
      apply(Adam{}, net, times == 1 ? loss : loss * times, s.lr());
    };
    p.samples = 200;
    p.batch = 64;
    p.epochs = epochs;
    p.order = t.key().fold(name);
    p.lr = [rate = lr](int64_t, int64_t) { return rate; };
    return t.train(p);
  }

  std::vector<ClaimSpec> claims(const Dataset&) const {
    return {{"1", "The second arm has moved further",
             {.kind = ClaimKind::above, .threshold = 0, .difference = true},
             [](const SeedValues& v) { return v("second", "norm") - v("first", "norm"); }}};
  }
  std::vector<FigureRow> figures() const { return {}; }
};

Experiment toy() {
  Experiment e;
  e.name = "toy";
  e.title = "Toy";
  e.metric = "norm";
  e.metric_label = "norm";
  e.presets = {{"quick", "four seeds", {}, 4}};
  e.settings = settings_of<Toy>();
  return e;
}

// Stops the run once so many passes over the data are done.
class Watcher final : public RunWatcher {
 public:
  explicit Watcher(double stop_after = 1e9) : stop_after_(stop_after) {}
  void advanced(const Amount& done) override {
    flops_left -= done.matmul_flops;
    done_ += done.model_epochs;
    if (done_ >= stop_after_) stop = true;
  }
  void began(int64_t, int64_t done, double matmul_flops) override {
    seeds = done;
    flops = flops_left = matmul_flops;
  }
  void seed_done(int64_t, const std::vector<ModelResult>& models) override {
    ++seeds;
    EXPECT_GE(models.size(), 2u);
  }
  void note(const std::string& text) override { notes += text; }

  std::atomic<bool> stop{false};
  std::string notes;
  int64_t seeds = 0;  // done, those of earlier starts included
  double flops = 0, flops_left = 0;  // since this start

 private:
  double stop_after_, done_ = 0;
};

RunOutcome run_toy(const std::filesystem::path& out, int threads, Watcher& watcher,
                   std::vector<std::string> arguments = {}, bool keep_models = false,
                   RunRequest r = {}) {
  r.out = out;
  r.threads = threads;
  r.checkpoint_every_s = 0;
  r.keep_models = keep_models;
  for (const std::string& a : arguments) r.assignments.push_back(parse_assignment(a));
  return run_experiment(toy(), r, watcher, watcher.stop);
}

std::string summary(const std::filesystem::path& out) { return read_file(out / "summary.csv"); }

TEST(Runner, AStoppedRunEndsAsAnUninterruptedOne) {
  const TestFolder folder;
  Watcher whole;
  const RunOutcome expected = run_toy(folder.path() / "whole", 2, whole);
  EXPECT_EQ(expected.status, RunStatus::finished);
  EXPECT_EQ(expected.models, 8);
  for (const int threads : {1, 2})
    for (const double stop_after : {1., 4., 7., 13., 20.}) {
      const auto out = folder.path() / fmt::format("stopped-{}-{}", threads, stop_after);
      Watcher first(stop_after), second;
      EXPECT_EQ(run_toy(out, threads, first).status, RunStatus::interrupted) << stop_after;
      const RunOutcome ended = run_toy(out, threads, second);
      EXPECT_EQ(ended.status, RunStatus::finished);
      EXPECT_EQ(summary(out), summary(folder.path() / "whole")) << stop_after;
      ASSERT_EQ(ended.claims.size(), 1u);
      EXPECT_EQ(ended.claims[0].judgement.estimate, expected.claims[0].judgement.estimate);
    }
}

TEST(Runner, PartsAreSharedOutAndEndAsOneSeedWould) {
  const TestFolder folder;
  Watcher whole;
  run_toy(folder.path() / "whole", 1, whole);
  for (const int threads : {1, 2, 3}) {
    Watcher first(8), second;
    const auto out = folder.path() / fmt::format("{}", threads);
    EXPECT_EQ(run_toy(out, threads, first, {"parts=true"}).status, RunStatus::interrupted);
    EXPECT_EQ(run_toy(out, threads, second, {"parts=true"}).models, 8);
    EXPECT_EQ(summary(out), summary(folder.path() / "whole"));
    EXPECT_EQ(second.seeds, 4);
  }
}

TEST(Runner, DoesWhatItAnnounced) {
  const TestFolder folder;
  for (const char* parts : {"parts=false", "parts=true"}) {
    Watcher whole, first(10), second;
    run_toy(folder.path() / parts, 2, whole, {parts});
    EXPECT_GT(whole.flops, 0);
    EXPECT_NEAR(whole.flops_left / whole.flops, 0, 1e-9);
    const auto out = folder.path() / fmt::format("stopped {}", parts);
    run_toy(out, 1, first, {parts});
    run_toy(out, 1, second, {parts});
    EXPECT_LT(second.flops, whole.flops);  // seeds or parts that are done are not announced again
    EXPECT_NEAR(second.flops_left / second.flops, 0, 1e-9);
  }
}

TEST(Runner, DamagedCheckpointsAreTrainedAgain) {
  const TestFolder folder;
  Watcher whole, first(4), second;
  run_toy(folder.path() / "whole", 1, whole);
  run_toy(folder.path() / "run", 1, first);
  int damaged = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(folder.path() / "run" / "checkpoints")) {
    if (!entry.is_regular_file()) continue;
    std::string bytes = read_file(entry.path());
    bytes[bytes.size() - 10] ^= 0x10;  // a weight
    if (++damaged % 2 == 0) bytes.resize(bytes.size() / 2);
    atomic_write(entry.path(), bytes);
  }
  EXPECT_GT(damaged, 0);
  run_toy(folder.path() / "run", 1, second);
  EXPECT_EQ(summary(folder.path() / "run"), summary(folder.path() / "whole"));
}

// A row of summary.csv without its seeds' neighbours.
std::string rows_of_seed(const std::string& csv, int seed) {
  std::string out;
  size_t begin = 0;
  for (size_t end; (end = csv.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string line = csv.substr(begin, end - begin);
    const std::string rest = line.substr(line.find(',') + 1);  // behind the arm's name
    if (rest.starts_with(fmt::format("{},", seed))) out += line + "\n";
  }
  return out;
}

TEST(Runner, ADivergedModelIsRecordedAndItsNeighboursKeepTheirBits) {
  const TestFolder folder;
  Watcher a, b;
  run_toy(folder.path() / "sound", 2, a);
  const RunOutcome one = run_toy(folder.path() / "one", 2, b, {"explode=2"});
  EXPECT_EQ(one.status, RunStatus::finished);
  EXPECT_EQ(one.diverged, 2);
  EXPECT_EQ(one.claims[0].judgement.n, 3);
  EXPECT_EQ(one.claims[0].judgement.excluded, 1);
  const std::string sound = summary(folder.path() / "sound"), mixed = summary(folder.path() / "one");
  for (const int seed : {0, 1, 3}) EXPECT_EQ(rows_of_seed(sound, seed), rows_of_seed(mixed, seed));
  EXPECT_NE(rows_of_seed(mixed, 2).find("diverged,1"), std::string::npos);
}

TEST(Runner, ABugInOneSeedLeavesTheOthers) {
  const TestFolder folder;
  Watcher watcher;
  const RunOutcome r = run_toy(folder.path() / "run", 2, watcher, {"broken=1"});
  EXPECT_EQ(r.status, RunStatus::failed);
  EXPECT_EQ(r.failed, 2);
  EXPECT_EQ(r.models, 8);
  EXPECT_NE(watcher.notes.find("this seed meets a bug"), std::string::npos);
}

// What its code throws is not taken for a fault of ours, ends its seed alone, and is tried again.
TEST(Runner, WhatAnExperimentThrowsIsToldAsItsOwn) {
  const TestFolder folder;
  const std::pair<const char*, const char*> cases[] = {
      {"vector", "seed 1 failed: the experiment's code threw std::out_of_range: vector::_M_range"},
      {"int", "seed 1 failed: the experiment's code threw int"},
      {"graph",
       "seed 1 failed: phase first, its graph: the experiment's code threw "
       "std::domain_error: no such width"}};
  for (const auto& [what, said] : cases)
    for (const int start : {0, 1}) {
      Watcher watcher;
      const RunOutcome r =
          run_toy(folder.path() / what, 2, watcher, {fmt::format("throws={}", what)});
      EXPECT_EQ(r.status, RunStatus::failed);
      EXPECT_EQ(r.failed, 2);
      EXPECT_EQ(r.models, 8);
      EXPECT_EQ(r.claims.size(), 1u);
      EXPECT_EQ(watcher.seeds, 4) << "all but one were found at the second start";
      EXPECT_NE(watcher.notes.find(said), std::string::npos) << start << watcher.notes;
      EXPECT_EQ(watcher.notes.find("bug"), std::string::npos) << watcher.notes;
      EXPECT_EQ(RunFolder::open(folder.path() / what).manifest().status, RunStatus::failed);
    }
  Watcher watcher;
  try {
    run_toy(folder.path() / "dry", 2, watcher, {"throws=dry"});
    ADD_FAILURE();
  } catch (const UserError& e) {
    EXPECT_STREQ(e.what(),
                 "called dry, with zeros for what it measures: the experiment's code "
                 "threw std::out_of_range: a place");
  }
}

TEST(Runner, AFailedModelIsTrainedAgain) {
  const TestFolder folder;
  Watcher watcher;
  run_toy(folder.path() / "run", 1, watcher);
  const std::string whole = summary(folder.path() / "run");
  {
    Results r(folder.path() / "run" / "results.sqlite", Access::write);
    ModelResult lost = r.models().front();
    lost.status = ModelStatus::failed;
    r.record_model(lost);
  }
  EXPECT_EQ(run_toy(folder.path() / "run", 1, watcher).failed, 0);
  EXPECT_EQ(summary(folder.path() / "run"), whole);
}

TEST(Runner, KeepsModelsWhereAsked) {
  const TestFolder folder;
  Watcher watcher;
  run_toy(folder.path() / "run", 1, watcher, {}, true);
  const Ensemble e = load_ensemble(folder.path() / "run" / "models" / "seed-3" / "second.safetensors");
  const std::string hash = fmt::format("{:016x}", weights_hash(e[0]));
  EXPECT_NE(rows_of_seed(summary(folder.path() / "run"), 3).find(hash), std::string::npos);
}

TEST(Runner, RefusesAFolderOfOtherSettings) {
  const TestFolder folder;
  Watcher watcher;
  run_toy(folder.path() / "run", 1, watcher);
  const std::string before = summary(folder.path() / "run");
  EXPECT_THROW(run_toy(folder.path() / "run", 1, watcher, {"lr=0.5"}), UserError);
  EXPECT_EQ(summary(folder.path() / "run"), before);
}

// What a finished seed costs beside its training does not depend on how many there are already.
TEST(Runner, ManySeedsCostNoMoreEachThanFew) {
  const TestFolder folder;
  const auto steps_of = [&](int64_t seeds) {
    RunRequest r;
    r.out = folder.path() / fmt::format("{}", seeds);
    r.threads = 1;
    r.assignments = {parse_assignment("epochs=0")};
    r.seeds.emplace(seeds);
    std::iota(r.seeds->begin(), r.seeds->end(), 0);
    Watcher watcher;
    const int64_t before = sqlite::steps_taken;
    run_experiment(toy(), r, watcher, watcher.stop);
    EXPECT_EQ(watcher.seeds, seeds);
    return static_cast<double>(sqlite::steps_taken - before);
  };
  const double few = steps_of(20), more = steps_of(60), many = steps_of(180);
  EXPECT_LT((many - more) / 120, 1.05 * (more - few) / 40);
}

std::string refusal_of(const auto& work) {
  try {
    work();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Runner, OtherInputsAreNeverMixedIntoARun) {
  const TestFolder folder;
  const auto text = folder.path() / "stories.txt", out = folder.path() / "run";
  atomic_write(text, "One day there was a tree.");
  const std::vector<std::string> arguments = {"reads=" + text.string()};
  Watcher first(8), second, third, fourth;
  EXPECT_EQ(run_toy(out, 1, first, arguments).status, RunStatus::interrupted);
  atomic_write(text, "One day there was a bush.");
  const std::string said = refusal_of([&] { run_toy(out, 1, second, arguments); });
  EXPECT_NE(said.find("stories.txt' has SHA-256"), std::string::npos) << said;
  EXPECT_NE(said.find("--anew"), std::string::npos) << said;
  EXPECT_EQ(second.seeds, 0);
  atomic_write(text, "One day there was a tree.");
  EXPECT_EQ(run_toy(out, 1, third, arguments).status, RunStatus::finished);
  // Begun anew it runs on what is there, and the old run is still there.
  atomic_write(text, "Another text.");
  RunRequest anew;
  anew.anew = true;
  const std::string before = summary(out);
  EXPECT_EQ(run_toy(out, 1, fourth, arguments, false, anew).status, RunStatus::finished);
  EXPECT_NE(summary(out), before);
  EXPECT_EQ(summary(out.string() + ".before-1"), before);
  EXPECT_NE(fourth.notes.find("run.before-1"), std::string::npos) << fourth.notes;
}

TEST(Runner, AnInputThatChangesDuringARunEndsIt) {
  struct Changing : RunWatcher {
    std::filesystem::path text;
    std::atomic<bool> stop{false};
    void began(int64_t, int64_t, double) override {}
    void advanced(const Amount&) override {}
    void seed_done(int64_t, const std::vector<ModelResult>&) override { atomic_write(text, "b"); }
    void note(const std::string&) override {}
  } changing;
  const TestFolder folder;
  changing.text = folder.path() / "text";
  atomic_write(changing.text, "a");
  RunRequest r;
  r.out = folder.path() / "run";
  r.threads = 1;
  r.assignments = {parse_assignment("reads=" + changing.text.string())};
  const std::string said = refusal_of([&] { run_experiment(toy(), r, changing, changing.stop); });
  EXPECT_NE(said.find("changed while a run reads it"), std::string::npos) << said;
  EXPECT_EQ(Results(r.out / "results.sqlite", Access::read).models().size(), 2u);
}

// A run of the toy that one build of the program begins and another one ends.
class TwoBuilds : public ::testing::Test {
 protected:
  ~TwoBuilds() override { edition = {}; }
  RunOutcome begin(std::vector<std::string> arguments = {}, double stop_after = 20) {
    Watcher first(stop_after);
    RunRequest r;
    r.program = "aaaa";
    return run_toy(out, 1, first, arguments, false, r);
  }
  RunOutcome end(std::vector<std::string> arguments = {}, bool mixed_builds = false,
                 const char* program = "bbbb") {
    RunRequest r;
    r.program = program;
    r.mixed_builds = mixed_builds;
    return run_toy(out, 1, second, arguments, false, r);
  }
  std::string by_one_build(std::vector<std::string> arguments = {}) {
    Watcher whole;
    run_toy(folder.path() / "whole", 1, whole, arguments);
    return summary(folder.path() / "whole");
  }
  Builds builds() const { return Results(out / "results.sqlite", Access::read).builds(); }

  TestFolder folder;
  std::filesystem::path out = folder.path() / "run";
  Watcher second;
};

TEST_F(TwoBuilds, ThatDoTheSameEndAsOneWould) {
  EXPECT_EQ(begin().status, RunStatus::interrupted);
  EXPECT_EQ(end().status, RunStatus::finished);
  EXPECT_NE(second.notes.find("of 2 seeds with the same graphs"), std::string::npos)
      << second.notes;
  EXPECT_NE(second.notes.find("seed 0 is trained again"), std::string::npos) << second.notes;
  EXPECT_EQ(builds().seeds, (std::map<std::string, int>{{"aaaa", 2}, {"bbbb", 2}}));
  EXPECT_TRUE(builds().agree);
  EXPECT_EQ(summary(out), by_one_build());
}

TEST_F(TwoBuilds, WhatAnotherGraphTrainedIsTrainedAnew) {
  for (const auto& [parts, stop_after] :
       {std::pair{"parts=false", 20}, std::pair{"parts=true", 30}}) {
    edition = {};
    out = folder.path() / parts;
    second.notes.clear();
    EXPECT_EQ(begin({parts}, stop_after).status, RunStatus::interrupted);
    edition.factor = 2;
    EXPECT_EQ(end({parts}).status, RunStatus::finished);
    EXPECT_NE(second.notes.find("Trained anew"), std::string::npos) << second.notes;
    EXPECT_TRUE(builds().agree);
    EXPECT_EQ(summary(out), by_one_build({parts}));
    std::filesystem::remove_all(folder.path() / "whole");
  }
  // Of parts, those whose graphs are the same are kept.
  EXPECT_EQ(second.notes.find("Trained anew, because graphs, settings or Omniscale changed: first"),
            std::string::npos)
      << second.notes;
  EXPECT_GT(builds().seeds.at("aaaa"), 0);
}

TEST_F(TwoBuilds, ThatMeasureOtherwiseAreNotMixedUnlessAskedTo) {
  EXPECT_EQ(begin().status, RunStatus::interrupted);
  const auto stored = Results(out / "results.sqlite", Access::read).models().size();
  edition.measured = 1;
  const std::string said = refusal_of([&] { end(); });
  for (const char* part : {"aaaa", "bbbb", "seed 0", "norm", "--anew", "--mixed-builds"})
    EXPECT_NE(said.find(part), std::string::npos) << said;
  EXPECT_EQ(Results(out / "results.sqlite", Access::read).models().size(), stored);
  EXPECT_EQ(end({}, true).status, RunStatus::finished);
  EXPECT_FALSE(builds().agree);
}

TEST_F(TwoBuilds, FinishedPhasesOfASeedGoOnWhereTheyAreTheSame) {
  Watcher first(4);  // within the second phase of the first seed
  RunRequest r;
  r.program = "aaaa";
  EXPECT_EQ(run_toy(out, 1, first, {}, false, r).status, RunStatus::interrupted);
  edition.factor = 2;
  EXPECT_EQ(end().status, RunStatus::finished);
  EXPECT_EQ(summary(out), by_one_build());
}

TEST(Runner, AFinishedRunKnowsWhatIsNoLongerSo) {
  const TestFolder folder;
  const auto text = folder.path() / "text", out = folder.path() / "run";
  atomic_write(text, "a");
  Watcher watcher;
  RunRequest r;
  r.assignments = {parse_assignment("reads=" + text.string())};
  run_toy(out, 1, watcher, {"reads=" + text.string()});
  const Resolved resolved = resolve(toy(), r);
  const auto stale = [&] { return staleness_of(RunFolder::open(out), resolved, r); };
  EXPECT_EQ(stale().inputs + stale().build + stale().stand_in, "");
  r.program = "bbbb";
  EXPECT_NE(stale().build.find("bbbb"), std::string::npos);
  atomic_write(text, "b");
  EXPECT_NE(stale().inputs.find("text' has SHA-256"), std::string::npos);
  std::filesystem::remove(text);
  EXPECT_NE(stale().inputs.find("cannot be read now"), std::string::npos);
}

TEST(Runner, SweepsMakeAnArmPerVariant) {
  const TestFolder folder;
  Watcher watcher;
  const RunOutcome r = run_toy(folder.path() / "run", 2, watcher, {"lr=0.001,0.01"});
  EXPECT_EQ(r.models, 16);
  EXPECT_NE(summary(folder.path() / "run").find("second | lr=0.001"), std::string::npos);
  EXPECT_EQ(r.claims.size(), 1u);  // of the variant with the unswept value
}

}  // namespace
}  // namespace omni
