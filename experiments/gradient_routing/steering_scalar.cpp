// One number inside a language model that means one word. The question, the design and all words:
// steering_scalar.md.
#include <array>
#include <cmath>
#include <numeric>
#include <ranges>
#include <set>

#include "experiments/catalogue.h"
#include "nn/interventions.h"
#include "nn/transformer_presets.h"
#include "ops/iota.h"
#include "ops/route.h"
#include "ops/softmax.h"
#include "studies/authoring.h"
#include "studies/language_task.h"
#include "studies/sampling.h"
#include "text/token_counts.h"

namespace omni {
namespace {

constexpr int64_t kDimension = 0;
constexpr double kWorsePerplexity = 2;  // what a push may cost, as a factor
constexpr int64_t kRanked = 12;         // tokens of the ranking that the report shows
using Metrics = std::map<std::string, double>;

// Words that the dimension is about, and others that are as common and have no reason to be.
struct WordSet {
  std::string name;  // the prefix of their metrics
  std::vector<int32_t> ids = {}, others = {};
};

struct SteeringScalar : LanguageTask {
  std::string word = "", kin = "", companions = "";
  int64_t first_layer = 1, last_layer = 3, steered_layer = 2;
  std::vector<double> pushes = {0.1, 0.2, 0.3, 0.5, 0.7, 1, 2, 4};
  double clip = 1;
  int64_t layers = 0, width = 0, heads = 0, samples = 4, sample_length = 60;
  bool rotary = false;

  // Many steps at a high rate, of few stories each: an unembedding turns to the dimension by as
  // much as the steps and their rates add up to.
  SteeringScalar() {
    size = "M";
    steps = 1600;
    batch = 8;
    lr = 3e-3;
    held_out = 500;
    decayed = "matrices";
  }

