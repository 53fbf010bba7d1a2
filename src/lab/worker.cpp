#include "lab/worker.h"

#include "graph/inspect.h"
#include "lab/arrays.h"
#include "store/files.h"

namespace omni {
namespace {

// Sweeps over structure compile many programs; each holds its activations.
constexpr size_t kMostPrograms = 64;
constexpr const char* kDivergedKey = "diverged_at";
constexpr const char* kCheckKey = "check";

// What a checkpoint must agree with: its weights and its outcome.
std::string check_text(const Trained& t) {
  return fmt::format("{:016x} {}", weights_hash(t.model[0]), t.diverged_at.value_or(-1));
}

// Nothing for a damaged file: the phase is then trained again, to the same bits.
std::optional<Trained> read_phase(const std::filesystem::path& path) {
  try {
    std::map<std::string, std::string> metadata;
    Trained t{load_ensemble(path, &metadata), {}};
    if (metadata.contains(kDivergedKey)) t.diverged_at = std::stoll(metadata.at(kDivergedKey));
    if (metadata[kCheckKey] == check_text(t)) return t;
  } catch (const UserError&) {
  } catch (const std::invalid_argument&) {
  } catch (const std::out_of_range&) {
  }
  return std::nullopt;
}

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
  std::optional<Trained> t = read_phase(path);
  if (!t) return nullptr;
  return &phases_.emplace(hash, std::move(*t)).first->second;
}

void Worker::keep_phase(uint64_t hash, const Trained& t) {
  phases_.insert_or_assign(hash, Trained{t.model.clone(), t.diverged_at});
  if (options_.checkpoints.empty()) return;
  make_folder(seed_folder());
  std::map<std::string, std::string> metadata = {{kCheckKey, check_text(t)}};
  if (t.diverged_at) metadata[kDivergedKey] = fmt::format("{}", *t.diverged_at);
  save_ensemble(seed_folder() / fmt::format("{:016x}.safetensors", hash), t.model, metadata);
}

}  // namespace omni
