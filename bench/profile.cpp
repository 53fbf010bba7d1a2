#include "bench/profile.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>

#include "base/error.h"
#include "base/nearest.h"
#include "bench/workload.h"
#include "engine/flops.h"
#include "nn/testing.h"

namespace omni::bench {
namespace {

// A training step bound by hand: of a session's step the parts cannot be timed.
class BareStep {
 public:
  explicit BareStep(const TimedStep& t) : batch_(t.batch) {
    Graph g;
    Step s(g, batch_, t.data());
    const Parameters parameters = t.build(s);
    program_ = std::make_unique<Program>(g, ProgramOptions{t.precision});
    flops_ = matmul_flops(g);
    int64_t samples = 0;
    for (const auto& [name, table] : t.data()) {
      samples = std::max(samples, table.type.shape[0]);
      if (program_->has_input(name)) program_->bind(name, table.data);
    }
    order_ = permutation(Key::of(0).fold("order"), samples);
    program_->bind("step", &step_);
    program_->bind("lr", &rate_);
    models_ = std::make_unique<Models>(parameters, 1);
    omni::testing::bind_model(*program_, "model", models_->weights[0]);
    omni::testing::bind_model(*program_, "model.opt", models_->state[0]);
    program_->refresh();
  }
  Program& program() { return *program_; }
  double flops() const { return flops_; }  // of a run
  // With the next batch.
  Program& next() {
    if (place_ + batch_ > std::ssize(order_)) place_ = 0;
    program_->bind("index", order_.data() + place_);
    place_ += batch_;
    ++step_;
    return *program_;
  }

 private:
  int64_t batch_, place_ = 0;
  std::unique_ptr<Program> program_;
  std::unique_ptr<Models> models_;
  std::vector<int32_t> order_;
  float step_ = 0, rate_ = kLearningRate;
  double flops_ = 0;
};

const TimedStep& find(const std::string& name) {
  for (const TimedStep& p : kTimedSteps)
    if (name == p.name) return p;
  fail_user("there is no profile '{}'{}", name, suggest(name, profile_names()));
}

}  // namespace

std::vector<std::string> profile_names() {
  std::vector<std::string> names;
  for (const TimedStep& p : kTimedSteps) names.push_back(p.name);
  return names;
}

void print_profile(const std::string& name, double seconds) {
  using Clock = std::chrono::steady_clock;
  const TimedStep& profile = find(name);
  BareStep step(profile);
  const std::vector<std::string> labels = step.program().step_labels();
  std::vector<double> step_us(labels.size());
  const auto run_for = [&](double s, bool timed) {
    int64_t runs = 0;
    const auto end = Clock::now() + std::chrono::duration<double>(s);
    for (; Clock::now() < end; ++runs) {
      if (timed)
        step.next().run_timed(step_us);
      else
        step.next().run();
    }
    return runs;
  };
  run_for(seconds / 4, false);
  const auto begin = Clock::now();
  const auto plain_runs = run_for(seconds / 2, false);
  const double plain_us =
      std::chrono::duration<double, std::micro>(Clock::now() - begin).count() / plain_runs;
  const int64_t runs = run_for(seconds, true);

  for (double& us : step_us) us /= static_cast<double>(runs);
  const double sum = std::accumulate(step_us.begin(), step_us.end(), 0.0);
  fmt::print("{}: {} slices, one core, {} timed runs\n\n{:>10} {:>7}  step\n", name,
             step.program().slices(), runs, "us/run", "share");
  for (size_t i = 0; i < labels.size(); ++i)
    fmt::print("{:10.1f} {:6.1f}%  {}\n", step_us[i], 100 * step_us[i] / sum, labels[i]);
  fmt::print(
      "{:10.1f}          sum; {:.1f} us per run untimed, {:.0f} GFLOP/s of matrix products\n", sum,
      plain_us, step.flops() / plain_us * 1e-3);
}

}  // namespace omni::bench
