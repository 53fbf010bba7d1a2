#include "lab/phase_run.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/nearest.h"
#include "lab/author_code.h"
#include "lab/round_calls.h"
#include "lab/sets.h"

namespace omni {
namespace {

// About how long is computed between two looks at whether to stop or to save, and how long a node
// of a graph takes at most where it computes next to nothing.
constexpr double kCall_s = 0.01, kNode_s = 1e-6;

// Leaves a host's function whose model has diverged and is to stand still.
struct StandsStill {};

bool all_finite(const Ensemble& e) {
  for (size_t i = 0; i < e.specs().size(); ++i)
    if (!std::ranges::all_of(e.array(i, 0), [](float x) { return std::isfinite(x); })) return false;
  return true;
}

// By the time that is typical, not by the clock, so that calls are the same each time.
int64_t rounds_of_a_call(const PhaseGraphs& graphs, Worker& worker) {
  if (worker.options().checkpoint_every_s == 0) return 1;
  if (worker.options().steps_per_call > 0) return worker.options().steps_per_call;
  const ExecutorRow& executor = row_of(worker.options().executor);
  double round_s = 0;
  for (const Turn& t : graphs.turns()) {
    const Graph& g = *graphs.spec().programs[static_cast<size_t>(t.program)].graph;
    round_s += (executor.seconds(load_of_run(g)) + kNode_s * g.size()) *
               static_cast<double>(t.runs) / static_cast<double>(t.every);
  }
  return std::max<int64_t>(1, std::llround(std::min(1e6, kCall_s / round_s)));
}

}  // namespace

Amount amount_of(const PhaseGraphs& graphs) {
  Amount a{graphs.model_epochs(), 0};
  for (const auto& [graph, times] : graphs.runs())
    a.matmul_flops += times * load_of_run(*graph).matmul_flops;
  return a;
}

void inherit_divergence(Worker& worker, const Phase& p, PhaseResult& out) {
  std::map<std::string, const Ensemble*> begins = p.start;
  for (auto& [set, e] : begins)
    if (p.from && p.from->sets.contains(set)) e = p.from->sets.at(set);
  std::optional<int64_t> inherited = p.inherited_divergence;
  for (const FrozenSets& sets : {begins, p.frozen})
    for (const auto& [set, e] : sets)
      if (!inherited) inherited = worker.diverged_at((*e)[0]);
  if (!out.diverged_at) out.diverged_at = inherited;
  if (!out.diverged_at) return;
  const auto note = [&](const std::map<std::string, Ensemble>& sets) {
    for (const auto& [set, e] : sets) {
      const auto begin = begins.find(set);
      if (begin != begins.end() && weights_hash((*begin->second)[0]) != weights_hash(e[0]))
        worker.note_diverged(e[0], *out.diverged_at);
    }
  };
  note(out.sets);
  for (const PhaseSnapshot& s : out.kept)
    if (inherited || s.round >= *out.diverged_at) note(s.sets);
  for (const auto& [name, s] : out.copies)
    if (inherited || s->round >= *out.diverged_at) note(s->sets);
}

// A host's round on the session.
class PhaseRun::Live final : public RoundCalls {
 public:
  explicit Live(PhaseRun& run) : RoundCalls(run.p_, run.graphs_.spec()), run_(run) {}

  int64_t number() const override { return run_.session_->standing().round; }
  bool dry() const override { return false; }
  void stop() override { run_.ending_ = true; }

 private:
  std::span<std::byte> fed(int program, const std::string& input, const Type& type) override {
    Session& s = *run_.session_;
    switch (type.dtype) {
      case DType::u8:
        return std::as_writable_bytes(s.feed<uint8_t>(program, input));
      case DType::i32:
        return std::as_writable_bytes(s.feed<int32_t>(program, input));
      default:
        return std::as_writable_bytes(s.feed<float>(program, input));
    }
  }
  std::span<const std::byte> shown(int program, const std::string& result,
                                   const Type& type) override {
    if (type.dtype == DType::i32)
      return std::as_bytes(run_.session_->result<int32_t>(program, result));
    return std::as_bytes(run_.session_->result(program, result));
  }
  void run_program(int program, int64_t runs) override {
    run_.session_->run(program, runs);
    if (run_.session_->standing().diverged_at && run_.graphs_.spec().stop_diverged)
      throw StandsStill{};
  }
  void keep_sets(const std::string& name) override {
    PhaseSnapshot copy = run_.snapshot();
    copy.copies.clear();
    run_.out_.copies[name] = std::make_shared<const PhaseSnapshot>(std::move(copy));
  }
  std::vector<std::string> kept() const override { return names_in(run_.out_.copies); }
  void restore_sets(const std::string& name) override {
    for (const auto& [set, e] : run_.out_.copies.at(name)->sets) write(*run_.session_, set, e[0]);
    run_.restart();
  }
  void note_seen(const std::string& metric, double value) override { run_.seen_[metric] = value; }

