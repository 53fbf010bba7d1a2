#include "lab/debug.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "graph/inspect.h"
#include "lab/worker.h"

namespace omni {
namespace {

// Rows of a table that are kept: what the first few sample numbers, perhaps by way of a table of
// picked samples, can reach, in little memory.
constexpr int64_t kKeptRows = 4096;

DataTable cut(DataTable tables) {
  for (auto& [name, array] : tables)
    if (array.type.shape.rank() > 0)
      array.type.shape[0] = std::min(array.type.shape[0], kKeptRows);
  return tables;
}

RefArray doubles(const Type& type, const void* data) {
  RefArray out{type, std::vector<double>(static_cast<size_t>(type.count()))};
  const auto copy = [&](auto* p) { std::copy(p, p + out.v.size(), out.v.begin()); };
  switch (type.dtype) {
    case DType::u8: copy(static_cast<const uint8_t*>(data)); break;
    case DType::i32: copy(static_cast<const int32_t*>(data)); break;
    case DType::f32: copy(static_cast<const float*>(data)); break;
    case DType::bf16: throw Bug("a data table stored as bf16");
  }
  return out;
}

// Fresh parameters of one set; sets get different ones, so that a student is not its teacher.
void add_parameters(RefInputs& inputs, const std::string& set, const Ensemble& like, Key key) {
  Ensemble fresh(like.specs(), 1);
  fresh.initialise(0, key.fold("debug").fold(set));
  for (size_t i = 0; i < fresh.specs().size(); ++i) {
    const ParameterSpec& spec = fresh.specs()[i];
    inputs[set + "/" + spec.name] = doubles({DType::f32, spec.shape}, fresh.array(i, 0).data());
  }
}

RefInputs fresh_inputs(const Graph& g, const Training& p, const DataTable& tables, int64_t seed) {
  RefInputs all;
  const Key key = Key::of(static_cast<uint64_t>(seed));
  add_parameters(all, p.set, *p.start, key);
  for (const auto& [set, ensemble] : p.frozen) add_parameters(all, set, *ensemble, key);
  for (const auto& [name, x] : p.scalars) all[name].v = {x};
  const int32_t words[2] = {static_cast<int32_t>(p.random.bits),
                            static_cast<int32_t>(p.random.bits >> 32)};
  all["key"].v = {static_cast<double>(words[0]), static_cast<double>(words[1])};
  all["lr"].v = {p.lr ? p.lr(0, 1) : 0.0};
  all["step"].v = {1};

  RefInputs used;
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (!is_input(n)) continue;
    RefArray& x = used[n.name];
    if (const auto given = all.find(n.name); given != all.end())
      x.v = given->second.v;
    else if (const auto table = tables.find(n.name); table != tables.end())
      x = doubles(n.type, table->second.data);
    else
      x.v.resize(static_cast<size_t>(n.type.count()));  // an optimiser's state begins as zeros
    x.type = n.type;
    if (n.name == "index")
      for (size_t i = 0; i < x.v.size(); ++i) x.v[i] = static_cast<double>(i);
  }
  return used;
}

}  // namespace

std::vector<PhaseGraph> phase_graphs(const Resolved& r, const Dataset& data, int64_t rows) {
  require(rows >= 1 && rows <= kKeptRows, "rows: expected 1 to {}, got {}", kKeptRows, rows);
  std::vector<PhaseGraph> phases;
  std::set<std::pair<std::string, uint64_t>> seen;
  const int64_t seed = r.seeds.front();
  std::string variant;

  WorkerOptions options;
  options.data = &data;
  options.dry = true;
  options.saw_graph = [&](const Training& p, const Graph& whole, const DataTable& all) {
    if (!seen.insert({p.name, fingerprint(whole)}).second) return;
    PhaseGraph phase{variant.empty() ? p.name : p.name + " | " + variant,
                     std::make_unique<Graph>(), {}};
    const DataTable tables = cut(all);
    Step step(*phase.graph, std::min({rows, p.batch, p.samples}), tables, p.on);
    p.build(step);
    phase.inputs = fresh_inputs(*phase.graph, p, tables, seed);
    phases.push_back(std::move(phase));
  };
  Worker dry(options);
  dry.begin(seed);
  SeedRecord record;
  for (const Variant& v : r.variants) {
    variant = v.label;
    Trial trial(dry, seed, v.label, record);
    v.settings->run(trial);
  }
  return phases;
}

std::vector<RefArray> interpret_step(PhaseGraph& phase) {
  std::vector<RefArray> values = interpret(*phase.graph, phase.inputs);
  for (const Output& o : phase.graph->outputs())
    if (o.update) phase.inputs.at(o.name).v = values[static_cast<size_t>(o.id)].v;
  if (const auto step = phase.inputs.find("step"); step != phase.inputs.end())
    step->second.v[0] += 1;
  return values;
}

std::optional<NotFinite> first_not_finite(const std::vector<RefArray>& values) {
  for (size_t id = 0; id < values.size(); ++id)
    for (size_t i = 0; i < values[id].v.size(); ++i)
      if (!std::isfinite(static_cast<float>(values[id].v[i])))
        return NotFinite{static_cast<int>(id), i};
  return std::nullopt;
}

}  // namespace omni
