// What holds of every experiment: it trains on one split and measures on the other, and a seed's
// randomness is its own.
#include "experiments/catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>

#include "data/catalogue.h"
#include "experiments/testing.h"
#include "lab/jobs.h"
#include "lab/word_use.h"
#include "lab/worker.h"
#include "ops/leaf.h"

namespace omni {
namespace {

// The smoke preset, with training enough that measured values are not all 0.
RunRequest request_of(const Experiment& e) {
  if (e.name == "gradient-routing-vae") return testing::smoke_request("", {"data=digits"});
  if (e.name == "unlearning-relearning")
    return testing::smoke_request("", {"data=mnist1d", "base_epochs=8", "oracle_epochs=8"});
  if (testing::offers(e, "data")) return testing::smoke_request("", {"data=mnist1d"});
  return testing::smoke_request("", {});
}

// Nothing where an experiment makes its own.
Dataset data_of(const Experiment& e) {
  const std::string name = resolve(e, request_of(e)).variants.front().settings->data();
  return name.empty() ? Dataset{} : load_dataset(name, {});
}

SeedRecord run_seed(const Experiment& e, int64_t seed, const Dataset& data,
                    WorkerOptions options = {}) {
  const Resolved r = resolve(e, request_of(e));
  options.data = &data;
  Worker worker(options);
  worker.begin(seed);
  SeedRecord record;
  record.seed = seed;
  for (const Variant& v : r.variants) {
    Trial trial(worker, seed, v.label, record);
    v.settings->run(trial);
  }
  return record;
}

// What its training phases are, from a run without training.
void each_phase(const Experiment& e, int64_t seed, const Dataset& data,
                const std::function<void(const Training&, const Graph&)>& visit) {
  WorkerOptions dry;
  dry.dry = true;
  dry.saw_graph = [&](const Training& p, const Graph& g, const DataTable&) { visit(p, g); };
  run_seed(e, seed, data, dry);
}

// Every image of the split becomes its negative, and every label the next one.
void change(Split& split, int classes) {
  if (split.x.type() == SampleType::u8)
    for (uint8_t& x : split.x.u8()) x = static_cast<uint8_t>(255 - x);
  else
    for (float& x : split.x.f32()) x = -x;
  for (int32_t& y : split.y) y = (y + 1) % classes;
}

// By name, the final values of all arms that have the same weights in `other`.
std::map<std::string, std::vector<double>> final_values(const SeedRecord& record,
                                                        const SeedRecord& other) {
  std::map<std::string, std::vector<double>> values;
  for (const auto& [arm, model] : record.models) {
    if (model.weights_hash != other.models.at(arm).weights_hash) continue;
    for (const Metric& m : model.metrics)
      if (m.step == kFinalStep) values[m.name].push_back(m.value);
  }
  return values;
}

class EveryExperiment : public ::testing::TestWithParam<size_t> {
 protected:
  const Experiment experiment = catalogue().at(GetParam());
  Dataset data = data_of(experiment);
};

TEST_P(EveryExperiment, TrainsOnOneSplitAndMeasuresOnTheOther) {
  if (data.name.empty()) GTEST_SKIP() << "it makes its own data";
  // Of weights and training alone.
  const std::set<std::string> kBlind = {
      "aux_rows_unchanged", "cost",         "digit_rows_unchanged", "displacement_cosine",
      "distance",           "distillation", "distance_from_start",  "distance_to_teacher",
      "steps"};
  bool stops = false;
  each_phase(experiment, 0, data, [&](const Training& p, const Graph&) { stops |= !!p.stop; });
  const SeedRecord before = run_seed(experiment, 0, data);
  change(data.test, data.classes);
  const SeedRecord after = run_seed(experiment, 0, data);
  // A rule that ends a phase at an accuracy on test images is the one way to learn of them.
  for (const auto& [arm, model] : before.models)
    EXPECT_TRUE(stops || model.weights_hash == after.models.at(arm).weights_hash)
        << arm << ": its weights depend on the images that it is tested on";
  auto changed = final_values(after, before);
  int measured = 0;
  for (const auto& [name, values] : final_values(before, after)) {
    const auto [least, most] = std::ranges::minmax_element(values);
    if (kBlind.contains(name) || !(*least < *most)) continue;  // equal ones tell nothing
    EXPECT_NE(values, changed[name]) << name << " is not measured on the test split";
    ++measured;
  }
  EXPECT_GT(measured, 0);
}

TEST_P(EveryExperiment, GivesEachSeedItsOwnOrdersAndDraws) {
  const uint64_t unset = Key{}.bits;
  std::set<uint64_t> of_zero;
  each_phase(experiment, 0, data, [&](const Training& p, const Graph&) {
    of_zero.insert({p.order.bits, p.random.bits});
  });
  EXPECT_FALSE(of_zero.empty());
  of_zero.erase(unset);
  each_phase(experiment, 1, data, [&](const Training& p, const Graph& g) {
    bool draws = false;
    for (int id = 0; id < g.size(); ++id)
      draws |= is_input(g.node(id)) && g.node(id).name == "key";
    EXPECT_FALSE(of_zero.contains(p.order.bits)) << p.name << ": two seeds share an order";
    EXPECT_FALSE(of_zero.contains(p.random.bits)) << p.name << ": two seeds share their draws";
    EXPECT_NE(p.order.bits, unset) << p.name << ": nobody chose an order";
    EXPECT_TRUE(!draws || p.random.bits != unset) << p.name << ": nobody chose its draws";
  });
}

TEST_P(EveryExperiment, StatesWhichClaimsComeFirstAndHowManySeedsTheyTake) {
  std::set<std::string> ids;
  for (const ClaimSpec& c : claims_of(experiment, *experiment.settings(), data)) ids.insert(c.id);
  EXPECT_GE(experiment.primary.size(), 1U);
  EXPECT_LE(experiment.primary.size(), 3U);
  for (const std::string& id : experiment.primary) EXPECT_TRUE(ids.contains(id)) << id;
  EXPECT_FALSE(experiment.seeds_needed.empty());
}

// An accuracy, a recall or the like whose range nobody declared would get intervals beyond 0 and 1.
TEST_P(EveryExperiment, DeclaresTheRangesOfItsShares) {
  const std::set<std::string> losses = {"era-unlearning relearned"};  // after an attack, in nats
  const SeedRecord record = run_seed(experiment, 0, data);
  for (const auto& [arm, model] : record.models)
    for (const Metric& m : model.metrics)
      for (const char* share : {"accuracy", "recall", "agreement", "relearned", "best_rate_inside"})
        if (m.name.starts_with(share) && !losses.contains(experiment.name + " " + share)) {
          EXPECT_EQ(range_of(experiment.ranges, m.name).high, 1) << m.name;
        }
}

// Its page and its code speak of the same options, arms, metrics, claims, figures and presets.
TEST_P(EveryExperiment, SaysEverythingOnce) {
  if (!experiment.words.there()) GTEST_SKIP() << "it has no page yet";
  WordUse use;
  std::vector<std::string> unseen;  // presets whose data are the user's
  for (const Preset& p : experiment.presets) {
    RunRequest request;
    request.preset = p.name;
    try {
      const Resolved r = resolve(experiment, request);
      const Dataset blank = blank_dataset(r.variants.front().settings->data());
      use.add(r, experiment, blank, dry_run(r, blank));
    } catch (const UserError& error) {
      const bool is_missing =
          std::string_view(error.what()).ends_with("there is no such file or folder");
      EXPECT_TRUE(is_missing) << p.name << ": " << error.what();
      unseen.push_back(fmt::format("there is no preset '{}'", p.name));
    }
  }
  std::vector<std::string> unused = use.unused(experiment.words);
  for (const std::string& preset : unseen)
    std::erase_if(unused, [&](const std::string& row) { return row.find(preset) != row.npos; });
  EXPECT_EQ(unused, std::vector<std::string>());
}

INSTANTIATE_TEST_SUITE_P(Catalogue, EveryExperiment,
                         ::testing::Range(size_t{0}, catalogue().size()), [](const auto& info) {
                           std::string name = catalogue().at(info.param).name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace omni
