#include "lab/phase.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/build_info.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/nearest.h"

namespace omni {
namespace {

std::map<std::string, Ensemble> clones(const std::map<std::string, Ensemble>& sets) {
  std::map<std::string, Ensemble> all;
  for (const auto& [name, e] : sets) all.emplace(name, e.clone());
  return all;
}

// What a text begins with.
std::string in(const std::string& phase) {
  return phase.empty() ? "the phase" : fmt::format("phase {}: it", phase);
}

template <class Map>
const typename Map::mapped_type& found(const std::string& phase, const Map& map,
                                       const std::string& name, const char* what) {
  if (const auto it = map.find(name); it != map.end()) return it->second;
  std::vector<std::string> known;
  for (const auto& [key, value] : map) known.push_back(key);
  fail_user("{} has no {} '{}'{}", in(phase), what, name, suggest(name, known));
}

}  // namespace

PhaseSnapshot PhaseSnapshot::clone() const { return {round, clones(sets), programs, host, copies}; }

PhaseOrigin::PhaseOrigin(const PhaseSnapshot& s)
    : round(s.round), programs(s.programs), host(s.host), copies(s.copies) {
  for (const auto& [name, e] : s.sets) sets[name] = &e;
}

PhaseOrigin::PhaseOrigin(const Snapshot& s, const std::string& set)
    : round(s.step), sets{{set, &s.model}}, programs{{"step", {s.step, s.rate}}} {
  if (s.optimizer) sets[set + ".opt"] = &*s.optimizer;
}

void Phase::set_host(HostState first, const void* code, const Bytes& constants,
                     std::function<void(Round&, HostState&)> round) {
  require(code != nullptr, "phase {}: its host's function is null", name);
  Hash hash;
  hash.add(place_in_program(code));
  hash.add(std::string_view(reinterpret_cast<const char*>(constants.data()), constants.size()));
  host_state = std::move(first);
  host_round = std::move(round);
  host_hash = hash.value();
}

const Ensemble& PhaseResult::set(const std::string& name) const& {
  return found(phase, sets, name, "trained set");
}

const std::vector<float>& PhaseResult::log(const std::string& program,
                                           const std::string& result) const& {
  return found(phase, found(phase, logs, program, "logged program"), result, "logged result");
}

const PhaseSnapshot* PhaseResult::reached(int64_t round) const& {
  const auto it = std::ranges::find(kept, round, &PhaseSnapshot::round);
  if (it != kept.end()) return &*it;
  require(rounds < round, "{} has no snapshot of after round {}: list it in keep_at", in(phase),
          round);
  return nullptr;
}

const PhaseSnapshot& PhaseResult::at(int64_t round) const& {
  const PhaseSnapshot* found = reached(round);
  require(
      found,
      "{} has no snapshot of after round {}, as it {} after round {}; where that may be, ask for "
      "reached({}), which is null then",
      in(phase), round, diverged_at ? "diverged and ended" : "ended", rounds, round);
  return *found;
}

const PhaseSnapshot* PhaseResult::reached(const std::string& name) const& {
  if (const auto it = copies.find(name); it != copies.end()) return it->second.get();
  if (std::ranges::count(keeps, name) > 0) return nullptr;
  fail_user("{} keeps nothing as '{}' in its first round, nor is that listed in Phase::keeps{}",
            in(phase), name, keeps.empty() ? "" : suggest(name, keeps));
}

const PhaseSnapshot& PhaseResult::at(const std::string& name) const& {
  const PhaseSnapshot* found = reached(name);
  require(found,
          "{} never came to keep anything as '{}'; where that may be, ask for reached(\"{}\"), "
          "which is null then",
          in(phase), name, name);
  return *found;
}

Trained PhaseResult::trained(const std::string& name) const {
  return {set(name).clone(), diverged_at, rounds, probed, {}, phase};
}

int64_t PhaseResult::bytes() const {
  const auto of_sets = [](const std::map<std::string, Ensemble>& all) {
    int64_t bytes = 0;
    for (const auto& [name, e] : all) bytes += e.bytes();
    return bytes;
  };
  const auto of = [&](const PhaseSnapshot& s) { return of_sets(s.sets) + std::ssize(s.host); };
  int64_t bytes = of_sets(sets) + std::ssize(host);
  std::set<const PhaseSnapshot*> shared;
  const auto add_copies = [&](const Copies& all) {
    for (const auto& [name, s] : all)
      if (shared.insert(s.get()).second) bytes += of(*s);
  };
  add_copies(copies);
  for (const PhaseSnapshot& s : kept) {
    bytes += of(s);
    add_copies(s.copies);
  }
  for (const auto& [program, results] : logs)
    for (const auto& [name, values] : results)
      bytes += std::ssize(values) * static_cast<int64_t>(sizeof(float));
  return bytes;
}

PhaseResult PhaseResult::clone() const {
  PhaseResult out{clones(sets), diverged_at, rounds, probed, {}, copies, logs, host, phase, keeps};
  for (const PhaseSnapshot& s : kept) out.kept.push_back(s.clone());
  return out;
}

}  // namespace omni
