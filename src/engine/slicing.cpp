#include "engine/slicing.h"

#include <algorithm>
#include <map>
#include <optional>

#include "ops/elementwise.h"
#include "ops/leaf.h"

namespace omni {
namespace {

// A slice of an MLP with layers of some hundred units fits a 1-2 MiB L2 cache at 256 rows in f32,
// 512 in bf16; wide activations (images) get fewer rows. Fewer than 32 rows would starve the matrix
// kernels.
constexpr int64_t kBytesPerColumn = 1 << 10;  // one value of each row of a slice
constexpr int64_t kLeastRows = 32;
constexpr int64_t kBytesPerSlice = 1 << 20;  // of the largest activation
constexpr int64_t kPartialBytes = 32 << 20;  // of all partial sums together

// What a node is when rows are cut apart.
enum class Part { free, row, sum, after };

// Nothing if rows cannot be cut apart.
std::optional<std::vector<Part>> classify(const Graph& g) {
  std::vector<Part> part(g.size(), Part::free);
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    bool from_rows = false, after = false;
    for (const int i : n.in) {
      from_rows |= part[i] == Part::row;
      after |= part[i] == Part::sum || part[i] == Part::after;
    }
    if (n.type.batch == kMixedBatch) return std::nullopt;
    if (n.type.batch >= 0) {
      if (after) return std::nullopt;
      part[id] = Part::row;
    } else if (from_rows) {
      if (after || n.type.dtype != DType::f32) return std::nullopt;
      part[id] = Part::sum;
    } else if (after) {
      part[id] = Part::after;
    }
  }
  return part;
}

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
bool rows_can_be_aimed_at(const Graph& g, const std::vector<Part>& part) {
  for (int id = 0; id < g.size(); ++id)
    if (is_input(g.node(id)) && g.node(id).type.batch > 0) return false;
  for (const Output& o : g.outputs())
    if (part[o.id] == Part::row && (o.update || g.node(o.id).type.batch > 0)) return false;
  return true;
}

int64_t rows_per_slice(const Graph& g, const std::vector<Part>& part, int64_t batch,
                       int64_t value_bytes) {
  int64_t widest = 1, sums = 1;  // bytes
  for (int id = 0; id < g.size(); ++id) {
    const Type& t = g.node(id).type;
    if (part[id] == Part::row) widest = std::max(widest, t.count() / batch * value_bytes);
    if (part[id] == Part::sum) sums += t.bytes();
  }
  int64_t rows = kBytesPerColumn / value_bytes;
  while (rows > kLeastRows && rows * widest > kBytesPerSlice) rows /= 2;
  while (rows < batch && (batch + rows - 1) / rows * sums > kPartialBytes) rows *= 2;
  const int64_t slices = (batch + rows - 1) / rows;
  return (batch + slices - 1) / slices;  // as even as can be
}

// Copies nodes on demand, with another number of rows.
class Copier {
 public:
  Copier(const Graph& from, Graph& to, int64_t rows) : from_(from), to_(to), rows_(rows) {}

  Value operator()(int id) {
    if (const auto it = map_.find(id); it != map_.end()) return to_.value(it->second);
    const Node& n = from_.node(id);
    Attrs attrs = n.attrs;
    if (n.type.batch >= 0 && attrs.has("shape")) {
      std::vector<int64_t> dims = attrs.list("shape");
      dims[n.type.batch] = rows_;
      attrs.set("shape", dims);
    }
    std::vector<Value> in;
    for (const int i : n.in) in.push_back((*this)(i));
    const Value v = to_.add(*n.op, in, attrs).named(n.name);
    map_[id] = v.id;
    return v;
  }
  void set(int id, Value v) { map_[id] = v.id; }

 private:
  const Graph& from_;
  Graph& to_;
  int64_t rows_;
  std::map<int, int> map_;
};

}  // namespace

std::string partial_name(const std::string& partial, int slice) {
  return fmt::format("{}.{}", partial, slice);
}

std::unique_ptr<SlicedGraph> slice_batch(const Graph& g, int64_t value_bytes) {
  const auto part = classify(g);
  const int64_t batch = batch_of(g);
  if (!part || batch == 0 || !rows_can_be_aimed_at(g, *part)) return nullptr;
  const int64_t rows = rows_per_slice(g, *part, batch, value_bytes);
  if (rows >= batch) return nullptr;

  auto out = std::make_unique<SlicedGraph>();
  for (int64_t begin = 0; begin < batch; begin += rows) {
    const int64_t n = std::min(rows, batch - begin);
    out->slices.push_back({begin, n, n == rows ? 0 : 1});
  }

  std::vector<int> sums;
  for (int id = 0; id < g.size(); ++id)
    if ((*part)[id] == Part::sum) {
      sums.push_back(id);
      out->partials.push_back(fmt::format("partial.{}", id));
    }
  for (const int64_t n : {rows, out->slices.back().rows}) {
    if (!out->bodies.empty() && n == rows) break;
    auto body = std::make_unique<Graph>();
    Copier copy(g, *body, n);
    // In the original order, so that scheduling sees what it would see in the whole graph.
    for (int id = 0; id < g.size(); ++id)
      if ((*part)[id] == Part::row || (*part)[id] == Part::sum) copy(id);
    for (size_t i = 0; i < sums.size(); ++i) body->result(out->partials[i], copy(sums[i]));
    for (const Output& o : g.outputs())
      if ((*part)[o.id] == Part::row) body->result(o.name, copy(o.id));
    out->bodies.push_back(std::move(body));
  }

  std::map<std::string, int> inputs;
  for (int id = 0; id < g.size(); ++id)
    if (is_input(g.node(id))) inputs[g.node(id).name] = id;
  Copier copy(g, out->tail, batch);
  for (size_t i = 0; i < sums.size(); ++i) {
    std::vector<Value> parts;
    for (size_t s = 0; s < out->slices.size(); ++s)
      parts.push_back(input(out->tail, partial_name(out->partials[i], static_cast<int>(s)),
                            g.node(sums[i]).type, Role::data));
    copy.set(sums[i], sum_n(parts));
  }
  for (const Output& o : g.outputs()) {
    if ((*part)[o.id] == Part::row) continue;
    if (o.update)
      out->tail.update(copy(inputs.at(o.name)), copy(o.id));
    else
      out->tail.result(o.name, copy(o.id));
  }
  return out;
}

}  // namespace omni
