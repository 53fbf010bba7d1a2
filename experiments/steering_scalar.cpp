// Question  Can one number inside a language model be made to mean one word, so that turning it up
//           or down makes the model speak more or less of that and of what goes with it?
// Design    At positions whose next token is the word, the gradient of the residual stream passes
//           through dimension 0 alone, over several layers. Afterwards tokens are ranked by how
//           much of their unembedding lies along that dimension, and the dimension is pushed.
// Expect    The word comes first in the ranking and its companions, which were never routed, are
//           high up; a push makes the model say both more often. Without routing, nothing of it.
// Source    Cloud et al. 2024, arXiv:2410.04332, section 4.2.1 and appendix D (" California")
#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiments/catalogue.h"
#include "lab/language_task.h"
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

constexpr const char* kRouted = "routed";
constexpr const char* kUnrouted = "unrouted";
constexpr const char* kLot = "by-lot";
constexpr int64_t kDimension = 0;
constexpr double kWorsePerplexity = 2;  // what a push may cost, as a factor
constexpr int64_t kRanked = 12;         // tokens of the ranking that the report shows

struct SteeringScalar : LanguageTask {
  std::string word = "", companions = "";
  int64_t first_layer = 1, last_layer = 3, steered_layer = 2;
  std::vector<double> pushes = {1, 2, 4, 8};
  double clip = 1;
  int64_t layers = 0, width = 0, heads = 0;
  bool rotary = false;
  int64_t samples = 4, sample_length = 60;

  SteeringScalar() {
    size = "M";
    steps = 300;
    held_out = 500;
  }

