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

// --- What a host's function may do ---

// A counter on the model's side: `step` adds what it is fed.
struct Count {
  int64_t rounds = 0, forgotten = 0;
  void visit(auto&& field) { field(rounds); }  // not the other
};
using CountingRound = void (*)(Round&, Count&);
Phase counting(const Ensemble& start, CountingRound round) {
  Phase p;
  p.name = "counting";
  p.start = {{"sum", &start}};
  p.programs["add"] = {.build = [](Step& s) {
    Net net = s.net("sum");
    const Value total = net.parameter("total", {}, init::zeros());
    s.graph().update(total, total + s.fed("by", {DType::f32, {}}));
    s.graph().result("total", total);
    s.graph().result("loss", total);
  }};
  p.rounds = 8;
  if (round) p.host(Count{}, round);
  return p;
}
void add(Round& r, float by) {
  r.feed<float>("add", "by")[0] = by;
  r.run("add");
}

struct Counting {
  explicit Counting(WorkerOptions o = {}) : bench(std::move(o)) {}
  ToyBench bench;
  Trial& trial = *bench.trial;
  Ensemble start = trial.init([](Net& net) { net.parameter("total", {}, init::zeros()); }, Key{});
  std::string refused(CountingRound round) {
    return refusal([&] { trial.run(counting(start, round)); });
  }
  PhaseResult run(CountingRound round) { return trial.run(counting(start, round)); }
};
float total(const PhaseResult& r) { return r.set("sum").array(0, 0)[0]; }

TEST(Hosts, KeepAndRestoreCopies) {
  const auto run = [](Trial& t) {
    const Ensemble start =
        t.init([](Net& net) { net.parameter("total", {}, init::zeros()); }, Key{});
    return t.run(counting(start, [](Round& r, Count& c) {
      if (r.number() == 2) r.keep("early");
      if (r.number() == 6) r.restore("early");
      add(r, static_cast<float>(++c.rounds));
      if (r.number() == 6) r.see("restored", r.number("add", "total"));
    }));
  };
  const PhaseResult r = run_with({}, run);
  EXPECT_EQ(r.set("sum").array(0, 0)[0], 1 + 2 + 7 + 8);
  EXPECT_EQ(r.at("early").sets.at("sum").array(0, 0)[0], 3);
  EXPECT_EQ(r.at("early").round, 2);
  EXPECT_EQ(r.at("early").state<Count>().rounds, 2);
  ASSERT_EQ(r.probed.size(), 1u);
  EXPECT_EQ(r.probed[0].step, 7);
  EXPECT_EQ(r.probed[0].values.at("restored"), 3);
  expect_equal_bits(run);
}

