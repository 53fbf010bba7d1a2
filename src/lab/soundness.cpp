#include "lab/soundness.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "base/nearest.h"
#include "lab/author_code.h"
#include "lab/sets.h"
#include "ops/gather.h"
#include "ops/leaf.h"

namespace omni {
namespace {

std::string set_of(const std::string& input) { return input.substr(0, input.find('/')); }
bool is_of(const std::string& input, const std::string& set) {
  return input.size() > set.size() && input.starts_with(set) && input[set.size()] == '/';
}

std::vector<std::string> inputs_of(const Graph& g) {
  std::vector<std::string> names;
  for (int id = 0; id < g.size(); ++id)
    if (is_input(g.node(id))) names.push_back(g.node(id).name);
  return names;
}

// What a graph is given beside sets, numbers and tables, `rows` at a time.
std::map<std::string, Type> standing_inputs(int64_t rows) {
  return {{"index", {DType::i32, {rows}}},
          {"key", {DType::i32, {2}}},
          {"step", {DType::f32, {}}},
          {"lr", {DType::f32, {}}}};
}

// What is given to a graph.
struct Given {
  const SetSpecs& sets;
  const std::map<std::string, double>& scalars;
  const DataTable& tables;
  int64_t rows;
  const std::set<std::string>& fed = {};  // by the host

  // Of an input that is of no set.
  std::optional<Type> type_of(const std::string& input) const {
    const std::map<std::string, Type> standing = standing_inputs(rows);
    if (const auto it = standing.find(input); it != standing.end()) return it->second;
    if (scalars.contains(input)) return Type{DType::f32, {}};
    if (const auto it = tables.find(input); it != tables.end())
      return Type{it->second.type.dtype, it->second.type.shape};
    return std::nullopt;
  }

  // Of an input that nobody gives: what may have been meant.
  std::string hint(const std::string& input) const {
    const bool of_set = input.find('/') != input.npos;
    std::vector<std::string> known;
    if (of_set)
      for (const auto& [name, specs] : sets) known.push_back(name);
    else
      for (const auto& [name, x] : scalars) known.push_back(name);
    const std::string name = of_set ? set_of(input) : input;
    return nearest(name, known).empty() ? "" : suggest(name, known);
  }
};

void require_inputs(const std::string& who, const Graph& g, const Given& given) {
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (!is_input(n) || given.fed.contains(n.name)) continue;
    const Type read = {n.type.dtype, n.type.shape};
    if (const std::optional<Type> type = given.type_of(n.name)) {
      require(*type == read, "{}: its graph reads '{}' as {}, and it is {}", who, n.name, read,
              *type);
      continue;
    }
    const auto set = given.sets.find(set_of(n.name));
    if (set == given.sets.end() || n.name.find('/') == n.name.npos)
      fail_user("{}: its graph reads '{}', which nobody gives{}", who, n.name, given.hint(n.name));
    const std::string name = n.name.substr(set->first.size() + 1);
    const auto spec = std::ranges::find(*set->second, name, &ParameterSpec::name);
    if (spec == set->second->end()) {
      std::vector<std::string> known;
      for (const ParameterSpec& s : *set->second) known.push_back(s.name);
      fail_user("{}: its graph reads '{}', and the model that is given as '{}' has no '{}'{}", who,
                n.name, set->first, name, suggest(name, known));
    }
    require(read.dtype == DType::f32, "{}: its graph reads '{}' as {}, and parameters are f32", who,
            n.name, read);
    require(spec->shape == read.shape,
            "{}: parameter '{}' is {}, the step that reads it was built for {}: were the weights "
            "made with other options?",
            who, n.name, spec->shape, read.shape);
  }
}

// Numbers and tables are read by their names, and these are taken.
template <class Map>
void require_free_names(const std::string& who, const char* what, const Map& given) {
  for (const auto& [name, type] : standing_inputs(1))
    require(!given.contains(name),
            "{}: {} is called '{}', which is what a graph reads the phase's own {} by; give it "
            "another name",
            who, what, name, name == "lr" ? "learning rate" : name);
}

bool is_index(const Node& n) { return is_input(n) && n.name == "index"; }

// Rows are looked up by samples' numbers in arrays that have a row for each, and by what such
// arrays hold in others: rows of a subset, a text's tokens. Numbers below 0 are no row: zeros are
// read.
void require_rows(const std::string& who, const Graph& g, int64_t samples,
                  const DataTable& tables) {
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (n.op != &ops::gather) continue;
    const Node &array = g.node(n.in[0]), &index = g.node(n.in[1]);
    const int64_t rows = array.type.shape[0];
    if (is_index(index)) {
      require(!is_input(array) || rows >= samples,
              "{}: it has {} samples, but the data array '{}' has {} rows", who, samples,
              array.name, rows);
      continue;
    }
    if (index.op != &ops::gather || !is_index(g.node(index.in[1]))) continue;
    const std::string& name = g.node(index.in[0]).name;
    const auto table = is_input(g.node(index.in[0])) ? tables.find(name) : tables.end();
    if (table == tables.end() || !table->second.data) continue;  // null: not made in dry runs
    const Shape& shape = table->second.type.shape;
    if (shape.count() == 0) continue;
    const int64_t width = shape.count() / shape[0];
    const std::span numbers(static_cast<const int32_t*>(table->second.data),
                            static_cast<size_t>(std::min(samples, shape[0]) * width));
    const auto most = std::ranges::max_element(numbers);
    require(most == numbers.end() || *most < rows,
            "{}: row {} of the data array '{}' holds {}, and {} has the rows 0 to {}", who,
            (most - numbers.begin()) / width, name, *most,
            is_input(array) ? fmt::format("'{}'", array.name) : "what is looked up by it",
            rows - 1);
  }
}

