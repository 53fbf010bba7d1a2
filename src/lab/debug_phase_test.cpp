// Phases of several programs in debug: what is shown, from where, and in which order.
#include "lab/debug_phase.h"

#include <gtest/gtest.h>

#include <functional>

#include "lab/debug.h"
#include "lab/test_phases.h"
#include "nn/optimizers.h"
#include "ops/elementwise.h"
#include "ops/random.h"
#include "ops/reduce.h"

namespace omni {
namespace {

using testing::refusal;

// Of the trunk that was trained last.
float trunk_reached;

Value center(Net& net) { return net.parameter("center", {1}, init::normal(0, 1)); }

// A trunk; two that take turns, of which one starts from it; a host's loop that reads it.
struct Players {
  bool leans = false, breaks = false;
  void visit(auto&& option) {
    option("leans", leans, "whether the host keeps something outside of its state");
    option("breaks", breaks, "whether a value is no number");
  }

  static Value distance_to_rows(Step& s, Net& net) {
    return mean(square(s.rows("real") - center(net)));
  }

  void run(Trial& t) const {
    std::vector<float> real(40);
    for (size_t i = 0; i < real.size(); ++i) real[i] = static_cast<float>(i);
    t.add_table("real", real, {40});
    const Ensemble start = t.init([](Net& net) { center(net); }, t.key().fold("init"));
    Training p;
    p.name = "trunk";
    p.start = &start;
    p.samples = 40;
    p.batch = 16;
    p.epochs = 2;
    p.lr = 0.1;
    p.build = [](Step& s) {
      Net net = s.net("model");
      const Value loss = distance_to_rows(s, net);
      s.graph().result("loss", loss);
      apply(Sgd{}, net, loss, s.lr());
    };
    const Trained trunk = t.train(p);
    trunk_reached = trunk.model.array(0, 0)[0];
    turns(t, trunk, start);
    loop(t, trunk, start);
  }

  void turns(Trial& t, const Trained& trunk, const Ensemble& start) const {
    Phase p;
    p.name = "pair";
    p.starts_at("one", trunk);
    p.start["two"] = &start;
    p.programs["pull"] = {.build =
                              [](Step& s) {
                                Net one = s.net("one");
                                const Value loss = distance_to_rows(s, one);
                                s.graph().result("loss", loss);
                                apply(Sgd{.momentum = 0.5}, one, loss, s.lr());
                              },
                          .batch = 16,
                          .samples = 40,
                          .lr = [](int64_t round, int64_t) { return round == 0 ? 0.25 : 0.125; }};
    p.programs["clip"] = {.build = [](Step& s) {
      Net one = s.net("one");
      const Value now = center(one);
      s.graph().update(now, clamp(now, -5.0, 5.0));
    }};
    p.programs["follow"] = {.build =
                                [](Step& s) {
                                  Net one = s.net("one"), two = s.net("two");
                                  const Value loss = mean(square(center(one) - center(two)));
                                  s.graph().result("loss", loss);
                                  apply(Sgd{}, two, loss, s.lr());
                                },
                            .lr = 0.5};
    p.programs["rare"] = {.build = [](Step& s) {
      Net two = s.net("two");
      const Value now = center(two);
      s.graph().update(now, now * 1.0);
    }};
    p.turns = {{"pull"}, {"clip"}, {"pull"}, {"clip"}, {"follow", 3}, {"rare", 1, 2}};
    p.rounds = 10;
    p.key = t.key();
    p.probe = Probe{[](Step& s) {
                      Net one = s.net("one"), two = s.net("two");
                      s.graph().result("gap", mean(abs(center(one) - center(two))));
                    },
                    4,
                    {0, 10}};
    t.run(p);
  }

