#include "engine/layout.h"

#include <algorithm>
#include <numeric>
#include <queue>

#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/leaf.h"

namespace omni {
namespace {

// Whether an elementwise pass over `space` may have to hold this input beside its own values,
// because it cannot be used where it lies.
bool takes_register(const Type& input, const Shape& space) {
  return input.dtype != DType::f32 || input.count() != space.count() || input.count() == 1;
}

// Units as sets of nodes, merged step by step; a merge that would make a cycle is refused.
class Units {
 public:
  Units(const Graph& g, const DeviceLimits& limits)
      : g_(g), limits_(limits), unit_(g.size(), -1), readers_(g.size()) {
    for (int id = 0; id < g.size(); ++id) {
      const Node& n = g.node(id);
      for (const int i : n.in) readers_[i].push_back(id);
      if (is_input(n) || constant_value(n)) continue;
      if (n.op->alias) continue;
      unit_[id] = static_cast<int>(members_.size());
      members_.push_back({id});
    }
    for (const Output& o : g.outputs()) is_output_.insert(o.id);
  }

  int of(int id) const { return unit_[id]; }
  // The unit that computes id, seen through aliases; -1: none.
  int maker(int id) const { return unit_[memory_of(g_, id)]; }
  const std::vector<int>& members(int unit) const { return members_[unit]; }
  size_t count() const { return members_.size(); }
  bool is_output(int id) const { return is_output_.contains(id); }
  const std::vector<int>& readers(int id) const { return readers_[id]; }

  bool merge(int a, int b) {
    if (a == b) return true;
    if (reaches_around(a, b) || reaches_around(b, a)) return false;
    for (const int id : members_[b]) unit_[id] = a;
    members_[a].insert(members_[a].end(), members_[b].begin(), members_[b].end());
    std::ranges::sort(members_[a]);
    members_[b].clear();
    return true;
  }

  // The same of two elementwise passes, which the device must be able to run as one.
  bool merge_passes(int a, int b) {
    if (a == b) return true;
    if (std::ssize(members_[a]) + std::ssize(members_[b]) > limits_.pass_members) return false;
    return registers_of(a, b) <= limits_.pass_registers && merge(a, b);
  }

 private:
  // An upper bound of what an elementwise pass over both needs.
  int registers_of(int a, int b) const {
    const Shape& space = g_.node(members_[a].back()).type.shape;
    std::set<int> spread;
    for (const int unit : {a, b})
      for (const int id : members_[unit])
        for (const int i : g_.node(id).in)
          if (unit_[i] != a && unit_[i] != b && takes_register(g_.node(i).type, space))
            spread.insert(i);
    return static_cast<int>(members_[a].size() + members_[b].size() + spread.size());
  }

  // Does `from` need `target` by a way that passes through another unit?
  bool reaches_around(int from, int target) const {
    std::vector<bool> seen(members_.size());
    std::vector<int> stack;
    const auto push_makers = [&](int unit) {
      for (const int id : members_[unit])
        for (const int i : g_.node(id).in)
          if (const int m = maker(i); m >= 0 && !seen[m]) {
            if (unit == from && m == target) continue;  // the direct way becomes internal
            if (m == from) continue;
            seen[m] = true;
            stack.push_back(m);
          }
    };
    push_makers(from);
    while (!stack.empty()) {
      const int unit = stack.back();
      stack.pop_back();
      if (unit == target) return true;
      push_makers(unit);
    }
    return false;
  }

