// The promise "a model's bits depend on its own key alone", for every experiment's smoke preset:
// all that must not matter, in every combination or in a few that cover every pair.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "engine/passes.h"
#include "experiments/catalogue.h"
#include "experiments/testing.h"

namespace omni::testing {

// How the same models are trained. The first two settings choose what is trained, the others must
// not matter.
struct Way {
  std::string experiment;
  Precision precision = Precision::f32;
  int ensemble = 1;          // models per condition
  int threads = 1;
  bool passes = true;        // those that keep bits; false: without them
  bool interrupted = false;  // stopped half-way and resumed
  bool forked = false;       // every phase left at its third step and continued from a copy
  ExecutorKind executor = ExecutorKind::cpu;
  Grouping grouping = all_together();  // where it steps models of many seeds
};

inline std::ostream& operator<<(std::ostream& out, const Way& w) {
  return out << w.experiment << (w.precision == Precision::bf16 ? " bf16" : " f32") << ", "
             << w.ensemble << " models, " << w.threads << " threads" << (w.passes ? "" : ", no passes")
             << (w.interrupted ? ", interrupted" : "") << (w.forked ? ", forked" : "");
}

// Sanitizers look at memory and locks, which a few models use as many do, and take a hundred times
// as long.
#ifdef OMNI_SANITIZED
inline const std::vector<int> kFewModels = {1, 3}, kManyModels = kFewModels;
#else
inline const std::vector<int> kFewModels = {1, 3, 8}, kManyModels = {1, 7, 64};
#endif

// Every combination, experiments and precisions included.
inline std::vector<Way> all_ways(const std::vector<int>& ensembles) {
  std::vector<Way> ways;
  for (const Experiment& e : catalogue())
    for (const Precision p : {Precision::f32, Precision::bf16})
      for (const int ensemble : ensembles)
        for (int bits = 0; bits < 16; ++bits)
          ways.push_back({e.name, p, ensemble, 1 + (bits & 1), !(bits & 2), (bits & 4) != 0,
                          (bits & 8) != 0});
  return ways;
}

// So few of them that any two values of two settings meet at least once; chosen greedily.
inline std::vector<Way> pairwise_ways(const std::vector<int>& ensembles) {
  using Pair = std::tuple<size_t, size_t, std::string, std::string>;
  const auto pairs_of = [](const Way& w) {
    const std::vector<std::string> values = {
        w.experiment,           fmt::format("{}", static_cast<int>(w.precision)),
        fmt::format("{}", w.ensemble), fmt::format("{}", w.threads),
        fmt::format("{}", w.passes),   fmt::format("{}", w.interrupted),
        fmt::format("{}", w.forked)};
    std::vector<Pair> pairs;
    for (size_t i = 0; i < values.size(); ++i)
      for (size_t j = 0; j < i; ++j) pairs.emplace_back(i, j, values[i], values[j]);
    return pairs;
  };
  const std::vector<Way> all = all_ways(ensembles);
  std::set<Pair> missing;
  for (const Way& w : all)
    for (Pair& p : pairs_of(w)) missing.insert(std::move(p));
  std::vector<Way> chosen;
  while (!missing.empty()) {
    const auto gain = [&](const Way& w) {
      const std::vector<Pair> pairs = pairs_of(w);
      return std::ranges::count_if(pairs, [&](const Pair& p) { return missing.contains(p); });
    };
    chosen.push_back(*std::ranges::max_element(all, {}, gain));
    for (const Pair& p : pairs_of(chosen.back())) missing.erase(p);
  }
  return chosen;
}

// Raises `stop` once half of the work is done.
class HalfWay final : public RunWatcher {
 public:
  void began(int64_t, int64_t, double matmul_flops) override { all_ = matmul_flops; }
  void advanced(const Amount& done) override {
    done_ += done.matmul_flops;
    if (done_ >= all_ / 2) stop = true;
  }
  void seed_done(int64_t, const std::vector<ModelResult>&) override {}
  void note(const std::string&) override {}
  std::atomic<bool> stop{false};

