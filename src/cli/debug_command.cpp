// `omni debug`: one step of each phase, its probe and every evaluation on the reference
// interpreter, value by value; of a phase of several programs a round, call by call, and each
// program.
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "base/nearest.h"
#include "base/text_table.h"
#include "cli/choice.h"
#include "cli/debug_round.h"
#include "cli/screen.h"
#include "graph/inspect.h"
#include "lab/debug.h"
#include "ops/leaf.h"

namespace omni::cli {
namespace {

constexpr size_t kShownRows = 8, kShownColumns = 8;

// The printed form of one node.
std::string line_of(const DebugGraph& g, int id) {
  std::istringstream lines(g.text);
  std::string line;
  for (int i = 0; i <= id; ++i) std::getline(lines, line);
  return line;
}

std::string number(double x) { return fmt::format("{:.5g}", x); }

struct Statistics {
  double low = INFINITY, high = -INFINITY, sum = 0, squares = 0;
  size_t count = 0, zeros = 0, not_finite = 0;  // f32 holds no more than finite ones
};

Statistics statistics_of(const RefArray& a) {
  Statistics s;
  s.count = a.v.size();
  for (const double x : a.v) {
    s.low = std::min(s.low, x);
    s.high = std::max(s.high, x);
    s.sum += x;
    s.squares += x * x;
    s.zeros += x == 0;
    s.not_finite += !std::isfinite(static_cast<float>(x));
  }
  return s;
}

// Least, mean and most.
std::vector<std::string> cells_of(const RefArray& a) {
  if (a.v.empty()) return {"", "", ""};
  const Statistics s = statistics_of(a);
  if (a.v.size() == 1) return {"", number(a.v[0]), ""};
  return {number(s.low), number(s.sum / static_cast<double>(s.count)),
          number(s.high) + (s.not_finite > 0 ? "  not all finite" : "")};
}

struct NamedValue {
  std::string name;
  int id;
};

// Results and named values; of several values with one name the last, as Graph::find() has it.
std::vector<NamedValue> named_values(const Graph& g) {
  std::vector<NamedValue> named;
  const auto add = [&](const std::string& name, int id) {
    std::erase_if(named, [&](const NamedValue& n) { return n.name == name; });
    named.push_back({name, id});
  };
  for (int id = 0; id < g.size(); ++id)
    if (!g.node(id).name.empty()) add(g.node(id).name, id);
  for (const Output& o : g.outputs())
    if (!o.update) add(o.name, o.id);
  return named;
}

// "%12", or a name.
std::optional<int> find_value(const DebugGraph& g, const std::string& name) {
  if (name.starts_with("%")) {
    int id = -1;
    const char* end = name.data() + name.size();
    const auto r = std::from_chars(name.data() + 1, end, id);
    if (r.ec == std::errc() && r.ptr == end && id >= 0 && id < g.ops) return id;
    return std::nullopt;
  }
  for (const NamedValue& n : named_values(*g.graph))
    if (n.name == name) return n.id;
  return std::nullopt;
}

void print_numbers(const std::string& name, const RefArray& a) {
  say("\n  {} : {}\n", name, to_string(a.type));
  const size_t columns = a.type.shape.rank() == 0 ? 1 : static_cast<size_t>(a.type.shape.back());
  const size_t rows = columns == 0 ? 0 : a.v.size() / columns;
  for (size_t r = 0; r < std::min(rows, kShownRows); ++r) {
    say("   ");
    for (size_t c = 0; c < std::min(columns, kShownColumns); ++c)
      say(" {:>11}", number(a.v[r * columns + c]));
    say("{}\n", columns > kShownColumns ? fmt::format("  ... {} in all", columns) : "");
  }
  if (rows > kShownRows) say("    ... {} rows in all\n", rows);
}

// Named values, but for those of the table of gradients, for whole tables of data, and for what is
// all zeros in an optimiser's state.
void print_values(const DebugGraph& g, const RefValues& values) {
  std::vector<std::vector<std::string>> rows = {{"value", "type", "least", "mean", "most"}};
  for (const NamedValue& n : named_values(*g.graph)) {
    if (g.gradients.contains(n.name) || g.tables.contains(n.name)) continue;
    const RefArray& a = values[n.id];
    const bool of_state = n.name.substr(0, n.name.find('/')).ends_with(".opt");
    if (of_state && std::ranges::all_of(a.v, [](double x) { return x == 0; })) continue;
    std::vector<std::string> row = {n.name, to_string(g.graph->node(n.id).type)};
    std::ranges::copy(cells_of(a), std::back_inserter(row));
    rows.push_back(std::move(row));
  }
  say("{}", table(rows, {2, 3, 4}, 2));
}

// A line for each parameter: its values, and the gradient of the loss by it.
void print_gradients(const DebugGraph& g, const RefValues& values) {
  std::vector<std::vector<std::string>> rows = {
      {"parameter", "shape", "least", "most", "gradient: norm", "least", "most", "zero"}};
  const auto row_of = [&](const std::string& name, const RefArray& weights, const RefArray& by) {
    const Statistics w = statistics_of(weights), d = statistics_of(by);
    const double zero = static_cast<double>(d.zeros) / static_cast<double>(d.count);
    std::string note = fmt::format("{:.3g} %", 100 * zero);
    if (d.zeros == d.count) note += "  no gradient";
    if (d.not_finite > 0) note += fmt::format("  {} not finite", d.not_finite);
    return std::vector{name,
                       fmt::format("{}", weights.type.shape),
                       number(w.low),
                       number(w.high),
                       number(std::sqrt(d.squares)),
                       number(d.low),
                       number(d.high),
                       note};
  };
  for (int id = 0; id < g.ops; ++id) {
    const std::string& name = g.graph->node(id).name;
    if (const auto of = g.gradients.find(name);
        of != g.gradients.end() && is_input(g.graph->node(id)))
      rows.push_back(row_of(name, values[id], values[of->second]));
  }
  say("\n{}", table(rows, {2, 3, 4, 5, 6}, 2));
}

// Where element `i` of a value stands: "[3, 4]".
std::string position(const Shape& shape, size_t i) {
  std::vector<int64_t> at(static_cast<size_t>(shape.rank()));
  auto rest = static_cast<int64_t>(i);
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    at[static_cast<size_t>(axis)] = rest % shape[axis];
    rest /= shape[axis];
  }
  return fmt::format("[{}]", fmt::join(at, ", "));
}

void print_not_finite(const DebugGraph& g, const RefValues& values, const NotFinite& bad) {
  const RefArray& a = values[bad.node];
  say("  The first value that is no finite f32: {} at {} of\n    {}\n", number(a.v[bad.element]),
      position(a.type.shape, bad.element), line_of(g, bad.node));
  for (const int in : g.graph->node(bad.node).in) {
    const Statistics s = statistics_of(values[in]);
    say("  It reads values from {} to {}:\n    {}\n", number(s.low), number(s.high),
        line_of(g, in));
  }
}

// With its name as --phase takes it.
std::string heading(const DebugGraph& g) {
  std::string text = fmt::format("{}: {} ops", g.name, g.ops);
  if (!g.program.empty()) {
    text = fmt::format("Program {}", text);
    const auto rate = g.inputs.find("lr");
    if (g.round && g.round->runs.contains(g.program))
      text += fmt::format(", as it first runs in round {}", g.round->runs.at(g.program).round);
    return rate == g.inputs.end()
               ? text
               : fmt::format("{} at a rate of {}", text, number(rate->second.v[0]));
  }
  if (!g.is_step()) return text;
  text = "Phase " + text;
  text += fmt::format(", step {} of {}", g.step + 1, g.steps);
  return g.rate ? fmt::format("{} at a rate of {}", text, number(g.rate(g.step))) : text;
}

bool is_asked_for(const DebugGraph& g, const DebugArguments& arguments) {
  return arguments.phase.empty() || g.name == arguments.phase || g.phase == arguments.phase;
}

// By its name, and where values are asked for, by them.
bool is_shown(const DebugGraph& g, const DebugArguments& arguments) {
  if (!is_asked_for(g, arguments)) return false;
  if (g.is_phase()) return arguments.print.empty() && !arguments.graph;
  return arguments.print.empty() || arguments.graph ||
         std::ranges::any_of(arguments.print, [&](const std::string& name) {
           return find_value(g, name).has_value();
         });
}

void show(DebugGraph& g, const DebugArguments& arguments) {
  if (g.is_phase()) return show_round(g);
  say("\n{}\n", heading(g));
  if (arguments.graph) say("{}", g.text);
  if (!g.why_not.empty()) return say("  No values: {}\n", g.why_not);
  std::vector<std::pair<std::string, int>> wanted;
  for (const std::string& name : arguments.print)
    if (const auto id = find_value(g, name)) wanted.emplace_back(name, *id);

  const int steps = g.is_step() ? arguments.steps : 1;
  RefValues values = interpret(g);
  std::optional<NotFinite> bad = first_not_finite(values, g.ops);
  int step = 1;
  for (; step < steps && !bad; ++step) {
    take_updates(g, values);
    values = interpret(g);
    bad = first_not_finite(values, g.ops);
  }
  if (arguments.print.empty() && !arguments.graph) {
    print_values(g, values);
    if (!g.gradients.empty()) print_gradients(g, values);
  }
  for (const auto& [name, id] : wanted) print_numbers(name, values[id]);
  if (!wanted.empty()) say("\n");
  if (bad) {
    if (g.is_step()) say("  Step {}.", g.step + 1);
    if (!g.program.empty()) say("  Round {}.", g.round->runs.at(g.program).round);
    print_not_finite(g, values, *bad);
  } else if (g.is_step()) {
    say("  All values are finite {}.\n",
        step == 1 ? "in this step" : fmt::format("in {} steps on these rows", step));
  }
}

// How many graphs will be shown; nothing runs for it. UserError for a phase or a value that is not
// there, with the nearest.
size_t count_shown(const Resolved& r, const Dataset& data, const DebugArguments& arguments) {
  std::vector<std::string> names;
  std::set<std::string> values;
  std::set<std::string> missing(arguments.print.begin(), arguments.print.end());
  size_t count = 0;
  const auto nothing = [](const DebugGraph&) { return false; };
  debug_graphs(r, data, {.rows = arguments.rows, .wanted = nothing}, [&](DebugGraph& g) {
    names.push_back(g.name);
    count += is_shown(g, arguments);
    if (!is_asked_for(g, arguments)) return true;
    for (const NamedValue& n : named_values(*g.graph)) values.insert(n.name);
    std::erase_if(missing,
                  [&](const std::string& name) { return find_value(g, name).has_value(); });
    return true;
  });
  require(arguments.phase.empty() || std::ranges::count(names, arguments.phase) > 0,
          "--phase {}: there is no such phase, probe or evaluation{}", arguments.phase,
          suggest(arguments.phase, names));
  for (const std::string& name : missing)
    fail_user("--print {}: no value has this name (`--graph` shows all){}", name,
              suggest(name, std::vector(values.begin(), values.end())));
  return count;
}

}  // namespace

