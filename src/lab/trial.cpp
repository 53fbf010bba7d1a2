#include "lab/trial.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/nearest.h"
#include "base/statistics.h"
#include "graph/inspect.h"
#include "lab/evaluation.h"
#include "lab/inference.h"
#include "lab/phase.h"
#include "lab/phase_graphs.h"
#include "lab/phase_run.h"
#include "lab/sets.h"
#include "lab/soundness.h"
#include "lab/subset.h"
#include "lab/worker.h"
#include "nn/optimizers.h"

namespace omni {
namespace {

// What a text begins with; nothing for what no phase gave.
std::string in(const std::string& phase) {
  return phase.empty() ? "" : fmt::format("phase {}: ", phase);
}

std::map<std::string, ModelView> models_of(const FrozenSets& sets) {
  std::map<std::string, ModelView> models;
  for (const auto& [name, ensemble] : sets) {
    require(ensemble, "evaluation: state which weights the set '{}' has", name);
    models.emplace(name, (*ensemble)[0]);
  }
  return models;
}

// A training step's loss is its result.
void require_loss(const Graph& g) {
  const auto is_loss = [](const Output& o) { return !o.update && o.name == "loss"; };
  require(std::ranges::any_of(g.outputs(), is_loss), "its graph has no result called 'loss'");
}

}  // namespace

Trial::Trial(Worker& worker, int64_t seed, std::string variant, SeedRecord& record,
             OnDivergence on_divergence)
    : worker_(worker),
      seed_(seed),
      variant_(std::move(variant)),
      record_(record),
      on_divergence_(on_divergence) {
  if (worker.options().data) tables_ = tables_of(*worker.options().data);
}

const Dataset& Trial::data() const {
  check(worker_.options().data != nullptr, "this experiment has no data set");
  return *worker_.options().data;
}
void Trial::made(int64_t bytes, int64_t of_tables) {
  if (!dry()) return;
  const std::string part = in_part_.value_or("");
  Made& most = record_.made[part];
  Made& now = made_[part];
  most.bytes = std::max(most.bytes, now.bytes += bytes);
  most.of_tables = std::max(most.of_tables, now.of_tables += of_tables);
}
void Trial::put_table(const std::string& name, Table table) {
  const auto there = tables_.find(name);
  const bool again = there != tables_.end() && !table.hash.empty() &&
                     there->second.hash == table.hash && there->second.type == table.type;
  if (!again) made(table.type.bytes(), table.type.shape.count());
  tables_.insert_or_assign(name, std::move(table));
}
void Trial::add_tables(const DataTable& tables) {
  for (const auto& [name, array] : tables) put_table(name, array);
}
void Trial::add_subset(const std::string& name, std::vector<int32_t> rows) {
  std::vector<std::string> splits;
  for (const auto& [table, array] : tables())
    if (table.ends_with(".x")) splits.push_back(table.substr(0, table.size() - 2));
  const std::string split = split_of(name, splits);
  require(!rows.empty(), "subset '{}': there are no rows in it", name);
  const int64_t count = tables().at(split + ".x").type.shape[0];
  for (const int32_t row : rows)
    require(row >= 0 && row < count, "subset '{}': it has row {}, and {} has rows 0 to {}", name,
            row, split, count - 1);
  const auto size = static_cast<int64_t>(rows.size());
  add_table(name, std::move(rows), Shape{size});
}
bool Trial::dry() const { return worker_.options().dry; }

Trained Trial::init(std::vector<ParameterSpec> parameters, Key key) {
  Ensemble e(std::move(parameters), 1);
  if (!dry()) {
    e.initialise(0, key);
    return {std::move(e)};
  }
  made(e.bytes());
  record_.see(in_part_, key.bits);
  e.zero(0);
  for (size_t i = 0; i < e.specs().size(); ++i) {
    const ParameterSpec& s = e.specs()[i];
    record_.see(in_part_, s.name, fmt::format("{}", s.shape), static_cast<int>(s.init.kind),
                s.init.center, s.init.scale, static_cast<int>(s.init.fan));
  }
  return {std::move(e)};
}

Trained Trial::init(const std::function<void(Net&)>& define, Key key) {
  Graph g;
  Net net(g, "model");
  define(net);
  return init(net.parameters(), key);
}

Trained Trial::init(const std::function<void(Net&, Value x)>& define, const Shape& sample,
                    Key key) {
  std::vector<int64_t> dims = {1};
  dims.insert(dims.end(), sample.begin(), sample.end());
  const Type type{DType::f32, Shape(std::move(dims)), 0};
  return init([&](Net& net) { define(net, input(net.graph(), "x", type, Role::data)); }, key);
}

Trained Trained::clone() const {
  Trained out{model.clone(), diverged_at, steps, probed, {}, phase};
  for (const Snapshot& k : kept) {
    out.kept.push_back({k.step, k.model.clone(), {}, k.rate});
    if (k.optimizer) out.kept.back().optimizer = k.optimizer->clone();
  }
  return out;
}

double Trained::last(const std::string& result) const {
  if (diverged_at) return kNaN;
  require(!probed.empty(), "{}'{}' was not probed: there is no probe, or no step", in(phase),
          result);
  const Named<double>& values = probed.back().values;
  if (const auto it = values.find(result); it != values.end()) return it->second;
  fail_user("{}there is no '{}' among what was probed{}", in(phase), result,
            suggest(result, names_in(values)));
}

Probe look(const std::string& result, const std::string& on, const ScalarOf& what,
           std::vector<int64_t> at) {
  Probe p;
  p.at = std::move(at);
  p.on = on;
  p.build = [result, what](Step& s) {
    Net net = s.net("model");
    s.graph().result(result, what(s, net));
  };
  return p;
}

std::vector<int64_t> halvings(int64_t n) {
  std::vector<int64_t> all;
  for (; n >= 1; n /= 2) all.push_back(n);
  return all;
}

const Snapshot* Trained::reached(int64_t step) const& {
  const auto it = std::ranges::find(kept, step, &Snapshot::step);
  if (it != kept.end()) return &*it;
  if (steps < step) return nullptr;
  std::vector<int64_t> known;
  for (const Snapshot& s : kept) known.push_back(s.step);
  fail_user("{}no snapshot was kept after step {}{}: list it in keep_at", in(phase), step,
            known.empty() ? "" : fmt::format(", but after {}", fmt::join(known, ", ")));
}

const Snapshot& Trained::at(int64_t step) const& {
  const Snapshot* found = reached(step);
  require(found,
          "{}there is no snapshot after step {}, as it {} after step {}; where that may be, ask "
          "for reached({}), which is null then",
          in(phase), step, diverged_at ? "diverged and ended" : "ended", steps, step);
  return *found;
}

Phase phase_of(const Training& t) {
  require(t.samples >= 1 && t.batch >= 1 && t.epochs >= 0 && t.steps >= 0,
          "phase {}: samples and batch must be at least 1, epochs and steps at least 0", t.name);
  require(t.epochs == 0 || t.steps == 0, "phase {}: state either epochs or steps, not both",
          t.name);
  require(!t.key && !t.draws, "phase {}: without a loss its keys are `order` and `random`", t.name);
  require(t.start || t.from, "phase {}: state where it starts", t.name);
  Phase p;
  p.name = t.name;
  if (t.from) p.from.emplace(*t.from, t.set);
  p.start = {{t.set, t.from ? &t.from->model : t.start}};
  p.frozen = t.frozen;
  PhaseProgram& step = p.programs["step"];
  if (t.build)
    step.build = [build = t.build](Step& s) {
      build(s);
      require_loss(s.graph());
    };
  step.batch = std::min(t.batch, t.samples);
  step.samples = t.samples;
  step.on = t.on;
  step.order = t.order;
  step.random = t.random;
  step.lr = t.lr;
  p.turns = {{"step"}};
  p.rounds = t.steps > 0 ? t.steps : (t.samples + step.batch - 1) / step.batch * t.epochs;
  p.scalars = t.scalars;
  p.probe = t.probe;
  if (p.probe && !p.probe->random) p.probe->random = t.random;
  p.stop = t.stop;
  p.keep_at = t.keep_at;
  return p;
}

Trained Trial::train(const Training& t) {
  worker_.require_no_round("Trial::train()");
  const Phase p = phase_of(t);
  PhaseResult r = run_phase(p, [&](const PhaseGraphs& graphs) {
    if (const auto& saw = worker_.options().saw_graph)
      saw(t, *graphs.spec().programs.front().graph, tables_);
  });
  Trained out{
      std::move(r.sets.at(t.set)), r.diverged_at, r.rounds, std::move(r.probed), {}, t.name};
  for (PhaseSnapshot& s : r.kept) {
    Snapshot& kept = out.kept.emplace_back(
        Snapshot{s.round, std::move(s.sets.at(t.set)), {}, s.programs.at("step").rate});
    if (const auto state = s.sets.find(t.set + ".opt"); state != s.sets.end())
      kept.optimizer = std::move(state->second);
  }
  return out;
}

PhaseResult Trial::run(const Phase& phase) {
  worker_.require_no_round("Trial::run()");
  const Phase p = completed(phase);
  return run_phase(p, [&](const PhaseGraphs& graphs) {
    if (const auto& saw = worker_.options().saw_phase) saw(p, graphs, tables_);
  });
}

PhaseResult Trial::run_phase(const Phase& p,
                             const std::function<void(const PhaseGraphs&)>& saw_graphs) {
  const PhaseGraphs graphs(p, tables_, on_divergence_);
  const WorkerOptions& options = worker_.options();
  const std::string numerics = worker_.executor().numerics();
  if (saw_graphs) saw_graphs(graphs);
  if (dry()) {
    record_.model_epochs += graphs.model_epochs();
    record_.see(in_part_, graphs.form(numerics));
    graphs.count(record_.work[in_part_.value_or("")]);
    PhaseResult out = graphs.untrained();
    made(out.bytes());
    return out;
  }
  const uint64_t hash = graphs.hash(numerics, options.identity);
  if (std::optional<PhaseResult> known = worker_.find_phase(hash, graphs.recipes())) {
    if (options.advanced) options.advanced(amount_of(graphs));
    inherit_divergence(worker_, p, *known);
    graphs.name(*known);
    return std::move(*known);
  }
  PhaseRun run(worker_, p, graphs, tables_, hash);
  if (const int64_t fork = graphs.first() + options.fork_at;
      run.round() < fork && fork < p.rounds) {
    run.go(fork);
    if (!run.over()) run.reopen();
  }
  run.go(p.rounds);
  PhaseResult out = run.finish();
  worker_.keep_phase(hash, out);
  inherit_divergence(worker_, p, out);  // not kept: it is of who gave the weights
  return out;
}

Phase Trial::completed(Phase p) const {
  const auto draws_by_it = [](const auto& named) {
    return !named.second.order || !named.second.random;
  };
  if (p.key == Key{} && (p.host_round || std::ranges::any_of(p.programs, draws_by_it)))
    p.key = key().fold(p.name);
  for (auto& [name, program] : p.programs)
    if (!program.on.empty() && program.samples == 0) program.samples = rows_of(*this, program.on);
  if (p.probe && !p.probe->on.empty() && p.probe->rows == 0)
    p.probe->rows = rows_of(*this, p.probe->on);
  return p;
}

std::unique_ptr<OpenPhase> Trial::open(const Phase& phase) {
  worker_.require_no_round("Trial::open()");
  require(!dry(), "phase {}: it is to be stepped by hand, and this run is dry", phase.name);
  return open_phase(worker_, completed(phase), tables_, on_divergence_);
}

StepBuilder descend(const std::string& set, const ScalarOf& loss, const Optimizer& optimizer,
                    const ApplyOptions& how) {
  return [=](Step& s) {
    Net net = s.net(set);
    const Value value = loss(s, net);
    s.graph().result("loss", value);
    apply(optimizer, net, value, s.lr(), how);
  };
}

StepBuilder descend(const ScalarOf& loss, const Optimizer& optimizer, const ApplyOptions& how) {
  return descend("model", loss, optimizer, how);
}

Trained Trial::train(const std::string& name, const Trained& start, const Training& how,
                     const ScalarOf& loss, const Reads& reads) {
  Training p = how;
  require(
      p.name.empty() && !p.start && p.frozen.empty() && !p.build && p.samples == 0 &&
          p.order == Key() && p.random == Key() && p.set == "model",
      "phase {}: leave name, set, start, frozen, build, samples, order and random to train(name, "
      "start, how, loss)",
      name);
  p.name = name;
  p.start = &start.model;
  for (const auto& [set, trained] : reads) p.frozen[set] = &trained->model;
  p.samples = rows_of(*this, p.on);
  const Key own = p.key.value_or(key().fold(name));
  p.order = own.fold("order");
  p.random = p.draws.value_or(own.fold("random"));
  p.key.reset();
  p.draws.reset();
  if (p.probe && !p.probe->on.empty()) p.probe->rows = rows_of(*this, p.probe->on);
  p.build = descend(loss, p.optimizer, p.apply);
  Trained out = train(p);
  std::optional<int64_t> inherited = start.diverged_at;
  for (const auto& [set, trained] : reads)
    if (!inherited) inherited = trained->diverged_at;
  if (!inherited || out.diverged_at) return out;
  out.diverged_at = inherited;
  const uint64_t began = weights_hash(start.model[0]);  // what was left as it was is what it was
  const auto note = [&](const Ensemble& e) {
    if (weights_hash(e[0]) != began) worker_.note_diverged(e[0], *inherited);
  };
  note(out.model);
  for (const Snapshot& s : out.kept) note(s.model);
  return out;
}

void Trial::part(const std::string& name, const std::function<void()>& work) {
  worker_.require_no_round("Trial::part()");
  require(!in_part_, "part '{}': parts cannot be nested", name);
  require(parts_.insert(name).second, "part '{}' is there twice: each needs a name of its own",
          name);
  if (std::ranges::find(record_.parts, name) == record_.parts.end()) record_.parts.push_back(name);
  if (const auto& only = worker_.options().part; only && *only != name) return;
  // Another worker may run the other parts: what this one adds is not there for them.
  const DataTable before = tables_;
  in_part_ = name;
  work();
  in_part_.reset();
  tables_ = before;
}

Measured Trial::evaluate(const StepBuilder& build, int64_t rows, const FrozenSets& sets,
                         const std::map<std::string, double>& scalars) {
  return run_once("", {build, rows, models_of(sets), scalars});
}

Measured Trial::evaluate(Evaluation e) { return run_once("", std::move(e)); }

Measured Trial::evaluate(const std::string& on, const Reads& sets, const StepBuilder& build) {
  FrozenSets weights;
  for (const auto& [set, trained] : sets) weights[set] = &trained->model;
  return run_once(on, {build, rows_of(*this, on), models_of(weights)});
}

double Trial::measure(const Trained& m, const std::string& on, const ScalarOf& what) {
  const StepBuilder build = [&](Step& s) {
    Net net = s.net("model");
    const Value value = what(s, net);
    require(value.type().shape.count() == 1, "what is measured is {}, and no scalar", value.type());
    s.graph().result("value", value);
  };
  return run_once(on, {build, rows_of(*this, on), {{"model", m}}}).at("value")[0];
}

Measured Trial::run_once(const std::string& subset, Evaluation e) {
  worker_.require_no_round("an evaluation");
  const std::string who =
      subset.empty() ? "evaluation" : fmt::format("evaluation over '{}'", subset);
  require(e.rows >= 1, "{}: there are no rows to evaluate", who);
  e.key = key().fold("evaluate");
  const auto owned = std::make_shared<Graph>();
  Graph& graph = *owned;
  Step step(graph, e.rows, tables_, subset, specs_of(e.sets));
  emit(who, e.build, step);
  require_sound(who, graph, e.rows, e.sets, e.scalars, tables_);
  if (const auto& saw = worker_.options().saw_evaluation) saw(e, subset, graph, tables_);
  if (dry()) {
    Measured zeros;
    for (const Output& o : graph.outputs()) zeros[o.name].assign(graph.node(o.id).type.count(), 0);
    record_.work[in_part_.value_or("")].add(owned, 1);
    record_.see(in_part_, fingerprint(graph), e.rows);
    for (const auto& [name, set] : e.sets) record_.see(in_part_, name);
    for (const auto& [name, x] : e.scalars) record_.see(in_part_, name, x);
    for (const auto& [name, array] : tables_)
      if (graph.find_input(name)) record_.see(in_part_, name, array.hash);
    return zeros;
  }
  worker_.stop_if_asked();
  Measured found = run_evaluation(e, owned, worker_.executor(), tables_);
  if (const auto& advanced = worker_.options().advanced)
    advanced({0, load_of_run(graph).matmul_flops});
  return found;
}

std::unique_ptr<OpenInference> Trial::open(const Inference& i) {
  worker_.require_no_round("an inference");
  const SessionSpec spec = session_of(i);
  if (!dry()) return open_inference(i, spec, worker_);
  record_.see(in_part_, fingerprint(spec), i.given.value());
  for (const auto& [name, model] : i.sets) record_.see(in_part_, name);
  return count_inference(spec, record_.work[in_part_.value_or("")]);
}

}  // namespace omni
