// One seed of an experiment: the phases a model goes through, run on one worker, recorded arm by
// arm. Every phase is a pure function of its inputs, so equal phases of several arms run once and
// finished ones are found again after an interruption.
#pragma once

#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/random.h"
#include "lab/step.h"
#include "nn/ensemble.h"
#include "nn/optimizers.h"
#include "store/results.h"

namespace omni {

class Worker;
struct SeedRecord;

struct Trained;
struct Phase;  // lab/phase.h
struct PhaseResult;
class OpenPhase;
class PhaseGraphs;
struct Evaluation;  // lab/evaluation.h
struct Inference;   // lab/inference.h
class OpenInference;

// Emits the graph of one step for step.batch() rows.
using StepBuilder = std::function<void(Step&)>;
// Emits a model on `net` and gives a scalar of it: a loss, a score.
using ScalarOf = std::function<Value(Step&, Net& net)>;
// The `build` of one step of a set down that loss, at the rate s.lr(): `loss` is given that set's
// net, reads others by s.net(), and its value is the result "loss". Without a name: of "model".
StepBuilder descend(const std::string& set, const ScalarOf& loss,
                    const Optimizer& optimizer = Adam{}, const ApplyOptions& how = {});
StepBuilder descend(const ScalarOf& loss, const Optimizer& optimizer = Adam{},
                    const ApplyOptions& how = {});
// The sets a phase reads besides the one it trains, such as {"teacher", &teacher}.
using FrozenSets = std::map<std::string, const Ensemble*>;
using Reads = std::map<std::string, const Trained*>;

// A learning rate: a number, or a function of (step, steps) whose step counts from 0.
class Rate {
 public:
  Rate() = default;  // none: UserError where a graph reads one
  Rate(double number) : at_([number](int64_t, int64_t) { return number; }) {}  // NOLINT: it is one
  template <class F>
  requires std::is_invocable_r_v<double, F, int64_t, int64_t> Rate(F at)
      : at_(std::move(at)) {}  // NOLINT
  explicit operator bool() const { return static_cast<bool>(at_); }
  double operator()(int64_t step, int64_t steps) const { return at_(step, steps); }

 private:
  std::function<double(int64_t, int64_t)> at_;
};

// Where a training stands after some steps: what a fork continues from.
struct Snapshot {
  static constexpr const char* kCalled = "snapshot";
  int64_t step = 0;
  Ensemble model;
  std::optional<Ensemble> optimizer = {};  // its state; nothing if it has none
  double rate = 0;                         // of its latest step: what s.lr() read there
};

// Scalars measured on the model while it trains: a graph over rows 0..rows-1, which reads the
// trained set and the frozen ones.
struct Probe {
  StepBuilder build;
  int64_t rows = 0;
  std::vector<int64_t> at = {};  // after these steps; 0 is before the first
  int64_t every = 0;             // and after every so many; 0: only `at`
  std::string on = {};           // the subset that its rows are of; "": rows of tables
  // Of random values in its graph. Absent: a training's own, or Phase::key.fold("probe").
  std::optional<Key> random = {};
};
// A scalar of the set "model" over a subset, called `result`, after these steps. With a loss,
// Trial::train() fills in `rows`.
Probe look(const std::string& result, const std::string& on, const ScalarOf& what,
           std::vector<int64_t> at);
// n, n / 2, n / 4, ... 1, rounded down.
std::vector<int64_t> halvings(int64_t n);

// "Until the probe's `result` is at least that much."
struct StopRule {
  std::string result;
  double at_least = 0;
  int64_t usual_steps = 0;  // about when that happens, for estimates of time; 0: not known
};

// A phase that trains one set of parameters. Where Trial::train() is given a loss it makes name,
// start, frozen, build, samples, order and random itself.
struct Training {
  std::string name;           // "teacher"; appears in progress and errors
  std::string set = "model";  // the set that is trained
  const Ensemble* start = nullptr;
  FrozenSets frozen;
  StepBuilder build;    // must emit updates of `set` and a scalar result "loss" made of it
  int64_t samples = 0;  // numbers 0..samples-1 are visited once per epoch, shuffled
  std::string on;       // the subset that they are of; "": rows of tables
  int64_t batch = 0;    // the last batch of an epoch may be short
  int64_t epochs = 0, steps = 0;  // how long: one of the two; steps may end within an epoch
  Key order;                      // of the shuffles; another order per epoch
  Key random;                     // of random values in the graph
  Rate lr;                        // what s.lr() reads
  // With a loss: what order and random values are folded from where phases share them; absent: the
  // trial's key and the phase's name. `draws`: that of random values alone.
  std::optional<Key> key, draws;
  // With a loss: how weights follow its gradient.
  Optimizer optimizer = Adam{};
  ApplyOptions apply = {};
  std::map<std::string, double> scalars;
  std::optional<Probe> probe;
  std::optional<StopRule> stop;  // ends the phase at the first probe that fulfils it
  // Continues from there in place of `start` and step 0. With everything else unchanged the fork
  // goes where its trunk went, to the bit.
  const Snapshot* from = nullptr;
  std::vector<int64_t> keep_at;  // snapshots after these steps
};

struct Probed {
  static constexpr const char* kCalled = "probe";
  int64_t step = 0;
  Named<double> values;
};

struct Trained {
  Ensemble model;  // one model; its last state when it diverged
  // The step at which the loss was not finite or had exploded (a million times the first step's, or
  // 1e6 where that was below 1); the last step if only the final weights are not finite.
  std::optional<int64_t> diverged_at = {};
  int64_t steps = 0;            // taken, a fork's trunk included
  Reached<Probed> probed = {};  // those probes and
  Reached<Snapshot> kept = {};  // snapshots that were reached
  std::string phase = {};       // its name

