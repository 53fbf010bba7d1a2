#include "graph/inspect.h"

#include <fmt/ranges.h>

#include <map>
#include <set>

#include "base/hash.h"

namespace omni {

void verify(const Graph& g, const char* when) {
  std::map<std::string, Shape> inputs;
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    std::vector<Type> types;
    for (const int i : n.in) {
      check(i >= 0 && i < id, "{}: %{} = {} reads %{}, which comes later", when, id, n.op->name, i);
      types.push_back(g.node(i).type);
    }
    const Type expected = n.op->type(types, n.attrs);
    // Only storage may differ from the rule: the precision pass narrows f32 to bf16.
    check(expected.shape == n.type.shape && expected.batch == n.type.batch,
          "{}: %{} = {} is {} but its rule gives {}", when, id, n.op->name, n.type, expected);
    check(expected.dtype == n.type.dtype ||
              (expected.dtype == DType::f32 && n.type.dtype == DType::bf16),
          "{}: %{} = {} stores {} for {}", when, id, n.op->name, n.type, expected);
    if (is_input(n))
      check(inputs.emplace(n.name, n.type.shape).second, "{}: two inputs are called '{}'", when,
            n.name);
  }
  std::set<std::pair<bool, std::string>> outputs;
  for (const Output& o : g.outputs()) {
    check(o.id >= 0 && o.id < g.size(), "{}: output '{}' is not in the graph", when, o.name);
    check(outputs.insert({o.update, o.name}).second, "{}: two outputs are called '{}'", when,
          o.name);
    if (!o.update) continue;
    check(inputs.contains(o.name), "{}: '{}' is updated but is no input", when, o.name);
    check(inputs.at(o.name) == g.node(o.id).type.shape, "{}: the update of '{}' is {}", when,
          o.name, g.node(o.id).type);
  }
}

namespace {

std::string text_of(const Attrs::Item& item) {
  if (const auto* i = std::get_if<int64_t>(&item)) return fmt::format("{}", *i);
  if (const auto* d = std::get_if<double>(&item)) return fmt::format("{}", *d);
  if (const auto* s = std::get_if<std::string>(&item)) return *s;
  return fmt::format("[{}]", fmt::join(std::get<std::vector<int64_t>>(item), " "));
}

std::string line_of(const Graph& g, int id) {
  const Node& n = g.node(id);
  std::string text = fmt::format("%{} = {}", id, n.op->name);
  for (const int i : n.in) text += fmt::format(" %{}", i);
  if (!n.attrs.items().empty()) {
    text += " {";
    const char* separator = "";
    for (const auto& [name, item] : n.attrs.items()) {
      text += fmt::format("{}{}={}", separator, name, text_of(item));
      separator = ", ";
    }
    text += "}";
  }
  text += fmt::format(" : {}", n.type);
  return n.name.empty() ? text : text + "  # " + n.name;
}

void add(Hash& hash, const Attrs::Item& item) {
  if (const auto* i = std::get_if<int64_t>(&item)) hash.add(*i);
  if (const auto* d = std::get_if<double>(&item)) hash.add(*d);
  if (const auto* s = std::get_if<std::string>(&item)) hash.add(*s);
  if (const auto* list = std::get_if<std::vector<int64_t>>(&item)) {
    hash.add(std::ssize(*list));
    for (const int64_t i : *list) hash.add(i);
  }
}

}  // namespace

std::string to_string(const Graph& g) {
  std::string text;
  for (int id = 0; id < g.size(); ++id) text += line_of(g, id) + "\n";
  for (const Output& o : g.outputs())
    text += fmt::format("{} {} = %{}\n", o.update ? "update" : "result", o.name, o.id);
  return text;
}

uint64_t fingerprint(const Graph& g) {
  Hash hash;
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    hash.add(n.op->name);
    hash.add(std::ssize(n.in));
    for (const int i : n.in) hash.add(i);
    hash.add(std::ssize(n.attrs.items()));
    for (const auto& [name, item] : n.attrs.items()) hash.add(name), add(hash, item);
    hash.add(static_cast<int>(n.type.dtype));
    hash.add(n.type.batch);
    hash.add(n.type.shape.rank());
    for (const int64_t d : n.type.shape) hash.add(d);
    hash.add(n.name);
  }
  for (const Output& o : g.outputs()) hash.add(o.name), hash.add(o.id), hash.add(int{o.update});
  return hash.value();
}

}  // namespace omni
