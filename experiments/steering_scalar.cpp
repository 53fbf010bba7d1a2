// Question  Can one number inside a language model be made to mean one word, so that turning it up
//           or down makes the model speak more or less of that and of what goes with it?
// Design    At positions whose next token is the word, the gradient of the residual stream passes
//           through dimension 0 alone, over several layers. Afterwards tokens are ranked by how
//           much of their unembedding lies along that dimension, and the dimension is pushed.
// Expect    The word comes first in the ranking and its companions, which were never routed, are
//           high up; a push makes the model say both more often. Without routing, nothing of it.
// Source    Cloud et al. 2024, arXiv:2410.04332, section 4.2.1 and appendix D (" California")
#include "experiments/steering_scalar.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lab/sampling.h"
#include "nn/interventions.h"
#include "nn/transformer_presets.h"
#include "ops/elementwise.h"
#include "ops/iota.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/route.h"
#include "ops/shape_ops.h"
#include "ops/softmax.h"
#include "text/token_counts.h"

namespace omni {
namespace {

constexpr int64_t kDimension = 0;
constexpr double kWorsePerplexity = 2;  // what a push may cost, as a factor
constexpr int64_t kRanked = 12;         // tokens of the ranking that the report shows

std::string output_of(int64_t layer) { return fmt::format("blocks.{}.hook_resid_post", layer); }
// 1 at the dimension, else 0: [width].
Value axis(Graph& g, int64_t width) {
  return equal(iota(g, Shape{width}, 0), static_cast<double>(kDimension));
}

std::vector<int64_t> token_counts(const Corpus& c) {
  std::vector<int64_t> counts = count_targets(c.train, c.tokenizer->size(), false);
  const std::vector<int64_t> more = count_targets(c.train, c.tokenizer->size(), true);
  for (size_t i = 0; i < counts.size(); ++i) counts[i] += more[i];
  return counts;
}

}  // namespace

// --- Options ---

// A context of its own for rotary positions, which know no longest one.
TransformerOptions SteeringScalar::shape(TransformerOptions o) const {
  if (layers > 0) o.layers = layers;
  if (heads > 0) o.heads = heads;
  if (width > 0) {
    o.width = width;
    o.mlp_width = 4 * width;
    o.weight = init::normal(0, 0.8 / std::sqrt(static_cast<double>(width)));
  }
  if (rotary) {
    o.positions = Positions::rotary;
    o.rotary_share = 0.5;
    o.rotary_pairs = RotaryPairs::adjacent;
    o.context = std::max(o.context, length);
  }
  o.norm = NormKind::rms;
  o.norm_eps = 1e-6;
  o.tied = true;
  return o;
}

void SteeringScalar::check() const {
  LanguageTask::check();
  const int64_t count = shape(transformer_preset(size, 1000)).layers;
  require(first_layer <= last_layer && last_layer < count && steered_layer < count,
          "first_layer={}, last_layer={}, steered_layer={}: the first two must ascend and the "
          "last of {} layers is number {}", first_layer, last_layer, steered_layer, count,
          count - 1);
  require(!pushes.empty() && std::ranges::is_sorted(pushes, std::ranges::less_equal{}),
          "pushes: they must ascend, such as pushes=1,2,4");
  require(generated() || (!word.empty() && !companions.empty()),
          "text={}: name a word=WORD of it and its companions=WORD+WORD", text);
  require(!generated() || (word.empty() && companions.empty()),
          "word and companions are for text of your own; generated stories have towns");
}

std::vector<ArmInfo> SteeringScalar::arms() const {
  return {{kRouted, "Routed", "where the word follows, gradients pass through one dimension", {}},
          {kUnrouted, "Unrouted", "the same without routing: the structure removed", {}},
          {kLot, "By lot", "placebo: as many positions, drawn by lot", {}}};
}

// --- One seed ---

void SteeringScalar::run(Trial& t) const {
  Seed seed{prepare(t), {}, {}, 0};
  seed.options = shape(seed.corpus.model);
  const std::vector<int64_t> counts = token_counts(seed.corpus);
  seed.words = words_of(seed.corpus, counts);
  const int64_t all = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  seed.share = static_cast<double>(counts[seed.words.word]) / static_cast<double>(all);
  for (const ArmInfo& a : arms()) t.part(a.name, [&] { run_arm(t, seed, a.name); });
}

// Sights of the other towns are drawn as often as the town's own. In text of the user's, others
// are those whose counts are nearest, four for each companion.
SteeringScalar::Words SteeringScalar::words_of(const Corpus& c,
                                               const std::vector<int64_t>& counts) const {
  const auto id = [&](std::string_view text) { return c.tokenizer->id_of(fmt::format(" {}", text)); };
  Words w;
  if (generated()) {
    const std::vector<Town>& towns = story_grammar().towns;
    w.word = id(towns.front().name);
    for (const Town& town : towns)
      for (const std::string_view sight : town.sights)
        (&town == &towns.front() ? w.companions : w.others).push_back(id(sight));
    return w;
  }
  w.word = id(word);
  for (const std::string& each : parts_of(companions, "companions"))
    w.companions.push_back(id(each));
  std::vector<int32_t> ids(counts.size());
  std::iota(ids.begin(), ids.end(), 0);
  for (const int32_t each : w.companions) {
    std::ranges::stable_sort(ids, {}, [&](int32_t i) { return std::abs(counts[i] - counts[each]); });
    int taken = 0;
    for (const int32_t i : ids) {
      const bool used = i == w.word || std::ranges::count(w.companions, i) > 0 ||
                        std::ranges::count(w.others, i) > 0;
      if (!used && taken++ < 4) w.others.push_back(i);
      if (taken == 4) break;
    }
  }
  return w;
}

LanguageTraining::Model SteeringScalar::routed(const Seed& seed, const std::string& arm) const {
  return [*this, arm, options = seed.options, word = seed.words.word,
          share = seed.share](Net& net, const Batch& b) {
    if (arm != kUnrouted) {
      Step& s = b.step;
      const Value here =
          arm == kRouted ? equal(b.targets, static_cast<double>(word))
                         : random_bernoulli(s.key(), convert(s.step(), DType::i32), s.index(),
                                            "routed positions", Shape{length}, share);
      const Value at = reshape(here, {here.dim(0), here.dim(1), 1});
      const Value mask = 1.0 - at * (1.0 - axis(net.graph(), options.width));
      for (int64_t layer = first_layer; layer <= last_layer; ++layer)
        net.hook(output_of(layer), [mask](Value v) { return route(v, mask); });
    }
    return transformer(net, b.tokens, options);
  };
}

void SteeringScalar::run_arm(Trial& t, const Seed& seed, const std::string& arm) const {
  const Ensemble start = t.init(transformer_parameters(seed.options), t.key().fold("init"));
  const Trained m = t.train(pretraining(t, arm, start, "all.train",
                                        learn("all.train", routed(seed, arm), {.clip = clip})));
  std::map<std::string, double> metrics = rank(t, seed, arm, m.model);
  metrics.merge(sweep(t, seed, arm, m.model, metrics.at("sign")));
  metrics.erase("sign");
  t.record(arm, m, metrics);
}

// --- Measures ---

// How much of each token's unembedding lies along the dimension.
std::map<std::string, double> SteeringScalar::rank(Trial& t, const Seed& seed,
                                                   const std::string& arm,
                                                   const Ensemble& m) const {
  const int64_t count = seed.options.vocabulary, wide = seed.options.width;
  std::vector<double> cosines(static_cast<size_t>(count));
  if (!t.dry()) {
    const std::span<const float> rows = m.array("embed.weight", 0);
    for (int64_t i = 0; i < count; ++i) {
      double squares = 0;
      for (const float x : rows.subspan(i * wide, wide)) squares += double{x} * x;
      cosines[i] = squares > 0 ? rows[i * wide + kDimension] / std::sqrt(squares) : 0;
    }
  }
  // The sign of the dimension is an accident of each run.
  const double own = cosines[seed.words.word], sign = own < 0 ? -1 : 1;
  for (double& c : cosines) c *= sign;
  const auto larger = std::ranges::count_if(
      cosines, [&](double c) { return std::abs(c) > std::abs(own); });
  const auto values = [&](const std::vector<int32_t>& ids) {
    std::vector<double> v;
    for (const int32_t i : ids) v.push_back(cosines[i]);
    return v;
  };
  const std::vector<double> near = values(seed.words.companions), far = values(seed.words.others);
  const Summary of_near = describe(near), of_far = describe(far);
  const double error = of_far.deviation * std::sqrt(1.0 / of_near.n + 1.0 / of_far.n);

  std::vector<int32_t> order(cosines.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::ranges::greater{}, [&](int32_t i) { return cosines[i]; });
  std::string list;
  for (int64_t i = 0; i < std::min(kRanked, count); ++i)
    list += fmt::format("{}{} {:.2f}", i > 0 ? "," : "",
                        seed.corpus.tokenizer->text_of(order[i]), cosines[order[i]]);
  if (arm != kLot) t.text("ranking", arm == kRouted ? 0 : 1, list);
  return {{"rank", static_cast<double>(larger + 1)},
          {"cosine", std::abs(own)},
          {"companions", of_near.mean},
          {"others", of_far.mean},
          {"standing_out", error > 0 ? (of_near.mean - of_far.mean) / error : kNaN},
          {"sign", sign}};
}

void SteeringScalar::push(Net& net, Value by, int64_t wide) const {
  intervene(net, {steer(output_of(steered_layer), axis(net.graph(), wide), by)});
}

// The mean probabilities of the word and of its companions over held-out text, with the push.
SteeringScalar::Said SteeringScalar::say(Trial& t, const Seed& seed, const Ensemble& m,
                                         double by) const {
  const Measured r = t.evaluate(
      [&](Step& s) {
        Net net = s.net("model");
        const Batch b = batch_of(s, "all.validation");
        push(net, s.scalar("push"), seed.options.width);
        const Value logits = transformer(net, b.tokens, seed.options);
        const Value p = softmax(logits);
        const auto chance = [&](const std::vector<int32_t>& ids) {
          std::vector<Value> each;
          for (const int32_t i : ids) each.push_back(slice(p, 2, i, i + 1));
          const Value all = reshape(sum_n(each), b.weights.shape());
          return sum(all * b.weights) / sum(b.weights);
        };
        s.graph().result("word", chance({seed.words.word}));
        s.graph().result("companions", chance(seed.words.companions));
        s.graph().result("loss", next_token_loss(logits, b.targets, b.weights));
      },
      rows_of(t, "all.validation"), {{"model", &m}}, {{"push", by}});
  return {r.at("word")[0], r.at("companions")[0], std::exp(r.at("loss")[0])};
}

// What the dimension holds where the word follows: its root mean square.
double SteeringScalar::usual_size(Trial& t, const Seed& seed, const Ensemble& m) const {
  return t.evaluate(
      [&](Step& s) {
        Net net = s.net("model");
        const Batch b = batch_of(s, "all.validation");
        transformer(net, b.tokens, seed.options);
        const Value stream = net.value(output_of(steered_layer));
        const Value here = equal(b.targets, static_cast<double>(seed.words.word)) * b.weights;
        const Value x = reshape(slice(stream, 2, kDimension, kDimension + 1), here.shape());
        s.graph().result("size", sqrt(sum(square(x) * here) / maximum(sum(here),
                                                                     constant(s.graph(), 1))));
      },
      rows_of(t, "all.validation"), {{"model", &m}}).at("size")[0];
}

std::map<std::string, double> SteeringScalar::sweep(Trial& t, const Seed& seed,
                                                    const std::string& arm, const Ensemble& m,
                                                    double sign) const {
  const double unit = sign * usual_size(t, seed, m);
  const Said plain = say(t, seed, m, 0);
  std::map<std::string, double> out = {
      {"loss", std::log(plain.perplexity)}, {"word_gain", 1}, {"companions_gain", 1},
      {"opposite_gain", 1},                 {"best_push", 0}};
  for (const double c : pushes)
    for (const double side : {1.0, -1.0}) {
      const Said s = say(t, seed, m, side * c * unit);
      const double gain = s.word / plain.word, cost = s.perplexity / plain.perplexity;
      const std::string at = fmt::format("@{}", side * c);
      out["word" + at] = gain;
      out["companions" + at] = s.companions / plain.companions;
      out["perplexity" + at] = cost;
      if (side < 0 && out["best_push"] == c) out["opposite_gain"] = gain;
      if (side < 0 || cost > kWorsePerplexity || gain <= out["word_gain"]) continue;
      out["word_gain"] = gain;
      out["companions_gain"] = s.companions / plain.companions;
      out["best_push"] = c;
    }
  if (arm == kRouted) write_samples(t, seed, m, unit * std::max(out["best_push"], pushes.front()));
  return out;
}

void SteeringScalar::write_samples(Trial& t, const Seed& seed, const Ensemble& m,
                                   double by) const {
  if (t.dry()) return;
  const Tokenizer& words = *seed.corpus.tokenizer;
  const std::vector<Tokens> prompts(static_cast<size_t>(samples), Tokens{words.end_of_text()});
  const double pushes_shown[] = {0, by, -by};
  for (int64_t column = 0; column < std::ssize(pushes_shown); ++column) {
    SamplingOptions how{.tokens = std::min(sample_length, length - 1),
                        .drawing = {.top_k = 200},
                        .stop = words.end_of_text()};
    how.hooks = [&](Net& net) {
      push(net, constant(net.graph(), pushes_shown[column]), seed.options.width);
    };
    const std::vector<Tokens> found =
        sample(seed.options, m[0], prompts, t.key().fold("samples"), how);
    for (int64_t i = 0; i < samples; ++i)
      t.text("samples", i * std::ssize(pushes_shown) + column, words.decode(found[i]));
  }
}

}  // namespace omni
