#include <gtest/gtest.h>

#include "base/error.h"
#include "base/test_folder.h"
#include "experiments/catalogue.h"
#include "experiments/testing.h"
#include "lab/runner.h"

namespace omni {
namespace {

RunRequest smoke(const TestFolder& folder, std::vector<Assignment> more = {}) {
  RunRequest r;
  r.preset = "smoke";
  r.assignments = std::move(more);
  r.assignments.insert(r.assignments.begin(), {"data", {"mnist1d"}, "test"});
  r.threads = 2;
  r.out = folder.path() / "run";
  return r;
}

RunOutcome run(const RunRequest& request) {
  testing::SilentWatcher watcher;
  const std::atomic<bool> stop = false;
  return run_experiment(path_dependence(), request, watcher, stop);
}

TEST(PathDependence, RunsEverywhere) {
  const TestFolder folder;
  const RunOutcome outcome = run(smoke(folder));
  EXPECT_EQ(outcome.failed, 0);
  EXPECT_EQ(outcome.models, 2 * 9);
  const Results results(outcome.folder / "results.sqlite", Access::read);
  for (const char* arm : {"fork-0", "fork-0.125", "fork-0.5", "constant-0", "constant-0.5",
                          "same-order", "independent"})
    for (const char* metric : {"churn", "relative_churn", "shared_errors", "kl", "distance",
                               "displacement_cosine", "barrier", "midpoint_barrier", "error"})
      EXPECT_EQ(results.values(metric, arm).size(), 2u) << arm << " " << metric;
  EXPECT_EQ(results.curve("line_error", "fork-0.5").size(), 3u);
  for (const SeedValue& v : results.values("relative_churn", "independent")) EXPECT_EQ(v.value, 1);
  // Even in seconds, later children end nearer to each other.
  const auto early = results.values("distance", "fork-0");
  const auto late = results.values("distance", "fork-0.5");
  for (size_t i = 0; i < 2; ++i) EXPECT_GT(early[i].value, late[i].value);
}

// Whatever the randomness is, a fork that changes none of it goes where its trunk went.
TEST(PathDependence, AForkWithUnchangedKeysIsItsTrunk) {
  for (const char* vary : {"order", "noise", "labels", "dropout", "shift"}) {
    const TestFolder folder;
    const RunOutcome outcome =
        run(smoke(folder, {{"vary", {vary}, "test"}, {"forks", {"0.1,0.6"}, "test"}}));
    const Results results(outcome.folder / "results.sqlite", Access::read);
    std::map<int64_t, std::string> trunk, same, other;
    for (const ModelResult& m : results.models()) {
      if (m.arm == "trunk") trunk[m.seed] = m.weights_hash;
      if (m.arm == "same-keys") same[m.seed] = m.weights_hash;
      if (m.arm == "fork-0.6") other[m.seed] = m.weights_hash;
    }
    for (const int64_t seed : {0, 1}) {
      EXPECT_EQ(trunk.at(seed), same.at(seed)) << vary;
      EXPECT_NE(trunk.at(seed), other.at(seed)) << vary;
    }
    for (const SeedValue& v : results.values("same_bits", "same-keys")) EXPECT_EQ(v.value, 1);
    for (const SeedValue& v : results.values("churn", "same-keys")) EXPECT_EQ(v.value, 0);
    EXPECT_EQ(outcome.claims.back().id, "16");
    EXPECT_EQ(outcome.claims.back().judgement.verdict, Verdict::supported);
  }
}

TEST(PathDependence, RefusesWhatCannotBe) {
  const TestFolder folder;
  for (const auto& [key, value] : {std::pair{"forks", "0.5,0.1"}, {"forks", "0.1,0.1"},
                                   {"forks", "1"}, {"children", "1"}, {"grid", "1"},
                                   {"arch", "cnn"}, {"vary", "luck"}})
    EXPECT_THROW(resolve(path_dependence(), smoke(folder, {{key, {value}, "test"}})), UserError)
        << key << "=" << value;
  EXPECT_THROW(resolve(path_dependence(), smoke(folder, {{"vary", {"dropout"}, "test"},
                                                         {"strength", {"1"}, "test"}})),
               UserError);
}

TEST(PathDependence, RefusesNoiseThatWouldBeAnotherOrNone) {
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"vary=shift", "strength=2.5"},
                                             {"vary=labels", "strength=1"},
                                             {"vary=dropout", "depth=0"}})
    EXPECT_THROW(resolve(path_dependence(), testing::smoke_request("", wrong)), UserError)
        << wrong.front();
  resolve(path_dependence(), testing::smoke_request("", {"vary=shift", "strength=3"}));
}

// Which claims are judged, of which run.
std::string judged(const std::string& preset, const std::string& data,
                   std::vector<Assignment> assignments = {}) {
  return testing::judged_claims(path_dependence(), preset, data, std::move(assignments));
}

TEST(PathDependence, JudgesWhereTheClaimsHold) {
  const std::string all = "11a 11b 11c 12a 12b 13a 13b 14 15.1 15.2 15.3 15.4 16 ";
  EXPECT_EQ(judged("quick", "mnist"), all);
  EXPECT_EQ(judged("quick", "mnist", {{"optimizer", {"sgd"}, "test"}}),
            "11a 11b 11c 12a 12b 13a 13b 15.1 15.2 15.3 15.4 16 ");
  EXPECT_EQ(judged("quick", "mnist", {{"epochs", {"3"}, "test"}}), "16 ");
  EXPECT_EQ(judged("quick", "fashion-mnist"), "16 ");
  EXPECT_EQ(judged("paper", "mnist"), "F1 F2 16 ");
  EXPECT_EQ(judged("paper", "digits"), "16 ");
}

}  // namespace
}  // namespace omni
