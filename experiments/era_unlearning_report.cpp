// Expand-Route-Ablate on stories: its claims, figures, texts and presets.
#include <algorithm>
#include <cmath>

#include "experiments/catalogue.h"
#include "experiments/era_unlearning.h"

namespace omni {
namespace {

// The value of a claim: metrics of arms, put together.
using Number = std::function<double(const SeedValues&)>;

Number at(const std::string& arm, const std::string& metric) {
  return [=](const SeedValues& v) { return v(arm, metric); };
}
Number minus(Number a, Number b) {
  return [=](const SeedValues& v) { return a(v) - b(v); };
}
// The least; NaN if one is.
Number lowest(std::vector<Number> numbers) {
  return [=](const SeedValues& v) {
    double found = INFINITY;
    for (const Number& n : numbers)
      if (const double x = n(v); !(x >= found)) found = x;
    return found;
  };
}

Claim above(double x) { return {.kind = ClaimKind::above, .threshold = x, .difference = true}; }
Claim below(double x) { return {.kind = ClaimKind::below, .threshold = x, .difference = true}; }
Claim within(double low, double high) {
  return {.kind = ClaimKind::band, .low = low, .high = high, .difference = true};
}

FigureRow figure(std::string id, std::string title, std::string caption, FigureSpec spec) {
  return {std::move(id), std::move(title), std::move(caption), std::move(spec)};
}

}  // namespace

std::vector<EraUnlearning> EraUnlearning::calibrated() const {
  EraUnlearning quick, middle;
  middle.attack_sizes = {4, 16, 64};
  return {quick, middle};
}

std::vector<ClaimSpec> EraUnlearning::claims(const Dataset&) const {
  std::string other;
  if (!generated()) other = "the thresholds are those of generated stories";

  const auto absent = [&](std::vector<std::string> wanted, std::vector<double> shares) {
    for (const std::string& m : wanted)
      if (!has(m)) return fmt::format("this run has no {}; see --preset middle", m);
    for (const double p : shares)
      if (std::ranges::count(labelled, p) == 0)
        return fmt::format("this run has no share of labels of {}; see --preset middle", p);
    return std::string();
  };
  const auto missing = [&](std::vector<std::string> wanted, std::vector<double> shares) {
    const std::string why = absent(std::move(wanted), std::move(shares));
    return why.empty() ? other : why;
  };
  const std::string no_era = absent({"era"}, {1});  // facts hold at all settings
  const auto all = [&](std::vector<std::string> wanted) { return missing(wanted, {1}); };
  const std::string last = relearned(most_stories());
  const auto ablation = [](const std::string& arm, const std::string& topic) {
    return minus(at(arm, "ablated_" + topic), at(arm, "before_" + topic));
  };
  const auto to_base = [](const std::string& arm, const std::string& topic) {
    return minus(at(arm, topic), at("base", topic));
  };

  std::vector<ClaimSpec> c = {
      {"U1", "Routing leaves the forward pass as it is, bit for bit", {.kind = ClaimKind::exact},
       at("era", "forward_unchanged"), {}, no_era},
      {"U2", "Routing multiplies the gradient of the original neurons' input weights by its factor "
             "and leaves that of the new ones and of all output weights, to 1e-4",
       {.kind = ClaimKind::exact}, at("era", "gradient_algebra"), {}, no_era},
      {"U3", "Cutting the new neurons off is silencing them: logits within 1e-5",
       {.kind = ClaimKind::exact}, at("era", "cut_is_silence"), {}, no_era},
      {"C1a", "Routing localises: ablation costs 0.3 nats on forget stories", above(0.3),
       ablation("era", "forget"), {}, all({"era"})},
      {"C1b", "and more than twice what it costs on the others", above(0),
       [=](const SeedValues& v) {
         return ablation("era", "forget")(v) - 2 * ablation("era", "retain")(v);
       }, {}, all({"era"})},
      {"C2a", "It is the routing: without it ablation changes the loss on forget stories by less "
              "than 0.05", within(-0.05, 0.05), ablation("control", "forget"), {}, other},
      {"C2b", "and that on the others by less than 0.05", within(-0.05, 0.05),
       ablation("control", "retain"), {}, other},
      {"C3a", "The repair is quick: its best step is the fifth or earlier",
       {.kind = ClaimKind::below, .threshold = 5.5}, at("era", "best_step"), {}, all({"era"})},
      {"C3b", "and leaves a tax on retain stories between 0 and 0.15 above base", within(0, 0.15),
       to_base("era", "retain"), {}, all({"era"})},
      {"C4a", "Forgetting survives the repair: 0.2 above base on forget stories", above(0.2),
       to_base("era", "forget"), {}, all({"era"})},
      {"C4b", "and more than the tax on the others", above(0),
       minus(to_base("era", "forget"), to_base("era", "retain")), {}, all({"era"})}};

  for (const double p : {0.2, 0.5, 0.8})
    c.push_back({fmt::format("C5 {}", p),
                 fmt::format("With {} % of the labels ERA is more robust than filtering{}", 100 * p,
                             p == 0.5 ? ", by 0.02" : ""),
                 above(p == 0.5 ? 0.02 : 0),
                 minus(at(arm("era", p), "robust"), at(arm("pure", p), "robust")), {},
                 missing({"era"}, {p})});
  for (const double p : {0.2, 0.5, 0.8})
    c.push_back({fmt::format("C6 {}", p),
                 fmt::format("With {} % of the labels DEMix does not forget: its loss on forget "
                             "stories falls", 100 * p), below(0),
                 at(arm("demix", p), "unlearned"), {}, missing({"demix"}, {p})});
  c.push_back({"C6 1", "With all labels it does", above(0), at("demix", "unlearned"), {},
               all({"demix"})});
  c.push_back({"C7a", "The tax grows with what is routed: the rank correlation of labels with the "
                      "loss on retain stories is above 0.8",
               {.kind = ClaimKind::above, .threshold = 0.8},
               [shares = labelled](const SeedValues& v) {
                 std::vector<double> tax;
                 for (const double p : shares) tax.push_back(v(arm("era", p), "retain"));
                 return spearman(shares, tax);
               }, {}, missing({"era"}, {0.2, 0.5, 0.8, 1})});
  c.push_back({"C7b", "Filtering has a smaller one", above(0),
               minus(at("era", "retain"), at("pure", "retain")), {}, all({"era"})});
  c.push_back({"C8a", "RMU looks best before the attack: the largest loss on forget stories",
               above(0),
               lowest({minus(at("rmu", "forget"), at("era", "forget")),
                       minus(at("rmu", "forget"), at("pure", "forget"))}), {}, all({"era", "rmu"})});
  c.push_back({"C8b", "and is shallow: the attack takes more than half of its gain",
               {.kind = ClaimKind::above, .threshold = 0.5},
               [=](const SeedValues& v) {
                 return (v("rmu", "forget") - v("rmu", last)) / v("rmu", "unlearned");
               }, {}, all({"rmu"})});
  c.push_back({"C9a", "With all labels filtering is at least as robust as ERA", above(0),
               minus(at("pure", "robust"), at("era", "robust")), {}, all({"era"})});
  c.push_back({"C9b", "and as RMU", above(0), minus(at("pure", "robust"), at("rmu", "robust")), {},
               all({"rmu"})});
  c.push_back({"C10a", "After the attack ERA has the larger loss on forget stories than RMU",
               above(0), minus(at("era", last), at("rmu", last)), {}, all({"era", "rmu"})});
  c.push_back({"C10b", "held against what they started from they are alike, within 0.05",
               within(-0.05, 0.05), minus(at("era", "robust"), at("rmu", "robust")), {},
               all({"era", "rmu"})});
  c.push_back({"C10c", "Both together are more robust than each", above(0),
               lowest({minus(at("era-rmu", "robust"), at("era", "robust")),
                       minus(at("era-rmu", "robust"), at("rmu", "robust"))}), {},
               all({"era", "rmu", "era-rmu"})});
  std::vector<Number> recovered;
  for (const ArmInfo& a : arms())
    for (size_t i = 1; i < attack_sizes.size(); ++i)
      recovered.push_back(minus(at(a.name, relearned(attack_sizes[i - 1])),
                                at(a.name, relearned(attack_sizes[i]))));
  c.push_back({"C11", "From more stories more is regained, by every model",
               above(0), lowest(recovered), {},
               recovered.empty() ? "the attack has one size only" : other});
  c.push_back({"C12", "Not only keywords: on other tokens of forget stories ERA's loss is above "
                      "that of filtering", above(0),
               minus(at("era", "common"), at("pure", "common")), {}, all({"era"})});
  c.push_back({"C13", "Where half of the forget stories have no label, the new neurons still say "
                      "1.3 times as much in forget stories as in others",
               {.kind = ClaimKind::above, .threshold = 1.3}, at(arm("era", 0.5), "absorption"), {},
               missing({"era"}, {0.5})});
  const auto rates_missing = [&] {
    for (const double r : {0.0})
      if (std::ranges::count(rates, r) == 0)
        return fmt::format("this run has no rate of {}; see --preset middle", r);
    return all({"era"});
  }();
  for (const std::string topic : {"forget", "retain"})
    c.push_back({topic == "forget" ? "C14a" : "C14b",
                 topic == "forget" ? "The negative rate matters: ablation costs more on forget "
                                     "stories at -0.75 than at 0, and there more than at 1"
                                   : "and so does its tax on the others",
                 above(0),
                 lowest({minus(ablation("era", topic), ablation(rate_arm(0), topic)),
                         minus(ablation(rate_arm(0), topic), ablation("control", topic))}), {},
                 rates_missing});
  for (ClaimSpec& claim : c) {
    claim.at_all_settings = claim.id[0] == 'U';
    const auto is = [&](std::initializer_list<const char*> ids) {
      return std::ranges::any_of(ids, [&](const char* id) { return claim.id.starts_with(id); });
    };
    std::vector<std::string>& untouched = claim.indifferent_to;
    if (!is({"C8", "C9b", "C10", "C11"}))  // of models without RMU
      untouched = {"rmu_layer", "rmu_steps", "rmu_lr", "rmu_length", "rmu_weight"};
    if (!is({"C5", "C8", "C9", "C10", "C11"}))  // of models before the attack
      untouched.insert(untouched.end(),
                       {"attack_sizes", "attack_at", "attack_repeats", "attack_test"});
  }
  return c;
}

std::vector<FigureRow> EraUnlearning::figures() const {
  const std::string last = relearned(most_stories());
  std::vector<FigureRow> list;
  FigureSpec stages{.kind = "groups", .y_label = "loss on forget stories, nats per token"};
  stages.groups = {{"before", "before_forget"}, {"after", "forget"}};
  for (const int64_t n : attack_sizes)
    stages.groups.push_back({fmt::format("{} stories", n), relearned(n)});
  list.push_back(figure("stages", "What is forgotten, and what comes back",
                        "Loss on held-out forget stories before the method, after it, and at its "
                        "lowest while an attacker trains the model on so many other ones.",
                        stages));
  list.push_back(figure(
      "relearning", "The attack",
      fmt::format("Loss on held-out forget stories while the model is trained on {} others. Bands "
                  "are 95 % intervals.", most_stories()),
      {.kind = "lines", .metric = "relearning", .x_label = "steps of attack",
       .y_label = "loss on forget stories, nats per token"}));

  struct Family {
    const char *method, *label, *none;  // none: the arm that it is without any label
  };
  std::vector<Family> families = {{"pure", "filtering", "base"}};
  if (has("era")) families.push_back({"era", "ERA", "control"});
  if (has("leaky")) families.push_back({"leaky", "ERA, leaky", "control"});
  if (has("demix")) families.push_back({"demix", "DEMix", nullptr});
  if (has("rmu")) families.push_back({"rmu", "RMU", "base"});
  const auto by_share = [&](const std::string& metric, const std::string& y_label) {
    FigureSpec f{.kind = "lines", .metric = metric, .x_label = "share of forget stories labelled",
                 .y_label = y_label};
    for (const Family& family : families) {
      Series s{.label = family.label};
      if (family.none) s.points.push_back({0, family.none});
      for (const double p : labelled)
        if (p < 1 || std::string(family.method) != "leaky")
          s.points.push_back({p, arm(family.method, p)});
      f.series.push_back(s);
    }
    return f;
  };
  list.push_back(figure("gain", "The gain against the share of labels",
                        fmt::format("Robust unlearning: the lowest loss on forget stories while "
                                    "the model is trained on {} of them, minus its loss before "
                                    "the method. Above 0, the attack does not bring everything "
                                    "back.", most_stories()),
                        by_share("robust", "nats per token")));
  list.push_back(figure("tax", "The tax on what is kept",
                        "Loss on held-out retain stories; at 0 what it is without any label.",
                        by_share("retain", "nats per token")));
  if (generated()) {
    FigureSpec facts{.kind = "groups", .y_label = "nats at the word of a fact",
                     .level_line = fact_nats(), .level_label = "guessing"};
    facts.groups = {{"forget", "forget_fact"}, {"retain", "retain_fact"}};
    list.push_back(figure("facts", "Which facts are known",
                          "Loss of the word that a planted fact ends in, in stories of each kind. "
                          "Guessing among the eight possible words costs ln 8.", facts));
  }
  if (!rates.empty()) {
    std::vector<double> sorted = rates;
    sorted.push_back(rate);
    std::ranges::sort(sorted);
    FigureSpec f{.kind = "lines", .x_label = "rate of the original neurons", .y_label = "nats"};
    for (const auto& [metric, label] : {std::pair{"forget", "forget stories"},
                                        {"retain", "retain stories"}}) {
      Series s{.label = label, .metric = metric};
      for (const double r : sorted)
        s.points.push_back({r, r == rate ? arm("era", 1) : rate_arm(r)});
      f.series.push_back(s);
    }
    list.push_back(figure("rates", "Pulling the original neurons the other way",
                          "Final loss by what multiplies their gradient at the topic's own tokens; "
                          "1 is no routing.", f));
  }
  return list;
}

Experiment era_unlearning() {
  Experiment e;
  e.name = "era-unlearning";
  e.title = "Expand, route, ablate: a topic in neurons of its own";
  e.texts = {
      .question = "Can the knowledge of a topic be trained into neurons of its own, so that taking "
                  "these away makes a language model forget it for good?",
      .source = "Cloud, Goldman-Wetzler, Wybitul, Miller, Turner: Gradient routing, "
                "arXiv:2410.04332, section 4.2.2 and appendix C",
      .method =
          "Stories about the forest are to be forgotten. Expand: the first layers of a transformer "
          "get a few more MLP neurons. Route: in stories with a label, the gradient of the "
          "original neurons is multiplied, target token by target token, by w + rate (1 - w), "
          "where w is near 1 for tokens as common elsewhere and near 0 for the topic's own; that "
          "of the new neurons is left. Ablate: the new neurons are cut off, and the rest is tuned "
          "on one batch of retain stories for as many of 40 steps as help.\n\nAll models are then "
          "attacked: trained on a few forget stories that nobody has seen. What counts is the "
          "lowest loss on other forget stories during that training.",
      .structure = "A topic has tokens of its own. Where these train new neurons, what goes with "
                   "them tends to settle there too, label or not (absorption).",
      .controls = "The control is expanded, penalised, ablated and repaired alike, with no routing. "
                  "Base has nothing done to it, and filtering never reads what is labelled. The "
                  "full set adds routing of the keywords alone, experts by label (DEMix), and "
                  "misdirected activations (RMU).",
      .translation = "Tokens of a dangerous field, found by their frequency, train a reserved part "
                     "of each MLP of a large model; serving the model without that part is safe, "
                     "serving it with the part is for those who may.",
      .expected_failure = "Where the topic has no tokens of its own, where what is to be kept needs "
                          "the same neurons, and with all labels at hand: filtering is then as "
                          "good or better and costs nothing.",
      .costs = "A loss on what is to be kept that grows with how much is routed, and a penalty on "
               "activations. Fewer labels make all methods weaker; the figures show by how much.",
      .limits = "Generated stories of some 320 words and models of half a million parameters. The "
                "experts of DEMix share the biases of their outputs. Filtered models take as many "
                "steps as the others, and so read what is left more often. The source's models are "
                "fifty times larger and read 400,000 stories."};
  e.metric = "robust";
  e.metric_label = "robust unlearning, nats";
  const std::string many = "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,22,24,26,28,30,32,"
                           "34,36,38,40";
  e.presets = {
      {"quick", "base, filter, control and ERA on generated stories, 0.5 million parameters; the "
                "source has 77 million, TinyStories, and attacks with 64 stories", {}, 3},
      {"middle", "all arms and shares of labels, other rates, three attacks with up to 64 stories; "
                 "a night on two cores",
       {{"methods", "era+concept+leaky+demix+rmu+era-rmu"}, {"labelled", "0.1,0.2,0.5,0.8,1"},
        {"rates", "1,0.5,0,-0.25,-0.5,-1"}, {"steps", "1000"}, {"attack_sizes", "4,16,64"},
        {"attack_repeats", "3"}, {"attack_test", "300"}, {"held_out", "2500"}}, 5},
      {"paper", "as the source, for a GPU: TinyStories-28M on your copy of TinyStories "
                "(text=FILE, tokenizer=FOLDER of GPT-2)",
       {{"text", "TinyStories.txt"}, {"tokenizer", "gpt2"}, {"size", "tinystories-28m"},
        {"stories", "500000"}, {"held_out", "20000"}, {"characters", "1029"}, {"length", "255"},
        {"batch", "80"}, {"steps", "5000"}, {"warmup", "100"}, {"lr", "5e-4"}, {"neurons", "64"},
        {"routed_layers", "5"}, {"rmu_layer", "5"}, {"rmu_steps", "500"}, {"rmu_lr", "5e-4"},
        {"coherence_test", "1000"}, {"methods", "era+concept+leaky+demix+rmu+era-rmu"},
        {"labelled", "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1"}, {"attack_sizes", "1,4,16,64"},
        {"attack_repeats", "5"}, {"attack_test", "1000"}, {"attack_at", many}}, 5},
      {"smoke", "seconds: tiny runs, of most methods with all labels only",
       {{"methods", "era+demix+rmu"},
        {"size", "XS"}, {"routed_layers", "1"}, {"rmu_layer", "1"},
        {"stories", "200"}, {"held_out", "60"}, {"length", "24"}, {"batch", "8"}, {"steps", "4"},
        {"warmup", "1"}, {"coherence_batch", "8"}, {"coherence_test", "10"},
        {"coherence_steps", "2"}, {"rmu_steps", "2"}, {"attack_sizes", "1,2"},
        {"attack_at", "0,2"}, {"attack_test", "8"}}, 2}};
  e.settings = settings_of<EraUnlearning>();
  e.primary = {"C4a"};
  e.seeds_needed = "The spread of C4a's difference (0.275 on seeds 0 to 2) has not been published; a "
                   "report that leaves it undecided says how many seeds it takes. quick has 3, for "
                   "the sake of its time.";
  return e;
}

}  // namespace omni
