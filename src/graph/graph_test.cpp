// Building, checking, printing, interpreting graphs.
#include "graph/graph.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "graph/inspect.h"
#include "graph/interpreter.h"
#include "ops/elementwise.h"
#include "ops/leaf.h"
#include "ops/matmul.h"
#include "ops/reduce.h"

namespace omni {
namespace {

Value f32(Graph& g, const char* name, Shape shape, int batch = kNoBatch) {
  return input(g, name, {DType::f32, std::move(shape), batch}, Role::data);
}

void emit(Graph& g) {
  const Value x = f32(g, "x", {4, 3}, 0), w = input(g, "w", {DType::f32, {3, 2}}, Role::parameter);
  const Value y = relu(matmul(x, w)).named("hidden");
  g.result("loss", sum(y));
  g.update(w, w * 0.5);
}

TEST(Graph, PrintsAsWritten) {
  Graph g;
  emit(g);
  EXPECT_EQ(to_string(g),
            "%0 = input {batch=0, dtype=0, role=2, shape=[4 3]} : f32[4*, 3]  # x\n"
            "%1 = input {batch=-1, dtype=0, role=0, shape=[3 2]} : f32[3, 2]  # w\n"
            "%2 = matmul %0 %1 {transpose_a=0, transpose_b=0} : f32[4*, 2]\n"
            "%3 = relu %2 : f32[4*, 2]  # hidden\n"
            "%4 = reduce_sum %3 {axes=[0 1], keep=0} : f32[]\n"
            "%5 = constant {value=0.5} : f32[]\n"
            "%6 = mul %1 %5 : f32[3, 2]\n"
            "result loss = %4\n"
            "update w = %6\n");
}

TEST(Graph, FingerprintsTellGraphsApart) {
  Graph a, b, c;
  emit(a);
  emit(b);
  emit(c);
  EXPECT_EQ(fingerprint(a), fingerprint(b));
  c.result("more", c.value(3));
  EXPECT_NE(fingerprint(a), fingerprint(c));
  Graph d, e;
  constant(d, 1.0);
  constant(e, std::nextafter(1.0, 2.0));
  EXPECT_NE(fingerprint(d), fingerprint(e));
}

// Everything that a printed line shows counts.
TEST(Graph, FingerprintsCoverNamesTypesAttributesInputsAndOutputs) {
  const auto print = [](auto change) {
    Graph g;
    emit(g);
    change(g);
    return fingerprint(g);
  };
  const uint64_t usual = print([](Graph&) {});
  const auto differs = [&](auto change) { EXPECT_NE(print(change), usual); };
  differs([](Graph& g) { g.edit(3).name = "other"; });
  differs([](Graph& g) { g.edit(2).attrs.set("transpose_a", int64_t{1}); });
  differs([](Graph& g) { g.edit(2).attrs.set("more", int64_t{0}); });
  differs([](Graph& g) { g.edit(4).attrs.set("axes", std::vector<int64_t>{0}); });
  differs([](Graph& g) { g.edit(3).type.dtype = DType::bf16; });
  differs([](Graph& g) { g.edit(0).type.batch = kNoBatch; });
  differs([](Graph& g) { g.edit(3).type.shape = Shape{2, 4}; });
  differs([](Graph& g) { g.edit(6).in = {5, 1}; });
  differs([](Graph& g) { g.edit(3).op = g.node(6).op; });
  differs([](Graph& g) { g.edit_outputs()[0].name = "cost"; });
  differs([](Graph& g) { g.edit_outputs()[0].id = 5; });
  differs([](Graph& g) { g.edit_outputs()[1].update = false; });
}

TEST(Graph, FindsValuesByName) {
  Graph g;
  emit(g);
  EXPECT_EQ(g.find("hidden")->id, 3);
  g.value(4).named("hidden");
  EXPECT_EQ(g.find("hidden")->id, 4);  // the last of that name
  EXPECT_EQ(g.find_input("w")->id, 1);
  EXPECT_FALSE(g.find_input("hidden"));
  EXPECT_FALSE(g.find("nothing"));
  EXPECT_EQ(g.find_input("x")->dim(-1), 3);
  EXPECT_THROW(g.find_input("x")->dim(2), UserError);
}

TEST(Graph, NamesAreUnique) {
  Graph g;
  emit(g);
  EXPECT_EQ(f32(g, "x", {4, 3}, 0).id, 0);  // the same input
  EXPECT_THROW(f32(g, "x", {4, 3}), UserError);
  EXPECT_THROW(g.result("loss", g.value(4)), UserError);
  EXPECT_THROW(g.update(g.value(1), g.value(6)), UserError);
  EXPECT_NO_THROW(g.result("w", g.value(1)));  // results and inputs are told apart
}

TEST(Graph, RefusesWhatCannotBe) {
  Graph g, other;
  emit(g);
  EXPECT_THROW(g.add(ops::relu, {f32(other, "x", {4})}), UserError);
  EXPECT_THROW(g.add(ops::relu, {g.value(0), g.value(0)}), Bug);
  EXPECT_THROW(g.update(g.value(0), g.value(1)), UserError);  // another shape
  EXPECT_THROW(g.update(g.value(3), g.value(3)), Bug);        // not an input
  EXPECT_THROW(g.copy_from(g), Bug);
  EXPECT_THROW(g.node(0).attrs.integer("axis"), Bug);
  EXPECT_THROW(g.node(0).attrs.number("batch"), Bug);
}

TEST(Graph, CopiesStandOnTheirOwn) {
  Graph g, copy;
  emit(g);
  copy.copy_from(g);
  EXPECT_EQ(to_string(copy), to_string(g));
  copy.value(3).named("other");
  EXPECT_TRUE(g.find("hidden"));
}

// Each defect that verify() is there to find, planted in a sound graph.
TEST(Verify, FindsPlantedDefects) {
  const auto finds = [](auto plant) {
    Graph g;
    emit(g);
    verify(g, "before");
    plant(g);
    EXPECT_THROW(verify(g, "after"), Bug);
  };
  finds([](Graph& g) { g.edit(2).in[0] = 3; });  // reads what comes later
  finds([](Graph& g) { g.edit(2).in[0] = 2; });  // reads itself
  finds([](Graph& g) { g.edit(2).in[1] = -1; });
  finds([](Graph& g) { g.edit(3).type.shape = {4, 3}; });  // not the rule's shape
  finds([](Graph& g) { g.edit(3).type.batch = kNoBatch; });
  finds([](Graph& g) { g.edit(3).type.dtype = DType::i32; });
  finds([](Graph& g) { g.edit(1).name = "x"; });        // two inputs of one name
  finds([](Graph& g) { g.edit_outputs()[0].id = 7; });  // outputs that do not exist
  finds([](Graph& g) { g.edit_outputs()[0].id = -1; });
  finds([](Graph& g) { g.edit_outputs()[1].name = "nobody"; });  // updates nothing
  finds([](Graph& g) { g.edit_outputs()[1].id = 3; });           // another shape
  finds([](Graph& g) { g.edit_outputs().push_back(g.outputs()[0]); });
  Graph g;
  emit(g);
  g.edit(3).type.dtype = DType::bf16;  // narrower storage is allowed
  EXPECT_NO_THROW(verify(g, "narrow"));
}

TEST(Interpreter, ComputesEveryNode) {
  Graph g;
  emit(g);
  const auto values = interpret(g, {{"x", {g.node(0).type, {1, 2, 3, 0, 0, 0, -1, 0, 0, 0, 1, 0}}},
                                    {"w", {g.node(1).type, {1, -1, 2, 0, 0, 1}}}});
  EXPECT_EQ(values[3].v, (std::vector<double>{5, 2, 0, 0, 0, 1, 2, 0}));
  EXPECT_EQ(values[4].v, std::vector<double>{10});
  EXPECT_EQ(values[6].v[1], -0.5);
}

TEST(Interpreter, SaysWhichInputIsMissing) {
  Graph g;
  emit(g);
  EXPECT_THROW(interpret(g, {}), UserError);
  EXPECT_THROW(interpret(g, {{"x", {g.node(0).type, {1, 2}}}, {"w", {g.node(1).type, {}}}}),
               UserError);
}

TEST(Interpreter, LeavesInputsWhereTheyAre) {
  Graph g;
  emit(g);
  const RefInputs given = {{"x", {g.node(0).type, {1, 2, 3, 0, 0, 0, -1, 0, 0, 0, 1, 0}}},
                           {"w", {g.node(1).type, {1, -1, 2, 0, 0, 1}}}};
  std::map<std::string, const RefArray*> places;
  for (const auto& [name, x] : given) places[name] = &x;
  const RefValues values = interpret_in_place(g, places);
  for (int id = 0; id < g.size(); ++id)
    if (is_input(g.node(id))) {
      EXPECT_EQ(&values[id], places.at(g.node(id).name));
    }
  const auto copied = interpret(g, given);
  for (int id = 0; id < g.size(); ++id) EXPECT_EQ(values[id].v, copied[id].v);
  const RefArray other_shape{{DType::f32, {2, 3}}, given.at("w").v};
  places["w"] = &other_shape;
  EXPECT_THROW(interpret_in_place(g, places), UserError);
  places.erase("w");
  EXPECT_THROW(interpret_in_place(g, places), UserError);
}

TEST(Interpreter, RoundsWhatIsStoredNarrow) {
  EXPECT_EQ(round_to_bf16(1 + 0x1p-8), 1);  // half way: to even
  EXPECT_EQ(round_to_bf16(1 + 3 * 0x1p-8), 1 + 0x1p-6);
  EXPECT_EQ(round_to_bf16(-1 - 0x1.8p-8), -1 - 0x1p-7);
  EXPECT_EQ(round_to_bf16(0x1.8p-133), 0x1p-132);  // denormals, too
  EXPECT_TRUE(std::isnan(round_to_bf16(std::nan(""))));
  EXPECT_EQ(round_to_bf16(-std::numeric_limits<double>::infinity()),
            -std::numeric_limits<double>::infinity());
  EXPECT_EQ(round_to_bf16(std::numeric_limits<float>::max()),
            std::numeric_limits<double>::infinity());

  Graph g;
  const Value x = f32(g, "x", {1}), y = x + 0.001;
  g.edit(y.id).type.dtype = DType::bf16;
  EXPECT_EQ(interpret(g, {{"x", {x.type(), {1}}}})[y.id].v[0], 1);

  g.edit(x.id).type.dtype = DType::bf16;  // an input is rounded, but not where it lies
  const RefArray given{x.type(), {1 + 0x1p-8}};
  EXPECT_EQ(interpret_in_place(g, {{"x", &given}})[x.id].v[0], 1);
  EXPECT_EQ(given.v[0], 1 + 0x1p-8);
}

}  // namespace
}  // namespace omni
