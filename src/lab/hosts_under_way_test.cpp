// Hosts' loops of several programs at the rendezvous: seeds under way in any groups give the bits
// of each alone, and each ends by itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <thread>

#include "lab/test_phases.h"
#include "lab/test_under_way.h"
#include "ops/elementwise.h"
#include "ops/random.h"
#include "ops/reduce.h"

namespace omni::testing {
namespace {

constexpr int kSeeds = 5, kThrows = 1, kDiverges = 2;
constexpr int64_t kRounds = 9, kThrowsIn = 4, kDivergesIn = 5;

struct Outcome {
  std::vector<uint64_t> phases;  // all that they came to
  std::optional<int64_t> diverged_at;
  int64_t looks = 0;
  std::string end = "finished";
  bool operator==(const Outcome&) const = default;
};

struct Patience {
  int64_t looks = 0, rounds = 0;
  double best = 1e9;
  void visit(auto&& field) { field(looks), field(rounds), field(best); }
};

// A host that looks at rows until one is hard enough, so that seeds call differently often, learns
// from what it drew, and goes back to the best where it got worse.
Phase curious(const Ensemble& start, const Trial& t, const char* name) {
  Phase p;
  p.name = name;
  p.start = {{"model", &start}};
  p.rounds = kRounds;
  p.key = t.key().fold(name);
  p.keep_at = {3};
  p.programs["look"] = {.build =
                            [](Step& s) {
                              Net net = s.net("model");
                              const Value loss = cross_entropy(toy_logits(net, s.rows("train.x")),
                                                               s.rows("train.y"));
                              s.graph().result("hard", loss);
                            },
                        .batch = 24,
                        .samples = kToyTrain};
  p.programs["learn"] = {
      .build =
          [](Step& s) {
            Net net = s.net("model");
            const Value noise = random_normal(s.key(), convert(s.step(), DType::i32), s.index(),
                                              "noise", {kToyFeatures});
            const Value x = s.rows("train.x") + 0.1 * noise;
            const Value loss = s.fed("weight", {DType::f32, {}}) *
                               cross_entropy(toy_logits(net, x), s.rows("train.y"));
            s.graph().result("loss", loss);
            apply(Adam{}, net, loss, s.lr());
          },
      .batch = 32,
      .samples = kToyTrain,
      .lr = 0.02,
      .log = {"loss"}};
  p.programs["shrink"] = {.build = [&start](Step& s) {
    Net net = s.net("model");
    for (const ParameterSpec& w : start.specs()) {
      const Value now = net.parameter(w.name, w.shape, w.init);
      s.graph().update(now, now * 0.999);
    }
  }};
  return p;
}

struct Trouble {
  bool throws = false, diverges = false;
  void visit(auto&& field) { field(throws), field(diverges); }
};

void host(Phase& p, Trouble trouble) {
  p.host(Patience{}, trouble, [](Round& r, Patience& mind, const Trouble& in) {
    for (int i = 0; i < 4; ++i) {
      r.run("look");
      ++mind.looks;
      if (r.number("look", "hard") > 1.05) break;
    }
    if (in.throws && r.number() == kThrowsIn) throw std::runtime_error("the world broke");
    const bool broken = in.diverges && r.number() == kDivergesIn;
    Stream luck(r.key("weight"));
    const double hard = r.number("look", "hard");
    r.feed<float>("learn", "weight")[0] = broken ? NAN : static_cast<float>(0.5 + luck.uniform());
    r.run("learn", 1 + luck.below(3));
    r.run("shrink");
    r.see("hard", hard);
    if (hard < mind.best) {
      mind.best = hard;
      r.keep("best");
    } else if (r.number() % 4 == 3) {
      r.restore("best");
    }
    ++mind.rounds;
  });
}

Outcome one_seed(int seed, bool trouble, WorkerOptions o) {
  Outcome out;
  ToyBench b(std::move(o), seed);
  Trial& t = *b.trial;
  try {
    const Ensemble start = toy_model(t);
    Phase first = curious(start, t, "first");
    host(first, {trouble && seed == kThrows, trouble && seed == kDiverges});
    const PhaseResult reached = t.run(first);
    out.phases.push_back(bits_of(reached));
    out.diverged_at = reached.diverged_at;
    out.looks = reached.state<Patience>().looks;
    Phase second = curious(reached.set("model"), t, "second");
    host(second, {});
    out.phases.push_back(bits_of(t.run(second)));
  } catch (const std::runtime_error& e) {
    out.end = e.what();
  }
  return out;
}

auto with(bool trouble) {
  return [=](int seed, const WorkerOptions& o) { return one_seed(seed, trouble, o); };
}

std::vector<Outcome> alone(bool trouble) { return each_alone(kSeeds, with(trouble)); }

testing::UnderWay<Outcome> together(bool trouble, Grouping grouping,
                                    const ReferenceOptions& options = {}) {
  return all_under_way(kSeeds, with(trouble), std::move(grouping), options);
}

TEST(HostsUnderWay, AnyGroupsOfSeedsGiveTheBitsOfEachAlone) {
  const std::vector<Outcome> wanted = alone(false);
  EXPECT_NE(wanted[0].looks, wanted[3].looks) << "seeds are to call differently often";
  for (const Outcome& o : wanted) EXPECT_EQ(o.end, "finished");
  for (const auto& [most, grouping] :
       {std::pair{1, at_most(1)}, {3, at_most(3)}, {kSeeds, all_together()}}) {
    const auto met = together(false, grouping);
    EXPECT_EQ(met.outcomes, wanted) << most;
    size_t largest = 0;
    for (const Meeting& m : met.meetings) largest = std::max(largest, m.members.size());
    EXPECT_EQ(largest, static_cast<size_t>(most));
  }
  EXPECT_EQ(together(false, drawn_from(7), {.threads = 2, .order = 3, .most_slots = 2}).outcomes,
            wanted);
}

TEST(HostsUnderWay, EachSeedEndsByItself) {
  const std::vector<Outcome> untroubled = alone(false), wanted = alone(true);
  EXPECT_EQ(
      wanted[kThrows].end,
      "phase first, round 4: the experiment's code threw std::runtime_error: the world broke");
  EXPECT_TRUE(wanted[kThrows].phases.empty());
  EXPECT_EQ(wanted[kDiverges].diverged_at, kDivergesIn + 1);
  for (const int seed : {0, 3, 4}) EXPECT_EQ(wanted[seed], untroubled[seed]) << seed;
  for (const Grouping& grouping : {at_most(1), at_most(3), all_together(), drawn_from(1)})
    EXPECT_EQ(together(true, grouping).outcomes, wanted);
}

}  // namespace
}  // namespace omni::testing
