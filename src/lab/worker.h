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
#include "lab/cost.h"
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
  std::optional<std::string> part = {};      // of an experiment that has parts: only this one
  const std::atomic<bool>* stop = nullptr;
  std::function<void(double)> advanced;      // model-epochs trained
  std::function<void(const Training&, const Graph&)> saw_graph;  // of every training phase
  std::filesystem::path checkpoints;         // empty: phases are not kept on disk
  double worth_writing_s = 1;  // a phase that took less is rather trained again than written
  std::filesystem::path models;              // empty: final models are not kept
};

struct RecordedImage {
  std::string figure;
  int64_t place = 0;
  std::string label, png;
};

// What one seed's run found, written to the store in one piece.
struct SeedRecord {
  int64_t seed = 0;
  std::map<std::string, ModelResult> models;  // by arm
  std::vector<RecordedImage> images = {};
  double model_epochs = 0;                          // counted by dry runs, as is
  std::map<std::string, Work> work = {};            // by part
  std::vector<std::string> parts = {};              // in the order they were met; none: undivided
  std::map<std::string, std::string> part_of = {};  // arm -> the part that recorded it
};

class Worker {
 public:
  explicit Worker(WorkerOptions options);

  const WorkerOptions& options() const { return options_; }
  DataTable& tables() { return tables_; }

  // Compiled once per graph and kept.
  std::shared_ptr<Program> program(const Graph& g);
  // A seed, or a part of one.
  void begin(int64_t seed, std::optional<std::string> part = {});
  void end();  // forgets its phases, on disk too

  // Finished phases of this job, by the hash of all that they depend on.
  const Trained* find_phase(uint64_t hash);
  // Also on disk, if training took so long that this is worth it.
  void keep_phase(uint64_t hash, const Trained& t, double took_s);

 private:
  std::filesystem::path folder() const;

  WorkerOptions options_;
  DataTable tables_;
  std::map<uint64_t, std::shared_ptr<Program>> programs_;
  std::map<uint64_t, Trained> phases_;
  int64_t seed_ = 0;
};

}  // namespace omni
