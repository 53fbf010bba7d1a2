#include "engine/memory_plan.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <vector>

#include "base/memory.h"
#include "ops/pool.h"

namespace omni {
namespace {

// A stretch of the arena: the value it is made for, when it is in use, by number of unit, and
// where.
struct Block {
  int id, first, last;
  int64_t bytes, offset = 0;
};

class Arena {
 public:
  Arena(const Graph& g, const Layout& layout, const DeviceLimits& limits)
      : g_(g), layout_(layout), limits_(limits) {
    for_each_member([&](int unit, int id) {
      const bool elsewhere = layout_.in_place.contains(id) || layout_.external.contains(id);
      if (!layout_.stored[id] || elsewhere || g_.node(id).op->alias) return;
      block_of_[id] = blocks_.size();
      blocks_.push_back(
          {id, unit, unit,
           round_up(std::max<int64_t>(g_.node(id).type.bytes(), 1), limits.alignment)});
    });
    for_each_member([&](int unit, int id) {
      for (const int i : g_.node(id).in)
        if (const auto it = block_of_.find(memory_of(g_, i)); it != block_of_.end())
          blocks_[it->second].last = std::max(blocks_[it->second].last, unit);
    });
    for (Block& b : blocks_)
      if (layout_.copied.contains(b.id)) keep_to_the_end(b);
  }

  void keep_everything() { std::ranges::for_each(blocks_, keep_to_the_end); }

  // Lets results of elementwise units overwrite inputs that die in them, element by element, and
  // gradients of pooling the images that they are of, where the device can: fewer cache lines are
  // touched. The input must be dense f32 of the unit's shape and have no reader after the op that
  // makes the result.
  void reuse_dying_inputs() {
    for (int u = 0; u < std::ssize(layout_.units); ++u) reuse_dying_inputs(u);
  }

  // Best fit over lifetimes: values in order of size, each at the lowest offset where no value that
  // lives at the same time stands.
  MemoryPlan place() {
    MemoryPlan plan{std::vector<int64_t>(g_.size(), -1)};
    std::vector<Block*> by_size;
    for (Block& b : blocks_)
      if (b.bytes > 0) by_size.push_back(&b);
    std::ranges::stable_sort(by_size, std::greater{}, &Block::bytes);
    for (size_t k = 0; k < by_size.size(); ++k) {
      Block& b = *by_size[k];
      std::vector<std::pair<int64_t, int64_t>> taken;
      for (size_t j = 0; j < k; ++j)
        if (by_size[j]->first <= b.last && b.first <= by_size[j]->last)
          taken.push_back({by_size[j]->offset, by_size[j]->offset + by_size[j]->bytes});
      std::ranges::sort(taken);
      for (const auto& [from, to] : taken) {
        if (b.offset + b.bytes <= from) break;
        b.offset = std::max(b.offset, to);
      }
      plan.bytes = std::max(plan.bytes, b.offset + b.bytes);
    }
    for (const auto& [id, block] : block_of_) plan.offset[id] = blocks_[block].offset;
    return plan;
  }

 private:
  static void keep_to_the_end(Block& b) { b.last = std::numeric_limits<int>::max(); }

  template <class Visit>
  void for_each_member(Visit visit) {
    for (int u = 0; u < std::ssize(layout_.units); ++u)
      for (const int id : layout_.units[u].members) visit(u, id);
  }

  void reuse_dying_inputs(int unit) {
    const std::vector<int>& members = layout_.units[unit].members;
    const OpDef& first = *g_.node(members.front()).op;
    if (ops::may_overwrite_image(g_.node(members.front()))) {
      if (limits_.overwrites_pooled_image) reuse_image(unit);
      return;
    }
    if (!limits_.overwrites_elementwise || (!first.elementwise && !first.row_gather)) return;
    for (const int out : members) {
      const auto own = block_of_.find(out);
      if (own == block_of_.end() || !g_.node(out).op->elementwise) continue;
      for (const int i : g_.node(out).in) {
        const auto dying = block_of_.find(memory_of(g_, i));
        if (dying == block_of_.end() || dying->second == own->second) continue;
        const Block& from = blocks_[dying->second];
        if (from.last != unit || from.first >= unit || !fits(members, out, dying->first)) continue;
        reuse_place(own->second, dying->second);
        break;
      }
    }
  }

  void reuse_image(int unit) {
    const int out = layout_.units[unit].members.front(), image = g_.node(out).in[0];
    const auto own = block_of_.find(out), dying = block_of_.find(memory_of(g_, image));
    if (own == block_of_.end() || dying == block_of_.end()) return;
    const Block& from = blocks_[dying->second];
    const bool dense =
        g_.node(dying->first).type.dtype == DType::f32 && g_.node(out).type.dtype == DType::f32;
    if (from.last == unit && from.first < unit && dense) reuse_place(own->second, dying->second);
  }

  // Block `own` stands where `dying` stood.
  void reuse_place(size_t& own, size_t dying) {
    blocks_[dying].last = blocks_[own].last;
    blocks_[own].bytes = 0;  // given up
    own = dying;
  }

  bool fits(const std::vector<int>& members, int out, int dying) const {
    const auto dtype = [&](int id) { return g_.node(id).type.dtype; };
    for (const int id : members)
      for (const int i : g_.node(id).in)
        if (memory_of(g_, i) == dying && (id > out || !g_.node(id).op->elementwise ||
                                          g_.node(i).type.shape != g_.node(out).type.shape))
          return false;
    return dtype(dying) == DType::f32 && dtype(out) == DType::f32;
  }

  const Graph& g_;
  const Layout& layout_;
  const DeviceLimits& limits_;
  std::vector<Block> blocks_;
  std::map<int, size_t> block_of_;  // by value; several may share one
};

}  // namespace

MemoryPlan plan_memory(const Graph& g, const Layout& layout, const DeviceLimits& limits,
                       const std::set<Pass>& off) {
  Arena arena(g, layout, limits);
  if (off.contains(Pass::share_memory))
    arena.keep_everything();
  else
    arena.reuse_dying_inputs();
  return arena.place();
}

}  // namespace omni
