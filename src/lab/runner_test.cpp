#include "lab/runner.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/test_folder.h"
#include "lab/arrays.h"
#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/optimizers.h"
#include "ops/elementwise.h"
#include "store/files.h"

namespace omni {
namespace {

// Two arms on a few signals: one trains, one starts from what the first reached.
struct Toy {
  std::string data = "mnist1d";
  double lr = 1e-2, explode = -1, broken = -1;  // of the seed with that number
  bool parts = false;                           // each arm is a part; the second trains the first too

  void visit(auto&& option) {
    option("lr", lr, "learning rate", between(0, 10));
    option("explode", explode, "seed whose loss becomes infinite");
    option("broken", broken, "seed that meets a bug");
    option("parts", parts, "each arm is a part");
  }
  std::vector<ArmInfo> arms() const { return {{"first", "First", "", {}}, {"second", "Second", "", {}}}; }

  static Value logits(Net& net, Value x) { return mlp(net, x, {8, 10}); }

  void run(Trial& t) const {
    check(t.dry() || static_cast<double>(t.seed()) != broken, "this seed meets a bug");
    const Ensemble start = t.init(
        [](Net& net) { logits(net, input(net.graph(), "x", {DType::f32, {1, 40}, 0}, Role::data)); },
        t.key().fold("init"));
    const auto keep = [&](const char* arm, const Trained& m) {
      t.record(arm, m, {{"norm", norm(m.model[0])}});
    };
    const auto second = [&] {
      const Trained first = phase(t, "first", start);
      keep("second", phase(t, "second", first.model));
    };
    if (parts) {
      t.part("the first", [&] { keep("first", phase(t, "first", start)); });
      return t.part("the second", second);
    }
    keep("first", phase(t, "first", start));
    second();
  }

  Trained phase(Trial& t, const char* name, const Ensemble& start) const {
    Training p;
    p.name = name;
    p.start = &start;
    const double factor = !t.dry() && static_cast<double>(t.seed()) == explode ? 1e30 : 1;
    p.scalars = {{"factor", factor}};
    p.build = [](Step& s) {
      Net net = s.net("model");
      const Value z = logits(net, s.rows("train.x")) * s.scalar("factor") * s.scalar("factor");
      const Value loss = cross_entropy(z, s.rows("train.y"));
      s.graph().result("loss", loss);
      apply(Adam{}, net, loss, s.lr());
    };
    p.samples = 200;
    p.batch = 64;
    p.epochs = 3;
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
  int64_t seeds = 0;  // done, those of earlier sittings included
  double flops = 0, flops_left = 0;  // of this sitting

 private:
  double stop_after_, done_ = 0;
};

RunOutcome run_toy(const std::filesystem::path& out, int threads, Watcher& watcher,
                   std::vector<std::string> arguments = {}, bool keep_models = false) {
  RunRequest r;
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
  EXPECT_EQ(r.status, RunStatus::finished);
  EXPECT_EQ(r.failed, 2);
  EXPECT_EQ(r.models, 8);
  EXPECT_NE(watcher.notes.find("this seed meets a bug"), std::string::npos);
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
