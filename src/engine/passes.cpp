#include "engine/passes.h"

#include <fmt/ranges.h>

#include <bit>
#include <cstdlib>
#include <map>
#include <sstream>

#include "base/nearest.h"
#include "ops/elementwise.h"
#include "ops/leaf.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

constexpr PassInfo kPasses[] = {
    {"fold-constants", "compute scalars known now when the program is made", true, true},
    {"common-subexpressions", "compute equal expressions once", true, false},
    {"dead-code", "drop what no output needs", true, false},
    {"fuse-elementwise", "run chains of elementwise ops as one pass over cached blocks", true,
     true},
    {"fuse-gathers", "read picked rows inside the elementwise pass that uses them", true, true},
    // But where a product is minus infinity: oneDNN's ReLU makes it NaN, ours 0.
    {"fuse-epilogues", "add the bias and apply ReLU inside the matmul or convolution", true, true},
    {"update-in-place", "overwrite a parameter as soon as its last reader is done", true, true},
    {"share-memory", "let values that do not live at the same time share memory", true, true},
    {"slice-batch",
     "cut large batches into slices of rows that fit the cache and share out over "
     "cores; sums over the batch are added slice by slice",
     false, false},
};

// Whole numbers are copied as they are: f32, in which elementwise passes compute, holds 24 bits.
Value copy_of(Value v) {
  const Type& t = v.type();
  if (t.dtype == DType::f32) return broadcast_to(v, t.shape, t.batch);
  const size_t rank = t.shape.rank();
  return slice(v, std::vector<int64_t>(rank, 0), std::vector<int64_t>(rank, kToEnd));
}

// The value of a scalar op on constants. `in` are its inputs in `g`.
std::optional<double> folded(const Graph& g, const Node& n, std::span<const int> in, Fold fold) {
  if (!fold || !n.op->elementwise || in.empty()) return std::nullopt;
  if (n.type.shape.rank() != 0 || n.type.dtype != DType::f32) return std::nullopt;
  std::vector<float> values;
  for (const int i : in) {
    const auto c = constant_value(g.node(i));
    if (!c) return std::nullopt;
    values.push_back(static_cast<float>(*c));
  }
  return fold(*n.op, values);
}

// Equal for equal expressions, by bits: a key that compared numbers would take NaN for everything
// and -0 for 0.
std::string expression(const OpDef& op, std::span<const int> in, const Attrs& attrs) {
  std::string key = fmt::format("{} {}", fmt::ptr(&op), fmt::join(in, " "));
  for (const auto& [name, item] : attrs.items()) {
    key += fmt::format(" {}={}:", name, item.index());
    if (const auto* i = std::get_if<int64_t>(&item)) key += fmt::format("{}", *i);
    if (const auto* d = std::get_if<double>(&item))
      key += fmt::format("{:x}", std::bit_cast<uint64_t>(*d));
    if (const auto* s = std::get_if<std::string>(&item)) key += fmt::format("{}:{}", s->size(), *s);
    if (const auto* l = std::get_if<std::vector<int64_t>>(&item))
      key += fmt::format("{}", fmt::join(*l, ","));
  }
  return key;
}

// What an output needs. Of an identity only its value is: its other inputs act backward alone.
std::vector<bool> alive(const Graph& g) {
  std::vector<bool> live(g.size());
  for (const Output& o : g.outputs()) live[o.id] = true;
  for (int id = g.size() - 1; id >= 0; --id) {
    if (!live[id]) continue;
    const Node& n = g.node(id);
    for (size_t i = 0; i < (n.op->identity ? 1 : n.in.size()); ++i) live[n.in[i]] = true;
  }
  return live;
}

// Without identities, with constants folded and equal expressions shared.
void rewrite(const Graph& from, Graph& to, Fold fold, const std::set<std::string>& off) {
  std::map<std::string, int> known;
  std::vector<int> map(from.size());
  for (int id = 0; id < from.size(); ++id) {
    const Node& n = from.node(id);
    if (n.op->identity) {
      map[id] = map[n.in[0]];
      continue;
    }
    std::vector<int> in;
    for (const int i : n.in) in.push_back(map[i]);
    const OpDef* op = n.op;
    Attrs attrs = n.attrs;
    if (!off.contains("fold-constants"))
      if (const auto value = folded(to, n, in, fold)) {
        op = &ops::constant;
        attrs = {{"value", *value}};
        in.clear();
      }
    const bool share = !is_input(n) && !off.contains("common-subexpressions");
    const auto [seen, fresh] = known.try_emplace(expression(*op, in, attrs), to.size());
    if (share && !fresh) {
      map[id] = seen->second;
      continue;
    }
    std::vector<Value> values;
    for (const int i : in) values.push_back(to.value(i));
    map[id] = to.add(*op, values, std::move(attrs)).named(n.name).id;
  }
  for (Output o : from.outputs()) {
    o.id = map[o.id];
    to.edit_outputs().push_back(o);
  }
}

// Inputs stay: whoever binds them need not know what became of them.
void drop_dead_code(const Graph& from, Graph& to) {
  const std::vector<bool> live = alive(from);
  std::vector<int> map(from.size(), -1);
  for (int id = 0; id < from.size(); ++id) {
    const Node& n = from.node(id);
    if (!live[id] && !is_input(n)) continue;
    std::vector<Value> in;
    for (const int i : n.in) in.push_back(to.value(map[i]));
    map[id] = to.add(*n.op, in, n.attrs).named(n.name).id;
  }
  for (Output o : from.outputs()) {
    o.id = map[o.id];
    to.edit_outputs().push_back(o);
  }
}

}  // namespace

std::span<const PassInfo> pass_names() { return kPasses; }

std::set<std::string> resolve_passes_off(const std::set<std::string>& names) {
  std::set<std::string> asked = names, off;
  if (const char* more = std::getenv("OMNISCALE_PASSES_OFF")) {
    std::stringstream list(more);
    for (std::string name; std::getline(list, name, ',');) asked.insert(name);
  }
  std::vector<std::string> known;
  for (const PassInfo& p : kPasses) known.push_back(p.name);
  for (const std::string& name : asked) {
    if (name.empty()) continue;
    bool found = false;
    for (const PassInfo& p : kPasses)
      if (name == p.name || (name == "all" && p.keeps_bits)) off.insert(p.name), found = true;
    require(found, "there is no pass '{}'{}", name, suggest(name, known));
  }
  return off;
}

void simplify(const Graph& from, Graph& to, Fold fold, const std::set<std::string>& off) {
  if (off.contains("dead-code")) return rewrite(from, to, fold, off);
  Graph whole;
  rewrite(from, whole, fold, off);
  drop_dead_code(whole, to);
}

void separate_outputs(Graph& g) {
  std::set<int> taken;
  std::vector<Output>& outputs = g.edit_outputs();
  for (Output& o : outputs) {
    const Node& n = g.node(o.id);
    const bool computed = !n.in.empty() && !n.op->alias && !n.op->row_gather;
    if (!computed || !taken.insert(o.id).second) {
      o.id = copy_of(g.value(o.id)).id;
      taken.insert(o.id);
    }
  }
}

}  // namespace omni
