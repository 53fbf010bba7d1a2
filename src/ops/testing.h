// The bench that every op is tested on: one description of inputs, many checks.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graph/interpreter.h"
#include "ops/leaf.h"

namespace omni::testing {

// A test input: type, how to fill it, and whether gradients with respect to it are checked.
struct In {
  Type type;
  std::vector<double> values;
  bool gradient = true;
};

// Random fills are reproducible: the salt picks another draw. `batch` marks the batch axis.
In normal(const Shape& s, uint64_t salt = 0, int batch = kNoBatch);
In uniform(const Shape& s, double low, double high, uint64_t salt = 0);
// Values at least `gap` apart from each other and gap / 4 from zero, in random order: for max,
// sorting, kinks.
In distinct(const Shape& s, double gap = 0.01, uint64_t salt = 0);
In full(const Shape& s, double value);
In values(const Shape& s, std::vector<double> v);
// i32, low <= value < high.
In integers(const Shape& s, int64_t low, int64_t high, uint64_t salt = 0, int batch = kNoBatch);
In bytes(const Shape& s, uint64_t salt = 0);                  // u8
In labels(int64_t rows, int64_t classes, uint64_t salt = 0);  // i32 [rows*]

struct Check {
  double tolerance = 1e-5;  // |kernel - reference| <= tolerance * (1 + |reference|)
  bool gradient = true;     // compare the gradient graph with central differences in double
  double gradient_tolerance = 1e-5;  // the same form
  double bf16_tolerance = 0;         // > 0: also run the plan in bf16, in every storage
};

// Builds the graph `make(inputs)` and checks, reporting through GoogleTest:
// - its CPU plan, fused and with every pass off, against the reference interpreter;
// - buffers of inputs and results stand between guards of NaN that must survive, and inputs must
//   not change;
// - a second run, and a team of three threads, give equal bits;
// - gradients of sum(out * fixed random weights) with respect to every float input marked for it,
//   evaluated by the interpreter, against central differences (of up to 48 elements per input); and
//   their CPU plan against it.
// The seeds of random ops are for `make` to bring as inputs or constants.
void check_op(const std::function<Value(std::vector<Value>)>& make, std::vector<In> inputs,
              Check check = {});

// The interpreter's value of make(inputs), for tests that state exact answers.
RefArray evaluate(const std::function<Value(std::vector<Value>)>& make,
                  const std::vector<In>& inputs);

// A graph that uses an op, for what holds of every op (catalogue_test.cpp).
struct Sample {
  const OpDef* op;
  std::function<Value(Graph&)> make;
};

// Each op's test hands one over: const testing::Samples samples = {{&ops::iota, ...}};
class Samples {
 public:
  Samples(std::initializer_list<Sample> more);
  static const std::vector<Sample>& all();
};

// Inputs for samples; rows are [4*, 3], images [2*, 4, 4, 3].
Value f32(Graph& g, const char* name, Shape shape, int batch = kNoBatch);
Value i32(Graph& g, const char* name, Shape shape, int batch = kNoBatch);
Value rows(Graph& g, const char* name = "x");
Value images(Graph& g, const char* name = "images");

// Expects a UserError whose text contains `text`.
void expect_refused(const std::function<void()>& make, const std::string& text);

}  // namespace omni::testing
