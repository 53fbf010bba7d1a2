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
    option.check([this] { LanguageTraining::check(); });
  }
  void check() const;
  Used learns() const { return used_if(lr > 0, "lr=0.001"); }

  // The preset `size` for a vocabulary. Weights start as the source of these experiments starts
  // them: N(0, 0.8 / sqrt(width)), TransformerLens' rule.
  TransformerOptions network(int64_t vocabulary) const;

  // --- Graphs. Subsets are those of lab/subset.h; their arrays are what tables_of() makes. ---

  // Rows of this batch: of the subset that the graph runs over, or of another one, or those at some
  // positions of that other one.
  struct Batch {
    Step& step;
    std::string subset;     // "": the graph's
    Value positions;        // i32 [rows]
    Value tokens, targets;  // i32 [rows, length]
    Value weights;          // f32 [rows, length], 1 where the target is text

    explicit Batch(Step& s, const std::string& subset = "") : Batch(s, subset, s.index()) {}
    Batch(Step& s, const std::string& subset, Value positions);
    // The same rows of another array of the split, such as "forget": f32 [rows].
    Value rows(const std::string& what) const;
    Value per_token(Value v) const;  // [rows, length] as [rows, length, 1], to go with neurons
    // The mean, over targets that are text, of something per token, [rows, length].
    Value mean(Value each) const;
  };

  // Emits a model's logits [rows, length, tokens]. Hooks that it sets on the net may depend on the
  // batch: on its targets, on which of its stories are to be forgotten, on the step.
  using Model = std::function<Value(Net&, const Batch&)>;
  static Model plain(const TransformerOptions& options);

  // The loss of foreseeing the next token, in nats, for train() and measure(): the mean over
  // targets that are text, or where the array "<split>.<where>" is 1. Hooks of the model route its
  // gradient.
  static ScalarOf next_token(const Model& model, const std::string& where = "weight");
  // The same with a penalty, per position, on the absolute activations of all neurons of these
  // layers, whose gradient no hook of the model touches.
  static ScalarOf next_token(const Model& model, double l1, const std::vector<int64_t>& layers);
  // RMU (Li et al. 2024, arXiv:2403.03218): activations [rows, length, width] of random rows of
  // `forget` are driven to a direction of that length, those of the batch are kept, by this weight,
  // where the set "before" has them. The direction is another one at each step, its entries in
  // [0, 1) before it is scaled.
  static ScalarOf rmu_loss(const Model& activations, const std::string& forget, double length,
                           double weight);

  // --- Phases ---

  // Over a subset, by AdamW, as long and at the rates that the options say. Orders of rows depend
  // on the seed and the subset's size alone.
  Training pretraining(const Trial& t, const std::string& on) const;

  static Trained init(Trial& t, const std::string& purpose, const TransformerOptions& options);

  // The loss of next_token() on a subset.
  static double loss_on(Trial& t, const Trained& m, const std::string& subset, const Model& model,
                        const std::string& where = "weight");

 private:
  static Allowed transformer_names();
};

}  // namespace omni
