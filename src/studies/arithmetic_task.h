// Arithmetic, written out character by character, for small transformers: problems, network and
// sizes as options that experiments share. An experiment derives from ArithmeticTask, lists the
// options by ArithmeticTask::visit(option).
//
// The problems are those of Lee et al. 2025 (arXiv:2506.06278), see text/arithmetic.h; there the
// model is shaped like Gemma 2 and reads sub-words.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "lab/options.h"
#include "nn/transformer.h"
#include "studies/learning_task.h"
#include "text/arithmetic.h"
#include "text/char_tokenizer.h"

namespace omni {

struct ArithmeticTask {
  int64_t most_term = 9, most_factor = 9, rows = 4096, context = 64, problems = 100;
  double held_out_pairs = 0;
  bool word_problems = false, float_quotients = false;
  int64_t layers = 2, width = 64, heads = 4, mlp_width = 0;

  void visit(auto&& option) {
    option("most_term", most_term, "terms of sums and differences are 1 to this", between(1, 999));
    option("most_factor", most_factor, "factors, divisors and quotients are 1 to this",
           between(1, 99));
    option("held_out_pairs", held_out_pairs, "share of the pairs of operands that only tests hold; "
           "0: tests ask for what was trained", between(0, 0.9));
    option("word_problems", word_problems, "word problems beside the equations, half and half");
    option("float_quotients", float_quotients, "quotients in equations end in .0");
    option("rows", rows, "rows of text to train on, of each kind", between(1, 10'000'000));
    option("context", context, "characters per row", between(16, 4096));
    option("problems", problems, "that test an operation in a format", between(1, 100'000));
    option("layers", layers, "of the transformer", between(1, 64));
    option("width", width, "of its residual stream", between(8, 8192));
    option("heads", heads, "of each attention", between(1, 64));
    option("mlp_width", mlp_width, "neurons of each MLP; 0: four times the width",
           between(0, 65536));
    option.check([this] { check(); });
  }
  void check() const;  // UserError where the width cannot be divided among the heads

  // --- Text ---

  CharTokenizer tokenizer() const;
  // Rows full of problems of these operations, shuffled and joined by newlines, with what follows
  // each character: the tables "<name>.x", "<name>.y" [rows, context].
  void add_rows(Trial& t, const std::string& name, std::span<const Operation> operations) const;
  // Test problems, one per row and as many of each operation and format, padded: the same tables
  // and "<name>.weight", 1 where the answer and the newline after it are to be said.
  void add_problems(Trial& t, const std::string& name,
                    std::span<const Operation> operations) const;

  // --- Network: rotary positions, RMSNorm, gated MLP, tied embeddings ---

  TransformerOptions network() const;
  Trained init(Trial& t, Key key) const;
  // Subsets are names of the tables above. The score, on test problems, is the share whose answer
  // and newline are right in every character when each is predicted after the right ones before it:
  // what greedy decoding would get right to the letter.
  LearningTask learning() const;

  // --- What a model answers ---

  // The share of test problems of these operations that it solves when it writes the answer itself,
  // character by character, always the likeliest one, and its first number is read. 0 in a dry run;
  // NaN where the logits of some answer are no numbers: the model has diverged.
  double solved(Trial& t, const Ensemble& model, std::span<const Operation> operations) const;

 private:
  std::vector<Problem> problems_of(const Trial& t, ProblemSplit split,
                                   std::span<const Operation> operations, int64_t count) const;
  std::vector<ProblemFormat> formats() const;
};

}  // namespace omni
