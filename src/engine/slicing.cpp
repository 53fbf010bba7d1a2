#include "engine/slicing.h"

#include <algorithm>
#include <functional>
#include <map>

#include "engine/stages.h"
#include "ops/elementwise.h"
#include "ops/leaf.h"

namespace omni {
namespace {

int64_t batch_of(const Graph& g) {
  int64_t batch = 0;
  for (int id = 0; id < g.size(); ++id) {
    const Type& t = g.node(id).type;
    if (t.batch < 0) continue;
    if (batch != 0 && batch != t.shape[t.batch]) return 0;  // two kinds of rows
    batch = t.shape[t.batch];
  }
  return batch;
}

// Slices of rows are bound in place: rows must be the first axis of what comes from and goes
// outside. A batched value that an update keeps has nobody to collect its slices.
bool slices_can_be_bound_in_place(const Graph& g, const std::vector<Staged>& staged) {
  for (int id = 0; id < g.size(); ++id)
    if (is_input(g.node(id)) && g.node(id).type.batch > 0) return false;
  for (const Output& o : g.outputs())
    if (staged[o.id].part == Part::row && (o.update || g.node(o.id).type.batch > 0)) return false;
  return true;
}

// Rows that one sample has in the products of the graph: the positions of a sequence, otherwise 1.
// `enough` where there are more, or no products.
int64_t matrix_rows(const Graph& g, int64_t batch, int64_t enough) {
  int64_t least = enough;
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (n.op->flops && n.type.batch >= 0)
      least = std::min(least, n.type.count() / batch / n.type.shape.back());
  }
  return std::max<int64_t>(least, 1);
}

int64_t rows_per_slice(const Graph& g, const std::vector<Staged>& staged, int64_t batch,
                       const DeviceLimits& limits, int64_t value_bytes) {
  int64_t widest = 1, sums = 1;  // bytes
  for (int id = 0; id < g.size(); ++id) {
    const Type& t = g.node(id).type;
    if (staged[id].part == Part::row) widest = std::max(widest, t.count() / batch * value_bytes);
    if (staged[id].part == Part::sum) sums += t.bytes();
  }
  const int64_t enough = limits.least_matrix_rows, least = enough / matrix_rows(g, batch, enough);
  int64_t rows = limits.slice_column_bytes / value_bytes;
  while (rows > least && rows * widest > limits.slice_bytes) rows /= 2;
  while (rows < batch && (batch + rows - 1) / rows * sums > limits.partial_bytes) rows *= 2;
  const int64_t slices = (batch + rows - 1) / rows;
  return (batch + slices - 1) / slices;  // as even as can be
}

// Names of what bodies and tails hand on.
std::string rows_name(int id) { return fmt::format("rows.{}", id); }
std::string partial_sum_name(int id) { return fmt::format("partial.{}", id); }
std::string total_name(int id) { return fmt::format("total.{}", id); }

// Copies nodes on demand, with another number of rows. `given` names those that are inputs of the
// copy, and is empty for the others.
class Copier {
 public:
  using Given = std::function<std::string(int id)>;
  Copier(const Graph& from, Graph& to, int64_t rows, Given given)
      : from_(from), to_(to), rows_(rows), given_(std::move(given)) {}

  Value operator()(int id) {
    if (const auto it = map_.find(id); it != map_.end()) return to_.value(it->second);
    const Value v = made(id);
    map_[id] = v.id;
    return v;
  }
  void set(int id, Value v) { map_[id] = v.id; }

 private:
  Value made(int id) {
    const Node& n = from_.node(id);
    if (const std::string name = given_(id); !name.empty()) {
      Type t = n.type;
      if (t.batch >= 0) t.shape[t.batch] = rows_;
      return input(to_, name, t, Role::data);
    }
    Attrs attrs = n.attrs;
    if (n.type.batch >= 0 && attrs.has("shape")) {
      std::vector<int64_t> dims = attrs.list("shape");
      dims[n.type.batch] = rows_;
      attrs.set("shape", dims);
    }
    std::vector<Value> in;
    for (const int i : n.in) in.push_back((*this)(i));
    return to_.add(*n.op, in, attrs).named(n.name);
  }

