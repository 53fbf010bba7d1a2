// Whether a host's rounds lean on what is not in their state.
#include "base/error.h"
#include "base/hash.h"
#include "lab/phase.h"

namespace omni {
namespace {

uint64_t bits_of(OpenPhase& open) {
  const PhaseSnapshot s = open.snapshot();
  Hash h;
  for (const auto& [name, e] : s.sets) h.add(weights_hash(e[0]));
  for (const auto& [name, at] : s.programs) h.add(at.runs);  // which the next round sees
  h.add(std::string_view(reinterpret_cast<const char*>(s.host.data()), s.host.size()));
  return h.value();
}

}  // namespace

void check_repeats(Trial& t, const Phase& p, int64_t round) {
  const auto straight = t.open(p);
  while (straight->round() < round)
    require(straight->step(), "phase {}: it is over before round {}", p.name, round);
  const PhaseSnapshot before = straight->snapshot();
  straight->step();
  const uint64_t wanted = bits_of(*straight);
  Phase again = p;
  again.from.emplace(before);
  uint64_t seen[2];
  for (uint64_t& bits : seen) {
    const auto copy = t.open(again);
    copy->step();
    bits = bits_of(*copy);
  }
  require(
      seen[0] == seen[1],
      "phase {}: its round {}, called twice from equal state, gave other bits: what it keeps from "
      "round to round must be in its state, and what it draws come from Round::key()",
      p.name, round);
  require(
      seen[0] == wanted,
      "phase {}: its round {} gave other bits when its state had been written to bytes and read "
      "back: its visit() leaves a member out, or its function keeps something elsewhere",
      p.name, round);
}

}  // namespace omni
