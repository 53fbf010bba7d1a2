// Does a language model know the facts of stories that it was never told? See planted_facts.md.
#include "studies/authoring.h"
#include "studies/language_task.h"

namespace omni {
struct PlantedFacts : LanguageTask {
  PlantedFacts() { stories = 4000, length = 96, lr = 2e-3; }

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

  void claims(Claims& claim) const {
    claim("1", of("all", "forget_fact") < 1);
    claim("2", of("retain", "forget_fact") > 2);
    claim("3", of("retain", "retain_fact") < 1);
  }
  void figures(Figures& figure) const {
    figure.groups("facts", {"forget_fact", "retain_fact"}).level(fact_nats(), "guessing");
  }
};

Experiment planted_facts() {
  return experiment<PlantedFacts>(
      {.name = "planted-facts",
       .metric = "forget_fact",
       .presets = {{"quick", 3},
                   {"smoke", 2, "size=XS stories=100 steps=20 warmup=5 held_out=50"}}});
}
}  // namespace omni
