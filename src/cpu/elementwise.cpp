// Elementwise ops, alone or fused: one pass over blocks of values that stay in the L1 cache. Every
// op reads and writes whole blocks ("registers"); inputs of other types and broadcast inputs are
// spread into a register first, dense f32 inputs and outputs are used where they lie.
#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "cpu/blocks.h"
#include "cpu/picked_rows.h"
#include "cpu/planner.h"

namespace omni::cpu {
namespace {

// How one input's elements are found for a range of the flat index space.
struct Source {
  void* const* at;
  void* const* index = nullptr;   // row numbers of a gather, else null
  void* const* single = nullptr;  // u8: what `on_bytes` takes beside each value, else null
  ByteKernel on_bytes = nullptr;
  DType dtype = DType::f32;
  bool dense = false;             // element i is at position i
  int64_t table_rows = 0;         // gather: rows of the table
  std::vector<int64_t> sizes, strides;  // collapsed axes, outermost first; strides in elements
};

void load_span(DType t, const void* in, int64_t offset, float* out, int64_t n) {
  switch (t) {
    case DType::f32: return copy(static_cast<const float*>(in) + offset, out, n);
    case DType::bf16: return load_bf16(static_cast<const uint16_t*>(in) + offset, out, n);
    case DType::i32: return load_i32(static_cast<const int32_t*>(in) + offset, out, n);
    case DType::u8: return load_u8(static_cast<const uint8_t*>(in) + offset, out, n);
  }
}

float load_one(DType t, const void* in, int64_t offset) {
  float x;
  load_span(t, in, offset, &x, 1);
  return x;
}

PickedRows picked_rows(const Source& s) {
  return {*s.at, s.table_rows, s.sizes[1] * size_of(s.dtype), static_cast<const int32_t*>(*s.index),
          s.sizes[0]};
}

// What stands at `offset` of `in`, run through on_bytes if there is one.
void load_computed(const Source& s, const void* in, int64_t offset, float* out, int64_t n) {
  if (!s.on_bytes) return load_span(s.dtype, in, offset, out, n);
  const float single = *static_cast<const float*>(*s.single);
  s.on_bytes(static_cast<const uint8_t*>(in) + offset, single, out, n);
}

// What rows that are not in the table hold: zeros, run through on_bytes if there is one.
float load_missing(const Source& s) {
  float x = 0;
  const uint8_t zero = 0;
  if (s.on_bytes) load_computed(s, &zero, 0, &x, 1);
  return x;
}

// Rows of a table picked by number, as if copied out: flat position i is row i / width.
void load_gather(const Source& s, int64_t begin, float* out, int64_t n) {
  const PickedRows picked = picked_rows(s);
  const int64_t width = s.sizes[1];
  int64_t row = begin / width, column = begin % width;
  while (n > 0) {
    const int64_t span = std::min(width - column, n);
    if (column == 0) picked.ask_ahead_of(row);
    if (const char* from = picked.row(row))
      load_computed(s, from, column, out, span);
    else
      fill(load_missing(s), out, span);
    out += span;
    n -= span;
    column = 0;
    ++row;
  }
}

void load_strided(const Source& s, int64_t begin, float* out, int64_t n) {
  const int rank = static_cast<int>(s.sizes.size());
  int64_t at[8], offset = 0;
  for (int axis = rank - 1; axis >= 0; --axis) {
    at[axis] = begin % s.sizes[axis];
    begin /= s.sizes[axis];
    offset += at[axis] * s.strides[axis];
  }
  const int64_t inner = s.sizes[rank - 1], stride = s.strides[rank - 1];
  while (n > 0) {
    const int64_t span = std::min(inner - at[rank - 1], n);
    if (stride == 1)
      load_span(s.dtype, *s.at, offset, out, span);
    else if (stride == 0)
      fill(load_one(s.dtype, *s.at, offset), out, span);
    else
      for (int64_t i = 0; i < span; ++i) out[i] = load_one(s.dtype, *s.at, offset + i * stride);
    out += span;
    n -= span;
    if (n == 0) return;
    offset -= at[rank - 1] * stride;
    at[rank - 1] = 0;
    for (int axis = rank - 2; axis >= 0; --axis) {
      offset += s.strides[axis];
      if (++at[axis] < s.sizes[axis]) break;
      offset -= at[axis] * s.strides[axis];
      at[axis] = 0;
    }
  }
}

// Collapses neighbouring axes that an input walks through evenly.
void set_strides(Source& s, const Shape& space, const Shape& shape) {
  const int extra = space.rank() - shape.rank();
  std::vector<int64_t> strides(space.rank());
  for (int64_t axis = space.rank() - 1, step = 1; axis >= extra; --axis) {
    const int64_t size = shape[static_cast<int>(axis) - extra];
    strides[axis] = size == 1 ? 0 : step;
    step *= size;
  }
  for (int axis = 0; axis < space.rank(); ++axis) {
    if (space[axis] == 1) continue;
    if (!s.sizes.empty() && s.strides.back() == strides[axis] * space[axis]) {
      s.sizes.back() *= space[axis];
      s.strides.back() = strides[axis];
    } else {
      s.sizes.push_back(space[axis]);
      s.strides.push_back(strides[axis]);
    }
  }
  if (s.sizes.empty()) s.sizes = {1}, s.strides = {1};
  s.dense = s.sizes.size() == 1 && s.strides[0] == 1;
  check(s.sizes.size() <= 8, "elementwise: more than 8 axes");
}

constexpr size_t kMaxInputs = 16;

// What an instruction reads or writes: a register, or memory at the block's place.
struct Operand {
  int reg = -1;
  void* const* at = nullptr;   // reg < 0: dense f32 memory, or a single value
  bool single = false;
};

struct Instruction {
  BlockKernel kernel;             // null: the value stands at `out` already, only to be stored
  std::vector<Operand> in;
  Operand out;
  WordKernel on_words = nullptr;  // instead, of bf16 words that stand at `in`, to `store`
  bool round = false;             // the value is stored as bf16: later readers see it rounded
  void* const* store = nullptr;   // narrower memory the register is written to afterwards
  DType store_type = DType::f32;
};

struct Load {
  Source source;
  Operand to;
};

struct Code {
  int64_t count;
  std::vector<Load> once, loads;  // single values; inputs of each block
  std::vector<Instruction> body;
  std::vector<std::pair<int, void* const*>> late_stores;  // registers written when all have read
};

void run_code(const Code& code, int part, int parts) {
  const int64_t blocks = (code.count + kBlock - 1) / kBlock;
  const int64_t first = blocks * part / parts, last = blocks * (part + 1) / parts;
  if (first == last) return;  // another part may be writing what would be read here
  alignas(kAlignment) float registers[kMaxRegisters][kBlock];
  for (const Load& l : code.once)
    fill(load_one(l.source.dtype, *l.source.at, 0), registers[l.to.reg],
         std::min(kBlock, code.count));
  for (const Load& l : code.loads)
    if (l.source.index) picked_rows(l.source).ask_for_first(first * kBlock / l.source.sizes[1]);
  for (int64_t b = first; b < last; ++b) {
    const int64_t begin = b * kBlock, n = std::min(kBlock, code.count - begin);
    for (const Load& l : code.loads) {
      float* to = l.to.reg >= 0 ? registers[l.to.reg] : static_cast<float*>(*l.to.at) + begin;
      if (l.source.index)
        load_gather(l.source, begin, to, n);
      else if (l.source.dense)
        load_computed(l.source, *l.source.at, begin, to, n);
      else
        load_strided(l.source, begin, to, n);
    }
    for (const Instruction& i : code.body) {
      if (i.on_words) {
        const auto words = [&](void* const* at) { return static_cast<uint16_t*>(*at) + begin; };
        const uint16_t* in[kMaxInputs];
        for (size_t k = 0; k < i.in.size(); ++k) in[k] = words(i.in[k].at);
        i.on_words(in, words(i.store), n);
        continue;
      }
      const float* in[kMaxInputs];
      for (size_t k = 0; k < i.in.size(); ++k)
        in[k] = i.in[k].reg >= 0 ? registers[i.in[k].reg]
                                 : static_cast<const float*>(*i.in[k].at) +
                                       (i.in[k].single ? 0 : begin);
      float* out = i.out.reg >= 0 ? registers[i.out.reg] : static_cast<float*>(*i.out.at) + begin;
      if (i.kernel) i.kernel(in, out, n);
      if (i.store && i.store_type == DType::bf16)
        store_bf16(out, static_cast<uint16_t*>(*i.store) + begin, n);
      if (i.store && i.store_type == DType::i32)
        store_i32(out, static_cast<int32_t*>(*i.store) + begin, n);
      if (i.round) round_bf16(out, out, n);
    }
    for (const auto& [reg, at] : code.late_stores)
      copy(registers[reg], static_cast<float*>(*at) + begin, n);
  }
}

// Builds Code for the members of one unit.
class Builder {
 public:
  Builder(Planner& p, std::span<const int> members)
      : p_(p), members_(members), space_(p.type(members.back()).shape) {
    for (const int id : members)
      if (!p.node(id).op->row_gather) {
        position_[id] = static_cast<int>(order_.size());
        order_.push_back(id);
      }
    for (const int id : order_) {
      const Node& n = p.node(id);
      check(n.op->cpu && n.op->cpu->block, "op {} has no CPU kernel", n.op->name);
      check(n.type.shape == space_, "elementwise: {} {} does not fit a unit over {}", n.op->name,
            n.type, space_);
      for (const int i : n.in) last_use_[i] = position_[id];
    }
  }

