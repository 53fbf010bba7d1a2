// Whether experiments mean what CPUs compute: smoke presets in which the first steps of every phase
// are interpreted beside the CPU's.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "executors/cpu/session.h"
#include "executors/reference.h"
#include "experiments/catalogue.h"
#include "experiments/testing.h"

namespace omni::testing {

inline constexpr int64_t kStepsBeside = 5;
inline constexpr double kNear = 1e-4;

// What was compared, of all sessions of an executor.
struct Compared {
  int64_t steps = 0, phases = 0;
  double furthest = 0;  // of losses, relative where they are above 1
};

// The CPU's session, whose first steps the reference makes, too.
class SessionBeside final : public Session {
 public:
  SessionBeside(SessionSpec spec, std::unique_ptr<Session> cpu, std::unique_ptr<Session> reference,
                Compared& compared)
      : spec_(std::move(spec)),
        cpu_(std::move(cpu)),
        reference_(std::move(reference)),
        compared_(compared) {}

  void write(const std::string& input, std::span<const float> values) override {
    each([&](Session& s) { s.write(input, values); });
  }
  void zero(const std::string& input, int64_t count) override {
    each([&](Session& s) { s.zero(input, count); });
  }
  void lend(const std::string& input, std::span<const float> values) override {
    each([&](Session& s) { s.lend(input, values); });
  }
  void table(const std::string& name, const Table& t) override {
    each([&](Session& s) { s.table(name, t); });
  }
  void start(ModelStart start) override {
    each([&](Session& s) { s.start(start); });
    compared_.phases += reference_ != nullptr;
  }
  void run(int program, int64_t runs) override {
    const ProgramSpec& p = spec_.programs[static_cast<size_t>(program)];
    for (; reference_ && runs > 0; --runs) {
      feed_reference(program, p);
      each([&](Session& s) { s.run(program, 1); });
      if (!p.watched.empty()) compare(program, p);
      if (!p.watched.empty() && ++steps_ == kStepsBeside) reference_.reset();
    }
    if (runs > 0) cpu_->run(program, runs);
  }
  void end_round() override {
    each([](Session& s) { s.end_round(); });
  }
  std::vector<float> take_log(int program) override { return cpu_->take_log(program); }
  const Standing& standing() const override { return cpu_->standing(); }
  std::span<const float> read(const std::string& input) const override { return cpu_->read(input); }

 private:
  template <class Do>
  void each(Do what) {
    what(*cpu_);
    if (reference_) what(*reference_);
  }
  std::span<const std::byte> result_bytes(int program, const std::string& name,
                                          DType type) const override {
    if (type == DType::f32) return std::as_bytes(cpu_->result(program, name));
    return std::as_bytes(cpu_->result<int32_t>(program, name));
  }
  // The host fills the CPU's memory, which the reference gets a copy of at each run.
  std::span<std::byte> feed_bytes(int program, const std::string& input, DType type) override {
    return memory(*cpu_, program, input, type);
  }
  static std::span<std::byte> memory(Session& s, int program, const std::string& input,
                                     DType type) {
    if (type == DType::i32) return std::as_writable_bytes(s.feed<int32_t>(program, input));
    if (type == DType::u8) return std::as_writable_bytes(s.feed<uint8_t>(program, input));
    return std::as_writable_bytes(s.feed<float>(program, input));
  }
  void feed_reference(int program, const ProgramSpec& p) {
    for (int id = 0; id < p.graph->size(); ++id) {
      const Node& n = p.graph->node(id);
      if (!is_input(n) || std::ranges::count(p.fed, n.name) == 0) continue;
      std::ranges::copy(memory(*cpu_, program, n.name, n.type.dtype),
                        memory(*reference_, program, n.name, n.type.dtype).begin());
    }
  }
  void compare(int program, const ProgramSpec& p) {
    const double computed = cpu_->result(program, p.watched)[0];
    const double meant = reference_->result(program, p.watched)[0];
    const double apart = std::abs(computed - meant) / std::max(1.0, std::abs(meant));
    EXPECT_LE(apart, kNear) << p.name << ", step " << steps_ + 1 << ": " << computed
                            << " instead of " << meant;
    compared_.furthest = std::max(compared_.furthest, apart);
    ++compared_.steps;
    if (steps_ + 1 < kStepsBeside) return;
    // Weights as wholes: an optimiser that goes by signs moves single ones by noise.
    for (const Output& o : p.graph->outputs()) {
      if (!o.update) continue;
      const std::span<const float> a = cpu_->read(o.name), b = reference_->read(o.name);
      double difference = 0, size = 0;
      for (size_t i = 0; i < a.size(); ++i) {
        difference += std::pow(double{a[i]} - b[i], 2);
        size += std::pow(double{b[i]}, 2);
      }
      EXPECT_LE(std::sqrt(difference), kNear * std::max(1.0, std::sqrt(size)))
          << p.name << ": " << o.name;
    }
  }

  const SessionSpec spec_;
  std::unique_ptr<Session> cpu_, reference_;  // no reference_: it has made its steps
  Compared& compared_;
  int64_t steps_ = 0;
};

// Of phases; evaluations are the CPU's alone.
class ExecutorBeside final : public Executor {
 public:
  explicit ExecutorBeside(Compared& compared) : compared_(compared) {}
  std::unique_ptr<Session> open(SessionSpec spec) override {
    const bool trains =
        std::ranges::any_of(spec.programs, [](const ProgramSpec& p) { return !p.watched.empty(); });
    if (!trains) return cpu_->open(std::move(spec));
    auto cpu = cpu_->open(spec), reference = reference_->open(spec);
    return std::make_unique<SessionBeside>(std::move(spec), std::move(cpu), std::move(reference),
                                           compared_);
  }
  std::string numerics() const override { return cpu_->numerics(); }

 private:
  std::unique_ptr<Executor> cpu_ = make_cpu_executor(), reference_ = make_reference_executor();
  Compared& compared_;
};

}  // namespace omni::testing
