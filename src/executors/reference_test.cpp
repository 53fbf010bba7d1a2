#include "executors/reference.h"

#include <algorithm>
#include <cmath>

#include "executors/testing.h"

namespace omni::testing {
namespace {

TEST(Reference, IsNearWhatCpusCompute) {
  const Given given;
  const auto reference = make_reference_executor()->open(spec());
  const auto cpu = make_cpu_executor()->open(spec());
  Seen meant, computed;
  for (const auto& [s, seen] : {std::pair{reference.get(), &meant}, {cpu.get(), &computed}}) {
    given.give(*s);
    s->start(given.start());
    for (int i = 0; i < 8; ++i) step_and_look(*s, *seen);
    seen->w = read(*s, "model/w");
  }
  for (size_t i = 0; i < meant.losses.size(); ++i) {
    EXPECT_NEAR(meant.losses[i], computed.losses[i], 1e-5);
    EXPECT_NEAR(meant.probed[i][0], computed.probed[i][0], 1e-5);
  }
  for (size_t i = 0; i < meant.w.size(); ++i) EXPECT_NEAR(meant.w[i], computed.w[i], 1e-5);
  EXPECT_NE(meant.w, given.w);
}

// Whatever becomes of the host's arrays.
TEST(Reference, OwnsWhatItWasGiven) {
  auto g = std::make_shared<Graph>();
  const Value w = parameter(*g, "model/w", {3}), taught = parameter(*g, "teacher/w", {3});
  g->update(w, w + taught * f32(*g, "rows", {3}) * f32(*g, "factor", {}));
  Floats given[] = {{1, 2, 3}, {4, 5, 6}, {1, 0, 2}, {0.5}};
  const auto s = make_reference_executor()->open({{{"step", g, nullptr, 0, 1}}});
  s->write("model/w", given[0]);
  s->lend("teacher/w", given[1]);
  s->table("rows", {{DType::f32, {3}}, given[2].data(), "hash"});
  s->write("factor", given[3]);
  for (Floats& v : given) std::ranges::fill(v, NAN);
  s->start({});
  s->run(0, 2);
  EXPECT_EQ(read(*s, "model/w"), (Floats{5, 2, 15}));
}

TEST(Reference, WhatIsOutOfDateHoldsNoNumbers) {
  const Given given;
  const auto s = make_reference_executor()->open(spec());
  given.give(*s);
  s->start(given.start());
  s->run(0, 1);
  s->run(1, 1);
  const std::span<const float> w = s->read("model/w"), loss = s->result(0, "loss");
  const std::span<const int32_t> best = s->result<int32_t>(1, "best");
  const float first = loss[0];
  s->run(1, 1);
  EXPECT_TRUE(std::ranges::all_of(w, [](float x) { return std::isnan(x); }));
  EXPECT_TRUE(std::ranges::all_of(best, [](int32_t x) { return x == -1; }));
  EXPECT_EQ(loss[0], first);  // of a program that has not run since
  s->run(0, 1);
  EXPECT_TRUE(std::isnan(loss[0]));
  EXPECT_FALSE(std::isnan(s->result(0, "loss")[0]));
  const std::span<const float> again = s->read("model/w");
  s->write("loudness", Floats{0});
  EXPECT_TRUE(std::isnan(again[0]));
}

TEST(Reference, WhatIsFedIsGoneAfterTheCall) {
  auto g = std::make_shared<Graph>();
  g->result("x", f32(*g, "x", {2}));
  const auto s = make_reference_executor()->open({{{"look", g, nullptr, 0, 1, "", {}, {"x"}}}});
  s->start({});
  const std::span<float> x = s->feed<float>(0, "x");
  x[0] = x[1] = 3;
  s->run(0, 2);
  EXPECT_EQ(s->result(0, "x")[1], 3);
  EXPECT_TRUE(std::isnan(x[0]) && std::isnan(x[1]));
}

// Tables of one data set have its hash, all of them.
TEST(Reference, TablesAreKnownByNameAndHash) {
  auto g = std::make_shared<Graph>();
  g->result("sum", f32(*g, "x", {}) * 10.0 + f32(*g, "y", {}));
  const auto executor = make_reference_executor();
  const auto sum = [&](float x, float y, const char* hash) {
    const auto s = executor->open({{{"look", g, nullptr, 0, 1}}});
    s->table("x", {{DType::f32, {}}, &x, hash});
    s->table("y", {{DType::f32, {}}, &y, hash});
    s->start({});
    s->run(0, 1);
    return s->result(0, "sum")[0];
  };
  EXPECT_EQ(sum(1, 2, "one"), 12);
  EXPECT_EQ(sum(3, 4, "two"), 34);
  EXPECT_EQ(sum(5, 6, "one"), 12);  // copied once
  EXPECT_EQ(sum(7, 8, ""), 78);     // nobody says what it holds
  EXPECT_EQ(sum(8, 9, ""), 89);
}

// Every new value is made of the old ones.
TEST(Reference, UpdatesAreMadeAtOnce) {
  auto g = std::make_shared<Graph>();
  const Value a = parameter(*g, "model/a", {}), b = parameter(*g, "model/b", {});
  g->update(a, b);
  g->update(b, a);
  const auto s = make_reference_executor()->open({{{"swap", g, nullptr, 0, 1}}});
  s->write("model/a", Floats{1});
  s->write("model/b", Floats{2});
  s->start({});
  s->run(0, 3);
  EXPECT_EQ(s->read("model/a")[0], 2);
  EXPECT_EQ(s->read("model/b")[0], 1);
}

}  // namespace
}  // namespace omni::testing
