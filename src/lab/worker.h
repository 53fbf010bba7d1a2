// One worker's belongings: the programs it has compiled, its inputs' memory, and the phases of the
// seed it is on. Only the lab sees it.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "engine/program.h"
#include "lab/trial.h"

namespace omni {

// Thrown inside a seed's run when the run is to stop; what was finished is kept.
struct Interrupted {};

struct WorkerOptions {
  const Dataset* data = nullptr;
  Precision precision = Precision::f32;
  std::set<std::string> passes_off;
  int threads = 1;                           // of this worker's team
  bool dry = false;
  const std::atomic<bool>* stop = nullptr;
  std::function<void(double)> advanced;      // model-epochs trained
  std::function<void(const Training&, const Graph&)> saw_graph;  // of every training phase
  std::filesystem::path checkpoints;         // empty: phases are not kept on disk
  std::filesystem::path models;              // empty: final models are not kept
};

// What one seed's run found, written to the store in one piece.
struct SeedRecord {
  int64_t seed = 0;
  std::map<std::string, ModelResult> models;  // by arm
  double model_epochs = 0, matmul_flops = 0;  // counted by dry runs
};

class Worker {
 public:
  explicit Worker(WorkerOptions options);

  const WorkerOptions& options() const { return options_; }
  DataTable& tables() { return tables_; }

  // Compiled once per graph and kept.
  std::shared_ptr<Program> program(const Graph& g);
  void begin_seed(int64_t seed);
  void end_seed();  // forgets the seed's phases, on disk too

  // Finished phases of this seed, by the hash of all that they depend on.
  const Trained* find_phase(uint64_t hash);
  void keep_phase(uint64_t hash, const Trained& t);

 private:
  std::filesystem::path seed_folder() const;

  WorkerOptions options_;
  DataTable tables_;
  std::map<uint64_t, std::shared_ptr<Program>> programs_;
  std::map<uint64_t, Trained> phases_;
  int64_t seed_ = 0;
};

}  // namespace omni