// Sets and optimisers' states come back; rounds, rates, orders, draws, s.step() and logs go on.
TEST(Hosts, WhatRestoreBringsBackAndWhatGoesOn) {
  const auto run = [](Trial& t) {
    const Ensemble start =
        t.init([](Net& net) { net.parameter("total", {}, init::zeros()); }, Key{});
    Phase p;
    p.name = "restoring";
    p.start = {{"sum", &start}};
    p.programs["learn"] = {
        .build =
            [](Step& s) {
              Net net = s.net("sum");
              const Value u =
                  random_uniform(s.key(), convert(s.step(), DType::i32), s.index(), "u", {1});
              const Value loss = square(net.parameter("total", {}, init::zeros()) - 3.0 - mean(u));
              s.graph().result("loss", loss);
              s.graph().result("step", s.step() * 1.0);
              s.graph().result("rate", s.lr() * 1.0);
              s.graph().result("draw", mean(u));
              s.graph().result("rows", mean(convert(s.index(), DType::f32)));
              apply(Adam{}, net, loss, s.lr());
            },
        .batch = 2,
        .samples = 40,
        .lr = [](int64_t round, int64_t) { return 0.5 / static_cast<double>(round + 1); },
        .log = {"step", "rate", "draw", "rows"}};
    p.rounds = 8;
    p.key = t.key();
    p.host<Count>({}, [](Round& r, Count& c) {
      if (r.number() == 2) r.keep("early");
      if (r.number() == 5) {
        r.keep("late");
        r.restore("early");
        r.keep("restored");
      }
      r.run("learn");
      ++c.rounds;
    });
    return t.run(p);
  };
  const PhaseResult r = run_with({}, run);
  const auto bits = [&](const char* name, const char* set) {
    return weights_hash(r.copies.at(name)->sets.at(set)[0]);
  };
  for (const char* set : {"sum", "sum.opt"}) {
    EXPECT_EQ(bits("restored", set), bits("early", set)) << set;
    EXPECT_NE(bits("restored", set), bits("late", set)) << set;
  }
  EXPECT_EQ(r.copies.at("restored")->programs.at("learn").runs, 5);
  EXPECT_EQ(r.copies.at("restored")->round, 5);
  EXPECT_EQ(r.state<Count>().rounds, 8);
  EXPECT_EQ(r.log("learn", "step"), (std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8}));
  for (size_t i = 0; i < 8; ++i)
    EXPECT_FLOAT_EQ(r.log("learn", "rate")[i], 0.5f / static_cast<float>(i + 1));
  EXPECT_NE(r.log("learn", "draw")[5], r.log("learn", "draw")[2]);
  EXPECT_NE(r.log("learn", "rows")[5], r.log("learn", "rows")[2]);
  expect_equal_bits(run);
}

