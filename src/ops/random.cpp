#include "ops/random.h"

#include <fmt/ranges.h>

#include "cpu/op_plan.h"
#include "ops/elementwise.h"
#include "ops/leaf.h"
#include "ops/random_value.h"

namespace omni {
namespace {

Type random_type(std::span<const Type> in, const Attrs& a) {
  const Type &key = in[0], &step = in[1], &index = in[2];
  require(key.dtype == DType::i32 && key.shape == Shape{2},
          "random: the key must be i32 [2] (low word, high word), got {}", key);
  require(step.dtype == DType::i32 && step.shape.rank() == 0,
          "random: the step must be an i32 scalar, got {}", step);
  require(index.dtype == DType::i32 && index.shape.rank() == 1,
          "random: the index must be i32 [rows], got {}", index);
  require(!a.text("purpose").empty(), "random: the purpose needs a name");
  std::vector<int64_t> dims = {index.shape[0]};
  for (const int64_t d : a.list("row")) {
    require(d >= 1, "random: the row [{}] has an empty axis", fmt::join(a.list("row"), ", "));
    dims.push_back(d);
  }
  const bool shared = key.batch == kNoBatch && step.batch == kNoBatch;
  return {DType::f32, Shape(dims), shared ? index.batch : kMixedBatch};
}

void no_grad(GradContext&) {}

uint32_t word_of(double i32) { return static_cast<uint32_t>(static_cast<int32_t>(i32)); }

using ValueOf = double (*)(const std::array<uint32_t, 4>& words, int64_t word);

void random_reference(RefContext& c, ValueOf value_of) {
  const uint64_t key = word_of(c.in(0).v[0]) | uint64_t{word_of(c.in(0).v[1])} << 32;
  const uint32_t step = word_of(c.in(1).v[0]);
  const auto purpose = static_cast<uint32_t>(hash_text(c.attrs().text("purpose")));
  const int64_t rows = c.out().type.shape[0], width = c.out().type.count() / rows;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < width; ++j) {
      const auto block = static_cast<uint32_t>(j / 4);
      c.out().v[r * width + j] =
          value_of(philox(key, block, word_of(c.in(2).v[r]), step, purpose), j % 4);
    }
}

void uniform_reference(RefContext& c) { random_reference(c, uniform_of); }
void normal_reference(RefContext& c) { random_reference(c, normal_of); }

Value draw(const OpDef& op, Value key, Value step, Value index, const std::string& purpose,
           const Shape& row) {
  return index.graph->add(op, {key, step, index}, {{"purpose", purpose}, {"row", row.dims()}});
}

}  // namespace

namespace ops {
void plan_random_uniform(cpu::Planner& p, int id);  // random_cpu.cpp
void plan_random_normal(cpu::Planner& p, int id);

const OpDef random_uniform = {.name = "random_uniform",
                              .arity = 3,
                              .type = random_type,
                              .grad = no_grad,
                              .reference = uniform_reference,
                              .cpu = &cpu::planned_by<plan_random_uniform>};
const OpDef random_normal = {.name = "random_normal",
                             .arity = 3,
                             .type = random_type,
                             .grad = no_grad,
                             .reference = normal_reference,
                             .cpu = &cpu::planned_by<plan_random_normal>};
}  // namespace ops

Value random_uniform(Value key, Value step, Value index, const std::string& purpose,
                     const Shape& row) {
  return draw(ops::random_uniform, key, step, index, purpose, row);
}

Value random_normal(Value key, Value step, Value index, const std::string& purpose,
                    const Shape& row) {
  return draw(ops::random_normal, key, step, index, purpose, row);
}

Value random_bernoulli(Value key, Value step, Value index, const std::string& purpose,
                       const Shape& row, double p) {
  require(0 <= p && p <= 1, "random_bernoulli: the probability must be in [0, 1], got {}", p);
  return random_bernoulli(key, step, index, purpose, row, constant(*index.graph, p));
}

Value random_bernoulli(Value key, Value step, Value index, const std::string& purpose,
                       const Shape& row, Value p) {
  return less(random_uniform(key, step, index, purpose, row), p);
}

}  // namespace omni
