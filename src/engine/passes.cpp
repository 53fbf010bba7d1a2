#include "engine/passes.h"

#include <fmt/ranges.h>

#include <bit>
#include <cstdlib>
#include <map>
#include <memory>
#include <sstream>

#include "base/nearest.h"
#include "ops/elementwise.h"
#include "ops/leaf.h"
#include "ops/pool.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

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

// Copies `from` to `to` node by node. place(id, in) says which node of `to` stands for node id,
// whose inputs are `in` there; -1: none does, and nobody asks for it.
template <class Place>
void rewrite(const Graph& from, Graph& to, Place place) {
  std::vector<int> map(from.size());
  for (int id = 0; id < from.size(); ++id) {
    std::vector<int> in;
    for (const int i : from.node(id).in) in.push_back(map[i]);
    map[id] = place(id, in);
  }
  for (Output o : from.outputs()) {
    o.id = map[o.id];
    to.edit_outputs().push_back(o);
  }
}

int copy_node(const Node& n, const std::vector<int>& in, Graph& to) {
  std::vector<Value> values;
  for (const int i : in) values.push_back(to.value(i));
  return to.add(*n.op, values, n.attrs).named(n.name).id;
}

bool any_node(const Graph& g, auto&& is) {
  for (int id = 0; id < g.size(); ++id)
    if (is(g.node(id))) return true;
  return false;
}

bool has_identities(const Graph& g) {
  return any_node(g, [](const Node& n) { return n.op->identity; });
}

void drop_identities(const Graph& from, Graph& to) {
  rewrite(from, to, [&](int id, const std::vector<int>& in) {
    const Node& n = from.node(id);
    return n.op->identity ? in[0] : copy_node(n, in, to);
  });
}

void fold_constants(const Graph& from, Graph& to, Fold fold) {
  rewrite(from, to, [&](int id, const std::vector<int>& in) {
    const Node& n = from.node(id);
    const auto value = folded(to, n, in, fold);
    return value ? constant(to, *value).named(n.name).id : copy_node(n, in, to);
  });
}

bool has_pooling_gradients(const Graph& g) {
  return any_node(g, [](const Node& n) { return n.op == &ops::max_pool2d_gradient; });
}

// The gradient of max pooling over a ReLU's output x reaches the largest place of each window, and
// the ReLU's mask asks whether that is above 0: as the pooled value is, of which there are fewer.
void mask_pooled(const Graph& from, Graph& to, Fold) {
  rewrite(from, to, [&](int id, const std::vector<int>& in) {
    const Node& n = from.node(id);
    if (n.op != &ops::where_positive) return copy_node(n, in, to);
    const Node spread = to.node(in[1]);
    const int x = in[0];
    if (spread.op != &ops::max_pool2d_gradient || spread.in[0] != x) return copy_node(n, in, to);
    const Value pooled = to.add(ops::max_pool2d, {to.value(x)}, spread.attrs);
    const Value masked = where_positive(pooled, to.value(spread.in[1]));
    return to.add(ops::max_pool2d_gradient, {to.value(x), masked}, spread.attrs).named(n.name).id;
  });
}

void share_expressions(const Graph& from, Graph& to, Fold) {
  std::map<std::string, int> known;
  rewrite(from, to, [&](int id, const std::vector<int>& in) {
    const Node& n = from.node(id);
    if (is_input(n)) return copy_node(n, in, to);
    const auto [seen, fresh] = known.try_emplace(expression(*n.op, in, n.attrs), to.size());
    return fresh ? copy_node(n, in, to) : seen->second;
  });
}

// Inputs stay: whoever binds them need not know what became of them.
void drop_dead_code(const Graph& from, Graph& to, Fold) {
  std::vector<bool> live(from.size());
  for (const Output& o : from.outputs()) live[o.id] = true;
  for (int id = from.size() - 1; id >= 0; --id)
    if (live[id])
      for (const int i : from.node(id).in) live[i] = true;
  rewrite(from, to, [&](int id, const std::vector<int>& in) {
    const Node& n = from.node(id);
    return live[id] || is_input(n) ? copy_node(n, in, to) : -1;
  });
}

constexpr PassInfo kPasses[] = {
    {Pass::fold_constants, "fold-constants", "compute scalars known now when the program is made",
     true, true, fold_constants, true},
    {Pass::mask_pooled, "mask-pooled",
     "mask a pooled ReLU's gradient before it is spread over the image", true, true, mask_pooled,
     false, has_pooling_gradients},
    {Pass::common_subexpressions, "common-subexpressions", "compute equal expressions once", true,
     false, share_expressions, true},
    {Pass::dead_code, "dead-code", "drop what no output needs", true, false, drop_dead_code, true},
    {Pass::fuse_elementwise, "fuse-elementwise",
     "run chains of elementwise ops as one pass over cached blocks", true, true},
    {Pass::fuse_gathers, "fuse-gathers",
     "read picked rows inside the elementwise pass that uses them", true, true},
    // But where a product is minus infinity: oneDNN's ReLU makes it NaN, ours 0.
    {Pass::fuse_epilogues, "fuse-epilogues",
     "add the bias and apply ReLU inside the matmul or convolution", true, true},
    {Pass::update_in_place, "update-in-place",
     "overwrite a parameter as soon as its last reader is done", true, true},
    {Pass::share_memory, "share-memory",
     "let values that do not live at the same time share memory", true, true},
    {Pass::slice_batch, "slice-batch",
     "cut large batches into slices of rows that fit the cache and share out over cores; sums over "
     "the batch are added slice by slice",
     false, false},
};

}  // namespace

std::span<const PassInfo> passes() { return kPasses; }

std::set<Pass> passes_named(const std::set<std::string>& names) {
  std::vector<std::string> known;
  for (const PassInfo& p : kPasses) known.push_back(p.name);
  std::set<Pass> off;
  for (const std::string& name : names) {
    bool found = false;
    for (const PassInfo& p : kPasses)
      if (name == p.name || (name == "all" && p.keeps_bits)) off.insert(p.pass), found = true;
    require(found, "there is no pass '{}'{}", name, suggest(name, known));
  }
  return off;
}

std::set<std::string> names_of(const std::set<Pass>& passes) {
  std::set<std::string> names;
  for (const PassInfo& p : kPasses)
    if (passes.contains(p.pass)) names.insert(p.name);
  return names;
}

std::set<std::string> passes_in(const std::string& text) {
  std::set<std::string> names;
  std::stringstream list(text);
  for (std::string name; std::getline(list, name, ',');)
    if (!name.empty()) names.insert(name);
  return names_of(passes_named(names));
}

std::set<std::string> passes_off_here() {
  const char* text = std::getenv("OMNISCALE_PASSES_OFF");
  return passes_in(text ? text : "");
}

void simplify(const Graph& from, Graph& to, Fold fold, const std::set<Pass>& off) {
  std::unique_ptr<Graph> last;
  const auto graph = [&]() -> const Graph& { return last ? *last : from; };
  const auto run = [&](auto&& rewrite) {
    auto next = std::make_unique<Graph>();
    rewrite(*next);
    last = std::move(next);
  };
  if (has_identities(from)) run([&](Graph& next) { drop_identities(from, next); });
  for (const PassInfo& p : kPasses)
    if (p.rewrite && !off.contains(p.pass) && (!p.applies || p.applies(graph())))
      run([&](Graph& next) { p.rewrite(graph(), next, fold); });
  if (!last) run([&](Graph& next) { drop_identities(from, next); });
  to.replace_with(*last, last->outputs());
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
