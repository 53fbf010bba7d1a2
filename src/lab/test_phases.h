// What tests of phases share: everything that a phase came to as one number, and every way to come
// to it.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string_view>

#include "base/hash.h"
#include "base/test_folder.h"
#include "lab/phase.h"
#include "lab/test_support.h"

namespace omni::testing {

inline void add(Hash& h, std::span<const std::byte> bytes) {
  h.add(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}
inline void add(Hash& h, const PhaseSnapshot& s) {
  h.add(s.round);
  for (const auto& [name, e] : s.sets) h.add(name), h.add(weights_hash(e[0]));
  for (const auto& [name, at] : s.programs) h.add(name), h.add(at.runs), h.add(at.rate);
  add(h, s.host);
  for (const auto& [name, copy] : s.copies) h.add(name), add(h, *copy);
}
inline uint64_t bits_of(const PhaseResult& r) {
  Hash h;
  for (const auto& [name, e] : r.sets) h.add(name), h.add(weights_hash(e[0]));
  h.add(r.rounds), h.add(r.diverged_at.value_or(-1));
  for (const Probed& seen : r.probed)
    for (const auto& [name, x] : seen.values) h.add(seen.step), h.add(name), h.add(x);
  for (const PhaseSnapshot& s : r.kept) add(h, s);
  for (const auto& [name, s] : r.copies) h.add(name), add(h, *s);
  for (const auto& [program, results] : r.logs)
    for (const auto& [name, values] : results)
      h.add(program), h.add(name), add(h, std::as_bytes(std::span(values)));
  add(h, r.host);
  return h.value();
}

// Runs a phase of a trial on the toy problem.
using RunPhase = std::function<PhaseResult(Trial&)>;

inline PhaseResult run_with(const WorkerOptions& o, const RunPhase& run) {
  ToyBench b(o);
  return run(*b.trial);
}

// Its bits depend on no call's length, on no thread, and on no interruption, and it goes on in
// programs compiled anew.
inline void expect_equal_bits(const RunPhase& run) {
  const uint64_t whole = bits_of(run_with({}, run));
  for (const int64_t rounds : {1, 3}) {
    WorkerOptions o;
    o.steps_per_call = rounds;
    o.threads = static_cast<int>(rounds);
    EXPECT_EQ(bits_of(run_with(o, run)), whole) << "calls of " << rounds;
  }
  for (const int64_t at : {1, 4}) {
    WorkerOptions o;
    o.fork_at = at;
    EXPECT_EQ(bits_of(run_with(o, run)), whole) << "left at " << at;
  }
  for (const int64_t stop_at : {1, 2, 5}) {
    const TestFolder folder;
    std::atomic<bool> stop = false;
    WorkerOptions o;
    o.checkpoints = folder.path();
    o.checkpoint_every_s = 0;
    o.stop = &stop;
    int64_t calls = 0;
    o.advanced = [&](const Amount&) { stop = ++calls == stop_at; };
    EXPECT_THROW(run_with(o, run), Interrupted);
    stop = false;
    const PhaseResult found = run_with(o, run);
    EXPECT_EQ(bits_of(found), whole) << "interrupted after call " << stop_at;
    stop = true;  // training would throw Interrupted now
    o.advanced = nullptr;
    EXPECT_EQ(bits_of(run_with(o, run)), whole) << "found on disk";
  }
}

// CPU and reference, after a few rounds.
inline void expect_near_reference(const RunPhase& run, double near = 1e-4) {
  WorkerOptions meant;
  meant.executor = ExecutorKind::reference;
  const PhaseResult a = run_with({}, run), b = run_with(meant, run);
  ASSERT_FALSE(a.sets.empty());
  for (const auto& [set, e] : a.sets)
    EXPECT_LT(distance(e[0], b.set(set)[0]), near * std::max(1.0, norm(e[0]))) << set;
}

// What is refused, and with which words; empty if it is not.
template <class Do>
std::string refusal(Do what) {
  try {
    what();
  } catch (const UserError& e) {
    return e.what();
  }
  return "";
}

}  // namespace omni::testing