 private:
  double all_ = 0, done_ = 0;
};

// What one seed's models came to: weights hashes and metrics of all arms.
using Outcome = std::vector<std::tuple<std::string, std::string, std::string, int64_t, double>>;

inline std::map<int64_t, Outcome> outcomes(const std::filesystem::path& run) {
  const Results results(run / "results.sqlite", Access::read);
  std::map<int64_t, Outcome> by_seed;
  for (const ModelResult& m : results.models()) {
    Outcome& o = by_seed[m.seed];
    o.emplace_back(m.arm, m.weights_hash, name_of(m.status), m.status_step, 0);
    for (const Metric& x : results.metrics(m.arm, m.seed))
      o.emplace_back(m.arm, "", x.name, x.step, std::isnan(x.value) ? -1e300 : x.value);
  }
  return by_seed;
}

inline std::map<int64_t, Outcome> train(const Way& w, const std::vector<int64_t>& seeds) {
  const std::vector<Experiment> all = catalogue();
  const Experiment& e = *std::ranges::find(all, w.experiment, &Experiment::name);
  const TestFolder folder;
  // Signals where they will do: they need no pictures to be drawn.
  const bool draws = w.experiment == "gradient-routing-vae";
  const std::string name = !offers(e, "data") ? "" : draws ? "digits" : "mnist1d";
  RunRequest r = smoke_request(folder.path() / "run", {});
  if (!name.empty()) {
    static std::map<std::string, Dataset> loaded;  // once a program
    if (!loaded.contains(name)) loaded[name] = load_dataset(name, {});
    r.loaded = &loaded.at(name);
    r.assignments = {parse_assignment("data=" + name)};
  }
  r.seeds = seeds;
  r.executor = w.executor;
  r.grouping = w.grouping;
  r.precision = w.precision;
  r.threads = w.threads;
  r.fork_at = w.forked ? 3 : 0;
  if (!w.passes)
    for (const PassInfo& p : passes())
      if (w.precision == Precision::f32 ? p.keeps_bits : p.keeps_bits_bf16)
        r.passes_off.insert(p.name);
  if (w.interrupted) {
    HalfWay half;
    r.steps_per_call = 3;  // it stops within a phase
    EXPECT_EQ(run_experiment(e, r, half, half.stop).status, RunStatus::interrupted) << w;
    r.steps_per_call = 0;
  }
  SilentWatcher watcher;
  const std::atomic<bool> stop = false;
  EXPECT_EQ(run_experiment(e, r, watcher, stop).status, RunStatus::finished) << w;
  return outcomes(r.out);
}

// The first thing in which two outcomes differ; empty if they are equal.
inline std::string difference(const Outcome& a, const Outcome& b) {
  const auto show = [](const Outcome& o, size_t i) {
    if (i >= o.size()) return std::string("nothing");
    const auto& [arm, hash, name, step, value] = o[i];
    return fmt::format("{}: {} {} step {} = {}", arm, hash, name, step, value);
  };
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i)
    if (i >= a.size() || i >= b.size() || a[i] != b[i])
      return show(a, i) + " instead of " + show(b, i);
  return {};
}

// Each model alone, plainly; trained once per program.
inline const Outcome& alone(const std::string& experiment, Precision precision, int64_t seed) {
  static std::map<std::tuple<std::string, Precision, int64_t>, Outcome> known;
  Outcome& o = known[{experiment, precision, seed}];
  if (o.empty()) o = train({experiment, precision}, {seed}).at(seed);
  return o;
}

// The ensembles are the seeds {60}, {57 .. 63} or {59 .. 61}, and {0 .. 63} or {56 .. 63}, so that
// a model has other neighbours and another place in each. Every model, or the first and the last
// three, is compared with itself alone, and all with each other: another seed gives other weights.
inline void expect_bits_of_each_alone(const Way& w, bool every_model) {
  std::vector<int64_t> seeds(w.ensemble);
  const bool many = w.ensemble > 7;
  std::iota(seeds.begin(), seeds.end(), many ? 64 - w.ensemble : 60 - w.ensemble / 2);
  const std::map<int64_t, Outcome> together = train(w, seeds);
  ASSERT_EQ(together.size(), seeds.size());
  for (const auto& [seed, outcome] : together)
    if (every_model || seed == seeds.front() || seed > seeds.back() - 3) {
      EXPECT_EQ(difference(outcome, alone(w.experiment, w.precision, seed)), "")
          << w << ", seed " << seed;
    }
  std::set<std::pair<std::string, std::string>> weights;
  for (const auto& [seed, outcome] : together)
    for (const auto& [arm, hash, name, step, value] : outcome)  // metrics may agree by chance
      EXPECT_TRUE(hash.empty() || weights.emplace(arm, hash).second) << w << ", " << arm;
}

}  // namespace omni::testing
