// Random graphs, planned in every way, against each other and against the reference interpreter.
// Seeds are fixed: a failure names the seed and prints the graph.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>

#include "base/random.h"
#include "engine/passes.h"
#include "engine/testing.h"
#include "graph/inspect.h"
#include "graph/interpreter.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/leaf.h"
#include "ops/matmul.h"
#include "ops/reduce.h"
#include "ops/route.h"
#include "ops/shape_ops.h"
#include "ops/softmax.h"

namespace omni {
namespace {

constexpr int kRuns = 3;  // updates feed the next run
constexpr int64_t kTableRows = 11;

// Values stay within some tens and every function is continuous, so that f32 and double agree.
class RandomGraph {
 public:
  RandomGraph(uint64_t seed, int64_t batch) : random_(Key::of(seed).fold("graph")), batch_(batch) {
    width_ = pick<int64_t>({1, 3, 8, 33, 64});
    const int64_t other = pick<int64_t>({1, 5, 16, 33});
    for (const auto& [name, shape] :
         std::vector<std::pair<std::string, Shape>>{{"a", {width_}},
                                                    {"b", {width_}},
                                                    {"c", {width_}},
                                                    {"square", {width_, width_}},
                                                    {"twin", {width_, width_}},
                                                    {"in", {width_, other}},
                                                    {"out", {other, width_}},
                                                    {"narrow", {other}}})
      parameters_.push_back(input(g, name, {DType::f32, shape}, Role::parameter));
    for (const char* name : {"s", "t"})
      scalars_.push_back(input(g, name, {DType::f32, {}}, Role::scalar));
    index_ = input(g, "index", {DType::i32, {batch_}, 0}, Role::data);
    rows_.push_back(input(g, "x", {DType::f32, {batch_, width_}, 0}, Role::data));
    rows_.push_back(
        gather(input(g, "table", {DType::u8, {kTableRows, width_}}, Role::data), index_) *
        (1.0 / 255));
    columns_.push_back(input(g, "weight", {DType::f32, {batch_, 1}, 0}, Role::data));
    for (int steps = 4 + static_cast<int>(random_.below(26)); steps > 0; --steps) grow();
    finish();
  }

  Graph g;

 private:
  template <class T>
  T pick(std::initializer_list<T> from) {
    return from.begin()[random_.below(from.size())];
  }
  Value any(const std::vector<Value>& from) { return from[random_.below(from.size())]; }
  Value row() { return any(rows_); }
  Value parameter(const char* name) { return *g.find_input(name); }

  // Something that broadcasts to [batch, width].
  Value beside() {
    switch (random_.below(5)) {
      case 0:
        return any({parameter("a"), parameter("b"), parameter("c")});
      case 1:
        return any(scalars_);
      case 2:
        return any(columns_);
      case 3:
        return constant(g, pick({0.5, -1.0, 2.0}));
      default:
        return row();
    }
  }

  Value bounded(Value v) { return random_.below(2) ? tanh(v) : sigmoid(v); }

  void grow() {
    switch (random_.below(18)) {
      case 0:
        return rows_.push_back(row() + beside());
      case 1:
        return rows_.push_back(bounded(row() - beside()));
      case 2:
        return rows_.push_back(tanh(row()) * tanh(beside()));
      case 3:
        return rows_.push_back(relu(row()));
      case 4:
        return rows_.push_back(maximum(row(), beside()));
      case 5:
        return rows_.push_back(where_positive(columns_[0], row()));
      case 6: {  // with the epilogue, or with something in its way
        Value v = matmul(bounded(row()), parameter("in"));
        if (random_.below(3)) v = v + parameter("narrow");
        if (random_.below(5) == 0) g.result(fmt::format("peek{}", g.size()), v);
        if (random_.below(3)) v = relu(v);
        return rows_.push_back(bounded(matmul(v, parameter("out"))));
      }
      case 7:
        return rows_.push_back(bounded(matmul(row(), parameter("square"), false, true)));
      case 8:
        return columns_.push_back(reduce_sum(bounded(row()), {-1}, true) * (1.0 / 64));
      case 9:
        return rows_.push_back(softmax(row()));
      case 10:
        return rows_.push_back(gather(parameter("square"), index_) + beside());
      case 11:
        return rows_.push_back(route(row(), constant(g, 0.0)));
      case 12:
        return rows_.push_back(
            reshape(tanh(reshape(row(), {batch_, width_, 1})), {batch_, width_}));
      case 13:
        return scalars_.push_back(any(scalars_) * 0.5 + constant(g, 0.25) * 2.0);
      case 14:
        return rows_.push_back(sum_n(std::vector{row(), beside(), row()}) * 0.3);
      case 15:
        return rows_.push_back(tanh(row()) - mean(tanh(row()), {0}, true));  // of the batch
      case 16: {
        const Value pairs = contract_rows(bounded(row()), bounded(row()));
        const double scale = 1.0 / static_cast<double>(batch_ * width_);
        return rows_.push_back(bounded(matmul(bounded(row()), pairs * scale)));
      }
      default: {
        const Value both = concat({row(), row()}, -1);
        return rows_.push_back(tanh(slice(both, 1, width_ / 2, width_ / 2 + width_)));
      }
    }
  }

