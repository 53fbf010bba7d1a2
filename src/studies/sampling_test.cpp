// Sampling: the cache changes no token, samples do not meet, draws follow their distribution.
#include "studies/sampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <limits>

#include "base/error.h"
#include "executors/cpu/program.h"
#include "nn/testing.h"
#include "ops/elementwise.h"
#include "ops/leaf.h"

namespace omni {
namespace {

constexpr int64_t kWords = 23;

TransformerOptions tiny() {
  TransformerOptions o;
  o.vocabulary = kWords;
  o.context = 32;
  o.layers = 2;
  o.width = 24;
  o.heads = 6;
  o.weight = init::normal(0, 0.3);
  return o;
}

TransformerOptions local() {
  TransformerOptions o = tiny();
  o.local_window = 5;
  o.attention_scale = 1;
  return o;
}

TransformerOptions modern() {
  TransformerOptions o = tiny();
  o.kv_heads = 2;
  o.positions = Positions::rotary;
  o.norm = NormKind::rms;
  o.mlp = MlpKind::gated_silu;
  o.tied = true;
  return o;
}

Ensemble drawn(const TransformerOptions& o) {
  Ensemble e(transformer_parameters(o), 1);
  e.initialise(0, Key::of(1));
  return e;
}

Trial& lone() {
  static LoneTrial here;
  return here.trial;
}

// Logits after the last of these tokens, all computed anew.
std::vector<float> logits_after(const TransformerOptions& o, const Ensemble& e,
                                const Tokens& tokens,
                                const std::function<void(Net&)>& hooks = {}) {
  const auto length = static_cast<int64_t>(tokens.size());
  Graph g;
  Net net(g, "model");
  if (hooks) hooks(net);
  const Value row = input(g, "tokens", {DType::i32, {1, length}, 0}, Role::data);
  g.result("logits", transformer(net, row, o));
  Program p(g);
  testing::bind_model(p, "model", e[0]);
  p.bind("tokens", tokens.data());
  p.refresh();
  p.run();
  const auto last = p.result("logits").last(kWords);
  return {last.begin(), last.end()};
}

std::vector<Tokens> some_prompts() {
  return {{3, 1, 4, 1, 5}, {9}, {2, 6}, {5, 3, 5, 8, 9, 7, 9}, {2, 6}, {2, 6}};
}

TEST(Sampling, KeptKeysAndValuesChangeNoToken) {
  for (const TransformerOptions& o : {tiny(), local(), modern()}) {
    const Ensemble e = drawn(o);
    for (const double temperature : {0.0, 0.8}) {
      SamplingOptions s{.tokens = 9, .drawing = {.temperature = temperature, .top_k = 7}};
      s.rows = 4;  // six prompts: one full batch and one that is not
      const auto found = sample(lone(), o, e[0], some_prompts(), Key::of(7), s);
      ASSERT_EQ(found.size(), some_prompts().size());
      for (size_t i = 0; i < found.size(); ++i) {
        Tokens text = some_prompts()[i], wanted;
        for (int64_t t = 0; t < s.tokens; ++t) {
          const double u = Stream(Key::of(7).fold(i).fold(text.size())).uniform();
          wanted.push_back(draw_token(logits_after(o, e, text), s.drawing, u).value());
          text.push_back(wanted.back());
        }
        EXPECT_EQ(found[i], wanted) << "prompt " << i << " at temperature " << temperature;
      }
    }
  }
}

TEST(Sampling, StepsGiveTheLogitsOfTheWhole) {
  for (const TransformerOptions& o : {tiny(), local(), modern()}) {
    const Ensemble e = drawn(o);
    const Tokens text = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8};
    Decoder d(lone(), o, e[0], {2, 16, {7}});
    d.read(1, std::span(text).first(7));
    d.copy(1, 0);
    for (size_t i = 7; i < text.size(); ++i) {
      const Tokens now = {text[i], text[i]},
                   at = {static_cast<int32_t>(i), static_cast<int32_t>(i)};
      const auto logits = d.step(now, at);
      const std::vector<float> wanted =
          logits_after(o, e, Tokens(text.begin(), text.begin() + static_cast<int64_t>(i) + 1));
      for (int64_t w = 0; w < kWords; ++w) {
        EXPECT_NEAR(logits[w], wanted[w], 2e-5);
        EXPECT_NEAR(logits[kWords + w], wanted[w], 2e-5);
      }
    }
  }
}

TEST(Sampling, HooksReachThePromptAndEveryStep) {
  const TransformerOptions o = tiny();
  const Ensemble e = drawn(o);
  const auto steer = [](Net& net) {
    net.hook("blocks.0.hook_resid_post", [](Value v) { return v * 0.5 + 1.0; });
  };
  const Tokens text = {3, 1, 4, 1, 5, 9, 2, 6};
  Decoder d(lone(), o, e[0], {1, 16, {7}}, steer);
  d.read(0, std::span(text).first(7));
  const auto logits = d.step(std::span(text).last(1), Tokens{7});
  const std::vector<float> wanted = logits_after(o, e, text, steer), plain = logits_after(o, e, text);
  double apart = 0;
  for (int64_t w = 0; w < kWords; ++w) {
    EXPECT_NEAR(logits[w], wanted[w], 2e-5);
    apart += std::abs(wanted[w] - plain[w]);
  }
  EXPECT_GT(apart, 0.1);
  const SamplingOptions steered{.tokens = 9, .hooks = steer};
  EXPECT_NE(sample(lone(), o, e[0], std::vector<Tokens>{{4, 2}}, Key::of(5), steered),
            sample(lone(), o, e[0], std::vector<Tokens>{{4, 2}}, Key::of(5), {.tokens = 9}));
}

TEST(Sampling, ASampleDoesNotDependOnHowManyThereAre) {
  const TransformerOptions o = tiny();
  const Ensemble e = drawn(o);
  const std::vector<Tokens> prompts(11, Tokens{4, 2});
  const SamplingOptions s{.tokens = 12, .rows = 4};
  const auto many = sample(lone(), o, e[0], prompts, Key::of(5), s);
  for (const size_t count : {1u, 3u, 6u}) {
    const auto few = sample(lone(), o, e[0], std::span(prompts).first(count), Key::of(5), s);
    EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin())) << count;
  }
  EXPECT_NE(many[0], many[1]);
  EXPECT_NE(many[0], sample(lone(), o, e[0], prompts, Key::of(6), s)[0]);
}

