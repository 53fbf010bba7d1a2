#include "fuzz/choosing.h"

#include "base/error.h"
#include "experiments/catalogue.h"
#include "fuzz/target.h"

namespace omni::fuzz {

// Many combinations of swept values, or a million seeds, may be asked for in a few bytes.
const MemoryBound kMemory{96 << 20, 1500};

namespace {

// More seeds, each printed into config.toml, and more combinations of swept values take long and
// tell nothing more.
constexpr size_t kMostSeeds = 1000, kMostCombinations = 64;

Resolved resolved(const cli::Choice& choice) {
  static const std::vector<Experiment> experiments = catalogue();
  const cli::Chosen chosen = cli::choose({experiments, "./omni", {}}, choice);
  require(!chosen.request.seeds || chosen.request.seeds->size() <= kMostSeeds, "too many seeds");
  const auto settings = chosen.experiment->settings();
  OptionList options = settings->options();
  size_t combinations = 1;
  for (const Assignment& a : chosen.request.assignments) {
    if (!options.find(a.key, a.where).is_list()) combinations *= a.values.size();
    require(combinations <= kMostCombinations, "too many combinations");
  }
  return resolve(*chosen.experiment, chosen.request);
}

// Throws Bug where settings change on the way through text, UserError where the text is refused.
void require_same_again(const Resolved& first) {
  for (const Variant& variant : first.variants) {
    OptionList options = variant.settings->options();
    for (Option& option : options.all()) {
      const std::string shown = option.text();
      option.set(shown, "shown");
      check(option.text() == shown, "'{}' shows '{}' and reads back as '{}'", option.name(), shown,
            option.text());
    }
  }
  const Resolved second = resolved({.config = file_with(first.toml, "config.toml").string()});
  check(second.toml == first.toml, "this configuration reads back as another:\n{}\n{}", first.toml,
        second.toml);
  check(second.seeds == first.seeds && second.variants.size() == first.variants.size(),
        "this configuration reads back with other seeds or variants:\n{}", first.toml);
}

}  // namespace

void resolve_twice(const cli::Choice& choice) {
  const Resolved first = resolved(choice);
  try {
    require_same_again(first);
  } catch (const UserError& e) {
    throw Bug(fmt::format("these settings are not accepted again: {}\n{}", e.what(), first.toml));
  }
}

}  // namespace omni::fuzz