  const Graph& g_;
  const DeviceLimits& limits_;
  std::vector<int> unit_;
  std::vector<std::vector<int>> members_, readers_;
  std::set<int> is_output_;
};

// Matmul-like, then + bias [columns], then ReLU, each with no other reader in between.
std::optional<Epilogue> find_epilogue(const Graph& g, const Units& units,
                                      const DeviceLimits& limits, int id) {
  Epilogue e{id};
  const auto next = [&](int from) {
    const bool single = units.readers(from).size() == 1 && !units.is_output(from) &&
                        g.node(from).type.dtype == DType::f32;
    return single ? units.readers(from)[0] : -1;
  };
  int n = next(id);
  if (limits.bias_epilogue && n >= 0 && g.node(n).op == &ops::add &&
      g.node(n).in[0] != g.node(n).in[1]) {
    const int other = g.node(n).in[g.node(n).in[0] == id ? 1 : 0];
    const Type& bias = g.node(other).type;
    const Shape& shape = g.node(id).type.shape;
    if (bias.shape == Shape{shape.back()} && bias.dtype == DType::f32 &&
        g.node(n).type.shape == shape && (other < id || is_input(g.node(other)))) {
      e.bias = other;
      e.output = n;
      n = next(n);
    }
  }
  if (limits.relu_epilogue && n >= 0 && g.node(n).op == &ops::relu) {
    e.relu = true;
    e.output = n;
  }
  if (e.output == id) return std::nullopt;
  return e;
}

bool fits_pass(const Node& n) { return n.op->elementwise; }

// --- Passes ---

// What passes work on, one after another.
struct Draft {
  const Graph& g;
  const DeviceLimits& limits;
  Units units;
  std::vector<bool> led;  // members of a matmul-like op's unit
  std::map<int, Epilogue> epilogues;
  Layout layout;
};

void fuse_epilogues(Draft& d) {
  for (int id = 0; id < d.g.size(); ++id) {
    if (!d.g.node(id).op->wants_bf16) continue;
    const auto e = find_epilogue(d.g, d.units, d.limits, id);
    if (!e) continue;
    const int unit = d.units.of(id);
    bool whole = true;
    for (int at = id; at != e->output;) {
      at = d.units.readers(at)[0];
      whole = whole && d.units.merge(unit, d.units.of(at));
    }
    check(whole, "an epilogue could not be merged");
    for (const int m : d.units.members(unit)) d.led[m] = true;
    d.epilogues[id] = *e;
  }
}

void fuse_elementwise(Draft& d) {
  for (int id = 0; id < d.g.size(); ++id) {
    if (!fits_pass(d.g.node(id)) || d.led[id]) continue;
    for (const int i : d.g.node(id).in) {
      const bool same_space = d.g.node(i).type.shape == d.g.node(id).type.shape;
      if (fits_pass(d.g.node(i)) && !d.led[i] && same_space)
        d.units.merge_passes(d.units.of(i), d.units.of(id));
    }
  }
}

// The nodes that read id's memory, seen through reshapes, and the value each of them reads.
std::vector<std::pair<int, int>> memory_readers(const Graph& g, const Units& units, int id) {
  std::vector<std::pair<int, int>> out;
  for (const int r : units.readers(id)) {
    if (!g.node(r).op->alias) {
      out.push_back({r, id});
      continue;
    }
    for (const auto& reader : memory_readers(g, units, r)) out.push_back(reader);
  }
  return out;
}

// A gather whose rows only one elementwise unit reads, as they are or reshaped to its index space.
// The unit may be a single op, where chains are not fused.
void fuse_gathers(Draft& d) {
  if (!d.limits.fused_gathers) return;
  for (int id = 0; id < d.g.size(); ++id) {
    if (!d.g.node(id).op->row_gather || d.units.is_output(id)) continue;
    const auto readers = memory_readers(d.g, d.units, id);
    if (readers.empty()) continue;
    const int unit = d.units.of(readers[0].first);
    bool fits = unit >= 0;
    for (const auto& [reader, value] : readers)
      fits = fits && d.units.of(reader) == unit && fits_pass(d.g.node(reader)) &&
             !d.units.is_output(value) && d.g.node(reader).type.shape == d.g.node(value).type.shape;
    if (fits) d.units.merge_passes(unit, d.units.of(id));
  }
}

// A pass that picks rows of a table at random cannot overwrite the table on its way.
bool gathers_from(const Graph& g, const std::vector<int>& members, int table) {
  for (const int id : members) {
    if (!g.node(id).op->row_gather) continue;
    for (const int i : g.node(id).in)
      if (memory_of(g, i) == table) return true;
  }
  return false;
}

// Whether the value may be written over the input whose new value it is.
bool may_overwrite(const Draft& d, int value, int in) {
  const Node& n = d.g.node(value);
  if (n.op == &ops::put_rows) return memory_of(d.g, n.in[0]) == in && memory_of(d.g, n.in[1]) != in;
  return fits_pass(n) && !d.led[value] &&
         !gathers_from(d.g, d.units.members(d.units.of(value)), in);
}

void update_in_place(Draft& d) {
  if (!d.limits.overwrites_elementwise) return;
  std::map<std::string, int> inputs;
  for (int id = 0; id < d.g.size(); ++id)
    if (is_input(d.g.node(id))) inputs[d.g.node(id).name] = id;
  for (const Output& o : d.g.outputs()) {
    if (!o.update) continue;
    const int in = inputs.at(o.name);
    if (d.g.node(in).type.dtype == d.g.node(o.id).type.dtype && may_overwrite(d, o.id, in))
      d.layout.in_place[o.id] = in;
  }
}

struct LayoutPass {
  Pass pass;
  void (*run)(Draft&);
};

// In the order in which they run.
constexpr LayoutPass kLayoutPasses[] = {
    {Pass::fuse_epilogues, fuse_epilogues},
    {Pass::fuse_elementwise, fuse_elementwise},
    {Pass::fuse_gathers, fuse_gathers},
    {Pass::update_in_place, update_in_place},
};

// --- Order ---

struct Order {
  std::vector<int> units;
  bool complete;  // false: the units wait for each other in a circle
};

// After a unit's inputs have been made. `in_place` maps values to the inputs they overwrite: their
// units come after all other readers of the old value.
Order order_units(const Graph& g, const Units& units, const std::map<int, int>& in_place) {
  const int count = static_cast<int>(units.count());
  std::vector<std::set<int>> before(count);
  for (int u = 0; u < count; ++u)
    for (const int id : units.members(u))
      for (const int i : g.node(id).in)
        if (const int m = units.maker(i); m >= 0 && m != u) before[u].insert(m);
  std::vector<bool> updates(count);
  if (!in_place.empty()) {
    std::map<int, int> writer;
    for (const auto& [value, input] : in_place) {
      writer[input] = units.of(value);
      updates[units.of(value)] = true;
    }
    for (int u = 0; u < count; ++u)
      for (const int id : units.members(u))
        for (const int i : g.node(id).in)
          if (const auto w = writer.find(memory_of(g, i)); w != writer.end() && w->second != u)
            before[w->second].insert(u);
  }
  // Ready units in the order of their nodes, but updates at once, while the gradient is in cache;
  // before them the single numbers that they read, such as Adam's corrections, lest they wait.
  std::vector<int> missing(count);
  std::vector<std::vector<int>> after(count);
  using Entry = std::pair<int, int>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
  const auto push = [&](int u) {
    const int last = units.members(u).back();
    ready.push({g.node(last).type.count() == 1 ? -2 : updates[u] ? -1 : last, u});
  };
  size_t wanted = 0;
  for (int u = 0; u < count; ++u) {
    if (units.members(u).empty()) continue;  // merged into another
    ++wanted;
    missing[u] = static_cast<int>(before[u].size());
    for (const int b : before[u]) after[b].push_back(u);
    if (missing[u] == 0) push(u);
  }
  Order order;
  while (!ready.empty()) {
    const int u = ready.top().second;
    ready.pop();
    order.units.push_back(u);
    for (const int a : after[u])
      if (--missing[a] == 0) push(a);
  }
  order.complete = order.units.size() == wanted;
  return order;
}

}  // namespace

Layout make_layout(const Graph& g, const DeviceLimits& limits, const std::set<Pass>& off) {
  Draft draft{g, limits, Units(g, limits), std::vector<bool>(g.size()), {}, {}};
  for (const LayoutPass& p : kLayoutPasses)
    if (!off.contains(p.pass)) p.run(draft);

  const Units& units = draft.units;
  Layout& layout = draft.layout;
  for (const Output& o : g.outputs())
    if (!o.update) layout.external.insert(o.id);
  Order order = order_units(g, units, layout.in_place);
  while (!order.complete) {  // two updates read each other's old values: copy one afterwards
    check(!layout.in_place.empty(), "the graph's units form a cycle");
    layout.in_place.erase(std::prev(layout.in_place.end()));
    order = order_units(g, units, layout.in_place);
  }

  layout.stored.resize(g.size());
  for (const int u : order.units) {
    Unit unit{units.members(u), {}};
    const auto e = draft.epilogues.find(unit.members.front());
    if (e != draft.epilogues.end()) unit.epilogue = e->second;
    layout.stored[unit.members.back()] = true;  // dead or not, its op writes it
    layout.units.push_back(std::move(unit));
  }
  for (const Output& o : g.outputs()) {
    layout.stored[o.id] = true;
    if (o.update && !layout.in_place.contains(o.id)) layout.copied.insert(o.id);
  }
  for (int id = 0; id < g.size(); ++id) {
    if (g.node(id).op->alias) continue;
    for (const int i : g.node(id).in) {
      // A reshape's memory is its source's, which must stand there even for the source's own unit;
      // only picked rows are read as they are picked.
      const int source = memory_of(g, i);
      const bool inside = units.of(source) == units.of(id);
      const bool reshaped = source != i && !g.node(source).op->row_gather;
      if (units.of(source) >= 0 && (!inside || reshaped)) layout.stored[source] = true;
    }
  }
  return std::move(layout);
}

}  // namespace omni