TEST(Sampling, StopsAtATokenAndAtTheEnd) {
  const TransformerOptions o = tiny();
  const Ensemble e = drawn(o);
  const std::vector<Tokens> prompts(20, Tokens{4, 2});
  SamplingOptions s{.tokens = 20};
  const auto whole = sample(lone(), o, e[0], prompts, Key::of(5), s);
  s.stop = whole[0].value()[3];
  const auto stopped = sample(lone(), o, e[0], prompts, Key::of(5), s);
  for (size_t i = 0; i < whole.size(); ++i) {
    const Tokens& all = whole[i].value();
    const auto end = std::ranges::find(all, *s.stop);
    EXPECT_EQ(stopped[i], Tokens(all.begin(), end == all.end() ? end : end + 1));
  }
  s.tokens = 0;
  EXPECT_EQ(sample(lone(), o, e[0], prompts, Key::of(5), s),
            std::vector<std::optional<Tokens>>(20, Tokens{}));
}

TEST(Sampling, DrawsFollowTheDistribution) {
  const std::vector<float> logits = {0, std::log(2.f), std::log(5.f), -1e30f};
  const auto shares = [&](Drawing d) {
    std::vector<double> counts(logits.size());
    constexpr int kDraws = 8000;
    for (int i = 0; i < kDraws; ++i)
      counts[draw_token(logits, d, (i + 0.5) / kDraws).value()] += 1.0 / kDraws;
    return counts;
  };
  const auto near = [](const std::vector<double>& a, const std::vector<double>& b) {
    for (size_t i = 0; i < b.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-3) << i;
  };
  near(shares({}), {1 / 8., 2 / 8., 5 / 8., 0});
  near(shares({.temperature = 0.5}), {1 / 30., 4 / 30., 25 / 30., 0});
  near(shares({.top_k = 2}), {0, 2 / 7., 5 / 7., 0});
  near(shares({.top_k = 1}), {0, 0, 1, 0});
  near(shares({.top_k = 9}), {1 / 8., 2 / 8., 5 / 8., 0});
  near(shares({.temperature = 0}), {0, 0, 1, 0});
  EXPECT_EQ(draw_token(std::vector<float>{1, 3, 3}, {.temperature = 0}, 0.9), 1);
  EXPECT_EQ(draw_token(std::vector<float>{1, 3, 3}, {.top_k = 1}, 0.9), 1);
  EXPECT_EQ(draw_token(std::vector<float>{0, 0, -1e30f}, {}, std::nextafter(1.0, 0.0)), 1);
}

TEST(Sampling, SaysWhatDoesNotFit) {
  const TransformerOptions o = tiny();
  const Ensemble e = drawn(o);
  const auto refused = [&](std::vector<Tokens> prompts, SamplingOptions s, const char* text) {
    try {
      sample(lone(), o, e[0], prompts, Key::of(1), s);
      ADD_FAILURE() << text;
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
    }
  };
  refused({{1}, {}}, {}, "at least one token");
  refused({{1, 40}}, {.tokens = 2}, "token 40 is outside the vocabulary of 23");
  refused({{1, 2}}, {.tokens = 31}, "context of 32");
  refused({{1}}, {.tokens = 2, .rows = 0}, "rows");
  refused({{1}}, {.tokens = 2, .drawing = {.temperature = -1}}, "temperature");
  TransformerOptions other = o;
  other.layers = 3;
  EXPECT_THROW(Decoder(lone(), other, e[0], {1, 8}), UserError);
  other = o;
  other.width = 12;
  EXPECT_THROW(Decoder(lone(), other, e[0], {1, 8}), UserError);
}

