// What every executor's sessions promise.
#include <limits>
#include <map>
#include <numeric>

#include "executors/testing.h"

namespace omni::testing {
namespace {

class EverySession : public ::testing::TestWithParam<SomeExecutor> {};

TEST_P(EverySession, ItGoesOnFromWhereAnotherStood) {
  const Given start;
  const auto whole = GetParam().make()->open(spec());
  start.give(*whole);
  whole->start(start.start());
  steps(*whole, 8);
  const ProgramStanding& wanted = whole->standing().programs[0];
  for (const int64_t first : {0, 1, 3, 5, 8}) {
    const auto executor = GetParam().make();
    Given given;
    const auto trunk = executor->open(spec());
    given.give(*trunk);
    trunk->start(given.start());
    steps(*trunk, first);
    given.w = read(*trunk, "model/w");
    given.m = read(*trunk, "model.opt/m");
    const auto s = executor->open(spec());
    given.give(*s);
    s->start(given.start(trunk->standing()));
    steps(*s, 8 - first);
    EXPECT_EQ(read(*s, "model/w"), read(*whole, "model/w"));
    EXPECT_EQ(s->standing().programs[0].loss, wanted.loss);
    EXPECT_EQ(s->standing().programs[0].first_loss, wanted.first_loss);
  }
}

// Programs are shared, and bound anew when another session finds them.
TEST_P(EverySession, SessionsOfOneExecutorTakeTurns) {
  const auto executor = GetParam().make();
  Given given[2];
  given[1].w = filled(kIn * kOut, 7);
  std::unique_ptr<Session> turns[2], alone[2];
  for (int i = 0; i < 2; ++i) {
    turns[i] = executor->open(spec());
    alone[i] = GetParam().make()->open(spec());
    for (Session* s : {turns[i].get(), alone[i].get()}) {
      given[i].give(*s);
      s->start(given[i].start());
    }
  }
  Seen in_turns[2], by_itself[2];
  for (int step = 0; step < 5; ++step)
    for (int i = 0; i < 2; ++i) step_and_look(*turns[i], in_turns[i]);
  for (int i = 0; i < 2; ++i) {
    for (int step = 0; step < 5; ++step) step_and_look(*alone[i], by_itself[i]);
    EXPECT_EQ(in_turns[i], by_itself[i]);
    EXPECT_EQ(read(*turns[i], "model/w"), read(*alone[i], "model/w"));
    turns[i].reset();  // the other goes on
  }
  EXPECT_NE(by_itself[0], by_itself[1]);
}

// Two programs update one set, a third looks at it: each makes its copies anew when they are old.
// Alone in a session of its own each makes them in any case.
TEST_P(EverySession, WritersOfOneSetSeeEachOthersUpdates) {
  const Given given;
  const std::vector<ProgramSpec> programs = {
      {"a", step_of(kBatch), step_of(kRest), kSamples, kBatch, "", 0},
      {"b", step_of(kBatch, -0.5), nullptr, 8, kBatch, "", 0},
      {"look", probe(), nullptr, 0, kSamples}};
  const auto together = GetParam().make()->open({programs});
  given.give(*together);
  together->start(given.start());
  Given now;
  Standing at;
  for (const int p : {0, 1, 2, 1, 0, 0, 2, 2, 1, 0, 2, 0, 0, 1, 2}) {
    together->run(p, 1);
    const auto fresh = GetParam().make()->open({programs});
    now.give(*fresh);
    fresh->start(now.start(at));
    fresh->run(p, 1);
    at = fresh->standing();
    now.w = read(*fresh, "model/w");
    now.m = read(*fresh, "model.opt/m");
    EXPECT_EQ(read(*together, "model/w"), now.w);
    if (p == 2) {
      EXPECT_EQ(together->result(2, "mean")[0], fresh->result(2, "mean")[0]);
    }
  }
  EXPECT_NE(now.w, given.w);
}

TEST_P(EverySession, GivenAnewItIsAnotherModel) {
  const auto executor = GetParam().make();
  Given given;
  const auto twice = executor->open(spec()), once = executor->open(spec());
  given.give(*twice);
  twice->start(given.start());
  twice->run(0, 4);
  given.w = filled(kIn * kOut, 3);
  for (Session* s : {twice.get(), once.get()}) {
    given.give(*s);
    s->start(given.start());
    s->run(0, 4);
  }
  EXPECT_EQ(read(*twice, "model/w"), read(*once, "model/w"));
}

// Whoever is bound to a shared program when another one fails to start is bound anew.
TEST_P(EverySession, AnotherThatFailsToStartLeavesItAsItWas) {
  const auto executor = GetParam().make();
  const Given given;
  const auto s = executor->open(spec()), alone = GetParam().make()->open(spec());
  for (Session* one : {s.get(), alone.get()}) {
    given.give(*one);
    one->start(given.start());
    one->run(0, 1);
  }
  const auto fails = executor->open(spec());
  fails->write("model/w", filled(kIn * kOut, 9));
  EXPECT_THROW(fails->start(given.start()), Bug);
  for (Session* one : {s.get(), alone.get()}) one->run(0, 4);
  EXPECT_EQ(read(*s, "model/w"), read(*alone, "model/w"));
}

// More graphs than an executor keeps, all in use.
TEST_P(EverySession, AnyNumberOfThemLiveBesideEachOther) {
  const auto executor = GetParam().make();
  const auto counter = [](int by) {
    auto g = std::make_shared<Graph>();
    const Value sum = parameter(*g, "model/sum", {});
    g->update(sum, sum + static_cast<double>(by));
    g->result("sum", sum);
    return g;
  };
  std::vector<std::unique_ptr<Session>> sessions;
  for (int by = 0; by < 150; ++by) {
    sessions.push_back(executor->open({{{"count", counter(by % 75), nullptr, 0, 1}}}));
    sessions.back()->zero("model/sum", 1);
    sessions.back()->start({});
  }
  for (int turn = 1; turn <= 3; ++turn)
    for (auto& s : sessions) s->run(0, 1);
  for (int by = 0; by < 150; ++by) EXPECT_EQ(sessions[by]->read("model/sum")[0], 3 * (by % 75));
}

TEST_P(EverySession, WhatIsGivenLastByANameIsRead) {
  auto g = std::make_shared<Graph>();
  g->result("x", f32(*g, "x", {2}));
  const auto s = GetParam().make()->open({{{"look", g, nullptr, 0, 1}}});
  const Floats lent = {1, 2}, tabled = {3, 4}, written = {5, 6};
  const auto write = [&] { s->write("x", written); };
  const auto lend = [&] { s->lend("x", lent); };
  const auto table = [&] { s->table("x", {{DType::f32, {2}}, tabled.data(), ""}); };
  const auto seen = [&] {
    s->start({});
    s->run(0, 1);
    const auto x = s->result(0, "x");
    return Floats(x.begin(), x.end());
  };
  for (int round = 0; round < 2; ++round) {
    write();
    EXPECT_EQ(seen(), written);
    table();
    EXPECT_EQ(seen(), tabled);
    EXPECT_THROW(s->read("x"), Bug);
    lend();
    EXPECT_EQ(seen(), lent);
    table();
    EXPECT_EQ(seen(), tabled);
    write();
    EXPECT_EQ(seen(), written);
    lend();
    EXPECT_EQ(seen(), lent);
  }
}

// Numbers that a program reads as they are.
TEST_P(EverySession, ProgramsOfEqualGraphsHaveOrdersAndResultsOfTheirOwn) {
  const auto visits = [](int64_t rows) {
    auto g = std::make_shared<Graph>();
    g->result("seen", input(*g, "index", {DType::i32, {rows}, 0}, Role::data));
    return g;
  };
  const auto s = GetParam().make()->open({{{"few", visits(2), nullptr, 4, 2},
                                           {"many", visits(2), nullptr, 6, 2},
                                           {"first", visits(2), nullptr, 0, 2}}});
  s->start({.programs = {{kOrder}, {kOrder.fold("many")}, {}}, .at = {}});
  std::vector<int32_t> seen[3];
  for (int i = 0; i < 6; ++i)
    for (int p = 0; p < 3; ++p) {
      s->run(p, 1);
      const auto rows = s->result<int32_t>(p, "seen");
      seen[p].insert(seen[p].end(), rows.begin(), rows.end());
    }
  for (const auto& [p, samples] : {std::pair{0, 4}, std::pair{1, 6}}) {
    std::vector<int32_t> wanted;
    const Key order = p == 0 ? kOrder : kOrder.fold("many");
    for (uint64_t epoch = 0; std::ssize(wanted) < 12; ++epoch)
      for (const int32_t n : permutation(order.fold(epoch), samples)) wanted.push_back(n);
    EXPECT_EQ(seen[p], wanted);
  }
  EXPECT_EQ(seen[2], (std::vector<int32_t>{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}));
}

// Shows what it is given, and counts.
std::shared_ptr<const Graph> counter(const char* counted) {
  auto g = std::make_shared<Graph>();
  const Value sum = parameter(*g, counted, {}), step = f32(*g, "step", {});
  g->result("step", step);
  g->result("lr", f32(*g, "lr", {}));
  g->update(sum, sum + step);
  return g;
}

TEST_P(EverySession, StepsAreRunsOfAClockOrRoundsThatHaveEnded) {
  const auto s = GetParam().make()->open({{{"critic", counter("a/sum"), nullptr, 0, 1, "", 0},
                                           {"again", counter("b/sum"), nullptr, 0, 1, "", 0},
                                           {"generator", counter("c/sum"), nullptr, 0, 1, "", 1},
                                           {"look", counter("d/sum"), nullptr, 0, 1}}});
  for (const char* sum : {"a/sum", "b/sum", "c/sum", "d/sum"}) s->zero(sum, 1);
  s->start({.programs = {{}, {}, {{}, {}, {3, 4, 5}}, {{}, {}, {0, 3}}}, .at = {}});
  const Turn turns[] = {{0, 3}, {1}, {2}};
  for (int round = 0; round < 5; ++round) {
    s->run(3, 2);
    const auto seen = [&](int program, const char* name) { return s->result(program, name)[0]; };
    EXPECT_EQ(seen(3, "step"), round);
    EXPECT_EQ(seen(3, "lr"), round > 0 ? 3 : 0);
    s->rounds(turns, 1);
    EXPECT_EQ(seen(0, "step"), 4 * round + 3);
    EXPECT_EQ(seen(1, "step"), 4 * round + 4);
    EXPECT_EQ(seen(2, "step"), round + 1);
    EXPECT_EQ(seen(2, "lr"), std::min(round, 2) + 3);
    EXPECT_EQ(seen(0, "lr"), 0);
  }
  EXPECT_EQ(s->standing().round, 5);
  EXPECT_EQ(s->read("c/sum")[0], 15);
}

// Of calls of any length, and of one that goes on where another stood.
TEST_P(EverySession, TurnsComeInEverySoManyThRound) {
  const SessionSpec spec = {{{"often", counter("a/sum"), nullptr, 0, 1, "", 0, {}, {"step", "lr"}},
                             {"rare", counter("b/sum"), nullptr, 0, 1, "", 1, {}, {"step"}}}};
  const Turn turns[] = {{0, 2}, {1, 3, 2}};
  for (const int64_t first : {0, 1, 2, 3, 5}) {
    std::unique_ptr<Session> s;
    Standing at;
    Floats often, rare, sums = {0, 0};
    for (const int64_t count : {first, 5 - first}) {
      s = GetParam().make()->open(spec);
      s->write("a/sum", {&sums[0], 1});
      s->write("b/sum", {&sums[1], 1});
      s->start({.programs = {{{}, {}, {7, 8}}}, .at = at});
      s->rounds(turns, count);
      at = s->standing();
      sums = {s->read("a/sum")[0], s->read("b/sum")[0]};
      for (const auto& [program, log] : {std::pair{0, &often}, std::pair{1, &rare}}) {
        const Floats more = s->take_log(program);
        log->insert(log->end(), more.begin(), more.end());
        EXPECT_TRUE(s->take_log(program).empty());
      }
    }
    EXPECT_EQ(rare, (Floats{1, 2, 3, 4, 5, 6}));
    ASSERT_EQ(often.size(), 20u);
    for (size_t run = 0; run < 10; ++run) {
      EXPECT_EQ(often[2 * run], static_cast<float>(run + 1));
      EXPECT_EQ(often[2 * run + 1], run < 2 ? 7 : 8);
    }
    EXPECT_EQ(at.round, 5);
    EXPECT_EQ(at.programs[1].runs, 6);
  }
}

// By each program for itself: the same name is two inputs. All runs of a call read what was fed.
TEST_P(EverySession, WhatIsFedIsReadByTheCall) {
  const auto adds = [](const char* sum, int64_t count) {
    auto g = std::make_shared<Graph>();
    const Value total = parameter(*g, sum, {}), x = f32(*g, "x", {count});
    const Value n = input(*g, "n", {DType::i32, {1}}, Role::data);
    g->update(total, total + reduce_sum(x, {0}) + reduce_sum(convert(n, DType::f32), {0}));
    g->result("x", x);
    return g;
  };
  const auto s =
      GetParam().make()->open({{{"two", adds("a/sum", 2), nullptr, 0, 1, "", {}, {"x", "n"}},
                                {"three", adds("b/sum", 3), nullptr, 0, 1, "", {}, {"x", "n"}}}});
  s->zero("a/sum", 1);
  s->zero("b/sum", 1);
  s->start({});
  for (float value = 1; value < 4; ++value) {
    for (const int p : {0, 1}) {
      std::ranges::fill(s->feed<float>(p, "x"), value);
      s->feed<int32_t>(p, "n")[0] = 10;
    }
    s->run(0, 2);
    s->run(1, 1);
    EXPECT_EQ(s->result(0, "x").size(), 2u);
    EXPECT_EQ(s->result(1, "x")[2], value);
  }
  EXPECT_EQ(s->read("a/sum")[0], 2 * (2 * (1 + 2 + 3) + 30));
  EXPECT_EQ(s->read("b/sum")[0], 3 * (1 + 2 + 3) + 30);
  EXPECT_THROW(s->feed<float>(0, "y"), Bug);
  EXPECT_THROW(s->feed<float>(0, "n"), Bug);
  EXPECT_THROW(s->feed<float>(2, "x"), Bug);
}

TEST_P(EverySession, LentSetsStayWhereTheyAre) {
  auto g = std::make_shared<Graph>();
  const Value taught = parameter(*g, "teacher/w", {3}), w = parameter(*g, "model/w", {3});
  g->result("sum", reduce_sum(taught * w, {0}));
  g->update(w, w + taught);
  const auto s = GetParam().make()->open({{{"step", g, nullptr, 0, 1}}});
  Floats teacher = {1, 2, 3};
  const Floats model = {1, 1, 1}, beside = {9};
  EXPECT_THROW(s->lend("model/w", model), Bug);
  s->lend("teacher/w", teacher);
  s->write("model/w", model);
  s->write("model/beside", beside);
  s->start({});
  s->run(0, 2);
  EXPECT_EQ(s->result(0, "sum")[0], 20);
  EXPECT_EQ(teacher, (Floats{1, 2, 3}));
  EXPECT_EQ(read(*s, "model/w"), (Floats{3, 5, 7}));
  EXPECT_EQ(read(*s, "model/beside"), beside);
  EXPECT_THROW(s->read("teacher/w"), Bug);
}

TEST_P(EverySession, SaysWhatIsWrong) {
  const Given given;
  const auto s = GetParam().make()->open(spec());
  EXPECT_THROW(s->start(given.start()), Bug);  // nothing is given
  given.give(*s);
  EXPECT_THROW(s->run(0, 1), Bug);  // not started
  s->start(given.start());
  EXPECT_THROW(s->result(0, "loss"), Bug);  // not run
  s->run(0, 1);
  EXPECT_THROW(s->result(0, "los"), Bug);
  EXPECT_THROW(s->result<int32_t>(0, "loss"), Bug);
  EXPECT_THROW(s->write("model/w", Floats(3)), Bug);
  EXPECT_THROW(s->table("rows", {{DType::f32, {kSamples, kIn + 1}}, given.rows.data(), ""}), Bug);
  for (const int program : {-1, 2, 1 << 20}) {
    EXPECT_THROW(s->run(program, 1), Bug);
    EXPECT_THROW(s->result(program, "loss"), Bug);
  }
  for (const char* own : {"index", "key", "step", "lr"}) {
    EXPECT_THROW(s->write(own, Floats{1}), Bug);
    EXPECT_THROW(s->lend(own, given.w), Bug);
    EXPECT_THROW(s->table(own, {{DType::f32, {}}, given.rows.data(), ""}), Bug);
  }
  s->write("model/w", given.w);
  EXPECT_THROW(s->run(0, 1), Bug);  // not started with it
  SessionSpec without_last = spec();
  without_last.programs[0].last = nullptr;
  EXPECT_THROW(GetParam().make()->open(without_last), Bug);
  SessionSpec no_batch = spec();
  no_batch.programs[1].batch = 0;
  EXPECT_THROW(GetParam().make()->open(no_batch), Bug);
  for (const char* name : {"los", "best"}) {  // unknown, and no float
    SessionSpec wrong = spec();
    wrong.programs[1].watched = name;
    EXPECT_THROW(GetParam().make()->open(wrong), Bug);
    wrong = spec();
    wrong.programs[1].logged = {name};
    EXPECT_THROW(GetParam().make()->open(wrong), Bug);
  }
}

TEST_P(EverySession, AModelThatDivergesStandsStillIfItShall) {
  auto g = std::make_shared<Graph>();
  const Value w = parameter(*g, "model/w", {});
  g->result("loss", w);
  g->update(w, w * 100.0);
  for (const bool stop : {true, false}) {
    const auto s = GetParam().make()->open({{{"step", g, nullptr, 0, 1, "loss"}}, stop});
    s->write("model/w", Floats{2});
    s->start({});
    steps(*s, 9);
    EXPECT_EQ(s->standing().diverged_at, 5);  // 2e8 over 2
    EXPECT_EQ(s->standing().round, stop ? 4 : 9);
    EXPECT_EQ(s->standing().programs[0].runs, stop ? 5 : 9);
    EXPECT_EQ(s->standing().programs[0].loss, stop ? 2e8f : 2e16f);
    EXPECT_EQ(s->standing().programs[0].first_loss, 2);
  }
}

// Of a program that updates nothing, in the first round.
TEST_P(EverySession, AModelMayBreakBeforeAnyUpdate) {
  auto g = std::make_shared<Graph>();
  g->result("loss", parameter(*g, "model/w", {}));
  const auto s = GetParam().make()->open({{{"look", g, nullptr, 0, 1, "loss"}}});
  s->write("model/w", Floats{NAN});
  s->start({});
  s->run(0, 9);
  EXPECT_EQ(s->standing().diverged_at, 1);
  EXPECT_EQ(s->standing().programs[0].runs, 1);
}

TEST(Divergence, IsALossThatIsNotFiniteOrAMillionTimesTheFirst) {
  EXPECT_TRUE(has_diverged(NAN, 1));
  EXPECT_TRUE(has_diverged(-std::numeric_limits<float>::infinity(), 1));
  EXPECT_FALSE(has_diverged(1e6f, 0.1f));
  EXPECT_TRUE(has_diverged(-1.01e6f, 0.1f));
  EXPECT_FALSE(has_diverged(1.9e9f, -2e3f));
  EXPECT_TRUE(has_diverged(2.1e9f, -2e3f));
  EXPECT_FALSE(has_diverged(1, NAN));
}

INSTANTIATE_TEST_SUITE_P(Executors, EverySession, ::testing::ValuesIn(every_executor()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace omni::testing
