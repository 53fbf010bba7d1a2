#include "engine/memory_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/memory.h"
#include "engine/layout.h"
#include "engine/passes.h"
#include "engine/testing.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/matmul.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"
#include "ops/softmax.h"

namespace omni {
namespace {

using testing::f32;
using testing::parameter;

struct Planned {
  Graph g;
  Layout layout;
  MemoryPlan memory;

  explicit Planned(const Graph& from, const std::set<Pass>& off = {},
                   const DeviceLimits& limits = cpu::limits()) {
    simplify(from, g, cpu::limits().fold, {});
    separate_outputs(g);
    layout = make_layout(g, limits, off);
    memory = plan_memory(g, layout, limits, off);
  }
  // Of the values that `op` makes in the arena, in order.
  std::vector<int64_t> offsets(const OpDef& op) const {
    std::vector<int64_t> found;
    for (int id = 0; id < g.size(); ++id)
      if (g.node(id).op == &op && memory.offset[id] >= 0) found.push_back(memory.offset[id]);
    return found;
  }
};

// A network's step: wide and narrow values, a skip connection, reshapes, updates.
void emit_step(Graph& g) {
  const Value x = f32(g, "x", {40, 30}, 0);
  const std::vector<Value> w = {parameter(g, "a", {30, 70}), parameter(g, "b", {70, 70}),
                                parameter(g, "c", {70, 9})};
  const Value h = tanh(matmul(x, w[0])), skip = h + gelu(matmul(h, w[1]));
  const Value p = softmax(matmul(skip * mean(skip, {1}, true), w[2]));
  const Value loss = mean(square(reshape(p, {40, 3, 3}) - 0.5));
  const std::vector<Value> d = gradients(loss, w);
  g.result("loss", loss);
  for (size_t i = 0; i < w.size(); ++i) g.update(w[i], w[i] - d[i] * 0.1);
  g.update(f32(g, "kept", {40, 9}, 0), p);
}

// Goes through the units and notes whose bytes stand where: whoever reads finds what it wants.
void expect_all_found(const Planned& p) {
  std::map<int64_t, int> owner;  // of the stretch from here to the next entry; -1: nobody
  const auto write = [&](int id) {
    const int64_t begin = p.memory.offset[id], end = begin + p.g.node(id).type.bytes();
    ASSERT_LE(end, p.memory.bytes);
    const int after = std::prev(owner.upper_bound(end))->second;
    owner.erase(owner.lower_bound(begin), owner.upper_bound(end));
    owner[begin] = id;
    owner[end] = after;
  };
  const auto stands = [&](int id) {
    const int64_t begin = p.memory.offset[id], end = begin + p.g.node(id).type.bytes();
    const auto at = owner.find(begin);
    return at != owner.end() && at->second == id && std::next(at)->first == end;
  };
  owner[0] = -1;
  for (const Unit& unit : p.layout.units) {
    const auto mine = [&](int id) { return std::ranges::count(unit.members, id) > 0; };
    for (const int id : unit.members)
      for (const int i : p.g.node(id).in) {
        const int from = memory_of(p.g, i);
        if (p.memory.offset[from] < 0 || mine(from)) continue;
        EXPECT_TRUE(stands(from)) << "%" << id << " reads %" << from;
      }
    for (const int id : unit.members)
      if (p.memory.offset[id] >= 0) write(id);
  }
  for (const int id : p.layout.copied) EXPECT_TRUE(stands(id)) << "%" << id << " is copied";
}

TEST(MemoryPlan, ReadersFindWhatTheyWant) {
  Graph g;
  emit_step(g);
  const std::vector<std::set<Pass>> settings = {
      {},
      {Pass::share_memory},
      {Pass::fuse_elementwise},
      {Pass::update_in_place},
      {Pass::fuse_elementwise, Pass::fuse_epilogues, Pass::update_in_place}};
  for (const std::set<Pass>& off : settings) expect_all_found(Planned(g, off));
  expect_all_found(Planned(g, {}, {}));
}

TEST(MemoryPlan, ValuesThatDoNotMeetShare) {
  Graph g;
  emit_step(g);
  const Planned shared(g), apart(g, {Pass::share_memory});
  int64_t all = 0;
  for (int id = 0; id < apart.g.size(); ++id)
    if (apart.memory.offset[id] >= 0) all += round_up(apart.g.node(id).type.bytes(), kAlignment);
  EXPECT_EQ(apart.memory.bytes, all);
  EXPECT_LT(shared.memory.bytes, all);
}

TEST(MemoryPlan, ElementwiseResultsOverwriteInputsThatDie) {
  Graph g;
  const Value x = f32(g, "x", {8, 64}), w = parameter(g, "w", {64, 64});
  g.result("y", matmul(tanh(matmul(x, w)), w));
  const Planned p(g);
  ASSERT_EQ(p.offsets(ops::tanh).size(), 1u);
  EXPECT_EQ(p.offsets(ops::tanh), p.offsets(ops::matmul));  // the second product is outside
  EXPECT_EQ(p.memory.bytes, 8 * 64 * 4);
  Graph read;
  const Value h = matmul(f32(read, "x", {8, 64}), parameter(read, "w", {64, 64}));
  read.result("y", matmul(tanh(h), h, true));  // the product is read once more
  EXPECT_EQ(Planned(read).memory.bytes, 2 * 8 * 64 * 4);
}

TEST(MemoryPlan, GradientsOfPoolingOverwriteImagesThatDie) {
  const auto planned = [](const Pool2d& windows, bool read_again) {
    Graph g;
    const Value x = relu(f32(g, "x", {4, 8, 8, 16}, 0)), y = max_pool2d(x, windows);
    const Value d = max_pool2d_gradient(x, exp(y), windows);
    g.result("y", read_again ? sum(d * x) : sum(d));
    return Planned(g);
  };
  const Planned over = planned({}, false);
  expect_all_found(over);
  EXPECT_EQ(over.offsets(ops::max_pool2d_gradient), over.offsets(ops::relu));
  for (const Planned& apart :
       {planned({{3, 3}, {2, 2}, {1, 1}}, false), planned({}, true), planned({{4, 4}}, false)}) {
    expect_all_found(apart);
    EXPECT_NE(apart.offsets(ops::max_pool2d_gradient), apart.offsets(ops::relu));
  }
}

// By its own limits, a device that says nothing clears what it writes to before it reads.
TEST(MemoryPlan, NothingIsOverwrittenOnADeviceThatDoesNotSaySo) {
  Graph g;
  const Value x = relu(f32(g, "x", {4, 8, 8, 16}, 0)), y = max_pool2d(x),
              w = parameter(g, "w", {8});
  g.result("y", sum(max_pool2d_gradient(x, exp(y), {})));
  g.update(w, w * 2.0);
  DeviceLimits limits = cpu::limits();
  EXPECT_FALSE(Planned(g).layout.in_place.empty());
  limits.overwrites_pooled_image = false;
  const Planned apart(g, {}, limits);
  EXPECT_NE(apart.offsets(ops::max_pool2d_gradient), apart.offsets(ops::relu));
  EXPECT_EQ(apart.offsets(ops::exp), apart.offsets(ops::max_pool2d));
  limits.overwrites_elementwise = false;
  const Planned nothing(g, {}, limits);
  EXPECT_NE(nothing.offsets(ops::exp), nothing.offsets(ops::max_pool2d));
  EXPECT_TRUE(nothing.layout.in_place.empty());
  expect_all_found(Planned(g, {}, DeviceLimits{}));
}

TEST(MemoryPlan, KeepsTheDevicesAlignment) {
  Graph g;
  emit_step(g);
  DeviceLimits limits = cpu::limits();
  for (const int64_t alignment : {4, 64, 256}) {
    limits.alignment = alignment;
    const Planned p(g, {}, limits);
    for (const int64_t offset : p.memory.offset) EXPECT_TRUE(offset < 0 || offset % alignment == 0);
    EXPECT_EQ(p.memory.bytes % alignment, 0);
  }
}

}  // namespace
}  // namespace omni
