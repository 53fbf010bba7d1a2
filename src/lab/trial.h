// One seed of an experiment: the phases a model goes through, run on one worker, recorded arm by
// arm. Every phase is a pure function of its inputs, so equal phases of several arms run once and
// finished ones are found again after an interruption.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "lab/step.h"
#include "nn/ensemble.h"
#include "store/results.h"

namespace omni {

class Worker;
struct SeedRecord;

// Emits the graph of one step for step.batch() rows.
using StepBuilder = std::function<void(Step&)>;
// The sets a phase reads besides the one it trains, such as {"teacher", &teacher}.
using FrozenSets = std::map<std::string, const Ensemble*>;

// A phase that trains one set of parameters.
struct Training {
  std::string name;               // "teacher"; appears in progress and errors
  std::string set = "model";      // the set that is trained
  const Ensemble* start = nullptr;
  FrozenSets frozen;
  StepBuilder build;              // must emit updates of `set` and a scalar result "loss"
  int64_t samples = 0;            // numbers 0..samples-1 are visited once per epoch, shuffled
  int64_t batch = 0, epochs = 0;  // the last batch of an epoch may be short
  Key order;                      // of the shuffles; another order per epoch
  Key random;                     // of random values in the graph
  std::function<double(int64_t step, int64_t steps)> lr;  // step counts from 0
  std::map<std::string, double> scalars;
  // Looks at the model before the first step (step 0) and after the given numbers of steps.
  std::vector<int64_t> observe_at;
  std::function<void(int64_t step, const Ensemble& model)> observe;
};

struct Trained {
  Ensemble model;                       // one model; its last state when it diverged
  // The step at which the loss was not finite any more; the last step if only the final weights are
  // not.
  std::optional<int64_t> diverged_at;
};

// Scalar and per-row results of an evaluation by name.
using Measured = std::map<std::string, std::vector<float>>;

class Trial {
 public:
  Trial(Worker& worker, int64_t seed, std::string variant, SeedRecord& record);

  int64_t seed() const { return seed_; }
  // Random keys come from the seed and visible names: key().fold("init").
  Key key() const { return Key::of(static_cast<uint64_t>(seed_)); }
  const Dataset& data() const;
  const DataTable& tables() const;      // the data set's, plus what the experiment adds
  // Adds or replaces an array: int32_t becomes i32, float f32. UserError unless the shape fits.
  template <class T>
  void add_table(const std::string& name, std::vector<T> values, const Shape& shape);

  // A fresh model with the parameters that `define` emits, initialised from `key`.
  Ensemble init(const std::function<void(Net&)>& define, Key key);

  // Runs a training phase, or finds it again. A diverged model stops at that step.
  Trained train(const Training& phase);

  // Runs a graph once over rows 0..rows-1 and returns its results.
  Measured evaluate(const StepBuilder& build, int64_t rows, const FrozenSets& sets,
                    const std::map<std::string, double>& scalars = {});

  // Records the model of one arm: metrics by name, a fingerprint of its weights, its status.
  void record(const std::string& arm, const Trained& model, std::map<std::string, double> metrics);
  // A value along training: shown as a curve.
  void curve(const std::string& arm, const std::string& metric, int64_t step, double value);

  // A dry run builds graphs and counts costs, but computes nothing: measurements are zeros.
  bool dry() const;

 private:
  std::string arm_name(const std::string& arm) const;

  Worker& worker_;
  int64_t seed_;
  std::string variant_;
  SeedRecord& record_;
};

}  // namespace omni
