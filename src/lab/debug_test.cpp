#include "lab/debug.h"

#include <gtest/gtest.h>

#include <cmath>

#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/optimizers.h"

namespace omni {
namespace {

// A teacher and, from the same start, two students that differ by nothing but their names.
struct Pair {
  int64_t width = 4;
  void visit(auto&& option) { option("width", width, "units", between(1, 64)); }
  std::vector<ArmInfo> arms() const { return {{"a", "A", "", {}}}; }
  std::vector<ClaimSpec> claims(const Dataset&) const { return {}; }
  std::vector<FigureRow> figures() const { return {}; }

  void run(Trial& t) const {
    const auto define = [this](Net& net) {
      mlp(net, input(net.graph(), "x", {DType::f32, Shape{1, 5}, 0}, Role::data), {width, 3});
    };
    const Ensemble start = t.init(define, t.key().fold("init"));
    Training p;
    p.name = "teacher";
    p.start = &start;
    p.samples = t.data().train.count();
    p.batch = 16;
    p.epochs = 1;
    p.lr = [](int64_t, int64_t) { return 0.25; };
    p.build = [this](Step& s) {
      Net net = s.net("model");
      const Value loss = cross_entropy(mlp(net, s.rows("train.x"), {width, 3}), s.rows("train.y"));
      s.graph().result("loss", loss);
      apply(Sgd{}, net, loss, s.lr());
    };
    const Trained teacher = t.train(p);
    p.frozen = {{"teacher", &teacher.model}};
    p.build = [this](Step& s) {
      Net net = s.net("model"), teacher_net = s.net("teacher");
      const Value x = s.rows("train.x");
      const Value loss = mse(mlp(teacher_net, x, {width, 3}), mlp(net, x, {width, 3}));
      s.graph().result("loss", loss);
      apply(Sgd{}, net, loss, s.lr());
    };
    for (const char* name : {"student", "student", "other"}) {
      p.name = name;
      t.train(p);
    }
  }
};

Dataset dots() {
  Dataset d;
  d.shape = {5};
  for (Split* s : {&d.train, &d.test}) {
    s->x = Samples(SampleType::f32, 5000, 5);
    for (size_t i = 0; i < s->x.f32().size(); ++i) s->x.f32()[i] = std::sin(static_cast<float>(i));
    s->y.resize(5000, 1);
  }
  return d;
}

Resolved resolved(std::vector<Assignment> assignments = {}) {
  Experiment e;
  e.name = "pair";
  e.presets = {{"quick", "", {}, 1}};
  e.settings = settings_of<Pair>();
  RunRequest request;
  request.assignments = std::move(assignments);
  return resolve(e, request);
}

int output_of(const Graph& g, const std::string& name) {
  for (const Output& o : g.outputs())
    if (o.name == name) return o.id;
  return -1;
}

TEST(Debug, FindsEachPhaseOnceWithSmallBatches) {
  const Dataset data = dots();
  const auto phases = phase_graphs(resolved(), data, 8);
  ASSERT_EQ(phases.size(), 3u);
  EXPECT_EQ(phases[0].name, "teacher");
  EXPECT_EQ(phases[1].name, "student");
  EXPECT_EQ(phases[2].name, "other");
  const RefArray& index = phases[0].inputs.at("index");
  EXPECT_EQ(index.v, (std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_FLOAT_EQ(static_cast<float>(phases[0].inputs.at("train.x").v[3]), std::sin(3.0f));
  EXPECT_EQ(phase_graphs(resolved({{"width", {"2", "3"}, ""}}), data).at(3).name,
            "teacher | width=3");
}

TEST(Debug, StepsLearnAndAStudentIsNotItsTeacher) {
  const Dataset data = dots();
  auto phases = phase_graphs(resolved(), data);
  const int loss = output_of(*phases[1].graph, "loss");
  const double first = interpret_step(phases[1])[static_cast<size_t>(loss)].v[0];
  double last = first;
  for (int i = 0; i < 5; ++i) last = interpret_step(phases[1])[static_cast<size_t>(loss)].v[0];
  EXPECT_GT(first, 0);
  EXPECT_LT(last, first);
}

TEST(Debug, NamesTheFirstValueThatF32CannotHold) {
  std::vector<RefArray> values(3);
  values[0].v = {1, 2};
  values[1].v = {3, 1e39, std::nan("")};
  values[2].v = {INFINITY};
  const auto bad = first_not_finite(values);
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->node, 1);
  EXPECT_EQ(bad->element, 1u);
  values.resize(1);
  EXPECT_FALSE(first_not_finite(values));
}

}  // namespace
}  // namespace omni