int debug_command(const Context& context, const DebugArguments& arguments) {
  require(arguments.steps >= 1, "--steps: expected at least 1, got {}", arguments.steps);
  const auto [experiment, request] = choose(context, arguments.choice);
  const Resolved resolved = resolve(*experiment, request);
  write_err(sweep_text(resolved, request));  // what was understood, before anything may fail
  const std::string name = resolved.variants.front().settings->data();
  const Dataset data = name.empty() ? Dataset{} : load_dataset(name, request.data);
  size_t left = count_shown(resolved, data, arguments);
  say("{}{}: seed {}, {} rows, double precision, {}\n", experiment->name,
      data.name.empty() ? "" : " on " + data.name, resolved.seeds.front(), arguments.rows,
      arguments.run ? "from what earlier phases gave" : "weights drawn anew (see --run)");

  const DebugRequest how{.rows = arguments.rows,
                         .run = arguments.run,
                         .threads = static_cast<int>(std::thread::hardware_concurrency()),
                         .steps = arguments.steps,
                         .wanted = [&](const DebugGraph& g) { return is_shown(g, arguments); }};
  debug_graphs(resolved, data, how, [&](DebugGraph& g) {
    if (is_shown(g, arguments)) {
      show(g, arguments);
      --left;
    }
    return left > 0;
  });
  return 0;
}

}  // namespace omni::cli
