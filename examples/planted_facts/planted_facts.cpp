// Question  Does a language model know the facts of stories that it was never told?
// Design    Generated stories; in those about the forest each animal has its tree, in the others
//           its house. One model reads all of them, one only the others. The loss, in nats, of the
//           word that a fact ends in, on stories of both kinds that neither has read.
// Expect    Next to nothing for facts that were told. More than ln 8 = 2.08, which is what guessing
//           among eight trees costs, for the others: their very words were never read.
#include "lab/experiment.h"
#include "studies/language_task.h"

namespace omni {
struct PlantedFacts : LanguageTask {
  PlantedFacts() { stories = 4000, length = 96, lr = 2e-3; }

  std::vector<ArmInfo> arms() const {
    return {{"all", "All stories", "control: nothing is left out"},
            {"retain", "No forest stories", "the condition in question"}};
  }
  void run(Trial& t) const {
    const Corpus c = prepare(t);
    const Model model = plain(c.model);
    const Trained start = init(t, "init", c.model);
    for (const std::string arm : {"all", "retain"})
      t.part(arm, [&] {
        const Trained m = t.train(arm, start, pretraining(t, arm + ".train"), next_token(model));
        Losses metrics = topic_losses(t, m, model);
        metrics.merge(topic_losses(t, m, model, "", "_fact", "fact"));
        t.record(arm, m, metrics);
      });
  }
  std::vector<ClaimSpec> claims(const Dataset&) const {
    const auto of = [](auto arm, auto metric) { return [=](auto& v) { return v(arm, metric); }; };
    return {{"1", "Who was told knows", {ClaimKind::below, 1}, of("all", "forget_fact")},
            {"2", "Who was not told does not", {ClaimKind::above, 2}, of("retain", "forget_fact")},
            {"3", "But knows the rest", {ClaimKind::below, 1}, of("retain", "retain_fact")}};
  }
  std::vector<FigureRow> figures() const {
    return {{"facts", "What is known", "Loss of the word that a fact ends in.",
             {.kind = "groups", .groups = {{"forest", "forget_fact"}, {"others", "retain_fact"}},
              .y_label = "nats", .level_line = fact_nats(), .level_label = "guessing"}}};
  }
};
Experiment planted_facts() {
  return {.name = "planted-facts", .title = "What was never told is not known",
          .metric = "forget_fact", .metric_label = "nats at facts of the forest",
          .presets = {{"quick", "some minutes", {}, 3},
                      {"smoke", "seconds", {{"size", "XS"}, {"stories", "100"}, {"steps", "20"},
                                            {"warmup", "5"}, {"held_out", "50"}}, 2}},
          .settings = settings_of<PlantedFacts>()};
}
}  // namespace omni
