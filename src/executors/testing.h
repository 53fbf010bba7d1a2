// What tests of sessions share: a small model and its programs, and every executor that there is.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "engine/testing.h"
#include "executors/cpu/session.h"
#include "executors/reference.h"
#include "executors/rendezvous.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/matmul.h"
#include "ops/random.h"
#include "ops/reduce.h"

namespace omni::testing {

// How one is made.
struct SomeExecutor {
  std::string name;
  std::function<std::unique_ptr<Executor>()> make;
};
inline std::ostream& operator<<(std::ostream& out, const SomeExecutor& e) { return out << e.name; }

// One who is alone at a rendezvous, which stays for sessions that outlive their executor.
inline std::unique_ptr<Executor> alone_at_a_rendezvous() {
  struct Place {
    std::unique_ptr<SlotExecutor> executor = make_reference_executor();
    Rendezvous rendezvous{*executor, {}};
    std::unique_ptr<Rendezvous::Member> member = rendezvous.join();
  };
  static std::list<Place> places;
  return places.emplace_back().member->executor();
}

// CPUs' in every precision, the reference, and the reference at a rendezvous.
inline std::vector<SomeExecutor> every_executor() {
  std::vector<SomeExecutor> all;
  for (const ProgramOptions& o : every_precision())
    all.push_back({"cpu" + std::to_string(all.size()), [o] { return make_cpu_executor(o); }});
  all.push_back({"reference", [] { return make_reference_executor(); }});
  all.push_back({"rendezvous", alone_at_a_rendezvous});
  return all;
}

using Floats = std::vector<float>;

inline constexpr int64_t kSamples = 10, kBatch = 4, kRest = 2, kIn = 8, kOut = 3;
inline constexpr Key kOrder{5}, kRandom{0x0123456789abcdef};

inline Floats filled(int64_t count, int salt) {
  Floats v(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) v[i] = static_cast<float>(std::sin(0.3 * i + salt));
  return v;
}

// A layer on rows of a table, with noise by key, step and sample.
inline Value output(Graph& g, int64_t rows) {
  const Value index = input(g, "index", {DType::i32, {rows}, 0}, Role::data);
  const Value key = input(g, "key", {DType::i32, {2}}, Role::data);
  const Value noise =
      random_uniform(key, convert(f32(g, "step", {}), DType::i32), index, "n", {kOut});
  const Value x = gather(f32(g, "rows", {kSamples, kIn}), index);
  return tanh(matmul(x, parameter(g, "model/w", {kIn, kOut}))) - noise * f32(g, "loudness", {});
}

// Descent with momentum.
inline std::shared_ptr<const Graph> step_of(int64_t rows, double factor = 1) {
  auto g = std::make_shared<Graph>();
  const Value w = parameter(*g, "model/w", {kIn, kOut}),
              m = parameter(*g, "model.opt/m", {kIn, kOut});
  const Value e = output(*g, rows) - 0.5;
  const Value index = *g->find_input("index"), table = *g->find_input("rows");
  const Value moved = m * 0.9 + matmul(gather(table, index), e * (1 - square(e)), true) * factor;
  g->result("loss", mean(square(e)));
  g->update(m, moved);
  g->update(w, w - moved * f32(*g, "lr", {}));
  return g;
}

inline std::shared_ptr<const Graph> probe() {
  auto g = std::make_shared<Graph>();
  const Value y = output(*g, kSamples);
  g->result("mean", mean(y));
  g->result("best", arg_max(y));
  return g;
}

inline SessionSpec spec() {
  return {{{"step", step_of(kBatch), step_of(kRest), kSamples, kBatch, "loss", 0},
           {"probe", probe(), nullptr, 0, kSamples}}};
}

// What the session is given, in place.
struct Given {
  Floats rows = filled(kSamples * kIn, 0), w = filled(kIn * kOut, 1), m = Floats(kIn * kOut);
  Floats rates;
  float loudness = 0.25;
  Given() {
    for (int i = 0; i < 100; ++i) rates.push_back(0.05f + 0.001f * static_cast<float>(i));
  }
  void give(Session& s) const {
    s.table("rows", {{DType::f32, {kSamples, kIn}}, rows.data(), "hash"});
    s.write("model/w", w);
    s.write("model.opt/m", m);
    s.write("loudness", {&loudness, 1});
  }
  ModelStart start(Standing at = {}) const {
    return {{3, ProgramStart{kOrder, kRandom, rates}}, std::move(at)};
  }
};

struct Seen {
  Floats losses, w, m;
  std::vector<Floats> probed;
  std::vector<std::vector<int32_t>> best;
  bool operator==(const Seen&) const = default;
};

inline Floats read(const Session& s, const std::string& name) {
  const std::span<const float> now = s.read(name);
  return {now.begin(), now.end()};
}

// Rounds of one run of the first program.
inline void steps(Session& s, int64_t count) {
  const Turn step;
  s.rounds({&step, 1}, count);
}

inline void step_and_look(Session& s, Seen& seen) {
  steps(s, 1);
  seen.losses.push_back(s.standing().programs[0].loss);
  EXPECT_EQ(s.result(0, "loss")[0], seen.losses.back());
  s.run(1, 1);
  seen.probed.push_back({s.result(1, "mean")[0]});
  const auto best = s.result<int32_t>(1, "best");
  seen.best.emplace_back(best.begin(), best.end());
}

}  // namespace omni::testing