  void visit(auto&& option) {
    LanguageTask::visit(option);
    option("word", word, of_own_text());
    option("kin", kin, of_own_text());
    option("companions", companions, of_own_text());
    option("first_layer", first_layer, between(0, 1000));
    option("last_layer", last_layer, between(0, 1000));
    option("steered_layer", steered_layer, between(0, 1000));
    // Never harmless: the best push counts, and among more it is better.
    option("pushes", pushes, between(1e-6, 1e6));
    option("clip", clip, between(0, 1e6));
    option("layers", layers, between(0, 1000));
    option("width", width, between(0, 100'000));
    option("heads", heads, between(0, 1000));
    option("rotary", rotary);
    option("samples", samples, between(1, 50), harmless("they are for reading"));
    option("sample_length", sample_length, between(1, 1000), harmless("they are for reading"));
  }

  void check() const {
    LanguageTask::check();
    const int64_t count = shape(transformer_preset(size, 1000)).layers;
    require(first_layer <= last_layer && last_layer < count && steered_layer < count,
            "first_layer={}, last_layer={}, steered_layer={}: the first two must ascend and the "
            "last of {} layers is number {}",
            first_layer, last_layer, steered_layer, count, count - 1);
    require(!pushes.empty() && std::ranges::is_sorted(pushes, std::ranges::less_equal{}),
            "pushes: they must ascend, such as pushes=1,2,4");
    require(generated() || (!word.empty() && !kin.empty() && !companions.empty()),
            "text={}: name a word=WORD of it, its kin=WORD+WORD and its companions=WORD+WORD",
            text);
  }

  // A context of its own for rotary positions, which know no longest one.
  TransformerOptions shape(TransformerOptions o) const {
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

  void run(Trial& t) const;

  // --- Claims, written before the run ---

  void claims(Claims& claim) const {
    const auto routed = [](const char* metric) { return of("routed", metric); };
    claim("S1a", always(routed("rank") == 1));
    claim("S1b", of("unrouted", "rank") > 10);
    claim("S1c", of("random", "rank") > 10);
    claim("S2a", routed("kin_standing_out") > 3);
    claim("S2b", routed("kin") > of("unrouted", "kin"));
    claim("S2c", routed("companions_standing_out") > 3);
    claim("S3a", routed("word_gain") > 5);
    claim("S3b", routed("kin_gain") > 1.5);
    claim("S3c", routed("companions_gain") > 1.5);
    claim("S3d", routed("opposite_gain") < 1);
    claim("T1", routed("loss") - of("unrouted", "loss") < 0.05);
  }

  // --- Figures ---

  void figures(Figures& figure) const {
    figure.lines("steering")
        .level(1)
        .log_y()
        .metrics("word, routed", "routed", "word@*")
        .metrics("words of its kind, routed", "routed", "kin@*")
        .metrics("companions, routed", "routed", "companions@*")
        .metrics("perplexity, routed", "routed", "perplexity@*")
        .metrics("word, unrouted", "unrouted", "word@*");
    figure.bars("rank");
    figure.groups("followers", {"cosine", "kin", "kin_others", "companions", "companions_others"});
    figure.texts("ranking", 2).columns({"routed", "unrouted"});
    figure.texts("samples", 3).columns({"no push", "pushed", "pushed the other way"});
    figure.bars("loss");
  }
};

// One seed: what its arms share, and their phases.
struct SteeringSeed : SteeringScalar {
  Trial& t;
  Corpus corpus;
  TransformerOptions options;
  std::array<WordSet, 3> words = {
      {{"word"}, {"kin"}, {"companions"}}};  // the routed one, followers
  int32_t routed_token = 0;
  double share = 0;  // of the positions that it follows

  SteeringSeed(const SteeringScalar& settings, Trial& trial)
      : SteeringScalar(settings), t(trial), corpus(prepare(t)), options(shape(corpus.model)) {
    std::vector<int64_t> counts(options.vocabulary);
    for (const bool forget : {false, true})
      std::ranges::transform(counts, count_targets(corpus.train, std::ssize(counts), forget),
                             counts.begin(), std::plus{});
    choose_words(counts);
    const double all = std::accumulate(counts.begin(), counts.end(), int64_t{0});
    share = counts[routed_token] / all;
  }

  // Sights of the other towns are drawn as often as the town's own. Else others are those whose
  // counts are nearest, four for each.
  void choose_words(const std::vector<int64_t>& counts) {
    std::set<int32_t> used;
    const auto add = [&](std::string_view text, std::vector<int32_t>& to) {
      to.push_back(corpus.tokenizer->id_of(fmt::format(" {}", text)));
      used.insert(to.back());
    };
    auto& [routed, like, near] = words;
    if (generated()) {
      for (const Town& town : story_grammar().towns) {
        const bool own = routed.ids.empty();
        add(town.name, own ? routed.ids : like.ids);
        for (const std::string_view sight : town.sights) add(sight, own ? near.ids : near.others);
      }
    } else {
      add(word, routed.ids);
      for (const std::string& each : parts_of(kin, "kin")) add(each, like.ids);
      for (const std::string& each : parts_of(companions, "companions")) add(each, near.ids);
    }
    routed_token = routed.ids[0];

    std::vector<int32_t> tokens(counts.size());
    std::iota(tokens.begin(), tokens.end(), 0);
    for (WordSet* w : {&like, &near}) {
      if (!w->others.empty()) continue;
      for (const int32_t each : w->ids) {
        const auto apart = [&](int32_t i) { return std::abs(counts[i] - counts[each]); };
        std::ranges::stable_sort(tokens, {}, apart);
        const size_t enough = w->others.size() + 4;
        for (const int32_t i : tokens)
          if (w->others.size() < enough && used.insert(i).second) w->others.push_back(i);
      }
    }
  }

  void run_arm(const std::string& arm) const {
    Training how = pretraining(t, "all.train");
    if (clip > 0) how.apply.clip_norm = clip;
    const Trained m = t.train(arm, init(t, "init", options), how, next_token(routed(arm)));
    Metrics found;
    const double unit = rank(arm, m, found) * usual_size(m);
    const double best = sweep(m, unit, found);
    if (arm == "routed") write_samples(m, best * unit);
    t.record(arm, m, found);
  }

  // --- Graphs ---

  static std::string output_of(int64_t layer) {
    return fmt::format("blocks.{}.hook_resid_post", layer);
  }
  // 1 at the dimension, else 0: [width].
  Value axis(Net& net) const {
    return equal(iota(net.graph(), Shape{options.width}, 0), double{kDimension});
  }

  Model routed(const std::string& arm) const {
    return [arm, this](Net& net, const Batch& b) {
      if (arm != "unrouted") {
        Step& s = b.step;
        const Value chosen =
            arm == "routed" ? equal(b.targets, routed_token)
                            : random_bernoulli(s.key(), convert(s.step(), DType::i32), s.index(),
                                               "routed positions", Shape{length}, share);
        const Value at = reshape(chosen, {chosen.dim(0), chosen.dim(1), 1});
        const Value mask = 1.0 - at * (1.0 - axis(net));
        for (int64_t layer = first_layer; layer <= last_layer; ++layer)
          net.hook(output_of(layer), [mask](Value v) { return route(v, mask); });
      }
      return transformer(net, b.tokens, options);
    };
  }

  void push(Net& net, Value by) const {
    intervene(net, {steer(output_of(steered_layer), axis(net), by)});
  }

  // --- Measures ---

  // How much of each token's unembedding lies along the dimension. Returns its sign, an accident of
  // each run: the word's own is positive.
  double rank(const std::string& arm, const Trained& m, Metrics& found) const {
    std::vector<double> cosines(options.vocabulary);
    for (int64_t i = 0; i < std::ssize(cosines) && !t.dry(); ++i) {
      const std::span<const float> row = m.model.rows("embed.weight", 0, i, i + 1);
      double squares = 0;
      for (const float x : row) squares += double{x} * x;
      cosines[i] = squares == 0 ? 0 : row[kDimension] / std::sqrt(squares);
    }
    const double own = cosines[routed_token], sign = own < 0 ? -1 : 1;
    found["rank"] = 1;
    found["cosine"] = std::abs(own);
    for (double& c : cosines) {
      if (std::abs(c) > std::abs(own)) ++found["rank"];
      c *= sign;
    }
    for (const WordSet& w : words | std::views::drop(1)) {
      const auto summary = [&](const std::vector<int32_t>& ids) {
        std::vector<double> values;
        for (const int32_t i : ids) values.push_back(cosines[i]);
        return describe(values);
      };
      const Summary near = summary(w.ids), far = summary(w.others);
      const double error = far.deviation * std::sqrt(1.0 / near.n + 1.0 / far.n);
      found[w.name] = near.mean;
      found[w.name + "_others"] = far.mean;
      found[w.name + "_standing_out"] = error > 0 ? (near.mean - far.mean) / error : kNaN;
    }
    if (!std::isfinite(std::accumulate(cosines.begin(), cosines.end(), 0.0))) {  // it has diverged
      found["rank"] = kNaN;
      std::ranges::fill(cosines, 0);
    }
    std::vector<int32_t> order(cosines.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, std::ranges::greater{}, [&](int32_t i) { return cosines[i]; });
    std::string list;
    for (const int32_t i : order | std::views::take(kRanked))
      list += fmt::format("{}{} {:.2f}", list.empty() ? "" : ",", corpus.tokenizer->text_of(i),
                          cosines[i]);
    if (arm != "random") t.text("ranking", arm == "unrouted", list);
    return sign;
  }

  // Mean probabilities over held-out text of the word and each kind of followers with a push, and
  // the perplexity.
  Metrics say(const Trained& m, double by) const {
    const auto chances = [&](Step& s) {
      Net net = s.net("model");
      const Batch b(s, "all.validation");
      push(net, s.scalar("push"));
      const Value logits = transformer(net, b.tokens, options), p = softmax(logits);
      for (const WordSet& w : words) {
        std::vector<Value> each;
        for (const int32_t i : w.ids) each.push_back(slice(p, 2, i, i + 1));
        const Value all = reshape(sum_n(each), b.weights.shape());
        s.graph().result(w.name, sum(all * b.weights) / sum(b.weights));
      }
      s.graph().result("loss", next_token_loss(logits, b.targets, b.weights));
    };
    const Measured seen =
        t.evaluate(chances, rows_of(t, "all.validation"), {{"model", &m.model}}, {{"push", by}});
    Metrics said = {{"perplexity", std::exp(seen.at("loss")[0])}};
    for (const WordSet& w : words) said[w.name] = seen.at(w.name)[0];
    return said;
  }

  // What the dimension holds where the word follows: its root mean square.
  double usual_size(const Trained& m) const {
    return t.measure(m, "all.validation", [&](Step& s, Net& net) {
      const Batch b(s);
      transformer(net, b.tokens, options);
      const Value stream = net.value(output_of(steered_layer));
      const Value at = equal(b.targets, routed_token) * b.weights;
      const Value x = reshape(slice(stream, 2, kDimension, kDimension + 1), at.shape());
      return sqrt(sum(square(x) * at) / maximum(sum(at), constant(s.graph(), 1)));
    });
  }

  // What pushes gain. Returns the best, of one unit, or the smallest if none is good.
  double sweep(const Trained& m, double unit, Metrics& found) const {
    const Metrics plain = say(m, 0);
    std::map<double, Metrics> gain = {{0, plain}};
    for (const double push : pushes)
      for (const double by : {push, -push}) gain[by] = say(m, by * unit);
    for (auto& [by, gains] : gain)
      for (auto& [name, value] : gains) {
        value /= plain.at(name);
        if (by != 0) found[fmt::format("{}@{}", name, by)] = value;
      }
    double best = 0;
    for (const double push : pushes)
      if (gain[push]["perplexity"] <= kWorsePerplexity && gain[push]["word"] > gain[best]["word"])
        best = push;
    for (const WordSet& w : words) found[w.name + "_gain"] = gain[best][w.name];
    found["opposite_gain"] = gain[-best]["word"];
    found["best_push"] = best;
    found["loss"] = std::log(plain.at("perplexity"));
    return std::max(best, pushes.front());
  }

  void write_samples(const Trained& m, double by) const {
    const Tokenizer& words = *corpus.tokenizer;
    const std::vector<Tokens> prompts(samples, Tokens{words.end_of_text()});
    int64_t column = 0;
    for (const double shown : {0.0, by, -by}) {
      const SamplingOptions how{
          .tokens = std::min(sample_length, length - 1),
          .drawing = {.top_k = 200},
          .stop = words.end_of_text(),
          .hooks = [&](Net& net) { push(net, constant(net.graph(), shown)); }};
      const std::vector<std::optional<Tokens>> found =
          sample(t, options, m, prompts, t.key().fold("samples"), how);
      for (int64_t i = 0; i < samples; ++i)
        t.text("samples", 3 * i + column,
               found[i] ? words.decode(*found[i]) : "(its logits are not finite)");
      ++column;
    }
  }
};

void SteeringScalar::run(Trial& t) const {
  const SteeringSeed seed(*this, t);
  for (const std::string arm : {"routed", "unrouted", "random"})
    t.part(arm, [&] { seed.run_arm(arm); });
}

}  // namespace

Experiment steering_scalar() {
  return experiment<SteeringScalar>(
      {.name = "steering-scalar",
       .metric = "word_gain",
       .primary = {"S3a"},
       .ranges = {{"loss*", 0, kNoEnd}, {"perplexity*", 0, kNoEnd}},
       .calibrated = {"",
                      "size=L first_layer=2 last_layer=5 steered_layer=3 "
                      "pushes=0.1,0.2,0.3,0.5,0.7,1,2,4,8"},
       .presets = {
           {"quick", 4},
           {"middle", 10,
            "size=L steps=5000 held_out=1000 first_layer=2 last_layer=5 steered_layer=3 "
            "pushes=0.1,0.2,0.3,0.5,0.7,1,2,4,8"},
           {"paper", 1,
            "text=fineweb-edu tokenizer=gpt2 word=California "
            "kin=Oregon+Colorado+Texas+Florida+Arizona companions=Sacramento+Los size=gpt2 "
            "layers=20 width=1024 heads=16 rotary=true length=1024 batch=576 steps=10000 "
            "warmup=2000 lr=1.8e-3 first_layer=6 last_layer=18 steered_layer=10 stories=10000000 "
            "sample_length=150 pushes=0.1,0.2,0.5,1,2,4,8"},
           {"smoke", 2,
            "size=XS first_layer=0 last_layer=1 steered_layer=1 stories=100 held_out=40 length=24 "
            "batch=8 steps=3 warmup=1 pushes=1,2 samples=2 sample_length=8"}}});
}

}  // namespace omni
