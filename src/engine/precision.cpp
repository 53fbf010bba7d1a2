#include "engine/precision.h"

#include <map>

#include "ops/elementwise.h"
#include "ops/leaf.h"

namespace omni {
namespace {

Type stored_as(DType storage, Type t) {
  t.dtype = storage;
  return t;
}

// The same value rounded to bf16.
Value rounded(Value v, DType storage) {
  if (storage == DType::f32) return round_to_bf16(v);
  const Value copy = broadcast_to(v, v.shape(), v.type().batch);
  v.graph->edit(copy.id).type.dtype = storage;  // when it is stored
  return copy;
}

// Whether the op that makes a value may round it.
bool may_round(const Node& n) {
  return !n.in.empty() && !n.op->alias && n.type.dtype == DType::f32 && n.op->takes_bf16;
}

// Rounding and choosing commute. So what a ReLU's mask chooses from may be stored as bf16 if the
// choice is and nobody else reads it: to the same bits, half the bytes are written and read, and
// words are chosen as they stand (cpu::where_positive_bf16). The masks of an MLP's step on 1,024
// rows take 65 us in place of 130, on 128 rows 7.6 in place of 13.1 (AVX-512, Emerald Rapids).
void want_choices(const Graph& g, const std::vector<bool>& readable, std::vector<bool>& wanted) {
  std::vector<bool> chosen_from(g.size()), read_whole(g.size());
  for (int id = g.size() - 1; id >= 0; --id) {  // readers first
    const Node& n = g.node(id);
    if (n.op->alias) continue;
    const bool narrow = readable[id] && may_round(n);
    const bool in_a_pass = n.op->elementwise;  // perhaps the choice's own, which rounds it again
    if (narrow && !in_a_pass && chosen_from[id] && !read_whole[id]) wanted[id] = true;
    for (size_t k = 0; k < n.in.size(); ++k) {
      const bool chooses = n.op == &ops::where_positive && k == 1 && narrow && wanted[id];
      (chooses ? chosen_from : read_whole)[memory_of(g, n.in[k])] = true;
    }
  }
}

}  // namespace

std::string shadow_name(const std::string& input) { return input + "@bf16"; }

void round_what_products_read(Graph& g, DType storage, std::set<std::string>& shadows) {
  const int size = g.size();
  // By the node that makes a value: does anyone want it as bf16, and can all who read it, through
  // reshapes too, read that?
  std::vector<bool> wanted(size), readable(size, true);
  for (int id = 0; id < size; ++id)
    for (const int i : g.node(id).in) {
      const Node& n = g.node(id);
      if (n.op->alias) continue;
      if (n.op->wants_bf16 && is_float(g.node(i).type.dtype)) wanted[memory_of(g, i)] = true;
      if (!n.op->takes_bf16) readable[memory_of(g, i)] = false;
    }
  for (const Output& o : g.outputs()) readable[memory_of(g, o.id)] = false;
  if (storage == DType::bf16) want_choices(g, readable, wanted);

  // Rebuild, since copies and shadows must come before their readers.
  Graph out;
  std::vector<int> map(size, -1);
  std::map<int, int> rounded_copy;  // by old source id: the stand-in for matmul-like readers
  for (int id = 0; id < size; ++id) {
    const Node n = g.node(id);
    std::vector<Value> in;
    for (const int i : n.in) {
      // A reader that wants bf16 of a value that stays f32 gets the copy, reshaped as needed.
      const int source = memory_of(g, i);
      if (n.op->wants_bf16 && rounded_copy.contains(source) && is_float(g.node(i).type.dtype)) {
        Value v = out.value(rounded_copy[source]);
        std::vector<int> chain;
        for (int at = i; g.node(at).op->alias; at = g.node(at).in[0]) chain.push_back(at);
        for (auto it = chain.rbegin(); it != chain.rend(); ++it)
          v = out.add(*g.node(*it).op, {v}, g.node(*it).attrs);
        in.push_back(v);
      } else {
        in.push_back(out.value(map[i]));
      }
    }
    const Value v = out.add(*n.op, in, n.attrs).named(n.name);
    map[id] = v.id;
    if (!wanted[id] || n.type.dtype != DType::f32) continue;
    if (may_round(n) && readable[id]) {
      if (storage == DType::f32)
        map[id] = rounded(v, storage).id;
      else
        out.edit(v.id).type.dtype = storage;
    } else if (is_input(n) && role_of(n) == Role::parameter) {
      shadows.insert(n.name);
      const Type type = stored_as(storage, n.type);
      rounded_copy[id] = input(out, shadow_name(n.name), type, Role::parameter).id;
    } else {
      rounded_copy[id] = rounded(v, storage).id;
    }
  }
  std::vector<Output> outputs = g.outputs();
  for (Output& o : outputs) o.id = map[o.id];
  g.replace_with(out, std::move(outputs));
}

void update_shadows(Graph& g, DType storage, const std::set<std::string>& shadowed) {
  const std::vector<Output> outputs = g.outputs();
  for (const Output& o : outputs) {
    if (!o.update || !shadowed.contains(o.name)) continue;
    const Value v = g.value(o.id);
    const Value shadow =
        input(g, shadow_name(o.name), stored_as(storage, v.type()), Role::parameter);
    g.update(shadow, rounded(v, storage));
  }
}

void make_shadow_graph(const Graph& like, DType storage, const std::set<std::string>& shadowed,
                       Graph& out) {
  for (int id = 0; id < like.size(); ++id) {
    const Node& n = like.node(id);
    if (!is_input(n) || !shadowed.contains(n.name)) continue;
    const Value master = input(out, n.name, n.type, Role::parameter);
    const Value shadow =
        input(out, shadow_name(n.name), stored_as(storage, n.type), Role::parameter);
    out.update(shadow, rounded(master, storage));
  }
}

}  // namespace omni
