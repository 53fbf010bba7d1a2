// The settings of Expand-Route-Ablate on stories; era_unlearning.cpp runs it,
// era_unlearning_report.cpp has its claims and figures.
#pragma once

#include <string>
#include <vector>

#include "lab/experiment.h"
#include "lab/story_unlearning.h"
#include "nn/neuron_groups.h"

namespace omni {

struct EraUnlearning : StoryUnlearning {
  std::string methods = "era";
  std::vector<double> labelled = {1}, rates = {};
  double rate = -0.75, l1 = 1e-4;
  int64_t neurons = 16, routed_layers = 3;
  int64_t rmu_layer = 2, rmu_steps = 150;
  double rmu_lr = 1e-3, rmu_length = 5, rmu_weight = 200;

  void visit(auto&& option) {
    StoryUnlearning::visit(option);
    option("methods", methods,
           "beside base, filter and control, joined by +: era, concept, leaky, "
           "demix, rmu, era-rmu",
           harmless("a claim about an arm that was not run is not judged"));
    option("labelled", labelled, "shares of the forget stories that are labelled as such",
           between(0.001, 1), harmless("each share is an arm of its own, which claims name"));
    option("rate", rate,
           "what multiplies the gradient of the original neurons at tokens of the "
           "forget topic alone; 1: no routing",
           between(-10, 10),
           used_if(has("era") || has("leaky") || has("concept"), with_method("era")));
    option("rates", rates, "other such rates that are tried, with all labels", between(-10, 10),
           harmless("each is an arm of its own, which claims name"));
    option("l1", l1, "weight of the penalty on activations of routed layers", between(0, 1));
    option("neurons", neurons, "that are added to each routed layer", between(1, 100'000));
    option("routed_layers", routed_layers, "how many layers are routed, from the first",
           between(1, 1000));
    const Used of_rmu = used_if(has("rmu") || has("era-rmu"), with_method("rmu"));
    option("rmu_layer", rmu_layer, "layer before which RMU misdirects the residual stream",
           between(1, 1000), of_rmu);
    option("rmu_steps", rmu_steps, "of RMU", between(1, 100'000), of_rmu);
    option("rmu_lr", rmu_lr, "learning rate of RMU", between(0, 10), of_rmu);
    option("rmu_length", rmu_length,
           "of the direction that it drives activations to, in multiples "
           "of their mean length",
           between(0, 1e6), of_rmu);
    option("rmu_weight", rmu_weight, "of keeping the activations on retain stories",
           between(0, 1e6), of_rmu);
  }

  void check() const;
  // The attacks of quick and of middle, which thresholds were written for.
  std::vector<EraUnlearning> calibrated() const;
  std::vector<ArmInfo> arms() const;
  void run(Trial& t) const;
  std::vector<ClaimSpec> claims(const Dataset&) const;
  std::vector<FigureRow> figures() const;

  // --- Names that both files use ---
  bool has(std::string_view method) const { return has_part(methods, method); }
  static std::string arm(const std::string& method, double share);  // "era", "era-0.5"
  static std::string rate_arm(double rate);                         // "era-rate-0"
  static std::string relearned(int64_t stories);                    // "relearned_16"

 private:
  std::string with_method(const char* method) const {
    return "methods=" + with_part(methods, method);
  }
  // What all arms of a seed are made from.
  struct Seed {
    Corpus corpus;
    TransformerOptions expanded;
    NeuronGroups groups;  // of the expanded model
  };
  // What routes an arm: the share of labels, whose token weights.
  struct Routing {
    std::string name, labels, weights;
  };
  struct Losses {
    double retain = 0, forget = 0;
  };

  Seed prepare_seed(Trial& t) const;
  void add_labels(Trial& t, const Seed& seed, double share) const;
  void add_weights(Trial& t, const Seed& seed, const std::string& name, const TokenRows& counted,
                   double rate_there) const;
  void run_plain(Trial& t, const Seed& seed) const;
  void run_expanded(Trial& t, const Seed& seed, const Routing& r) const;
  void run_demix(Trial& t, const Seed& seed, double share) const;

  Model routed(const Seed& seed, const Routing& r) const;
  // A model whose added neurons read the stories that the array `labels` marks, the others the rest.
  static Model experts(const TransformerOptions& options, const std::string& labels);
  StepBuilder rmu_step(const Seed& seed, double share, double length) const;
  Trained unlearn_by_rmu(Trial& t, const Seed& seed, const std::string& name,
                         const Ensemble& start, double share) const;
  Trained ablate(Trial& t, const Seed& seed, const std::string& arm, const Trained& whole,
                 const Losses& before, std::map<std::string, double> metrics = {}) const;
  Losses losses(Trial& t, const Ensemble& weights, const Model& model) const;
  std::map<std::string, double> machinery(Trial& t, const Seed& seed,
                                          const Ensemble& weights) const;
  double absorption(Trial& t, const Seed& seed, const Ensemble& weights) const;
  void finish(Trial& t, const Seed& seed, const std::string& arm, const Trained& m,
              const Losses& before, std::map<std::string, double> metrics = {}) const;
};

}  // namespace omni