  operator ModelView() const { return model[0]; }  // NOLINT: a trained model is one
  // The weights alone, of one that goes: const Ensemble start = t.init(...).
  operator Ensemble() && { return std::move(model); }  // NOLINT
  Trained clone() const;
  // What was kept after that step, UserError unless it was; where the phase may have ended before
  // it, diverged perhaps, ask for reached(), which is null then. Of what stays, for it is no copy.
  const Snapshot& at(int64_t step) const&;
  const Snapshot* reached(int64_t step) const&;
  const Snapshot& at(int64_t step) && = delete;
  const Snapshot* reached(int64_t step) && = delete;
  // What was probed last; NaN, which counts as missing, once it has diverged. UserError for what
  // its probe does not give.
  double last(const std::string& result) const;
};

// Scalar and per-row results of an evaluation.
using Measured = Named<std::vector<float>>;

// What happens when a model's loss is not finite any more, or explodes. The model is recorded as
// diverged at that step in any case, and its neighbours never notice.
enum class OnDivergence {
  keep,        // it trains on
  stop_model,  // its phase ends there
  stop_run,    // the whole run ends there, which is an error
};

// What a dry run would make of models and tables, all variants by themselves: that of the one that
// makes most.
struct Made {
  int64_t bytes = 0;
  int64_t of_tables = 0;  // numbers in tables
};

// The mean of a logged result over the last so many runs of its program; NaN, which counts as
// missing, where the phase diverged. UserError for what was not logged, and for fewer runs.
double late_mean(const PhaseResult& r, const std::string& program, const std::string& result,
                 int64_t runs);

class Trial {
 public:
  // Begins with the data set's tables.
  Trial(Worker& worker, int64_t seed, std::string variant, SeedRecord& record,
        OnDivergence on_divergence = OnDivergence::stop_model);

  int64_t seed() const { return seed_; }
  // Random keys come from the seed and visible names: key().fold("init").
  Key key() const { return Key::of(static_cast<uint64_t>(seed_)); }
  const Dataset& data() const;
  // The data set's, plus what the experiment adds. A table's name and hash say what it holds.
  const DataTable& tables() const { return tables_; }
  // Adds or replaces an array: int32_t becomes i32, float f32. UserError unless the shape fits.
  template <class T>
  void add_table(const std::string& name, std::vector<T> values, const Shape& shape) {
    static_assert(TableElement<T>,
                  "a table holds int32_t or float: make a std::vector of these first");
    if constexpr (TableElement<T>) put_table(name, make_table(name, std::move(values), shape));
  }
  void add_tables(const DataTable& tables);
  // Makes a subset of these rows of the split that its name ends in: "few.train". UserError if
  // there are none, and for rows that the split has not.
  void add_subset(const std::string& name, std::vector<int32_t> rows);

  // A fresh model of these parameters, or of those that `define` emits, initialised from `key`.
  Trained init(std::vector<ParameterSpec> parameters, Key key);
  Trained init(const std::function<void(Net&)>& define, Key key);
  // Of those that it emits for one sample of this shape: x is f32 [1, sample...], whose first axis
  // counts samples.
  Trained init(const std::function<void(Net&, Value x)>& define, const Shape& sample, Key key);

