// Question  Does a language model know the facts of stories that it was never told?
// Design    Generated stories; in those about the forest each animal has its tree, in the others
//           its house. One model reads all of them, one only the others. The loss, in nats, of the
//           word that a fact ends in, on stories of both kinds that neither has read.
// Expect    Next to nothing for facts that were told. More than ln 8 = 2.08, which is what guessing
//           among eight trees costs, for the others: their very words were never read.
#include <cmath>

#include "lab/experiment.h"
#include "lab/text_cache.h"
#include "nn/optimizers.h"
#include "nn/transformer_presets.h"
#include "text/story_world.h"
#include "text/word_tokenizer.h"

namespace omni {
struct PlantedFacts {
  static constexpr int64_t kLength = 96;  // tokens of a story, at most
  int64_t stories = 4000, epochs = 4;
  void visit(auto&& option) {
    option("stories", stories, "to learn from, one in five of the forest", between(50, 100000));
    option("epochs", epochs, "passes over them", between(1, 1000));
  }
  std::vector<ArmInfo> arms() const {
    return {{"all", "All stories", "control: nothing is left out"},
            {"others", "No forest stories", "the condition in question"}};
  }
  void run(Trial& t) const {
    const StoryWorld world(t.key().fold("world"));
    const WordTokenizer tokenizer(world.vocabulary());
    const StorySet set = world.stories({stories, 200, 1});
    TransformerOptions o = transformer_preset("S", tokenizer.size());
    o.layers = 2;
    const auto add = [&](const std::string& name, const std::vector<Story>& some) {
      TokenRows rows = rows_of_stories(tokenizer, some, kLength + 1);
      t.add_tables(tables_of(rows, name));
      t.add_table(name + ".fact", fact_weights(tokenizer, some, rows), {rows.count(), kLength});
      return rows.count();
    };
    const auto loss = [&](Net& net, Step& s, const std::string& name, const char* weight) {
      return next_token_loss(transformer(net, s.rows(name + ".x"), o), s.rows(name + ".y"),
                             s.rows(name + weight));
    };
    const Ensemble start = t.init([&](Net& net) {
      transformer(net, input(net.graph(), "x", {DType::i32, {1, kLength}, 0}, Role::data), o);
    }, t.key().fold("init"));
    add("forest", stories_of(set.validation, true));
    add("home", stories_of(set.validation, false));
    for (const std::string arm : {"all", "others"}) {
      const int64_t rows = add(arm, arm == "all" ? set.train : stories_of(set.train, false));
      Training p{.name = arm, .start = &start, .samples = rows, .batch = 32, .epochs = epochs,
                 .order = t.key().fold("order")};
      p.build = [&](Step& s) {
        Net net = s.net("model");
        const Value l = loss(net, s, arm, ".weight");
        s.graph().result("loss", l);
        apply(AdamW{}, net, l, 2e-3);
      };
      const Trained model = t.train(p);
      std::map<std::string, double> metrics;
      for (const std::string topic : {"forest", "home"})
        for (const char* weight : {".fact", ".weight"})
          metrics[topic + weight] = t.evaluate([&](Step& s) {
            Net net = s.net("model");
            s.graph().result("loss", loss(net, s, topic, weight));
          }, t.tables().at(topic + ".x").type.shape[0], {{"model", &model.model}}).at("loss")[0];
      t.record(arm, model, metrics);
    }
  }
  std::vector<ClaimSpec> claims(const Dataset&) const {
    const auto of = [](auto arm, auto metric) { return [=](auto& v) { return v(arm, metric); }; };
    return {{"1", "Who was told knows", {ClaimKind::below, 1}, of("all", "forest.fact")},
            {"2", "Who was not told does not", {ClaimKind::above, 2}, of("others", "forest.fact")},
            {"3", "But knows the rest", {ClaimKind::below, 1}, of("others", "home.fact")}};
  }
  std::vector<FigureRow> figures() const {
    return {{"facts", "What is known", "Loss of the word that a fact ends in.",
             {.kind = "groups", .groups = {{"forest", "forest.fact"}, {"home", "home.fact"}},
              .y_label = "nats", .level_line = std::log(8), .level_label = "guessing"}}};
  }
};
Experiment planted_facts() {
  return {.name = "planted-facts", .title = "What was never told is not known",
          .metric = "forest.fact", .metric_label = "nats at facts of the forest",
          .presets = {{"quick", "some minutes", {}, 3},
                      {"smoke", "seconds", {{"stories", "100"}, {"epochs", "1"}}, 2}},
          .settings = settings_of<PlantedFacts>()};
}
}  // namespace omni
