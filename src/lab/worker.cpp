#include "lab/worker.h"

#include <nlohmann/json.hpp>

#include "base/statistics.h"
#include "graph/inspect.h"
#include "lab/arrays.h"
#include "store/files.h"

namespace omni {
namespace {

// Sweeps over structure compile many programs; each holds its activations.
constexpr size_t kMostPrograms = 64;
constexpr const char* kDivergedKey = "diverged_at";
constexpr const char* kStepsKey = "steps";
constexpr const char* kProbedKey = "probed";
constexpr const char* kCheckKey = "check";

// [[step, {name: value}], ...]; a value that is not finite becomes null and comes back as NaN.
std::string probed_text(const std::vector<Probed>& probed) {
  auto list = nlohmann::json::array();
  for (const Probed& p : probed) list.push_back({p.step, p.values});
  return list.dump();
}

std::vector<Probed> probed_from(const std::string& text) {
  std::vector<Probed> out;
  for (const auto& item : nlohmann::json::parse(text)) {
    Probed& p = out.emplace_back(Probed{item.at(0).get<int64_t>(), {}});
    for (const auto& [name, value] : item.at(1).items())
      p.values[name] = value.is_null() ? kNaN : value.get<double>();
  }
  return out;
}

// What a checkpoint must agree with: its weights and its outcome.
std::string check_text(const Trained& t) {
  return fmt::format("{:016x} {} {} {:016x}", weights_hash(t.model[0]), t.diverged_at.value_or(-1),
                     t.steps, hash_text(probed_text(t.probed)));
}

// Nothing for a damaged file: the phase is then trained again, to the same bits.
std::optional<Trained> read_phase(const std::filesystem::path& path) {
  try {
    std::map<std::string, std::string> metadata;
    Trained t{load_ensemble(path, &metadata)};
    if (metadata.contains(kDivergedKey)) t.diverged_at = std::stoll(metadata.at(kDivergedKey));
    t.steps = std::stoll(metadata[kStepsKey]);
    t.probed = probed_from(metadata[kProbedKey]);
    if (metadata[kCheckKey] == check_text(t)) return t;
  } catch (const UserError&) {
  } catch (const std::invalid_argument&) {
  } catch (const std::out_of_range&) {
  } catch (const nlohmann::json::exception&) {
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

std::filesystem::path Worker::folder() const {
  std::string name = fmt::format("seed-{}", seed_);
  if (options_.part) name += fmt::format("-{:016x}", hash_text(*options_.part));
  return options_.checkpoints / name;
}

void Worker::begin(int64_t seed, std::optional<std::string> part) {
  seed_ = seed;
  options_.part = std::move(part);
  phases_.clear();
}

void Worker::end() {
  phases_.clear();
  std::error_code ignored;
  if (!options_.checkpoints.empty()) std::filesystem::remove_all(folder(), ignored);
}

const Trained* Worker::find_phase(uint64_t hash) {
  if (const auto it = phases_.find(hash); it != phases_.end()) return &it->second;
  if (options_.checkpoints.empty()) return nullptr;
  const auto path = folder() / fmt::format("{:016x}.safetensors", hash);
  if (!std::filesystem::exists(path)) return nullptr;
  std::optional<Trained> t = read_phase(path);
  if (!t) return nullptr;
  return &phases_.emplace(hash, std::move(*t)).first->second;
}

void Worker::keep_phase(uint64_t hash, const Trained& t, double took_s) {
  phases_.insert_or_assign(hash, t.clone());
  // Snapshots live in memory only: such a phase is trained again after an interruption.
  if (options_.checkpoints.empty() || took_s < options_.worth_writing_s || !t.kept.empty()) return;
  make_folder(folder());
  std::map<std::string, std::string> metadata = {{kCheckKey, check_text(t)},
                                                 {kStepsKey, fmt::format("{}", t.steps)},
                                                 {kProbedKey, probed_text(t.probed)}};
  if (t.diverged_at) metadata[kDivergedKey] = fmt::format("{}", *t.diverged_at);
  save_ensemble(folder() / fmt::format("{:016x}.safetensors", hash), t.model, metadata);
}

}  // namespace omni
