// Inputs for the engine's tests, and precisions for everybody's.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "cpu/onednn.h"
#include "engine/passes.h"
#include "engine/precision.h"
#include "executors/cpu/program.h"
#include "graph/inspect.h"
#include "graph/interpreter.h"
#include "ops/leaf.h"
#include "ops/testing.h"

namespace omni::testing {

inline Value parameter(Graph& g, const char* name, Shape shape) {
  return input(g, name, {DType::f32, std::move(shape)}, Role::parameter);
}

inline ProgramOptions bf16_stored_as(DType storage) {
  ProgramOptions options{Precision::bf16};
  options.limits.bf16_storage = storage;
  return options;
}

// Every precision, bf16 in each storage that this processor has.
inline std::vector<ProgramOptions> every_precision() {
  std::vector<ProgramOptions> all = {{}, bf16_stored_as(DType::f32)};
  if (cpu::onednn::has_bf16()) all.push_back(bf16_stored_as(DType::bf16));
  return all;
}

// In f32 words everything that products read is the value that 16 bits would hold: both graphs mean
// the same to the bit.
inline void expect_words_mean_halves(const Graph& g, const RefInputs& inputs) {
  std::vector<std::vector<double>> meant[2];
  for (const DType storage : {DType::f32, DType::bf16}) {
    Graph rounded;
    std::set<std::string> shadows;
    simplify(g, rounded, cpu::limits().fold, {});
    separate_outputs(rounded);
    round_what_products_read(rounded, storage, shadows);
    update_shadows(rounded, storage, shadows);
    verify(rounded, "rounded");
    RefInputs all = inputs;
    for (const std::string& name : shadows) {
      RefArray& shadow = all[shadow_name(name)] = inputs.at(name);
      shadow.type.dtype = storage;
      for (double& x : shadow.v) x = round_to_bf16(x);
    }
    const std::vector<RefArray> values = interpret(rounded, all);
    for (const Output& o : rounded.outputs())
      meant[storage == DType::bf16].push_back(values[o.id].v);
  }
  ASSERT_EQ(meant[0].size(), meant[1].size());
  for (size_t i = 0; i < meant[0].size(); ++i)
    EXPECT_TRUE(std::ranges::equal(
        meant[0][i], meant[1][i],
        [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }))
        << "output " << i << "\n"
        << to_string(g);
}

}  // namespace omni::testing
