#include "lab/debug.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/statistics.h"
#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/optimizers.h"
#include "ops/elementwise.h"

namespace omni {
namespace {

// Of the last pair that was trained.
std::vector<float> taught;

// A teacher; from the same start two students that differ by nothing but their names; and a fork of
// the second.
struct Pair {
  int64_t width = 4;
  void visit(auto&& option) { option("width", width, "units", between(1, 64)); }

  Value logits(Step& s, Net& net) const { return mlp(net, s.rows("train.x"), {width, 3}); }

  void run(Trial& t) const {
    const auto define = [this](Net& net) {
      mlp(net, input(net.graph(), "x", {DType::f32, Shape{1, 5}, 0}, Role::data), {width, 3});
    };
    const Ensemble start = t.init(define, t.key().fold("init"));
    Training p;
    p.name = "teacher";
    p.start = &start;
    p.samples = 100;
    p.batch = 16;
    p.epochs = 1;
    p.lr = [](int64_t step, int64_t steps) { return step == 0 ? 0.25 : 0.125 / steps; };
    p.build = [this](Step& s) {
      Net net = s.net("model");
      const Value loss = cross_entropy(logits(s, net), s.rows("train.y"));
      s.graph().result("loss", loss);
      apply(Sgd{.momentum = 0.5}, net, loss, s.lr());
    };
    p.probe = Probe{[this](Step& s) {
                      Net net = s.net("model");
                      s.graph().result("right", accuracy(logits(s, net), s.rows("train.y")));
                    },
                    30,
                    {7}};
    const Trained teacher = t.train(p);
    const auto weights = teacher.model.array(0, 0);
    taught.assign(weights.begin(), weights.end());
    t.evaluate(p.probe->build, 50, {{"model", &teacher.model}});
    p.probe.reset();
    p.frozen = {{"teacher", &teacher.model}};
    p.build = [this](Step& s) {
      Net net = s.net("model"), teacher_net = s.net("teacher");
      const Value loss = mse(logits(s, teacher_net), logits(s, net));
      s.graph().result("loss", loss);
      apply(Sgd{.momentum = 0.5}, net, loss, s.lr());
    };
    p.keep_at = {3};
    Trained student{Ensemble({}, 1)};
    for (const char* name : {"student", "student", "other"}) {
      p.name = name;
      student = t.train(p);
    }
    p.name = "fork";
    p.start = nullptr;
    p.from = &student.at(3);
    p.keep_at = {};
    t.record("fork", t.train(p), {});
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

// All that is shown, or up to one of that name.
std::vector<std::string> names_shown(const Resolved& r, const DebugRequest& request,
                                     const std::string& last = "") {
  std::vector<std::string> names;
  debug_graphs(r, dots(), request, [&](DebugGraph& g) {
    names.push_back(g.name);
    return g.name != last;
  });
  return names;
}

// Lets `look` see the graph of that name.
void look_at(const std::string& name, const DebugRequest& request,
             const std::function<void(DebugGraph&)>& look) {
  bool found = false;
  const Dataset data = dots();
  debug_graphs(resolved(), data, request, [&](DebugGraph& g) {
    if (g.name != name) return true;
    look(g);
    found = true;
    return false;
  });
  EXPECT_TRUE(found) << name;
}

double loss_of(const DebugGraph& g, const RefValues& values) {
  for (const Output& o : g.graph->outputs())
    if (o.name == "loss") return values[o.id].v[0];
  return kNaN;
}

TEST(Debug, ShowsEachPhaseProbeAndEvaluationOnceOnFewRows) {
  const std::vector<std::string> all = {
      "teacher", "teacher, its probe", "evaluation of right", "student", "other", "fork"};
  EXPECT_EQ(names_shown(resolved(), {}), all);
  EXPECT_EQ(names_shown(resolved(), {.run = true}), all);
  EXPECT_EQ(names_shown(resolved({{"width", {"2", "3"}, ""}}), {}).at(6), "teacher | width=3");
  look_at("teacher", {}, [](DebugGraph& g) {
    EXPECT_EQ(g.inputs.at("index").v, (std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7}));
    EXPECT_FLOAT_EQ(static_cast<float>(g.tables.at("train.x")->v[3]), std::sin(3.0f));
    EXPECT_EQ(g.steps, 7);  // 100 samples in batches of 16
  });
  EXPECT_THROW(names_shown(resolved(), {.rows = 0}), UserError);
}

TEST(Debug, NothingRunsAfterTheLastThatIsWanted) {
  taught.clear();
  EXPECT_EQ(names_shown(resolved(), {.run = true}, "teacher"), std::vector<std::string>{"teacher"});
  EXPECT_TRUE(taught.empty());
}

TEST(Debug, StepsLearnAndAStudentIsNotItsTeacher) {
  look_at("student", {}, [](DebugGraph& g) {
    const double first = loss_of(g, interpret(g));
    double last = first;
    EXPECT_EQ(g.inputs.at("lr").v[0], 0.25);
    for (int i = 0; i < 5; ++i) {
      take_updates(g, interpret(g));
      last = loss_of(g, interpret(g));
      EXPECT_EQ(g.inputs.at("lr").v[0], 0.125 / 7);
    }
    EXPECT_GT(first, 0);
    EXPECT_LT(last, first);
    EXPECT_EQ(g.step, 5);
  });
}

TEST(Debug, WhereEarlierPhasesRunWhatFollowsStartsFromThem) {
  look_at("student", {.run = true}, [](DebugGraph& g) {
    const std::vector<double>& teacher = g.inputs.at("teacher/layers.0.weight").v;
    EXPECT_EQ(teacher, std::vector<double>(taught.begin(), taught.end()));
    EXPECT_NE(teacher, g.inputs.at("model/layers.0.weight").v);
  });
  look_at("evaluation of right", {.run = true}, [](DebugGraph& g) {
    EXPECT_EQ(g.inputs.at("model/layers.0.weight").v,
              std::vector<double>(taught.begin(), taught.end()));
  });
  for (const bool run : {false, true})
    look_at("fork", {.run = run}, [&](DebugGraph& g) {
      EXPECT_EQ(g.step, 3);
      const auto& state = g.inputs.at("model.opt/momentum/layers.0.weight").v;
      const bool moving = std::ranges::any_of(state, [](double x) { return x != 0; });
      EXPECT_EQ(moving, run) << "the optimiser goes on from the snapshot";
    });
}

TEST(Debug, GradientsAreThoseThatUpdatesFollow) {
  look_at("teacher", {}, [](DebugGraph& g) {
    const RefValues values = interpret(g);
    const std::string name = "model/layers.0.weight";
    const std::vector<double> before = g.inputs.at(name).v, by = values[g.gradients.at(name)].v;
    EXPECT_EQ(g.gradients.size(), 4u);
    take_updates(g, values);
    for (size_t i = 0; i < by.size(); ++i)
      EXPECT_NEAR(g.inputs.at(name).v[i], before[i] - 0.25 * by[i], 1e-12);
  });
}

TEST(Debug, NamesTheFirstValueThatF32CannotHold) {
  DebugGraph g{"g"};
  const Value zero = constant(*g.graph, 0), bad = log(zero);
  g.graph->result("loss", bad * 2.0);
  const RefValues values = interpret(g);
  const auto found = first_not_finite(values, g.graph->size());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->node, bad.id);
  EXPECT_EQ(found->element, 0u);
  EXPECT_FALSE(first_not_finite(values, bad.id));
}

}  // namespace
}  // namespace omni
