// Phases of several programs that take turns; docs/sessions.md shows this code.
#include <gtest/gtest.h>

#include <cmath>

#include "lab/programs.h"
#include "lab/test_phases.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

using namespace testing;  // NOLINT: the toy problem

// --- A GAN: weights of the critic clipped after each of its steps (arXiv:1701.07875) ---

constexpr int64_t kReal = 256;

Value critic(Net& net, Value x) { return linear(net, "out", relu(linear(net, "in", x, 16)), 1); }
Value generator(Net& net, Value z) { return linear(net, "out", relu(linear(net, "in", z, 16)), 1); }
Value fakes(Step& s, Net& net, Value step) {
  return generator(net, random_normal(s.key(), step, s.index(), "z", {2}));
}
Value drawn_anew(Step& s) { return convert(s.step(), DType::i32); }

Value critic_loss(Step& s, Net& net) {
  Net g = s.net("generator");
  const Value x = fakes(s, g, drawn_anew(s));
  return mean(critic(net, x)) - mean(critic(net, s.rows("real")));
}
Value generator_loss(Step& s, Net& net) {
  Net c = s.net("critic");
  return -mean(critic(c, fakes(s, net, drawn_anew(s))));
}

Phase gan(const Trained& c, const Trained& g, Key key, int64_t k) {
  Phase p;
  p.name = "gan";
  p.starts_at("critic", c);
  p.starts_at("generator", g);
  p.programs["critic"] = {.build = descend("critic", critic_loss, Adam{.beta1 = 0.5}),
                          .batch = 32,
                          .samples = kReal,
                          .lr = 5e-3};
  p.programs["clip"] = {.build = [](Step& s) {
    for (const ParameterSpec& w : s.specs("critic")) {
      const Value now = s.parameter("critic", w.name);
      s.graph().update(now, clamp(now, -0.5, 0.5));
    }
  }};
  p.programs["generator"] = {
      .build = descend("generator", generator_loss, Adam{.beta1 = 0.5}), .batch = 32, .lr = 5e-3};
  for (int64_t i = 0; i < k; ++i) {
    p.turns.push_back({"critic"});
    p.turns.push_back({"clip"});
  }
  p.turns.push_back({"generator"});
  p.key = key;
  return p;
}

PhaseResult run_gan(Trial& t, int64_t rounds, int64_t k = 3) {
  std::vector<float> real(kReal);
  Stream draw(t.key().fold("real"));
  for (float& x : real) x = static_cast<float>(2 + 0.5 * draw.normal());
  t.add_table("real", std::move(real), {kReal, 1});
  const Trained c = t.init(critic, {1}, t.key().fold("critic"));
  const Trained g = t.init(generator, {2}, t.key().fold("generator"));
  Phase p = gan(c, g, t.key(), k);
  p.rounds = rounds;
  p.keep_at = {0, 2};
  p.programs["generator"].log = {"loss"};
  p.probe = Probe{.build =
                      [](Step& s) {
                        Net g = s.net("generator");
                        s.graph().result("mean", mean(fakes(s, g, s.once())));
                      },
                  .rows = 200,
                  .every = 4};
  return t.run(p);
}

TEST(Sessions, AGan) {
  const PhaseResult r = run_with({}, [](Trial& t) { return run_gan(t, 200); });
  EXPECT_EQ(r.probed.size(), 50u);
  EXPECT_NEAR(r.probed.back().values.at("mean"), 2, 0.5);
  EXPECT_EQ(r.log("generator", "loss").size(), 200u);
  EXPECT_EQ(r.at(2).programs.at("critic").runs, 6);
  EXPECT_EQ(r.at(2).programs.at("generator").runs, 2);
  for (size_t i = 0; i < r.set("critic").specs().size(); ++i)
    for (const float w : r.set("critic").array(i, 0)) EXPECT_LE(std::abs(w), 0.5f);
  expect_equal_bits([](Trial& t) { return run_gan(t, 9); });
  expect_near_reference([](Trial& t) { return run_gan(t, 4); });
}

// --- Columns of norm 1 after each update, and a Hessian's largest eigenvalue along training ---

Value loss_of(Step& s, Net& net) {
  return cross_entropy(toy_logits(net, s.rows("train.x")), s.rows("train.y"));
}

Phase sharpness(const Trained& model, const Trained& direction) {
  Phase p;
  p.name = "sharpness";
  p.starts_at("model", model);
  p.starts_at("direction", direction);
  p.programs["step"] = {.build = descend(loss_of, Sgd{}), .batch = kToyTrain, .lr = 0.3};
  p.programs["project"] = {.build = unit_norm("model", "layers.0.weight", 1)};
  p.programs["power"] = {
      .build = power_iteration(loss_of), .batch = kToyTrain, .log = {"eigenvalue"}};
  p.turns = {{"step"}, {"project"}, {.program = "power", .runs = 2, .every = 5}};
  return p;
}

PhaseResult run_sharpness(Trial& t, int64_t rounds) {
  const Trained model = t.init(toy_logits, {kToyFeatures}, t.key().fold("init"));
  const Trained direction = t.init(toy_logits, {kToyFeatures}, t.key().fold("direction"));
  Phase p = sharpness(model, direction);
  p.rounds = rounds;
  return t.run(p);
}