// In the midst of a round, too: what its programs logged before is a part of the log.
TEST(Hosts, LogsGoOnAcrossARestore) {
  const auto run = [](Trial& t) {
    const Ensemble start =
        t.init([](Net& net) { net.parameter("total", {}, init::zeros()); }, Key{});
    Phase p = counting(start, [](Round& r, Count&) {
      if (r.number() == 1) r.keep("early");
      add(r, 1);
      if (r.number() == 3) r.restore("early");
      add(r, 1);
    });
    p.programs["add"].log = {"total"};
    return t.run(p);
  };
  EXPECT_EQ(run_with({}, run).log("add", "total"),
            (std::vector<float>{0, 1, 2, 3, 4, 5, 6, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  expect_equal_bits(run);
}

TEST(Hosts, EndAPhase) {
  Counting b;
  const PhaseResult r = b.run([](Round& r, Count& c) {
    add(r, 1);
    if (++c.rounds == 3) r.stop();
  });
  EXPECT_EQ(r.rounds, 3);
  EXPECT_FALSE(r.diverged_at);
  EXPECT_EQ(r.set("sum").array(0, 0)[0], 3);
}

// The phase ends in the run that diverged: what would follow in the round does not happen.
TEST(Hosts, ADivergedModelEndsItsPhase) {
  for (const OnDivergence choice :
       {OnDivergence::stop_model, OnDivergence::keep, OnDivergence::stop_run}) {
    Counting b;
    Trial trial(b.bench.worker, 0, "", b.bench.record, choice);
    const Phase p = counting(b.start, [](Round& r, Count& c) {
      add(r, r.number() == 4 ? NAN : 1);
      add(r, 1);
      ++c.rounds;
    });
    if (choice == OnDivergence::stop_run) {
      EXPECT_NE(refusal([&] { trial.run(p); }).find("the loss was nan at"), std::string::npos);
      continue;
    }
    const PhaseResult r = trial.run(p);
    EXPECT_EQ(r.diverged_at, 5);
    EXPECT_EQ(r.rounds, choice == OnDivergence::keep ? 8 : 5);
    EXPECT_EQ(r.state<Count>().rounds, choice == OnDivergence::keep ? 8 : 4);
  }
}

TEST(Hosts, ForksGoWhereTheirTrunkWent) {
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

struct Tally {  // a Count by another name
  int64_t rounds = 0;
  void visit(auto&& field) { field(rounds); }
};

TEST(Hosts, AStateOfAnotherTypeIsRefusedInWords) {
  ToyBench b;
  const Ensemble start =
      b.trial->init([](Net& net) { net.parameter("total", {}, init::zeros()); }, Key{});
  const auto round = [](Round& r, Count& c) { add(r, static_cast<float>(++c.rounds)); };
  Phase p = counting(start, round);
  p.keep_at = {4};
  const PhaseResult r = b.trial->run(p);
  EXPECT_EQ(r.state<Count>().rounds, 8);
  const std::string wanted = "is of type 'omni::Count', and is read as 'omni::Tally'";
  EXPECT_NE(refusal([&] { r.state<Tally>(); }).find(wanted), std::string::npos);
  EXPECT_NE(refusal([&] { r.at(4).state<Tally>(); }).find(wanted), std::string::npos);
  Phase fork = counting(start, round);
  fork.host<Tally>({}, [](Round& r, Tally&) { add(r, 1); });
  fork.from.emplace(r.at(4));
  const std::string said = refusal([&] { b.trial->run(fork); });
  EXPECT_EQ(
      said,
      "phase counting: the snapshot that it continues from is of another host: a host's state " +
          wanted);
  EXPECT_NE(refusal([&] { b.trial->open(p)->state<Tally>(); }).find("asked for as 'omni::Tally'"),
            std::string::npos);
  EXPECT_NE(refusal([&] { b.train(), PhaseResult().state<Count>(); }).find("there is none"),
            std::string::npos);
}

// What a trunk kept may be restored in its fork: "early" before it, "best" on both sides of it.
void keep_and_restore(Round& r, Count& c) {
  if (r.number() == 1) r.keep("early");
  if (r.number() == 2 || r.number() == 6) r.keep("best");
  if (r.number() == 5) r.restore("early");
  if (r.number() == 7) r.restore("best");
  add(r, static_cast<float>(++c.rounds));
}
TEST(Hosts, ForksKnowWhatTheirTrunkKept) {
  Counting b;
  Phase p = counting(b.start, keep_and_restore);
  p.keep_at = {0, 2, 4, 7, 8};
  const PhaseResult trunk = b.trial.run(p);
  EXPECT_EQ(trunk.at(2).copies.size(), 1u);
  EXPECT_EQ(trunk.at(4).copies.at("best")->round, 2);
  EXPECT_EQ(trunk.at(7).copies.at("best")->round, 6);
  for (const PhaseSnapshot& s : trunk.kept) {
    Phase fork = counting(b.start, keep_and_restore);
    fork.from.emplace(s);
    const PhaseResult same = b.trial.run(fork);
    EXPECT_EQ(total(same), total(trunk)) << s.round;
    ASSERT_EQ(same.copies.size(), 2u) << s.round;
    EXPECT_EQ(same.copies.at("best")->round, 6) << s.round;
    if (s.round < 2 || s.round > 4) continue;
    PhaseSnapshot other = s.clone();  // that kept something else: another phase
    PhaseSnapshot early = other.copies.at("early")->clone();
    early.sets.at("sum").array(0, 0)[0] += 100;
    other.copies["early"] = std::make_shared<const PhaseSnapshot>(std::move(early));
    Phase third = counting(b.start, keep_and_restore);
    third.from.emplace(other);
    EXPECT_EQ(total(b.trial.run(third)), total(trunk) + 100) << s.round;
  }
  for (const int64_t round : {3, 5, 7})
    EXPECT_NO_THROW(check_repeats(b.trial, counting(b.start, keep_and_restore), round)) << round;
  expect_equal_bits([](Trial& t) {
    const Ensemble start =
        t.init([](Net& net) { net.parameter("total", {}, init::zeros()); }, Key{});
    Phase p = counting(start, keep_and_restore);
    p.keep_at = {3, 7};
    return t.run(p);
  });
}

// Another state is another phase.
TEST(Hosts, TheirFirstStateIsInThePhasesHash) {
  Counting b;
  const auto run = [&](int64_t rounds) {
    Phase p = counting(b.start, [](Round& r, Count& c) { add(r, static_cast<float>(c.rounds)); });
    p.host_state.as<Count>().rounds = rounds;
    return total(b.trial.run(p));
  };
  EXPECT_EQ(run(1), 8);
  EXPECT_EQ(run(2), 16);
  EXPECT_EQ(run(1), 8);
}

// Variants of a sweep and arms may share a phase's name.
TEST(Hosts, WhichFunctionItIsIsInThePhasesHash) {
  Counting b;
  EXPECT_EQ(total(b.run([](Round& r, Count&) { add(r, 1); })), 8);
  EXPECT_EQ(total(b.run([](Round& r, Count&) { add(r, 2); })), 16);
  const auto of = [&](auto round) {  // of a lambda's own type
    Phase p = counting(b.start, nullptr);
    p.host(Count{}, round);
    return total(b.trial.run(p));
  };
  EXPECT_EQ(of([](Round& r, Count&) { add(r, 3); }), 24);
  EXPECT_EQ(of([](Round& r, Count&) { add(r, 4); }), 32);
}

struct Amounts {
  std::vector<float> by;
  void visit(auto&& field) { field(by); }
};

TEST(Hosts, ConstantsAreInThePhasesHash) {
  Counting b;
  const auto of = [&](std::vector<float> by) {
    Phase p = counting(b.start, nullptr);
    p.host(Count{}, Amounts{std::move(by)}, [](Round& r, Count&, const Amounts& amounts) {
      add(r, amounts.by[static_cast<size_t>(r.number()) % amounts.by.size()]);
    });
    return total(b.trial.run(p));
  };
  EXPECT_EQ(of({1}), 8);
  EXPECT_EQ(of({2}), 16);
  EXPECT_EQ(of({1, 2}), 12);
  EXPECT_EQ(of({1}), 8);
  Phase p = counting(b.start, nullptr);
  p.host(Count{}, 0.5f, [](Round& r, Count&, const float& by) { add(r, by); });
  EXPECT_EQ(total(b.trial.run(p)), 4);
}

TEST(Hosts, AreSetByHost) {
  Counting b;
  Phase p = counting(b.start, nullptr);
  float by = 3;
  p.host_round = [&by](Round& r, HostState&) { add(r, by); };
  p.host_hash = 0;
  EXPECT_NE(refusal([&] { b.trial.run(p); }).find("is set by host(state, round)"),
            std::string::npos);
}

TEST(Hosts, DryRunsCallThemOnce) {
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

struct Two {
  int64_t rounds = 0, more = 0;
  void visit(auto&& field) { field(rounds), field(more); }
};
TEST(Hosts, AForkIsOfAPhaseWithTheSameState) {
  for (const bool dry : {true, false}) {
    WorkerOptions o;
    o.dry = dry;
    Counting b(o);
    Phase p = counting(b.start, [](Round& r, Count&) { add(r, 1); });
    p.keep_at = {4};
    const PhaseResult trunk = b.trial.run(p);
    Phase other = counting(b.start, nullptr);
    other.host(Two{}, [](Round& r, Two&) { add(r, 1); });
    other.from.emplace(trunk.at(4));
    EXPECT_NE(refusal([&] {
                b.trial.run(other);
              }).find("phase counting: the snapshot that it continues from is of another host"),
              std::string::npos);
  }
}

// What comes only in later rounds is there in dry runs, too, if it is declared.
TEST(Hosts, WhatComesLaterIsDeclared) {
  const CountingRound later = [](Round& r, Count&) {
    add(r, 1);
    if (r.number() == 3) r.keep("late");
    if (r.number() == 5) r.see("number", 5);
  };
  for (const bool dry : {true, false}) {
    WorkerOptions o;
    o.dry = dry;
    Counting b(o);
    Phase p = counting(b.start, later);
    p.sees = {"number"};
    p.keeps = {"late", "never"};
    p.keep_at = {4};
    const PhaseResult r = b.trial.run(p);
    EXPECT_EQ(r.at("late").sets.size(), 1u);
    ASSERT_FALSE(r.probed.empty());
    EXPECT_EQ(r.probed.back().values.at("number"), dry ? 0 : 5);
    EXPECT_EQ(r.reached("never") == nullptr, !dry);
    const std::string never = refusal([&] { r.at("never"); });
    EXPECT_EQ(never, dry ? ""
                         : "phase counting: it never came to keep anything as 'never'; where that "
                           "may be, ask for reached(\"never\"), which is null then");
    for (const std::string& said :
         {refusal([&] { r.at("lat"); }), refusal([&] { r.reached("lat"); })})
      EXPECT_EQ(
          said,
          "phase counting: it keeps nothing as 'lat' in its first round, nor is that listed in "
          "Phase::keeps; did you mean \"late\"?");
    EXPECT_EQ(refusal([&] { r.set("sun"); }),
              "phase counting: it has no trained set 'sun'; did you mean \"sum\"?");
    EXPECT_EQ(r.at(4).round, 4);
    EXPECT_EQ(r.reached(9), nullptr);
    EXPECT_NE(refusal([&] { r.at(9); }).find("as it ended after round 8"), std::string::npos);
    EXPECT_NE(refusal([&] { r.at(5); }).find("list it in keep_at"), std::string::npos);
    EXPECT_EQ(r.trained("sum").phase, "counting");
    p.keeps = {"a/b"};
    EXPECT_NE(refusal([&] { b.trial.run(p); }).find("what is kept is called 'a/b'"),
              std::string::npos);
  }
}

TEST(Hosts, WhatIsSeenIsKeptSomewhereAndOnce) {
  Counting b;
  const CountingRound sees = [](Round& r, Count&) {
    add(r, 1);
    r.see("total", 1);
  };
  Phase p = counting(b.start, sees);
  p.see_every = 9;
  EXPECT_NE(refusal([&] { b.trial.run(p); })
                .find("phase counting: what its rounds see is kept after every 9 of them "
                      "(see_every), and never within 8"),
            std::string::npos);
  Phase later = counting(b.start, [](Round& r, Count&) {
    add(r, 1);
    if (r.number() == 2) r.see("total", 1);
  });
  for (Phase* probed : {&p, &later}) {
    probed->see_every = 1;
    probed->probe =
        Probe{.build =
                  [](Step& s) {
                    Net net = s.net("sum");
                    s.graph().result("total", net.parameter("total", {}, init::zeros()));
                  },
              .rows = 1,
              .every = 4};
    EXPECT_NE(refusal([&] {
                b.trial.run(*probed);
              }).find("phase counting: its round sees 'total', and so does its probe"),
              std::string::npos);
  }
}

TEST(Hosts, SlipsAreNamedBeforeAnythingIsTrained) {
  struct Case {
    const char* text;
    CountingRound round;
  };
  const std::vector<Case> cases = {
      {"", [](Round& r, Count&) { add(r, 1); }},
      {"its round names the program 'ad', which it has not; did you mean \"add\"?",
       [](Round& r, Count&) { r.run("ad"); }},
      {"its round feeds 'buy' to program 'add', which reads no such s.fed(); did you mean \"by\"?",
       [](Round& r, Count&) { r.feed<float>("add", "buy"); }},
      {"program 'add' is fed 'by' as i32, and reads f32[]",
       [](Round& r, Count&) { r.feed<int32_t>("add", "by"); }},
      {"program 'add' is run, and its 'by' was not filled since it ran last",
       [](Round& r, Count&) { r.run("add"); }},
      {"program 'add' is run, and its 'by' was not filled since it ran last",
       [](Round& r, Count&) { add(r, 1), r.run("add"); }},
      {"program 'add' is run, and of its 'by' 1 of 1 numbers were not filled since it ran last",
       [](Round& r, Count&) { r.feed<float>("add", "by"), r.run("add"); }},
      {"program 'add' is run, and of its 'by' 1 of 1 numbers were not filled since it ran last",
       [](Round& r, Count&) {
         add(r, 1);
         r.feed<float>("add", "by");
         r.run("add");
       }},
      {"",
       [](Round& r, Count&) {
         r.feed<float>("add", "by")[0] = 1;
         r.feed<float>("add", "by");  // the same memory, as it is
         r.run("add");
       }},
      {"its round runs program 'add' 0 times", [](Round& r, Count&) { r.run("add", 0); }},
      {"reads the result 'total' of program 'add' before it runs there",
       [](Round& r, Count&) { r.number("add", "total"); }},
      {"program 'add' gives no result 'totl'; did you mean \"total\"?",
       [](Round& r, Count&) { add(r, 1), r.number("add", "totl"); }},
      {"result 'total' of program 'add' is f32[], and read as i32",
       [](Round& r, Count&) { add(r, 1), r.result<int32_t>("add", "total"); }},
      {"what is kept is called 'a/b'", [](Round& r, Count&) { r.keep("a/b"); }},
  };
  for (const Case& c : cases)
    for (const bool dry : {true, false}) {
      WorkerOptions o;
      o.dry = dry;
      int64_t told = 0;
      o.advanced = [&](const Amount&) { ++told; };
      const std::string said = Counting(o).refused(c.round);
      EXPECT_EQ(*c.text == 0 || told == 0, true) << "something was trained before";
      EXPECT_TRUE(*c.text == 0 ? said.empty() : said.find(c.text) != said.npos)
          << "wanted: " << c.text << "\nsaid: " << said;
      EXPECT_TRUE(*c.text == 0 || said.starts_with("phase counting:")) << said;
    }
}

TEST(Hosts, WhatTheyThrowIsToldWithTheRound) {
  Counting b;
  EXPECT_EQ(b.refused([](Round& r, Count&) {
    add(r, 1);
    if (r.number() == 5) throw std::runtime_error("the casino is closed");
  }),
            "phase counting, round 5: the experiment's code threw std::runtime_error: the casino "
            "is closed");
  EXPECT_EQ(b.refused([](Round&, Count&) { throw 7; }),
            "phase counting, its round called dry, with number 0 and zeros: the experiment's code "
            "threw int");
}

// Of integers nothing can tell: they begin as zeros, each time.
TEST(Hosts, WhatIsFedBeginsTheSameEachTime) {
  Counting b;
  Phase p = counting(b.start, nullptr);
  p.programs["add"].build = [](Step& s) {
    Net net = s.net("sum");
    const Value total = net.parameter("total", {}, init::zeros());
    const Value by = convert(s.fed("by", {DType::i32, {2}}), DType::f32);
    s.graph().update(total, total + sum(by));
  };
  p.host(Count{}, [](Round& r, Count&) {
    const std::span<int32_t> by = r.feed<int32_t>("add", "by");
    by[0] = 1;
    if (r.number() == 0) by[1] = 100;
    r.run("add");
  });
  EXPECT_EQ(total(b.trial.run(p)), 108);
  // A NaN of the host's own is a value.
  EXPECT_EQ(b.run([](Round& r, Count&) { add(r, std::sqrt(-1.f)); }).diverged_at, 2);
}

TEST(Hosts, WhatWasNotKeptIsNotRestored) {
  for (const bool dry : {true, false}) {
    WorkerOptions o;
    o.dry = dry;
    EXPECT_EQ(Counting(o).refused([](Round& r, Count&) { r.restore("best"); }),
              "phase counting: its round restores 'best', and nothing was kept as that yet");
    EXPECT_EQ(
        Counting(o).refused([](Round& r, Count&) { r.keep("best"), r.restore("bset"); }),
        "phase counting: its round restores 'bset', and nothing was kept as that yet; did you "
        "mean \"best\"?");
  }
}

// A round runs its phase's programs, and nothing else of the trial.
std::function<void()> in_round;
TEST(Hosts, AreNoPlaceForOtherPhases) {
  Counting b;
  const Ensemble model = toy_model(b.trial);
  const auto said = [&](const std::function<void()>& what) {
    in_round = what;
    const std::string text = b.refused([](Round& r, Count&) {
      add(r, 1);
      if (!r.dry()) in_round();
    });
    WorkerOptions o;
    o.dry = true;
    in_round = [] {};
    EXPECT_EQ(Counting(o).refused([](Round& r, Count&) { add(r, 1), in_round(); }), "");
    in_round = what;
    EXPECT_EQ(Counting(o).refused([](Round& r, Count&) { add(r, 1), in_round(); }), text);
    return text;
  };
  const auto is_refused = [&](const char* what, const std::function<void()>& call) {
    const std::string text = said(call);
    EXPECT_NE(text.find(what), std::string::npos) << text;
    EXPECT_NE(text.find("phase counting: its round calls"), std::string::npos) << text;
  };
  is_refused("Trial::train()", [&] { b.bench.train(); });
  is_refused("an evaluation", [&] { toy_accuracy(b.trial, model); });
  is_refused("Trial::run()", [&] { b.run([](Round&, Count&) {}); });
  is_refused("Trial::open()", [&] { b.trial.open(counting(b.start, [](Round&, Count&) {})); });
  is_refused("Trial::part()", [&] { b.trial.part("own", [] {}); });
  EXPECT_GT(b.bench.train().steps, 0);  // afterwards, all is as ever
}

// What rounds see and keep, and where they end, by a count that no state has.
void sees_more(Round& r, Count&) {
  static int hidden = 0;
  add(r, 1);
  r.see("hidden", ++hidden);
}
void keeps_more(Round& r, Count&) {
  static int hidden = 0;
  add(r, 1);
  if (++hidden > 6) r.keep("latest");
}
void keeps_another(Round& r, Count&) {
  static int hidden = 0;
  if (++hidden > 6) r.keep("latest");
  add(r, 1);
  if (hidden <= 6) r.keep("latest");
}
void ends_sometime(Round& r, Count&) {
  static int hidden = 0;
  add(r, 1);
  if (++hidden > 6) r.stop();
}

TEST(Hosts, RoundsThatLeanOnWhatIsNotInTheirStateAreFound) {
  Counting b;
  const auto said = [&](CountingRound round) {
    return refusal([&] { check_repeats(b.trial, counting(b.start, round), 3); });
  };
  EXPECT_EQ(said([](Round& r, Count& c) {
              Stream draw(r.key("by"));
              add(r, static_cast<float>(draw.uniform() + static_cast<double>(++c.rounds)));
            }),
            "");
  EXPECT_NE(said([](Round& r, Count&) {
              static int hidden = 0;
              add(r, static_cast<float>(++hidden));
            }).find("its round 3, called twice from equal state, gave other bits"),
            std::string::npos);
  EXPECT_NE(said([](Round& r, Count& c) {
              add(r, static_cast<float>(++c.forgotten));
            }).find("its visit() leaves a member out"),
            std::string::npos);
  for (const CountingRound round : {sees_more, keeps_more, keeps_another, ends_sometime})
    EXPECT_NE(said(round).find("gave other bits"), std::string::npos);
  const auto of_round = [&](int64_t round) {
    return refusal([&] {
      check_repeats(b.trial,
                    counting(b.start,
                             [](Round& r, Count& c) {
                               add(r, 1);
                               if (++c.rounds == 6) r.stop();
                             }),
                    round);
    });
  };
  EXPECT_EQ(of_round(0), "");
  EXPECT_EQ(of_round(5), "");
  EXPECT_NE(of_round(6).find("it is over before round 6"), std::string::npos) << of_round(6);
  EXPECT_NE(of_round(8).find("it is over before round 8"), std::string::npos);
  EXPECT_NE(of_round(-1).find("its round -1 is to be checked, and it begins with 0"),
            std::string::npos);
  const Ensemble agent = agent_of(b.trial);
  Phase p = a2c(agent, Key::of(1));
  p.rounds = 9;
  p.keep_at = {2};
  EXPECT_NO_THROW(check_repeats(b.trial, p, 7));
}

}  // namespace
}  // namespace omni
