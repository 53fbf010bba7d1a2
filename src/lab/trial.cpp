#include "lab/trial.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "base/sha256.h"
#include "graph/inspect.h"
#include "lab/arrays.h"
#include "lab/worker.h"
#include "store/files.h"

namespace omni {
namespace {

// A hash over everything a phase depends on.
class Hash {
 public:
  void add(uint64_t x) { h_ = Key{h_}.fold(x).bits; }
  void add(std::string_view s) { add(hash_text(s)); }
  void add(double x) { add(std::bit_cast<uint64_t>(x)); }
  void add(const Ensemble& e) { add(weights_hash(e[0])); }
  uint64_t value() const { return h_; }

 private:
  uint64_t h_ = 0;
};

double learning_rate(const Training& p, int64_t step, int64_t steps) {
  return p.lr ? p.lr(step, steps) : 0;
}

// The optimiser's state: zeros, for every input of the set "<set>.opt".
std::optional<Ensemble> state_of(const Graph& g, const std::string& set) {
  const std::string prefix = set + ".opt/";
  std::vector<ParameterSpec> specs;
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (is_input(n) && n.name.starts_with(prefix))
      specs.push_back({n.name.substr(prefix.size()), n.type.shape, init::zeros()});
  }
  if (specs.empty()) return std::nullopt;
  Ensemble state(std::move(specs), 1);
  state.initialise(0, Key{});
  return state;
}

bool has_result(const Graph& g, const std::string& name) {
  return std::ranges::any_of(g.outputs(),
                             [&](const Output& o) { return !o.update && o.name == name; });
}

// Inputs of a phase that stay in place while its programs run.
struct Inputs {
  int32_t key[2];
  float step = 0, lr = 0;
  std::map<std::string, float> scalars;

  Inputs(Key k, const std::map<std::string, double>& numbers)
      : key{static_cast<int32_t>(k.bits), static_cast<int32_t>(k.bits >> 32)} {
    for (const auto& [name, x] : numbers) scalars[name] = static_cast<float>(x);
  }
  void bind(Program& p, const DataTable& tables) {
    p.unbind();
    const auto offer = [&](const std::string& name, const void* data) {
      if (p.has_input(name)) p.bind(name, data);
    };
    for (const auto& [name, array] : tables) offer(name, array.data);
    offer("key", key);
    offer("step", &step);
    offer("lr", &lr);
    for (const auto& [name, x] : scalars) offer(name, &x);
  }
};

// Everything but the sample numbers, which change from step to step.
void require_bound(const Program& p, const std::string& phase) {
  for (const std::string& name : p.unbound())
    require(name == "index", "phase {}: its graph reads '{}', which nobody gives", phase, name);
}

bool all_finite(const Ensemble& e) {
  for (size_t i = 0; i < e.specs().size(); ++i)
    if (!std::ranges::all_of(e.array(i, 0), [](float x) { return std::isfinite(x); })) return false;
  return true;
}

}  // namespace

Trial::Trial(Worker& worker, int64_t seed, std::string variant, SeedRecord& record)
    : worker_(worker), seed_(seed), variant_(std::move(variant)), record_(record) {}

const Dataset& Trial::data() const {
  check(worker_.options().data != nullptr, "this experiment has no data set");
  return *worker_.options().data;
}
const DataTable& Trial::tables() const { return worker_.tables(); }
template <class T>
void Trial::add_table(const std::string& name, std::vector<T> values, const Shape& shape) {
  static_assert(std::is_same_v<T, int32_t> || std::is_same_v<T, float>);
  require(shape.count() == static_cast<int64_t>(values.size()),
          "table '{}': {} values do not fill {}", name, values.size(), shape);
  const auto owner = std::make_shared<std::vector<T>>(std::move(values));
  worker_.tables()[name] = {{std::is_same_v<T, float> ? DType::f32 : DType::i32, shape},
                            owner->data(),
                            sha256_hex(std::as_bytes(std::span(*owner))),
                            owner};
}
template void Trial::add_table(const std::string&, std::vector<int32_t>, const Shape&);
template void Trial::add_table(const std::string&, std::vector<float>, const Shape&);
bool Trial::dry() const { return worker_.options().dry; }

Ensemble Trial::init(const std::function<void(Net&)>& define, Key key) {
  Graph g;
  Net net(g, "model");
  define(net);
  Ensemble e(net.parameters(), 1);
  if (!dry()) e.initialise(0, key);
  return e;
}

