// Optimisers where the answer is known: against the same recurrences in double on losses whose
// gradients are known, c . w (constant) and (w - a)^2 / 2 (linear).
#include "nn/optimizers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "nn/testing.h"
#include "ops/elementwise.h"
#include "ops/reduce.h"

namespace omni {
namespace {

using testing::Trainer;

constexpr int64_t kSize = 37;  // no multiple of any vector's length
using Vector = std::vector<double>;
// One step in double: t counts from 1; gradient g of w.
using Recurrence = std::function<void(int t, size_t i, double g, double& w)>;

Vector start_of(double phase) {
  Vector v(kSize);
  for (size_t i = 0; i < v.size(); ++i)
    v[i] = static_cast<float>(std::sin(phase + 0.7 * static_cast<double>(i)));
  return v;
}

std::vector<float> floats(const Vector& v) { return {v.begin(), v.end()}; }

// Trains `optimizer` on (w - a)^2 / 2 beside the recurrence and compares all weights at each step.
void expect_follows(const Optimizer& optimizer, double lr, int steps, const Recurrence& recurrence,
                    double tolerance = 2e-6) {
  Graph g;
  Net net(g, "m");
  const Value w = net.parameter("w", {kSize}, init::zeros());
  const Value a = input(g, "a", {DType::f32, {kSize}}, Role::data);
  const Applied applied = apply(optimizer, net, sum(square(w - a)) * 0.5, scalar_input(g, "lr"));
  Trainer trainer(g, net, applied.state);
  const Vector target = start_of(3);
  Vector wanted = start_of(0);
  trainer.set("a", floats(target));
  trainer.set("lr", {static_cast<float>(lr)});
  std::ranges::copy(floats(wanted), trainer.weights("w").begin());
  for (int t = 1; t <= steps; ++t) {
    trainer.step();
    for (size_t i = 0; i < wanted.size(); ++i) {
      recurrence(t, i, wanted[i] - target[i], wanted[i]);
      ASSERT_NEAR(trainer.weights("w")[i], wanted[i], tolerance) << "step " << t << ", w " << i;
    }
  }
}

TEST(Sgd, Plain) {
  expect_follows(Sgd{}, 0.1, 50, [](int, size_t, double g, double& w) { w -= 0.1 * g; });
}

TEST(Sgd, WeightDecay) {
  expect_follows(Sgd{.weight_decay = 0.3}, 0.1, 50,
                 [](int, size_t, double g, double& w) { w -= 0.1 * (g + 0.3 * w); });
}

TEST(Sgd, Momentum) {
  Vector b(kSize);
  expect_follows(Sgd{.momentum = 0.9}, 0.05, 100, [&](int, size_t i, double g, double& w) {
    b[i] = 0.9 * b[i] + g;
    w -= 0.05 * b[i];
  });
}

TEST(Sgd, DampeningSparesTheFirstStep) {
  Vector b(kSize);
  expect_follows(Sgd{.momentum = 0.9, .dampening = 0.4}, 0.05, 100,
                 [&](int t, size_t i, double g, double& w) {
                   b[i] = t == 1 ? g : 0.9 * b[i] + 0.6 * g;
                   w -= 0.05 * b[i];
                 });
}

TEST(Sgd, Nesterov) {
  Vector b(kSize);
  expect_follows(Sgd{.momentum = 0.9, .nesterov = true}, 0.05, 100,
                 [&](int, size_t i, double g, double& w) {
                   b[i] = 0.9 * b[i] + g;
                   w -= 0.05 * (g + 0.9 * b[i]);
                 });
  Graph g;
  Net net(g, "m");
  const Value loss = sum(net.parameter("w", {2}, init::zeros()));
  EXPECT_THROW(apply(Sgd{.nesterov = true}, net, loss, 0.1), UserError);
}

// An optimiser that the library does not know.
struct SignDescent {
  double share;
};
class SignSteps : public OptimizerSteps {
 public:
  SignSteps(double share, Value lr, OptimizerState& state) : state_(state), rate_(lr * share) {}
  Value step(const ParameterSpec& spec, Value w, Value gradient, bool) override {
    const Value last = state_.read("last", spec);
    state_.write(last, gradient);
    return w - rate_ * sign(gradient + last);
  }

