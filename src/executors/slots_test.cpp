// Models in slots are what they are alone.
#include "executors/slots.h"

#include <algorithm>
#include <map>

#include "executors/testing.h"

namespace omni::testing {
namespace {

// The first of each of these differs in weights, order, noise, rates and a number.
struct Model {
  Given given;
  ModelStart start;
  explicit Model(int number) {
    given.w = filled(kIn * kOut, number);
    given.loudness = 0.1f * static_cast<float>(number);
    for (float& rate : given.rates) rate *= 1 + 0.1f * static_cast<float>(number);
    start = given.start();
    for (ProgramStart& p : start.programs) {
      p.order = kOrder.fold(static_cast<uint64_t>(number));
      p.random = kRandom.fold(static_cast<uint64_t>(number));
    }
  }
  void begin(Session& s) const {
    given.give(s);
    s.start(start);
  }
};

// After so many steps.
Floats alone(int number, int64_t count) {
  const auto s = make_reference_executor()->open(spec());
  Model(number).begin(*s);
  steps(*s, count);
  return read(*s, "model/w");
}

TEST(Slots, StepEachModelAsItStepsAloneInAnyOrderOnAnyNumberOfThreads) {
  for (const uint64_t order : {0, 1, 2})
    for (const int threads : {1, 3}) {
      const auto executor = make_reference_executor({.threads = threads, .order = order});
      const auto slots = executor->open_slots(spec(), 5);
      std::vector<std::unique_ptr<Session>> models;
      std::vector<Session*> all;
      for (int i = 0; i < 5; ++i) {
        models.push_back(slots->admit());
        all.push_back(models.back().get());
        Model(i).begin(*all.back());
      }
      const Turn step;
      slots->rounds(all, {&step, 1}, 7);
      slots->run(all, 1, 2);
      for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(read(*all[i], "model/w"), alone(i, 7)) << i;
        EXPECT_EQ(all[i]->standing().round, 7);
        EXPECT_EQ(all[i]->standing().programs[1].runs, 2);
      }
    }
}

// An epoch has three runs here.
TEST(Slots, AdmitAndRetireModelsWhileOthersGoOn) {
  const auto executor = make_reference_executor();
  const auto slots = executor->open_slots(spec(), 2);
  const Turn step;
  const auto go = [&](std::vector<Session*> models, int64_t count) {
    slots->rounds(models, {&step, 1}, count);
  };
  auto a = slots->admit(), b = slots->admit();
  EXPECT_EQ(slots->free(), 0);
  EXPECT_THROW(slots->admit(), Bug);
  Model(0).begin(*a);
  Model(1).begin(*b);
  go({a.get(), b.get()}, 3);
  const Floats left = read(*b, "model/w");
  b.reset();
  EXPECT_EQ(slots->free(), 1);
  const auto c = slots->admit();
  EXPECT_THROW(c->start({}), Bug);  // nothing of the model that was there
  Model(2).begin(*c);
  go({c.get(), a.get()}, 4);
  EXPECT_EQ(left, alone(1, 3));
  EXPECT_EQ(read(*a, "model/w"), alone(0, 7));
  EXPECT_EQ(read(*c, "model/w"), alone(2, 4));
  slots->run(std::vector<Session*>{a.get(), c.get()}, 1, 1);  // a probe's batches are all alike
  go({c.get()}, 2);
  EXPECT_THROW(go({c.get(), a.get()}, 1), Bug);  // an epoch's last batch, and its second one
}

TEST(Slots, ModelsThatDivergedStandStillBesideOthers) {
  auto g = std::make_shared<Graph>();
  const Value w = parameter(*g, "model/w", {});
  g->result("loss", w);
  g->update(w, w * f32(*g, "factor", {}));
  const auto executor = make_reference_executor();
  const auto slots = executor->open_slots({{{"step", g, nullptr, 0, 1, "loss"}}}, 3);
  std::vector<std::unique_ptr<Session>> models;
  std::vector<Session*> all;
  for (const float factor : {100.f, 1.f, 1000.f}) {
    models.push_back(slots->admit());
    all.push_back(models.back().get());
    all.back()->write("model/w", Floats{2});
    all.back()->write("factor", Floats{factor});
    all.back()->start({});
  }
  const Turn step;
  slots->rounds(all, {&step, 1}, 4);
  slots->rounds(all, {&step, 1}, 5);
  EXPECT_EQ(all[0]->standing().diverged_at, 5);
  EXPECT_EQ(all[0]->standing().programs[0].runs, 5);
  EXPECT_EQ(all[1]->standing().round, 9);
  EXPECT_EQ(all[1]->read("model/w")[0], 2);
  EXPECT_EQ(all[2]->standing().programs[0].runs, 4);
}

// Turns of every other round.
TEST(Slots, OfRoundsStandAtEqualOnes) {
  const SessionSpec s = {{{"a", probe(), nullptr, 0, kSamples}, {"b", probe(), nullptr, 0, 5}}};
  const Turn turns[] = {{0}, {1, 1, 2}};
  Standing at, other;
  at.programs.resize(2);
  other.programs.resize(2);
  for (const int64_t round : {0, 1, 2, 3}) {
    other.round = round;
    EXPECT_EQ(stand_alike(s, at, other, turns), round % 2 == 0);
    EXPECT_TRUE(stand_alike(s, at, other, {turns, 1}));
  }
}

TEST(Slots, AreSharedByModelsOfEqualProgramsAlone) {
  const uint64_t print = fingerprint(spec());
  EXPECT_EQ(print, fingerprint(spec()));
  std::vector<SessionSpec> others(8, spec());
  others[0].stop_diverged = false;
  others[1].programs.pop_back();
  others[2].programs[0].graph = step_of(kBatch, 2);
  others[3].programs[0].last = step_of(kRest, 2);
  others[4].programs[0].samples += kBatch;
  others[5].programs[0].watched = "";
  others[6].programs[0].clock = 1;
  others[7].programs[0].logged = {"loss"};
  for (const SessionSpec& other : others) EXPECT_NE(fingerprint(other), print);
}

TEST(Slots, SayWhatAModelTakes) {
  const auto executor = make_reference_executor();
  const int64_t bytes = executor->bytes_per_model(spec());
  EXPECT_GT(bytes, 2 * kIn * kOut * 8);                              // weights and momentum
  EXPECT_LT(bytes, 2 * kIn * kOut * 8 + kSamples * kIn * 8 + 1000);  // no tables
}

}  // namespace
}  // namespace omni::testing
