// Checkpoints of phases: damaged ones are nothing, and never an error.
#include "base/error.h"
#include "fuzz/target.h"
#include "lab/checkpoint.h"
#include "store/files.h"

namespace omni::fuzz {

// As of ensembles: weights, optimiser state and what the file was read into.
const MemoryBound kMemory{1 << 20, 600};

void write(const std::filesystem::path& path, const PhaseProgress& p) {
  Underway u{p.reached, p.programs, {}, p.reached.host};
  for (const auto& [set, e] : p.reached.sets) u.sets.emplace(set, view(e[0]));
  write_checkpoint(path, u);
}

void read(std::string_view input) {
  // As in make_corpus.py.
  const Recipes recipes = {
      {"model", {{"w", Shape{2}, init::zeros()}, {"b", Shape{1}, init::zeros()}}},
      {"model.opt", {{"m/w", Shape{2}, init::zeros()}}}};
  const std::optional<PhaseProgress> progress = read_checkpoint(file_with(input), recipes);
  require(progress.has_value(), "no checkpoint");
  const auto first = scratch_path("first"), second = scratch_path("second");
  write(first, *progress);
  const std::optional<PhaseProgress> back = read_checkpoint(first, recipes);
  check(back.has_value(), "what was written is refused");
  write(second, *back);
  check(read_file(first) == read_file(second), "what was written reads back as something else");
}

}  // namespace omni::fuzz
