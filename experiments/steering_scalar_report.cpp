// The steering scalar: its claims, figures, texts and presets.
#include <cmath>

#include "experiments/catalogue.h"
#include "experiments/steering_scalar.h"

namespace omni {

// The defaults, and the network and pushes of preset middle.
std::vector<SteeringScalar> SteeringScalar::calibrated() const {
  SteeringScalar small, large;
  large.size = "L";
  large.first_layer = 2;
  large.last_layer = 5;
  large.steered_layer = 3;
  large.pushes.push_back(8);
  return {small, large};
}

std::vector<ClaimSpec> SteeringScalar::claims(const Dataset&) const {
  std::string why;
  if (!generated()) why = "the thresholds are those of generated stories";
  const auto of = [](const char* arm, const char* metric) {
    return [=](const SeedValues& v) { return v(arm, metric); };
  };
  return {
      {"S1a", "The routed word owns the dimension: of all tokens it has the largest cosine with "
              "it", {.kind = ClaimKind::exact},
       [](const SeedValues& v) {
         const double rank = v(kRouted, "rank");
         return std::isnan(rank) ? kNaN : rank == 1 ? 1.0 : 0.0;
       }, {}, why},
      {"S1b", "Without routing its rank is chance: below the tenth",
       {.kind = ClaimKind::above, .threshold = 10}, of(kUnrouted, "rank"), {}, why},
      {"S1c", "and so it is where positions are routed by lot",
       {.kind = ClaimKind::above, .threshold = 10}, of(kLot, "rank"), {}, why},
      {"S2a", "Words of its kind follow, unrouted: their mean cosine is 3 standard errors above "
              "that of words as common", {.kind = ClaimKind::above, .threshold = 3},
       of(kRouted, "kin_standing_out"), {}, why},
      {"S2b", "It is routing that draws them: their mean cosine is larger than without",
       {.kind = ClaimKind::above, .threshold = 0, .difference = true},
       [](const SeedValues& v) { return v(kRouted, kKin) - v(kUnrouted, kKin); }, {}, why},
      {"S2c", "Its companions stand out in the same way, by 3 standard errors",
       {.kind = ClaimKind::above, .threshold = 3}, of(kRouted, "companions_standing_out"), {}, why},
      {"S3a", "One number steers: some push makes the word 5 times as likely, at no more than "
              "twice the perplexity", {.kind = ClaimKind::above, .threshold = 5},
       of(kRouted, "word_gain"), {}, why},
      {"S3b", "and words of its kind 1.5 times", {.kind = ClaimKind::above, .threshold = 1.5},
       of(kRouted, "kin_gain"), {}, why},
      {"S3c", "and its companions 1.5 times", {.kind = ClaimKind::above, .threshold = 1.5},
       of(kRouted, "companions_gain"), {}, why},
      {"S3d", "The same push the other way does not make the word likelier",
       {.kind = ClaimKind::below, .threshold = 1}, of(kRouted, "opposite_gain"), {}, why},
      {"T1", "The price: loss with routing minus without is below 0.05",
       {.kind = ClaimKind::below, .threshold = 0.05, .difference = true},
       [](const SeedValues& v) { return v(kRouted, "loss") - v(kUnrouted, "loss"); }, {}, why}};
}

std::vector<FigureRow> SteeringScalar::figures() const {
  std::vector<FigureRow> list;
  const auto over_pushes = [&](const char* metric, const char* label, const char* arm) {
    Series s{.label = label, .arm = arm};
    for (auto c = pushes.rbegin(); c != pushes.rend(); ++c)
      s.points.push_back({-*c, "", fmt::format("{}@{}", metric, -*c)});
    for (const double c : pushes) s.points.push_back({c, "", fmt::format("{}@{}", metric, c)});
    return s;
  };
  FigureRow sweep{"steering", "Pushing the dimension",
                  "How much likelier the word and those that follow it become over held-out text, "
                  "and the perplexity, as factors of what they are without a push. Pushes are in "
                  "multiples of what the dimension holds where the word follows.", {}};
  sweep.spec = {.kind = "lines", .x_label = "push", .y_label = "factor", .level_line = 1,
                .log_y = true};
  sweep.spec.series = {over_pushes("word", "word, routed", kRouted),
                       over_pushes("kin", "words of its kind, routed", kRouted),
                       over_pushes("companions", "companions, routed", kRouted),
                       over_pushes("perplexity", "perplexity, routed", kRouted),
                       over_pushes("word", "word, unrouted", kUnrouted)};
  list.push_back(sweep);
  FigureRow owns{"rank", "Whose dimension it is",
                 "Rank of the word among all tokens by the absolute cosine of their unembedding "
                 "with the dimension.", {}};
  owns.spec = {.metric = "rank", .y_label = "rank"};
  list.push_back(owns);
  FigureRow near{"followers", "What follows the word",
                 "Mean cosine of words of its kind and of its companions, which were never routed, "
                 "each beside words that are as common; the sign is such that the word's own is "
                 "positive.", {}};
  near.spec = {.kind = "groups",
               .groups = {{"the word", "cosine"}, {"its kind", "kin"},
                          {"as common", "kin_others"}, {"companions", "companions"},
                          {"as common ", "companions_others"}},
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
       {{"size", "L"}, {"steps", "5000"}, {"held_out", "1000"}, {"first_layer", "2"}, {"last_layer", "5"},
        {"steered_layer", "3"}, {"pushes", "0.1,0.2,0.3,0.5,0.7,1,2,4,8"}}, 10},
      {"paper", "as the source, for several GPUs: 20 layers of 1,024 on your text "
                "(text=FOLDER, tokenizer=FOLDER of GPT-2)",
       {{"text", "fineweb-edu"}, {"tokenizer", "gpt2"}, {"word", "California"},
        {"kin", "Oregon+Colorado+Texas+Florida+Arizona"}, {"companions", "Sacramento+Los"},
        {"size", "gpt2"},
        {"layers", "20"}, {"width", "1024"}, {"heads", "16"}, {"rotary", "true"},
        {"length", "1024"}, {"batch", "576"}, {"steps", "10000"}, {"warmup", "2000"},
        {"lr", "1.8e-3"}, {"first_layer", "6"}, {"last_layer", "18"}, {"steered_layer", "10"},
        {"stories", "10000000"}, {"sample_length", "150"},
        {"pushes", "0.1,0.2,0.5,1,2,4,8"}}, 1},
      {"smoke", "seconds: tiny runs of everything",
       {{"size", "XS"}, {"first_layer", "0"}, {"last_layer", "1"}, {"steered_layer", "1"},
        {"stories", "100"}, {"held_out", "40"}, {"length", "24"}, {"batch", "8"},
        {"steps", "3"}, {"warmup", "1"}, {"pushes", "1,2"}, {"samples", "2"},
        {"sample_length", "8"}}, 2}};
  e.settings = settings_of<SteeringScalar>();
  e.primary = {"S3a"};
  e.seeds_needed = "How much likelier the word becomes differs much between seeds (26 to 87 times on "
                   "seeds 0 to 3, a spread of 29): 7 seeds would decide S3a in nine of ten runs. "
                   "quick has 4, for the sake of its time; add --seeds 0..6.";
  return e;
}

}  // namespace omni
