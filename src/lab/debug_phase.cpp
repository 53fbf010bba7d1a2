#include "lab/debug_phase.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "executors/reference.h"
#include "lab/phase_graphs.h"
#include "lab/worker.h"
#include "ops/leaf.h"

namespace omni {
namespace {

// The longest list of calls that is looked for as a loop's body.
constexpr size_t kLongestBody = 32;

struct Broke : Interrupted {};  // ends the rounds

// Whether a host that reads its results may count on how many rows there are.
bool gives_rows(const Graph& g) {
  return std::ranges::any_of(g.outputs(), [&](const Output& o) {
    return !o.update && g.node(o.id).type.shape.count() != 1;
  });
}

DebugCall::Came range(const std::string& name, const auto& values) {
  DebugCall::Came c{name, std::numeric_limits<double>::infinity(),
                    -std::numeric_limits<double>::infinity()};
  for (const auto x : values) {
    c.least = std::min(c.least, static_cast<double>(x));
    c.most = std::max(c.most, static_cast<double>(x));
    if (x != x) return {name, NAN, NAN};
  }
  return c;
}

// Passes on what a host asks of a round, and notes it. Its runs are noted where they happen.
class Noted final : public Round {
 public:
  Noted(Round& round, std::vector<DebugCall>& calls) : round_(round), calls_(calls) {}

  int64_t number() const override { return round_.number(); }
  int64_t rounds() const override { return round_.rounds(); }
  bool dry() const override { return round_.dry(); }
  Key key(std::string_view purpose) const override { return round_.key(purpose); }
  void run(const std::string& program, int64_t runs) override { round_.run(program, runs); }
  void keep(const std::string& name) override { note("keep " + name), round_.keep(name); }
  void restore(const std::string& name) override { note("restore " + name), round_.restore(name); }
  void see(const std::string& metric, double value) override {
    note("see " + metric);
    calls_.back().came = {{"", value, value}};
    round_.see(metric, value);
  }
  void stop() override { note("stop"), round_.stop(); }

 private:
  void note(std::string what) { calls_.push_back({std::move(what)}); }
  std::span<std::byte> feed_bytes(const std::string& program, const std::string& input,
                                  DType type) override {
    note("feed " + program + "." + input);
    switch (type) {
      case DType::u8:
        return std::as_writable_bytes(round_.feed<uint8_t>(program, input));
      case DType::i32:
        return std::as_writable_bytes(round_.feed<int32_t>(program, input));
      default:
        return std::as_writable_bytes(round_.feed<float>(program, input));
    }
  }
  std::span<const std::byte> result_bytes(const std::string& program, const std::string& name,
                                          DType type) override {
    if (type == DType::i32) return std::as_bytes(round_.result<int32_t>(program, name));
    return std::as_bytes(round_.result<float>(program, name));
  }

  Round& round_;
  std::vector<DebugCall>& calls_;
};

bool all_finite(const ReferenceRun& run) {
  for (int id = 0; id < run.graph.size(); ++id)
    for (const double x : run.values[id].v)
      if (!std::isfinite(static_cast<float>(x))) return false;
  return true;
}

// Takes the rounds, and writes down what runs.
class Tracer {
 public:
  Tracer(const Phase& p, const DataTable& tables) : p_(p), tables_(tables) {
    for (const auto& [name, program] : p.programs) names_.push_back(name);
    if (p.host_round)
      p_.host_round = [this, round = p.host_round](Round& r, HostState& s) {
        Noted noted(r, done_.calls);
        round(noted, s);
      };
    done_.first = done_.round = p.from ? p.from->round : 0;
    done_.rounds = p.rounds;
  }

  DebugRound take(int rounds) {
    WorkerOptions options;
    options.make_executor = [this] {
      return make_reference_executor({.ran = [this](const ReferenceRun& r) { note(r); }});
    };
    Worker worker(options);
    SeedRecord record;
    Trial trial(worker, 0, "", record, OnDivergence::keep);
    trial.add_tables(tables_);
    const auto open = trial.open(p_);
    try {
      for (bool goes_on = true; goes_on && rounds > 0; --rounds) {
        done_.calls.clear();  // of a dry round, and of the one before
        done_.round = open->round() + 1;
        goes_on = open->step();
      }
    } catch (const Broke&) {
    }
    return std::move(done_);
  }

