#include "bench/profile.h"

#include <chrono>
#include <numeric>

#include "base/error.h"
#include "base/nearest.h"
#include "bench/workload.h"

namespace omni::bench {
namespace {

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
  Trainer trainer(profile.build, profile.batch, profile.precision, 1, profile.data());
  Models models(trainer.parameters(), 1);
  trainer.take(models, 0);

  const std::vector<std::string> labels = trainer.program().step_labels();
  std::vector<double> step_us(labels.size());
  const auto run_for = [&](double s, bool timed) {
    int64_t runs = 0;
    const auto end = Clock::now() + std::chrono::duration<double>(s);
    for (; Clock::now() < end; ++runs) {
      if (!timed) {
        trainer.step();
        continue;
      }
      trainer.next_batch();
      trainer.program().run_timed(step_us);
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
             trainer.program().slices(), runs, "us/run", "share");
  for (size_t i = 0; i < labels.size(); ++i)
    fmt::print("{:10.1f} {:6.1f}%  {}\n", step_us[i], 100 * step_us[i] / sum, labels[i]);
  fmt::print(
      "{:10.1f}          sum; {:.1f} us per run untimed, {:.0f} GFLOP/s of matrix products\n", sum,
      plain_us, trainer.program().matmul_flops() / plain_us * 1e-3);
}

}  // namespace omni::bench