void require_no_updates(const std::string& who, const Graph& g) {
  for (const Output& o : g.outputs())
    require(!o.update,
            "{}: its graph updates '{}'; it only looks at models, so that updates would be lost or "
            "change what others read: leave out apply(), or train a phase",
            who, o.name);
}

// Each of `names`, of what is called `what`, must be read by a graph.
template <class Map>
void require_read(const std::string& who, const char* what, const Map& given,
                  const std::vector<std::string>& read, bool as_set) {
  for (const auto& [name, value] : given)
    require(std::ranges::any_of(read,
                                [&, n = name](const std::string& input) {
                                  return as_set ? is_of(input, n) : input == n;
                                }),
            "{}: {} '{}' is given, and no graph reads it; leave it out, or read it", who, what,
            name);
}

// What a round of the phase is called: of a training phase, a step.
const char* unit_of(const Phase& p) {
  const bool is_step = p.turns.size() == 1 && p.turns[0].runs == 1 && p.turns[0].every == 1;
  return is_step ? "step" : "round";
}

// Whether the result "loss" depends on a parameter of one of these sets.
bool loss_depends_on(const Graph& g, const std::set<std::string>& sets) {
  std::vector<bool> depends(g.size());
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    depends[id] = is_input(n) ? n.name != set_of(n.name) && sets.contains(set_of(n.name))
                              : std::ranges::any_of(n.in, [&](int i) { return depends[i]; });
  }
  return std::ranges::any_of(
      g.outputs(), [&](const Output& o) { return !o.update && o.name == "loss" && depends[o.id]; });
}

const Type* result_type(const Graph& g, const std::string& name) {
  for (const Output& o : g.outputs())
    if (!o.update && o.name == name) return &g.node(o.id).type;
  return nullptr;
}

bool is_scalar(const Type& t) { return t.dtype == DType::f32 && t.shape.count() == 1; }

