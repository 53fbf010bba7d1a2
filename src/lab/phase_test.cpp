// Phases of several programs: what they share with trainings, and what is refused.
#include "lab/phase.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "lab/test_phases.h"
#include "ops/elementwise.h"
#include "ops/reduce.h"

namespace omni {
namespace {

using namespace testing;  // NOLINT: the toy problem

// Two sets that imitate each other in turns, and a number.
Phase pair_of(const Ensemble& a, const Ensemble& b, Key key) {
  const auto imitate = [](const std::string& self, const std::string& other) {
    return [=](Step& s) {
      Net net = s.net(self), model = s.net(other);
      const Value z = toy_logits(net, s.rows("train.x"));
      const Value loss = cross_entropy(z, s.rows("train.y")) +
                         mse(z, toy_logits(model, s.rows("train.x"))) * s.scalar("pull");
      s.graph().result("loss", loss);
      s.graph().result("size", mean(square(z)));
      apply(Adam{}, net, loss, s.lr());
    };
  };
  Phase p;
  p.name = "pair";
  p.start = {{"a", &a}, {"b", &b}};
  p.programs["left"] = {.build = imitate("a", "b"), .batch = 32, .samples = kToyTrain, .lr = 0.01};
  p.programs["right"] = {.build = imitate("b", "a"), .batch = 50, .samples = kToyTrain, .lr = 0.02};
  p.turns = {{"left", 2}, {.program = "right", .runs = 1, .every = 2}};
  p.rounds = 10;
  p.key = key;
  p.scalars["pull"] = 0.5;
  return p;
}

struct Pair {
  explicit Pair(bool dry = false) : bench(options(dry)) {}
  static WorkerOptions options(bool dry) {
    WorkerOptions o;
    o.dry = dry;
    return o;
  }
  ToyBench bench;
  Trial& trial = *bench.trial;
  Ensemble a = toy_model(trial, "a"), b = toy_model(trial, "b");
  Phase phase() { return pair_of(a, b, trial.key()); }
};

// Seeds draw otherwise, and so do phases of other names.
TEST(Phases, WithoutAKeyTheyDrawByTheirSeedAndName) {
  const Ensemble a = [] {
    ToyBench b;
    return toy_model(*b.trial, "a");
  }();
  const auto bits = [&](int64_t seed, const std::string& name, std::optional<Key> key) {
    ToyBench b({}, seed);
    Phase p = pair_of(a, a, key.value_or(Key{}));
    p.name = name;
    return weights_hash(b.trial->run(p).set("a")[0]);
  };
  EXPECT_EQ(bits(1, "pair", {}), bits(1, "pair", Key::of(1).fold("pair")));
  EXPECT_NE(bits(1, "pair", {}), bits(2, "pair", {}));
  EXPECT_NE(bits(1, "pair", {}), bits(1, "couple", {}));
}

// Of a step that is one program, the training says all of it.
TEST(Phases, ATrainingIsTheShortest) {
  ToyBench b;
  const Ensemble start = toy_model(*b.trial);
  Training t = toy_training(*b.trial, start);
  t.probe = toy_probe({0, 7});
  t.keep_at = {7};
  const Trained trained = b.trial->train(t);
  const double epochs = b.epochs;
  const PhaseResult r = b.trial->run(phase_of(t));  // found again
  EXPECT_EQ(weights_hash(r.set("model")[0]), weights_hash(trained.model[0]));
  EXPECT_EQ(r.rounds, trained.steps);
  EXPECT_EQ(r.probed.size(), 2u);
  EXPECT_EQ(r.at(7).programs.at("step").rate, trained.at(7).rate);
  EXPECT_EQ(b.epochs, 2 * epochs);
  const Trained again = r.trained("model");
  EXPECT_EQ(again.steps, 20);
  EXPECT_EQ(again.last("accuracy"), trained.last("accuracy"));
}

TEST(Phases, ProgramsHaveOrdersEpochsAndRatesOfTheirOwn) {
  Pair p;
  Phase phase = p.phase();
  phase.keep_at = {10};
  const PhaseResult r = p.trial.run(phase);
  EXPECT_EQ(r.at(10).programs.at("left").runs, 20);
  EXPECT_EQ(r.at(10).programs.at("right").runs, 5);
  EXPECT_EQ(r.at(10).programs.at("right").rate, 0.02);
  EXPECT_DOUBLE_EQ(p.bench.epochs, 20 / 4. + 5 / 2.);
  const auto left_alone = [&](const std::function<void(Phase&)>& change) {
    Phase other = p.phase();
    change(other);
    return weights_hash(p.trial.run(other).set("a")[0]) == weights_hash(r.set("a")[0]);
  };
  EXPECT_TRUE(
      left_alone([](Phase& o) { o.programs["left"].order = o.key.fold("left").fold("order"); }));
  EXPECT_FALSE(
      left_alone([](Phase& o) { o.programs["left"].order = o.key.fold("right").fold("order"); }));
  EXPECT_FALSE(left_alone([](Phase& o) { o.programs["right"].lr = 0.03; }));
  EXPECT_FALSE(left_alone([](Phase& o) { o.turns[1].every = 5; }));
}

// Arms may share a phase's name: what is asked of one must not be found by the other.
TEST(Phases, ListsInTheirHashDoNotRunTogether) {
  Pair p;
  const auto probe = [](std::vector<int64_t> at, int64_t every) {
    Probe look{.build =
                   [](Step& s) {
                     Net net = s.net("a");
                     s.graph().result(
                         "accuracy", accuracy(toy_logits(net, s.rows("test.x")), s.rows("test.y")));
                   },
               .rows = kToyTest,
               .at = std::move(at),
               .every = every};
    return look;
  };
  Phase one = p.phase(), other = p.phase();
  one.keep_at = {2, 4};
  one.probe = probe({8}, 0);
  other.keep_at = {2};
  other.probe = probe({0, 8}, 4);
  EXPECT_EQ(p.trial.run(one).kept.size(), 2u);
  const PhaseResult r = p.trial.run(other);
  EXPECT_EQ(r.kept.size(), 1u);
  EXPECT_EQ(r.probed.size(), 3u);
}

TEST(Phases, KeepTheirBits) {
  expect_equal_bits([](Trial& t) {
    const Ensemble a = toy_model(t, "a"), b = toy_model(t, "b");
    Phase p = pair_of(a, b, t.key());
    p.programs["right"].log = {"loss", "size"};
    p.keep_at = {3};
    return t.run(p);
  });
}

TEST(Phases, ForksGoWhereTheirTrunkWent) {
  Pair p;
  Phase phase = p.phase();
  phase.keep_at = {0, 3, 4, 10};
  const PhaseResult trunk = p.trial.run(phase);
  for (const PhaseSnapshot& s : trunk.kept) {
    Phase fork = p.phase();
    fork.from.emplace(s);
    const PhaseResult same = p.trial.run(fork);
    for (const char* set : {"a", "b"})
      EXPECT_EQ(weights_hash(same.set(set)[0]), weights_hash(trunk.set(set)[0])) << s.round;
    fork.programs["right"].lr = 0.5;
    const PhaseResult other = p.trial.run(fork);
    EXPECT_EQ(weights_hash(other.set("b")[0]) == weights_hash(trunk.set("b")[0]), s.round == 10);
  }
}

TEST(Phases, WhichProgramDivergedIsSaid) {
  Pair p;
  Trial trial(p.bench.worker, 0, "", p.bench.record, OnDivergence::stop_run);
  Phase phase = p.phase();
  phase.programs["right"].lr = 1e20;
  const std::string said = refusal([&] { trial.run(phase); });
  // It is the other that sees it first.
  EXPECT_NE(said.find("phase pair: the loss of program 'left' was inf at round 3"), said.npos)
      << said;
  phase.programs["right"].watch = false;
  phase.programs["left"].watch = false;
  EXPECT_EQ(p.trial.run(phase).diverged_at, 10);  // not finite at the end
}

TEST(Phases, WhatStartsFromADivergedModelOrReadsItCountsAsDiverged) {
  Pair p;
  Trained fine{p.a.clone()}, wild{p.b.clone(), 7};
  Phase phase = p.phase();
  phase.starts_at("a", fine);
  EXPECT_FALSE(p.trial.run(phase).diverged_at);
  phase.starts_at("b", wild);
  EXPECT_EQ(p.trial.run(phase).diverged_at, 7);
  Phase one = p.phase();
  one.programs.erase("right");
  one.turns.pop_back();
  one.start.erase("b");
  one.reads("b", wild);
  EXPECT_EQ(p.trial.run(one).diverged_at, 7);
}

// Diverges in its first step by what it says of its loss, and leaves usual weights.
Training wild_training(const Trial& t, const Ensemble& start, double lr) {
  Training wild = toy_training(t, start, lr);
  wild.build = [](Step& s) {
    Net net = s.net("model");
    const Value loss = cross_entropy(toy_logits(net, s.rows("train.x")), s.rows("train.y"));
    s.graph().result("loss", loss * 1e30 * 1e30);
    apply(Sgd{}, net, loss, s.lr());
  };
  return wild;
}

// By hand, as copies, in trainings and in phases, from snapshots, and from what followed.
TEST(Phases, DivergedSetsAreKnownHoweverTheyComeThere) {
  Pair p;
  const Trained wild = p.trial.train(wild_training(p.trial, p.a, 0.01));
  const int64_t at = 1;
  ASSERT_EQ(wild.diverged_at, at);
  const Ensemble copy = wild.model.clone();
  Training t = toy_training(p.trial, copy);

  EXPECT_EQ(p.trial.train(t).diverged_at, at);

  Phase starts = p.phase();
  starts.start["a"] = &copy;
  EXPECT_EQ(p.trial.run(starts).diverged_at, at);

  Phase reads = p.phase();
  reads.programs.erase("right");
  reads.turns.pop_back();
  reads.start.erase("b");
  reads.frozen["b"] = &copy;
  reads.scalars["pull"] = 0;
  reads.keep_at = {4};
  const PhaseResult read = p.trial.run(reads);
  EXPECT_EQ(read.diverged_at, at);
  EXPECT_EQ(p.trial.run(reads).diverged_at, at) << "found again";
  const auto open = p.trial.open(reads);
  while (open->step()) {
  }
  EXPECT_EQ(open->finish().diverged_at, at) << "by hand";

  Phase follows = p.phase();
  follows.start["b"] = &read.set("a");
  EXPECT_EQ(p.trial.run(follows).diverged_at, at);
  Phase fork = reads;
  fork.frozen["b"] = &p.b;
  fork.keep_at.clear();
  fork.from.emplace(read.at(4));
  EXPECT_EQ(p.trial.run(fork).diverged_at, at);

  EXPECT_FALSE(p.trial.run(p.phase()).diverged_at) << "its sets are sound";
}

// A phase that broke before it changed anything says nothing of what it began with.
TEST(Phases, WhatADivergedPhaseLeftAsItWasIsSound) {
  Pair p;
  EXPECT_EQ(p.trial.train(wild_training(p.trial, p.a, 0)).diverged_at, 1);
  EXPECT_FALSE(p.trial.train(toy_training(p.trial, p.a)).diverged_at);
}

// What a result that ends gives, stays.
TEST(Phases, ResultsThatEndGiveCopies) {
  Pair p;
  Phase phase = p.phase();
  phase.keep_at = {3};
  phase.programs["left"].log = {"loss"};
  const PhaseResult whole = p.trial.run(phase);
  const PhaseSnapshot snapshot = p.trial.run(phase).at(3);
  const Ensemble& a = p.trial.run(phase).set("a");
  const std::vector<float>& log = p.trial.run(phase).log("left", "loss");
  EXPECT_EQ(weights_hash(a[0]), weights_hash(whole.set("a")[0]));
  EXPECT_EQ(weights_hash(snapshot.sets.at("b")[0]), weights_hash(whole.at(3).sets.at("b")[0]));
  EXPECT_EQ(log, whole.log("left", "loss"));
}

TEST(Phases, DryRunsCountTheirPrograms) {
  Pair p(true);
  Phase phase = p.phase();
  phase.probe = Probe{.build =
                          [](Step& s) {
                            Net net = s.net("a");
                            s.graph().result("accuracy", accuracy(toy_logits(net, s.rows("test.x")),
                                                                  s.rows("test.y")));
                          },
                      .rows = kToyTest,
                      .every = 4};
  const PhaseResult r = p.trial.run(phase);
  ASSERT_EQ(r.probed.size(), 2u);
  EXPECT_EQ(r.probed[1].step, 8);
  std::multiset<double> runs;
  for (const auto& [print, item] : p.bench.record.work.at("").items()) runs.insert(item.runs);
  EXPECT_EQ(runs, (std::multiset<double>{15, 5, 5, 2}));  // whole, last, right, probes
  EXPECT_DOUBLE_EQ(p.bench.record.model_epochs, 20 / 4. + 5 / 2.);
}

// Slips of an author, dry or not.
TEST(Phases, SlipsAreNamedBeforeAnythingIsTrained) {
  struct Case {
    const char* text;
    std::function<void(Phase&, const Pair&)> spoil;
  };
  const auto build = [](const std::function<void(Step&)>& emit) {
    return PhaseProgram{.build = emit};
  };
  const std::vector<Case> cases = {
      {"", [](Phase&, const Pair&) {}},
      {"phase pair: it has no programs", [](Phase& p, const Pair&) { p.programs.clear(); }},
      {"phase pair: a turn is of program 'lefd', which it has not; did you mean \"left\"?",
       [](Phase& p, const Pair&) { p.turns[0].program = "lefd"; }},
      {"phase pair: program 'right' has no turn, and would never run",
       [](Phase& p, const Pair&) { p.turns.pop_back(); }},
      {"phase pair: the turn of 'right' comes in every 11-th round, and never within 10",
       [](Phase& p, const Pair&) { p.turns[1].every = 11; }},
      {"phase pair: the turn of 'right' is of 0 runs",
       [](Phase& p, const Pair&) { p.turns[1].runs = 0; }},
      {"phase pair: state what a round is: either turns, or a host's function",
       [](Phase& p, const Pair&) { p.turns.clear(); }},
      {"a program is called 'probe'",
       [](Phase& p, const Pair&) { p.programs["probe"] = p.programs["left"]; }},
      {"phase pair: none of its programs updates a parameter of 'c', a set of `start`",
       [](Phase& p, const Pair& w) { p.start["c"] = &w.a; }},
      {"phase pair: the set 'a' is trained, and cannot be frozen as well",
       [](Phase& p, const Pair& w) { p.frozen["a"] = &w.a; }},
      {"phase pair: the set 'c' is given, and no graph reads it",
       [](Phase& p, const Pair& w) { p.frozen["c"] = &w.a; }},
      {"phase pair, program 'left': its graph updates 'a/layers.0.weight', and only the set 'b' is "
       "trained here: 'a' is read by others, and frozen",
       [](Phase& p, const Pair& w) {
         p.start.erase("a");
         p.frozen["a"] = &w.a;
       }},
      {"phase pair, program 'more': its graph updates 'bb/w', and only the sets 'a', 'b' are "
       "trained "
       "here: 'bb' is no set of `start`; did you mean \"b\"?",
       [&](Phase& p, const Pair&) {
         p.programs["more"] = build([](Step& s) {
           Net net = s.net("bb");
           const Value w = net.parameter("w", {2}, init::zeros());
           s.graph().update(w, w * 2.0);
         });
         p.turns.push_back({"more"});
       }},
      {"phase pair, program 'more': its graph reads 'bb/w', which nobody gives; did you mean "
       "\"b\"?",
       [&](Phase& p, const Pair&) {
         p.programs["more"] = build([](Step& s) {
           Net net = s.net("bb");
           s.graph().result("w", sum(net.parameter("w", {2}, init::zeros())));
         });
         p.turns.push_back({"more"});
       }},
      {"phase pair, program 'left': its graph reads 'pull', which nobody gives; did you mean "
       "\"pul\"?",
       [](Phase& p, const Pair&) {
         p.scalars.clear();
         p.scalars["pul"] = 1;
       }},
      {"phase pair, program 'left': it logs 'los', and its graph gives no such scalar f32; did you "
       "mean \"loss\"?",
       [](Phase& p, const Pair&) { p.programs["left"].log = {"los"}; }},
      {"phase pair, program 'right': its graph reads the learning rate, and the phase gives none",
       [](Phase& p, const Pair&) { p.programs["right"].lr = {}; }},
      {"phase pair, program 'more': it is fed 'by', and nobody fills it",
       [&](Phase& p, const Pair&) {
         p.programs["more"] = build([](Step& s) {
           s.graph().result("by", s.fed("by", {DType::f32, {}}) * 2.0);
         });
         p.turns.push_back({"more"});
       }},
      {"what the host feeds is called 'train.x', and something else is",
       [&](Phase& p, const Pair&) {
         p.programs["more"] = build([](Step& s) { s.fed("train.x", {DType::f32, {}}); });
         p.turns.push_back({"more"});
       }},
      {"phase pair: a program reads 'a.opt/old', an optimiser's state that no program updates",
       [&](Phase& p, const Pair&) {
         p.programs["more"] = build([](Step& s) {
           s.graph().result("old",
                            input(s.graph(), "a.opt/old", {DType::f32, {}}, Role::data) * 2.0);
         });
         p.turns.push_back({"more"});
       }},
      {"phase pair: program 'more' updates optimiser's states of which some are updated by other",
       [&](Phase& p, const Pair&) {
         p.programs["more"] = build([](Step& s) {
           Net net = s.net("a"), other = s.net("b");
           const Value z = toy_logits(net, s.rows("train.x"));
           const Value loss = mse(z, toy_logits(other, s.rows("train.x")));
           s.graph().result("loss", loss);
           apply(Adam{}, net, loss, 0.1);
           apply(Adam{}, other, loss, 0.1);
         });
         p.turns.push_back({"more"});
       }},
      {"phase pair, its probe: it reads the learning rate, and several programs have one",
       [](Phase& p, const Pair&) {
         p.probe = toy_probe({3});
         p.probe->build = [](Step& s) { s.graph().result("rate", s.lr() * 1.0); };
       }},
      {"phase pair: a snapshot is to be kept after round 11, which it never reaches: it takes the "
       "rounds 0 to 10",
       [](Phase& p, const Pair&) { p.keep_at = {11}; }},
      {"phase pair: a stop rule needs a probe",
       [](Phase& p, const Pair&) {
         p.stop = StopRule{"accuracy", 1};
       }},
      {"phase pair: a program is called 'left/right': letters, digits, dots and dashes, please",
       [](Phase& p, const Pair&) { p.programs["left/right"] = p.programs["left"]; }},
      {"phase pair: a set is called 'a/b'", [](Phase& p, const Pair& w) { p.start["a/b"] = &w.a; }},
      {"phase pair: a set is called ''", [](Phase& p, const Pair& w) { p.frozen[""] = &w.a; }},
      {"phase pair: state which weights the set 'c' has, that it reads",
       [](Phase& p, const Pair&) { p.frozen["c"] = nullptr; }},
      {"phase pair: see_every says when what a host's function sees is kept, and it has none",
       [](Phase& p, const Pair&) { p.see_every = 3; }},
      {"phase pair, program 'left': its learning rate (lr) after 0 rounds is nan: a number of at "
       "least 0",
       [](Phase& p, const Pair&) { p.programs["left"].lr = NAN; }},
      {"phase pair, program 'right': its learning rate (lr) after 4 rounds is -1: a number of at "
       "least 0; to climb, negate the loss",
       [](Phase& p, const Pair&) {
         p.programs["right"].lr = [](int64_t round, int64_t) { return round == 4 ? -1. : 0.1; };
       }},
      {"phase pair: `sees` and `keeps` say what a host's function does, and it has none",
       [](Phase& p, const Pair&) { p.keeps = {"best"}; }},
      {"phase pair: see_every is 0", [](Phase& p, const Pair&) { p.see_every = 0; }},
      {"phase pair: the snapshot that it continues from has the set 'z', which it does not train",
       [](Phase& p, const Pair& w) {
         static PhaseSnapshot s;
         s.sets.emplace("z", w.a.clone());
         p.from.emplace(s);
       }},
  };
  for (const Case& c : cases)
    for (const bool dry : {true, false}) {
      Pair pair(dry);
      Phase p = pair.phase();
      c.spoil(p, pair);
      const std::string said = refusal([&] { pair.trial.run(p); });
      EXPECT_TRUE(*c.text == 0 ? said.empty() : said.find(c.text) != said.npos)
          << "wanted: " << c.text << "\nsaid: " << said;
      EXPECT_TRUE(*c.text == 0 || pair.bench.epochs == 0) << "something was trained before";
    }
}

}  // namespace
}  // namespace omni
