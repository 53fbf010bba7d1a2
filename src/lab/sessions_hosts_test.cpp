// Phases that a host's loop drives; docs/sessions.md shows this code.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "lab/test_phases.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "ops/softmax.h"

namespace omni {
namespace {

using namespace testing;  // NOLINT: the toy problem

// --- REINFORCE on a bandit of four arms (Williams 1992) ---

constexpr int64_t kArms = 4, kPulls = 16;

struct Casino {
  double mean = 0;  // of the rewards so far: the baseline
  std::array<int64_t, kArms> pulls = {};
  void visit(auto&& field) { field(mean), field(pulls); }
};
struct Odds {
  double step = 0.2;  // how much oftener each arm pays than the one before
  void visit(auto&& field) { field(step); }
};

Value policy(Net& net) { return net.parameter("logits", {1, kArms}, init::zeros()); }

Phase bandit(const Ensemble& start) {
  Phase p;
  p.name = "bandit";
  p.start = {{"policy", &start}};
  p.programs["act"] = {.build =
                           [](Step& s) {
                             Net net = s.net("policy");
                             const Value u = random_uniform(s.key(), convert(s.step(), DType::i32),
                                                            s.index(), "arm", {kArms});
                             s.graph().result("arm", arg_max(policy(net) - log(-log(u))));
                           },
                       .batch = kPulls};
  p.programs["learn"] = {.build =
                             [](Step& s) {
                               Net net = s.net("policy");
                               const Value arm = s.fed("arm", {DType::i32, {kPulls}, 0});
                               const Value gain = s.fed("gain", {DType::f32, {kPulls}, 0});
                               const Value log_p = reshape(log_softmax(policy(net)), {kArms});
                               const Value loss = -mean(gather(log_p, arm) * gain);
                               apply(Sgd{}, net, loss, s.lr());
                             },
                         .lr = 0.5};
  p.host(Casino{}, Odds{0.2}, [](Round& r, Casino& casino, const Odds& odds) {
    r.run("act");
    const auto pulled = r.result<int32_t>("act", "arm");
    const std::vector<int32_t> arms(pulled.begin(), pulled.end());
    const std::span<float> gain = r.feed<float>("learn", "gain");
    Stream luck(r.key("luck"));
    double sum = 0;
    for (size_t i = 0; i < arms.size(); ++i) {
      ++casino.pulls[static_cast<size_t>(arms[i])];
      const double reward = luck.uniform() < odds.step * (arms[i] + 1) ? 1 : 0;
      gain[i] = static_cast<float>(reward - casino.mean);
      sum += reward;
    }
    std::ranges::copy(arms, r.feed<int32_t>("learn", "arm").begin());
    r.run("learn");
    casino.mean = 0.9 * casino.mean + 0.1 * sum / kPulls;
    r.see("reward", sum / kPulls);
  });
  return p;
}

PhaseResult run_bandit(Trial& t, int64_t rounds) {
  const Ensemble start = t.init([](Net& net) { policy(net); }, t.key());
  Phase p = bandit(start);
  p.key = t.key().fold("bandit");
  p.rounds = rounds;
  p.see_every = 3;
  return t.run(p);
}

TEST(Sessions, ABandit) {
  const PhaseResult r = run_with({}, [](Trial& t) { return run_bandit(t, 150); });
  ASSERT_EQ(r.probed.size(), 50u);
  EXPECT_EQ(r.probed[0].step, 3);
  const auto casino = r.state<Casino>();
  EXPECT_GT(casino.mean, 0.7);  // the best arm pays .8
  EXPECT_GT(casino.pulls[3], 1000);
  EXPECT_EQ(casino.pulls[0] + casino.pulls[1] + casino.pulls[2] + casino.pulls[3], 150 * kPulls);
  expect_equal_bits([](Trial& t) { return run_bandit(t, 9); });
  expect_near_reference([](Trial& t) { return run_bandit(t, 5); });
}

// --- Acting and learning: A2C in a grid, two programs on one set ---

constexpr int kSide = 4, kCells = kSide * kSide, kWorlds = 8, kLength = 8, kLimit = 24;
constexpr int kRows = kWorlds * kLength;
constexpr double kDiscount = 0.97;

struct World {
  int32_t cell = 1, time = 0;
  int64_t episode = 0;
  void visit(auto&& field) { field(cell), field(time), field(episode); }

