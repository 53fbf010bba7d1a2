#include "engine/stages.h"

#include <algorithm>
#include <limits>
#include <ranges>

#include "ops/leaf.h"

namespace omni {
namespace {

constexpr int kNobody = std::numeric_limits<int>::max();

bool in_body(Part p) { return p == Part::row || p == Part::sum; }
bool in_tail(Part p) { return p == Part::sum || p == Part::after; }

// Nothing if a value mixes rows in another way than by a sum.
std::optional<std::vector<Part>> classify(const Graph& g) {
  std::vector<Part> part(g.size(), Part::free);
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    bool from_rows = false, from_sums = false;
    for (const int i : n.in) {
      from_rows |= part[i] == Part::row;
      from_sums |= in_tail(part[i]);
    }
    if (n.type.batch == kMixedBatch) return std::nullopt;
    if (n.type.batch >= 0) {
      part[id] = Part::row;
    } else if (from_rows) {
      if (n.type.dtype != DType::f32) return std::nullopt;
      part[id] = Part::sum;
    } else if (from_sums) {
      part[id] = Part::after;
    }
  }
  return part;
}

// The first stage that could compute each node. A sum's value is there one stage later.
std::vector<int> earliest_stages(const Graph& g, const std::vector<Part>& part) {
  std::vector<int> stage(g.size(), 0);
  for (int id = 0; id < g.size(); ++id)
    for (const int i : g.node(id).in)
      stage[id] = std::max(stage[id], stage[i] + (part[i] == Part::sum));
  return stage;
}

// Rows and sums, and what comes after sums as far as they read it.
std::vector<bool> feeds_bodies(const Graph& g, const std::vector<Part>& part) {
  std::vector<bool> feeds(g.size());
  for (int id = g.size() - 1; id >= 0; --id) {
    if (in_body(part[id])) feeds[id] = true;
    if (feeds[id] && part[id] != Part::free)
      for (const int i : g.node(id).in) feeds[i] = part[i] != Part::free;
  }
  return feeds;
}

// Elementwise passes over its operands, and views of them, make it.
bool is_cheap(const Node& n) {
  return is_input(n) || n.op->elementwise || n.op->alias || n.op->row_gather;
}

// Rows that any stage can make for itself from what it is given: pixels, labels, masks.
std::vector<bool> made_of_inputs(const Graph& g, const std::vector<Part>& part) {
  std::vector<bool> made(g.size());
  for (int id = 0; id < g.size(); ++id)
    made[id] =
        part[id] == Part::row && is_cheap(g.node(id)) &&
        std::ranges::all_of(g.node(id).in, [&](int i) { return part[i] == Part::free || made[i]; });
  return made;
}

// The rule, which keeps few bytes from stage to stage without weighing them:
// 1. As late as readers allow. A forward pass whose gradient waits for a sum is computed beside its
//    gradient, and only what the sum is made of comes before: where a loss divides by the number of
//    rows of a class, the first stage counts labels and the second does all the rest.
// 2. What leads to no later stage (losses, gradients of parameters) goes where the last of its
//    operands is made, still in cache, and what only such nodes read goes beside them. Operands
//    that any stage can make for itself have no say.
// Nodes that wait for a sum settle before those that do not, which can go anywhere and follow.
std::vector<int> best_stages(const Graph& g, const std::vector<Part>& part) {
  const std::vector<int> earliest = earliest_stages(g, part);
  const std::vector<bool> concerned = feeds_bodies(g, part), anywhere = made_of_inputs(g, part);
  std::vector<std::vector<int>> readers(g.size());
  for (int id = 0; id < g.size(); ++id)
    for (const int i : g.node(id).in)
      if (concerned[id]) readers[i].push_back(id);

  std::vector<int> stage(g.size(), kNobody);  // of what comes after: the first that may read it
  const auto latest = [&](int id) {
    int at = kNobody;
    for (const int r : readers[id]) at = std::min(at, stage[r]);
    return at == kNobody ? at : at - (part[id] == Part::sum);
  };
  for (const bool waiting : {true, false}) {
    std::vector<int> mine, unasked;
    for (int id = 0; id < g.size(); ++id)
      if (concerned[id] && (earliest[id] > 0) == waiting) mine.push_back(id);
    for (const int id : std::views::reverse(mine)) stage[id] = latest(id);  // 1
    for (const int id : mine) {                                             // 2
      if (stage[id] != kNobody) continue;
      unasked.push_back(id);
      stage[id] = earliest[id];
      for (const int i : g.node(id).in)
        if (stage[i] != kNobody && !anywhere[i])
          stage[id] = std::max(stage[id], stage[i] + (part[i] == Part::sum));
    }
    for (const int id : std::views::reverse(unasked))
      if (const int at = latest(id); at != kNobody) stage[id] = at;
  }
  for (int id = 0; id < g.size(); ++id) {
    if (in_body(part[id])) continue;
    stage[id] = 0;  // of what comes after, from here on: whose tail can make it
    for (const int i : g.node(id).in)
      if (in_tail(part[i])) stage[id] = std::max(stage[id], stage[i]);
  }
  return stage;
}

// Which rows later stages had better compute again: those that elementwise passes make from inputs,
// from values that all rows share, and from at most one row that is kept anyway. Reading that row
// costs what reading the result would, and nothing has to be written.
class Remade {
 public:
  explicit Remade(const Graph& g) : g_(g), remade_(g.size()), source_(g.size(), kNobody) {}

  // To be asked once for each node, in order, when `staged` says which rows before it are kept.
  bool operator()(int id, const std::vector<Staged>& staged) {
    const Node& n = g_.node(id);
    remade_[id] = is_cheap(n);
    for (const int i : n.in) {
      if (staged[i].part != Part::row || !remade_[id]) continue;
      const int from = staged[i].kept ? i : source_[i];
      const bool second = source_[id] != kNobody && from != kNobody && source_[id] != from;
      remade_[id] = (staged[i].kept || remade_[i]) && !second;
      if (from != kNobody) source_[id] = from;
    }
    return remade_[id];
  }

 private:
  const Graph& g_;
  std::vector<bool> remade_;
  std::vector<int> source_;  // the kept row that a remade row is made from
};

}  // namespace

std::optional<std::vector<Staged>> assign_stages(const Graph& g) {
  const auto part = classify(g);
  if (!part) return std::nullopt;
  const std::vector<int> stage = best_stages(g, *part);
  std::vector<int> last_reader(g.size(), -1);  // the last stage whose bodies read it
  for (int id = 0; id < g.size(); ++id)
    if (in_body((*part)[id]))
      for (const int i : g.node(id).in) last_reader[i] = std::max(last_reader[i], stage[id]);

  std::vector<Staged> staged(g.size());
  Remade remade(g);
  for (int id = 0; id < g.size(); ++id) {
    Staged& s = staged[id] = {(*part)[id], stage[id], false};
    const bool later = last_reader[id] > s.stage;
    s.kept = s.part == Part::row ? !remade(id, staged) && later : in_tail(s.part) && later;
    for (const int i : g.node(id).in)
      if (in_body(s.part) && in_tail(staged[i].part))
        check(staged[i].stage < s.stage, "%{} reads %{} before its stage", id, i);
  }
  return staged;
}

}  // namespace omni
