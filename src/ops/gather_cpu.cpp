// Copies and sums of rows found by index.
#include <algorithm>
#include <cstring>

#include "cpu/picked_rows.h"
#include "cpu/planner.h"

namespace omni::ops {
namespace {

// Whether the index is one of 0..count-1.
bool inside(int32_t index, int64_t count) { return index >= 0 && index < count; }

void gather_rows(const cpu::PickedRows& picked, int64_t row_bytes, char* out, int64_t begin,
                 int64_t end) {
  picked.ask_for_first(begin);
  for (int64_t i = begin; i < end; ++i) {
    picked.ask_ahead_of(i);
    if (const char* row = picked.row(i))
      std::memcpy(out + i * row_bytes, row, row_bytes);
    else
      std::memset(out + i * row_bytes, 0, row_bytes);
  }
}

template <class T>
void gather_elements(const T* table, int64_t rows, const int32_t* index, T* out, int64_t begin,
                     int64_t end) {
  for (int64_t i = begin; i < end; ++i) out[i] = inside(index[i], rows) ? table[index[i]] : T{};
}

}  // namespace

void plan_gather(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const Type& table_type = p.type(n.in[0]);
  const int64_t rows = table_type.shape[0], row_bytes = table_type.bytes() / rows;
  const int64_t count = p.type(n.in[1]).count();
  const auto table = p.cell<const char>(n.in[0]);
  const auto index = p.cell<const int32_t>(n.in[1]);
  const auto out = p.cell<char>(id);
  p.divisible_step(id, [=](int part, int parts) {
    const int64_t begin = count * part / parts, end = count * (part + 1) / parts;
    if (row_bytes == 4)  // labels, scalars per sample
      gather_elements(reinterpret_cast<const int32_t*>(table.get()), rows, index.get(),
                      reinterpret_cast<int32_t*>(out.get()), begin, end);
    else
      gather_rows({table.get(), rows, row_bytes, index.get(), count}, row_bytes, out.get(), begin,
                  end);
  });
}

void plan_scatter_add(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const int64_t count = n.type.shape[0], width = n.type.count() / count;
  const int64_t rows = p.type(n.in[1]).count();
  const auto source = p.cell<const float>(n.in[0]);
  const auto index = p.cell<const int32_t>(n.in[1]);
  const auto out = p.cell<float>(id);
  // Shares are ranges of columns, so that each sum keeps the order of the rows.
  p.divisible_step(id, [=](int part, int parts) {
    const int64_t begin = width * part / parts, end = width * (part + 1) / parts;
    for (int64_t i = 0; i < count; ++i)
      std::fill(out.get() + i * width + begin, out.get() + i * width + end, 0.0f);
    for (int64_t i = 0; i < rows; ++i) {
      const int32_t at = index.get()[i];
      if (!inside(at, count)) continue;
      const float* from = source.get() + i * width;
      float* to = out.get() + at * width;
      for (int64_t j = begin; j < end; ++j) to[j] += from[j];
    }
  });
}

void plan_put_rows(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const int64_t count = n.type.shape[0], row_bytes = n.type.bytes() / std::max<int64_t>(count, 1);
  const int64_t rows = p.type(n.in[2]).count();
  const bool in_place = p.updated_in_place(id) == p.storage(n.in[0]);
  const auto into = p.cell<const char>(n.in[0]), source = p.cell<const char>(n.in[1]);
  const auto index = p.cell<const int32_t>(n.in[2]);
  const auto out = p.cell<char>(id);
  // Shares are ranges of the result's rows: who copies them puts others there.
  p.divisible_step(id, [=](int part, int parts) {
    const int64_t begin = count * part / parts, end = count * (part + 1) / parts;
    if (!in_place)
      std::memcpy(out.get() + begin * row_bytes, into.get() + begin * row_bytes,
                  static_cast<size_t>((end - begin) * row_bytes));
    for (int64_t i = 0; i < rows; ++i)
      if (const int64_t at = index.get()[i]; begin <= at && at < end)
        std::memcpy(out.get() + at * row_bytes, source.get() + i * row_bytes,
                    static_cast<size_t>(row_bytes));
  });
}

void plan_one_hot(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const int64_t classes = n.type.shape.back(), count = n.type.count() / classes;
  const auto index = p.cell<const int32_t>(n.in[0]);
  const auto out = p.cell<float>(id);
  p.divisible_step(id, [=](int part, int parts) {
    const int64_t begin = count * part / parts, end = count * (part + 1) / parts;
    std::fill(out.get() + begin * classes, out.get() + end * classes, 0.0f);
    for (int64_t i = begin; i < end; ++i)
      if (inside(index.get()[i], classes)) out.get()[i * classes + index.get()[i]] = 1;
  });
}

void plan_take_last(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  const int64_t classes = p.type(n.in[0]).shape.back(), count = n.type.count();
  const auto source = p.cell<const float>(n.in[0]);
  const auto index = p.cell<const int32_t>(n.in[1]);
  const auto out = p.cell<float>(id);
  p.divisible_step(id, [=](int part, int parts) {
    for (int64_t i = count * part / parts; i < count * (part + 1) / parts; ++i) {
      const int32_t at = index.get()[i];
      out.get()[i] = inside(at, classes) ? source.get()[i * classes + at] : 0.0f;
    }
  });
}

}  // namespace omni::ops