  // Runs a training phase, or finds it again, or continues it from its last checkpoint. What it is
  // given is read, and its functions called, until it returns and not after.
  Trained train(const Training& phase);
  // The phase in which `start` minimises `loss` on the set "model" by Adam, over the subset
  // `how.on`, with the sets of `reads` beside it: {{"teacher", &teacher}}. Its order and random
  // values are of key().fold(name), but for `how.key` and `how.draws`. Where `start` or one of
  // `reads` has diverged, the result counts as diverged. UserError if `how` says itself what this
  // makes.
  Trained train(const std::string& name, const Trained& start, const Training& how,
                const ScalarOf& loss, const Reads& reads = {});

  // The same for a phase of several programs (lab/phase.h, docs/sessions.md). UserError within a
  // round of a host's loop, as for train() and evaluate(): a round runs its phase's programs.
  PhaseResult run(const Phase& phase);
  // To be stepped by hand: no checkpoints, and nothing is found again. UserError in dry runs.
  std::unique_ptr<OpenPhase> open(const Phase& phase);

  // Work that shares nothing costly with the rest of the seed: other workers may take other parts
  // of the same seed. An experiment that has parts records inside them only, at least an arm in
  // each; what stands outside is run for every part. Tables that a part adds are gone when it ends.
  // Parts cannot be nested.
  void part(const std::string& name, const std::function<void()>& work);

  // Runs a graph once over rows 0..rows-1 and returns its results. UserError for updates, and for
  // sets and scalars that the graph does not read.
  Measured evaluate(const StepBuilder& build, int64_t rows, const FrozenSets& sets,
                    const std::map<std::string, double>& scalars = {});
  // The same over a subset.
  Measured evaluate(const std::string& on, const Reads& sets, const StepBuilder& build);
  // The same of any model of an ensemble. Its key is the trial's.
  Measured evaluate(Evaluation evaluation);
  // Programs that read models and train none, to be run as often as one likes.
  std::unique_ptr<OpenInference> open(const Inference& inference);
  // A scalar of one model, the set "model", over a subset.
  double measure(const Trained& m, const std::string& on, const ScalarOf& what);

  // Records the model of one arm: metrics by name, a fingerprint of its weights, its status.
  // UserError for an arm that is there already.
  void record(const std::string& arm, const Trained& model, std::map<std::string, double> metrics);
  // With all that an evaluation gave, under its names, and more metrics. UserError for a result of
  // several values, one per row.
  void record(const std::string& arm, const Trained& model, const Measured& seen,
              std::map<std::string, double> more);
  template <std::same_as<Measured> Seen>  // a template, so that {{"name", number}} are metrics
  void record(const std::string& arm, const Trained& model, const Seen& seen) {
    record(arm, model, seen, {});
  }
  // A value along training: shown as a curve of an arm that is recorded, before or after. UserError
  // for a metric that has a value at this step already.
  void curve(const std::string& arm, const std::string& metric, int64_t step, double value);
  void curves(const std::string& arm, const Trained& model);  // all that was probed, by its names
  // All that a program logged, by its names: after every `every` of its runs, counted from 1, the
  // mean over these, so that what changes from run to run is in it. What is left over at the end is
  // in no point. UserError where there are fewer runs, unless the phase diverged.
  void curves(const std::string& arm, const PhaseResult& r, const std::string& program,
              int64_t every);

  // A picture for the figure `figure` of kind "images": `place` counts along its rows from 0. The
  // report shows those of the first seed. Greys in [0, 1], row by row. UserError unless they fill
  // the picture, and for a place that is taken.
  void image(const std::string& figure, int64_t place, const std::string& label,
             std::span<const float> greys, int64_t height, int64_t width);

  // The same for a figure of kind "texts", in place of a picture. UTF-8.
  void text(const std::string& figure, int64_t place, const std::string& text);

  // A dry run builds graphs and counts costs, but computes nothing: measurements are zeros.
  bool dry() const;

 private:
  void put_table(const std::string& name, Table table);
  void made(int64_t bytes, int64_t of_tables = 0);  // in a dry run; how many numbers of tables
  std::string arm_name(const std::string& arm) const;
  void put_value(const std::string& arm, const std::string& metric, int64_t step, double value);
  Measured run_once(const std::string& subset, Evaluation evaluation);
  PhaseResult run_phase(const Phase& p, const std::function<void(const PhaseGraphs&)>& saw_graphs);
  // With the rows of the subsets that it names, and a key of its own where it draws and has none.
  Phase completed(Phase p) const;

  Worker& worker_;
  int64_t seed_;
  std::string variant_;
  SeedRecord& record_;
  OnDivergence on_divergence_;
  DataTable tables_;
  std::optional<std::string> in_part_;
  std::set<std::string> parts_;       // met so far
  std::map<std::string, Made> made_;  // by part
};

}  // namespace omni