TEST(Sessions, PowerIterationAlongATrainingWithUnitColumns) {
  const PhaseResult r = run_with({}, [](Trial& t) { return run_sharpness(t, 100); });
  const std::vector<float>& seen = r.log("power", "eigenvalue");
  ASSERT_EQ(seen.size(), 40u);
  // Its vector goes on from where it was: two runs in a row come to nearly the same.
  EXPECT_NEAR(seen[39], seen[38], 0.02 * seen[39]);
  EXPECT_GT(seen[39], 0);
  const auto w = r.set("model").array(0, 0);
  for (size_t row = 0; row < w.size(); row += kToyFeatures) {
    double norm = 0;
    for (size_t i = 0; i < kToyFeatures; ++i) norm += w[row + i] * w[row + i];
    EXPECT_NEAR(norm, 1, 1e-5);
  }
  expect_equal_bits([](Trial& t) { return run_sharpness(t, 11); });
  expect_near_reference([](Trial& t) { return run_sharpness(t, 6); });
}

TEST(Sessions, LogsBecomeCurvesOfMeansAndLateMeans) {
  ToyBench b;
  Trial& t = *b.trial;
  const PhaseResult r = run_sharpness(t, 100);
  t.curves("toy", r, "power", 5);
  t.record("toy", r.trained("model"), {{"late", late_mean(r, "power", "eigenvalue", 10)}});
  const std::vector<float>& log = r.log("power", "eigenvalue");
  const auto mean_over = [&](size_t from, size_t to) {
    double sum = 0;
    for (size_t i = from; i < to; ++i) sum += double{log[i]};
    return sum / static_cast<double>(to - from);
  };
  const std::vector<Metric>& seen = b.record.models.at("toy").metrics;
  ASSERT_EQ(seen.size(), 9U);  // of 40 runs
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(seen[i].name, "eigenvalue");
    EXPECT_EQ(seen[i].step, 5 * static_cast<int64_t>(i + 1));
    EXPECT_DOUBLE_EQ(seen[i].value, mean_over(5 * i, 5 * i + 5));
  }
  EXPECT_DOUBLE_EQ(seen[8].value, mean_over(30, 40));

  EXPECT_EQ(refusal([&] { t.curves("toy", r, "pover", 5); }),
            "arm 'toy': no program 'pover' of the phase logged anything; did you mean \"power\"?");
  EXPECT_EQ(refusal([&] { t.curves("toy", r, "power", 41); }),
            "arm 'toy': its curve of 'eigenvalue' has a point after every 41 runs of 'power', and "
            "there are 40");
  EXPECT_EQ(refusal([&] { late_mean(r, "power", "eigenvalue", 41); }),
            "the mean of 'eigenvalue' over the last 41 runs of 'power' is asked for, and there are "
            "40");
  PhaseResult wild = r.clone();
  wild.diverged_at = 3;
  EXPECT_TRUE(std::isnan(late_mean(wild, "power", "eigenvalue", 41)));
  t.curves("wild", wild, "power", 41);  // no points
}

// --- Learning to learn: one inner step through the graph (arXiv:1703.03400) ---

constexpr int64_t kTasks = 64, kPoints = 8;

Value curve(Net& net, Value x) {
  return linear(net, "out", tanh(linear(net, "hidden", tanh(linear(net, "in", x, 16)), 16)), 1);
}

void outer_step(Step& s) {
  const auto points = [&](const char* purpose) {
    const Value u = random_uniform(s.key(), drawn_anew(s), s.index(), purpose, {kPoints});
    return reshape(u * 10.0 - 5.0, {kPoints, 1});
  };
  const auto truth = [&](Value x) {
    return reshape(s.rows("height"), {1, 1}) * sin(x + reshape(s.rows("shift"), {1, 1}));
  };
  Net before = s.net("model");
  const Value x = points("support"), q = points("query");
  const Value inner = mse(curve(before, x), truth(x));
  const std::vector<ParameterSpec>& parameters = s.specs("model");
  std::vector<Value> w;
  for (const ParameterSpec& p : parameters) w.push_back(s.parameter("model", p.name));
  const std::vector<Value> g = gradients(inner, w);
  Net after = s.net("model");  // the same parameters, after the inner step
  for (size_t i = 0; i < w.size(); ++i)
    after.hook(parameters[i].name, [d = g[i]](Value v) { return v - 0.05 * d; });
  const Value loss = mse(curve(after, q), truth(q));
  s.graph().result("loss", loss);
  s.graph().result("without", mse(curve(before, q), truth(q)));
  apply(Adam{}, before, loss, s.lr());
}

PhaseResult run_maml(Trial& t, int64_t rounds) {
  std::vector<float> height(kTasks), shift(kTasks);
  Stream draw(t.key().fold("tasks"));
  for (float& x : height) x = static_cast<float>(0.1 + 4.9 * draw.uniform());
  for (float& x : shift) x = static_cast<float>(3.14159 * draw.uniform());
  t.add_table("height", std::move(height), {kTasks});
  t.add_table("shift", std::move(shift), {kTasks});
  const Trained model = t.init(curve, {1}, t.key().fold("init"));
  Phase p;
  p.name = "maml";
  p.starts_at("model", model);
  p.programs["outer"] = {
      .build = outer_step, .batch = 1, .samples = kTasks, .lr = 5e-3, .log = {"loss", "without"}};
  p.turns = {{"outer"}};
  p.rounds = rounds;
  p.key = t.key().fold("maml");
  return t.run(p);
}

TEST(Sessions, LearningToLearn) {
  const PhaseResult r = run_with({}, [](Trial& t) { return run_maml(t, 400); });
  const auto late = [&](const char* name) {
    const std::vector<float>& x = r.log("outer", name);
    double sum = 0;
    for (size_t i = 300; i < 400; ++i) sum += x[i];
    return sum / 100;
  };
  EXPECT_LT(late("loss"), 0.9 * late("without"));  // the inner step helps
  expect_equal_bits([](Trial& t) { return run_maml(t, 9); });
  expect_near_reference([](Trial& t) { return run_maml(t, 4); });
}

}  // namespace
}  // namespace omni
