#include "lab/worker.h"

#include <algorithm>

#include "base/error.h"
#include "engine/flops.h"
#include "graph/inspect.h"
#include "store/files.h"
#include "weights/arrays.h"

namespace omni {
namespace {

// Writing takes at most this share of a worker's time, whatever the interval.
constexpr double kWritingShare = 0.01;
// Two generations: a running phase's last checkpoint is still there while the next is written, and
// when that one turns out to be damaged.
constexpr int kGenerations = 2;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

Worker::Worker(WorkerOptions options) : options_(std::move(options)) { forget_programs(); }

void Worker::forget_programs() {
  const ExecutorOptions how{options_.precision, options_.passes_off, options_.threads};
  executor_ =
      options_.make_executor ? options_.make_executor() : row_of(options_.executor).make(how);
}

std::filesystem::path Worker::folder() const {
  std::string name = fmt::format("seed-{}", seed_);
  if (options_.part) name += fmt::format("-{:016x}", hash_text(*options_.part));
  return options_.checkpoints / name;
}

void Worker::begin(int64_t seed, std::optional<std::string> part) {
  seed_ = seed;
  options_.part = std::move(part);
  forget();
}

void Worker::end() {
  forget();
  std::error_code ignored;
  if (keeps_checkpoints()) std::filesystem::remove_all(folder(), ignored);
}

void Worker::forget() {
  phases_.clear();
  held_bytes_ = 0;
  diverged_.clear();
  saved_ = std::chrono::steady_clock::now();
  wait_s_ = options_.checkpoint_every_s;
}

std::filesystem::path Worker::finished_path(uint64_t hash) const {
  return folder() / fmt::format("{:016x}.safetensors", hash);
}

std::filesystem::path Worker::running_path(uint64_t hash, int generation) const {
  return folder() / fmt::format("{:016x}.running-{}.safetensors", hash, generation);
}

std::optional<PhaseResult> Worker::find_phase(uint64_t hash, const Recipes& recipes) {
  if (const auto it = phases_.find(hash); it != phases_.end()) {
    it->second.used = ++uses_;
    return it->second.phase.clone();
  }
  if (!keeps_checkpoints()) return std::nullopt;
  std::optional<PhaseProgress> found = read_checkpoint(finished_path(hash), recipes);
  if (!found) return std::nullopt;
  hold(hash, found->reached, true);
  return std::move(found->reached);
}

void Worker::write_finished(uint64_t hash, const PhaseResult& r) {
  make_folder(folder());
  write_checkpoint(finished_path(hash), r);
  std::error_code ignored;
  for (int g = 0; g < kGenerations; ++g) std::filesystem::remove(running_path(hash, g), ignored);
}

// Keeps a copy, and lets go of what was not asked for the longest to make room for it.
void Worker::hold(uint64_t hash, const PhaseResult& r, bool written) {
  const int64_t bytes = r.bytes(), most = options_.most_held_bytes;
  if (keeps_checkpoints() && bytes > most) {
    if (!written) write_finished(hash, r);
    return;
  }
  while (keeps_checkpoints() && held_bytes_ + bytes > most) {
    const auto oldest =
        std::ranges::min_element(phases_, {}, [](const auto& held) { return held.second.used; });
    if (!oldest->second.written) write_finished(oldest->first, oldest->second.phase);
    held_bytes_ -= oldest->second.phase.bytes();
    phases_.erase(oldest);
  }
  if (phases_.try_emplace(hash, Held{r.clone(), written, ++uses_}).second) held_bytes_ += bytes;
}

std::optional<PhaseProgress> Worker::find_running(uint64_t hash, const Recipes& recipes) {
  std::optional<PhaseProgress> furthest;
  if (!keeps_checkpoints()) return furthest;
  for (int g = 0; g < kGenerations; ++g) {
    std::optional<PhaseProgress> found = read_checkpoint(running_path(hash, g), recipes);
    if (!found || (furthest && found->reached.rounds <= furthest->reached.rounds)) continue;
    furthest = std::move(found);
    generation_ = (g + 1) % kGenerations;  // the next one leaves this one alone
  }
  return furthest;
}

void Worker::keep_phase(uint64_t hash, const PhaseResult& r) {
  hold(hash, r, false);
  if (due()) save();
}

void Worker::note_diverged(ModelView model, int64_t step) {
  diverged_.try_emplace(weights_hash(model), step);
}

std::optional<int64_t> Worker::diverged_at(ModelView model) const {
  if (diverged_.empty()) return std::nullopt;  // and nothing is hashed
  const auto it = diverged_.find(weights_hash(model));
  if (it == diverged_.end()) return std::nullopt;
  return it->second;
}

bool Worker::due() const { return keeps_checkpoints() && seconds_since(saved_) >= wait_s_; }

void Worker::save() {
  if (!keeps_checkpoints()) return;
  const auto begin = std::chrono::steady_clock::now();
  make_folder(folder());
  for (auto& [hash, held] : phases_) {
    if (!held.written) write_finished(hash, held.phase);
    held.written = true;
  }
  wait_after(begin);
}

void Worker::save(uint64_t hash, const Underway& running) {
  if (!keeps_checkpoints()) return;
  const auto begin = std::chrono::steady_clock::now();
  save();
  write_checkpoint(running_path(hash, generation_), running);
  generation_ = (generation_ + 1) % kGenerations;
  wait_after(begin);
}

void Worker::wait_after(std::chrono::steady_clock::time_point began_writing) {
  saved_ = std::chrono::steady_clock::now();
  wait_s_ = options_.checkpoint_every_s;
  if (wait_s_ > 0) wait_s_ = std::max(wait_s_, seconds_since(began_writing) / kWritingShare);
}

thread_local const std::string* Worker::round_of_ = nullptr;

void Worker::require_no_round(const char* what) {
  if (round_of_)
    fail_user(
        "phase {}: its round calls {}, and a round runs its own phase's programs alone: give "
        "the phase a program for it, or do it before or after the phase",
        *round_of_, what);
}

void Worker::stop_if_asked() {
  if (!asked_to_stop()) return;
  save();
  throw Interrupted{};
}

}  // namespace omni
