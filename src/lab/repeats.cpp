// Whether a host's rounds lean on what is not in their state.
#include <algorithm>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/hash.h"
#include "lab/phase.h"

namespace omni {
namespace {

void add(Hash& h, const PhaseSnapshot& s) {
  h.add(s.round);
  for (const auto& [name, e] : s.sets) h.add(weights_hash(e[0]));
  for (const auto& [name, at] : s.programs) h.add(at.runs);  // which the next round sees
  h.add(std::string_view(reinterpret_cast<const char*>(s.host.data()), s.host.size()));
  for (const auto& [name, copy] : s.copies) {
    h.add(name);
    add(h, *copy);
  }
}

// One more round of it, and all that this came to: where it stands, what it saw, logged and kept,
// and whether the phase is over.
uint64_t bits_of_round(OpenPhase& open) {
  const PhaseSnapshot before = open.snapshot();
  Hash h;
  h.add(uint64_t{open.step()});
  const PhaseSnapshot after = open.snapshot();
  add(h, after);
  const PhaseResult r = open.finish();
  h.add(r.diverged_at.value_or(-1));
  if (!r.probed.empty() && r.probed.back().step > before.round)
    for (const auto& [name, x] : r.probed.back().values) {
      h.add(name);
      h.add(x);
    }
  for (const auto& [program, results] : r.logs)
    for (const auto& [name, values] : results) {
      const auto runs =
          static_cast<size_t>(after.programs.at(program).runs - before.programs.at(program).runs);
      for (const float x : std::span(values).last(std::min(runs, values.size()))) h.add(double{x});
    }
  return h.value();
}

}  // namespace

void check_repeats(Trial& t, const Phase& p, int64_t round) {
  Phase again = p;  // it looks at every round, and at nothing between them
  again.see_every = 1;
  again.keep_at.clear();
  again.stop.reset();
  if (again.probe) {
    again.probe->every = 0;
    again.probe->at = {again.rounds};
  }
  const auto straight = t.open(again);
  require(round >= straight->round(),
          "phase {}: its round {} is to be checked, and it begins with {}", p.name, round,
          straight->round());
  bool goes_on = straight->round() < p.rounds;
  while (goes_on && straight->round() < round) goes_on = straight->step();
  require(goes_on, "phase {}: it is over before round {}", p.name, round);
  const PhaseSnapshot before = straight->snapshot();
  const uint64_t wanted = bits_of_round(*straight);
  again.from.emplace(before);
  uint64_t seen[2];
  for (uint64_t& bits : seen) bits = bits_of_round(*t.open(again));
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
