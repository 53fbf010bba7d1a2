// Question  Does distilling an unlearned network into damaged weights make it stay unlearned, and
//           what does that cost?
// Design    A base network learns all digits and is made to forget some. UNDO damages a copy of
//           the result by a share alpha and distils the undamaged one into it until it is nearly
//           as good on what was to be kept. All are then attacked: trained on the forget digits,
//           at the learning rate that works best.
// Expect    The larger alpha, the more compute the distillation takes and the slower the network
//           relearns; random weights (full distillation) resist most. A teacher that still shows
//           the forget digits hands them on.
// Source    Lee et al. 2025, arXiv:2506.06278
#include <algorithm>

#include "experiments/catalogue.h"
#include "lab/image_task.h"
#include "lab/undo_study.h"

namespace omni {
namespace {

struct Undo : ImageTask, UndoStudy {
  std::vector<int64_t> retain = {0, 1, 2, 3, 4}, forget = {5, 6, 7, 8, 9};
  int64_t base_epochs = 5, filtered_epochs = 10, long_epochs = 4;
  int64_t known = 0, unlearn_epochs = 2, graddiff_steps = 40;

  Undo() {
    train = 20000;
    test = 5000;
  }

  void visit(auto&& option) {
    ImageTask::visit(option);
    option("retain", retain, "classes to keep", between(0, 9));
    option("forget", forget, "classes to forget", between(0, 9));
    option("base_epochs", base_epochs, "of the base, on all images", between(1, 1000));
    option("filtered_epochs", filtered_epochs, "of the filtered network, on retain images",
           between(1, 1000));
    option("known", known, "images per forget class that unlearning is told of; 0: all",
           between(0, 6000));
    option("unlearn_epochs", unlearn_epochs,
           "of unlearning, on retain images, each batch of them "
           "with one of forget images",
           between(1, 1000),
           used_if(unlearns_by("maxent") || unlearns_by("rmu"), with_method("maxent")));
    option("graddiff_steps", graddiff_steps, "of GradDiff, whose loss has no floor",
           between(1, 100000), harmless(kOfOthers),
           used_if(unlearns_by("graddiff"), with_method("graddiff")));
    option("long_epochs", long_epochs, "of distillation without a rule to stop: the long student, "
           "oracle matching", between(1, 1000));
    UndoStudy::visit(option);
  }

  // The attackers of the three presets.
  std::vector<Undo> calibrated() const {
    Undo quick, middle, paper;
    middle.rates = {3e-4, 1e-3, 3e-3, 1e-2, 3e-2};
    paper.rates = {1e-4, 3e-4, 7e-4, 1e-3, 2e-3, 3e-3, 7e-3, 1e-2, 2e-2, 3e-2};
    return {quick, middle, paper};
  }

  void check() const {
    check_study();
    for (const int64_t c : retain)
      require(std::ranges::find(forget, c) == forget.end(),
              "retain and forget: class {} is in both", c);
    const std::vector<std::string> ids = unlearning_ids(methods);
    require(std::ranges::find(ids, "rmu") == ids.end() || arch == "cnn" || depth > 0,
            "methods={}: rmu needs a hidden layer, and depth is 0", methods);
  }

  // --- The task ---

  UndoWords words() const override {
    return {.all = "all digits",
            .retain = "retain digits",
            .forget = "forget digits",
            .measure = "accuracy"};
  }
  LearningTask task() const override { return ImageTask::learning(); }
  Ensemble fresh(Trial& t, Key key) const override { return init(t, key); }

  void add_data(Trial& t) const override {
    const auto keep = one_of_classes(retain), lose = one_of_classes(forget);
    add_subset(t, "all.train", {.keep = [=](int32_t c) { return keep(c) || lose(c); }});
    add_subset(t, "retain.train", {.keep = keep});
    add_subset(t, "forget.train", {.keep = lose});
    add_subset(t, "known.train",
               {.keep = lose, .per_class = known, .draw = t.key().fold("known images")});
    add_subset(t, "retain.test", {.keep = keep});
    add_subset(t, "forget.test", {.keep = lose});
  }

  Length how_long(const std::string& phase) const override {
    if (phase == undo_arm::kBase) return epochs_of(base_epochs);
    if (phase == undo_arm::kFiltered) return epochs_of(filtered_epochs);
    if (phase == undo_arm::kLong || phase == "oracle") return epochs_of(long_epochs);
    return phase == "graddiff" ? steps_of(graddiff_steps) : epochs_of(unlearn_epochs);
  }

  // The last hidden layer; the output layer stays.
  void aim(Unlearning& rmu) const override {
    rmu.activation =
        arch == "cnn" ? "conv.1.hook_pooled" : fmt::format("layers.{}.hook_post", depth - 1);
    rmu.trainable = [output = output_layer() + "."](const std::string& name) {
      return !name.starts_with(output);
    };
  }

  // --- Claims, written before the run; the usual marks are those on digits ---

