#include "executors/cpu/session.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <map>
#include <new>
#include <numeric>

#include "cpu/op_plan.h"
#include "cpu/planner.h"
#include "engine/testing.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/matmul.h"
#include "ops/random.h"
#include "ops/reduce.h"

namespace omni {
namespace {

using testing::f32;
using testing::parameter;
using Floats = std::vector<float>;

constexpr int64_t kSamples = 10, kBatch = 4, kRest = 2, kIn = 8, kOut = 3;
constexpr Key kOrder{5}, kRandom{0x0123456789abcdef};

Floats filled(int64_t count, int salt) {
  Floats v(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) v[i] = static_cast<float>(std::sin(0.3 * i + salt));
  return v;
}

// A layer on rows of a table, with noise by key, step and sample.
Value output(Graph& g, int64_t rows) {
  const Value index = input(g, "index", {DType::i32, {rows}, 0}, Role::data);
  const Value key = input(g, "key", {DType::i32, {2}}, Role::data);
  const Value noise =
      random_uniform(key, convert(f32(g, "step", {}), DType::i32), index, "n", {kOut});
  const Value x = gather(f32(g, "rows", {kSamples, kIn}), index);
  return tanh(matmul(x, parameter(g, "model/w", {kIn, kOut}))) - noise * f32(g, "loudness", {});
}

// Descent with momentum.
std::shared_ptr<const Graph> step_of(int64_t rows, double factor = 1) {
  auto g = std::make_shared<Graph>();
  const Value w = parameter(*g, "model/w", {kIn, kOut}),
              m = parameter(*g, "model.opt/m", {kIn, kOut});
  const Value e = output(*g, rows) - 0.5;
  const Value index = *g->find_input("index"), table = *g->find_input("rows");
  const Value moved = m * 0.9 + matmul(gather(table, index), e * (1 - square(e)), true) * factor;
  g->result("loss", mean(square(e)));
  g->update(m, moved);
  g->update(w, w - moved * f32(*g, "lr", {}));
  return g;
}

std::shared_ptr<const Graph> probe() {
  auto g = std::make_shared<Graph>();
  const Value y = output(*g, kSamples);
  g->result("mean", mean(y));
  g->result("best", arg_max(y));
  return g;
}

SessionSpec spec() {
  return {{{"step", step_of(kBatch), step_of(kRest), kSamples, kBatch, "loss"},
           {"probe", probe(), nullptr, 0, kSamples}}};
}

// What the session is given, in place.
struct Given {
  Floats rows = filled(kSamples * kIn, 0), w = filled(kIn * kOut, 1), m = Floats(kIn * kOut);
  Floats rates;
  float loudness = 0.25;
  Given() {
    for (int i = 0; i < 100; ++i) rates.push_back(0.05f + 0.001f * static_cast<float>(i));
  }
  void give(Session& s) const {
    s.table("rows", {{DType::f32, {kSamples, kIn}}, rows.data(), "hash"});
    s.write("model/w", w);
    s.write("model.opt/m", m);
    s.write("loudness", {&loudness, 1});
  }
  ModelStart start(Standing at = {}) const { return {kOrder, kRandom, rates, std::move(at)}; }
};

struct Seen {
  Floats losses, w, m;
  std::vector<Floats> probed;
  std::vector<std::vector<int32_t>> best;
  bool operator==(const Seen&) const = default;
};

// Programs bound and driven by hand.
Seen by_hand(const ProgramOptions& options, int64_t steps) {
  Given has;
  Program whole(*step_of(kBatch), options), rest(*step_of(kRest), options), look(*probe(), options);
  std::vector<int32_t> order(kSamples), all(kSamples);
  std::iota(all.begin(), all.end(), 0);
  const int32_t key[2] = {static_cast<int32_t>(0x89abcdef), 0x01234567};
  float step = 0, lr = 0;
  for (Program* p : {&whole, &rest, &look}) {
    p->bind("rows", has.rows.data());
    p->bind("model/w", has.w.data());
    if (p != &look) p->bind("model.opt/m", has.m.data());
    if (p != &look) p->bind("lr", &lr);
    p->bind("loudness", &has.loudness);
    p->bind("key", key);
    p->bind("step", &step);
  }
  look.bind("index", all.data());
  Seen seen;
  for (int64_t s = 0; s < steps; ++s) {
    if (s % 3 == 0) permute(kOrder.fold(static_cast<uint64_t>(s / 3)), order);
    Program& p = s % 3 < 2 ? whole : rest;
    p.bind("index", order.data() + s % 3 * kBatch);
    step = static_cast<float>(s + 1);
    lr = has.rates[s];
    p.refresh();
    p.run();
    seen.losses.push_back(p.result("loss")[0]);
    look.refresh();
    look.run();
    seen.probed.push_back({look.result("mean")[0]});
    const auto best = look.result<int32_t>("best");
    seen.best.emplace_back(best.begin(), best.end());
  }
  seen.w = has.w;
  seen.m = has.m;
  return seen;
}

Floats read(const Session& s, const std::string& name) {
  const std::span<const float> now = s.read(name);
  return {now.begin(), now.end()};
}

void step_and_look(Session& s, Seen& seen) {
  s.run(0, 1);
  seen.losses.push_back(s.standing().programs[0].loss);
  EXPECT_EQ(s.result(0, "loss")[0], seen.losses.back());
  s.run(1, 1);
  seen.probed.push_back({s.result(1, "mean")[0]});
  const auto best = s.result<int32_t>(1, "best");
  seen.best.emplace_back(best.begin(), best.end());
}

class SessionInPrecision : public ::testing::TestWithParam<ProgramOptions> {};

TEST_P(SessionInPrecision, ItsBitsAreThoseOfBarePrograms) {
  for (const int threads : {1, 2}) {
    ProgramOptions options = GetParam();
    options.threads = threads;
    const Seen wanted = by_hand(options, 8);
    const auto s = make_cpu_executor(options)->open(spec());  // which it may outlive
    const Given given;
    given.give(*s);
    s->start(given.start());
    Seen seen;
    for (int i = 0; i < 8; ++i) step_and_look(*s, seen);
    seen.w = read(*s, "model/w");
    seen.m = read(*s, "model.opt/m");
    EXPECT_EQ(seen, wanted);
    EXPECT_EQ(s->standing().programs[0].runs, 8);
    EXPECT_EQ(s->standing().programs[0].first_loss, wanted.losses[0]);
    EXPECT_EQ(s->standing().programs[1].runs, 8);
    EXPECT_FALSE(s->standing().diverged_at);
  }
}

TEST_P(SessionInPrecision, ItGoesOnFromWhereAnotherStood) {
  const Seen wanted = by_hand(GetParam(), 8);
  for (const int64_t first : {0, 1, 3, 5, 8}) {
    const auto executor = make_cpu_executor(GetParam());
    Given given;
    const auto trunk = executor->open(spec());
    given.give(*trunk);
    trunk->start(given.start());
    trunk->run(0, first);
    given.w = read(*trunk, "model/w");
    given.m = read(*trunk, "model.opt/m");
    const auto s = executor->open(spec());
    given.give(*s);
    s->start(given.start(trunk->standing()));
    s->run(0, 8 - first);
    EXPECT_EQ(read(*s, "model/w"), wanted.w);
    EXPECT_EQ(s->standing().programs[0].loss, wanted.losses.back());
    EXPECT_EQ(s->standing().programs[0].first_loss, wanted.losses.front());
  }
}

// Programs are shared, and bound anew when another session finds them.
TEST_P(SessionInPrecision, SessionsOfOneExecutorTakeTurns) {
  const auto executor = make_cpu_executor(GetParam());
  Given given[2];
  given[1].w = filled(kIn * kOut, 7);
  std::unique_ptr<Session> turns[2], alone[2];
  for (int i = 0; i < 2; ++i) {
    turns[i] = executor->open(spec());
    alone[i] = make_cpu_executor(GetParam())->open(spec());
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
TEST_P(SessionInPrecision, WritersOfOneSetSeeEachOthersUpdates) {
  const Given given;
  const std::vector<ProgramSpec> programs = {
      {"a", step_of(kBatch), step_of(kRest), kSamples, kBatch},
      {"b", step_of(kBatch, -0.5), nullptr, 8, kBatch},
      {"look", probe(), nullptr, 0, kSamples}};
  const auto together = make_cpu_executor(GetParam())->open({programs});
  given.give(*together);
  together->start(given.start());
  Given now;
  Standing at;
  for (const int p : {0, 1, 2, 1, 0, 0, 2, 2, 1, 0, 2, 0, 0, 1, 2}) {
    together->run(p, 1);
    const auto fresh = make_cpu_executor(GetParam())->open({programs});
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

TEST_P(SessionInPrecision, GivenAnewItIsAnotherModel) {
  const auto executor = make_cpu_executor(GetParam());
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

INSTANTIATE_TEST_SUITE_P(Precisions, SessionInPrecision,
                         ::testing::ValuesIn(testing::every_precision()));

// Whoever is bound to a shared program when another one fails to start is bound anew.
TEST(Session, AnotherThatFailsToStartLeavesItAsItWas) {
  const auto executor = make_cpu_executor();
  const Given given;
  const auto s = executor->open(spec()), alone = make_cpu_executor()->open(spec());
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
TEST(Session, AnyNumberOfThemLiveBesideEachOther) {
  const auto executor = make_cpu_executor();
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

TEST(Session, WhatIsGivenLastByANameIsRead) {
  auto g = std::make_shared<Graph>();
  g->result("x", f32(*g, "x", {2}));
  const auto s = make_cpu_executor()->open({{{"look", g, nullptr, 0, 1}}});
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

Type same_type(std::span<const Type> in, const Attrs&) { return in[0]; }

// An op that throws where it is asked to.
bool fails_now = false;
void plan_failing(cpu::Planner& p, int id) {
  const auto in = p.cell<const float>(p.node(id).in[0]);
  const auto out = p.cell<float>(id);
  p.step(id, [=] {
    if (fails_now) throw std::bad_alloc();
    *out.get() = *in.get();
  });
}
const OpDef failing = {
    .name = "failing", .arity = 1, .type = same_type, .cpu = &cpu::planned_by<plan_failing>};

TEST(Session, WhatThrowsInARunLeavesProgramsForOthersAndASessionToBeGivenAnew) {
  auto g = std::make_shared<Graph>();
  const Value w = parameter(*g, "model/w", {});
  const Value one = g->add(failing, {w * 0.0 + 1.0});
  g->update(w, w + one);
  g->result("loss", w);
  const auto executor = make_cpu_executor();
  const SessionSpec spec = {{{"step", g, nullptr, 0, 1, "loss"}}};
  const auto s = executor->open(spec), other = executor->open(spec);
  for (Session* session : {s.get(), other.get()}) {
    session->write("model/w", Floats{4});
    session->start({});
  }
  s->run(0, 2);
  fails_now = true;
  EXPECT_THROW(s->run(0, 2), std::bad_alloc);
  fails_now = false;
  EXPECT_EQ(s->standing().programs[0].runs, 2);
  EXPECT_THROW(s->run(0, 1), Bug);  // half of a step may be there
  other->run(0, 3);
  EXPECT_EQ(other->read("model/w")[0], 7);
  s->write("model/w", Floats{6});
  s->start({.order = {}, .random = {}, .rates = {}, .at = s->standing()});
  s->run(0, 1);
  EXPECT_EQ(s->read("model/w")[0], 7);
  EXPECT_EQ(s->standing().programs[0].runs, 3);
}

// Numbers that a program reads as they are.
TEST(Session, ProgramsOfEqualGraphsHaveOrdersAndResultsOfTheirOwn) {
  const auto visits = [](int64_t rows) {
    auto g = std::make_shared<Graph>();
    g->result("seen", input(*g, "index", {DType::i32, {rows}, 0}, Role::data));
    return g;
  };
  const auto s = make_cpu_executor()->open({{{"few", visits(2), nullptr, 4, 2},
                                             {"many", visits(2), nullptr, 6, 2},
                                             {"first", visits(2), nullptr, 0, 2}}});
  s->start({.order = kOrder, .random = {}, .rates = {}, .at = {}});
  std::vector<int32_t> seen[3];
  for (int i = 0; i < 6; ++i)
    for (int p = 0; p < 3; ++p) {
      s->run(p, 1);
      const auto rows = s->result<int32_t>(p, "seen");
      seen[p].insert(seen[p].end(), rows.begin(), rows.end());
    }
  for (const auto& [p, samples] : {std::pair{0, 4}, std::pair{1, 6}}) {
    std::vector<int32_t> wanted;
    for (uint64_t epoch = 0; std::ssize(wanted) < 12; ++epoch)
      for (const int32_t n : permutation(kOrder.fold(epoch), samples)) wanted.push_back(n);
    EXPECT_EQ(seen[p], wanted);
  }
  EXPECT_EQ(seen[2], (std::vector<int32_t>{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}));
}

TEST(Session, StepsAreRunsThatUpdateAnything) {
  const auto counter = [](bool updates) {
    auto g = std::make_shared<Graph>();
    const Value sum = parameter(*g, "model/sum", {}), step = f32(*g, "step", {});
    g->result("step", step);
    g->result("lr", f32(*g, "lr", {}));
    if (updates) g->update(sum, sum + step);
    return g;
  };
  const auto s = make_cpu_executor()->open(
      {{{"step", counter(true), nullptr, 0, 1}, {"look", counter(false), nullptr, 0, 1}}});
  s->zero("model/sum", 1);
  s->start({.order = {}, .random = {}, .rates = {3, 4, 5}, .at = {}});
  for (const float step : {0.f, 1.f, 2.f, 3.f, 4.f}) {
    if (step > 0) s->run(0, 1);
    s->run(1, 2);
    EXPECT_EQ(s->result(1, "step")[0], step);
    EXPECT_EQ(s->result(1, "lr")[0], step > 0 ? std::min(step, 3.f) + 2 : 0);
  }
  EXPECT_EQ(s->read("model/sum")[0], 10);
}

TEST(Session, LentSetsStayWhereTheyAre) {
  auto g = std::make_shared<Graph>();
  const Value taught = parameter(*g, "teacher/w", {3}), w = parameter(*g, "model/w", {3});
  g->result("sum", reduce_sum(taught * w, {0}));
  g->update(w, w + taught);
  const auto s = make_cpu_executor()->open({{{"step", g, nullptr, 0, 1}}});
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

TEST(Session, SaysWhatIsWrong) {
  const Given given;
  const auto s = make_cpu_executor()->open(spec());
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
  EXPECT_THROW(make_cpu_executor()->open(without_last), Bug);
  SessionSpec no_batch = spec();
  no_batch.programs[1].batch = 0;
  EXPECT_THROW(make_cpu_executor()->open(no_batch), Bug);
  for (const char* watched : {"los", "best"}) {  // unknown, and no float
    SessionSpec wrong = spec();
    wrong.programs[1].watched = watched;
    EXPECT_THROW(make_cpu_executor()->open(wrong), Bug);
  }
  EXPECT_THROW(make_cpu_executor({Precision::f32, {"no-such-pass"}, 1})->open(spec()), UserError);
}

TEST(Session, AModelThatDivergesStandsStillIfItShall) {
  auto g = std::make_shared<Graph>();
  const Value w = parameter(*g, "model/w", {});
  g->result("loss", w);
  g->update(w, w * 100.0);
  for (const bool stop : {true, false}) {
    const auto s = make_cpu_executor()->open({{{"step", g, nullptr, 0, 1, "loss"}}, stop});
    s->write("model/w", Floats{2});
    s->start({});
    s->run(0, 9);
    EXPECT_EQ(s->standing().diverged_at, 5);  // 2e8 over 2
    EXPECT_EQ(s->standing().programs[0].runs, stop ? 5 : 9);
    EXPECT_EQ(s->standing().programs[0].loss, stop ? 2e8f : 2e16f);
    EXPECT_EQ(s->standing().programs[0].first_loss, 2);
  }
}

// Of a program that updates nothing, before any step.
TEST(Session, AModelMayBreakAtStep0) {
  auto g = std::make_shared<Graph>();
  g->result("loss", parameter(*g, "model/w", {}));
  const auto s = make_cpu_executor()->open({{{"look", g, nullptr, 0, 1, "loss"}}});
  s->write("model/w", Floats{NAN});
  s->start({});
  s->run(0, 9);
  EXPECT_EQ(s->standing().diverged_at, 0);
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

}  // namespace
}  // namespace omni
