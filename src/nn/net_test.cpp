#include "nn/net.h"

#include <gtest/gtest.h>

#include "graph/inspect.h"
#include "graph/interpreter.h"
#include "nn/layers.h"
#include "ops/gradients.h"
#include "ops/iota.h"
#include "ops/reduce.h"
#include "ops/route.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

Value image_input(Graph& g) { return input(g, "x", {DType::f32, {2, 3}, 0}, Role::data); }

TEST(Net, NamesParametersAndActivations) {
  Graph g;
  Net net(g, "student");
  mlp(net, image_input(g), {4, 5});
  std::vector<std::string> names;
  for (const auto& spec : net.parameters()) names.push_back(spec.name);
  EXPECT_EQ(names, (std::vector<std::string>{"layers.0.weight", "layers.0.bias", "layers.1.weight",
                                             "layers.1.bias"}));
  EXPECT_EQ(net.parameters()[2].shape, (Shape{5, 4}));
  EXPECT_TRUE(g.find_input("student/layers.0.weight"));
  EXPECT_EQ(g.find("student/layers.0.hook_post")->shape(), (Shape{2, 4}));
  EXPECT_EQ(net.value("logits").id, g.find("student/logits")->id);
  verify(g, "test");
}

TEST(Net, SameNameIsTheSameWeight) {
  Graph g;
  Net net(g, "m");
  const Value a = net.parameter("w", {3}, init::zeros());
  EXPECT_EQ(net.parameter("w", {3}, init::zeros()).id, a.id);
  EXPECT_EQ(net.parameters().size(), 1u);
  EXPECT_THROW(net.parameter("w", {4}, init::zeros()), UserError);
  EXPECT_THROW(net.parameter("w", {3}, init::ones()), UserError);
  EXPECT_THROW(net.activation("w", a), UserError);
}

TEST(Net, HooksReachActivationsAndParameters) {
  Graph g;
  Net net(g, "m");
  net.hook("layers.0.hook_post", [](Value v) { return v * 2; });
  net.hook("layers.0.hook_post", [](Value v) { return v + 1; });
  net.hook("layers.0.weight", stop_gradient);
  const Value out = mlp(net, image_input(g), {4, 5});
  // The last hook's result bears the name.
  EXPECT_EQ(net.value("layers.0.hook_post").node().op, &ops::add);
  EXPECT_EQ(net.value("layers.0.weight").node().op, &ops::stop_gradient);
  EXPECT_TRUE(is_input(net.raw_parameter("layers.0.weight").node()));
  net.check_hooks();
  // No gradient reaches the frozen weight, but its bias still learns.
  const std::vector<Value> wrt = {net.raw_parameter("layers.0.weight"),
                                  net.raw_parameter("layers.0.bias")};
  const auto d = gradients(sum(out), wrt);
  EXPECT_EQ(d[0].node().op, &ops::broadcast_to);
  EXPECT_NE(d[1].node().op, &ops::broadcast_to);
}

TEST(Net, ALateOrMisspeltHookIsAnError) {
  Graph g;
  Net net(g, "m");
  net.hook("hiden.0", [](Value v) { return v; });
  mlp(net, image_input(g), {4, 5});
  EXPECT_THROW(net.hook("layers.0.hook_post", [](Value v) { return v; }), UserError);
  try {
    net.check_hooks();
    FAIL();
  } catch (const UserError& e) {
    EXPECT_NE(std::string(e.what()).find("layers.0.hook_post"), std::string::npos) << e.what();
  }
}

TEST(Net, AHookKeepsTheShapeAndIsNamedWhereItFails) {
  const auto error_of = [](const char* name, auto hook) {
    Graph g;
    Net net(g, "m");
    net.hook(name, hook);
    try {
      mlp(net, image_input(g), {4, 5});
    } catch (const UserError& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  const auto half = [](Value v) { return slice(v, 1, 0, 1); };
  const auto mask = [](Value v) { return route(v, iota(*v.graph, Shape{7}, 0)); };
  for (const char* name : {"layers.0.hook_post", "layers.0.weight"}) {
    EXPECT_NE(error_of(name, half).find("its shape must stay"), std::string::npos);
    EXPECT_NE(error_of(name, mask).find(fmt::format("the hook on 'm/{}'", name)), std::string::npos)
        << error_of(name, mask);
  }
  Graph g;
  EXPECT_THROW(Net(g, "m").value("layers.0.hook_post"), UserError);
}

TEST(Net, PatchingKeepsTheNamesOfBoth) {
  Graph g;
  Net teacher(g, "teacher"), student(g, "student");
  const Value x = image_input(g);
  mlp(teacher, x, {4, 5});
  student.hook("layers.0.hook_post", [&](Value) { return teacher.value("layers.0.hook_post"); });
  mlp(student, x, {4, 5});
  EXPECT_EQ(teacher.value("layers.0.hook_post").node().name, "teacher/layers.0.hook_post");
  EXPECT_EQ(student.value("layers.0.hook_post").node().name, "student/layers.0.hook_post");
  EXPECT_TRUE(g.find_input("x"));
}

TEST(Scalar, IsANumberOrAScalarValue) {
  Graph g;
  EXPECT_TRUE(Scalar(0.0).is(0));
  EXPECT_FALSE(Scalar(scalar_input(g, "lr")).is(0));
  EXPECT_EQ(Scalar(scalar_input(g, "lr")).in(g).node().name, "lr");
  EXPECT_THROW(Scalar(image_input(g)), UserError);
}

TEST(Net, SetsNeedPlainNames) {
  Graph g;
  EXPECT_THROW(Net(g, ""), UserError);
  EXPECT_THROW(Net(g, "a/b"), UserError);
}

}  // namespace
}  // namespace omni
