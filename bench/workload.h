// What is timed: training steps built and driven as the lab builds and drives them, over data of
// MNIST's size.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "executors/cpu/program.h"
#include "executors/executor.h"
#include "lab/step.h"
#include "nn/ensemble.h"

namespace omni::bench {

inline constexpr int64_t kSamples = 60'000;  // an epoch of MNIST
inline constexpr int64_t kPixels = 28 * 28;
inline constexpr int64_t kClasses = 10;
inline constexpr double kLearningRate = 1e-3;

// Random images u8 [28, 28] and labels in the place of MNIST, made once.
const DataTable& random_images();

// The language model of preset M: 4 layers of width 128 on rows of 128 tokens out of 1,024.
inline constexpr int64_t kTextRows = 4096, kTokens = 128, kVocabulary = 1024;
// Random "text.x", "text.y" i32 and "text.weight" f32 of [rows, tokens], made once.
const DataTable& random_text();

struct Parameters {
  std::vector<ParameterSpec> weights, state;  // the model's, and Adam's moments
};
// Emits a training step of the set "model" with Adam and a result "loss".
using Build = Parameters (*)(Step&);
Parameters mlp_step(Step& s);  // 784-256-256-10
Parameters language_step(Step& s);  // preset M, AdamW
Parameters recomputed_language_step(Step& s);  // the same, of each block only the input kept
Parameters convnet_step(
    Step& s);  // 1-16-32 channels, 3x3, each with ReLU and 2x2 max-pooling; 1568-10

// The kinds of step that are looked at one by one.
struct TimedStep {
  const char* name;
  Build build;
  int64_t batch;
  Precision precision;
  const DataTable& (*data)() = random_images;
};
inline constexpr TimedStep kTimedSteps[] = {
    {"mlp.f32.b128", mlp_step, 128, Precision::f32},
    {"mlp.f32.b1024", mlp_step, 1024, Precision::f32},
    {"mlp.bf16.b128", mlp_step, 128, Precision::bf16},
    {"mlp.bf16.b1024", mlp_step, 1024, Precision::bf16},
    {"conv.f32.b128", convnet_step, 128, Precision::f32},
    {"conv.bf16.b128", convnet_step, 128, Precision::bf16},
    {"language.f32.b64", language_step, 64, Precision::f32, random_text},
    {"language.bf16.b64", language_step, 64, Precision::bf16, random_text},
};

// Models of a workload with their Adam state, all resident. Every model starts from equal weights.
struct Models {
  Ensemble weights, state;
  Models(const Parameters& p, int64_t count);
  int64_t count() const { return weights.models(); }
  int64_t bytes() const { return weights.bytes() + state.bytes(); }
};

// One worker: a session of a compiled step that trains one model after another, each on its own
// order of the samples.
class Trainer {
 public:
  Trainer(Build build, int64_t batch, Precision precision, int threads = 1,
          const DataTable& data = random_images());

  const Parameters& parameters() const { return parameters_; }
  const Graph& graph() const { return *graph_; }
  Program plan() const { return Program(*graph_, {precision_}); }  // of the step, to look at
  // Copies a model in, as a phase of training does at its beginning, and back as at its end.
  void take(const Models& models, int64_t model);
  void put_back(Models& models, int64_t model) const;
  void step();  // one training step of the model taken; Bug if its loss is not finite

 private:
  Precision precision_;
  Parameters parameters_;
  std::shared_ptr<Graph> graph_ = std::make_shared<Graph>();
  std::unique_ptr<Session> session_;
};

}  // namespace omni::bench
