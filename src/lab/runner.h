// Runs an experiment: resolves its settings, shares its seeds out over workers, stores what they
// find, judges the claims and leaves a finished run folder.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/catalogue.h"
#include "executors/rendezvous.h"
#include "lab/cost.h"
#include "lab/executor_kinds.h"
#include "lab/experiment.h"
#include "store/run_folder.h"

namespace omni {

// What claims read and a preset records, by preset: MetricRead::text(), variants aside. Of presets
// that are absent nothing is known.
using PresetReads = std::map<std::string, std::vector<std::string>>;

struct Recording;  // lab/judging.h

struct RunRequest {
  std::string preset;                         // empty: the experiment's first
  std::vector<Assignment> assignments;        // later ones win
  std::optional<std::vector<int64_t>> seeds;  // absent: 0 .. preset's number - 1
  int threads = 0;                            // 0: all cores
  ExecutorKind executor = ExecutorKind::cpu;
  Precision precision = Precision::f32;
  std::set<std::string> passes_off;
  std::filesystem::path out;                  // the run folder
  DataOptions data;
  const Dataset* loaded = nullptr;            // what load_dataset() gives, by who runs often; lent
  double checkpoint_every_s = 20;             // as in WorkerOptions
  int64_t fork_at = 0, steps_per_call = 0;    // the same; for tests
  // Where the executor steps models of many seeds together: those under way take no more memory
  // than this, or are one; and for tests, which of them meet, and who is told of it.
  int64_t most_bytes_under_way = int64_t{1} << 30;
  Grouping grouping = all_together();
  std::function<void(const Meeting&)> met = {};
  bool keep_models = false;                   // final weights as models/seed-N/ARM.safetensors
  bool anew = false;                          // a run that `out` holds is set aside
  bool mixed_builds = false;                  // goes on where another build gave other results
  std::string program = {};                   // empty: program_hash(); for tests
  PresetReads preset_reads = {};              // empty: found by dry runs where they are needed
};

// Told how a run goes; called from several threads, one at a time.
class RunWatcher {
 public:
  virtual ~RunWatcher() = default;
  // Before the run folder is touched: how many conditions each seed has, those of all variants.
  virtual void planned(size_t /*conditions*/) {}
  // Where an executor steps models of many seeds together: so many of the run's seeds, or of their
  // parts, have room in memory at once.
  virtual void under_way(int /*at_once*/, size_t /*all*/, int64_t /*bytes_each*/) {}
  // `matmul_flops`: of what is left to do.
  virtual void began(int64_t seeds, int64_t seeds_done, double matmul_flops) = 0;
  virtual void advanced(const Amount& done) = 0;  // since the last call
  virtual void seed_done(int64_t seed, const std::vector<ModelResult>& models) = 0;
  virtual void note(const std::string& text) = 0;
};

// Settings resolved from a preset and assignments: one per combination of swept values.
struct Variant {
  std::string label;                 // "" or "init_distance=0.2, width=64"
  std::unique_ptr<Settings> settings;
};
struct Resolved {
  std::string preset;
  std::vector<Variant> variants;
  std::vector<std::string> swept;    // names of swept options
  std::string base;                  // label of the variant with unswept values; "" if none
  std::vector<int64_t> seeds;
  std::string toml;                  // config.toml
};
// Throws UserError for unknown presets and options, wrong types, impossible values.
Resolved resolve(const Experiment& e, const RunRequest& request);

// What a preset sets, and the defaults. UserError for what it names that is not there.
std::unique_ptr<Settings> preset_settings(const Experiment& e, const Preset& p);

// What a seed of it computes, from a dry run.
Count count_of(const Resolved& r, const Dataset& data);

// The graphs of one seed and how often each is run.
Work work_of_seed(const Resolved& r, const Dataset& data);

struct RunOutcome {
  RunStatus status;  // failed: some models did, and what the others give was judged
  std::filesystem::path folder;
  std::vector<ClaimRow> claims = {};
  int models = 0, diverged = 0, failed = 0;
  double busy_s = 0;  // since this start
  Count count = {};   // of a seed
  std::vector<std::string> reads = {};  // as in PresetReads
  // How many times as long as is typical it took, where all of it ran since this start.
  std::optional<double> slowness = {};
};

// What a finished run was made from and by, where that is no longer so: clauses for its headline,
// from the folder and the files on this machine alone.
struct Staleness {
  std::string
      inputs;         // a changed input, as changed_input() says; such a run must not pass for done
  std::string build;  // another program made it
  std::string stand_in;  // it ran on data that stood in for a set that can be had now
};
Staleness staleness_of(const RunFolder& run, const Resolved& r, const RunRequest& request);

// Leaves everything in the run folder but the report, which is made from there. Throws UserError
// before anything starts. `stop` ends the run early when it becomes true: the
// status is then interrupted and the same request takes it up again.
RunOutcome run_experiment(const Experiment& e, const RunRequest& request, RunWatcher& watcher,
                          const std::atomic<bool>& stop);

// From what is stored.
std::vector<ClaimRow> judge_claims(const Resolved& r, const Experiment& e, const Results& results,
                                   const Dataset& data, const Recording* recording = nullptr);

}  // namespace omni
