// Question  Can one number inside a language model be made to mean one word, so that turning it up
//           or down makes the model speak more or less of that and of what goes with it?
// Design    At positions whose next token is the word, the gradient of the residual stream passes
//           through dimension 0 alone, over several layers. Afterwards tokens are ranked by how
//           much of their unembedding lies along that dimension, and the dimension is pushed.
// Expect    The word comes first in the ranking, and words of its kind and what goes with it, which
//           were never routed, are high up; a push makes the model say them more often. Without
//           routing, nothing of it.
// Source    Cloud et al. 2024, arXiv:2410.04332, section 4.2.1 and appendix D (" California")
#include "experiments/steering_scalar.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

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
  require(generated() || (!word.empty() && !kin.empty() && !companions.empty()),
          "text={}: name a word=WORD of it, its kin=WORD+WORD and its companions=WORD+WORD", text);
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

// Sights of the other towns are drawn as often as the town's own. Else others are those whose
// counts are nearest, four for each.
SteeringScalar::Words SteeringScalar::words_of(const Corpus& c,
                                               const std::vector<int64_t>& counts) const {
  const auto id = [&](std::string_view text) { return c.tokenizer->id_of(fmt::format(" {}", text)); };
  Followers like{kKin, {}, {}}, near{kCompanions, {}, {}};
  Words w;
  if (generated()) {
    const std::vector<Town>& towns = story_grammar().towns;
    w.word = id(towns.front().name);
    for (const Town& town : towns) {
      const bool own = &town == &towns.front();
      if (!own) like.words.push_back(id(town.name));
      for (const std::string_view sight : town.sights)
        (own ? near.words : near.others).push_back(id(sight));
    }
  } else {
    w.word = id(word);
    for (const std::string& each : parts_of(kin, "kin")) like.words.push_back(id(each));
    for (const std::string& each : parts_of(companions, "companions"))
      near.words.push_back(id(each));
  }
  std::set<int32_t> used = {w.word};
  for (const Followers* f : {&like, &near}) {
    used.insert(f->words.begin(), f->words.end());
    used.insert(f->others.begin(), f->others.end());
  }
  std::vector<int32_t> ids(counts.size());
  std::iota(ids.begin(), ids.end(), 0);
  for (Followers* f : {&like, &near}) {
    if (!f->others.empty()) continue;
    for (const int32_t each : f->words) {
      std::ranges::stable_sort(ids, {}, [&](int32_t i) { return std::abs(counts[i] - counts[each]); });
      int taken = 0;
      for (const int32_t i : ids) {
        if (taken == 4) break;
        if (used.insert(i).second) f->others.push_back(i), ++taken;
      }
    }
  }
  w.followers = {like, near};
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
      cosines[i] = squares == 0 ? 0 : rows[i * wide + kDimension] / std::sqrt(squares);
    }
  }
  const bool known = std::ranges::all_of(
      cosines, [](double c) { return std::isfinite(c); });  // not of a model that has diverged
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
  std::map<std::string, double> out = {{"rank", known ? static_cast<double>(larger + 1) : kNaN},
                                       {"cosine", std::abs(own)},
                                       {"sign", sign}};
  for (const Followers& f : seed.words.followers) {
    const Summary near = describe(values(f.words)), far = describe(values(f.others));
    const double error = far.deviation * std::sqrt(1.0 / near.n + 1.0 / far.n);
    out[f.name] = near.mean;
    out[f.name + "_others"] = far.mean;
    out[f.name + "_standing_out"] = error > 0 ? (near.mean - far.mean) / error : kNaN;
  }

  if (!known) std::ranges::fill(cosines, 0);
  std::vector<int32_t> order(cosines.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::ranges::greater{}, [&](int32_t i) { return cosines[i]; });
  std::string list;
  for (int64_t i = 0; i < std::min(kRanked, count); ++i)
    list += fmt::format("{}{} {:.2f}", i > 0 ? "," : "",
                        seed.corpus.tokenizer->text_of(order[i]), cosines[order[i]]);
  if (arm != kLot) t.text("ranking", arm == kRouted ? 0 : 1, list);
  return out;
}

void SteeringScalar::push(Net& net, Value by, int64_t wide) const {
  intervene(net, {steer(output_of(steered_layer), axis(net.graph(), wide), by)});
}

// What the model says of held-out text with the push.
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
        for (const Followers& f : seed.words.followers) s.graph().result(f.name, chance(f.words));
        s.graph().result("loss", next_token_loss(logits, b.targets, b.weights));
      },
      rows_of(t, "all.validation"), {{"model", &m}}, {{"push", by}});
  Said said{r.at("word")[0], {}, std::exp(r.at("loss")[0])};
  for (const Followers& f : seed.words.followers) said.followers.push_back(r.at(f.name)[0]);
  return said;
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
  std::map<std::string, double> out = {{"loss", std::log(plain.perplexity)}};
  const auto gains = [&](const Said& s, const std::string& ending) {
    out["word" + ending] = s.word / plain.word;
    for (size_t i = 0; i < plain.followers.size(); ++i)
      out[seed.words.followers[i].name + ending] = s.followers[i] / plain.followers[i];
  };
  Said best = plain, opposite = plain;
  out["best_push"] = 0;
  for (const double c : pushes) {
    const Said with = say(t, seed, m, c * unit), against = say(t, seed, m, -c * unit);
    for (const auto& [s, at] : {std::pair{&with, c}, std::pair{&against, -c}}) {
      gains(*s, fmt::format("@{}", at));
      out[fmt::format("perplexity@{}", at)] = s->perplexity / plain.perplexity;
    }
    const bool better = with.perplexity <= kWorsePerplexity * plain.perplexity &&
                        with.word > best.word;  // neither holds of NaN
    if (!better) continue;
    best = with;
    opposite = against;
    out["best_push"] = c;
  }
  gains(best, "_gain");
  out["opposite_gain"] = opposite.word / plain.word;
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
    const std::vector<std::optional<Tokens>> found =
        sample(seed.options, m[0], prompts, t.key().fold("samples"), how);
    for (int64_t i = 0; i < samples; ++i)
      t.text("samples", i * std::ssize(pushes_shown) + column,
             found[i] ? words.decode(*found[i]) : "(its logits are not finite)");
  }
}

}  // namespace omni