  std::string why_not_judged(const Dataset& set) const {
    return set.name == "mnist" ? "" : "the thresholds are MNIST's, this run used " + set.name;
  }
  std::vector<ClaimSpec> claims(const Dataset& set) const {
    return claims_at(UndoMarks{}, why_not_judged(set));
  }
};

}  // namespace

Experiment undo() {
  return {
      .name = "undo",
      .title = "UNDO: unlearning that distillation makes robust",
      .texts =
          {.question = "Does distilling an unlearned network into damaged weights make it stay "
                       "unlearned, and what does that cost?",
           .source = "Lee, Foote, Infanger, Shor, Kamath, Goldman-Wetzler, Woodworth, Cloud, "
                     "Turner: Distillation robustifies unlearning, arXiv:2506.06278. Settings and "
                     "thresholds on digits: own calibration runs",
           .method =
               "A base network learns all digits and is then made to forget some of them. UNDO "
               "(unlearn, noise, distil on outputs) shrinks a copy of the unlearned network to "
               "1 - alpha, adds noise of size alpha times beta, and distils the undamaged one "
               "into it, without labels, until its retain accuracy is the share `enough` of the "
               "teacher's, 95 % in the protocol. The random student is the same with weights of "
               "its own: unlearn and distil. All are attacked: trained on forget digits by an "
               "attacker who picks the learning rate after the fact.",
           .structure = "The unlearned network has forgotten in its outputs and not in its "
                        "weights. A student that gets the outputs alone cannot inherit what is in "
                        "the weights; alpha says how much of the weights it gets.",
           .controls =
               "UNDO of the base has the structure removed: nothing was unlearned, so the outputs "
               "show the forget digits. The placebo distils an untrained teacher into random "
               "weights for as many steps. Base, filtered and fresh networks had nothing done to "
               "them. The full set adds the damage without distillation, the placebo from damaged "
               "weights, and a network trained from random weights on retain images with labels "
               "as briefly as the random student.",
           .translation = "Suppress a skill of a language model by fine-tuning, damage its weights "
                          "by some 60 %, and distil the suppressed model into them on unfiltered "
                          "text: 60 to 80 % of a pretraining on filtered text, with labels for a "
                          "small part of the data.",
           .expected_failure = "Where unlearning suppresses weakly, the teacher's outputs hand the "
                               "skill on; where what is kept needs the features of what is to go, "
                               "the student learns them again. With easy retain tasks and little "
                               "damage the rule to stop fires at once, and little is gained.",
           .costs = "A share of the base's training for the distillation, growing with alpha, and "
                    "up to 5 % of the teacher's retain accuracy. Fewer known forget images "
                    "(option known) make the unlearning weaker.",
           .limits = "Small networks on digits, one attacker (Adam, full fine-tuning, forget "
                     "images). The rule to stop reads the test images. Alpha 1 starts from weights "
                     "so small that relearning is slow for that reason alone."},
      .metric = "regained",
      .metric_label = "forget accuracy early in the attack",
      .primary = {"4c"},
      .ranges = {{"retain", 0, 1, 500}, {"forget", 0, 1, 500}, {"relearned", 0, 1, 500},
                 {"regained", 0, 1, 500}, {"best_rate_inside"}},
      .seeds_needed = "The difference of 4c has a spread of 0.06 on MNIST: 5 seeds decide it in nine "
                      "of ten runs, quick has 10.",
      .presets =
          {{"quick", "one method, four alphas, few seeds; two minutes on two cores", {}, 10},
           {"middle", "20 seeds, four methods, all controls, weak unlearning, betas, a long attack",
            {{"methods", "maxent+graddiff+rmu+oracle"}, {"alphas", "0.2,0.4,0.6,0.8,1"},
             {"betas", "0,0.05,0.1,0.5"}, {"weak", std::to_string(Undo{}.weak_steps)},
             {"controls", "full"}, {"rates", "3e-4,1e-3,3e-3,1e-2,3e-2"},
             {"attack_at", "0,5,10,20,40,80,160,500"}}, 20},
           {"paper", "the same with ten alphas, ten rates, and 24 seeds",
            {{"methods", "maxent+graddiff+rmu+oracle"},
             {"alphas", "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1"},
             {"betas", "0,0.01,0.05,0.1,0.5,1"}, {"weak", std::to_string(Undo{}.weak_steps)},
             {"controls", "full"}, {"rates", "1e-4,3e-4,7e-4,1e-3,2e-3,3e-3,7e-3,1e-2,2e-2,3e-2"},
             {"attack_at", "0,5,10,20,40,80,160,320,500"}}, 24},
           {"smoke", "seconds: tiny networks on few images, to see that everything runs",
            {{"methods", "maxent+graddiff+rmu+oracle"}, {"alphas", "0.6,1"}, {"betas", "0.1,0.5"},
             {"weak", "2"}, {"controls", "full"}, {"train", "500"}, {"test", "200"},
             {"width", "32"}, {"base_epochs", "1"}, {"filtered_epochs", "1"},
             {"long_epochs", "1"}, {"graddiff_steps", "3"}, {"most_steps", "10"},
             {"attack_at", "0,2,4"}, {"early", "2"}, {"rates", "1e-3,1e-2"}}, 2}},
      .settings = settings_of<Undo>(),
  };
}

}  // namespace omni
