#include "lab/worker.h"

#include "graph/inspect.h"
#include "lab/arrays.h"
#include "store/files.h"

namespace omni {
namespace {

// Sweeps over structure compile many programs; each holds its activations.
constexpr size_t kMostPrograms = 64;
constexpr const char* kDivergedKey = "diverged_at";

}  // namespace

Worker::Worker(WorkerOptions options) : options_(std::move(options)) {
  if (options_.data) tables_ = tables_of(*options_.data);
}

std::shared_ptr<Program> Worker::program(const Graph& g) {
  const uint64_t print = fingerprint(g);
  if (const auto it = programs_.find(print); it != programs_.end()) return it->second;
  if (programs_.size() >= kMostPrograms) programs_.clear();
  return programs_[print] = std::make_shared<Program>(
             g, ProgramOptions{options_.precision, options_.passes_off, options_.threads});
}

std::filesystem::path Worker::seed_folder() const {
  return options_.checkpoints / fmt::format("seed-{}", seed_);
}

void Worker::begin_seed(int64_t seed) {
  seed_ = seed;
  phases_.clear();
}

void Worker::end_seed() {
  phases_.clear();
  std::error_code ignored;
  if (!options_.checkpoints.empty()) std::filesystem::remove_all(seed_folder(), ignored);
}

const Trained* Worker::find_phase(uint64_t hash) {
  if (const auto it = phases_.find(hash); it != phases_.end()) return &it->second;
  if (options_.checkpoints.empty()) return nullptr;
  const auto path = seed_folder() / fmt::format("{:016x}.safetensors", hash);
  if (!std::filesystem::exists(path)) return nullptr;
  std::map<std::string, std::string> metadata;
  Trained t{load_ensemble(path, &metadata), {}};
  if (metadata.contains(kDivergedKey)) t.diverged_at = std::stoll(metadata.at(kDivergedKey));
  return &phases_.emplace(hash, std::move(t)).first->second;
}

void Worker::keep_phase(uint64_t hash, const Trained& t) {
  phases_.insert_or_assign(hash, Trained{t.model.clone(), t.diverged_at});
  if (options_.checkpoints.empty()) return;
  make_folder(seed_folder());
  std::map<std::string, std::string> metadata;
  if (t.diverged_at) metadata[kDivergedKey] = fmt::format("{}", *t.diverged_at);
  save_ensemble(seed_folder() / fmt::format("{:016x}.safetensors", hash), t.model, metadata);
}

}  // namespace omni