  struct Tally {
    int64_t rounds = 0;
    void visit(auto&& field) { field(rounds); }
  };
  struct Slips {
    bool leans = false, breaks = false;
    void visit(auto&& field) { field(leans), field(breaks); }
  };
  void loop(Trial& t, const Trained& trunk, const Ensemble& start) const {
    Phase p;
    p.name = "loop";
    p.start = {{"learner", &start}};
    p.reads("judge", trunk);
    p.programs["act"] = {.build =
                             [](Step& s) {
                               Net net = s.net("learner");
                               const Value u = random_uniform(
                                   s.key(), convert(s.step(), DType::i32), s.index(), "u", {1});
                               s.graph().result("act", u + center(net));
                             },
                         .batch = 12};
    p.programs["learn"] = {.build =
                               [](Step& s) {
                                 Net net = s.net("learner"), judge = s.net("judge");
                                 const Value gain = s.fed("gain", {DType::f32, {12}, 0});
                                 const Value loss =
                                     mean(gain * square(center(net) - center(judge)));
                                 s.graph().result("loss", loss);
                                 apply(Sgd{}, net, loss, s.lr());
                               },
                           .lr = 0.01};
    p.rounds = 5;
    p.key = t.key();
    p.host(Tally{}, Slips{leans, breaks}, [](Round& r, Tally& tally, const Slips& slips) {
      static int hidden = 0;
      for (int i = 0; i < 3; ++i) r.run("act");
      const auto acts = r.result("act", "act");
      const std::vector<float> copy(acts.begin(), acts.end());
      ++hidden;
      const std::span<float> gain = r.feed<float>("learn", "gain");
      for (size_t i = 0; i < copy.size(); ++i)
        gain[i] = static_cast<float>(1 + (slips.leans ? hidden : tally.rounds));
      if (slips.breaks && r.number() == 1) gain[3] = NAN;
      r.run("learn");
      ++tally.rounds;
      r.see("gain", 7);
      r.keep("last");
    });
    t.run(p);
  }
};

Resolved resolved(std::vector<Assignment> assignments = {}) {
  Experiment e;
  e.name = "players";
  e.presets = {{"quick", "", {}, 1}};
  e.settings = settings_of<Players>();
  RunRequest request;
  request.assignments = std::move(assignments);
  return resolve(e, request);
}

// What is shown by that name, while it is valid.
void look_at(const std::string& name, const DebugRequest& request,
             const std::function<void(DebugGraph&)>& look,
             const std::vector<Assignment>& assignments = {}) {
  bool found = false;
  debug_graphs(resolved(assignments), {}, request, [&](DebugGraph& g) {
    if (g.name != name) return true;
    look(g);
    found = true;
    return false;
  });
  EXPECT_TRUE(found) << name;
}

std::vector<std::string> calls_of(const DebugRound& r) {
  std::vector<std::string> all;
  for (const DebugCall& c : r.calls) all.push_back(c.what);
  return all;
}

TEST(DebugPhase, ShowsTheRoundEachProgramAndTheProbe) {
  const std::vector<std::string> wanted = {
      "trunk",           "pair", "pair, clip", "pair, follow", "pair, pull", "pair, rare",
      "pair, its probe", "loop", "loop, act",  "loop, learn"};
  for (const bool run : {false, true}) {
    std::vector<std::string> names;
    debug_graphs(resolved(), {}, {.run = run}, [&](DebugGraph& g) {
      names.push_back(g.name);
      return true;
    });
    EXPECT_EQ(names, wanted) << run;
  }
}

TEST(DebugPhase, WhatIsNotWantedIsNotComputed) {
  DebugRequest request;
  request.wanted = [](const DebugGraph& g) { return g.phase == "loop"; };
  debug_graphs(resolved(), {}, request, [&](DebugGraph& g) {
    EXPECT_EQ(g.round != nullptr, g.phase == "loop") << g.name;
    return true;
  });
}

TEST(DebugPhase, TurnsAreTakenInOrder) {
  look_at("pair", {}, [](DebugGraph& g) {
    const std::vector<std::string> wanted = {"run pull",   "run clip",   "run pull",  "run clip",
                                             "run follow", "run follow", "run follow"};
    EXPECT_EQ(calls_of(*g.round), wanted);
    EXPECT_EQ(g.round->round, 1);
    EXPECT_EQ(g.round->rounds, 10);
    EXPECT_FALSE(g.round->called_again);
    const auto loops = loops_of(g.round->calls);
    ASSERT_EQ(loops.size(), 2u);
    EXPECT_EQ(loops[0].times, 2);
    EXPECT_EQ(loops[0].body.size(), 2u);
    EXPECT_EQ(loops[1].times, 3);
    EXPECT_EQ(loops[1].body.at(0).calls.size(), 3u);
  });
  look_at("pair, rare", {}, [](DebugGraph& g) {
    EXPECT_NE(g.why_not.find("--steps"), std::string::npos) << g.why_not;
  });
  look_at("pair, rare", {.steps = 2}, [](DebugGraph& g) { EXPECT_EQ(g.why_not, ""); });
  look_at("pair", {.steps = 2}, [](DebugGraph& g) {
    EXPECT_EQ(calls_of(*g.round).back(), "run rare");
    EXPECT_EQ(g.round->round, 2);
  });
}

// Where a value stands, and with which gradient it goes on, by hand.
TEST(DebugPhase, ProgramsStandWhereTheRoundComesToThem) {
  for (const bool run : {false, true}) {
    look_at("pair, pull", {.run = run}, [&](DebugGraph& g) {
      EXPECT_EQ(g.inputs.at("index").v.size(), 8u);  // of 16
      EXPECT_EQ(g.inputs.at("lr").v[0], 0.25);
      const double at = g.inputs.at("one/center").v[0];
      EXPECT_EQ(run, static_cast<float>(at) == trunk_reached);
      const RefValues values = interpret(g);
      EXPECT_NEAR(values[g.gradients.at("one/center")].v[0], 2 * (at - 3.5), 1e-9);
      EXPECT_EQ(g.gradients.size(), 1u);
    });
    look_at("pair, follow", {.run = run}, [&](DebugGraph& g) {
      EXPECT_LE(std::abs(g.inputs.at("one/center").v[0]), 5) << "it was clipped before";
      EXPECT_EQ(g.gradients.size(), 1u) << "by what it trains alone";
    });
    look_at("pair, its probe", {.run = run}, [&](DebugGraph& g) {
      EXPECT_EQ(run, static_cast<float>(g.inputs.at("one/center").v[0]) == trunk_reached);
    });
    look_at("loop, learn", {.run = run}, [&](DebugGraph& g) {
      EXPECT_EQ(g.inputs.at("gain").v, std::vector<double>(12, 1)) << "all that the host feeds";
      EXPECT_EQ(run, static_cast<float>(g.inputs.at("judge/center").v[0]) == trunk_reached);
      EXPECT_NE(g.inputs.at("judge/center").v, g.inputs.at("learner/center").v);
    });
  }
  look_at("pair, pull", {.steps = 3}, [](DebugGraph& g) {
    EXPECT_EQ(g.inputs.at("lr").v[0], 0.125);
    EXPECT_NE(g.inputs.at("one.opt/momentum/center").v[0], 0);
  });
}

TEST(DebugPhase, AHostsCallsAreNotedAndItsRoundIsCalledTwice) {
  const std::vector<std::string> wanted = {"run act",   "run act",  "run act",  "feed learn.gain",
                                           "run learn", "see gain", "keep last"};
  for (const bool run : {false, true})
    look_at("loop", {.run = run}, [&](DebugGraph& g) {
      EXPECT_EQ(calls_of(*g.round), wanted);
      EXPECT_EQ(g.round->calls[3].came, (std::vector<DebugCall::Came>{{"", 1, 1}}));
      EXPECT_EQ(g.round->calls[5].came, (std::vector<DebugCall::Came>{{"", 7, 7}}));
      const DebugCall::Came act = g.round->calls[0].came.at(0);
      EXPECT_EQ(act.name, "act");
      EXPECT_LT(act.least, act.most);
      EXPECT_TRUE(g.round->called_again);
      EXPECT_EQ(g.round->repeats, "");
    });
  look_at("loop", {},
          [&](DebugGraph& g) {
            EXPECT_NE(g.round->repeats.find(
                          "its round 1, called twice from equal state, gave other bits"),
                      std::string::npos)
                << g.round->repeats;
          },
          {{"leans", {"true"}, ""}});
}

TEST(DebugPhase, EndsWhereAValueIsNoNumber) {
  const std::vector<Assignment> breaks = {{"breaks", {"true"}, ""}};
  look_at(
      "loop", {.steps = 4},
      [](DebugGraph& g) {
        EXPECT_EQ(g.round->round, 2);
        EXPECT_EQ(g.round->broke, "learn");
        EXPECT_EQ(calls_of(*g.round).back(), "run learn");
      },
      breaks);
  look_at(
      "loop, learn", {.steps = 4},
      [](DebugGraph& g) {
        const auto bad = first_not_finite(interpret(g), g.ops);
        ASSERT_TRUE(bad);
        EXPECT_EQ(bad->element, 3u);
      },
      breaks);
}

TEST(DebugPhase, LoopsWithinLoopsAreFound) {
  std::vector<DebugCall> calls;
  for (int i = 0; i < 4; ++i)
    for (const char* what : {"a", "b", "b", "b", "c"})
      calls.push_back({what, {{"x", 1.0 * i, 1.0 * i}}});
  calls.push_back({"d"});
  const auto loops = loops_of(calls);
  ASSERT_EQ(loops.size(), 2u);
  EXPECT_EQ(loops[0].times, 4);
  ASSERT_EQ(loops[0].body.size(), 3u);
  EXPECT_EQ(loops[0].body[1].times, 3);
  EXPECT_EQ(loops[0].body[1].body.at(0).calls.size(), 12u);
  EXPECT_EQ(loops[1].calls.at(0)->what, "d");
  EXPECT_TRUE(loops_of({}).empty());
}

}  // namespace
}  // namespace omni
