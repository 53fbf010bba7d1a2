// What a host's function of a phase may do, what is kept of it, and what it is refused for.
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
}

}  // namespace
}  // namespace omni
