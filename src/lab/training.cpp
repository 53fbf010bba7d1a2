#include "lab/training.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/hash.h"
#include "graph/inspect.h"
#include "lab/sets.h"
#include "lab/soundness.h"

namespace omni {
namespace {

// Programs of a phase's session.
constexpr int kStep = 0, kProbe = 1;
// About how long is computed between two looks at whether to stop or to save, and how long a node
// of a graph takes at most where it computes next to nothing.
constexpr double kCall_s = 0.01, kNode_s = 1e-6;

bool has_result(const Graph& g, const std::string& name) {
  return std::ranges::any_of(g.outputs(),
                             [&](const Output& o) { return !o.update && o.name == name; });
}

void require_loss(const std::string& phase, const Graph& g) {
  require(has_result(g, "loss"), "phase {}: its graph has no result called 'loss'", phase);
  for (const Output& o : g.outputs()) {
    if (o.update || o.name != "loss") continue;
    const Type& t = g.node(o.id).type;
    require(t.dtype == DType::f32 && t.shape.count() == 1,
            "phase {}: its loss is {}, and not a scalar f32", phase, t);
  }
}

bool reads(const Graph& g, const std::string& input_name) {
  for (int id = 0; id < g.size(); ++id)
    if (is_input(g.node(id)) && g.node(id).name == input_name) return true;
  return false;
}

// Not as drawn: what a dry run makes of them must not differ from run to run.
Ensemble zeros(std::vector<ParameterSpec> specs) {
  Ensemble e(std::move(specs), 1);
  e.zero(0);
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
  require(p.epochs == 0 || p.steps == 0, "phase {}: state either epochs or steps, not both",
          p.name);
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
  emit("phase " + p.name, p.build, step);
  require_loss(p.name, *graph_);
  if (rest_ > 0) {
    Step last(*last_graph_, rest_, tables, p.on);
    emit("phase " + p.name, p.build, last);
    require_loss(p.name, *last_graph_);
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
  emit(fmt::format("phase {}, its probe", p.name), p.probe->build, probe);
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
    if (times > 0) a.matmul_flops += times * worker_.load(*graph).matmul_flops;
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
  hash.add(worker_.executor().numerics());
  hash.add(fingerprint(*graph_));
  hash.add(fingerprint(*last_graph_));
  for (const ParameterSpec& s : start().specs()) hash.add(s.name);
  for (const auto& [name, e] : p_.frozen) hash.add(name);
  for (const uint64_t key : {p_.order.bits, p_.random.bits}) hash.add(key);
  for (const int64_t x : {p_.samples, batch_, first(), steps_}) hash.add(x);
  if (p_.from) hash.add(rate_after(first()));  // which its first probe may read
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

std::vector<ParameterSpec> TrainingRun::states() const {
  return p_.from && p_.from->optimizer ? p_.from->optimizer->specs() : states_of(*graph_, p_.set);
}

Trained TrainingRun::untrained() const {
  const auto blank = [&] { return zeros(start().specs()); };
  const auto blank_state = [&] {
    const std::vector<ParameterSpec> specs = states();
    return specs.empty() ? std::nullopt : std::optional(zeros(specs));
  };
  Trained out{blank()};
  out.steps = usual_end();
  std::map<std::string, double> nothing;
  for (const Output& o : probe_graph_->outputs()) nothing[o.name] = 0;
  for (int64_t step = first(); step <= steps_; ++step) {
    if (probed_after(step)) out.probed.push_back({step, nothing});
    if (kept_after(step)) out.kept.push_back({step, blank(), blank_state(), rate_after(step)});
  }
  return out;
}

std::unique_ptr<Session> TrainingRun::make_session() const {
  SessionSpec spec{
      {{"step", graph_, rest_ > 0 ? last_graph_ : nullptr, p_.samples, batch_, "loss", 0}},
      on_divergence_ != OnDivergence::keep};
  if (p_.probe) spec.programs.push_back({"probe", probe_graph_, nullptr, 0, p_.probe->rows});
  std::unique_ptr<Session> session = worker_.executor().open(std::move(spec));
  give(*session, tables_, p_.scalars);
  for (const auto& [name, e] : p_.frozen) lend(*session, name, (*e)[0]);
  return session;
}

void TrainingRun::write_state(Session& session, const std::optional<Ensemble>& state) const {
  if (state) return write(session, p_.set + ".opt", (*state)[0]);
  for (const ParameterSpec& s : states()) session.zero(p_.set + ".opt/" + s.name, s.shape.count());
}

// One that stays is given once.
std::vector<float> TrainingRun::rates(int64_t last,
                                      const std::function<double(int64_t)>& by_round) const {
  std::vector<float> rates;
  if (!p_.lr) return rates;
  for (int64_t round = first(); round <= last; ++round) {
    const auto rate = static_cast<float>(by_round(round));
    if (!rates.empty() && same_bits({&rate, 1}, {&rates.back(), 1})) continue;
    rates.resize(static_cast<size_t>(round), rates.empty() ? 0 : rates.back());
    rates.push_back(rate);
  }
  return rates;
}

void TrainingRun::begin(Session& session, const Trained& out, double first_loss) const {
  const auto of_step = [&](int64_t round) { return learning_rate(round); };
  const auto of_probe = [&](int64_t round) { return rate_after(round); };
  ModelStart start{
      {{p_.order, p_.random, rates(steps_ - 1, of_step)}, {{}, p_.random, rates(steps_, of_probe)}},
      {}};
  start.at.round = out.steps;
  ProgramStanding& step = start.at.programs.emplace_back();
  step.runs = out.steps;
  if (step.runs > first()) step.first_loss = static_cast<float>(first_loss);
  start.at.diverged_at = out.diverged_at;
  session.start(std::move(start));
}

SetView TrainingRun::model(const Session& session) const {
  return view(session, p_.set, start().specs());
}

SetView TrainingRun::state(const Session& session) const {
  return view(session, p_.set + ".opt", states());
}

Snapshot TrainingRun::snapshot(const Session& session, int64_t step) const {
  Snapshot s{step, read(session, p_.set, start().specs()), {}, rate_after(step)};
  if (std::vector<ParameterSpec> specs = states(); !specs.empty())
    s.optimizer = read(session, p_.set + ".opt", std::move(specs));
  return s;
}

bool TrainingRun::look(Session& session, Trained& out) const {
  if (kept_after(out.steps)) out.kept.push_back(snapshot(session, out.steps));
  if (!probed_after(out.steps)) return false;
  session.run(kProbe, 1);
  Probed& seen = out.probed.emplace_back(Probed{out.steps, {}});
  for (const Output& o : probe_graph_->outputs())
    seen.values[o.name] = session.result(kProbe, o.name)[0];
  return p_.stop && seen.values.at(p_.stop->result) >= p_.stop->at_least;
}

// By the time that is typical, not by the clock, so that calls are the same each time.
int64_t TrainingRun::steps_per_call() const {
  const WorkerOptions& options = worker_.options();
  if (options.checkpoint_every_s == 0) return 1;
  if (options.steps_per_call > 0) return options.steps_per_call;
  const double step_s = typical_seconds(worker_.load(*graph_)) + kNode_s * graph_->size();
  return std::max<int64_t>(1, std::llround(kCall_s / step_s));
}

int64_t TrainingRun::end_of_call(int64_t step, int64_t end) const {
  end = std::min(end, step + steps_per_call_);
  for (int64_t s = step + 1; s < end; ++s)
    if (kept_after(s) || probed_after(s)) return s;
  return end;
}

bool TrainingRun::train(Session& session, Trained& out, int64_t end) {
  while (out.steps < end) {
    if (worker_.asked_to_stop() || worker_.due()) save(session, out);
    const Turn step{kStep};
    session.rounds({&step, 1}, end_of_call(out.steps, end) - out.steps);
    const Standing& now = session.standing();
    const ProgramStanding& at = now.programs[kStep];
    check(at.runs > out.steps, "phase {}: it stands still at step {}", p_.name, out.steps);
    out.steps = at.runs;
    if (now.diverged_at && !out.diverged_at) {
      out.diverged_at = now.diverged_at;
      require(
          on_divergence_ != OnDivergence::stop_run,
          "phase {}: the loss was {} at step {}, and on_divergence=stop-run ends the run there; "
          "with stop-model or keep it goes on",
          p_.name, double{at.loss}, *now.diverged_at);
      if (on_divergence_ == OnDivergence::stop_model) return true;
    }
    const bool ended = look(session, out);
    advance(out.steps);
    if (ended) return true;
  }
  return false;
}

void TrainingRun::save(const Session& session, const Trained& out) {
  if (out.steps > first())
    worker_.save(hash_, {out, session.standing().programs[kStep].first_loss, model(session),
                         state(session)});
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
  const std::optional<Ensemble> none;
  Trained out{Ensemble({}, 1)};
  out.steps = first();
  double first_loss = 0;
  std::unique_ptr<Session> session = make_session();
  if (std::optional<Progress> found = worker_.find_running(hash_, start().specs())) {
    write(*session, p_.set, found->reached.model[0]);
    out = std::move(found->reached);
    out.model = Ensemble({}, 1);  // before the state is there twice
    write_state(*session, found->optimizer);
    first_loss = found->first_loss;
  } else {
    write(*session, p_.set, start()[0]);
    write_state(*session, p_.from ? p_.from->optimizer : none);
  }
  begin(*session, out, first_loss);
  if (worker_.options().advanced) amount_ = amount();
  steps_per_call_ = steps_per_call();
  told_ = first();
  advance(out.steps);
  bool ended = out.steps == first() && look(*session, out);
  const int64_t fork = first() + worker_.options().fork_at;
  if (!ended && out.steps < fork && fork < steps_) {
    ended = train(*session, out, fork);
    const Snapshot copy = snapshot(*session, out.steps);
    first_loss = session->standing().programs[kStep].first_loss;
    worker_.forget_programs();
    session = make_session();
    write(*session, p_.set, copy.model[0]);
    write_state(*session, copy.optimizer);
    begin(*session, out, first_loss);
  }
  if (!ended) train(*session, out, steps_);
  out.model = read(*session, p_.set, start().specs());
  advance(steps_);
  // The last update may have been the one that broke it.
  if (!out.diverged_at && !all_finite(out.model)) out.diverged_at = out.steps;
  return out;
}

}  // namespace omni