  // Results of several kinds and updates that read each other, swap, or come before other readers.
  void finish() {
    g.result("rows", row());
    g.result("input", rows_[0]);
    g.result("sum", reduce_sum(bounded(row()) * (1.0 / static_cast<double>(batch_)), {0}));
    g.result("mean", mean(bounded(row())));
    if (random_.below(2)) g.result("rank", arg_max(parameter("square"), 1));
    const double scale = 1.0 / static_cast<double>(batch_);
    const auto step = [&](Value w, Value d) { g.update(w, w - tanh(d) * 0.1); };
    if (random_.below(2)) {  // swap
      g.update(parameter("a"), parameter("b"));
      g.update(parameter("b"), parameter("a"));
    } else {  // b reads a's new value, c reads b's old one
      const Value a = parameter("a") * 0.9 + tanh(reduce_sum(row() * scale, {0}));
      g.update(parameter("a"), a);
      g.update(parameter("b"), parameter("b") * 0.5 + a * tanh(parameter("c")));
      g.update(parameter("c"), tanh(parameter("b")) + parameter("a") * 0.1);
    }
    const Value gradient = contract_rows(bounded(row()) * scale, bounded(row()));
    if (random_.below(2)) {
      step(parameter("square"), gradient);
      g.update(parameter("twin"), ema(parameter("twin"), gradient, constant(g, 0.9)));
    } else {
      const Value turned = transpose(parameter("twin"), {1, 0});
      g.update(parameter("twin"), parameter("square") * 0.5 + turned * 0.5);
      g.update(parameter("square"), tanh(parameter("twin") + gradient + parameter("a")));
    }
    step(parameter("in"), parameter("in") + parameter("narrow"));
    if (random_.below(2)) g.update(parameter("s"), parameter("s") * 0.5 + mean(tanh(row())));
  }

