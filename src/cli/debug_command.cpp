// `omni debug`: one step of each phase on the reference interpreter, value by value.
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

#include "base/error.h"
#include "base/nearest.h"
#include "base/text_table.h"
#include "cli/choice.h"
#include "cli/screen.h"
#include "graph/inspect.h"
#include "lab/debug.h"
#include "ops/leaf.h"

namespace omni::cli {
namespace {

constexpr size_t kShownRows = 8, kShownColumns = 8;

// The printed form of one node.
std::string line_of(const Graph& g, int id) {
  std::istringstream lines(to_string(g));
  std::string line;
  for (int i = 0; i <= id; ++i) std::getline(lines, line);
  return line;
}

std::string number(double x) { return fmt::format("{:.5g}", x); }

std::vector<std::string> statistics(const RefArray& a) {
  double low = INFINITY, high = -INFINITY, sum = 0;
  for (const double x : a.v) {
    low = std::min(low, x);
    high = std::max(high, x);
    sum += x;
  }
  const bool nan = std::ranges::any_of(a.v, [](double x) { return std::isnan(x); });
  if (a.v.empty()) return {"", "", ""};
  return {number(low), number(sum / static_cast<double>(a.v.size())),
          number(high) + (nan ? "  holds NaN" : "")};
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

int find_value(const Graph& g, const std::string& name) {
  int id = -1;
  if (name.starts_with("%")) {
    const char* end = name.data() + name.size();
    const auto r = std::from_chars(name.data() + 1, end, id);
    require(r.ec == std::errc() && r.ptr == end && id >= 0 && id < g.size(),
            "--print {}: the graph has %0 to %{}", name, g.size() - 1);
    return id;
  }
  std::vector<std::string> known;
  for (const NamedValue& n : named_values(g)) {
    if (n.name == name) return n.id;
    known.push_back(n.name);
  }
  fail_user("--print {}: no value has this name{}; `--graph` shows all", name,
            suggest(name, known));
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

void print_values(const Graph& g, const std::vector<RefArray>& values) {
  std::vector<std::vector<std::string>> rows = {{"value", "type", "least", "mean", "most"}};
  for (const NamedValue& n : named_values(g)) {
    std::vector<std::string> row = {n.name, to_string(g.node(n.id).type)};
    std::ranges::copy(statistics(values[static_cast<size_t>(n.id)]), std::back_inserter(row));
    rows.push_back(std::move(row));
  }
  say("{}", table(rows, {2, 3, 4}, 2));
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

void print_not_finite(const Graph& g, const std::vector<RefArray>& values, const NotFinite& bad) {
  const RefArray& a = values[static_cast<size_t>(bad.node)];
  say("  The first value that is no finite f32: {} at {} of\n    {}\n", number(a.v[bad.element]),
      position(a.type.shape, bad.element), line_of(g, bad.node));
  for (const int in : g.node(bad.node).in) {
    const std::vector<std::string> s = statistics(values[static_cast<size_t>(in)]);
    say("  It reads values from {} to {}:\n    {}\n", s[0], s[2], line_of(g, in));
  }
}

void show_phase(PhaseGraph& phase, const DebugArguments& arguments) {
  const Graph& g = *phase.graph;
  say("\nPhase {}: {} ops\n", phase.name, g.size());
  if (arguments.graph) say("{}", to_string(g));
  std::vector<int> wanted;
  for (const std::string& name : arguments.print) wanted.push_back(find_value(g, name));

  std::vector<RefArray> values;
  std::optional<NotFinite> bad;
  int step = 0;
  while (step < arguments.steps && !bad) {
    values = interpret_step(phase);
    bad = first_not_finite(values);
    ++step;
  }
  if (wanted.empty() && !arguments.graph) print_values(g, values);
  for (size_t i = 0; i < wanted.size(); ++i)
    print_numbers(arguments.print[i], values[static_cast<size_t>(wanted[i])]);
  if (!wanted.empty()) say("\n");
  if (bad) {
    say("  Step {}. ", step);
    print_not_finite(g, values, *bad);
  } else {
    say("  All values are finite {}.\n",
        step == 1 ? "in the first step" : fmt::format("in {} steps on these rows", step));
  }
}

}  // namespace

int debug_command(const Context& context, const DebugArguments& arguments) {
  require(arguments.steps >= 1, "--steps: expected at least 1, got {}", arguments.steps);
  const auto [experiment, request] = choose(context, arguments.choice);
  const Resolved resolved = resolve(*experiment, request);
  write_err(sweep_text(resolved, request));  // what was understood, before anything may fail
  const std::string name = resolved.variants.front().settings->data();
  const Dataset data = name.empty() ? Dataset{} : load_dataset(name, request.data);
  std::vector<PhaseGraph> phases = phase_graphs(resolved, data, arguments.rows);
  say("{}{}: {} rows, double precision\n", experiment->name,
      data.name.empty() ? "" : " on " + data.name, arguments.rows);

  std::vector<std::string> known;
  bool shown = false;
  for (PhaseGraph& phase : phases) {
    known.push_back(phase.name);
    if (!arguments.phase.empty() && phase.name != arguments.phase) continue;
    show_phase(phase, arguments);
    shown = true;
  }
  require(shown, "--phase {}: there is no such phase{}", arguments.phase,
          suggest(arguments.phase, known));
  return 0;
}

}  // namespace omni::cli
