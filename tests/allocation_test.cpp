// Running a program, and a session of it, allocates nothing. oneDNN is left out: it lists a
// primitive's arguments anew at each execution, inside the library.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "executors/cpu/program.h"
#include "executors/cpu/session.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/leaf.h"
#include "ops/reduce.h"
#include "ops/softmax.h"

namespace {
std::atomic<int64_t> allocations = 0;
}

// Every allocation by new of the test program. Never inlined, or the compiler would take the pair
// of malloc and delete for a mistake.
[[gnu::noinline]] void* operator new(size_t bytes) {
  ++allocations;
  void* p = std::malloc(bytes == 0 ? 1 : bytes);
  if (!p) throw std::bad_alloc();
  return p;
}
// As std::stable_sort asks for its buffer.
[[gnu::noinline]] void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(bytes == 0 ? 1 : bytes);
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, size_t) noexcept { std::free(p); }

namespace omni {
namespace {

TEST(Allocations, NoneWhileAProgramRuns) {
  Graph g;
  Value v = input(g, "x", {DType::f32, {1000, 16}, 0}, Role::data);
  const Value w = input(g, "w", {DType::f32, {16}}, Role::parameter);
  g.result("rows", softmax(tanh(v * w)));
  g.result("centred", softmax(v) - mean(v, {0}, true));  // a second stage
  g.update(w, w - reduce_sum(v, {0}) * 0.001);
  for (const int threads : {1, 2}) {
    Program p(g, {Precision::f32, {}, threads});
    ASSERT_EQ(p.slices(), 4);
    const std::vector<float> x(16000, 1.f);
    std::vector<float> weights(16, 2.f);
    p.bind("x", x.data());
    p.bind("w", weights.data());
    p.run();
    const int64_t before = allocations;
    for (int i = 0; i < 5; ++i) p.run();
    EXPECT_EQ(allocations - before, 0) << threads << " threads";
  }
}

// Over the ends of epochs, with the short last batch, and with a program that looks.
TEST(Allocations, NoneWhileASessionRuns) {
  constexpr int64_t kSamples = 1000, kBatch = 300;
  const auto step = [&](int64_t rows, bool updates) {
    auto g = std::make_shared<Graph>();
    const Value index = input(*g, "index", {DType::i32, {rows}, 0}, Role::data);
    const Value x = gather(input(*g, "x", {DType::f32, {kSamples, 16}}, Role::data), index);
    const Value w = input(*g, "model/w", {DType::f32, {16}}, Role::parameter);
    const Value rate = input(*g, "lr", {DType::f32, {}}, Role::scalar);
    g->result("loss", mean(softmax(tanh(x * w)) * w));
    if (updates) g->update(w, w - reduce_sum(x, {0}) * rate);
    return g;
  };
  const std::vector<float> x(kSamples * 16, 1.f), w(16, 2.f);
  for (const int threads : {1, 2}) {
    const auto s = make_cpu_executor({Precision::f32, {}, threads})
                       ->open({{{"step", step(kBatch, true), step(kSamples % kBatch, true),
                                 kSamples, kBatch, "loss", 0},
                                {"look", step(kSamples, false), nullptr, 0, kSamples}}});
    s->table("x", {{DType::f32, {kSamples, 16}}, x.data(), "ones"});
    s->write("model/w", w);
    s->start({.programs = {{{}, {}, std::vector<float>(100, 0.001f)}}, .at = {}});
    const Turn turn;
    s->rounds({&turn, 1}, 1);
    const int64_t before = allocations;
    s->rounds({&turn, 1}, 9);
    s->run(1, 1);
    s->rounds({&turn, 1}, 3);
    EXPECT_EQ(allocations - before, 0) << threads << " threads";
  }
}

// Each binds the program that they share anew.
TEST(Allocations, NoneWhileSessionsTakeTurns) {
  auto g = std::make_shared<Graph>();
  const Value x = input(*g, "a table of a longer name", {DType::f32, {16}}, Role::data);
  const Value w =
      input(*g, "model/a parameter of a longer name", {DType::f32, {16}}, Role::parameter);
  g->result("loss", mean(softmax(tanh(x * w)) * w));
  g->update(w, w - x * input(*g, "lr", {DType::f32, {}}, Role::scalar));
  const std::vector<float> values(16, 1.f);
  const auto executor = make_cpu_executor();
  std::unique_ptr<Session> sessions[2];
  for (auto& s : sessions) {
    s = executor->open({{{"step", g, nullptr, 0, 1, "loss"}}});
    s->table("a table of a longer name", {{DType::f32, {16}}, values.data(), "ones"});
    s->write("model/a parameter of a longer name", values);
    s->start({.programs = {{{}, {}, {0.001f}}}, .at = {}});
  }
  const int64_t before = allocations;
  for (int turn = 0; turn < 5; ++turn)
    for (auto& s : sessions) s->run(0, 2);
  EXPECT_EQ(allocations - before, 0);
}

}  // namespace
}  // namespace omni
