// Training a transformer on rows of tokens: the network, its training and its loss, with their
// options. Experiments derive from this, or from LanguageTask, which adds the text.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lab/options.h"
#include "lab/subset.h"
#include "lab/trial.h"
#include "nn/optimizers.h"
#include "nn/transformer.h"

namespace omni {

// What a step of learning does besides.
struct LearnOptions {
  double l1 = 0;                        // weight of a penalty, per position, on the absolute
  std::vector<int64_t> l1_layers = {};  // activations of all neurons of these layers
  double clip = 0;                      // gradients are shortened to this norm; 0: as they are
};

struct LanguageTraining {
  std::string size = "S";
  int64_t length = 80, batch = 32, steps = 500, warmup = 50;
  double lr = 1e-3, final_lr = 0.1, beta2 = 0.95, decay = 0.1;
  std::string decayed = "all";
  bool others_decay = false;  // phases whose decay is not that of the option; no option

  void visit(auto&& option) {
    option("size", size, "network, by preset", transformer_names());
    option("length", length, "tokens that a row predicts from; longer texts are cut",
           between(4, 8192));
    option("batch", batch, "rows per step", between(1, 100'000),
           harmless_if_more("steadier steps that read more"));
    option("steps", steps, "of training", between(1, 10'000'000),
           harmless_if_more("effects grow with what was learned"));
    option("warmup", warmup, "steps in which the learning rate rises", between(0, 1'000'000),
           learns());
    option("lr", lr, "largest learning rate of AdamW", between(0, 10));
    option("final_lr", final_lr,
           "learning rate at the end, as a share of the largest; it falls "
           "along a cosine",
           between(0, 1), learns());
    option("beta2", beta2, "of AdamW", between(0, 1));
    option("decay", decay, "weight decay of AdamW", between(0, 10));
    option("decayed", decayed, "what it acts on: all parameters, or matrices and embeddings alone",
           one_of({"all", "matrices"}), used_if(decay > 0 || others_decay, "decay=0.1"));
  }
  void check() const;
  Used learns() const { return used_if(lr > 0, "lr=0.001"); }

  // The preset `size` for a vocabulary. Weights start as the source of these experiments starts
  // them: N(0, 0.8 / sqrt(width)), TransformerLens' rule.
  TransformerOptions network(int64_t vocabulary) const;

  // --- Graphs. Subsets are those of lab/subset.h; their arrays are what tables_of() makes. ---

  // Rows of a subset in a step: this batch's, or those at given positions of it.
  struct Batch {
    Step& step;
    std::string subset;
    Value positions;
    Value tokens, targets;  // i32 [rows, length]
    Value weights;          // f32 [rows, length]
    // The same rows of another array of the split, such as "forget": f32 [rows].
    Value rows(const std::string& what) const { return subset_rows(step, subset, what, positions); }
  };
  static Batch batch_of(Step& s, const std::string& subset);
  static Batch batch_of(Step& s, const std::string& subset, Value positions);

  // Emits a model's logits [rows, length, tokens]. Hooks that it sets on the net may depend on the
  // batch: on its targets, on which of its stories are to be forgotten, on the step.
  using Model = std::function<Value(Net&, const Batch&)>;
  static Model plain(const TransformerOptions& options);

  AdamW adamw() const { return {.beta2 = beta2, .weight_decay = decay}; }
  // One step of learning to foresee the next token of a subset's rows. Hooks of the model route the
  // gradient of the loss; that of the penalty stays as it is.
  StepBuilder learn(const std::string& subset, const Model& model,
                    const LearnOptions& how = {}) const;
  // The mean loss over the targets of a subset, in nats, as the result "loss": of text, or where the
  // array "<split>.<where>" is 1.
  static StepBuilder loss_over(const std::string& subset, const Model& model,
                               const std::string& where = "weight");

  // --- Phases ---

  // A training from `start` over a subset, as long and at the rates that the options say. The order
  // of stories depends on the seed and the subset's size alone. `build` is a step such as learn()'s.
  Training pretraining(Trial& t, const std::string& name, const Ensemble& start,
                       const std::string& subset, StepBuilder build) const;

  // What loss_over() gives.
  static double loss_on(Trial& t, const Ensemble& weights, const std::string& subset,
                        const Model& model, const std::string& where = "weight");

 private:
  static Allowed transformer_names();
};

}  // namespace omni