  void reset(Key key) {  // an episode's start hangs on nothing that was drawn before
    cell = 1 + static_cast<int32_t>(
                   Stream(key.fold(static_cast<uint64_t>(++episode))).below(kCells - 1));
    time = 0;
  }
  // Up, right, down, left; the cheese is in cell 0.
  void move(int action) {
    const int row = std::clamp(cell / kSide + (action == 2) - (action == 0), 0, kSide - 1);
    const int column = std::clamp(cell % kSide + (action == 1) - (action == 3), 0, kSide - 1);
    cell = row * kSide + column;
    ++time;
  }
};

struct Worlds {
  std::vector<World> worlds;
  Key levels;
  double episodes = 0, returned = 0;  // smoothed
  float best = 0;
  void visit(auto&& field) {
    field(worlds), field(levels), field(episodes), field(returned), field(best);
  }
  Key level(int w) const { return levels.fold(static_cast<uint64_t>(w)); }
};

struct Judged {
  Value logits, value;  // [rows, 4], [rows]
};
Judged actor_critic(Net& net, Value x) {
  const Value h = tanh(linear(net, "trunk", x, 32));
  const Value v = linear(net, "value", h, 1);
  return {linear(net, "policy", h, 4), reshape(v, {v.dim(0)})};
}

void act(Step& s) {
  Net net = s.net("agent");
  const Judged j = actor_critic(net, s.fed("seen", {DType::f32, {kWorlds, kCells}, 0}));
  const Value u = random_uniform(s.key(), convert(s.step(), DType::i32), s.index(), "action", {4});
  s.graph().result("action", arg_max(j.logits - log(-log(u))));  // a draw from the softmax
  s.graph().result("value", j.value);
}

void learn(Step& s) {
  Net net = s.net("agent");
  const Judged j = actor_critic(net, s.fed("seen", {DType::f32, {kRows, kCells}, 0}));
  const Value log_p = log_softmax(j.logits);
  const Value chosen = take_last(log_p, s.fed("action", {DType::i32, {kRows}, 0}));
  const Value entropy = -mean(reduce_sum(exp(log_p) * log_p, {1}));
  const Value loss = 0.5 * mse(j.value, s.fed("target", {DType::f32, {kRows}, 0})) -
                     mean(chosen * s.fed("advantage", {DType::f32, {kRows}, 0})) - 0.01 * entropy;
  s.graph().result("loss", loss);
  s.graph().result("entropy", entropy);
  apply(Adam{}, net, loss, s.lr(), {.clip_norm = 0.5});
}

// A roll-out of kLength steps, and a step down its loss.
void act_and_learn(Round& r, Worlds& h) {
  std::vector<float> seen, reward, go_on, value;
  std::vector<int32_t> action;
  for (int t = 0; t <= kLength; ++t) {
    const std::span<float> planes = r.feed<float>("act", "seen");
    std::ranges::fill(planes, 0.f);
    for (int w = 0; w < kWorlds; ++w) planes[w * kCells + h.worlds[w].cell] = 1;
    if (t < kLength) seen.insert(seen.end(), planes.begin(), planes.end());
    r.run("act");
    const auto v = r.result("act", "value");
    value.insert(value.end(), v.begin(), v.end());
    if (t == kLength) break;
    const auto a = r.result<int32_t>("act", "action");
    action.insert(action.end(), a.begin(), a.end());
    for (int w = 0; w < kWorlds; ++w) {
      World& world = h.worlds[w];
      world.move(action[t * kWorlds + w]);
      const bool found = world.cell == 0, ends = found || world.time >= kLimit;
      reward.push_back(found ? 1.f : 0.f);
      go_on.push_back(ends ? 0.f : 1.f);
      if (!ends) continue;
      h.episodes = 0.99 * h.episodes + 1;
      h.returned = 0.99 * h.returned + (found ? std::pow(kDiscount, world.time - 1) : 0);
      world.reset(h.level(w));
    }
  }
  const std::span<float> advantage = r.feed<float>("learn", "advantage");
  const std::span<float> target = r.feed<float>("learn", "target");
  for (int w = 0; w < kWorlds; ++w) {
    double sum = 0;  // generalised advantages (arXiv:1506.02438)
    for (int i = (kLength - 1) * kWorlds + w; i >= 0; i -= kWorlds) {
      const double error = reward[i] + kDiscount * go_on[i] * value[i + kWorlds] - value[i];
      sum = error + kDiscount * 0.95 * go_on[i] * sum;
      advantage[i] = static_cast<float>(sum);
      target[i] = static_cast<float>(sum + value[i]);
    }
  }
  std::ranges::copy(seen, r.feed<float>("learn", "seen").begin());
  std::ranges::copy(action, r.feed<int32_t>("learn", "action").begin());
  r.run("learn");
  const auto score = static_cast<float>(h.episodes > 0 ? h.returned / h.episodes : 0);
  r.see("return", score);
  if (r.number() < 5 || score <= h.best) return;
  h.best = score;
  r.keep("best");
}

Phase a2c(const Ensemble& agent, Key key) {
  Phase p;
  p.name = "a2c";
  p.start = {{"agent", &agent}};
  p.programs["act"] = {.build = act, .batch = kWorlds};
  p.programs["learn"] = {.build = learn, .batch = kRows, .lr = 1e-2, .log = {"entropy"}};
  p.key = key;
  Worlds start{.worlds = std::vector<World>(kWorlds), .levels = key.fold("levels")};
  for (int w = 0; w < kWorlds; ++w) start.worlds[w].reset(start.level(w));
  p.host(std::move(start), act_and_learn);
  p.keeps = {"best"};  // not in the first round
  return p;
}

Ensemble agent_of(Trial& t) {
  return t.init(
      [](Net& net) {
        actor_critic(net, input(net.graph(), "x", {DType::f32, {1, kCells}, 0}, Role::data));
      },
      t.key().fold("agent"));
}

PhaseResult run_a2c(Trial& t, int64_t rounds) {
  const Ensemble agent = agent_of(t);
  Phase p = a2c(agent, t.key().fold("a2c"));
  p.rounds = rounds;
  return t.run(p);
}

TEST(Sessions, ActingAndLearning) {
  const PhaseResult r = run_with({}, [](Trial& t) { return run_a2c(t, 250); });
  EXPECT_GT(r.probed.back().values.at("return"), 0.8);  // some .4 at first; .93 at best
  EXPECT_EQ(r.log("learn", "entropy").size(), 250u);
  EXPECT_GE(r.at("best").round, 5);
  EXPECT_GE(r.at("best").state<Worlds>().worlds.size(), 8u);
  expect_equal_bits([](Trial& t) { return run_a2c(t, 12); });
  expect_near_reference([](Trial& t) { return run_a2c(t, 4); });
}

TEST(Sessions, ForksGoWhereTheirTrunkWent) {
  ToyBench b;
  const Ensemble agent = agent_of(*b.trial);
  Phase p = a2c(agent, Key::of(1));
  p.rounds = 10;
  p.keep_at = {0, 4, 10};
  const PhaseResult trunk = b.trial->run(p);
  for (const PhaseSnapshot& s : trunk.kept) {
    Phase fork = a2c(agent, Key::of(1));
    fork.rounds = 10;
    fork.from.emplace(s);
    const PhaseResult same = b.trial->run(fork);
    EXPECT_EQ(weights_hash(same.set("agent")[0]), weights_hash(trunk.set("agent")[0])) << s.round;
    EXPECT_EQ(same.host, trunk.host);
    EXPECT_EQ(same.rounds, 10);
    EXPECT_EQ(same.log("learn", "entropy").size(), static_cast<size_t>(10 - s.round)) << s.round;
  }
}

TEST(Sessions, DryRunsCallTheirFunctionOnce) {
  WorkerOptions o;
  o.dry = true;
  ToyBench b(o);
  const Ensemble agent = agent_of(*b.trial);
  Phase p = a2c(agent, Key::of(1));
  p.rounds = 40;
  p.keep_at = {0, 20};
  p.see_every = 10;
  const PhaseResult r = b.trial->run(p);
  EXPECT_EQ(r.rounds, 40);
  EXPECT_EQ(r.kept.size(), 2u);
  ASSERT_EQ(r.probed.size(), 4u);
  EXPECT_EQ(r.probed[0].values.at("return"), 0);
  EXPECT_EQ(r.log("learn", "entropy").size(), 40u);
  double runs = 0, most = 0;
  for (const auto& [print, item] : b.record.work.at("").items()) {
    runs += item.runs;
    most = std::max(most, item.runs);
  }
  EXPECT_EQ(most, 40 * (kLength + 1));
  EXPECT_EQ(runs, 40 * (kLength + 2));
  EXPECT_NE(refusal([&] { b.trial->open(p); }).find("this run is dry"), std::string::npos);
}

TEST(Sessions, ARoundThatIsCalledAgainGivesItsBits) {
  ToyBench b;
  const Ensemble agent = agent_of(*b.trial);
  Phase p = a2c(agent, Key::of(1));
  p.rounds = 9;
  p.keep_at = {2};
  EXPECT_NO_THROW(check_repeats(*b.trial, p, 7));
}

// --- By hand ---

TEST(Sessions, SteppedByHand) {
  ToyBench b;
  const Ensemble agent = agent_of(*b.trial);
  Phase p = a2c(agent, b.trial->key().fold("a2c"));
  p.rounds = 6;
  const auto open = b.trial->open(p);
  while (open->step()) {
    const Ensemble now = open->set("agent");  // and "agent.opt"
    EXPECT_NE(weights_hash(now[0]), weights_hash(agent[0]));
    EXPECT_GE(open->state<Worlds>().worlds[0].time, 0);
  }
  EXPECT_EQ(open->round(), 6);
  EXPECT_NE(refusal([&] { open->set("agnet"); }).find("did you mean \"agent\""), std::string::npos);
  EXPECT_EQ(bits_of(open->finish()), bits_of(b.trial->run(p)));
}

// Two of equal programs, in turns, and a third beside them that trains.
TEST(Sessions, SteppedByHandInTurns) {
  ToyBench b;
  const Ensemble agent = agent_of(*b.trial);
  Phase p = a2c(agent, Key::of(1)), q = a2c(agent, Key::of(2));
  p.rounds = q.rounds = 5;
  const auto one = b.trial->open(p), two = b.trial->open(q);
  while (one->step() || one->round() < 5) {
    two->step();
    b.train(0.001 * static_cast<double>(one->round()));
  }
  two->step();
  EXPECT_EQ(bits_of(one->finish()), bits_of(b.trial->run(p)));
  EXPECT_EQ(bits_of(two->finish()), bits_of(b.trial->run(q)));
}

}  // namespace
}  // namespace omni
