#include "ops/testing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/memory.h"
#include "base/random.h"
#include "engine/testing.h"
#include "ops/elementwise.h"
#include "ops/gradients.h"
#include "ops/reduce.h"

namespace omni::testing {
namespace {

using Make = std::function<Value(std::vector<Value>)>;
using Values = std::map<std::string, std::vector<double>>;

constexpr int64_t kGuard = kAlignment;  // bytes before and after, all ones: NaN as a float
constexpr int64_t kDifferences = 48;    // elements per input
constexpr double kStep = 1e-5;          // of a central difference, relative to 1 + |x|

std::string input_name(size_t i) { return fmt::format("x{}", i); }

std::vector<Value> add_inputs(Graph& g, const std::vector<In>& in) {
  std::vector<Value> v;
  for (size_t i = 0; i < in.size(); ++i)
    v.push_back(input(g, input_name(i), in[i].type, Role::data));
  return v;
}

RefInputs reference_inputs(const std::vector<In>& in) {
  RefInputs r;
  for (size_t i = 0; i < in.size(); ++i) r[input_name(i)] = {in[i].type, in[i].values};
  return r;
}

Values reference_results(const Graph& g, const RefInputs& inputs) {
  const std::vector<RefArray> all = interpret(g, inputs);
  Values v;
  for (const Output& o : g.outputs()) v[o.name] = all[o.id].v;
  return v;
}

// Memory for one value between guards.
class Guarded {
 public:
  explicit Guarded(const Type& type) : type_(type), memory_(type.bytes() + 2 * kGuard) {
    std::memset(memory_.data(), 0xff, static_cast<size_t>(memory_.size()));
  }

  void* data() { return memory_.data() + kGuard; }

  void store(const std::vector<double>& v) {
    for (size_t i = 0; i < v.size(); ++i) switch (type_.dtype) {
        case DType::f32:
          at<float>(i) = static_cast<float>(v[i]);
          break;
        case DType::i32:
          at<int32_t>(i) = static_cast<int32_t>(v[i]);
          break;
        case DType::u8:
          at<uint8_t>(i) = static_cast<uint8_t>(v[i]);
          break;
        case DType::bf16:
          check(false, "bench: inputs are not bf16");
      }
    stored_ = bits();
  }
  std::vector<double> load() {
    std::vector<double> v(type_.count());
    for (size_t i = 0; i < v.size(); ++i)
      v[i] = type_.dtype == DType::i32 ? at<int32_t>(i) : at<float>(i);
    return v;
  }
  std::vector<std::byte> bits() const {
    std::vector<std::byte> copy(type_.bytes());
    if (!copy.empty()) std::memcpy(copy.data(), memory_.data() + kGuard, copy.size());
    return copy;
  }
  bool unchanged() const { return bits() == stored_; }
  bool guards_survive() const {
    for (int64_t i = 0; i < kGuard; ++i)
      if (memory_.data()[i] != std::byte{0xff} ||
          memory_.data()[kGuard + type_.bytes() + i] != std::byte{0xff})
        return false;
    return true;
  }

 private:
  template <class T>
  T& at(size_t i) {
    return static_cast<T*>(data())[i];
  }

