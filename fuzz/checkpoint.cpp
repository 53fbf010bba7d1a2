// Checkpoints of training phases: damaged ones are nothing, and never an error.
#include "base/error.h"
#include "fuzz/target.h"
#include "lab/checkpoint.h"
#include "store/files.h"

namespace omni::fuzz {

// As of ensembles: weights, optimiser state and what the file was read into.
const MemoryBound kMemory{1 << 20, 600};

Underway underway(const Progress& p) {
  return {p.reached, p.first_loss, view(p.reached.model[0]),
          p.optimizer ? view((*p.optimizer)[0]) : SetView{}};
}

void read(std::string_view input) {
  // As in make_corpus.py.
  const std::vector<ParameterSpec> recipes = {{"w", Shape{2}, init::zeros()},
                                              {"b", Shape{1}, init::zeros()}};
  const std::optional<Progress> progress = read_checkpoint(file_with(input), recipes);
  require(progress.has_value(), "no checkpoint");
  const auto first = scratch_path("first"), second = scratch_path("second");
  write_checkpoint(first, underway(*progress));
  const std::optional<Progress> back = read_checkpoint(first, recipes);
  check(back.has_value(), "what was written is refused");
  write_checkpoint(second, underway(*back));
  check(read_file(first) == read_file(second), "what was written reads back as something else");
}

}  // namespace omni::fuzz