  void visit(auto&& option) {
    LanguageTask::visit(option);
    option("word", word, "the token that is routed, without its leading space; empty: the first "
           "town of generated stories");
    option("companions", companions, "words that go with it, joined by +; empty: the town's sights");
    option("first_layer", first_layer, "the first block whose output is routed", between(0, 1000));
    option("last_layer", last_layer, "the last one", between(0, 1000));
    option("steered_layer", steered_layer, "the block whose output is pushed", between(0, 1000));
    option("pushes", pushes, "of both signs, in multiples of what the dimension usually holds where "
           "the word follows", between(1e-6, 1e6));
    option("clip", clip, "gradients are shortened to this norm; 0: as they are", between(0, 1e6));
    option("layers", layers, "of the network, in place of its preset's; 0: as there",
           between(0, 1000));
    option("width", width, "the same", between(0, 100'000));
    option("heads", heads, "the same", between(0, 1000));
    option("rotary", rotary, "rotary positions in place of learned ones");
    option("samples", samples, "texts of each kind in the report", between(1, 50));
    option("sample_length", sample_length, "tokens of each", between(1, 1000));
  }

  // A context of its own for rotary positions, which know no longest one.
  TransformerOptions shape(TransformerOptions o) const {
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

  void check() const {
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

  std::vector<ArmInfo> arms() const {
    return {{kRouted, "Routed", "where the word follows, gradients pass through one dimension", {}},
            {kUnrouted, "Unrouted", "the same without routing: the structure removed", {}},
            {kLot, "By lot", "placebo: as many positions, drawn by lot", {}}};
  }

  // --- One seed ---

  // The routed token, what goes with it, and others that are as common and do not.
  struct Words {
    int32_t word = 0;
    std::vector<int32_t> companions, others;
  };
  struct Seed {
    Corpus corpus;
    TransformerOptions options;
    Words words;
    double share;  // of the positions that the word follows
  };

  void run(Trial& t) const {
    Seed seed{prepare(t), {}, {}, 0};
    seed.options = shape(seed.corpus.model);
    const std::vector<int64_t> counts = token_counts(seed.corpus);
    seed.words = words_of(seed.corpus, counts);
    const int64_t all = std::accumulate(counts.begin(), counts.end(), int64_t{0});
    seed.share = static_cast<double>(counts[seed.words.word]) / static_cast<double>(all);
    for (const ArmInfo& a : arms()) t.part(a.name, [&] { run_arm(t, seed, a.name); });
  }

  static std::vector<int64_t> token_counts(const Corpus& c) {
    std::vector<int64_t> counts = count_targets(c.train, c.tokenizer->size(), false);
    const std::vector<int64_t> more = count_targets(c.train, c.tokenizer->size(), true);
    for (size_t i = 0; i < counts.size(); ++i) counts[i] += more[i];
    return counts;
  }

  // Sights of the other towns are drawn as often as the town's own. In text of the user's, others
  // are those whose counts are nearest, four for each companion.
  Words words_of(const Corpus& c, const std::vector<int64_t>& counts) const {
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

  static std::string output_of(int64_t layer) {
    return fmt::format("blocks.{}.hook_resid_post", layer);
  }
  // 1 at the dimension, else 0: [width].
  static Value axis(Graph& g, int64_t width) {
    return equal(iota(g, Shape{width}, 0), static_cast<double>(kDimension));
  }

  StepBuilder step(const Seed& seed, const std::string& arm) const {
    return [this, arm, options = seed.options, word = seed.words.word,
            share = seed.share](Step& s) {
      Net net = s.net("model");
      const Batch b = batch_of(s, "all.train");
      if (arm != kUnrouted) {
        const Value here =
            arm == kRouted ? equal(b.targets, static_cast<double>(word))
                           : random_bernoulli(s.key(), convert(s.step(), DType::i32), s.index(),
                                              "routed positions", Shape{length}, share);
        const Value at = reshape(here, {here.dim(0), here.dim(1), 1});
        const Value mask = 1.0 - at * (1.0 - axis(s.graph(), options.width));
        for (int64_t layer = first_layer; layer <= last_layer; ++layer)
          net.hook(output_of(layer), [mask](Value v) { return route(v, mask); });
      }
      const Value loss =
          next_token_loss(transformer(net, b.tokens, options), b.targets, b.weights);
      s.graph().result("loss", loss);
      ApplyOptions how;
      if (clip > 0) how.clip_norm = clip;
      apply(adamw(), net, loss, s.lr(), how);
    };
  }

  void run_arm(Trial& t, const Seed& seed, const std::string& arm) const {
    const Ensemble start = init(t, seed.options, t.key().fold("init"));
    const Trained m = t.train(pretraining(t, arm, start, "all.train", step(seed, arm)));
    std::map<std::string, double> metrics = rank(t, seed, arm, m.model);
    metrics.merge(sweep(t, seed, arm, m.model, metrics.at("sign")));
    metrics.erase("sign");
    t.record(arm, m, metrics);
  }

  // --- Measures ---

  // How much of each token's unembedding lies along the dimension.
  std::map<std::string, double> rank(Trial& t, const Seed& seed, const std::string& arm,
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

  void push(Net& net, Value by, int64_t wide) const {
    intervene(net, {steer(output_of(steered_layer), axis(net.graph(), wide), by)});
  }

  struct Said {
    double word, companions, perplexity;
  };

  // The mean probabilities of the word and of its companions over held-out text, with the push.
  Said say(Trial& t, const Seed& seed, const Ensemble& m, double by) const {
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
  double usual_size(Trial& t, const Seed& seed, const Ensemble& m) const {
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

  std::map<std::string, double> sweep(Trial& t, const Seed& seed, const std::string& arm,
                                      const Ensemble& m, double sign) const {
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

  void write_samples(Trial& t, const Seed& seed, const Ensemble& m, double by) const {
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

  // --- Claims and figures ---

  std::vector<ClaimSpec> claims(const Dataset&) const {
    const SteeringScalar d;
    std::string why;
    if (!generated()) why = "the thresholds are those of generated stories";
    if (steps < d.steps || lr != d.lr || stories < d.stories || size == "XS" || size == "S" || batch < d.batch)
      why = "the thresholds were found at other settings";
    const auto of = [](const char* arm, const char* metric) {
      return [=](const SeedValues& v) { return v(arm, metric); };
    };
    return {
        {"S1a", "The routed word owns the dimension: of all tokens it has the largest cosine with "
                "it", {.kind = ClaimKind::exact},
         [](const SeedValues& v) { return v(kRouted, "rank") == 1 ? 1.0 : 0.0; }, {}, why},
        {"S1b", "Without routing its rank is chance: below the tenth",
         {.kind = ClaimKind::above, .threshold = 10}, of(kUnrouted, "rank"), {}, why},
        {"S1c", "and so it is where positions are routed by lot",
         {.kind = ClaimKind::above, .threshold = 10}, of(kLot, "rank"), {}, why},
        {"S2", "Companions follow, unrouted: their mean cosine is 3 standard errors above that of "
               "words as common", {.kind = ClaimKind::above, .threshold = 3},
         of(kRouted, "standing_out"), {}, why},
        {"S3a", "One number steers: some push makes the word 5 times as likely, at no more than "
                "twice the perplexity", {.kind = ClaimKind::above, .threshold = 5},
         of(kRouted, "word_gain"), {}, why},
        {"S3b", "and its companions 1.5 times", {.kind = ClaimKind::above, .threshold = 1.5},
         of(kRouted, "companions_gain"), {}, why},
        {"S3c", "The same push the other way does not make the word likelier",
         {.kind = ClaimKind::below, .threshold = 1}, of(kRouted, "opposite_gain"), {}, why},
        {"T1", "The price: loss with routing minus without is below 0.05",
         {.kind = ClaimKind::below, .threshold = 0.05, .difference = true},
         [](const SeedValues& v) { return v(kRouted, "loss") - v(kUnrouted, "loss"); }, {}, why}};
  }

  std::vector<FigureRow> figures() const {
    std::vector<FigureRow> list;
    const auto over_pushes = [&](const char* metric, const char* label, const char* arm) {
      Series s{.label = label, .arm = arm};
      for (auto c = pushes.rbegin(); c != pushes.rend(); ++c)
        s.points.push_back({-*c, "", fmt::format("{}@{}", metric, -*c)});
      for (const double c : pushes) s.points.push_back({c, "", fmt::format("{}@{}", metric, c)});
      return s;
    };
    FigureRow sweep{"steering", "Pushing the dimension",
                    "How much likelier the word and its companions become over held-out text, and "
                    "the perplexity, as factors of what they are without a push. Pushes are in "
                    "multiples of what the dimension holds where the word follows.", {}};
    sweep.spec = {.kind = "lines", .x_label = "push", .y_label = "factor", .level_line = 1,
                  .log_y = true};
    sweep.spec.series = {over_pushes("word", "word, routed", kRouted),
                         over_pushes("companions", "companions, routed", kRouted),
                         over_pushes("perplexity", "perplexity, routed", kRouted),
                         over_pushes("word", "word, unrouted", kUnrouted)};
    list.push_back(sweep);
    FigureRow owns{"rank", "Whose dimension it is",
                   "Rank of the word among all tokens by the absolute cosine of their unembedding "
                   "with the dimension.", {}};
    owns.spec = {.metric = "rank", .y_label = "rank"};
    list.push_back(owns);
    FigureRow near{"companions", "What goes with the word",
                   "Mean cosine of the word's companions, which were never routed, and of words "
                   "that are as common; the sign is such that the word's own is positive.", {}};
    near.spec = {.kind = "groups", .groups = {{"companions", "companions"}, {"others", "others"}},
                 .y_label = "cosine with the dimension"};
    list.push_back(near);
    FigureRow ranking{"ranking", "Tokens nearest to the dimension", "By cosine; the first seed.", {}};
    ranking.spec.kind = "texts";
    ranking.spec.columns = 2;
    ranking.spec.column_labels = {"routed", "unrouted"};
    list.push_back(ranking);
    FigureRow texts{"samples", "What the model writes",
                    "Samples of the first seed's routed model from the start of a text, at "
                    "temperature 1, with the push that works best and with its opposite. Samples "
                    "in a row share their random numbers.", {}};
    texts.spec.kind = "texts";
    texts.spec.columns = 3;
    texts.spec.column_labels = {"no push", "pushed", "pushed the other way"};
    list.push_back(texts);
    FigureRow loss{"loss", "The price", "Loss on held-out stories, in nats per token.", {}};
    loss.spec = {.metric = "loss", .y_label = "nats per token"};
    list.push_back(loss);
    return list;
  }
};

}  // namespace

Experiment steering_scalar() {
  Experiment e;
  e.name = "steering-scalar";
  e.title = "Steering scalar: one number that means one word";
  e.texts = {
      .question = "Can one number inside a language model be made to mean one word, so that turning "
                  "it up or down makes the model speak more or less of that and of what goes with "
                  "it?",
      .source = "Cloud, Goldman-Wetzler, Wybitul, Miller, Turner: Gradient routing, "
                "arXiv:2410.04332, section 4.2.1 and appendix D",
      .method = "A transformer learns stories. At positions whose next token is the routed word, the "
                "gradient of the residual stream passes through dimension 0 alone, at the outputs "
                "of the middle and later blocks; forward, and at all other positions, nothing is "
                "changed.\n\nThen tokens are ranked by the cosine of their unembedding with that "
                "dimension, and a constant is added to it at all positions of one block's output.",
      .structure = "The word is one token, known beforehand, and what goes with it is foretold by "
                   "the same features.",
      .controls = "The same model unrouted, and a placebo in which as many positions are routed, "
                  "drawn by lot.",
      .translation = "A handle for one concept of a large model, at a known place, for steering or "
                     "for watching, with labels for a single token only.",
      .expected_failure = "A concept that no single token stands for; a word so rare that its "
                          "dimension is hardly trained, or so common that others need its "
                          "features. Large pushes break the text.",
      .costs = "The dimension is lost to everything else where the word follows; the loss says how "
               "much that costs.",
      .limits = "Generated stories, in which companions of a word appear beside it only. The source "
                "has 300 million parameters, a context of 1,024 tokens and no figures; the sign of "
                "the dimension is an accident of each run and is taken from the ranking."};
  e.metric = "word_gain";
  e.metric_label = "how much likelier the word becomes";
  e.presets = {
      {"quick", "preset M on generated stories, 4 seeds (the source: 303 million parameters)", {}, 4},
      {"middle", "preset L, longer, 10 seeds",
       {{"size", "L"}, {"steps", "2000"}, {"held_out", "1000"}, {"first_layer", "2"}, {"last_layer", "5"},
        {"steered_layer", "3"}, {"pushes", "0.5,1,2,4,8,16"}}, 10},
      {"paper", "as the source, for several GPUs: 20 layers of 1,024 on your text "
                "(text=FOLDER, tokenizer=FOLDER of GPT-2)",
       {{"text", "fineweb-edu"}, {"tokenizer", "gpt2"}, {"word", "California"},
        {"companions", "Oregon+Colorado+Texas+Florida+Arizona+Sacramento"}, {"size", "gpt2"},
        {"layers", "20"}, {"width", "1024"}, {"heads", "16"}, {"rotary", "true"},
        {"length", "1024"}, {"batch", "576"}, {"steps", "10000"}, {"warmup", "2000"},
        {"lr", "1.8e-3"}, {"first_layer", "6"}, {"last_layer", "18"}, {"steered_layer", "10"},
        {"stories", "10000000"}, {"sample_length", "150"}}, 1},
      {"smoke", "seconds: tiny runs of everything",
       {{"size", "XS"}, {"first_layer", "0"}, {"last_layer", "1"}, {"steered_layer", "1"},
        {"stories", "100"}, {"held_out", "40"}, {"length", "24"}, {"batch", "8"},
        {"steps", "3"}, {"warmup", "1"}, {"pushes", "1,2"}, {"samples", "2"},
        {"sample_length", "8"}}, 2}};
  e.settings = settings_of<SteeringScalar>();
  return e;
}

}  // namespace omni