  Stream random_;
  int64_t batch_, width_;
  std::vector<Value> parameters_, scalars_, rows_, columns_;
  Value index_;
};

// Inputs' bytes and values, results' bytes and values after all runs.
struct Found {
  std::map<std::string, std::vector<std::byte>> bits;
  std::map<std::string, std::vector<double>> values;
};

RefInputs random_inputs(const Graph& g, uint64_t seed) {
  RefInputs inputs;
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (!is_input(n)) continue;
    Stream stream(Key::of(seed).fold(n.name));
    RefArray& a = inputs[n.name] = {n.type, std::vector<double>(n.type.count())};
    for (double& x : a.v) {
      if (n.type.dtype == DType::i32)
        x = static_cast<double>(stream.below(kTableRows + 1));
      else if (n.type.dtype == DType::u8)
        x = static_cast<double>(stream.below(256));
      else
        x = static_cast<float>(0.5 * stream.normal());
    }
  }
  return inputs;
}

Found run(const Graph& g, const RefInputs& inputs, const ProgramOptions& options) {
  Program program(g, options);
  std::map<std::string, std::vector<float>> floats;
  std::map<std::string, std::vector<int32_t>> integers;
  std::map<std::string, std::vector<uint8_t>> bytes;
  for (const auto& [name, a] : inputs) {
    if (a.type.dtype == DType::i32)
      program.bind(name, (integers[name] = {a.v.begin(), a.v.end()}).data());
    else if (a.type.dtype == DType::u8)
      program.bind(name, (bytes[name] = {a.v.begin(), a.v.end()}).data());
    else
      program.bind(name, (floats[name] = {a.v.begin(), a.v.end()}).data());
  }
  program.refresh();
  for (int i = 0; i < kRuns; ++i) program.run();
  Found found;
  const auto keep = [&](const std::string& name, auto values) {
    found.values[name] = {values.begin(), values.end()};
    const auto b = std::as_bytes(std::span(values));
    found.bits[name] = {b.begin(), b.end()};
  };
  for (const Output& o : g.outputs()) {
    if (o.update)
      keep("new " + o.name, std::span<const float>(floats.at(o.name)));
    else if (g.node(o.id).type.dtype == DType::i32)
      keep(o.name, program.result<int32_t>(o.name));
    else
      keep(o.name, program.result(o.name));
  }
  return found;
}

std::map<std::string, std::vector<double>> meaning(const Graph& g, RefInputs inputs) {
  std::map<std::string, std::vector<double>> out;
  for (int i = 0; i < kRuns; ++i) {
    const std::vector<RefArray> values = interpret(g, inputs);
    for (const Output& o : g.outputs()) {
      out[(o.update ? "new " : "") + o.name] = values[o.id].v;
      if (o.update) inputs[o.name].v = values[o.id].v;
    }
  }
  return out;
}

void expect_close(const Found& found, const std::map<std::string, std::vector<double>>& wanted,
                  double tolerance, const char* what) {
  for (const auto& [name, w] : wanted) {
    const std::vector<double>& f = found.values.at(name);
    ASSERT_EQ(f.size(), w.size()) << name;
    for (size_t i = 0; i < w.size(); ++i)
      if (!(std::abs(f[i] - w[i]) <= tolerance * (1 + std::abs(w[i])))) {
        ADD_FAILURE() << what << ": " << name << "[" << i << "] is " << f[i] << ", wanted " << w[i];
        break;
      }
  }
}

void expect_equal(const Found& found, const Found& wanted, const std::string& what) {
  for (const auto& [name, bits] : wanted.bits)
    EXPECT_TRUE(found.bits.at(name) == bits) << what << " changes the bits of " << name;
}

void expect_meaning_in_bf16(const Graph& g, const RefInputs& inputs, const Found& in_f32,
                            ProgramOptions options, bool without_each_pass) {
  if (options.limits.bf16_storage == DType::f32) testing::expect_words_mean_halves(g, inputs);
  const Found narrow = run(g, inputs, options);
  std::map<std::string, std::vector<double>> numbers = in_f32.values;
  numbers.erase("rank");  // an index is right or wrong, not near
  expect_close(narrow, numbers, 0.15, "bf16 against f32");
  options.threads = 2;
  expect_equal(run(g, inputs, options), narrow, "2 threads in bf16");
  options.threads = 1;
  std::set<std::string> all;
  for (const PassInfo& p : passes()) {
    if (!p.keeps_bits_bf16) continue;
    all.insert(p.name);
    options.passes_off = {p.name};
    if (without_each_pass)
      expect_equal(run(g, inputs, options), narrow, std::string(p.name) + " in bf16");
  }
  options.passes_off = all;
  expect_equal(run(g, inputs, options), narrow, "all passes off in bf16");
}

class GraphFuzz : public ::testing::TestWithParam<int> {};

TEST_P(GraphFuzz, EveryPlanMeansTheSame) {
  for (uint64_t seed = GetParam() * 20; seed < (GetParam() + 1) * 20u; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const int64_t batch = std::array<int64_t, 6>{1, 3, 40, 257, 600, 1000}[seed % 6];
    const RandomGraph random(seed, batch);
    const Graph& g = random.g;
    verify(g, "fuzz");
    const RefInputs inputs = random_inputs(g, seed);
    const Found fused = run(g, inputs, {});
    expect_close(fused, meaning(g, inputs), 2e-4, "against the interpreter");
    for (const int threads : {2, 3})
      expect_equal(run(g, inputs, {Precision::f32, {}, threads}), fused,
                   fmt::format("{} threads", threads));

    for (const PassInfo& p : passes())
      if (p.keeps_bits && seed % 4 == 0)
        expect_equal(run(g, inputs, {Precision::f32, {p.name}, 1}), fused, p.name);
    expect_equal(run(g, inputs, {Precision::f32, {"all"}, 1}), fused, "all passes off");
    for (const ProgramOptions& o : testing::every_precision())
      if (o.precision == Precision::bf16)
        expect_meaning_in_bf16(g, inputs, fused, o, seed % 4 == 1);
    expect_close(run(g, inputs, {Precision::f32, {"slice-batch"}, 1}), fused.values, 2e-4,
                 "unsliced");
    if (HasFailure()) {
      ADD_FAILURE() << to_string(g);
      return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, GraphFuzz, ::testing::Range(0, 10));

}  // namespace
}  // namespace omni