void require_updates(const std::string& who, const Graph& g, const Phase& p,
                     const WrittenSets& written) {
  std::set<std::string> updated;
  const auto list = names_in(written.trained);
  for (const Output& o : g.outputs()) {
    if (!o.update) continue;
    const std::string set = set_of(o.name);
    const bool is_trained = written.trained.contains(set);
    if (is_trained) updated.insert(set);
    if (is_trained || set.ends_with(".opt")) continue;  // a state's inputs are looked at below
    fail_user("{}: its graph updates '{}', and only the set{} '{}' {} trained here: '{}' is {}",
              who, o.name, list.size() == 1 ? "" : "s", fmt::join(list, "', '"),
              list.size() == 1 ? "is" : "are", set,
              p.frozen.contains(set) ? "read by others, and frozen"
                                     : "no set of `start`" + suggest(set, list));
  }
  const Type* loss = result_type(g, "loss");
  if (!loss || updated.empty()) return;
  require(loss_depends_on(g, updated),
          "{}: its loss depends on no parameter of '{}', which it is to train", who,
          fmt::join(updated, "' or '"));
}

void require_trained(const Phase& p, const SessionSpec& spec, const WrittenSets& written) {
  std::set<std::string> updated;
  for (const ProgramSpec& s : spec.programs)
    for (const Graph* g : {s.graph.get(), s.last.get()})
      if (g)
        for (const Output& o : g->outputs())
          if (o.update) updated.insert(o.name);
  for (const auto& [set, specs] : written.trained) {
    const bool trains = std::ranges::any_of(
        updated, [&, set = set](const std::string& name) { return is_of(name, set); });
    require(trains || p.programs.size() > 1,
            "phase {}: it trains nothing, as its graph updates no parameter of '{}': does its step "
            "call apply(optimizer, net, loss, s.lr())?",
            p.name, set);
    require(
        trains,
        "phase {}: none of its programs updates a parameter of '{}', a set of `start`: does one "
        "call apply() for it? What is only read goes into `frozen`",
        p.name, set);
  }
  for (const auto& [set, specs] : written.states)
    for (const ParameterSpec& s : specs) {
      const std::string name = set + "/" + s.name;
      require(updated.contains(name) || (p.from && p.from->sets.contains(set)),
              "phase {}: a program reads '{}', an optimiser's state that no program updates: it "
              "would stay zero",
              p.name, name);
    }
}

void require_results(const std::string& who, const ProgramSpec& s, bool is_probe) {
  for (const Graph* g : {s.graph.get(), s.last.get()}) {
    if (!g) continue;
    if (const Type* loss = result_type(*g, "loss"); !s.watched.empty()) {
      require(loss, "{}: its graph has no result called 'loss'", who);
      require(is_scalar(*loss), "{}: its loss is {}, and not a scalar f32", who, *loss);
    }
    std::vector<std::string> scalars;
    for (const Output& o : g->outputs())
      if (!o.update && is_scalar(g->node(o.id).type)) scalars.push_back(o.name);
    for (const std::string& name : s.logged)
      if (std::ranges::count(scalars, name) == 0)
        fail_user("{}: it logs '{}', and its graph gives no such scalar f32{}", who, name,
                  suggest(name, scalars));
    if (!is_probe) continue;
    for (const Output& o : g->outputs())
      require(o.update || is_scalar(g->node(o.id).type), "{} gives '{}', which is not a scalar f32",
              who, o.name);
  }
}

void require_fed(const std::string& who, const Phase& p, const ProgramSpec& s, bool is_probe) {
  for (const std::string& input : s.fed) {
    require(p.host_round && !is_probe,
            "{}: it is fed '{}', and nobody fills it: only the programs of a host's loop are "
            "(phase.host(state, round))",
            who, input);
    require(!p.scalars.contains(input),
            "{}: what the host feeds is called '{}', and so is a number: give one another name",
            who, input);
    if (!s.last) continue;
    const auto type = [&](const Graph& g) -> std::optional<Type> {
      for (int id = 0; id < g.size(); ++id)
        if (is_input(g.node(id)) && g.node(id).name == input) return g.node(id).type;
      return std::nullopt;
    };
    require(type(*s.graph) == type(*s.last),
            "{}: '{}' is fed as another type to the short last batch: feed it whole, and pick its "
            "rows by s.index()",
            who, input);
  }
}

