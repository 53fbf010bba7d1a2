#include "ops/iota.h"

#include <gtest/gtest.h>

#include "ops/elementwise.h"
#include "ops/testing.h"

namespace omni {
namespace {

using Values = std::vector<Value>;

TEST(Iota, CountsAlongItsAxis) {
  for (const int64_t axis : {0, 1, 2, -1})
    testing::check_op(
        [&](Values x) { return convert(iota(*x[0].graph, {3, 4, 5}, axis), DType::f32) + x[0]; },
        {testing::normal({3, 4, 5})});
}

TEST(Iota, HasNoBatchAndKnowsItsPlaces) {
  Graph g;
  const Value v = iota(g, {2, 3}, 1);
  EXPECT_EQ(v.type(), (Type{DType::i32, {2, 3}, kNoBatch}));
  EXPECT_EQ(interpret(g, {})[v.id].v, (std::vector<double>{0, 1, 2, 0, 1, 2}));
  const Value down = iota(g, {2, 3}, 0);
  EXPECT_EQ(interpret(g, {})[down.id].v, (std::vector<double>{0, 0, 0, 1, 1, 1}));
}

TEST(Iota, RefusesEmptyAxesAndAxesOutside) {
  Graph g;
  EXPECT_THROW(iota(g, {2, 0}, 0), UserError);
  EXPECT_THROW(iota(g, {2, 3}, 2), UserError);
  EXPECT_THROW(iota(g, {}, 0), UserError);
}

const testing::Samples kSamples = {
    {&ops::iota, [](Graph& g) { return iota(g, {4, 3}, 1); }},
};

}  // namespace
}  // namespace omni