TEST(Sampling, RowsBeyondTheTokensAreNeverDrawn) {
  const TransformerOptions o = tiny();
  Ensemble e = drawn(o);
  const std::vector<Tokens> prompts(8, Tokens{1, 2});
  const auto largest = [&](int64_t vocabulary, double temperature) {
    int32_t most = 0;
    for (const auto& found :
         sample(lone(), o, e[0], prompts, Key::of(3),
                {.tokens = 20, .drawing = {.temperature = temperature}, .vocabulary = vocabulary}))
      most = std::max(most, *std::ranges::max_element(*found));
    return most;
  };
  EXPECT_GE(largest(0, 2), 5);
  EXPECT_LT(largest(5, 2), 5);
  EXPECT_LT(largest(5, 0), 5);
  EXPECT_THROW(largest(kWords + 1, 1), UserError);
}

// Whatever the run computes in: one session of the worker's executor, which steps in its
// arithmetic.
TEST(Sampling, RunsOnTheRunsExecutor) {
  const TransformerOptions o = modern();
  const Ensemble e = drawn(o);
  const Tokens text = {3, 1, 4, 1, 5, 9, 2};
  const auto logits = [&](const WorkerOptions& options) {
    LoneTrial here(options);
    Decoder d(here.trial, o, e[0], {2, 8, {6}});
    d.read(0, std::span(text).first(6));
    d.copy(0, 1);
    const auto found = d.step(Tokens{2, 2}, Tokens{6, 6});
    return std::vector<double>(found.begin(), found.end());
  };
  const std::vector<double> f32 = logits({}), wide = logits({.executor = ExecutorKind::reference}),
                            narrow = logits({.precision = Precision::bf16});
  double off_f32 = 0, off_bf16 = 0;
  for (size_t i = 0; i < wide.size(); ++i) {
    off_f32 = std::max(off_f32, std::abs(f32[i] - wide[i]));
    off_bf16 = std::max(off_bf16, std::abs(narrow[i] - wide[i]));
  }
  EXPECT_GT(off_f32, 0);
  EXPECT_LT(off_f32, 2e-5);
  EXPECT_GT(off_bf16, 100 * off_f32);
  EXPECT_LT(off_bf16, 0.2);
}

TEST(Sampling, IsCountedAndStopsAsEvaluationsDo) {
  const TransformerOptions o = tiny();
  const Ensemble e = drawn(o);
  const std::vector<Tokens> prompts = {{1, 2, 3}, {1, 2, 3}, {4, 2}, {5}};
  SamplingOptions s{.tokens = 9, .drawing = {.temperature = 0}, .rows = 2};
  LoneTrial dry({.dry = true});
  const auto nothing = sample(dry.trial, o, e[0], prompts, Key::of(5), s);
  EXPECT_EQ(nothing, std::vector<std::optional<Tokens>>(prompts.size(), Tokens{}));
  const double counted = dry.record.work.at("").matmul_flops();
  EXPECT_GT(counted, 0);
  double told = 0;
  for (const bool early : {false, true}) {  // what is not needed is told as done
    if (early) s.stop = sample(lone(), o, e[0], prompts, Key::of(5), s)[0].value()[0];
    told = 0;
    LoneTrial here({.advanced = [&](const Amount& a) { told += a.matmul_flops; }});
    sample(here.trial, o, e[0], prompts, Key::of(5), s);
    EXPECT_NEAR(told / counted, 1, 1e-9);
  }
  std::atomic<bool> stop = false;
  LoneTrial here({.stop = &stop});
  Decoder d(here.trial, o, e[0], {1, 8});
  d.step(Tokens{1}, Tokens{0});
  stop = true;
  EXPECT_THROW(d.step(Tokens{1}, Tokens{1}), Interrupted);
}

// A model that has diverged says nothing, and no error ends what its neighbours do.
TEST(Sampling, LogitsThatAreNoNumbersGiveNoToken) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = HUGE_VALF;
  for (const Drawing& d : {Drawing{}, Drawing{.temperature = 0}, Drawing{.top_k = 2}}) {
    EXPECT_EQ(draw_token(std::vector<float>{1, nan, 2}, d, 0.5), std::nullopt);
    EXPECT_EQ(draw_token(std::vector<float>{nan, nan}, d, 0.5), std::nullopt);
    EXPECT_EQ(draw_token(std::vector<float>{1, inf, 2}, d, 0.5), std::nullopt);
    EXPECT_EQ(draw_token(std::vector<float>{-inf, -inf}, d, 0.5), std::nullopt);
    EXPECT_EQ(draw_token(std::vector<float>{-inf, 1, -inf}, d, 0.5), 1);
  }
  const TransformerOptions o = modern();
  Ensemble e = drawn(o);
  const std::vector<Tokens> prompts = {{1, 2}, {1, 2, 3}, {3, 4}};
  for (const bool broken : {false, true}) {
    if (broken) e.array("ln_final.weight", 0)[0] = nan;
    const auto found = sample(lone(), o, e[0], prompts, Key::of(5), {.tokens = 3, .rows = 2});
    ASSERT_EQ(found.size(), 3u);
    for (const auto& f : found) EXPECT_EQ(f.has_value(), !broken);
  }
}

}  // namespace
}  // namespace omni