void require_rates(const Phase& p, const SessionSpec& spec) {
  int with_rates = 0;
  for (const auto& [name, program] : p.programs) {
    const auto s = std::ranges::find(spec.programs, name, &ProgramSpec::name);
    const std::string who = who_of(p, name);
    const std::vector<std::string> of_step = inputs_of(*s->graph);
    const bool reads_rate = std::ranges::count(of_step, "lr") > 0;
    require(program.lr || !reads_rate,
            "{}: its graph reads the learning rate, and the phase gives none (lr): it would be 0",
            who);
    require(!program.lr || reads_rate,
            "{}: it gives learning rates (lr), and its graph does not read them; use s.lr()", who);
    with_rates += reads_rate;
    const int64_t first = p.from ? p.from->round : 0;
    for (int64_t round = first; program.lr && round < p.rounds; ++round) {
      const double rate = program.lr(round, p.rounds);
      require(rate >= 0,
              "{}: its learning rate (lr) after {} {}s is {}: a number of at least 0; to climb, "
              "negate the loss",
              who, round, unit_of(p), rate);
    }
  }
  if (!p.probe || with_rates == 1) return;
  const std::vector<std::string> of_probe = inputs_of(*spec.programs.back().graph);
  require(std::ranges::count(of_probe, "lr") == 0,
          "phase {}, its probe: it reads the learning rate, and {} programs have one", p.name,
          with_rates == 0 ? "no" : "several");
}

void require_reached(const Phase& p) {
  const int64_t first = p.from ? p.from->round : 0;
  const char* unit = unit_of(p);
  const auto within = [&](const char* what, int64_t round) {
    require(round >= first && round <= p.rounds,
            "phase {}: {} after {} {}, which it never reaches: it takes the {}s {} to {}", p.name,
            what, unit, round, unit, first, p.rounds);
  };
  for (const int64_t round : p.keep_at) within("a snapshot is to be kept", round);
  if (!p.probe) return;
  for (const int64_t round : p.probe->at) within("its probe is to look", round);
  const bool looks = !p.probe->at.empty() ||
                     (p.probe->every > 0 && (p.rounds / p.probe->every > first / p.probe->every ||
                                             (first > 0 && first % p.probe->every == 0)));
  require(looks || p.rounds == first,
          "phase {}: its probe never looks: not at any {}, and every {} {}s of {}", p.name, unit,
          p.probe->every, unit, p.rounds - first);
}

void require_turns(const Phase& p) {
  const int64_t first = p.from ? p.from->round : 0;
  std::set<std::string> run;
  for (const PhaseTurn& t : p.turns) {
    if (!p.programs.contains(t.program))
      fail_user("phase {}: a turn is of program '{}', which it has not{}", p.name, t.program,
                suggest(t.program, names_in(p.programs)));
    require(t.runs >= 1 && t.every >= 1,
            "phase {}: the turn of '{}' is of {} runs in every {}-th round: at least 1 of each",
            p.name, t.program, t.runs, t.every);
    require(p.rounds == first || p.rounds / t.every > first / t.every,
            "phase {}: the turn of '{}' comes in every {}-th round, and never within {}", p.name,
            t.program, t.every, p.rounds - first);
    run.insert(t.program);
  }
  for (const auto& [name, program] : p.programs)
    require(run.contains(name), "phase {}: program '{}' has no turn, and would never run", p.name,
            name);
}

}  // namespace

std::string who_of(const Phase& p, const std::string& program) {
  if (program == "probe") return fmt::format("phase {}, its probe", p.name);
  if (p.programs.size() == 1) return fmt::format("phase {}", p.name);
  return fmt::format("phase {}, program '{}'", p.name, program);
}

void require_plain(const Phase& p, const char* what, const std::string& name) {
  const auto is_plain = [](unsigned char c) { return c > ' ' && c != 127 && c != '/'; };
  require(!name.empty() && std::ranges::all_of(name, is_plain),
          "phase {}: {} is called '{}': letters, digits, dots and dashes, please", p.name, what,
          name);
}