  Type type_;
  AlignedBytes memory_;
  std::vector<std::byte> stored_;
};

// Runs the graph's plan twice in guarded memory.
std::map<std::string, std::vector<std::byte>> run_plan(const Graph& g, const RefInputs& inputs,
                                                       const ProgramOptions& options,
                                                       Values& results) {
  Program program(g, options);
  std::map<std::string, Guarded> memory;
  for (const auto& [name, array] : inputs) {
    Guarded& m = memory.emplace(name, array.type).first->second;
    m.store(array.v);
    if (program.has_input(name)) program.bind(name, m.data());
  }
  std::map<std::string, Guarded> out;
  for (const Output& o : g.outputs()) {
    Guarded& m = out.emplace(o.name, g.node(o.id).type).first->second;
    program.bind_result(o.name, m.data());
  }
  program.refresh();
  program.run();
  std::map<std::string, std::vector<std::byte>> bits;
  for (auto& [name, m] : out) bits[name] = m.bits();
  program.run();
  for (auto& [name, m] : out) {
    EXPECT_TRUE(m.bits() == bits[name]) << name << ": a second run gives other bits";
    EXPECT_TRUE(m.guards_survive()) << name << ": memory around the result was written to";
    results[name] = m.load();
  }
  for (auto& [name, m] : memory) {
    EXPECT_TRUE(m.guards_survive()) << name << ": memory around the input was written to";
    EXPECT_TRUE(m.unchanged()) << name << ": the input was written to";
  }
  return bits;
}

bool close(double found, double wanted, double tolerance) {
  if (std::isnan(wanted)) return std::isnan(found);
  if (std::isinf(wanted) || std::isinf(found)) {
    // A double above the range of f32 is infinite there.
    const bool beyond = std::abs(wanted) > double{std::numeric_limits<float>::max()};
    return std::isinf(found) && beyond && (found > 0) == (wanted > 0);
  }
  return std::abs(found - wanted) <= tolerance * (1 + std::abs(wanted));
}

void compare(const Values& found, const Values& wanted, double tolerance) {
  for (const auto& [name, w] : wanted) {
    const std::vector<double>& f = found.at(name);
    ASSERT_EQ(f.size(), w.size()) << name;
    int64_t wrong = 0;
    for (size_t i = 0; i < w.size(); ++i)
      if (!close(f[i], w[i], tolerance) && ++wrong <= 3)
        ADD_FAILURE() << name << "[" << i << "] is " << f[i] << ", the reference says " << w[i];
    EXPECT_EQ(wrong, 0) << name << ": wrong elements of " << w.size();
  }
}

// Every way to run a graph on a CPU against the reference.
void check_plans(const Graph& g, const RefInputs& inputs, const Values& wanted, const Check& c) {
  Values found;
  const auto run = [&](const char* label, double tolerance, auto change) {
    SCOPED_TRACE(label);
    ProgramOptions options;
    change(options);
    const auto bits = run_plan(g, inputs, options, found);
    compare(found, wanted, tolerance);
    return bits;
  };
  const auto bits = run("plan", c.tolerance, [](ProgramOptions&) {});
  run("plan with all passes off", c.tolerance, [](auto& o) { o.passes_off = {"all"}; });
  const auto team = run("plan on three threads", c.tolerance, [](auto& o) { o.threads = 3; });
  EXPECT_TRUE(team == bits) << "three threads give other bits than one";
  if (c.bf16_tolerance <= 0) return;
  for (const ProgramOptions& in : every_precision())
    if (in.precision == Precision::bf16)
      run(in.limits.bf16_storage == DType::f32 ? "plan in bf16, f32 words" : "plan in bf16",
          c.bf16_tolerance, [&](auto& o) { o = in; });
}

// The elements whose differences are taken: all, or a random choice.
std::vector<int64_t> sample(int64_t count) {
  std::vector<int64_t> chosen;
  for (const int32_t i : permutation(Key::of(7).fold("differences"), count))
    if (static_cast<int64_t>(chosen.size()) < kDifferences) chosen.push_back(i);
  return chosen;
}

void check_gradients(const Make& make, const std::vector<In>& in, const Check& c) {
  SCOPED_TRACE("gradients");
  std::vector<size_t> wrt;
  for (size_t i = 0; i < in.size(); ++i)
    if (in[i].gradient && is_float(in[i].type.dtype) && in[i].type.count() > 0) wrt.push_back(i);
  if (wrt.empty()) return;

  // Weights make every element of the output count on its own.
  const auto add_loss = [&](Graph& g, std::vector<Value>& x) {
    x = add_inputs(g, in);
    const Value y = make(x);
    return sum(y * input(g, "weights", {DType::f32, y.shape(), y.type().batch}, Role::data));
  };
  Graph forward, backward;
  std::vector<Value> x, wanted_for;
  forward.result("loss", add_loss(forward, x));
  const Value loss = add_loss(backward, x);
  for (const size_t i : wrt) wanted_for.push_back(x[i]);
  const std::vector<Value> d = gradients(loss, wanted_for);
  for (size_t k = 0; k < wrt.size(); ++k) {
    EXPECT_EQ(d[k].shape(), in[wrt[k]].type.shape);
    backward.result("d " + input_name(wrt[k]), d[k]);
  }

  RefInputs inputs = reference_inputs(in);
  const Type weights = backward.find_input("weights")->type();
  inputs["weights"] = {weights, normal(weights.shape, 99).values};
  const Values analytic = reference_results(backward, inputs);
  for (const size_t i : wrt) {
    std::vector<double>& v = inputs[input_name(i)].v;
    const std::vector<double>& gradient = analytic.at("d " + input_name(i));
    int64_t wrong = 0;
    for (const int64_t e : sample(in[i].type.count())) {
      const double old = v[e], h = kStep * (1 + std::abs(old));
      v[e] = old + h;
      const double above = reference_results(forward, inputs).at("loss")[0];
      v[e] = old - h;
      const double below = reference_results(forward, inputs).at("loss")[0];
      v[e] = old;
      const double slope = (above - below) / (2 * h);
      if (!close(gradient[e], slope, c.gradient_tolerance) && ++wrong <= 3)
        ADD_FAILURE() << "d " << input_name(i) << "[" << e << "] is " << gradient[e]
                      << ", a central difference says " << slope;
    }
    EXPECT_EQ(wrong, 0) << "d " << input_name(i) << ": wrong elements";
  }
  check_plans(backward, inputs, analytic, c);
}

std::vector<Sample>& known_samples() {
  static std::vector<Sample> samples;  // tests of all files add to it before main
  return samples;
}

In filled(const Type& type, const std::function<double(int64_t)>& f) {
  In in{type, std::vector<double>(type.count())};
  for (int64_t i = 0; i < type.count(); ++i) {
    in.values[i] = f(i);
    if (type.dtype == DType::f32) in.values[i] = static_cast<float>(in.values[i]);
  }
  return in;
}

}  // namespace

In normal(const Shape& s, uint64_t salt, int batch) {
  Stream stream(Key::of(salt).fold("normal"));
  return filled({DType::f32, s, batch}, [&](int64_t) { return stream.normal(); });
}

In uniform(const Shape& s, double low, double high, uint64_t salt) {
  Stream stream(Key::of(salt).fold("uniform"));
  return filled({DType::f32, s}, [&](int64_t) { return low + (high - low) * stream.uniform(); });
}

In distinct(const Shape& s, double gap, uint64_t salt) {
  const int64_t count = s.count();
  const std::vector<int32_t> order = permutation(Key::of(salt).fold("distinct"), count);
  return filled({DType::f32, s}, [&](int64_t i) {
    return (static_cast<double>(order[i] - count / 2) + 0.25) * gap;
  });
}

In full(const Shape& s, double value) {
  return filled({DType::f32, s}, [&](int64_t) { return value; });
}

In values(const Shape& s, std::vector<double> v) {
  check(static_cast<int64_t>(v.size()) == s.count(), "bench: {} values for {}", v.size(), s);
  return filled({DType::f32, s}, [&](int64_t i) { return v[i]; });
}

In integers(const Shape& s, int64_t low, int64_t high, uint64_t salt, int batch) {
  Stream stream(Key::of(salt).fold("integers"));
  return filled({DType::i32, s, batch}, [&](int64_t) {
    return static_cast<double>(low + static_cast<int64_t>(stream.below(high - low)));
  });
}

In bytes(const Shape& s, uint64_t salt) {
  Stream stream(Key::of(salt).fold("bytes"));
  return filled({DType::u8, s}, [&](int64_t) { return static_cast<double>(stream.below(256)); });
}

In labels(int64_t rows, int64_t classes, uint64_t salt) {
  return integers({rows}, 0, classes, salt, 0);
}

void check_op(const Make& make, std::vector<In> inputs, Check check) {
  for (In& in : inputs)
    if (in.type.dtype == DType::f32)
      for (double& x : in.values) x = static_cast<float>(x);
  Graph g;
  const Value y = make(add_inputs(g, inputs));
  g.result("y", y);
  const RefInputs reference = reference_inputs(inputs);
  check_plans(g, reference, reference_results(g, reference), check);
  if (check.gradient && is_float(y.type().dtype)) check_gradients(make, inputs, check);
}

RefArray evaluate(const Make& make, const std::vector<In>& inputs) {
  Graph g;
  const Value y = make(add_inputs(g, inputs));
  return interpret(g, reference_inputs(inputs))[y.id];
}

Samples::Samples(std::initializer_list<Sample> more) {
  known_samples().insert(known_samples().end(), more);
}
const std::vector<Sample>& Samples::all() { return known_samples(); }

Value f32(Graph& g, const char* name, Shape shape, int batch) {
  return input(g, name, {DType::f32, std::move(shape), batch}, Role::data);
}
Value i32(Graph& g, const char* name, Shape shape, int batch) {
  return input(g, name, {DType::i32, std::move(shape), batch}, Role::data);
}
Value rows(Graph& g, const char* name) { return f32(g, name, {4, 3}, 0); }
Value images(Graph& g, const char* name) { return f32(g, name, {2, 4, 4, 3}, 0); }

void expect_refused(const std::function<void()>& make, const std::string& text) {
  try {
    make();
    ADD_FAILURE() << "accepted, wanted: " << text;
  } catch (const UserError& e) {
    EXPECT_NE(std::string(e.what()).find(text), std::string::npos) << e.what();
  }
}

}  // namespace omni::testing