  Code build() {
    code_.count = space_.count();
    for (const int id : order_) add(id);
    return std::move(code_);
  }

 private:
  void add(int id) {
    const Node& n = p_.node(id);
    const OpPlan& plan = *n.op->cpu;
    Instruction instruction{.kernel = plan.block, .store_type = n.type.dtype};
    bool copies = plan.copies;
    check(n.in.size() <= kMaxInputs, "{}: more than {} inputs", n.op->name, kMaxInputs);
    if (plan.on_words && stands_as_words(n, id)) {
      instruction.on_words = plan.on_words;
      for (const int i : n.in) instruction.in.push_back({-1, p_.address(i), false});
      instruction.store = p_.address(id);
      return code_.body.push_back(std::move(instruction));
    }
    if (std::optional<Source> bytes = bytes_beside_single(id)) {
      if (n.type.dtype == DType::f32 && p_.updated_in_place(id) < 0) {
        const Operand to = p_.is_stored(id) ? Operand{-1, p_.address(id)} : Operand{fresh()};
        code_.loads.push_back({std::move(*bytes), where_[id] = to});
        return;
      }
      instruction.kernel = copy_block;
      copies = true;
      instruction.in = {load(std::move(*bytes), code_.loads)};
    } else {
      for (size_t k = 0; k < n.in.size(); ++k)
        instruction.in.push_back(operand(n.in[k], static_cast<int>(k) >= n.op->scalars_from));
    }
    for (const int i : n.in)
      if (last_use_[i] == position_[id]) release(i);
    const bool stored = p_.is_stored(id), read_later = last_use_.contains(id);
    instruction.round = n.type.dtype == DType::bf16 && read_later;
    if (copies && stored && n.type.dtype != DType::f32 && !read_later) {
      instruction.kernel = nullptr;
      instruction.out = instruction.in[0];
      instruction.store = p_.address(id);
    } else if (stored && n.type.dtype == DType::f32 && !overwrites_what_is_read_later(id)) {
      instruction.out.at = p_.address(id);
      if (read_later) where_[id] = instruction.out;
    } else {
      instruction.out.reg = take();
      where_[id] = instruction.out;
      if (stored && n.type.dtype != DType::f32) instruction.store = p_.address(id);
      if (stored && n.type.dtype == DType::f32) {
        code_.late_stores.push_back({instruction.out.reg, p_.address(id)});
        pinned_.insert(instruction.out.reg);
      }
      if (!read_later) release(id);
    }
    code_.body.push_back(std::move(instruction));
  }