void emit(const std::string& who, const StepBuilder& build, Step& step) {
  require(static_cast<bool>(build), "{}: it has no function that emits its graph (build)", who);
  try {
    call_author("its graph", [&] { build(step); });
    step.check_hooks();
  } catch (const ThrownByExperiment& e) {
    throw ThrownByExperiment(fmt::format("{}, {}", who, e.what()));
  } catch (const UserError& e) {
    fail_user("{}: {}", who, e.what());
  }
}

void require_form(const Phase& p) {
  require(!p.programs.empty(), "phase {}: it has no programs", p.name);
  require(!p.programs.contains("probe"),
          "phase {}: a program is called 'probe', as what looks at the phase is: give it another "
          "name, or make it Phase::probe",
          p.name);
  for (const auto& [name, program] : p.programs) require_plain(p, "a program", name);
  for (const auto& [set, e] : p.start) require_plain(p, "a set", set);
  for (const auto& [set, e] : p.frozen) require_plain(p, "a set", set);
  require(!p.start.empty(), "phase {}: state the sets that it trains (start)", p.name);
  for (const auto& [set, e] : p.start) require(e, "phase {}: state where it starts", p.name);
  for (const auto& [set, e] : p.frozen) {
    require(!p.start.contains(set),
            "phase {}: the set '{}' is trained, and cannot be frozen as well", p.name, set);
    require(e, "phase {}: state which weights the set '{}' has, that it reads", p.name, set);
  }
  for (const auto& [name, program] : p.programs)
    require(program.batch >= 1 && program.samples >= 0,
            "phase {}: program '{}' needs a batch of at least 1", p.name, name);
  const int64_t first = p.from ? p.from->round : 0;
  require(first <= p.rounds, "phase {}: it continues from {} {}, after its last {} {}", p.name,
          unit_of(p), first, unit_of(p), p.rounds);
  require(p.turns.empty() == static_cast<bool>(p.host_round),
          "phase {}: state what a round is: either turns, or a host's function", p.name);
  require((p.host_hash != 0) == static_cast<bool>(p.host_round),
          "phase {}: a host's function is set by host(state, round)", p.name);
  if (!p.host_round) require_turns(p);
  require(p.host_round || (p.sees.empty() && p.keeps.empty()),
          "phase {}: `sees` and `keeps` say what a host's function does, and it has none", p.name);
  for (const std::string& name : p.keeps) require_plain(p, "what is kept", name);
  require(p.see_every >= 1, "phase {}: see_every is {}", p.name, p.see_every);
  require(p.host_round || p.see_every == 1,
          "phase {}: see_every says when what a host's function sees is kept, and it has none",
          p.name);
  require(p.probe || !p.stop, "phase {}: a stop rule needs a probe", p.name);
  if (p.probe) require(p.probe->rows >= 1, "phase {}: its probe has no rows", p.name);
  if (!p.from) return;
  if (!p.host_state.empty() && !p.from->host.empty()) try {
      p.host_state.clone().read(p.from->host);
    } catch (const UserError& e) {
      fail_user("phase {}: the snapshot that it continues from is of another host: {}", p.name,
                e.what());
    }
  for (const auto& [set, e] : p.from->sets) {
    const std::string of = set.ends_with(".opt") ? set.substr(0, set.size() - 4) : set;
    if (!p.start.contains(set) && !p.start.contains(of))
      fail_user(
          "phase {}: the snapshot that it continues from has the set '{}', which it does not "
          "train{}",
          p.name, set, suggest(of, names_in(p.start)));
  }
}

void require_seen(const Phase& p, const SessionSpec& spec, const std::set<std::string>& seen) {
  for (const std::string& metric : seen)
    require(!p.probe || !result_type(*spec.programs.back().graph, metric),
            "phase {}: its round sees '{}', and so does its probe: give one of them another name",
            p.name, metric);
  const int64_t first = p.from ? p.from->round : 0;
  require(seen.empty() || p.rounds == first || p.rounds / p.see_every > first / p.see_every,
          "phase {}: what its rounds see is kept after every {} of them (see_every), and never "
          "within {}",
          p.name, p.see_every, p.rounds - first);
}

