#include "lab/round_calls.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/nearest.h"
#include "lab/soundness.h"

namespace omni {
namespace {

// A NaN that no computation gives: what is fed begins as it.
constexpr uint32_t kUnfilled = 0x7fc0f111;

}  // namespace

int RoundCalls::program_of(const std::string& name) const {
  const auto it = std::ranges::find(spec_.programs, name, &ProgramSpec::name);
  if (it != spec_.programs.end() && name != "probe")
    return static_cast<int>(it - spec_.programs.begin());
  std::vector<std::string> known;
  for (const auto& [program, p] : phase_.programs) known.push_back(program);
  fail_user("phase {}: its round names the program '{}', which it has not{}", phase_.name, name,
            suggest(name, known));
}

Key RoundCalls::key(std::string_view purpose) const {
  return phase_.key.fold("host").fold(static_cast<uint64_t>(number())).fold(purpose);
}

std::span<std::byte> RoundCalls::feed_bytes(const std::string& program, const std::string& input,
                                            DType type) {
  const int p = program_of(program);
  const ProgramSpec& spec = spec_.programs[static_cast<size_t>(p)];
  if (std::ranges::count(spec.fed, input) == 0)
    fail_user("phase {}: its round feeds '{}' to program '{}', which reads no such s.fed(){}",
              phase_.name, input, program,
              spec.fed.empty() ? ", and no other" : suggest(input, spec.fed));
  for (int id = 0; id < spec.graph->size(); ++id) {
    const Node& n = spec.graph->node(id);
    if (!is_input(n) || n.name != input) continue;
    require(n.type.dtype == type, "phase {}: program '{}' is fed '{}' as {}, and reads {}",
            phase_.name, program, input, name_of(type), n.type);
    const auto at = fed_.find({p, input});
    if (at != fed_.end()) return at->second.memory;
    const std::span<std::byte> memory = fed(p, input, n.type);
    std::ranges::fill(memory, std::byte{0});
    if (type == DType::f32)
      for (size_t i = 0; i < memory.size(); i += sizeof kUnfilled)
        std::memcpy(&memory[i], &kUnfilled, sizeof kUnfilled);
    fed_[{p, input}] = {memory, type};
    return memory;
  }
  throw Bug(fmt::format("program '{}' is fed '{}', and does not read it", program, input));
}

std::span<const std::byte> RoundCalls::result_bytes(const std::string& program,
                                                    const std::string& name, DType type) {
  const int p = program_of(program);
  const Graph& g = *spec_.programs[static_cast<size_t>(p)].graph;
  std::vector<std::string> known;
  for (const Output& o : g.outputs()) {
    if (o.update) continue;
    known.push_back(o.name);
    if (o.name != name) continue;
    const Type& t = g.node(o.id).type;
    require(t.dtype == type, "phase {}: result '{}' of program '{}' is {}, and read as {}",
            phase_.name, name, program, t, name_of(type));
    require(ran_.contains(p),
            "phase {}: its round reads the result '{}' of program '{}' before it runs there",
            phase_.name, name, program);
    return shown(p, name, t);
  }
  fail_user("phase {}: program '{}' gives no result '{}'{}", phase_.name, program, name,
            known.empty() ? ", and no other" : suggest(name, known));
}

void RoundCalls::require_filled(const std::string& program, const std::string& input,
                                std::span<const std::byte> memory) const {
  int64_t unfilled = 0;
  for (size_t i = 0; i < memory.size(); i += sizeof kUnfilled)
    unfilled += std::memcmp(&memory[i], &kUnfilled, sizeof kUnfilled) == 0;
  require(
      unfilled == 0,
      "phase {}: program '{}' is run, and of its '{}' {} of {} numbers were not filled since it "
      "ran last",
      phase_.name, program, input, unfilled, memory.size() / sizeof kUnfilled);
}

void RoundCalls::run(const std::string& program, int64_t runs) {
  const int p = program_of(program);
  require(runs >= 1, "phase {}: its round runs program '{}' {} times", phase_.name, program, runs);
  for (const std::string& input : spec_.programs[static_cast<size_t>(p)].fed) {
    const auto at = fed_.find({p, input});
    require(at != fed_.end(),
            "phase {}: program '{}' is run, and its '{}' was not filled since it ran last: "
            "round.feed<..>(\"{}\", \"{}\") before each run",
            phase_.name, program, input, program, input);
    if (at->second.type == DType::f32) require_filled(program, input, at->second.memory);
    fed_.erase(at);
  }
  run_program(p, runs);
  ran_.insert(p);
}

void RoundCalls::keep(const std::string& name) {
  require_plain(phase_, "what is kept", name);
  keep_sets(name);
}

void RoundCalls::restore(const std::string& name) {
  const std::vector<std::string> known = kept();
  if (std::ranges::count(known, name) == 0)
    fail_user("phase {}: its round restores '{}', and nothing was kept as that yet{}", phase_.name,
              name, known.empty() ? "" : suggest(name, known));
  restore_sets(name);
  ran_.clear();
}

void RoundCalls::see(const std::string& metric, double value) {
  if (phase_.probe) require_seen(phase_, spec_, {metric});
  note_seen(metric, value);
}

}  // namespace omni