  PhaseRun& run_;
};

PhaseRun::PhaseRun(Worker& worker, const Phase& p, const PhaseGraphs& graphs,
                   const DataTable& tables, std::optional<uint64_t> hash)
    : worker_(worker),
      p_(p),
      graphs_(graphs),
      tables_(tables),
      hash_(hash),
      on_divergence_(graphs.on_divergence()),
      sets_(graphs.recipes()) {
  if (p.host_round) live_ = std::make_unique<Live>(*this);
  std::optional<PhaseProgress> found;
  if (hash) found = worker.find_running(*hash, sets_);
  if (worker.options().advanced) amount_ = amount_of(graphs);
  told_ = out_.rounds = graphs.first();
  open(found ? &*found : nullptr);
  rounds_per_call_ = rounds_of_a_call(graphs, worker);
  if (found) {
    out_ = std::move(found->reached);
    out_.sets.clear();
    out_.host.clear();
  } else if (p.from) {
    out_.copies = p.from->copies;
  }
  for (const ProgramSpec& s : graphs.spec().programs)
    for (const std::string& name : s.logged) out_.logs[s.name].try_emplace(name);
  tell();
  if (!found) look();
}

PhaseRun::~PhaseRun() = default;

// A session with all that the phase is given, from its start or as it was found.
void PhaseRun::open(const PhaseProgress* found) {
  session_ = worker_.executor().open(graphs_.spec());
  give(*session_, tables_, p_.scalars);
  for (const auto& [set, e] : p_.frozen) lend(*session_, set, (*e)[0]);
  for (const auto& [set, specs] : sets_) {
    const Ensemble* start = found ? &found->reached.sets.at(set) : graphs_.start(set);
    if (start)
      write(*session_, set, (*start)[0]);
    else
      for (const ParameterSpec& s : specs) session_->zero(set + "/" + s.name, s.shape.count());
  }
  host_ = p_.host_state.clone();
  if (!host_.empty()) read_host(found);
  ModelStart start = graphs_.model_start();
  if (found) {
    start.at.round = found->reached.rounds;
    start.at.diverged_at = found->reached.diverged_at;
    for (size_t i = 0; i < graphs_.spec().programs.size(); ++i)
      start.at.programs[i] = found->programs.at(graphs_.spec().programs[i].name);
  }
  session_->start(std::move(start));
}

// As it was found, or as a fork begins.
void PhaseRun::read_host(const PhaseProgress* found) {
  try {
    if (found)
      host_.read(found->reached.host);
    else if (p_.from && !p_.from->host.empty())
      host_.read(p_.from->host);
  } catch (const UserError& e) {
    fail_user("phase {}: {}", p_.name, e.what());
  }
}

void PhaseRun::restart() {
  ModelStart start = graphs_.model_start();
  start.at = session_->standing();
  note_log();
  session_->start(std::move(start));
}

bool PhaseRun::over() const { return ending_ || stands_still() || out_.rounds >= p_.rounds; }

void PhaseRun::go(int64_t end) {
  while (!over() && out_.rounds < end) {
    if (hash_ && (worker_.asked_to_stop() || worker_.due())) save();
    take(end_of_call(end));
    if (stands_still()) return;
    look();
    tell();
  }
}

int64_t PhaseRun::end_of_call(int64_t end) const {
  if (live_) return out_.rounds + 1;
  end = std::min({end, p_.rounds, out_.rounds + rounds_per_call_});
  for (int64_t round = out_.rounds + 1; round < end; ++round)
    if (graphs_.kept_after(round) || graphs_.probed_after(round)) return round;
  return end;
}

void PhaseRun::take(int64_t end) {
  if (!live_) {
    session_->rounds(graphs_.turns(), end - out_.rounds);
  } else {
    const Worker::InRound in(p_.name);
    live_->begin();
    call_author([&] { return fmt::format("phase {}, round {}", p_.name, out_.rounds); },
                [&] {
                  try {
                    p_.host_round(*live_, host_);
                  } catch (const StandsStill&) {
                  }
                });
    session_->end_round();
  }
  const Standing& now = session_->standing();
  note_log();
  const bool diverged = now.diverged_at && !out_.diverged_at;
  if (diverged) out_.diverged_at = now.diverged_at;
  check(stands_still() || now.round > out_.rounds, "phase {}: it stands still at round {}", p_.name,
        out_.rounds);
  out_.rounds = stands_still() ? *out_.diverged_at : now.round;
  if (diverged && on_divergence_ == OnDivergence::stop_run) fail_diverged();
  const bool noted = out_.rounds % p_.see_every == 0 && !stands_still();
  for (const auto& [metric, value] : std::exchange(seen_, {}))
    if (noted) probed()[metric] = value;
}

void PhaseRun::note_log() {
  for (size_t i = 0; i < graphs_.spec().programs.size(); ++i) {
    const ProgramSpec& s = graphs_.spec().programs[i];
    if (s.logged.empty()) continue;
    const std::vector<float> log = session_->take_log(static_cast<int>(i));
    for (size_t k = 0; k < log.size(); ++k)
      out_.logs[s.name][s.logged[k % s.logged.size()]].push_back(log[k]);
  }
}

void PhaseRun::fail_diverged() const {
  const bool is_step = p_.programs.size() == 1;
  for (size_t i = 0; i < graphs_.spec().programs.size(); ++i) {
    const ProgramStanding& at = session_->standing().programs[i];
    const ProgramSpec& s = graphs_.spec().programs[i];
    if (s.watched.empty() || !has_diverged(at.loss, at.first_loss)) continue;
    fail_user(
        "phase {}: the loss{} was {} at {} {}, and on_divergence=stop-run ends the run there; "
        "with stop-model or keep it goes on",
        p_.name, is_step ? "" : " of program '" + s.name + "'", double{at.loss},
        is_step ? "step" : "round", *out_.diverged_at);
  }
  fail_user("phase {}: a loss diverged in round {}, and on_divergence=stop-run ends the run there",
            p_.name, *out_.diverged_at);
}

std::map<std::string, double>& PhaseRun::probed() {
  if (out_.probed.empty() || out_.probed.back().step != out_.rounds)
    out_.probed.push_back({out_.rounds, {}});
  return out_.probed.back().values;
}

void PhaseRun::look() {
  if (graphs_.kept_after(out_.rounds)) out_.kept.push_back(snapshot());
  if (!graphs_.probed_after(out_.rounds)) return;
  const int probe = *graphs_.probe();
  session_->run(probe, 1);
  std::map<std::string, double>& values = probed();
  for (const Output& o : graphs_.spec().programs[static_cast<size_t>(probe)].graph->outputs())
    values[o.name] = session_->result(probe, o.name)[0];
  if (p_.stop && values.at(p_.stop->result) >= p_.stop->at_least) ending_ = true;
}

void PhaseRun::tell() {
  if (worker_.options().advanced && out_.rounds > told_)
    worker_.options().advanced(static_cast<double>(out_.rounds - told_) /
                               static_cast<double>(p_.rounds - graphs_.first()) * amount_);
  told_ = out_.rounds;
}

// --- What it is ---

SetView PhaseRun::view_of(const std::string& set) const {
  return view(*session_, set, sets_.at(set));
}

Ensemble PhaseRun::set(const std::string& name) const {
  if (!sets_.contains(name)) {
    std::vector<std::string> known;
    for (const auto& [set, specs] : sets_) known.push_back(set);
    fail_user("phase {}: none of its programs updates a set '{}'{}", p_.name, name,
              suggest(name, known));
  }
  return read(*session_, name, sets_.at(name));
}

Standings PhaseRun::standings() const {
  Standings all;
  for (size_t i = 0; i < graphs_.spec().programs.size(); ++i)
    all[graphs_.spec().programs[i].name] = session_->standing().programs[i];
  return all;
}

PhaseSnapshot PhaseRun::snapshot() const {
  PhaseSnapshot s{session_->standing().round, {}, {}, host_.bytes(), out_.copies};
  for (const auto& [name, specs] : sets_) s.sets.emplace(name, set(name));
  for (size_t i = 0; i < graphs_.spec().programs.size(); ++i)
    if (static_cast<int>(i) != graphs_.probe())
      s.programs[graphs_.spec().programs[i].name] = {session_->standing().programs[i].runs,
                                                     graphs_.latest_rate(i, s.round)};
  return s;
}

void PhaseRun::save() {
  if (out_.rounds > graphs_.first()) {
    Underway now{out_, standings(), {}, host_.bytes()};
    for (const auto& [set, specs] : sets_) now.sets.emplace(set, view_of(set));
    worker_.save(*hash_, now);
  } else {
    worker_.save();
  }
  if (worker_.asked_to_stop()) throw Interrupted{};
}

void PhaseRun::reopen() {
  PhaseProgress copy;
  copy.reached.rounds = out_.rounds;
  copy.reached.diverged_at = out_.diverged_at;
  copy.reached.host = host_.bytes();
  for (const auto& [name, specs] : sets_) copy.reached.sets.emplace(name, set(name));
  copy.programs = standings();
  worker_.forget_programs();
  open(&copy);
}

PhaseResult PhaseRun::finish() {
  graphs_.name(out_);
  for (const auto& [name, specs] : graphs_.trained()) out_.sets.emplace(name, set(name));
  out_.host = host_.bytes();
  // The last update may have been the one that broke it.
  for (const auto& [name, e] : out_.sets) {
    if (out_.diverged_at || all_finite(e)) continue;
    out_.diverged_at = out_.rounds;
    require(on_divergence_ != OnDivergence::stop_run,
            "phase {}: the weights '{}' were not finite after the last {}, {}, and "
            "on_divergence=stop-run ends the run there; with stop-model or keep it goes on",
            p_.name, name, p_.programs.size() == 1 ? "step" : "round", out_.rounds);
  }
  const int64_t rounds = std::exchange(out_.rounds, p_.rounds);
  tell();
  out_.rounds = rounds;
  return std::move(out_);
}

}  // namespace omni
