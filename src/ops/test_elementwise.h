// The entries of elementwise_table.h, as tests of all of them see them.
#pragma once

#include <span>
#include <utility>

#include "ops/elementwise.h"

namespace omni::testing {

struct ElementwiseEntry {
  const OpDef* op;
  Value (*make)(std::span<const Value> in);  // the op's function
  // With inputs between low and high the kernel's error is at most relative |exact| + absolute.
  double low, high, relative, absolute = 0;
};

template <class... In, size_t... k>
Value call(Value (*f)(In...), std::span<const Value> in, std::index_sequence<k...>) {
  return f(in[k]...);
}
template <class... In>
Value call(Value (*f)(In...), std::span<const Value> in) {
  return call(f, in, std::index_sequence_for<In...>());
}

#define OMNI_TYPE(x) Value
#define OMNI_ENTRY(name, types, ...)                                          \
  {&ops::name,                                                                \
   [](std::span<const Value> in) {                                            \
     return call(static_cast<Value (*)(OMNI_INSIDE types)>(&omni::name), in); \
   },                                                                         \
   __VA_ARGS__},

#define OMNI_ELEMENTWISE(name, inputs, value, vector, gradient, ...) \
  OMNI_ENTRY(name, (OMNI_EACH(OMNI_TYPE, inputs)), __VA_ARGS__)
#define OMNI_OPTIMIZER_STEP(name, inputs, singles, value, vector, gradient, ...) \
  OMNI_ENTRY(name, (OMNI_EACH(OMNI_TYPE, inputs), OMNI_EACH(OMNI_TYPE, singles)), __VA_ARGS__)

inline std::span<const ElementwiseEntry> elementwise_entries() {
  static const ElementwiseEntry entries[] = {
#include "ops/elementwise_table.h"
  };
  return entries;
}

}  // namespace omni::testing