 private:
  OptimizerState& state_;
  Value rate_;
};
std::unique_ptr<OptimizerSteps> make_steps(const SignDescent& o, Value lr, OptimizerState& state) {
  return std::make_unique<SignSteps>(o.share, lr, state);
}

// What is no optimiser is refused where it is given.
static_assert(std::is_convertible_v<AdamW, Optimizer>);
static_assert(std::is_convertible_v<SignDescent, Optimizer>);
static_assert(!std::is_convertible_v<double, Optimizer>);
static_assert(!std::is_convertible_v<std::string, Optimizer>);

TEST(Optimizer, MayBeOnesOwn) {
  Vector last(kSize);
  expect_follows(SignDescent{0.5}, 0.1, 20, [&](int, size_t i, double g, double& w) {
    w -= 0.05 * (g + last[i] > 0 ? 1 : -1);
    last[i] = g;
  });
}

// Adam's recurrence with moments of its own.
struct AdamReference {
  double lr, coupled = 0, decoupled = 0;
  double beta1 = 0.9, beta2 = 0.999;
  Vector m = Vector(kSize), v = Vector(kSize);
  void operator()(int t, size_t i, double g, double& w) {
    g += coupled * w;
    w *= 1 - lr * decoupled;
    m[i] = beta1 * m[i] + (1 - beta1) * g;
    v[i] = beta2 * v[i] + (1 - beta2) * g * g;
    const double m_hat = m[i] / (1 - std::pow(beta1, t)), v_hat = v[i] / (1 - std::pow(beta2, t));
    w -= lr * m_hat / (std::sqrt(v_hat) + 1e-8);
  }
};

// Adam divides small gradients by their own size, so rounding near the goal is magnified.
TEST(Adam, FollowsItsRecurrence) {
  expect_follows(Adam{}, 0.01, 300, AdamReference{.lr = 0.01}, 2e-5);
}

TEST(Adam, WeightDecayJoinsTheGradient) {
  expect_follows(Adam{.weight_decay = 0.1}, 0.01, 300, AdamReference{.lr = 0.01, .coupled = 0.1},
                 2e-5);
}

TEST(AdamW, WeightDecayStaysApart) {
  expect_follows(AdamW{.weight_decay = 0.1}, 0.01, 300, AdamReference{.lr = 0.01, .decoupled = 0.1},
                 2e-5);
}

// A constant gradient moves every weight by exactly lr * sign at each step, whatever t is: this
// fails if the corrections lose precision at small or large steps.
TEST(Adam, AConstantGradientMovesByTheLearningRate) {
  Graph g;
  Net net(g, "m");
  const Value w = net.parameter("w", {2}, init::zeros());
  const Value c = input(g, "c", {DType::f32, {2}}, Role::data);
  const Applied applied = apply(Adam{}, net, sum(w * c), scalar_input(g, "lr"));
  Trainer trainer(g, net, applied.state);
  trainer.set("c", {3, -0.01f});
  trainer.set("lr", {1});
  for (int t = 1; t <= 2000; ++t) {
    std::ranges::fill(trainer.weights("w"), 0.0f);
    trainer.step();
    ASSERT_NEAR(trainer.weights("w")[0], -1, 4e-5) << t;
    ASSERT_NEAR(trainer.weights("w")[1], 1, 4e-5) << t;
  }
}

TEST(Adam, CorrectionsArePreciseUpToAMillionSteps) {
  for (const double beta : {0.9, 0.999, 0.9999}) {
    for (const double t : {1.0, 2.0, 10.0, 1000.0, 1e6}) {
      Graph g;
      Net net(g, "m");
      const Value w = net.parameter("w", {1}, init::zeros());
      // With beta1 = 0 and v = 0 before, the step is lr g sqrt(correction) / |g| ... of beta2
      // alone: w = -lr / sqrt((1 - beta2) / (1 - beta2^t)).
      const Optimizer adam = Adam{.beta1 = 0.0, .beta2 = scalar_input(g, "beta"), .eps = 0.0};
      const Applied applied = apply(adam, net, sum(w), 1.0);
      Ensemble weights(net.parameters(), 1), state(applied.state, 1);
      weights.initialise(0, Key::of(0));
      state.initialise(0, Key::of(0));
      Program program(g);
      testing::bind_model(program, "m", weights[0]);
      testing::bind_model(program, "m.opt", state[0]);
      const auto step = static_cast<float>(t), f = static_cast<float>(beta);
      program.bind("step", &step);
      program.bind("beta", &f);
      program.run();
      const double b = f, wanted = -std::sqrt((1 - std::pow(b, t)) / (1 - b));
      EXPECT_NEAR(weights.array("w", 0)[0] / wanted, 1, 1e-6) << beta << " " << t;
    }
  }
}

// Hyperparameters given at run time are the same as those in the graph.
TEST(Adam, NumbersMayBeValues) {
  Graph g;
  Net net(g, "m");
  const Value w = net.parameter("w", {kSize}, init::zeros());
  const Adam adam{.beta1 = scalar_input(g, "beta1"), .weight_decay = scalar_input(g, "decay")};
  const Applied applied = apply(adam, net, sum(square(w)) * 0.5, 0.01);
  Trainer trainer(g, net, applied.state);
  Vector wanted = start_of(1);
  std::ranges::copy(floats(wanted), trainer.weights("w").begin());
  trainer.set("beta1", {0.8f});
  trainer.set("decay", {0.2f});
  AdamReference reference{.lr = 0.01, .coupled = 0.2, .beta1 = 0.8};
  for (int t = 1; t <= 50; ++t) {
    trainer.step();
    for (size_t i = 0; i < wanted.size(); ++i) reference(t, i, wanted[i], wanted[i]);
  }
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(trainer.weights("w")[i], wanted[i], 1e-5);
}

// Two parameters u and v with constant gradients c and d.
class Options : public ::testing::Test {
 protected:
  Value emit() {
    const Value u = net.parameter("u", {2}, init::zeros());
    const Value v = net.parameter("v", {1}, init::zeros());
    return sum(u * input(g, "c", {DType::f32, {2}}, Role::data)) +
           sum(v * input(g, "d", {DType::f32, {1}}, Role::data));
  }
  // The parameters after one step with learning rate 1 from zero: u[0], u[1], v[0].
  std::vector<float> moved(const ApplyOptions& options, std::vector<float> c,
                           std::vector<float> d) {
    const Applied applied = apply(Sgd{}, net, emit(), 1.0, options);
    Trainer trainer(g, net, applied.state);
    trainer.set("c", std::move(c));
    trainer.set("d", std::move(d));
    trainer.step();
    const auto u = trainer.weights("u");
    return {u[0], u[1], trainer.weights("v")[0]};
  }
  Graph g;
  Net net{g, "m"};
};

TEST_F(Options, ClippingScalesAllGradientsTogether) {
  const auto w = moved({.clip_norm = 6.5}, {3, 4}, {12});  // norm 13
  EXPECT_NEAR(w[0], -1.5, 1e-5);
  EXPECT_NEAR(w[1], -2, 1e-5);
  EXPECT_NEAR(w[2], -6, 1e-5);
}

TEST_F(Options, ClippingLeavesSmallGradients) {
  EXPECT_EQ(moved({.clip_norm = 13.5}, {3, 4}, {12}), (std::vector<float>{-3, -4, -12}));
}

TEST_F(Options, TheFilterLeavesParametersAlone) {
  const ApplyOptions only_u = {.trainable = [](const std::string& name) { return name == "u"; }};
  const Applied applied = apply(Adam{}, net, emit(), 1.0, only_u);
  EXPECT_EQ(applied.state.size(), 2u);
  EXPECT_EQ(applied.state[0].name, "m/u");
  EXPECT_EQ(applied.gradients.size(), 1u);
  for (const Output& o : g.outputs()) EXPECT_NE(o.name, "m/v");
  EXPECT_THROW(apply(Adam{}, net, net.value("v"), 1.0, {.trainable = [](auto&) { return false; }}),
               UserError);
}

TEST_F(Options, MasksKeepBitsWhateverTheGradient) {
  const Value mask = input(g, "mask", {DType::f32, {2}}, Role::data);
  const Applied applied = apply(AdamW{}, net, emit(), 1.0, {.masks = {{"u", mask}}});
  Trainer t(g, net, applied.state);
  t.weights("u")[0] = t.weights("u")[1] = 0.1f;
  t.set("mask", {0, 1});
  t.set("c", {NAN, 2});
  t.set("d", {1});
  t.step();
  EXPECT_EQ(t.weights("u")[0], 0.1f);
  EXPECT_NEAR(t.weights("u")[1], 0.1 * 0.99 - 1, 1e-5);
}

// Without a gradient a step is its decay alone.
TEST(WeightDecay, ActsOnTheParametersThatItIsAskedFor) {
  for (const Optimizer& o :
       {Optimizer{Sgd{.weight_decay = 0.5}}, Optimizer{AdamW{.weight_decay = 0.5}}}) {
    Graph g;
    Net net(g, "m");
    const Value matrix = net.parameter("matrix", {2, 2}, init::zeros());
    const Value bias = net.parameter("bias", {2}, init::zeros());
    const Value loss = (sum(matrix) + sum(bias)) * 0.0;
    const Applied applied = apply(o, net, loss, 0.1, {.decays = decay_matrices});
    Trainer t(g, net, applied.state);
    for (const char* name : {"matrix", "bias"}) std::ranges::fill(t.weights(name), 1.0f);
    t.step();
    EXPECT_NEAR(t.weights("matrix")[3], 0.95, 1e-6);
    EXPECT_EQ(t.weights("bias")[1], 1);
  }
}

TEST_F(Options, UnknownNamesAreErrors) {
  const Value loss = emit();
  EXPECT_THROW(apply(Sgd{}, net, loss, 1.0, {.masks = {{"w", loss}}}), UserError);
  EXPECT_THROW(apply(Sgd{}, net, std::span<const Value>(&loss, 1), 1.0), UserError);
}

}  // namespace
}  // namespace omni
