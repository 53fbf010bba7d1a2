#include "lab/training.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/hash.h"
#include "executors/cpu/limits.h"
#include "graph/inspect.h"
#include "lab/phase_inputs.h"
#include "lab/soundness.h"

namespace omni {
namespace {

// A loss has exploded when it is so many times what it was at the first step, or what is usual.
constexpr double kExplosion = 1e6;
constexpr int64_t kToldEvery = 32;  // steps: how far a phase is

// The optimiser's state: zeros, for every input of the set "<set>.opt".
std::optional<Ensemble> fresh_state(const Graph& g, const std::string& set) {
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

bool reads(const Graph& g, const std::string& input_name) {
  for (int id = 0; id < g.size(); ++id)
    if (is_input(g.node(id)) && g.node(id).name == input_name) return true;
  return false;
}

// Not as drawn: what a dry run makes of them must not differ from run to run.
Ensemble zeros(std::vector<ParameterSpec> specs) {
  Ensemble e(std::move(specs), 1);
  for (size_t i = 0; i < e.specs().size(); ++i) std::ranges::fill(e.array(i, 0), 0.0f);
  return e;
}

bool all_finite(const Ensemble& e) {
  for (size_t i = 0; i < e.specs().size(); ++i)
    if (!std::ranges::all_of(e.array(i, 0), [](float x) { return std::isfinite(x); })) return false;
  return true;
}

}  // namespace

TrainingRun::TrainingRun(Worker& worker, const Training& p, const DataTable& tables,
                         OnDivergence on_divergence)
    : worker_(worker), p_(p), tables_(tables), on_divergence_(on_divergence) {
  require(p.samples >= 1 && p.batch >= 1 && p.epochs >= 0 && p.steps >= 0,
          "phase {}: samples and batch must be at least 1, epochs and steps at least 0", p.name);
  require(p.epochs == 0 || p.steps == 0, "phase {}: state either epochs or steps, not both", p.name);
  require(!p.key && !p.draws, "phase {}: without a loss its keys are `order` and `random`", p.name);
  require(p.start || p.from, "phase {}: state where it starts", p.name);
  batch_ = std::min(p.batch, p.samples);
  full_ = p.samples / batch_;
  rest_ = p.samples % batch_;
  per_epoch_ = full_ + (rest_ > 0);
  steps_ = p.steps > 0 ? p.steps : per_epoch_ * p.epochs;
  require(first() <= steps_, "phase {}: it continues from step {}, after its last step {}", p.name,
          first(), steps_);

  Step step(*graph_, batch_, tables, p.on);
  p.build(step);
  step.check_hooks();
  require(has_result(*graph_, "loss"), "phase {}: its graph has no result called 'loss'", p.name);
  if (rest_ > 0) {
    Step last(*last_graph_, rest_, tables, p.on);
    p.build(last);
    last.check_hooks();
  }
  require(p.probe || !p.stop, "phase {}: a stop rule needs a probe", p.name);
  if (p.probe) build_probe();
  require_sound(p, {*graph_, *last_graph_, *probe_graph_, first(), steps_}, tables);
  if (!worker.options().dry) hash_ = compute_hash();
}

void TrainingRun::build_probe() {
  const Training& p = p_;
  require(p.probe->rows >= 1, "phase {}: its probe has no rows", p.name);
  Step probe(*probe_graph_, p.probe->rows, tables_, p.probe->on);
  p.probe->build(probe);
  probe.check_hooks();
  for (const Output& o : probe_graph_->outputs()) {
    const Type& t = probe_graph_->node(o.id).type;
    require(o.update || (t.shape.count() == 1 && t.dtype == DType::f32),
            "phase {}: its probe gives '{}', which is not a scalar f32", p.name, o.name);
  }
  require(!p.stop || has_result(*probe_graph_, p.stop->result),
          "phase {}: its stop rule reads '{}', which the probe does not give", p.name,
          p.stop ? p.stop->result : "");
}

bool TrainingRun::probed_after(int64_t step) const {
  if (!p_.probe) return false;
  return std::ranges::find(p_.probe->at, step) != p_.probe->at.end() ||
         (p_.probe->every > 0 && step > 0 && step % p_.probe->every == 0);
}

bool TrainingRun::kept_after(int64_t step) const {
  return std::ranges::find(p_.keep_at, step) != p_.keep_at.end();
}

int64_t TrainingRun::usual_end() const {
  if (!p_.stop || p_.stop->usual_steps == 0) return steps_;
  return std::min(steps_, first() + p_.stop->usual_steps);
}

double TrainingRun::epochs() const {
  return static_cast<double>(steps_ - first()) / static_cast<double>(per_epoch_);
}

Amount TrainingRun::amount() const {
  Amount a{epochs(), 0};
  for (const auto& [graph, times] : runs())
    if (times > 0) a.matmul_flops += times * worker_.matmul_flops(*graph);
  return a;
}

std::vector<std::pair<std::shared_ptr<Graph>, double>> TrainingRun::runs() const {
  double whole = 0, last = 0, probes = probed_after(first()) ? 1 : 0;
  for (int64_t s = first(); s < usual_end(); ++s) {
    ++(s % per_epoch_ < full_ ? whole : last);
    if (probed_after(s + 1)) ++probes;
  }
  return {{graph_, whole}, {last_graph_, last}, {probe_graph_, probes}};
}

void TrainingRun::count(Work& work) const {
  for (const auto& [graph, times] : runs())
    if (times > 0) work.add(graph, times);
}

uint64_t TrainingRun::form() const {
  Hash hash;
  hash.add(p_.name);
  hash.add(static_cast<uint64_t>(on_divergence_));
  hash.add(p_.set);
  hash.add(static_cast<uint64_t>(worker_.options().precision));
  if (worker_.options().precision == Precision::bf16)
    hash.add(static_cast<uint64_t>(cpu::limits().bf16_storage));  // sums have other orders
  for (const std::string& pass : worker_.options().passes_off) hash.add(pass);
  hash.add(fingerprint(*graph_));
  hash.add(fingerprint(*last_graph_));
  for (const ParameterSpec& s : start().specs()) hash.add(s.name);
  for (const auto& [name, e] : p_.frozen) hash.add(name);
  for (const uint64_t key : {p_.order.bits, p_.random.bits}) hash.add(key);
  for (const int64_t x : {p_.samples, batch_, first(), steps_}) hash.add(x);
  for (int64_t s = first(); s < steps_; ++s) hash.add(learning_rate(s));
  for (const auto& [name, x] : p_.scalars) hash.add(name), hash.add(x);
  for (const auto& [name, array] : tables_)
    if (reads(*graph_, name) || reads(*last_graph_, name) || reads(*probe_graph_, name))
      hash.add(name), hash.add(array.hash);
  for (const int64_t step : p_.keep_at) hash.add(step);
  if (p_.probe) {
    hash.add("probe");
    hash.add(fingerprint(*probe_graph_));
    hash.add(p_.probe->every);
    for (const int64_t step : p_.probe->at) hash.add(step);
  }
  if (p_.stop) hash.add(p_.stop->result), hash.add(p_.stop->at_least);
  return hash.value();
}

uint64_t TrainingRun::compute_hash() const {
  Hash hash;
  hash.add(worker_.options().identity);
  hash.add(form());
  hash.add(weights_hash(start()[0]));
  for (const auto& [name, e] : p_.frozen) hash.add(weights_hash((*e)[0]));
  if (p_.from && p_.from->optimizer) hash.add(weights_hash((*p_.from->optimizer)[0]));
  return hash.value();
}

Trained TrainingRun::untrained() const {
  const auto blank = [&] { return zeros(start().specs()); };
  Trained out{blank()};
  out.steps = usual_end();
  std::map<std::string, double> nothing;
  for (const Output& o : probe_graph_->outputs()) nothing[o.name] = 0;
  for (int64_t step = first(); step <= steps_; ++step) {
    if (probed_after(step)) out.probed.push_back({step, nothing});
    if (kept_after(step)) out.kept.push_back({step, blank(), fresh_state(*graph_, p_.set)});
  }
  return out;
}

Progress TrainingRun::beginning() const {
  Progress p{{start().clone()}};
  p.reached.steps = first();
  if (p_.from && p_.from->optimizer)
    p.optimizer = p_.from->optimizer->clone();
  else
    p.optimizer = fresh_state(*graph_, p_.set);
  return p;
}

bool TrainingRun::has_diverged(double loss, double first_loss) const {
  return !std::isfinite(loss) || std::abs(loss) > kExplosion * std::max(1.0, std::abs(first_loss));
}

bool TrainingRun::train(Progress& now, int64_t end) {
  Trained& out = now.reached;
  PhaseInputs inputs(p_.random, p_.scalars);
  const auto ready = [&](const Graph& g) {
    auto program = worker_.program(g);
    inputs.bind(*program, tables_);
    out.model.bind(*program, p_.set, 0);
    if (now.optimizer) now.optimizer->bind(*program, p_.set + ".opt", 0);
    for (const auto& [name, e] : p_.frozen) e->bind(*program, name, 0);
    require_bound(*program, p_.name);
    program->refresh();
    return program;
  };
  const auto program = ready(*graph_);
  const auto last = rest_ > 0 ? ready(*last_graph_) : nullptr;
  const auto probe = p_.probe ? ready(*probe_graph_) : nullptr;
  std::vector<int32_t> probe_rows(p_.probe ? p_.probe->rows : 0);
  std::iota(probe_rows.begin(), probe_rows.end(), 0);
  if (probe && probe->has_input("index")) probe->bind("index", probe_rows.data());

  // True when the phase is to end here.
  const auto look = [&](int64_t step) {
    if (kept_after(step)) {
      out.kept.push_back({step, out.model.clone(), {}});
      if (now.optimizer) out.kept.back().optimizer = now.optimizer->clone();
    }
    if (!probed_after(step)) return false;
    probe->refresh();
    probe->run();
    Probed& seen = out.probed.emplace_back(Probed{step, {}});
    for (const Output& o : probe_graph_->outputs()) seen.values[o.name] = probe->result(o.name)[0];
    return p_.stop && seen.values.at(p_.stop->result) >= p_.stop->at_least;
  };

  std::vector<int32_t> order(p_.samples);
  int64_t order_epoch = -1;
  const Program* previous = nullptr;
  bool ended = out.steps == first() && look(first());
  while (!ended && out.steps < end) {
    if (worker_.asked_to_stop() || worker_.due()) save(now);
    const int64_t epoch = out.steps / per_epoch_, s = out.steps % per_epoch_;
    if (epoch != order_epoch) permute(p_.order.fold(static_cast<uint64_t>(epoch)), order);
    order_epoch = epoch;
    // The two programs take turns on the same weights: each makes its copies of them anew.
    Program& step = s < full_ ? *program : *last;
    if (previous && previous != &step) step.refresh();
    previous = &step;
    if (step.has_input("index")) step.bind("index", order.data() + s * batch_);
    inputs.lr = static_cast<float>(learning_rate(out.steps));
    inputs.step = static_cast<float>(++out.steps);
    step.run();
    const double loss = step.result("loss")[0];
    if (out.steps == first() + 1) now.first_loss = loss;
    if (!out.diverged_at && has_diverged(loss, now.first_loss)) {
      out.diverged_at = out.steps;
      require(on_divergence_ != OnDivergence::stop_run,
              "phase {}: the loss was {} at step {}, and on_divergence=stop-run ends the run there; "
              "with stop-model or keep it goes on", p_.name, loss, out.steps);
      if (on_divergence_ == OnDivergence::stop_model) return true;
    }
    ended = look(out.steps);
    if (s + 1 == per_epoch_ || out.steps % kToldEvery == 0) advance(out.steps);
  }
  return ended;
}

void TrainingRun::save(const Progress& now) {
  if (now.reached.steps > first())
    worker_.save(hash_, now);
  else
    worker_.save();
  if (worker_.asked_to_stop()) throw Interrupted{};
}

void TrainingRun::advance(int64_t step) {
  if (worker_.options().advanced && step > told_)
    worker_.options().advanced(static_cast<double>(step - told_) /
                               static_cast<double>(steps_ - first()) * amount_);
  told_ = step;
}

Trained TrainingRun::run() {
  std::optional<Progress> found = worker_.find_running(hash_, start().specs());
  Progress now = found ? std::move(*found) : beginning();
  if (worker_.options().advanced) amount_ = amount();
  told_ = first();
  advance(now.reached.steps);
  bool ended = false;
  const int64_t fork = first() + worker_.options().fork_at;
  if (now.reached.steps < fork && fork < steps_) {
    ended = train(now, fork);
    worker_.forget_programs();
    now = now.clone();
  }
  if (!ended) train(now, steps_);
  advance(steps_);
  Trained& out = now.reached;
  // The last update may have been the one that broke it.
  if (!out.diverged_at && !all_finite(out.model)) out.diverged_at = out.steps;
  return std::move(out);
}

}  // namespace omni
