#include "lab/debug.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "base/error.h"
#include "graph/inspect.h"
#include "lab/evaluation.h"
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
  bool is_new(const std::string& name, const Graph& whole) {
    return seen_.insert({name, fingerprint(whole)}).second;
  }

  void see(const Training& p, const Graph& whole, const DataTable& all) {
    if (!is_new(p.name, whole)) return;
    const DataTable tables = cut(all);
    const int64_t batch = std::min(p.batch, p.samples);
    DebugGraph step = graph_of(p.name, p.build, std::min(request_.rows, batch), tables, p.on);
    step.step = p.from ? p.from->step : 0;
    step.steps = p.steps > 0 ? p.steps : p.epochs * ((p.samples + batch - 1) / batch);
    if (p.lr) step.rate = [&, steps = step.steps](int64_t s) { return p.lr(s, steps); };
    give(step, p, step.step + 1, step.rate ? step.rate(step.step) : 0, tables);
    add_gradients(step, p.set);
    show(step);
    if (!p.probe) return;
    DebugGraph probe = graph_of(p.name + ", its probe", p.probe->build,
                                std::min(request_.rows, p.probe->rows), tables, p.probe->on);
    give(probe, p, step.step, p.from ? p.from->rate : 0, tables);  // as before the first step
    show(probe);
  }

  void see(const Evaluation& e, const std::string& subset, const Graph& whole,
           const DataTable& all) {
    const std::string name = fmt::format("evaluation of {}{}", results_of(whole),
                                         subset.empty() ? "" : " over " + subset);
    if (!is_new(name, whole)) return;
    const DataTable tables = cut(all);
    DebugGraph g = graph_of(name, e.build, std::min(request_.rows, e.rows), tables, subset);
    for (const auto& [set, model] : e.sets)
      add_parameters(g.inputs, set, model.ensemble->specs(), [&, &model = model](size_t i) {
        return model.ensemble->array(i, model.index);
      });
    give(g, e.scalars, e.key, tables);
    show(g);
  }

  DebugGraph graph_of(const std::string& name, const StepBuilder& build, int64_t rows,
                      const DataTable& tables, const std::string& subset) const {
    DebugGraph g{variant_.empty() ? name : name + " | " + variant_};
    Step step(*g.graph, rows, tables, subset);
    try {
      build(step);
    } catch (const UserError& e) {
      g.why_not = e.what();
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
    if (!request_.run)
      fresh.initialise(0, Key::of(static_cast<uint64_t>(seed_)).fold("debug").fold(set));
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

  void add_gradients(DebugGraph& g, const std::string& set) const {
    if (!g.why_not.empty()) return;
    std::vector<Value> of;
    std::optional<Value> loss;
    for (int id = 0; id < g.ops; ++id)
      if (const Node& n = g.graph->node(id); is_input(n) && n.name.starts_with(set + "/"))
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