 private:
  void note(const ReferenceRun& run) {
    const std::string& name = names_[static_cast<size_t>(run.program)];
    const auto fed = [&](const DebugCall& call) -> const RefArray* {
      const std::string prefix = "feed " + name + ".";
      if (!call.what.starts_with(prefix)) return nullptr;
      const auto it = run.inputs.find(call.what.substr(prefix.size()));
      return it == run.inputs.end() ? nullptr : it->second;
    };
    DebugCall call{"run " + name};
    for (size_t i = done_.calls.size(); i > 0 && done_.calls[i - 1].what != call.what; --i)
      if (const RefArray* a = fed(done_.calls[i - 1])) done_.calls[i - 1].came = {range("", a->v)};
    for (const Output& o : run.graph.outputs())
      if (!o.update) call.came.push_back(range(o.name, run.values[o.id].v));
    done_.calls.push_back(std::move(call));
    const bool finite = all_finite(run);
    if (!finite) done_.broke = name;
    DebugRound::Run& kept = done_.runs[name];
    if ((kept.round != done_.round && is_whole(run)) || !finite) {
      kept.round = done_.round;
      for (const auto& [input, array] : run.inputs)
        if (!tables_.contains(input)) kept.inputs[input] = *array;
    }
    if (!finite) throw Broke{};
  }

  // And no epoch's short last batch.
  bool is_whole(const ReferenceRun& run) const {
    const PhaseProgram& program = p_.programs.at(names_[static_cast<size_t>(run.program)]);
    const auto index = run.inputs.find("index");
    return index == run.inputs.end() || program.samples == 0 ||
           std::ssize(index->second->v) == std::min(program.batch, program.samples);
  }

  Phase p_;
  const DataTable& tables_;
  std::vector<std::string> names_;  // as a session has them
  DebugRound done_;
};

// Calls a round twice: its second one, if there is one.
void check_repeated(DebugRound& done, const Phase& p, const DataTable& tables) {
  WorkerOptions options;
  options.make_executor = [] { return make_reference_executor(); };
  Worker worker(options);
  SeedRecord record;
  Trial trial(worker, 0, "", record, OnDivergence::keep);
  trial.add_tables(tables);
  const int64_t round = done.first + (trial.open(p)->step() ? 1 : 0);
  done.called_again = true;
  try {
    check_repeats(trial, p, round);
  } catch (const UserError& e) {
    done.repeats = e.what();
  }
}

}  // namespace

DebugRound trace_rounds(const Phase& p, const DataTable& tables, int rounds) {
  DebugRound done = Tracer(p, tables).take(rounds);
  if (p.host_round && done.broke.empty()) check_repeated(done, p, tables);
  return done;
}

SmallPhase small_phase(const Phase& p, const PhaseGraphs& graphs, int64_t rows,
                       const std::optional<Key>& draw) {
  SmallPhase small{p};
  Phase& q = small.phase;
  q.probe.reset();
  q.stop.reset();
  q.keep_at.clear();
  for (const ProgramSpec& s : graphs.spec().programs) {
    const auto program = q.programs.find(s.name);
    if (program == q.programs.end()) continue;  // the probe
    if (!s.fed.empty() || (p.host_round && gives_rows(*s.graph))) continue;
    program->second.batch = std::min(rows, s.batch);
    if (s.samples > 0) program->second.samples = program->second.batch;
  }
  if (!draw) return small;
  const auto drawn = [&](const std::string& set, const std::vector<ParameterSpec>& specs) {
    auto e = std::make_unique<Ensemble>(specs, 1);
    e->initialise(0, draw->fold(set));
    return (small.drawn[set] = std::move(e)).get();
  };
  for (auto& [set, e] : q.start) e = drawn(set, graphs.trained().at(set));
  for (auto& [set, e] : q.frozen) e = drawn(set, e->specs());
  if (q.from) q.from->sets.clear();
  return small;
}

// --- Loops ---

namespace {

using Calls = std::span<const DebugCall>;

bool are_alike(Calls a, Calls b) {
  return std::ranges::equal(a, b, {}, &DebugCall::what, &DebugCall::what);
}

// `times` copies of `period` calls, which begin at each of `begins`.
std::vector<DebugLoop> find_loops(const std::vector<Calls>& each) {
  std::vector<DebugLoop> all;
  const Calls& calls = each.front();
  for (size_t i = 0; i < calls.size();) {
    size_t period = 1, times = 1;  // of what covers most
    for (size_t n = 1; n <= kLongestBody && i + 2 * n <= calls.size(); ++n) {
      size_t k = 1;
      while (i + (k + 1) * n <= calls.size() &&
             are_alike(calls.subspan(i, n), calls.subspan(i + k * n, n)))
        ++k;
      if (k >= 2 && k * n > times * period) period = n, times = k;
    }
    DebugLoop loop{static_cast<int64_t>(times)};
    if (times == 1) {
      period = 1;
      for (const Calls& c : each) loop.calls.push_back(&c[i]);
    } else {
      std::vector<Calls> bodies;
      for (const Calls& c : each)
        for (size_t k = 0; k < times; ++k) bodies.push_back(c.subspan(i + k * period, period));
      loop.body = find_loops(bodies);
    }
    all.push_back(std::move(loop));
    i += period * times;
  }
  return all;
}

}  // namespace

std::vector<DebugLoop> loops_of(const std::vector<DebugCall>& calls) {
  if (calls.empty()) return {};
  return find_loops({calls});
}

}  // namespace omni
