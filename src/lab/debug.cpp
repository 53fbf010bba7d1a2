#include "lab/debug.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "base/error.h"
#include "base/hash.h"
#include "graph/inspect.h"
#include "lab/evaluation.h"
#include "lab/phase_graphs.h"
#include "lab/sets.h"
#include "lab/worker.h"
#include "ops/gradients.h"
#include "ops/leaf.h"

namespace omni {
namespace {

// Of a table that is larger only the first rows are kept: 512 MiB of doubles.
constexpr int64_t kKeptValues = int64_t{1} << 26;
constexpr int64_t kMostRows = 4096;

struct Enough {};  // ends the run once everything was shown

DataTable cut(DataTable tables) {
  for (auto& [name, array] : tables) {
    if (array.type.count() <= kKeptValues) continue;
    int64_t& rows = array.type.shape[0];
    rows = std::max<int64_t>(1, kKeptValues / (array.type.count() / rows));
  }
  return tables;
}

RefArray doubles(const Type& type, const void* data) {
  RefArray out{type, std::vector<double>(static_cast<size_t>(type.count()))};
  const auto copy = [&](auto* p) { std::copy(p, p + out.v.size(), out.v.begin()); };
  switch (type.dtype) {
    case DType::u8:
      copy(static_cast<const uint8_t*>(data));
      break;
    case DType::i32:
      copy(static_cast<const int32_t*>(data));
      break;
    case DType::f32:
      copy(static_cast<const float*>(data));
      break;
    case DType::bf16:
      throw Bug("a data table stored as bf16");
  }
  return out;
}

// Results that are named: "accuracy, kl".
std::string results_of(const Graph& g) {
  std::vector<std::string> names;
  for (const Output& o : g.outputs())
    if (!o.update) names.push_back(o.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

class Debugger {
 public:
  Debugger(const Resolved& r, const Dataset& data, const DebugRequest& request,
           const std::function<bool(DebugGraph&)>& show)
      : r_(r), data_(data), request_(request), show_(show), seed_(r.seeds.front()) {}

  void run() {
    WorkerOptions options;
    options.data = &data_;
    options.dry = !request_.run;
    options.threads = request_.threads;
    options.saw_graph = [this](const Training& p, const Graph& whole, const DataTable& tables) {
      see(p, whole, tables);
    };
    options.saw_phase = [this](const Phase& p, const PhaseGraphs& graphs, const DataTable& tables) {
      see(p, graphs, tables);
    };
    options.saw_evaluation = [this](const Evaluation& e, const std::string& subset,
                                    const Graph& whole,
                                    const DataTable& tables) { see(e, subset, whole, tables); };
    Worker worker(options);
    worker.begin(seed_);
    SeedRecord record;
    try {
      for (const Variant& v : r_.variants) {
        variant_ = v.label;
        Trial trial(worker, seed_, v.label, record, v.settings->common().when_diverging());
        v.settings->run(trial);
      }
    } catch (const Enough&) {
    }
  }

 private:
  // Whether it is met for the first time.
  bool is_new(const std::string& name, uint64_t whole) {
    return seen_.insert({name, whole}).second;
  }

  void see(const Training& p, const Graph& whole, const DataTable& all) {
    if (!is_new(p.name, fingerprint(whole))) return;
    const DataTable tables = cut(all);
    const int64_t batch = std::min(p.batch, p.samples);
    const SetSpecs sets = specs_of(phase_of(p));
    DebugGraph step = graph_of(p.name, p.build, std::min(request_.rows, batch), tables, p.on, sets);
    step.step = p.from ? p.from->step : 0;
    step.steps = p.steps > 0 ? p.steps : p.epochs * ((p.samples + batch - 1) / batch);
    if (p.lr) step.rate = [&, steps = step.steps](int64_t s) { return p.lr(s, steps); };
    give(step, p, step.step + 1, step.rate ? step.rate(step.step) : 0, tables);
    add_gradients(step, {p.set});
    show(step);
    if (!p.probe) return;
    DebugGraph probe = graph_of(p.name + ", its probe", p.probe->build,
                                std::min(request_.rows, p.probe->rows), tables, p.probe->on, sets);
    give(probe, p, step.step, p.from ? p.from->rate : 0, tables);  // as before the first step
    show(probe);
  }

  // The rounds, then each program as it stood in them, then the probe.
  void see(const Phase& p, const PhaseGraphs& graphs, const DataTable& all) {
    Hash whole;
    for (const ProgramSpec& s : graphs.spec().programs)
      whole.add(s.name), whole.add(fingerprint(*s.graph));
    for (const PhaseTurn& t : p.turns) whole.add(t.program), whole.add(t.runs), whole.add(t.every);
    if (!is_new(p.name, whole.value())) return;
    const DataTable tables = cut(all);
    const std::optional<Key> draw = request_.run ? std::nullopt : std::optional(drawn());
    SmallPhase small = small_phase(p, graphs, request_.rows, draw);
    const SetSpecs sets = specs_of(p);
    std::vector<DebugGraph> parts;
    for (auto& [name, program] : small.phase.programs) {
      DebugGraph g =
          graph_of(p.name + ", " + name, program.build, program.batch, tables, program.on, sets);
      if (!g.why_not.empty()) {  // as many as it takes
        program.batch = p.programs.at(name).batch;
        program.samples = p.programs.at(name).samples;
        g = graph_of(p.name + ", " + name, program.build, program.batch, tables, program.on, sets);
      }
      g.program = name;
      parts.push_back(std::move(g));
    }
    if (p.probe) {
      parts.push_back(graph_of(p.name + ", its probe", p.probe->build,
                               std::min(request_.rows, p.probe->rows), tables, p.probe->on, sets));
      give(parts.back(), small.phase, *p.probe, tables);
    }
    DebugGraph rounds{with_variant(p.name)};
    parts.insert(parts.begin(), std::move(rounds));
    for (DebugGraph& g : parts) g.phase = parts.front().name;
    if (std::ranges::any_of(parts, [this](const DebugGraph& g) {
          return !request_.wanted || request_.wanted(g);
        })) {
      const auto round =
          std::make_shared<const DebugRound>(trace_rounds(small.phase, tables, request_.steps));
      for (DebugGraph& g : parts) give_rounds(g, round, tables);
    }
    for (DebugGraph& g : parts) show(g);
  }

  // A program as it stood in these.
  void give_rounds(DebugGraph& g, const std::shared_ptr<const DebugRound>& round,
                   const DataTable& tables) {
    g.round = round;
    if (g.program.empty() || !g.why_not.empty()) return;
    const auto run = round->runs.find(g.program);
    if (run == round->runs.end()) {
      g.why_not = "it has not run yet in what was taken of the phase, see --steps";
      return;
    }
    g.inputs = run->second.inputs;
    for (int id = 0; id < g.ops; ++id) {
      const Node& n = g.graph->node(id);
      if (!is_input(n)) continue;
      if (const auto table = tables.find(n.name); table != tables.end())
        g.tables[n.name] = &converted(table->second, n.type);
      else if (!(g.inputs[n.name].type == n.type))
        g.why_not = "it is the short last batch of an epoch that breaks, and not the graph shown";
    }
    std::set<std::string> sets;  // that it updates
    for (const Output& o : g.graph->outputs())
      if (o.update) sets.insert(o.name.substr(0, o.name.find('/')));
    std::erase_if(sets, [](const std::string& set) { return set.ends_with(".opt"); });
    add_gradients(g, {sets.begin(), sets.end()});
  }

  void see(const Evaluation& e, const std::string& subset, const Graph& whole,
           const DataTable& all) {
    const std::string name = fmt::format("evaluation of {}{}", results_of(whole),
                                         subset.empty() ? "" : " over " + subset);
    if (!is_new(name, fingerprint(whole))) return;
    const DataTable tables = cut(all);
    DebugGraph g =
        graph_of(name, e.build, std::min(request_.rows, e.rows), tables, subset, specs_of(e.sets));
    for (const auto& [set, model] : e.sets)
      add_parameters(g.inputs, set, model.ensemble->specs(), [&, &model = model](size_t i) {
        return model.ensemble->array(i, model.index);
      });
    give(g, e.scalars, e.key, tables);
    show(g);
  }

  DebugGraph graph_of(const std::string& name, const StepBuilder& build, int64_t rows,
                      const DataTable& tables, const std::string& subset,
                      const SetSpecs& sets) const {
    DebugGraph g{with_variant(name)};
    Step step(*g.graph, rows, tables, subset, sets);
    try {
      build(step);
    } catch (const UserError& e) {
      g.why_not = fmt::format("it cannot be built on so few rows, see --rows: {}", e.what());
    }
    g.ops = g.graph->size();
    g.text = to_string(*g.graph);
    return g;
  }

  // What it reads of the phase's.
  void give(DebugGraph& g, const Training& p, int64_t step, double rate, const DataTable& tables) {
    const Ensemble& start = p.from ? p.from->model : *p.start;
    const auto add = [&](const std::string& set, const Ensemble& e) {
      add_parameters(g.inputs, set, e.specs(), [&](size_t i) { return e.array(i, 0); });
    };
    add(p.set, start);
    for (const auto& [set, ensemble] : p.frozen) add(set, *ensemble);
    if (p.from && p.from->optimizer && request_.run) add(p.set + ".opt", *p.from->optimizer);
    g.inputs["lr"].v = {rate};
    g.inputs["step"].v = {static_cast<double>(step)};
    give(g, p.scalars, p.random, tables);
  }

  // What a probe reads, before the first round.
  void give(DebugGraph& g, const Phase& p, const Probe& probe, const DataTable& tables) {
    for (const auto* sets : {&p.start, &p.frozen})
      for (const auto& [set, e] : *sets) add_values(g.inputs, set, *e);
    if (p.from)
      for (const auto& [set, e] : p.from->sets) add_values(g.inputs, set, *e);
    g.inputs["step"].v = {p.from ? static_cast<double>(p.from->round) : 0};
    for (const auto& [name, program] : p.programs)  // one alone, if the probe reads it
      if (p.from && program.lr && p.from->programs.contains(name))
        g.inputs["lr"].v = {p.from->programs.at(name).rate};
    give(g, p.scalars, probe.random.value_or(p.key.fold("probe")), tables);
  }

  static void add_values(RefInputs& inputs, const std::string& set, const Ensemble& e) {
    for (size_t i = 0; i < e.specs().size(); ++i)
      inputs[set + "/" + e.specs()[i].name] =
          doubles({DType::f32, e.specs()[i].shape}, e.array(i, 0).data());
  }

  // Numbers, keys and tables, and nothing that the graph does not read.
  void give(DebugGraph& g, const std::map<std::string, double>& scalars, Key random,
            const DataTable& tables) {
    RefInputs all = std::move(g.inputs);
    g.inputs.clear();
    for (const auto& [name, x] : scalars) all[name].v = {x};
    all["key"].v = {static_cast<double>(static_cast<int32_t>(random.bits)),
                    static_cast<double>(static_cast<int32_t>(random.bits >> 32))};
    for (int id = 0; id < g.ops; ++id) {
      const Node& n = g.graph->node(id);
      if (!is_input(n)) continue;
      if (const auto table = tables.find(n.name); table != tables.end()) {
        g.tables[n.name] = &converted(table->second, n.type);
        continue;
      }
      RefArray& x = g.inputs[n.name];
      if (const auto given = all.find(n.name); given != all.end())
        x.v = std::move(given->second.v);
      else  // an optimiser's state begins as zeros
        x.v.resize(static_cast<size_t>(n.type.count()));
      x.type = n.type;
      if (n.name == "index")
        for (size_t i = 0; i < x.v.size(); ++i) x.v[i] = static_cast<double>(i);
    }
  }

  // The weights where phases run; where they do not these are blank, and others are drawn:
  // different ones for each set, so that a student is not its teacher.
  template <class ArrayOf>
  void add_parameters(RefInputs& inputs, const std::string& set,
                      const std::vector<ParameterSpec>& specs, const ArrayOf& array) const {
    Ensemble fresh(specs, 1);
    if (!request_.run) fresh.initialise(0, drawn().fold(set));
    for (size_t i = 0; i < specs.size(); ++i)
      inputs[set + "/" + specs[i].name] = doubles(
          {DType::f32, specs[i].shape}, request_.run ? array(i).data() : fresh.array(i, 0).data());
  }

  // By content: tables are shared by what is shown, and converted once.
  const RefArray& converted(const Table& table, const Type& type) {
    const auto key = std::tuple(table.hash, table.data, type.shape.dims());
    auto it = tables_.find(key);
    if (it == tables_.end()) it = tables_.emplace(key, doubles(type, table.data)).first;
    it->second.type = type;
    return it->second;
  }

  Key drawn() const { return Key::of(static_cast<uint64_t>(seed_)).fold("debug"); }
  std::string with_variant(const std::string& name) const {
    return variant_.empty() ? name : name + " | " + variant_;
  }

  // Of the loss, by the parameters of these sets that the graph updates.
  void add_gradients(DebugGraph& g, const std::vector<std::string>& sets) const {
    if (!g.why_not.empty()) return;
    std::vector<Value> of;
    std::optional<Value> loss;
    for (int id = 0; id < g.ops; ++id)
      if (const Node& n = g.graph->node(id); is_input(n) && std::ranges::any_of(sets, [&](auto& s) {
                                               return n.name.starts_with(s + "/");
                                             }))
        of.push_back({g.graph.get(), id});
    for (const Output& o : g.graph->outputs())
      if (!o.update && o.name == "loss") loss = Value{g.graph.get(), o.id};
    if (!loss || loss->shape().rank() != 0) return;
    try {
      const std::vector<Value> found = gradients(*loss, of);
      for (size_t i = 0; i < of.size(); ++i)
        g.gradients[g.graph->node(of[i].id).name] = found[i].id;
    } catch (const UserError&) {
      // An op without a gradient: the loss is reported, and not followed.
    }
  }

  void show(DebugGraph& g) const {
    if (!show_(g)) throw Enough{};
  }

  const Resolved& r_;
  const Dataset& data_;
  const DebugRequest& request_;
  const std::function<bool(DebugGraph&)>& show_;
  int64_t seed_;
  std::string variant_;
  std::set<std::pair<std::string, uint64_t>> seen_;
  std::map<std::tuple<std::string, const void*, std::vector<int64_t>>, RefArray> tables_;
};

}  // namespace

void debug_graphs(const Resolved& r, const Dataset& data, const DebugRequest& request,
                  const std::function<bool(DebugGraph&)>& show) {
  require(request.rows >= 1 && request.rows <= kMostRows, "rows: expected 1 to {}, got {}",
          kMostRows, request.rows);
  Debugger(r, data, request, show).run();
}

RefValues interpret(const DebugGraph& g) {
  std::map<std::string, const RefArray*> inputs = g.tables;
  for (const auto& [name, array] : g.inputs) inputs[name] = &array;
  return interpret_in_place(*g.graph, inputs);
}

void take_updates(DebugGraph& g, const RefValues& values) {
  std::map<std::string, std::vector<double>> next;  // all of them before any is written
  for (const Output& o : g.graph->outputs())
    if (o.update) next[o.name] = values[o.id].v;
  for (auto& [name, v] : next) g.inputs.at(name).v = std::move(v);
  ++g.step;
  if (const auto x = g.inputs.find("step"); x != g.inputs.end()) ++x->second.v[0];
  if (const auto x = g.inputs.find("lr"); x != g.inputs.end() && g.rate)
    x->second.v[0] = g.rate(std::min(g.step, g.steps - 1));
}

std::optional<NotFinite> first_not_finite(const RefValues& values, int nodes) {
  for (int id = 0; id < nodes; ++id)
    for (size_t i = 0; i < values[id].v.size(); ++i)
      if (!std::isfinite(static_cast<float>(values[id].v[i]))) return NotFinite{id, i};
  return std::nullopt;
}

}  // namespace omni