  // Dense bf16 words of other units make words for other units: nothing to widen and to round.
  bool stands_as_words(const Node& n, int id) const {
    const auto words = [&](int i) {
      return p_.dtype(i) == DType::bf16 && p_.type(i).shape == space_ &&
             std::ranges::find(members_, p_.storage(i)) == members_.end();
    };
    return n.type.dtype == DType::bf16 && p_.is_stored(id) && !last_use_.contains(id) &&
           std::ranges::all_of(n.in, words);
  }

  // An update in place must not reach memory before the last reader of the old value in this unit.
  bool overwrites_what_is_read_later(int id) const {
    const int old = p_.updated_in_place(id);
    if (old < 0) return false;
    for (const int other : order_)
      for (const int i : p_.node(other).in)
        if (p_.storage(i) == old && position_.at(other) > position_.at(id)) return true;
    return false;
  }

  Operand operand(int id, bool single) {
    if (const auto it = where_.find(id); it != where_.end()) return it->second;
    check(!position_.contains(id), "elementwise: member %{} is read before it is made", id);
    const Node& n = p_.node(id);
    Source s = source_of(id);
    if (n.type.count() == 1 && !s.index) {
      if (single && n.type.dtype == DType::f32) return {-1, p_.address(id), true};
      const Operand o = load(std::move(s), code_.once);
      pinned_.insert(o.reg);
      return where_[id] = o;
    }
    if (s.dense && s.dtype == DType::f32) return where_[id] = {-1, p_.address(id), false};
    return where_[id] = load(std::move(s), code_.loads);
  }

