#include "executors/cpu/session.h"

#include <cstdlib>
#include <new>
#include <numeric>
#include <optional>
#include <set>

#include "cpu/op_plan.h"
#include "cpu/planner.h"
#include "executors/testing.h"

namespace omni::testing {
namespace {

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

class CpuSession : public ::testing::TestWithParam<ProgramOptions> {};

TEST_P(CpuSession, ItsBitsAreThoseOfBarePrograms) {
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

INSTANTIATE_TEST_SUITE_P(Precisions, CpuSession, ::testing::ValuesIn(every_precision()));

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

TEST(CpuPrograms, WhatThrowsInARunLeavesProgramsForOthersAndASessionToBeGivenAnew) {
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
  s->start({.programs = {}, .at = s->standing()});
  s->run(0, 1);
  EXPECT_EQ(s->read("model/w")[0], 7);
  EXPECT_EQ(s->standing().programs[0].runs, 3);
}

TEST(CpuPrograms, UnknownPassesAreRefused) {
  EXPECT_THROW(make_cpu_executor({Precision::f32, {"no-such-pass"}, 1}), UserError);
}

TEST(CpuPrograms, NumericsTellAllThatMovesBits) {
  std::set<std::string> all = {make_reference_executor()->numerics()};
  for (ProgramOptions o : every_precision()) {
    EXPECT_TRUE(all.insert(make_cpu_executor(o)->numerics()).second);
    o.passes_off = {"slice-batch"};
    EXPECT_TRUE(all.insert(make_cpu_executor(o)->numerics()).second);
    o.threads = 2;
    EXPECT_FALSE(all.insert(make_cpu_executor(o)->numerics()).second);
  }
}

// What the environment says is in what options are made from, and what is equal has one name.
TEST(CpuPrograms, NumericsTellWhichPassesAreOffWhoeverSaidSo) {
  ProgramOptions all, each;
  all.passes_off = {"all"};
  each.passes_off = names_of(passes_named({"all"}));
  EXPECT_EQ(make_cpu_executor(all)->numerics(), make_cpu_executor(each)->numerics());
  const char* kName = "OMNISCALE_PASSES_OFF";
  const char* before = std::getenv(kName);
  const std::optional<std::string> saved =
      before ? std::optional<std::string>(before) : std::nullopt;
  setenv(kName, "slice-batch", 1);
  EXPECT_NE(make_cpu_executor()->numerics().find("no slice-batch"), std::string::npos);
  saved ? setenv(kName, saved->c_str(), 1) : unsetenv(kName);
}

}  // namespace
}  // namespace omni::testing
