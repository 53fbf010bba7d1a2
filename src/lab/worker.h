// One worker: its executor, and the phases of the seed it is on. Only the lab sees it.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>

#include "base/hash.h"
#include "base/inputs.h"
#include "executors/executor.h"
#include "executors/slots.h"
#include "lab/checkpoint.h"
#include "lab/cost.h"
#include "lab/executor_kinds.h"
#include "lab/trial.h"

namespace omni {

struct Evaluation;

// Thrown inside a seed's run when the run is to stop; what was finished is kept.
struct Interrupted {};

struct WorkerOptions {
  const Dataset* data = nullptr;
  ExecutorKind executor = ExecutorKind::cpu;
  Precision precision = Precision::f32;  // this and passes where the kind takes them
  std::set<std::string> passes_off;
  int threads = 1;  // of this worker's team
  bool dry = false;
  std::optional<std::string> part = {};  // of an experiment that has parts: only this one
  const std::atomic<bool>* stop = nullptr;
  std::function<void(const Amount&)> advanced;  // what was done since the last call
  // Makes another one than these: a rendezvous, what a test looks at.
  std::function<std::unique_ptr<Executor>()> make_executor;
  // Before every training phase, every other phase and every evaluation over a subset (""), whether
  // they then run or not.
  std::function<void(const Training&, const Graph&, const DataTable&)> saw_graph;
  std::function<void(const Phase&, const PhaseGraphs&, const DataTable&)> saw_phase;
  std::function<void(const Evaluation&, const std::string& subset, const Graph&, const DataTable&)>
      saw_evaluation;
  std::filesystem::path checkpoints;  // empty: nothing is kept on disk
  // From a running phase's checkpoint to its next, or longer (Worker::due()): what is lost by a
  // kill. 0: after every step.
  double checkpoint_every_s = 20;
  // Of finished phases that are kept in memory; others are read back from `checkpoints` at need.
  int64_t most_held_bytes = int64_t{64} << 20;
  // Every phase is left after so many rounds and continued from a copy in programs compiled anew;
  // 0: never. Bits do not depend on it, which tests use.
  int64_t fork_at = 0;
  // Rounds between two looks at whether to stop or to save, of every phase; 0: about a hundredth of
  // a second's, or fewer; of a host's loop always one. Bits do not depend on it, which tests use.
  int64_t steps_per_call = 0;
  std::filesystem::path models;  // empty: final models are not kept
  Inputs* inputs = nullptr;      // what experiments read from files is noted there
  // Of the library and of all that the run reads: part of every phase's hash.
  uint64_t identity = 0;
};

struct RecordedImage {
  std::string figure;
  int64_t place = 0;
  std::string label, png;
};

struct RecordedText {
  std::string figure;
  int64_t place = 0;
  std::string text;
};

// What one seed's run found, written to the store in one piece.
struct SeedRecord {
  int64_t seed = 0;
  std::map<std::string, ModelResult> models;  // by arm
  std::vector<std::string> arms = {};         // as they were recorded
  std::vector<RecordedImage> images = {};
  std::vector<RecordedText> texts = {};
  double model_epochs = 0;                          // counted by dry runs, as is
  std::map<std::string, Work> work = {};            // by part
  std::map<std::string, Made> made = {};            // by part, of a dry run
  std::vector<std::string> parts = {};              // in the order they were met; none: undivided
  std::map<std::string, std::string> part_of = {};  // arm -> the part that recorded it
  // By part, of a dry run: all that its results depend on and that can be seen without training.
  std::map<std::string, Hash> form = {};
  std::map<std::string, std::set<std::string>> measured_in = {};  // arm -> parts, of a dry run
  std::set<std::tuple<std::string, std::string, int64_t>> measured = {};  // arm, metric, step

  // Adds what a dry run meets to the form of the part that it is in.
  template <class... Facts>
  void see(const std::optional<std::string>& part, const Facts&... facts) {
    Hash& of_part = form[part.value_or("")];
    (of_part.add(facts), ...);
  }
};

class Worker {
 public:
  explicit Worker(WorkerOptions options);

  const WorkerOptions& options() const { return options_; }

  // Of this worker alone. It keeps what it has compiled.
  Executor& executor() { return *executor_; }
  void forget_programs();  // it compiles all anew
  // A seed, or a part of one.
  void begin(int64_t seed, std::optional<std::string> part = {});
  void end();  // forgets its phases, on disk too

  // Finished phases of this job, by the hash of all that they depend on, and the furthest
  // checkpoint of one that was running when the last start ended.
  std::optional<PhaseResult> find_phase(uint64_t hash, const Recipes& recipes);
  std::optional<PhaseProgress> find_running(uint64_t hash, const Recipes& recipes);
  void keep_phase(uint64_t hash, const PhaseResult& r);
  // Of the finished phases in memory: at most `most_held_bytes` where there are checkpoints.
  int64_t held_bytes() const { return held_bytes_; }

  // What weights of this job came to by a phase that diverged, or started from or read what had:
  // whoever is given equal bits, copied by hand or not, has diverged as well.
  void note_diverged(ModelView model, int64_t step);
  std::optional<int64_t> diverged_at(ModelView model) const;

  // Whether the last checkpoint is so old that it is time for the next: `checkpoint_every_s`, or
  // longer (unless that is 0) where writing would take more than a hundredth of the time.
  bool due() const;
  // Writes what was finished since the last checkpoint, and the running phase.
  void save();
  void save(uint64_t hash, const Underway& running);

  bool asked_to_stop() const {
    return options_.stop && options_.stop->load(std::memory_order_relaxed);
  }
  void stop_if_asked();  // saves and throws Interrupted

  // While a host's function of a phase is called on this thread, dry or not, whose round runs that
  // phase's programs alone.
  class InRound {
   public:
    explicit InRound(const std::string& phase) { round_of_ = &phase; }
    ~InRound() { round_of_ = nullptr; }
    InRound(const InRound&) = delete;
    InRound& operator=(const InRound&) = delete;
  };
  static void require_no_round(const char* what);  // UserError within one

 private:
  bool keeps_checkpoints() const { return !options_.checkpoints.empty(); }
  std::filesystem::path folder() const;
  std::filesystem::path finished_path(uint64_t hash) const;
  std::filesystem::path running_path(uint64_t hash, int generation) const;
  void forget();
  void write_finished(uint64_t hash, const PhaseResult& r);
  void hold(uint64_t hash, const PhaseResult& r, bool written);
  void wait_after(std::chrono::steady_clock::time_point began_writing);

  WorkerOptions options_;
  std::unique_ptr<Executor> executor_;
  struct Held {
    PhaseResult phase;
    bool written = false;  // to its checkpoint
    int64_t used = 0;      // when it was asked for last
  };
  std::map<uint64_t, Held> phases_;
  int64_t held_bytes_ = 0, uses_ = 0;
  std::map<uint64_t, int64_t> diverged_;  // by weights' hash: the step
  std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
  double wait_s_ = 0;  // from saved_ to the next checkpoint
  int generation_ = 0;
  int64_t seed_ = 0;
  static thread_local const std::string* round_of_;
};

}  // namespace omni
