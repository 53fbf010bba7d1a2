#include "executors/slots.h"

#include <algorithm>

#include "base/hash.h"
#include "graph/inspect.h"

namespace omni {

uint64_t fingerprint(const SessionSpec& spec) {
  Hash hash;
  hash.add(spec.stop_diverged);
  for (const ProgramSpec& p : spec.programs) {
    hash.add(p.name);
    hash.add(fingerprint(*p.graph));
    hash.add(p.last ? fingerprint(*p.last) : 0);
    hash.add(p.samples);
    hash.add(p.batch);
    hash.add(p.watched);
    hash.add(p.clock.value_or(-1));
    hash.add(p.fed.size());
    for (const std::string& name : p.fed) hash.add(name);
    hash.add(p.logged.size());
    for (const std::string& name : p.logged) hash.add(name);
  }
  return hash.value();
}

bool stand_alike(const SessionSpec& spec, const Standing& a, const Standing& b,
                 std::span<const Turn> turns) {
  return std::ranges::all_of(turns, [&](const Turn& t) {
    const auto p = static_cast<size_t>(t.program);
    const ProgramSpec& program = spec.programs[p];
    return (a.round - b.round) % t.every == 0 &&
           (!program.last ||
            (a.programs[p].runs - b.programs[p].runs) % program.runs_per_epoch() == 0);
  });
}

}  // namespace omni
