// Which models meet never changes a bit, and nobody is kept waiting by others' ends.
#include "executors/rendezvous.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>

#include "executors/testing.h"

namespace omni::testing {
namespace {

struct Outcome {
  Seen seen;
  std::string end = "finished";
  bool operator==(const Outcome&) const = default;
};

struct Setting {
  Grouping grouping = all_together();
  int slots = 8, threads = 1, computing = 2;
  uint64_t order = 0;
};

// What it takes to train a number's model on an executor; how often it is looked at depends on the
// number.
using Train = std::function<void(int number, Executor&, Seen&)>;

void train(int number, Executor& executor, Seen& seen) {
  Given given;
  given.w = filled(kIn * kOut, number);
  const auto s = executor.open(spec());
  given.give(*s);
  ModelStart start = given.start();
  for (ProgramStart& p : start.programs) p.order = kOrder.fold(static_cast<uint64_t>(number));
  s->start(start);
  for (int i = 0; i < 3; ++i) {
    steps(*s, 2 + number);
    step_and_look(*s, seen);
  }
  seen.w = read(*s, "model/w");
}

struct Together {
  std::vector<Outcome> outcomes;
  std::vector<Meeting> meetings;
  int most_computing = 0;
};

Together together(int members, Setting setting, const Train& train) {
  Together all;
  all.outcomes.resize(static_cast<size_t>(members));
  const auto executor = make_reference_executor(
      {.threads = setting.threads, .order = setting.order, .most_slots = setting.slots});
  Rendezvous rendezvous(*executor, {.most_computing = setting.computing,
                                    .grouping = setting.grouping,
                                    .met = [&](const Meeting& m) { all.meetings.push_back(m); }});
  std::vector<std::unique_ptr<Rendezvous::Member>> joined;
  for (int i = 0; i < members; ++i) joined.push_back(rendezvous.join());
  std::vector<std::thread> threads;
  for (int i = 0; i < members; ++i)
    threads.emplace_back([&, i, member = std::move(joined[static_cast<size_t>(i)])]() mutable {
      Outcome& o = all.outcomes[static_cast<size_t>(i)];
      member->begin(i);
      try {
        train(i, *member->executor(), o.seen);
      } catch (const std::exception& e) {
        o.end = e.what();
      }
      member.reset();
    });
  for (std::thread& t : threads) t.join();
  return all;
}

std::vector<Outcome> each_alone(int members, const Train& train) {
  std::vector<Outcome> all(static_cast<size_t>(members));
  for (int i = 0; i < members; ++i)
    train(i, *make_reference_executor(), all[static_cast<size_t>(i)].seen);
  return all;
}

TEST(Rendezvous, AnyGroupsOfModelsGiveTheBitsOfEachAlone) {
  const std::vector<Outcome> alone = each_alone(5, train);
  EXPECT_NE(alone[0], alone[1]);
  for (const Setting& s :
       {Setting{at_most(1)}, Setting{at_most(3)}, Setting{}, Setting{all_together(), 2},
        Setting{all_together(), 8, 3, 1, 7}, Setting{drawn_from(1), 3, 2, 5, 1}})
    EXPECT_EQ(together(5, s, train).outcomes, alone);
}

TEST(Rendezvous, MeetsInGroups) {
  const auto largest = [](const Together& t) {
    size_t most = 0;
    for (const Meeting& m : t.meetings) most = std::max(most, m.members.size());
    return most;
  };
  EXPECT_EQ(largest(together(5, {}, train)), 5u);
  EXPECT_EQ(largest(together(5, {at_most(3)}, train)), 3u);
  EXPECT_EQ(largest(together(5, {all_together(), 2}, train)), 2u);  // slots
}

// So that nobody looks later at whether to stop, or to save.
TEST(Rendezvous, ACallTakesAboutAsLongAsAlone) {
  for (const int threads : {1, 2, 5})
    for (const Meeting& m : together(5, {all_together(), 8, threads}, train).meetings) {
      const int64_t longest = 2 + 4, turns = (std::ssize(m.members) - 1) / threads + 1;
      EXPECT_TRUE(m.count == 1 || m.count * turns <= longest) << m.count << " x " << turns;
    }
}

TEST(Rendezvous, ASeedReplaysEveryGroup) {
  const std::vector<Outcome> alone = each_alone(5, train);
  std::vector<std::vector<Meeting>> schedules;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Setting s = {drawn_from(seed), 4, 1, 2, seed};
    const Together one = together(5, s, train);
    Setting again = s;
    again.grouping = drawn_from(seed);
    again.computing = 5;
    EXPECT_EQ(one.outcomes, alone) << seed;
    EXPECT_EQ(one.meetings, together(5, again, train).meetings) << seed;
    EXPECT_FALSE(std::ranges::count(schedules, one.meetings)) << seed;
    schedules.push_back(one.meetings);
  }
}

// Two programs that share a set, one of them in every third round; members ask for rounds of unlike
// numbers, so that they stand at unlike ones.
TEST(Rendezvous, RoundsOfSeveralProgramsMeetWhereTheirTurnsDo) {
  const Train turns = [](int number, Executor& executor, Seen& seen) {
    Given given;
    given.w = filled(kIn * kOut, number);
    const auto s = executor.open(
        {{{"step", step_of(kBatch), step_of(kRest), kSamples, kBatch, "loss", 0, {}, {"loss"}},
          {"other", step_of(kBatch, -0.5), nullptr, 8, kBatch, "", 1}}});
    given.give(*s);
    s->start(given.start());
    const Turn both[] = {{0, 3}, {1, 1, 3}};  // the first of them an epoch
    for (int i = 0; i < 4; ++i) {
      s->rounds(both, 1 + number);
      seen.probed.push_back(read(*s, "model/w"));
    }
    seen.losses = s->take_log(0);
    EXPECT_EQ(std::ssize(seen.losses), 12 * (1 + number));
  };
  const std::vector<Outcome> alone = each_alone(4, turns);
  EXPECT_NE(alone[0], alone[1]);
  for (const Setting& s :
       {Setting{at_most(1)}, Setting{at_most(3)}, Setting{.threads = 4}, Setting{drawn_from(2)}})
    EXPECT_EQ(together(4, s, turns).outcomes, alone);
  const Together all = together(4, {.threads = 4}, turns);
  EXPECT_EQ(all.meetings.front(), (Meeting{-1, 1, {0, 1, 2, 3}}));
  EXPECT_TRUE(std::ranges::any_of(all.meetings, [](const Meeting& m) { return m.count > 1; }));
}

// Nobody waits for one that has left, whatever it was in the middle of, and its slot is free.
TEST(Rendezvous, OthersGoOnWhenOneThrowsOrLeavesOrHasProgramsOfItsOwn) {
  const Train trouble = [](int number, Executor& executor, Seen& seen) {
    if (number == 1 || number == 3) {
      const auto s = executor.open(spec());
      Given().give(*s);
      s->start(Given().start());
      steps(*s, 4);
      if (number == 1) throw std::runtime_error("the world broke");
      return;
    }
    if (number == 4) {
      const auto s = executor.open({{{"look", probe(), nullptr, 0, kSamples}}});
      Given().give(*s);
      s->start(Given().start());
      s->run(0, 3);
      seen.probed.push_back({s->result(0, "mean")[0]});
    }
    train(number, executor, seen);
  };
  std::vector<Outcome> wanted = each_alone(5, [&](int number, Executor& executor, Seen& seen) {
    if (number != 1) trouble(number, executor, seen);
  });
  wanted[1].end = "the world broke";
  for (const Setting& s : {Setting{at_most(1)}, Setting{at_most(3)}, Setting{},
                           Setting{all_together(), 2}, Setting{drawn_from(3)}})
    EXPECT_EQ(together(5, s, trouble).outcomes, wanted);
}

TEST(Rendezvous, WhatOneModelDoesWrongIsItsOwnError) {
  const Train slip = [](int number, Executor& executor, Seen& seen) {
    if (number == 1) {
      const auto s = executor.open(spec());
      EXPECT_THROW(s->run(0, 1), Bug);
      EXPECT_THROW(s->start(Given().start()), Bug);  // nothing is given
      Given().give(*s);
      s->start(Given().start());
      EXPECT_THROW(s->run(2, 1), Bug);
    }
    if (number == 2) {
      SessionSpec none = spec();
      none.programs[1].batch = 0;
      EXPECT_THROW(executor.open(none), Bug);
    }
    train(number, executor, seen);
  };
  EXPECT_EQ(together(4, {}, slip).outcomes, each_alone(4, train));
}

Type same_type(std::span<const Type> in, const Attrs&) { return in[0]; }

// An op that throws where it reads a number above 1.
void break_above_1(RefContext& c) {
  if (c.in(0).v[0] > 1) throw Bug("a bug in a kernel");
  c.out().v = c.in(0).v;
}
const OpDef breaking = {
    .name = "breaking", .arity = 1, .type = same_type, .reference = break_above_1};

std::shared_ptr<const Graph> breaks() {
  auto g = std::make_shared<Graph>();
  g->result("loss", g->add(breaking, {parameter(*g, "model/w", {})}));
  return g;
}

TEST(Rendezvous, ACallThatBreaksEndsAllThatHaveModelsThereAndNobodyElse) {
  const Train broken = [](int number, Executor& executor, Seen& seen) {
    if (number < 3) {
      const auto s = executor.open({{{"look", breaks(), nullptr, 0, 1}}});
      s->write("model/w", Floats{number == 1 ? 2.f : 0.f});
      s->start({});
      for (int i = 0; i < 3; ++i) s->run(0, 1);
    }
    train(number, executor, seen);
  };
  const std::vector<Outcome> alone = each_alone(5, train);
  for (const Setting& s : {Setting{}, Setting{at_most(1)}}) {
    const std::vector<Outcome> all = together(5, s, broken).outcomes;
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(all[i].end, "a bug in a kernel") << i;
    for (size_t i = 3; i < 5; ++i) EXPECT_EQ(all[i], alone[i]) << i;
  }
}

// Which all runs of a call read, however many others run with it, and no later one.
TEST(Rendezvous, WhatIsFedIsEachModelsOwnForAWholeCall) {
  auto g = std::make_shared<Graph>();
  const Value sum = parameter(*g, "model/sum", {});
  g->update(sum, sum + f32(*g, "x", {}));
  const Train add = [&](int number, Executor& executor, Seen& seen) {
    const auto s = executor.open({{{"add", g, nullptr, 0, 1, "", {}, {"x"}}}});
    s->zero("model/sum", 1);
    s->start({});
    for (int i = 1; i <= 4; ++i) {
      s->feed<float>(0, "x")[0] = static_cast<float>(number + i);
      s->run(0, 2 + number % 2);
      s->end_round();
      seen.losses.push_back(s->read("model/sum")[0]);
    }
    s->run(0, 1);
    EXPECT_TRUE(std::isnan(s->read("model/sum")[0]));
  };
  const Together all = together(5, {}, add);
  EXPECT_EQ(all.outcomes, each_alone(5, add));
  EXPECT_EQ(all.outcomes[1].seen.losses, (Floats{6, 15, 27, 42}));
  EXPECT_EQ(all.meetings.front().members, (std::vector<int64_t>{0, 2, 4}));
}

TEST(Rendezvous, SoManyComputeAtATimeAsShall) {
  for (const int most : {1, 2}) {
    std::atomic<int> computing = 0, seen_most = 0;
    Setting setting;
    setting.computing = most;
    together(6, setting, [&](int number, Executor& executor, Seen& seen) {
      for (int i = 0; i < 3; ++i) {
        const int now = ++computing;
        seen_most = std::max<int>(seen_most, now);
        std::this_thread::yield();
        --computing;
        train(number, executor, seen);
      }
    });
    EXPECT_LE(seen_most, most);
  }
}

// Seeds follow each other on a thread: the set of those under way is the same, whoever is faster.
TEST(Rendezvous, AMemberMayGoOnWithAnotherNumber) {
  const auto run = [](uint64_t seed) {
    std::vector<Meeting> meetings;
    std::vector<Seen> seen(7);
    std::atomic<int> next = 0;
    const auto executor = make_reference_executor();
    Rendezvous rendezvous(*executor, {.most_computing = 3,
                                      .grouping = drawn_from(seed),
                                      .met = [&](const Meeting& m) { meetings.push_back(m); }});
    std::vector<std::unique_ptr<Rendezvous::Member>> joined;
    for (int i = 0; i < 3; ++i) joined.push_back(rendezvous.join());
    std::vector<std::thread> threads;
    for (auto& member : joined)
      threads.emplace_back([&, m = std::move(member)]() mutable {
        for (int i = next++; i < 7; i = next++) {
          m->begin(i);
          train(i, *m->executor(), seen[static_cast<size_t>(i)]);
        }
        m.reset();
      });
    for (std::thread& t : threads) t.join();
    return std::pair(meetings, seen);
  };
  const auto [meetings, seen] = run(5);
  EXPECT_EQ(run(5).first, meetings);
  const std::vector<Outcome> alone = each_alone(7, train);
  for (size_t i = 0; i < 7; ++i) EXPECT_EQ(seen[i], alone[i].seen) << i;
}

}  // namespace
}  // namespace omni::testing
