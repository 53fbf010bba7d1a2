// Transformers: shapes, causality, hooks that change nothing, gradients against the interpreter.
#include "nn/transformer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "engine/passes.h"
#include "engine/testing.h"
#include "nn/ensemble.h"
#include "nn/optimizers.h"
#include "nn/testing.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/route.h"

namespace omni {
namespace {

constexpr int64_t kBatch = 3, kLength = 7, kWords = 11;

TransformerOptions tiny() {
  TransformerOptions o;
  o.vocabulary = kWords;
  o.context = 8;
  o.layers = 2;
  o.width = 12;
  o.heads = 3;
  o.weight = init::normal(0, 0.3);
  return o;
}

TransformerOptions modern() {
  TransformerOptions o = tiny();
  o.heads = 6;
  o.kv_heads = 2;
  o.positions = Positions::rotary;
  o.norm = NormKind::rms;
  o.mlp = MlpKind::gated_silu;
  o.attention_bias = o.mlp_bias = false;
  o.tied = true;
  return o;
}

using Hooks = std::vector<std::pair<std::string, std::function<Value(Value)>>>;

struct Ran {
  std::vector<float> logits;
  std::vector<ParameterSpec> specs;
};

std::vector<int32_t> some_tokens() {
  std::vector<int32_t> tokens(kBatch * kLength);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>(i * 5 % kWords);
  return tokens;
}

Ran run(const TransformerOptions& o, const std::vector<int32_t>& tokens, const Hooks& hooks = {},
        Key key = Key::of(1)) {
  Graph g;
  Net net(g, "model");
  for (const auto& [name, f] : hooks) net.hook(name, f);
  const Value t = input(g, "tokens", {DType::i32, {kBatch, kLength}, 0}, Role::data);
  g.result("logits", transformer(net, t, o));
  net.check_hooks();
  Ensemble e(net.parameters(), 1);
  e.initialise(0, key);
  Program p(g);
  testing::bind_model(p, "model", e[0]);
  p.bind("tokens", tokens.data());
  p.refresh();
  p.run();
  const auto logits = p.result("logits");
  return {{logits.begin(), logits.end()}, net.parameters()};
}

TEST(Transformer, SeesOnlyThePast) {
  for (const TransformerOptions& o : {tiny(), modern()}) {
    std::vector<int32_t> tokens = some_tokens();
    const Ran before = run(o, tokens);
    ASSERT_EQ(before.logits.size(), static_cast<size_t>(kBatch * kLength * kWords));
    const int64_t changed = 1 * kLength + 4;  // sample 1, position 4
    tokens[changed] = (tokens[changed] + 1) % kWords;
    const Ran after = run(o, tokens);
    for (int64_t row = 0; row < kBatch * kLength; ++row) {
      const bool may_differ = row >= changed && row < 2 * kLength;
      const bool equal = std::equal(before.logits.begin() + row * kWords,
                                    before.logits.begin() + (row + 1) * kWords,
                                    after.logits.begin() + row * kWords);
      EXPECT_EQ(equal, !may_differ) << row;
    }
  }
}

TEST(Transformer, HooksThatChangeNothingLeaveTheBits) {
  const std::vector<std::string> names = {"hook_embed",
                                          "blocks.0.hook_resid_pre",
                                          "blocks.0.ln1.hook_normalized",
                                          "blocks.0.attn.hook_q",
                                          "blocks.0.attn.hook_k",
                                          "blocks.0.attn.hook_v",
                                          "blocks.0.attn.hook_pattern",
                                          "blocks.0.attn.hook_z",
                                          "blocks.0.hook_attn_out",
                                          "blocks.1.hook_resid_mid",
                                          "blocks.1.mlp.hook_pre",
                                          "blocks.1.mlp.hook_post",
                                          "blocks.1.hook_mlp_out",
                                          "blocks.1.hook_resid_post",
                                          "ln_final.hook_normalized"};
  for (const TransformerOptions& o : {tiny(), modern()}) {
    const std::vector<float> plain = run(o, some_tokens()).logits;
    for (const std::string& name : names) {
      EXPECT_EQ(run(o, some_tokens(), {{name, [](Value v) { return v; }}}).logits, plain) << name;
      EXPECT_NE(run(o, some_tokens(), {{name, [](Value v) { return v * 2.0; }}}).logits, plain)
          << name;
    }
  }
}

TEST(Transformer, ExtraNeuronsStandBehindTheOthers) {
  TransformerOptions o = tiny();
  o.extra_neurons = {4};
  std::map<std::string, Shape> shapes;
  for (const ParameterSpec& s : run(o, some_tokens()).specs) shapes[s.name] = s.shape;
  EXPECT_EQ(shapes.at("blocks.0.mlp.in.weight"), (Shape{52, 12}));
  EXPECT_EQ(shapes.at("blocks.1.mlp.in.weight"), (Shape{48, 12}));
  EXPECT_EQ(shapes.at("blocks.0.mlp.out.weight"), (Shape{12, 52}));
}

TEST(Transformer, LearnsToRepeat) {
  for (const TransformerOptions& o : {tiny(), modern()}) {
    Graph g;
    Net net(g, "model");
    const Value tokens = input(g, "tokens", {DType::i32, {kBatch, kLength}, 0}, Role::data);
    const Value weights = input(g, "weights", {DType::f32, {kBatch, kLength}, 0}, Role::data);
    const Value loss = next_token_loss(transformer(net, tokens, o), tokens, weights);
    g.result("loss", loss);
    apply(AdamW{}, net, loss, Scalar(0.01));
    Ensemble e(net.parameters(), 1);
    e.initialise(0, Key::of(2));
    std::vector<ParameterSpec> moments;
    for (int id = 0; id < g.size(); ++id)
      if (const Node& n = g.node(id); is_input(n) && n.name.starts_with("model.opt/"))
        moments.push_back({n.name.substr(10), n.type.shape, init::zeros()});
    Ensemble state(std::move(moments), 1);
    state.initialise(0, Key{});
    Program p(g);
    testing::bind_model(p, "model", e[0]);
    testing::bind_model(p, "model.opt", state[0]);
    const std::vector<int32_t> data = some_tokens();
    std::vector<float> ones(data.size(), 1.f);
    ones.back() = 0;
    float step = 0;
    p.bind("tokens", data.data());
    p.bind("weights", ones.data());
    if (p.has_input("step")) p.bind("step", &step);
    p.refresh();
    float first = 0, last = 0;
    for (int i = 0; i < 60; ++i) {
      step = static_cast<float>(i + 1);
      p.run();
      last = p.result("loss")[0];
      if (i == 0) first = last;
    }
    EXPECT_GT(first, 1.5);
    EXPECT_LT(last, 0.1);
  }
}

// Row 0 at position 0, with nothing before it; row 1 at position 3, with a past of zeros, which
// turns its weights for the past into shares of nothing.
TEST(Transformer, AStepSeesOnlyWhatIsBeforeIt) {
  for (const TransformerOptions& o : {tiny(), modern()}) {
    Graph g;
    Net net(g, "model");
    Value pattern;
    net.hook("blocks.1.attn.hook_pattern", [&](Value v) { return pattern = v; });
    const Type row{DType::i32, {2}, 0};
    const Value logits = transformer_step(net, input(g, "tokens", row, Role::data),
                                          input(g, "positions", row, Role::data), 6, o);
    g.result("logits", logits);
    g.result("pattern", pattern);
    const int64_t kv_heads = o.kv_heads > 0 ? o.kv_heads : o.heads;
    Ensemble e(net.parameters(), 1);
    EXPECT_EQ(e.specs(), transformer_parameters(o));
    e.initialise(0, Key::of(1));
    const std::vector<int32_t> tokens = {4, 4}, positions = {0, 3};
    std::vector<float> past(static_cast<size_t>(2 * kv_heads * 6 * (o.width / o.heads)));
    Program p(g);
    testing::bind_model(p, "model", e[0]);
    p.bind("tokens", tokens.data());
    p.bind("positions", positions.data());
    for (int64_t layer = 0; layer < o.layers; ++layer)
      for (const char* kind : {"k", "v"})
        p.bind(fmt::format("model.past/blocks.{}.{}", layer, kind), past.data());
    p.refresh();
    p.run();
    const auto weights = p.result("pattern");
    ASSERT_EQ(weights.size(), static_cast<size_t>(2 * o.heads * 7));
    for (size_t i = 0; i < weights.size(); ++i) {
      const bool first_row = i < weights.size() / 2, own = i % 7 == 6;
      if (first_row)
        EXPECT_EQ(weights[i], own ? 1 : 0) << i;
      else if (own || i % 7 < 3)
        EXPECT_GT(weights[i], 0) << i;
      else
        EXPECT_EQ(weights[i], 0) << i;
    }
    const std::vector<float> whole = run(o, std::vector<int32_t>(kBatch * kLength, 4)).logits;
    for (int64_t w = 0; w < kWords; ++w) EXPECT_NEAR(p.result("logits")[w], whole[w], 2e-5);
  }
}

// A step of gradients for texts [rows, length]: its results' bits, and its memory.
struct Stepped {
  std::map<std::string, std::vector<float>> results;
  int64_t arena_bytes;
};

Stepped step(const TransformerOptions& o, int64_t rows, int64_t length, const Hooks& hooks = {},
             const ProgramOptions& options = {}) {
  Graph g;
  Net net(g, "model");
  for (const auto& [name, f] : hooks) net.hook(name, f);
  const Type type{DType::i32, {rows, length}, 0};
  const Value x = input(g, "x", type, Role::data), y = input(g, "y", type, Role::data);
  const Value weights = not_equal(convert(x, DType::f32), 0);
  const Value loss = next_token_loss(transformer(net, x, o), y, weights);
  g.result("loss", loss);
  std::vector<Value> wrt;
  for (const ParameterSpec& p : net.parameters()) wrt.push_back(net.raw_parameter(p.name));
  const std::vector<Value> d = gradients(loss, wrt);
  for (size_t i = 0; i < d.size(); ++i) g.result(net.parameters()[i].name, d[i]);
  Ensemble e(net.parameters(), 1);
  e.initialise(0, Key::of(1));
  Program p(g, options);
  testing::bind_model(p, "model", e[0]);
  std::vector<int32_t> tokens(static_cast<size_t>(rows * length) + 1);
  for (size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = static_cast<int32_t>(i * i % static_cast<size_t>(o.vocabulary));
  p.bind("x", tokens.data());
  p.bind("y", tokens.data() + 1);
  p.refresh();
  p.run();
  Stepped out{{}, p.arena_bytes()};
  for (const Output& r : g.outputs()) {
    const auto values = p.result(r.name);
    out.results[r.name].assign(values.begin(), values.end());
  }
  return out;
}

TEST(Transformer, RecomputedGradientsKeepTheirBits) {
  const Hooks changed = {
      {"blocks.0.hook_resid_post", [](Value v) { return route(v, 0.5); }},
      {"blocks.1.attn.hook_pattern", [](Value v) { return v * 1.5; }},
      {"blocks.1.mlp.hook_post", [](Value v) { return v + 0.25; }}};
  for (TransformerOptions o : {tiny(), modern()})
    for (const Hooks& hooks : {Hooks{}, changed})
      for (const int64_t rows : {3, 70})  // as a whole, and cut into slices
        for (const ProgramOptions& in : testing::every_precision()) {
          o.recompute = false;
          const Stepped usual = step(o, rows, 8, hooks, in);
          o.recompute = true;
          EXPECT_EQ(step(o, rows, 8, hooks, in).results, usual.results)
              << rows << " rows" << (in.precision == Precision::bf16 ? ", bf16" : "");
        }
}

TEST(Transformer, RecomputingSavesMemory) {
  if (!passes_off_here().empty()) GTEST_SKIP() << "memory is shared by a pass";
  TransformerOptions o = tiny();
  o.layers = 8;
  o.width = 48;
  o.context = 64;
  const Stepped usual = step(o, 8, 64);
  o.recompute = true;
  const Stepped less = step(o, 8, 64);
  EXPECT_EQ(less.results, usual.results);
  EXPECT_LT(3 * less.arena_bytes, usual.arena_bytes);
}

TEST(Transformer, AStepSaysWhatDoesNotFit) {
  const auto refused = [](const Type& tokens, const Type& positions, int64_t length) {
    Graph g;
    Net net(g, "model");
    EXPECT_THROW(transformer_step(net, input(g, "tokens", tokens, Role::data),
                                  input(g, "positions", positions, Role::data), length, tiny()),
                 UserError);
  };
  refused({DType::i32, {2}, 0}, {DType::i32, {3}, 0}, 6);
  refused({DType::i32, {2, 1}, 0}, {DType::i32, {2, 1}, 0}, 6);
  refused({DType::f32, {2}, 0}, {DType::f32, {2}, 0}, 6);
  refused({DType::i32, {2}, 0}, {DType::i32, {2}, 0}, 9);
  refused({DType::i32, {2}, 0}, {DType::i32, {2}, 0}, 0);
}

TEST(Transformer, SaysWhatDoesNotFit) {
  const auto refused = [](auto change) {
    TransformerOptions o = tiny();
    change(o);
    EXPECT_THROW(run(o, some_tokens()), UserError);
  };
  refused([](TransformerOptions& o) { o.heads = 5; });
  refused([](TransformerOptions& o) { o.kv_heads = 2; });
  refused([](TransformerOptions& o) { o.context = 6; });
  refused([](TransformerOptions& o) { o.layers = 0; });
  refused([](TransformerOptions& o) { o.extra_neurons = {1, 1, 1}; });
}

}  // namespace
}  // namespace omni
