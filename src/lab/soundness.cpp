#include "lab/soundness.h"

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "base/nearest.h"
#include "ops/gather.h"
#include "ops/leaf.h"

namespace omni {
namespace {

using Specs = std::map<std::string, const std::vector<ParameterSpec>*>;  // by set

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
  const Specs& sets;
  const std::map<std::string, double>& scalars;
  const DataTable& tables;
  int64_t rows;

  // Of an input that is of no set.
  std::optional<Type> type_of(const std::string& input) const {
    const std::map<std::string, Type> standing = standing_inputs(rows);
    if (const auto it = standing.find(input); it != standing.end()) return it->second;
    if (scalars.contains(input)) return Type{DType::f32, {}};
    if (const auto it = tables.find(input); it != tables.end())
      return Type{it->second.type.dtype, it->second.type.shape};
    return std::nullopt;
  }
};

void require_inputs(const std::string& who, const Graph& g, const Given& given) {
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (!is_input(n)) continue;
    const Type read = {n.type.dtype, n.type.shape};
    if (const std::optional<Type> type = given.type_of(n.name)) {
      require(*type == read, "{}: its graph reads '{}' as {}, and it is {}", who, n.name, read,
              *type);
      continue;
    }
    const auto set = given.sets.find(set_of(n.name));
    require(set != given.sets.end() && n.name.find('/') != n.name.npos,
            "{}: its graph reads '{}', which nobody gives", who, n.name);
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

bool loss_depends_on(const Graph& g, const std::string& set) {
  std::vector<bool> depends(g.size());
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    depends[id] = is_input(n) ? is_of(n.name, set)
                              : std::ranges::any_of(n.in, [&](int i) { return depends[i]; });
  }
  return std::ranges::any_of(
      g.outputs(), [&](const Output& o) { return !o.update && o.name == "loss" && depends[o.id]; });
}

void require_training(const std::string& who, const Graph& g, const Training& p) {
  bool trains = false;
  for (const Output& o : g.outputs()) {
    if (!o.update) continue;
    trains |= is_of(o.name, p.set);
    require(is_of(o.name, p.set) || is_of(o.name, p.set + ".opt"),
            "{}: its graph updates '{}', and only the set '{}' is trained here: '{}' is read by "
            "others, and frozen",
            who, o.name, p.set, set_of(o.name));
  }
  require(trains,
          "{}: it trains nothing, as its graph updates no parameter of '{}': does its step call "
          "apply(optimizer, net, loss, s.lr())?",
          who, p.set);
  require(loss_depends_on(g, p.set),
          "{}: its loss depends on no parameter of '{}', which it is to train", who, p.set);
}

void require_reached(const std::string& who, const Training& p, const TrainingGraphs& graphs) {
  const auto within = [&](const char* what, int64_t step) {
    require(step >= graphs.first && step <= graphs.steps,
            "{}: {} after step {}, which it never reaches: it takes the steps {} to {}", who, what,
            step, graphs.first, graphs.steps);
  };
  for (const int64_t step : p.keep_at) within("a snapshot is to be kept", step);
  if (!p.probe) return;
  for (const int64_t step : p.probe->at) within("its probe is to look", step);
  const bool looks =
      !p.probe->at.empty() ||
      (p.probe->every > 0 && (graphs.steps / p.probe->every > graphs.first / p.probe->every ||
                              (graphs.first > 0 && graphs.first % p.probe->every == 0)));
  require(looks || graphs.steps == graphs.first,
          "{}: its probe never looks: not at any step, and every {} steps of {}", who,
          p.probe->every, graphs.steps - graphs.first);
}

}  // namespace

void emit(const std::string& who, const StepBuilder& build, Step& step) {
  require(static_cast<bool>(build), "{}: it has no function that emits its graph (build)", who);
  try {
    build(step);
    step.check_hooks();
  } catch (const UserError& e) {
    fail_user("{}: {}", who, e.what());
  }
}

std::vector<ParameterSpec> states_of(const Graph& g, const std::string& set) {
  const std::string prefix = set + ".opt/";
  std::vector<ParameterSpec> specs;
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (is_input(n) && n.name.starts_with(prefix))
      specs.push_back({n.name.substr(prefix.size()), n.type.shape, init::zeros()});
  }
  return specs;
}

void require_sound(const Training& p, const TrainingGraphs& graphs, const DataTable& tables) {
  const std::string who = fmt::format("phase {}", p.name);
  require_free_names(who, "a number", p.scalars);
  require_free_names(who, "a data array", tables);
  Specs sets = {{p.set, p.from ? &p.from->model.specs() : &p.start->specs()}};
  for (const auto& [name, model] : p.frozen) {
    require(name != p.set, "{}: the set '{}' is trained, and cannot be frozen as well", who, name);
    sets[name] = &model->specs();
  }
  const std::vector<ParameterSpec> made = states_of(graphs.step, p.set);
  if (p.from && p.from->optimizer)
    sets[p.set + ".opt"] = &p.from->optimizer->specs();
  else if (!made.empty())
    sets[p.set + ".opt"] = &made;
  std::vector<std::string> read;
  const int64_t batch = std::min(p.batch, p.samples), rest = p.samples % batch;
  for (const auto& [g, rows] : {std::pair{&graphs.step, batch}, std::pair{&graphs.last_step, rest},
                                std::pair{&graphs.probe, p.probe ? p.probe->rows : 0}}) {
    require_inputs(who, *g, {sets, p.scalars, tables, rows});
    for (std::string& name : inputs_of(*g)) read.push_back(std::move(name));
  }
  for (const Graph* g : {&graphs.step, &graphs.last_step}) {
    require_rows(who, *g, p.samples, tables);
    if (g->size() > 0) require_training(who, *g, p);
  }
  if (p.probe) {
    require_rows(who + ", its probe", graphs.probe, p.probe->rows, tables);
    require_no_updates(who + ", its probe", graphs.probe);
  }
  for (const auto& [name, x] : p.scalars)
    require(!tables.contains(name), "{}: a number and a data array are both called '{}'", who,
            name);
  require_read(who, "the set", p.frozen, read, true);
  require_read(who, "the number", p.scalars, read, false);
  const std::vector<std::string> of_step = inputs_of(graphs.step);
  const bool reads_rate = std::ranges::count(of_step, "lr") > 0;
  require(p.lr || !reads_rate,
          "{}: its graph reads the learning rate, and the phase gives none (lr): it would be 0",
          who);
  require(!p.lr || reads_rate,
          "{}: it gives learning rates (lr), and its graph does not read them; use s.lr()", who);
  require_reached(who, p, graphs);
}

void require_sound(const std::string& who, const Graph& g, int64_t rows,
                   const std::map<std::string, ModelView>& models,
                   const std::map<std::string, double>& scalars, const DataTable& tables) {
  Specs sets;
  for (const auto& [name, model] : models) sets[name] = &model.ensemble->specs();
  require_no_updates(who, g);
  require_free_names(who, "a number", scalars);
  require_free_names(who, "a data array", tables);
  require_inputs(who, g, {sets, scalars, tables, rows});
  require_rows(who, g, rows, tables);
  const std::vector<std::string> read = inputs_of(g);
  require_read(who, "the set", models, read, true);
  require_read(who, "the number", scalars, read, false);
}

}  // namespace omni
