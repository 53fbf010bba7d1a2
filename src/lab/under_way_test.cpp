// Seeds under way at once on one executor: which of them meet changes no bit, and each ends by
// itself.
#include "lab/under_way.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "base/statistics.h"
#include "base/test_folder.h"
#include "lab/runner.h"
#include "lab/test_support.h"
#include "lab/test_under_way.h"
#include "ops/elementwise.h"
#include "store/files.h"

namespace omni::testing {
namespace {

// --- Five seeds whose phases meet ---

struct Outcome {
  std::vector<uint64_t> weights;  // of its phases
  double accuracy = 0;
  std::string end = "finished";
  bool operator==(const Outcome&) const = default;
};

constexpr int kSeeds = 5, kThrows = 1, kDiverges = 2, kStops = 3, kApart = 4;

Training phase(const Trial& t, const Ensemble& start, const char* name) {
  Training p = toy_training(t, start);
  p.name = name;
  p.probe = toy_probe({3, 8});
  p.order = t.key().fold(name);
  return p;
}

// Two phases and what they come to. With trouble, seed 1 throws between two steps, seed 2 diverges,
// seed 3 is asked to stop in the middle of a phase; and seed 4 trains a part of its own before.
Outcome one_seed(int seed, bool trouble, WorkerOptions o) {
  Outcome out;
  std::atomic<bool> stop = false;
  o.stop = &stop;
  if (trouble && seed == kThrows)
    o.advanced = [epochs = 0.0](const Amount& done) mutable {
      if ((epochs += done.model_epochs) >= 4) throw std::runtime_error("the world broke");
    };
  if (trouble && seed == kStops)
    o.advanced = [&, epochs = 0.0](const Amount& done) mutable {
      if ((epochs += done.model_epochs) >= 6.5) stop = true;  // in its second phase
    };
  o.steps_per_call = 2 + seed % 3;
  ToyBench b(o, seed);
  Trial& t = *b.trial;
  try {
    const Ensemble start = toy_model(t);
    if (seed == kApart)
      t.part("apart", [&] {
        t.add_table("apart.y", std::vector<int32_t>(kToyTrain, 1), {kToyTrain});
        Training p = phase(t, start, "apart");
        p.build = [](Step& s) {
          Net net = s.net("model");
          const Value loss = cross_entropy(toy_logits(net, s.rows("train.x")), s.rows("apart.y"));
          s.graph().result("loss", loss * 2.0);
          apply(Adam{}, net, loss * 2.0, s.lr());
        };
        out.weights.push_back(weights_hash(t.train(p).model[0]));
      });
    Training first = phase(t, start, "first");
    if (trouble && seed == kDiverges) first.lr = 1e30;
    const Trained reached = t.train(first);
    out.weights.push_back(weights_hash(reached.model[0]));
    if (reached.diverged_at) out.end = fmt::format("diverged at {}", *reached.diverged_at);
    const Trained end = t.train(phase(t, reached.model, "second"));
    out.weights.push_back(weights_hash(end.model[0]));
    out.accuracy = toy_accuracy(t, end.model);
  } catch (const Interrupted&) {
    out.end = "interrupted";
  } catch (const std::runtime_error& e) {
    out.end = e.what();
  }
  return out;
}

auto with(bool trouble) {
  return [=](int seed, const WorkerOptions& o) { return one_seed(seed, trouble, o); };
}

std::vector<Outcome> alone(bool trouble) { return each_alone(kSeeds, with(trouble)); }

testing::UnderWay<Outcome> together(bool trouble, Grouping grouping,
                                    const ReferenceOptions& options = {},
                                    const std::filesystem::path& checkpoints = {}) {
  return all_under_way(kSeeds, with(trouble), std::move(grouping), options, checkpoints);
}

TEST(UnderWay, AnyGroupsOfSeedsGiveTheBitsOfEachAlone) {
  const std::vector<Outcome> wanted = alone(false);
  for (const Grouping& grouping : {at_most(1), at_most(3), all_together()})
    EXPECT_EQ(together(false, grouping).outcomes, wanted);
  EXPECT_EQ(together(false, all_together(), {.threads = 2, .order = 3, .most_slots = 2}).outcomes,
            wanted);
}

TEST(UnderWay, ASeedOfTheSchedulerReplaysItToTheLetter) {
  const std::vector<Outcome> wanted = alone(false);
  for (uint64_t s = 0; s < 20; ++s) {
    const ReferenceOptions options = {.order = s, .most_slots = 3};
    const auto one = together(false, drawn_from(s), options);
    EXPECT_EQ(one.outcomes, wanted) << s;
    if (s < 5) {
      EXPECT_EQ(together(false, drawn_from(s), options).meetings, one.meetings) << s;
    }
  }
}

TEST(UnderWay, EachSeedEndsByItself) {
  const std::vector<Outcome> untroubled = alone(false), wanted = alone(true);
  EXPECT_EQ(wanted[kThrows].end, "the world broke");
  EXPECT_TRUE(wanted[kDiverges].end.starts_with("diverged")) << wanted[kDiverges].end;
  EXPECT_EQ(wanted[kStops].end, "interrupted");
  EXPECT_EQ(wanted[0], untroubled[0]);
  EXPECT_EQ(wanted[kApart], untroubled[kApart]);
  for (const Grouping& grouping : {at_most(1), at_most(3), all_together(), drawn_from(1)}) {
    const TestFolder folder;
    EXPECT_EQ(together(true, grouping, {}, folder.path()).outcomes, wanted);
    // The one that was stopped goes on alone from where it stood.
    WorkerOptions o;
    o.executor = ExecutorKind::reference;
    o.checkpoints = folder.path();
    double epochs = 0;
    o.advanced = [&](const Amount& done) { epochs += epochs < 1 ? done.model_epochs : 0; };
    EXPECT_EQ(one_seed(kStops, false, o), untroubled[kStops]);
    EXPECT_GE(epochs, 5);  // its first phase was there
  }
}

// --- Runs of seeds ---

// Two arms in parts; a seed may meet a bug.
struct Meets {
  std::string data = "mnist1d";
  int64_t broken = -1, large = 8, text = 0;
  void visit(auto&& option) {
    option("broken", broken, "seed that meets a bug");
    option("large", large, "units of the hidden layer");
    option("text", text, "tokens of a text that each seed makes for itself");
  }
  std::vector<ArmInfo> arms() const { return {{"one", "One", "", {}}, {"two", "Two", "", {}}}; }
  void run(Trial& t) const {
    if (text > 0) {
      const std::vector<int32_t> tokens(static_cast<size_t>(text), static_cast<int32_t>(t.seed()));
      const DataTable tables = {{"text.x", make_table("text.x", tokens, Shape{text})}};
      t.add_tables(tables);
      t.add_tables(tables);  // again, which makes nothing
    }
    for (const char* arm : {"one", "two"})
      t.part(arm, [&] {
        const auto logits = [this](Net& net, Value x) { return mlp(net, x, {large, 10}); };
        const Ensemble start = t.init(
            [&](Net& net) {
              logits(net, input(net.graph(), "x", {DType::f32, {1, 40}, 0}, Role::data));
            },
            t.key().fold("init"));
        Training p;
        p.name = arm;
        p.start = &start;
        p.samples = 100;
        p.batch = 32;
        p.steps = 6;
        p.order = t.key().fold(arm);
        p.lr = 1e-2;
        p.build = [&](Step& s) {
          Net net = s.net("model");
          const Value loss = cross_entropy(logits(net, s.rows("train.x")), s.rows("train.y"));
          s.graph().result("loss", loss);
          apply(Adam{}, net, loss, s.lr());
        };
        const Trained m = t.train(p);
        check(t.dry() || t.seed() != broken, "this seed meets a bug");
        t.record(arm, m, {{"norm", norm(m.model[0])}});
      });
  }
  std::vector<ClaimSpec> claims(const Dataset&) const { return {}; }
  std::vector<FigureRow> figures() const { return {}; }
};

Experiment meets() {
  Experiment e;
  e.name = "meets";
  e.title = "Meets";
  e.metric = e.metric_label = "norm";
  e.presets = {{"quick", "five seeds", {}, 5}};
  e.settings = settings_of<Meets>();
  return e;
}

class Notes final : public RunWatcher {
 public:
  void began(int64_t, int64_t, double) override {}
  void advanced(const Amount& done) override {
    if ((epochs += done.model_epochs) >= stop_after) stop = true;
  }
  void seed_done(int64_t, const std::vector<ModelResult>&) override {}
  void note(const std::string& text) override { notes += text; }
  void under_way(int at_once, size_t all, int64_t) override {
    told = fmt::format("{} of {}", at_once, all);
  }
  std::string notes, told;
  double epochs = 0, stop_after = 1e9;
  std::atomic<bool> stop{false};
};

struct Ran {
  RunOutcome outcome;
  std::string notes, told, summary;
  std::vector<Meeting> meetings;
};

Ran run(const std::filesystem::path& out, RunRequest r,
        const std::vector<std::string>& arguments = {}, double stop_after = 1e9) {
  Notes notes;
  notes.stop_after = stop_after;
  std::vector<Meeting> meetings;
  r.out = out;
  r.threads = 2;
  r.executor = ExecutorKind::reference;
  r.met = [&](const Meeting& m) { meetings.push_back(m); };
  for (const std::string& a : arguments) r.assignments.push_back(parse_assignment(a));
  RunOutcome outcome = run_experiment(meets(), r, notes, notes.stop);
  return {std::move(outcome), notes.notes, notes.told, read_file(out / "summary.csv"), std::move(meetings)};
}

size_t largest(const std::vector<Meeting>& meetings) {
  size_t most = 0;
  for (const Meeting& m : meetings) most = std::max(most, m.members.size());
  return most;
}

TEST(UnderWay, RunsOfAnyGroupsEndAlike) {
  const TestFolder folder;
  RunRequest one, three, drawn;
  one.grouping = at_most(1);
  three.grouping = at_most(3);
  drawn.grouping = drawn_from(1);
  const Ran all = run(folder.path() / "all", {});
  EXPECT_EQ(all.outcome.models, 10);
  EXPECT_EQ(largest(all.meetings), 10u);  // both parts of all seeds
  for (const auto& [name, r] : {std::pair("one", one), {"three", three}, {"drawn", drawn}})
    EXPECT_EQ(run(folder.path() / name, r).summary, all.summary) << name;
}

TEST(UnderWay, ABugInOneSeedAndAStopLeaveTheOthersTheirBits) {
  const TestFolder folder;
  const Ran whole = run(folder.path() / "whole", {}, {"broken=1"});
  EXPECT_EQ(whole.outcome.failed, 2);
  EXPECT_NE(whole.notes.find("seed 1 failed"), std::string::npos) << whole.notes;
  const auto out = folder.path() / "stopped";
  Notes notes;
  RunRequest r;
  r.out = out;
  r.executor = ExecutorKind::reference;
  r.steps_per_call = 1;
  r.assignments = {parse_assignment("broken=1")};
  notes.stop_after = 7;
  EXPECT_EQ(run_experiment(meets(), r, notes, notes.stop).status, RunStatus::interrupted);
  EXPECT_EQ(run(out, {}, {"broken=1"}).summary, whole.summary);
}

// What it trains is counted, and so many are under way as fit.
TEST(UnderWay, MemoryBoundsHowManyThereAre) {
  const TestFolder folder;
  const Experiment e = meets();
  const Dataset data = load_dataset("mnist1d", {});
  const auto fit = [&](const std::vector<std::string>& arguments, int64_t most) {
    RunRequest r;
    for (const std::string& a : arguments) r.assignments.push_back(parse_assignment(a));
    const Resolved here = resolve(e, r);
    const SeedRecord dry = dry_run(here, data);
    return most_under_way(dry, divide(dry), *make_reference_executor(), 10, most);
  };
  const int64_t each = fit({}, 1).bytes_each, large = fit({"large=2000"}, 1).bytes_each;
  const int64_t more = (40 + 10) * (2000 - 8);  // parameters
  // Begun with, reached, held and in a slot.
  EXPECT_GE(large - each, 4 * more * 4);
  EXPECT_LE(large - each, 20 * more * 4);
  // A text, held as phases are, and the reference's copy of it as doubles.
  const int64_t tokens = 1'000'000, text = fit({"text=1000000"}, 1).bytes_each - each;
  EXPECT_GE(text, (4 + 8) * tokens);
  EXPECT_LE(text, (4 + 4 + 8) * tokens);
  EXPECT_EQ(fit({}, 1).jobs, 1);
  EXPECT_EQ(fit({}, 3 * each + 1).jobs, 3);
  EXPECT_EQ(fit({}, 100 * each).jobs, 10);
  RunRequest r;
  r.most_bytes_under_way = 3 * each + 1;
  const Ran three = run(folder.path() / "three", r);
  EXPECT_EQ(largest(three.meetings), 3u);
  EXPECT_EQ(three.told, "3 of 10");
  EXPECT_EQ(three.summary, run(folder.path() / "all", {}).summary);
}

}  // namespace
}  // namespace omni::testing