void require_sound(const Phase& p, const SessionSpec& spec, const WrittenSets& written,
                   const DataTable& tables) {
  const std::string phase = fmt::format("phase {}", p.name);
  require_free_names(phase, "a number", p.scalars);
  require_free_names(phase, "a data array", tables);
  SetSpecs sets;
  for (const auto* some : {&written.trained, &written.states})
    for (const auto& [name, specs] : *some) sets[name] = &specs;
  for (const auto& [name, model] : p.frozen) sets[name] = &model->specs();
  std::vector<std::string> read;
  for (const ProgramSpec& s : spec.programs) {
    const bool is_probe = s.name == "probe";
    const std::string who = who_of(p, s.name);
    const std::set<std::string> fed(s.fed.begin(), s.fed.end());
    require_fed(who, p, s, is_probe);
    for (const auto& [g, rows] :
         {std::pair{s.graph.get(), s.batch}, std::pair{s.last.get(), s.samples % s.batch}}) {
      if (!g) continue;
      is_probe ? require_no_updates(who, *g) : require_updates(who, *g, p, written);
      require_inputs(who, *g, {sets, p.scalars, tables, rows, fed});
      for (std::string& name : inputs_of(*g)) read.push_back(std::move(name));
      require_rows(who, *g, s.samples > 0 ? s.samples : s.batch, tables);
    }
    require_results(who, s, is_probe);
  }
  require_trained(p, spec, written);
  for (const auto& [name, x] : p.scalars)
    require(!tables.contains(name), "{}: a number and a data array are both called '{}'", phase,
            name);
  require_read(phase, "the set", p.frozen, read, true);
  require_read(phase, "the number", p.scalars, read, false);
  require_rates(p, spec);
  if (p.stop && !result_type(*spec.programs.back().graph, p.stop->result)) {
    std::vector<std::string> known;
    for (const Output& o : spec.programs.back().graph->outputs()) known.push_back(o.name);
    fail_user("{}: its stop rule reads '{}', which the probe does not give{}", phase,
              p.stop->result, suggest(p.stop->result, known));
  }
  require_reached(p);
}

void require_sound(const std::string& who, const Graph& g, int64_t rows,
                   const std::map<std::string, ModelView>& models,
                   const std::map<std::string, double>& scalars, const DataTable& tables) {
  const SetSpecs sets = specs_of(models);
  require_no_updates(who, g);
  require_free_names(who, "a number", scalars);
  require_free_names(who, "a data array", tables);
  require_inputs(who, g, {sets, scalars, tables, rows});
  require_rows(who, g, rows, tables);
  const std::vector<std::string> read = inputs_of(g);
  require_read(who, "the set", models, read, true);
  require_read(who, "the number", scalars, read, false);
}

void require_sound(const std::string& who, const SessionSpec& spec,
                   const std::map<std::string, ModelView>& models) {
  std::map<std::string, std::vector<ParameterSpec>> own;
  for (const ProgramSpec& p : spec.programs)
    for (const Output& o : p.graph->outputs()) {
      if (!o.update) continue;
      const std::string set = set_of(o.name);
      require(!models.contains(set),
              "{}: its program '{}' updates '{}', and only looks at the models that it is given",
              who, p.name, o.name);
      const std::string name = o.name.substr(std::min(o.name.size(), set.size() + 1));
      if (std::ranges::count(own[set], name, &ParameterSpec::name) == 0)
        own[set].push_back({name, p.graph->node(o.id).type.shape, init::zeros()});
    }
  SetSpecs sets = specs_of(models);
  for (const auto& [name, specs] : own) sets[name] = &specs;
  std::vector<std::string> read;
  for (const ProgramSpec& p : spec.programs) {
    const std::set<std::string> fed(p.fed.begin(), p.fed.end());
    require_inputs(who, *p.graph, {sets, {}, {}, p.batch, fed});
    for (std::string& name : inputs_of(*p.graph)) read.push_back(std::move(name));
  }
  require_read(who, "the set", models, read, true);
}

}  // namespace omni