  const Graph& from_;
  Graph& to_;
  int64_t rows_;
  Given given_;
  std::map<int, int> map_;
};

// The part of stage number `stage` that runs for each slice.
std::unique_ptr<Graph> make_body(const Graph& g, const std::vector<Staged>& staged, int stage,
                                 int64_t rows) {
  auto body = std::make_unique<Graph>();
  Copier copy(g, *body, rows, [&](int id) -> std::string {
    const Staged& s = staged[id];
    if (s.part == Part::sum && s.stage == stage) return {};
    if (s.part == Part::row) return s.kept && s.stage < stage ? rows_name(id) : "";
    return s.kept ? total_name(id) : "";
  });
  const auto mine = [&](int id, Part part) {
    return staged[id].part == part && staged[id].stage == stage;
  };
  // In the original order, so that scheduling sees what it would see in the whole graph.
  for (int id = 0; id < g.size(); ++id)
    if (mine(id, Part::row) || mine(id, Part::sum)) copy(id);
  for (int id = 0; id < g.size(); ++id)
    if (mine(id, Part::sum)) body->result(partial_sum_name(id), copy(id));
  for (int id = 0; id < g.size(); ++id)
    if (mine(id, Part::row) && staged[id].kept) body->result(rows_name(id), copy(id));
  for (const Output& o : g.outputs())
    if (mine(o.id, Part::row)) body->result(o.name, copy(o.id));
  return body;
}

// The part of stage number `stage` that runs once, when all slices are done.
void make_tail(const Graph& g, const std::vector<Staged>& staged, int stage, bool last, int slices,
               Graph& tail) {
  Copier copy(g, tail, 0, [&](int id) {
    return staged[id].kept && staged[id].stage < stage ? total_name(id) : "";
  });
  for (int id = 0; id < g.size(); ++id) {
    if (staged[id].part != Part::sum || staged[id].stage > stage) continue;
    std::vector<Value> parts;
    for (int s = 0; s < slices; ++s)
      parts.push_back(
          input(tail, partial_name(partial_sum_name(id), s), g.node(id).type, Role::data));
    copy.set(id, sum_n(parts));
  }
  for (int id = 0; id < g.size(); ++id)
    if (staged[id].part != Part::row && staged[id].kept && staged[id].stage == stage)
      tail.result(total_name(id), copy(id));
  if (!last) return;
  std::map<std::string, int> inputs;
  for (int id = 0; id < g.size(); ++id)
    if (is_input(g.node(id))) inputs[g.node(id).name] = id;
  for (const Output& o : g.outputs()) {
    if (staged[o.id].part == Part::row) continue;
    if (o.update)
      tail.update(copy(inputs.at(o.name)), copy(o.id));
    else
      tail.result(o.name, copy(o.id));
  }
}

}  // namespace

std::string partial_name(const std::string& partial, int slice) {
  return fmt::format("{}.{}", partial, slice);
}

std::unique_ptr<SlicedGraph> slice_batch(const Graph& g, const DeviceLimits& limits,
                                         int64_t value_bytes) {
  if (limits.slice_column_bytes == 0) return nullptr;
  const auto staged = assign_stages(g);
  const int64_t batch = batch_of(g);
  if (!staged || batch == 0 || !slices_can_be_bound_in_place(g, *staged)) return nullptr;
  const int64_t rows = rows_per_slice(g, *staged, batch, limits, value_bytes);
  if (rows >= batch) return nullptr;

  auto out = std::make_unique<SlicedGraph>();
  for (int64_t begin = 0; begin < batch; begin += rows) {
    const int64_t n = std::min(rows, batch - begin);
    out->slices.push_back({begin, n, n == rows ? 0 : 1});
  }
  int last = 0;
  for (const Staged& s : *staged) last = std::max(last, s.stage);
  for (int k = 0; k <= last; ++k) {
    Stage& stage = out->stages.emplace_back();
    stage.bodies.push_back(make_body(g, *staged, k, rows));
    if (const int64_t n = out->slices.back().rows; n != rows)
      stage.bodies.push_back(make_body(g, *staged, k, n));
    make_tail(g, *staged, k, k == last, static_cast<int>(out->slices.size()), stage.tail);
  }
  return out;
}

}  // namespace omni
