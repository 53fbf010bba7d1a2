// The first steps of every phase of every smoke preset mean what CPUs compute.
#include <iostream>

#include "reference_phases.h"

namespace omni::testing {
namespace {

class Reference : public ::testing::TestWithParam<std::string> {};

TEST_P(Reference, AgreesInTheFirstStepsOfEveryPhase) {
  const std::vector<Experiment> all = catalogue();
  const Experiment& e = *std::ranges::find(all, GetParam(), &Experiment::name);
  const bool draws = e.name == "gradient-routing-vae";
  std::vector<std::string> arguments;
  if (offers(e, "data")) arguments = {draws ? "data=digits" : "data=mnist1d"};
  const RunRequest request = smoke_request({}, arguments);
  const Resolved resolved = resolve(e, request);
  const std::string name = resolved.variants.front().settings->data();
  const Dataset data = name.empty() ? Dataset{} : load_dataset(name, request.data);
  Compared compared;
  WorkerOptions options;
  options.data = &data;
  options.make_executor = [&] { return std::make_unique<ExecutorBeside>(compared); };
  Worker worker(options);
  run_job(resolved, worker, {0});
  EXPECT_GT(compared.phases, 0);
  EXPECT_GE(compared.steps, compared.phases);
  std::cout << compared.phases << " phases, " << compared.steps << " steps, at most "
            << compared.furthest << " apart\n";
}

std::vector<std::string> experiments() {
  std::vector<std::string> names;
  for (const Experiment& e : catalogue()) names.push_back(e.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Smoke, Reference, ::testing::ValuesIn(experiments()),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace omni::testing
