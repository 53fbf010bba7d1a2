// Slices, concatenations and most transposes are strided copies of runs of bytes; transposes that
// move the last axis go through small blocks, so that both sides use whole cache lines.
#include <algorithm>
#include <cstring>
#include <vector>

#include "cpu/planner.h"
#include "cpu/turn.h"

namespace omni::ops {
namespace {

// An axis of a copy: its length and how many bytes apart neighbours are on both sides.
struct Axis {
  int64_t dim, source, target;
};

// Where the from-th of the combinations of `axes` begins on both sides.
struct Offsets {
  int64_t source = 0, target = 0;
};

Offsets offsets(const std::vector<Axis>& axes, int64_t at) {
  Offsets out;
  for (size_t i = axes.size(); i-- > 0; at /= axes[i].dim) {
    out.source += at % axes[i].dim * axes[i].source;
    out.target += at % axes[i].dim * axes[i].target;
  }
  return out;
}

int64_t combinations(const std::vector<Axis>& axes) {
  int64_t n = 1;
  for (const Axis& a : axes) n *= a.dim;
  return n;
}

// The same copy with as few axes as possible: those of length 1 vanish, those that follow one
// another without a gap on both sides become one.
std::vector<Axis> merged(const std::vector<Axis>& axes) {
  std::vector<Axis> out;
  for (const Axis& a : axes) {
    if (a.dim == 1) continue;
    if (!out.empty() && out.back().source == a.dim * a.source &&
        out.back().target == a.dim * a.target)
      out.back() = {out.back().dim * a.dim, a.source, a.target};
    else
      out.push_back(a);
  }
  return out;
}

std::vector<int64_t> byte_strides(const Type& t) {
  std::vector<int64_t> strides(t.shape.rank());
  int64_t stride = size_of(t.dtype);
  for (int i = t.shape.rank() - 1; i >= 0; stride *= t.shape[i--]) strides[i] = stride;
  return strides;
}

// rows x (line.dim runs of `run` bytes): `rows` are the outer axes, `line` the innermost.
struct StridedCopy {
  std::vector<Axis> rows;
  Axis line{1, 0, 0};
  int64_t run;
};

StridedCopy strided_copy(const std::vector<Axis>& axes, int64_t element) {
  StridedCopy copy{merged(axes), {1, 0, 0}, element};
  if (!copy.rows.empty() && copy.rows.back().source == element &&
      copy.rows.back().target == element) {
    copy.run *= copy.rows.back().dim;
    copy.rows.pop_back();
  }
  if (!copy.rows.empty()) {
    copy.line = copy.rows.back();
    copy.rows.pop_back();
  }
  return copy;
}

template <class T>
void copy_elements(const char* source, char* target, const Axis& line) {
  for (int64_t i = 0; i < line.dim; ++i)
    std::memcpy(target + i * line.target, source + i * line.source, sizeof(T));
}

// The part-th share of the copy, cut between its rows or, if there is one row only, within it.
void run_copy(const StridedCopy& c, const char* source, char* target, int part, int parts) {
  const int64_t rows = combinations(c.rows);
  const bool cut_line = rows == 1;
  const int64_t total = cut_line ? c.line.dim : rows;
  const int64_t begin = total * part / parts, end = total * (part + 1) / parts;
  Axis line = c.line;
  if (cut_line) line.dim = end - begin;
  for (int64_t row = cut_line ? 0 : begin; row < (cut_line ? 1 : end); ++row) {
    const Offsets at = offsets(c.rows, row);
    const int64_t skip = cut_line ? begin : 0;
    const char* from = source + at.source + skip * line.source;
    char* to = target + at.target + skip * line.target;
    if (c.run == 1) {
      copy_elements<uint8_t>(from, to, line);
    } else if (c.run == 4) {
      copy_elements<uint32_t>(from, to, line);
    } else {
      for (int64_t i = 0; i < line.dim; ++i)
        std::memcpy(to + i * line.target, from + i * line.source, c.run);
    }
  }
}

void plan_copy(cpu::Planner& p, int id, int from, StridedCopy copy, int64_t source_offset) {
  const auto source = p.cell<const char>(from);
  const auto target = p.cell<char>(id);
  p.divisible_step(id, [=, copy = std::move(copy)](int part, int parts) {
    run_copy(copy, source.get() + source_offset, target.get(), part, parts);
  });
}

// target[c][a] = source[a][c] for the axes `across` (c, dense in the source) and `along` (a, dense
// in the target), for each combination of `rows`.
struct BlockTranspose {
  std::vector<Axis> rows;
  Axis along, across;
};

constexpr int64_t kTile = 16;  // 16 elements of 4 bytes are a cache line

template <class T>
void transpose_tile(const char* source, char* target, const BlockTranspose& t, int64_t along,
                    int64_t across) {
  if constexpr (sizeof(T) == 4)
    cpu::turn_words(source, t.along.source, along, across, target, t.across.target);
  else
    for (int64_t c = 0; c < across; ++c)
      for (int64_t a = 0; a < along; ++a)
        std::memcpy(target + c * t.across.target + a * static_cast<int64_t>(sizeof(T)),
                    source + a * t.along.source + c * static_cast<int64_t>(sizeof(T)), sizeof(T));
}

template <class T>
void run_transpose(const BlockTranspose& t, const char* source, char* target, int part, int parts) {
  const int64_t bands = (t.across.dim + kTile - 1) / kTile;
  const int64_t total = combinations(t.rows) * bands;
  for (int64_t i = total * part / parts; i < total * (part + 1) / parts; ++i) {
    const Offsets at = offsets(t.rows, i / bands);
    const int64_t c = i % bands * kTile;
    const int64_t across = std::min(kTile, t.across.dim - c);
    for (int64_t a = 0; a < t.along.dim; a += kTile) {
      const int64_t along = std::min(kTile, t.along.dim - a);
      const char* from = source + at.source + a * t.along.source + c * t.across.source;
      char* to = target + at.target + a * t.along.target + c * t.across.target;
      transpose_tile<T>(from, to, t, along, across);
    }
  }
}

}  // namespace

void plan_transpose(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const int64_t element = size_of(n.type.dtype);
  const std::vector<int64_t>& perm = n.attrs.list("perm");
  const std::vector<int64_t> from = byte_strides(p.type(n.in[0])), to = byte_strides(n.type);
  std::vector<Axis> axes;
  for (size_t i = 0; i < perm.size(); ++i)
    axes.push_back({n.type.shape[static_cast<int>(i)], from[perm[i]], to[i]});
  axes = merged(axes);
  if (axes.empty() || axes.back().source == element) {
    plan_copy(p, id, n.in[0], strided_copy(axes, element), 0);
    return;
  }
  BlockTranspose t;
  t.along = axes.back();
  axes.pop_back();
  const auto dense = std::ranges::find(axes, element, &Axis::source);
  check(dense != axes.end(), "transpose: no axis of {} is dense", n.type);
  t.across = *dense;
  axes.erase(dense);
  t.rows = std::move(axes);
  const auto source = p.cell<const char>(n.in[0]);
  const auto target = p.cell<char>(id);
  p.divisible_step(id, [=, t = std::move(t)](int part, int parts) {
    (element == 1 ? run_transpose<uint8_t> : run_transpose<uint32_t>)(t, source.get(), target.get(),
                                                                      part, parts);
  });
}

void plan_slice(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const std::vector<int64_t>& begins = n.attrs.list("begins");
  const std::vector<int64_t> from = byte_strides(p.type(n.in[0])), to = byte_strides(n.type);
  std::vector<Axis> axes;
  int64_t offset = 0;
  for (size_t i = 0; i < begins.size(); ++i) {
    axes.push_back({n.type.shape[static_cast<int>(i)], from[i], to[i]});
    offset += begins[i] * from[i];
  }
  plan_copy(p, id, n.in[0], strided_copy(axes, size_of(n.type.dtype)), offset);
}

void plan_concat(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const auto axis = static_cast<size_t>(n.attrs.integer("axis"));
  const std::vector<int64_t> to = byte_strides(n.type);
  struct Piece {
    cpu::Cell<const char> source;
    int64_t offset;
    StridedCopy copy;
  };
  std::vector<Piece> pieces;
  int64_t offset = 0;
  for (const int in : n.in) {
    const std::vector<int64_t> from = byte_strides(p.type(in));
    std::vector<Axis> axes;
    for (size_t i = 0; i < to.size(); ++i)
      axes.push_back({p.type(in).shape[static_cast<int>(i)], from[i], to[i]});
    pieces.push_back({p.cell<const char>(in), offset, strided_copy(axes, size_of(n.type.dtype))});
    offset += p.type(in).shape[static_cast<int>(axis)] * to[axis];
  }
  const auto target = p.cell<char>(id);
  p.divisible_step(id, [=, pieces = std::move(pieces)](int part, int parts) {
    for (const Piece& piece : pieces)
      run_copy(piece.copy, piece.source.get(), target.get() + piece.offset, part, parts);
  });
}

namespace {

// Fills and copies line by line along the last axis; `rows` are the other axes of the output.
template <class T>
void pad_lines(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const std::vector<int64_t>& before = n.attrs.list("before");
  const Shape in = p.type(n.in[0]).shape, out = n.type.shape;
  const auto value = static_cast<T>(n.attrs.number("value"));
  const auto source = p.cell<const T>(n.in[0]);
  const auto target = p.cell<T>(id);
  p.divisible_step(id, [=](int part, int parts) {
    const int last = out.rank() - 1;
    const int64_t width = last < 0 ? 1 : out[last], kept = last < 0 ? 1 : in[last];
    const int64_t left = last < 0 ? 0 : before[last], rows = out.count() / width;
    for (int64_t row = rows * part / parts; row < rows * (part + 1) / parts; ++row) {
      int64_t from = 0, stride = kept, rest = row;
      bool inside = true;
      for (int axis = last - 1; axis >= 0; --axis) {
        const int64_t at = rest % out[axis] - before[axis];
        inside &= 0 <= at && at < in[axis];
        from += at * stride;
        stride *= in[axis];
        rest /= out[axis];
      }
      T* line = target.get() + row * width;
      if (!inside) {
        std::fill_n(line, width, value);
        continue;
      }
      std::fill_n(line, left, value);
      std::copy_n(source.get() + from, kept, line + left);
      std::fill_n(line + left + kept, width - left - kept, value);
    }
  });
}

}  // namespace

void plan_pad(cpu::Planner& p, int id) {
  switch (p.dtype(id)) {
    case DType::u8:
      return pad_lines<uint8_t>(p, id);
    case DType::i32:
      return pad_lines<int32_t>(p, id);
    case DType::f32:
      return pad_lines<float>(p, id);
    case DType::bf16:
      break;
  }
  check(false, "pad: no plan for {}", p.type(id));
}

}  // namespace omni::ops
