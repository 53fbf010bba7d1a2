#include "lab/phase_graphs.h"

#include <algorithm>
#include <cmath>

#include "base/build_info.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/nearest.h"
#include "graph/inspect.h"
#include "lab/sets.h"

namespace omni {
namespace {

bool reads(const Graph& g, const std::string& input) {
  for (int id = 0; id < g.size(); ++id)
    if (is_input(g.node(id)) && g.node(id).name == input) return true;
  return false;
}

bool gives_loss(const Graph& g) {
  return std::ranges::any_of(g.outputs(),
                             [](const Output& o) { return !o.update && o.name == "loss"; });
}

std::string set_of(const std::string& input) { return input.substr(0, input.find('/')); }

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// How many there are, and then each: where one list ends and the next begins is no guess.
void add_each(Hash& hash, const auto& list, const auto& add) {
  hash.add(static_cast<uint64_t>(std::ranges::size(list)));
  for (const auto& item : list) add(item);
}

// Not as drawn: what a dry run makes of them must not differ from run to run.
Ensemble zeros(const std::vector<ParameterSpec>& specs) {
  Ensemble e(specs, 1);
  e.zero(0);
  return e;
}

}  // namespace

SetSpecs specs_of(const Phase& p) {
  SetSpecs all = specs_of(p.frozen);
  all.merge(specs_of(p.start));
  if (p.from)
    for (const auto& [set, e] : p.from->sets) all[set] = &e->specs();
  return all;
}

PhaseGraphs::PhaseGraphs(const Phase& p, const DataTable& tables, OnDivergence on_divergence)
    : p_(p), tables_(tables), on_divergence_(on_divergence) {
  require_form(p);
  spec_.stop_diverged = on_divergence != OnDivergence::keep;
  PhaseProgram probe;
  for (const auto& [name, program] : p.programs) add_program(name, program, false);
  if (p.probe) {
    probe.build = p.probe->build;
    probe.batch = p.probe->rows;
    probe.on = p.probe->on;
    probe.watch = false;
    add_program("probe", probe, true);
  }
  find_sets();
  find_clocks();
  find_turns();
  require_sound(p, spec_, {trained_, states_}, tables);
  if (!p.host_round) return;
  dry_ = dry_round(p, spec_);
  dry_->seen.insert(p.sees.begin(), p.sees.end());
  dry_->kept.insert(p.keeps.begin(), p.keeps.end());
  require_seen(p, spec_, dry_->seen);
}

void PhaseGraphs::add_program(const std::string& name, const PhaseProgram& program, bool is_probe) {
  ProgramSpec s{name, nullptr};
  s.samples = program.samples;
  s.batch = program.samples > 0 ? std::min(program.batch, program.samples) : program.batch;
  std::set<std::string> fed;
  const auto build = [&](int64_t rows) {
    auto g = std::make_shared<Graph>();
    Step step(*g, rows, tables_, program.on, specs_of(p_));
    emit(who_of(p_, name), program.build, step);
    fed.insert(step.feeds().begin(), step.feeds().end());
    return g;
  };
  s.graph = build(s.batch);
  if (const int64_t rest = s.samples % s.batch; rest > 0) s.last = build(rest);
  if (program.watch && (gives_loss(*s.graph) || (s.last && gives_loss(*s.last))))
    s.watched = "loss";
  s.fed.assign(fed.begin(), fed.end());
  s.logged = program.log;
  spec_.programs.push_back(std::move(s));
  programs_.push_back(is_probe ? nullptr : &program);
}

std::optional<int> PhaseGraphs::probe() const {
  if (!p_.probe) return std::nullopt;
  return static_cast<int>(spec_.programs.size()) - 1;
}

// Optimisers' states are what programs read of "SET.opt"; a snapshot may have more of them.
void PhaseGraphs::find_sets() {
  for (const auto& [set, e] : p_.start) trained_[set] = start(set)->specs();
  for (size_t i = 0; i < programs_.size(); ++i) {
    if (!programs_[i]) continue;
    for (const Graph* g : {spec_.programs[i].graph.get(), spec_.programs[i].last.get()})
      for (int id = 0; g && id < g->size(); ++id) {
        const Node& n = g->node(id);
        const std::string set = is_input(n) ? set_of(n.name) : "";
        if (!set.ends_with(".opt") || set == n.name || trained_.contains(set)) continue;
        if (!trained_.contains(set.substr(0, set.size() - 4))) continue;
        std::vector<ParameterSpec>& specs = states_[set];
        const std::string name = n.name.substr(set.size() + 1);
        if (std::ranges::count(specs, name, &ParameterSpec::name) == 0)
          specs.push_back({name, n.type.shape, init::zeros()});
      }
  }
  if (!p_.from) return;
  for (const auto& [set, e] : p_.from->sets)
    if (!trained_.contains(set)) states_[set] = e->specs();
}

// Those that update one optimiser's state count "step" together; the others, each by itself. A
// probe looks between rounds, and counts these.
void PhaseGraphs::find_clocks() {
  std::map<std::string, int> clock_of;  // what is updated -> clock
  for (size_t i = 0; i < programs_.size(); ++i) {
    if (!programs_[i]) continue;
    ProgramSpec& s = spec_.programs[i];
    int clock = static_cast<int>(i);
    std::set<int> clocks;  // of the states that it updates; -1: nobody's yet
    std::vector<std::string> updated;
    for (const Output& o : s.graph->outputs()) {
      if (!o.update || !states_.contains(set_of(o.name))) continue;
      updated.push_back(o.name);
      const auto it = clock_of.find(o.name);
      clocks.insert(it == clock_of.end() ? -1 : it->second);
    }
    require(clocks.size() <= 1 || !reads(*s.graph, "step"),
            "phase {}: program '{}' updates optimiser's states of which some are updated by other "
            "programs, too, and some are not: its \"step\" cannot count for all of them; let both "
            "programs train the same parameters",
            p_.name, s.name);
    if (clocks.size() == 1 && *clocks.begin() >= 0) clock = *clocks.begin();
    for (const std::string& name : updated) clock_of.emplace(name, clock);
    s.clock = clock;
  }
}

void PhaseGraphs::find_turns() {
  for (const PhaseTurn& t : p_.turns) {
    const auto it = std::ranges::find(spec_.programs, t.program, &ProgramSpec::name);
    check(it != spec_.programs.end(), "a turn of no program");  // require_form()
    turns_.push_back({static_cast<int>(it - spec_.programs.begin()), t.runs, t.every});
  }
}

const Ensemble* PhaseGraphs::start(const std::string& set) const {
  if (p_.from)
    if (const auto it = p_.from->sets.find(set); it != p_.from->sets.end()) return it->second;
  const auto it = p_.start.find(set);
  return it == p_.start.end() ? nullptr : it->second;
}

Recipes PhaseGraphs::recipes() const {
  Recipes all = states_;
  all.insert(trained_.begin(), trained_.end());
  return all;
}

bool PhaseGraphs::probed_after(int64_t round) const {
  if (!p_.probe) return false;
  return std::ranges::find(p_.probe->at, round) != p_.probe->at.end() ||
         (p_.probe->every > 0 && round > 0 && round % p_.probe->every == 0);
}

bool PhaseGraphs::kept_after(int64_t round) const {
  return std::ranges::find(p_.keep_at, round) != p_.keep_at.end();
}

int64_t PhaseGraphs::usual_end() const {
  if (!p_.stop || p_.stop->usual_steps == 0) return p_.rounds;
  return std::min(p_.rounds, first() + p_.stop->usual_steps);
}

// --- Rates ---

double PhaseGraphs::rate(size_t program, int64_t round) const {
  if (const PhaseProgram* p = programs_[program]) return p->lr ? p->lr(round, p_.rounds) : 0;
  for (size_t i = 0; i < programs_.size(); ++i)  // the only one, if the probe reads it
    if (programs_[i] && programs_[i]->lr) return latest_rate(i, round);
  return 0;
}

double PhaseGraphs::latest_rate(size_t program, int64_t round) const {
  if (!programs_[program] || !programs_[program]->lr) return 0;
  if (round > first()) return rate(program, round - 1);
  if (!p_.from) return 0;
  const auto at = p_.from->programs.find(spec_.programs[program].name);
  return at == p_.from->programs.end() ? 0 : at->second.rate;
}

// Its keys alone.
ProgramStart PhaseGraphs::keys_of(size_t program) const {
  const Key own = p_.key.fold(spec_.programs[program].name);
  const PhaseProgram* p = programs_[program];
  if (!p) return {.random = p_.probe->random.value_or(own)};
  return {.order = p->order.value_or(own.fold("order")),
          .random = p->random.value_or(own.fold("random"))};
}

ModelStart PhaseGraphs::model_start() const {
  ModelStart start;
  start.at.round = first();
  for (size_t i = 0; i < programs_.size(); ++i) {
    const ProgramSpec& s = spec_.programs[i];
    ProgramStart& program = start.programs.emplace_back(keys_of(i));
    const bool is_probe = !programs_[i];
    if (reads(*s.graph, "lr"))
      for (int64_t round = first(); round < p_.rounds + is_probe; ++round) {
        const auto lr = static_cast<float>(rate(i, round));
        std::vector<float>& rates = program.rates;  // one that stays is given once
        if (!rates.empty() && same_bits({&lr, 1}, {&rates.back(), 1})) continue;
        rates.resize(static_cast<size_t>(round), rates.empty() ? 0 : rates.back());
        rates.push_back(lr);
      }
    start.at.programs.emplace_back().runs = runs_before(i);
  }
  return start;
}

int64_t PhaseGraphs::runs_before(size_t program) const {
  if (!p_.from) return 0;
  const auto at = p_.from->programs.find(spec_.programs[program].name);
  return at == p_.from->programs.end() ? 0 : at->second.runs;
}

// --- Costs ---

double PhaseGraphs::runs_of(size_t program, int64_t end) const {
  double runs = 0;
  if (!programs_[program]) {
    for (int64_t round = first(); round <= end; ++round)
      if (probed_after(round)) ++runs;
    return runs;
  }
  const int p = static_cast<int>(program);
  for (const Turn& t : turns_)
    if (t.program == p)
      runs += static_cast<double>(t.runs) * static_cast<double>(end / t.every - first() / t.every);
  if (dry_)
    if (const auto it = dry_->runs.find(p); it != dry_->runs.end())
      runs += static_cast<double>(it->second) * static_cast<double>(end - first());
  return runs;
}

std::vector<std::pair<std::shared_ptr<const Graph>, double>> PhaseGraphs::runs() const {
  std::vector<std::pair<std::shared_ptr<const Graph>, double>> all;
  for (size_t i = 0; i < programs_.size(); ++i) {
    const ProgramSpec& s = spec_.programs[i];
    const double total = runs_of(i, usual_end());
    double last = 0;
    if (s.last) {  // of runs number before..before+total-1, those at the end of an epoch
      const auto per_epoch = static_cast<double>(s.runs_per_epoch());
      const auto before = static_cast<double>(runs_before(i));
      last = std::floor((before + total) / per_epoch) - std::floor(before / per_epoch);
      all.emplace_back(s.last, last);
    }
    all.emplace_back(s.graph, total - last);
  }
  std::erase_if(all, [](const auto& run) { return run.second <= 0; });
  return all;
}

void PhaseGraphs::count(Work& work) const {
  for (const auto& [graph, times] : runs()) work.add(graph, times);
}

double PhaseGraphs::model_epochs() const {
  double epochs = 0;
  for (size_t i = 0; i < programs_.size(); ++i)
    if (const ProgramSpec& s = spec_.programs[i]; s.samples > 0)
      epochs += runs_of(i, p_.rounds) / static_cast<double>(s.runs_per_epoch());
  return epochs;
}

// --- What it is ---

uint64_t PhaseGraphs::form(const std::string& numerics) const {
  Hash hash;
  hash.add("phase 3");  // the way in which the following are added
  hash.add(p_.name);
  hash.add(static_cast<uint64_t>(on_divergence_));
  hash.add(numerics);
  for (const int64_t x : {first(), p_.rounds, p_.see_every}) hash.add(x);
  add_each(hash, spec_.programs, [&](const ProgramSpec& s) {
    const auto i = static_cast<size_t>(&s - spec_.programs.data());
    const ProgramStart keys = keys_of(i);
    hash.add(s.name);
    hash.add(fingerprint(*s.graph));
    hash.add(s.last ? fingerprint(*s.last) : 0);
    for (const int64_t x : {s.samples, s.batch, int64_t{s.clock.value_or(-1)}}) hash.add(x);
    hash.add(s.watched);
    add_each(hash, s.logged, [&](const std::string& name) { hash.add(name); });
    hash.add(keys.order.bits);
    hash.add(keys.random.bits);
    const bool reads_rate = reads(*s.graph, "lr");
    hash.add(uint64_t{reads_rate});
    if (reads_rate)
      for (int64_t round = first(); round < p_.rounds + !programs_[i]; ++round)
        hash.add(rate(i, round));
  });
  add_each(hash, trained_, [&](const auto& set) {
    hash.add(set.first);
    add_each(hash, set.second, [&](const ParameterSpec& s) { hash.add(s.name); });
  });
  add_each(hash, p_.frozen, [&](const auto& set) { hash.add(set.first); });
  add_each(hash, turns_, [&](const Turn& t) {
    hash.add(t.program);
    hash.add(t.runs);
    hash.add(t.every);
  });
  hash.add(p_.key.bits);
  add_each(hash, p_.scalars, [&](const auto& scalar) {
    hash.add(scalar.first);
    hash.add(scalar.second);
  });
  std::vector<const DataTable::value_type*> tables;
  for (const auto& table : tables_)
    if (std::ranges::any_of(spec_.programs, [&](const ProgramSpec& s) {
          return reads(*s.graph, table.first) || (s.last && reads(*s.last, table.first));
        }))
      tables.push_back(&table);
  add_each(hash, tables, [&](const auto* table) {
    hash.add(table->first);
    hash.add(table->second.hash);
  });
  add_each(hash, p_.keep_at, [&](int64_t round) { hash.add(round); });
  hash.add(uint64_t{p_.probe.has_value()});
  if (p_.probe) {
    hash.add(p_.probe->every);
    add_each(hash, p_.probe->at, [&](int64_t round) { hash.add(round); });
  }
  hash.add(uint64_t{p_.stop.has_value()});
  if (p_.stop) {
    hash.add(p_.stop->result);
    hash.add(p_.stop->at_least);
  }
  hash.add(uint64_t{static_cast<bool>(p_.host_round)});
  if (p_.host_round) {  // its code is in no graph: another build may loop otherwise
    hash.add(program_hash());
    hash.add(p_.host_hash);
    hash.add(text_of(p_.host_state.bytes()));
  }
  return hash.value();
}

uint64_t PhaseGraphs::hash(const std::string& numerics, uint64_t identity) const {
  Hash hash;
  const auto add_sets = [&](const auto& sets) {
    add_each(hash, sets, [&](const auto& set) {
      hash.add(set.first);
      if constexpr (std::is_pointer_v<std::decay_t<decltype(set.second)>>)
        hash.add(weights_hash((*set.second)[0]));
      else
        hash.add(weights_hash(set.second[0]));
    });
  };
  hash.add(identity);
  hash.add(form(numerics));
  for (const auto& [set, specs] : trained_) hash.add(weights_hash((*start(set))[0]));
  add_sets(p_.frozen);
  hash.add(uint64_t{p_.from.has_value()});
  if (!p_.from) return hash.value();
  add_sets(p_.from->sets);
  add_each(hash, p_.from->programs, [&](const auto& program) {
    hash.add(program.first);
    hash.add(program.second.runs);
    hash.add(program.second.rate);
  });
  hash.add(text_of(p_.from->host));
  add_each(hash, p_.from->copies, [&](const auto& copy) {
    hash.add(copy.first);
    hash.add(copy.second->round);
    add_sets(copy.second->sets);
    hash.add(text_of(copy.second->host));
  });
  return hash.value();
}

void PhaseGraphs::name(PhaseResult& r) const {
  r.phase = p_.name;
  if (dry_) r.keeps.assign(dry_->kept.begin(), dry_->kept.end());
}

PhaseResult PhaseGraphs::untrained() const {
  PhaseResult out;
  name(out);
  for (const auto& [set, specs] : trained_) out.sets.emplace(set, zeros(specs));
  out.rounds = usual_end();
  std::map<std::string, double> probed, seen;
  if (p_.probe)
    for (const Output& o : spec_.programs.back().graph->outputs()) probed[o.name] = 0;
  if (dry_)
    for (const std::string& metric : dry_->seen) seen[metric] = 0;
  const auto snapshot = [&](int64_t round) {
    PhaseSnapshot s{round, {}, {}, p_.host_state.bytes()};
    for (const auto& [set, specs] : recipes()) s.sets.emplace(set, zeros(specs));
    for (size_t i = 0; i < programs_.size(); ++i)
      if (programs_[i])
        s.programs[spec_.programs[i].name] = {
            runs_before(i) + static_cast<int64_t>(runs_of(i, round)), latest_rate(i, round)};
    return s;
  };
  if (p_.from) out.copies = p_.from->copies;
  if (dry_)
    for (const std::string& name : dry_->kept)
      out.copies[name] = std::make_shared<const PhaseSnapshot>(snapshot(first()));
  for (int64_t round = first(); round <= p_.rounds; ++round) {
    std::map<std::string, double> values;
    if (probed_after(round)) values = probed;
    if (round > first() && round % p_.see_every == 0) values.insert(seen.begin(), seen.end());
    if (!values.empty()) out.probed.push_back({round, std::move(values)});
    if (!kept_after(round)) continue;
    out.kept.push_back(snapshot(round));
    out.kept.back().copies = out.copies;
  }
  for (size_t i = 0; i < programs_.size(); ++i)
    for (const std::string& name : spec_.programs[i].logged)
      out.logs[spec_.programs[i].name][name].resize(static_cast<size_t>(runs_of(i, p_.rounds)));
  if (dry_) out.host = dry_->host.bytes();
  return out;
}

}  // namespace omni
