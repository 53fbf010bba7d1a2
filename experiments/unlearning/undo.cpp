// UNDO on digits: unlearning that distillation makes robust. The question, the design and all
// words: undo.md.
#include "experiments/catalogue.h"
#include "experiments/unlearning/undo_study.h"
#include "studies/authoring.h"

namespace omni {
namespace {

struct Undo : ImageTask, ForgetClasses, UndoStudy<Undo> {
  int64_t base_epochs = 5, filtered_epochs = 10, long_epochs = 4;
  int64_t known = 0, unlearn_epochs = 2, graddiff_steps = 40;

  Undo() {
    train = 20000;
    test = 5000;
  }

  void visit(auto&& option) {
    ImageTask::visit(option);
    ForgetClasses::visit(option);
    option("base_epochs", base_epochs, between(1, 1000));
    option("filtered_epochs", filtered_epochs, between(1, 1000));
    option("known", known, between(0, 6000));
    option("unlearn_epochs", unlearn_epochs, between(1, 1000),
           used_if(unlearns_by("maxent") || unlearns_by("rmu"), with_method("maxent")));
    option("graddiff_steps", graddiff_steps, between(1, 100000), of_others(), used_by("graddiff"));
    option("long_epochs", long_epochs, between(1, 1000));
    UndoStudy::visit(option);
  }

  void check() const {
    require(!unlearns_by("rmu") || arch == "cnn" || depth > 0,
            "methods={}: rmu needs a hidden layer, and depth is 0", methods);
  }

  // --- The task ---

  void add_data(Trial& t) const {
    add_topics(t, *this);
    add_subset(
        t, "known.train",
        {.keep = one_of_classes(forget), .per_class = known, .draw = t.key().fold("known images")});
  }

  Length length(const std::string& phase) const {
    if (phase == "graddiff") return {.steps = graddiff_steps};
    const std::map<std::string, int64_t> epochs = {
        {"base", base_epochs},   {"filtered", filtered_epochs}, {"maxent", unlearn_epochs},
        {"rmu", unlearn_epochs}, {"oracle", long_epochs},       {"student-long", long_epochs}};
    return {.epochs = epochs.at(phase)};
  }

  // The last hidden layer; the output layer stays.
  void configure_rmu(Unlearning& rmu) const {
    rmu.activation =
        arch == "cnn" ? "conv.1.hook_pooled" : fmt::format("layers.{}.hook_post", depth - 1);
    rmu.trainable = [output = output_layer() + "."](const std::string& name) {
      return !name.starts_with(output);
    };
  }
};

}  // namespace

Experiment undo() {
  return experiment<Undo>(
      {.name = "undo",
       .metric = "regained",
       .primary = {"4c"},
       .ranges = {{"retain", 0, 1, 500},
                  {"forget", 0, 1, 500},
                  {"relearned", 0, 1, 500},
                  {"regained", 0, 1, 500},
                  {"best_rate_inside"}},
       .judged_on = "mnist",
       // The attackers of the three presets.
       .calibrated = {"", "rates=3e-4,1e-3,3e-3,1e-2,3e-2",
                      "rates=1e-4,3e-4,7e-4,1e-3,2e-3,3e-3,7e-3,1e-2,2e-2,3e-2"},
       .presets = {
           {"quick", 10},
           {"middle", 20,
            "methods=maxent+graddiff+rmu+oracle alphas=0.2,0.4,0.6,0.8,1 betas=0,0.05,0.1,0.5 "
            "weak=10 controls=full rates=3e-4,1e-3,3e-3,1e-2,3e-2 "
            "attack_at=0,5,10,20,40,80,160,500"},
           {"paper", 24,
            "methods=maxent+graddiff+rmu+oracle alphas=0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1 "
            "betas=0,0.01,0.05,0.1,0.5,1 weak=10 controls=full "
            "rates=1e-4,3e-4,7e-4,1e-3,2e-3,3e-3,7e-3,1e-2,2e-2,3e-2 "
            "attack_at=0,5,10,20,40,80,160,320,500"},
           {"smoke", 2,
            "methods=maxent+graddiff+rmu+oracle alphas=0.6,1 betas=0.1,0.5 weak=2 controls=full "
            "train=500 test=200 width=32 base_epochs=1 filtered_epochs=1 long_epochs=1 "
            "graddiff_steps=3 most_steps=10 attack_at=0,2,4 early=2 rates=1e-3,1e-2"}}});
}

}  // namespace omni