  // Of a value that is made outside of the unit or picked by a gather inside of it.
  Source source_of(int id) const {
    const Type& t = p_.type(id);
    const int source = p_.storage(id);
    Source s{};
    s.at = p_.address(id);
    s.dtype = t.dtype;
    if (p_.node(source).op->row_gather && std::ranges::find(members_, source) != members_.end()) {
      const Node& gather = p_.node(source);
      s.at = p_.address(gather.in[0]);
      s.index = p_.address(gather.in[1]);
      s.dtype = p_.dtype(gather.in[0]);
      s.table_rows = p_.type(gather.in[0]).shape[0];
      const int64_t rows = std::max<int64_t>(p_.type(gather.in[1]).count(), 1);
      s.sizes = {rows, t.count() / rows};
    } else {
      set_strides(s, space_, t.shape);
    }
    return s;
  }

  // Of bytes that only this node reads, beside a single value: so images enter their graphs.
  std::optional<Source> bytes_beside_single(int id) const {
    const Node& n = p_.node(id);
    if (!n.op->cpu->on_bytes) return std::nullopt;
    for (int k = 0; k < 2; ++k) {
      const int x = n.in[k], other = n.in[1 - k];
      const bool single = p_.type(other).count() == 1 && p_.dtype(other) == DType::f32;
      const bool read_once = !where_.contains(x) && last_use_.at(x) == position_.at(id);
      if (!single || !read_once || position_.contains(x) || p_.type(x).count() == 1) continue;
      Source s = source_of(x);
      if (s.dtype != DType::u8 || !(s.index || s.dense)) continue;
      s.single = p_.address(other);
      s.on_bytes = n.op->cpu->on_bytes;
      return s;
    }
    return std::nullopt;
  }

  // Loads happen before the block's first instruction, so their registers are never shared with
  // results of earlier instructions: they are taken fresh.
  Operand load(Source s, std::vector<Load>& list) {
    const Operand o{fresh(), nullptr, false};
    list.push_back({std::move(s), o});
    return o;
  }

  int fresh() {
    check(next_ < kMaxRegisters, "elementwise: a unit needs more than {} registers", kMaxRegisters);
    return next_++;
  }
  int take() {
    if (free_.empty()) return fresh();
    const int reg = free_.back();
    free_.pop_back();
    return reg;
  }
  void release(int id) {
    const auto it = where_.find(id);
    if (it == where_.end() || it->second.reg < 0 || pinned_.contains(it->second.reg)) return;
    free_.push_back(it->second.reg);
    where_.erase(it);
  }

  Planner& p_;
  std::span<const int> members_;
  Shape space_;
  std::vector<int> order_;
  std::map<int, int> position_, last_use_;
  std::map<int, Operand> where_;
  std::set<int> pinned_;
  std::vector<int> free_;
  int next_ = 0;
  Code code_;
};

}  // namespace

void plan_elementwise(Planner& p, std::span<const int> members) {
  Code code = Builder(p, members).build();
  if (code.count == 0) return;
  p.divisible_step(members.back(),
                   [code = std::move(code)](int part, int parts) { run_code(code, part, parts); });
}

}  // namespace omni::cpu
