// Text, token by token, from a transformer: each token is drawn from the model's distribution given
// those before it, whose keys and values are kept.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "base/random.h"
#include "lab/inference.h"
#include "nn/ensemble.h"
#include "nn/transformer.h"

namespace omni {

using Tokens = std::vector<int32_t>;

// Which of a row of logits: a draw from softmax(logits / temperature) among the `top_k` largest (0:
// all), where `uniform` in [0, 1) decides; at temperature 0 the largest. Of equal logits the lower
// id comes first. Nothing for logits that hold NaN or have no finite largest, as those of a model
// that has diverged.
struct Drawing {
  double temperature = 1;
  int64_t top_k = 0;
};
std::optional<int32_t> draw_token(std::span<const float> logits, const Drawing& drawing,
                                  double uniform);

// Sequences side by side, and what is read at once of them.
struct DecoderShape {
  int64_t rows = 1, length = 0;       // of at most so many tokens each
  std::set<int64_t> beginnings = {};  // numbers of tokens that read() will be given
};

// Runs a model token by token: an inference of the trial's, on the run's executor. Trial and model
// must outlive it.
class Decoder {
 public:
  // `hooks` are set before the model is emitted; they see one token of each row at a time, and a
  // prompt's tokens at once. `given` is all else that decides what comes of it. Memory for the past
  // is 8 * rows * length * layers * (width of all keys) bytes. UserError if the options do not fit
  // the model or the length.
  Decoder(Trial& t, const TransformerOptions& options, ModelView model, DecoderShape shape,
          std::function<void(Net&)> hooks = {}, Hash given = {});

  // The row begins with these tokens, at positions 0, 1, ...: one of the numbers of beginnings.
  void read(int64_t row, std::span<const int32_t> tokens);
  void copy(int64_t from_row, int64_t to_row);  // the past of one row to another

  // One more token for each row, at its position, which all of its past must lie before. Logits
  // [rows, vocabulary] of what follows, valid until the next call.
  std::span<const float> step(std::span<const int32_t> tokens, std::span<const int32_t> positions);
  void leave_out(int64_t steps);  // that were counted on

 private:
  void place(std::span<int32_t> places, int64_t row, int64_t first, int64_t count) const;

  TransformerOptions options_;
  DecoderShape shape_;
  PastShape past_;
  int64_t kv_heads_;
  std::unique_ptr<OpenInference> inference_;
};

struct SamplingOptions {
  int64_t tokens = 100;  // to add to each prompt, at most
  Drawing drawing = {};
  std::optional<int32_t> stop = {};  // ends a sample and is its last token
  // Only ids below this are drawn: an embedding may have more rows than there are tokens. 0: all.
  int64_t vocabulary = 0;
  int64_t rows = 8;                      // samples side by side
  std::function<void(Net&)> hooks = {};  // as Decoder takes them: steering, say
};

// For each prompt what follows it, without the prompt; nothing where the logits of a step gave no
// token, which ends that sample and none of its neighbours. Prompts may have different lengths, at
// least one token; with learned positions prompt and tokens must fit the context.
//
// Sample i draws its token at position p with key.fold(i).fold(p), and the bits of its logits do
// not depend on how many prompts there are, nor on the others where all have equal lengths. (With
// others the place kept for the longest may change roundings.) They do depend on `rows`, and on the
// run's executor and precision. Nothing is written in dry runs: all samples are empty.
std::vector<std::optional<Tokens>> sample(Trial& t, const TransformerOptions& options,
                                          ModelView model, std::span<const Tokens> prompts, Key key,
                                          const SamplingOptions& sampling = {});

}  // namespace omni