Trained Trial::train(const Training& p) {
  require(p.samples >= 1 && p.batch >= 1 && p.epochs >= 0,
          "phase {}: samples and batch must be at least 1 and epochs at least 0", p.name);
  const int64_t batch = std::min(p.batch, p.samples);
  const int64_t full = p.samples / batch, rest = p.samples % batch;
  const int64_t per_epoch = full + (rest > 0), steps = per_epoch * p.epochs;

  Graph graph, last_graph;
  Step step(graph, batch, tables());
  p.build(step);
  require(has_result(graph, "loss"), "phase {}: its graph has no result called 'loss'", p.name);
  if (rest > 0) {
    Step last(last_graph, rest, tables());
    p.build(last);
  }
  if (dry()) {
    if (worker_.options().saw_graph) worker_.options().saw_graph(p, graph);
    record_.model_epochs += static_cast<double>(p.epochs);
    record_.matmul_flops += static_cast<double>(p.epochs) *
                            (static_cast<double>(full) * matmul_flops(graph) + matmul_flops(last_graph));
    return {p.start->clone(), {}};
  }

  Hash hash;
  hash.add(p.name);
  hash.add(p.set);
  hash.add(static_cast<uint64_t>(worker_.options().precision));
  for (const std::string& pass : worker_.options().passes_off) hash.add(pass);
  hash.add(fingerprint(graph));
  hash.add(fingerprint(last_graph));
  hash.add(*p.start);
  for (const auto& [name, e] : p.frozen) hash.add(name), hash.add(*e);
  for (const uint64_t x : {p.order.bits, p.random.bits, static_cast<uint64_t>(p.samples),
                           static_cast<uint64_t>(batch), static_cast<uint64_t>(p.epochs)})
    hash.add(x);
  for (int64_t s = 0; s < steps; ++s) hash.add(learning_rate(p, s, steps));
  for (const auto& [name, x] : p.scalars) hash.add(name), hash.add(x);
  for (const auto& [name, array] : tables()) hash.add(name), hash.add(array.hash);
  if (!p.observe)
    if (const Trained* known = worker_.find_phase(hash.value())) {
      if (worker_.options().advanced) worker_.options().advanced(static_cast<double>(p.epochs));
      return {known->model.clone(), known->diverged_at};
    }

  Trained out{p.start->clone(), {}};
  std::optional<Ensemble> state = state_of(graph, p.set);
  Inputs inputs(p.random, p.scalars);
  const auto ready = [&](const Graph& g) {
    auto program = worker_.program(g);
    inputs.bind(*program, tables());
    out.model.bind(*program, p.set, 0);
    if (state) state->bind(*program, p.set + ".opt", 0);
    for (const auto& [name, e] : p.frozen) e->bind(*program, name, 0);
    require_bound(*program, p.name);
    program->refresh();
    return program;
  };
  const auto program = ready(graph);
  const auto last = rest > 0 ? ready(last_graph) : nullptr;

  const auto observe = [&](int64_t done) {
    if (p.observe && std::ranges::find(p.observe_at, done) != p.observe_at.end())
      p.observe(done, out.model);
  };
  observe(0);
  int64_t done = 0;
  for (int64_t epoch = 0; epoch < p.epochs && !out.diverged_at; ++epoch) {
    const std::vector<int32_t> order =
        permutation(p.order.fold(static_cast<uint64_t>(epoch)), p.samples);
    for (int64_t s = 0; s < per_epoch; ++s) {
      if (worker_.options().stop && worker_.options().stop->load(std::memory_order_relaxed))
        throw Interrupted{};
      // The two programs take turns on the same weights: each makes its copies of them anew.
      Program& now = s < full ? *program : *last;
      if (last && (s == full || (s == 0 && epoch > 0))) now.refresh();
      if (now.has_input("index")) now.bind("index", order.data() + s * batch);
      inputs.lr = static_cast<float>(learning_rate(p, done, steps));
      inputs.step = static_cast<float>(++done);
      now.run();
      if (!std::isfinite(now.result("loss")[0])) {
        out.diverged_at = done;
        break;
      }
      observe(done);
    }
    if (worker_.options().advanced) worker_.options().advanced(1);
  }
  // The last update may have been the one that broke it.
  if (!out.diverged_at && !all_finite(out.model)) out.diverged_at = done;
  if (!p.observe) worker_.keep_phase(hash.value(), out);
  return out;
}

Measured Trial::evaluate(const StepBuilder& build, int64_t rows, const FrozenSets& sets,
                         const std::map<std::string, double>& scalars) {
  require(rows >= 1, "evaluate: there are no rows to evaluate");
  Graph graph;
  Step step(graph, rows, tables());
  build(step);
  Measured out;
  if (dry()) {
    for (const Output& o : graph.outputs())
      out[o.name].assign(graph.node(o.id).type.count(), 0);
    record_.matmul_flops += matmul_flops(graph);
    return out;
  }
  const auto program = worker_.program(graph);
  Inputs inputs(key().fold("evaluate"), scalars);
  inputs.bind(*program, tables());
  for (const auto& [name, e] : sets) e->bind(*program, name, 0);
  require_bound(*program, "evaluation");
  program->refresh();
  std::vector<int32_t> index(rows);
  std::iota(index.begin(), index.end(), 0);
  if (program->has_input("index")) program->bind("index", index.data());
  program->run();
  for (const Output& o : graph.outputs()) {
    if (o.update) continue;
    if (graph.node(o.id).type.dtype == DType::i32) {
      const auto r = program->result<int32_t>(o.name);
      out[o.name].assign(r.begin(), r.end());
    } else {
      const auto r = program->result(o.name);
      out[o.name].assign(r.begin(), r.end());
    }
  }
  return out;
}

std::string Trial::arm_name(const std::string& arm) const {
  return variant_.empty() ? arm : arm + " | " + variant_;
}

void Trial::record(const std::string& arm, const Trained& model,
                   std::map<std::string, double> metrics) {
  ModelResult& r = record_.models[arm_name(arm)];
  r.arm = arm_name(arm);
  r.seed = seed_;
  if (dry()) return;
  r.weights_hash = fmt::format("{:016x}", weights_hash(model.model[0]));
  if (model.diverged_at) {
    r.status = ModelStatus::diverged;
    r.status_step = *model.diverged_at;
  }
  for (const auto& [name, value] : metrics) r.metrics.push_back({name, kFinalStep, value});
  if (const auto& models = worker_.options().models; !models.empty()) {
    const auto folder = models / fmt::format("seed-{}", seed_);
    make_folder(folder);
    save_ensemble(folder / (r.arm + ".safetensors"), model.model);
  }
}

void Trial::curve(const std::string& arm, const std::string& metric, int64_t step, double value) {
  if (!dry()) record_.models[arm_name(arm)].metrics.push_back({metric, step, value});
}

}  // namespace omni
