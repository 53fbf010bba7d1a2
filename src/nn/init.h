// How a parameter starts: a recipe that is turned into numbers once per model, from a key.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/random.h"
#include "graph/type.h"

namespace omni {

// For a weight of shape [out, in, rest...] fan_in = in * rest, fan_out = out * rest (PyTorch's
// rule).
enum class Fan { none, in, out, average };

struct Init {
  enum class Kind { constant, normal, uniform, orthogonal };
  Kind kind = Kind::constant;
  double center = 0;    // the constant, the mean, the middle of the interval
  double scale = 0;     // the standard deviation, half the interval's length, the gain
  Fan fan = Fan::none;  // the scale is divided by the square root of this fan
  bool operator==(const Init&) const = default;
};

namespace init {

Init zeros();
Init ones();
Init constant(double value);
Init normal(double mean, double deviation);
Init uniform(double low, double high);
// Orthonormal rows (or columns, whichever are fewer) times gain, the weight seen as [out, rest].
// Saxe, McClelland & Ganguli 2014, arXiv:1312.6120.
Init orthogonal(double gain = 1);

// U(-1/sqrt(fan_in), 1/sqrt(fan_in)): what PyTorch's Linear and Conv2d start their weights from.
// With the layer's fan_in given: their biases.
Init pytorch_linear();
Init pytorch_linear(int64_t fan_in);
Init lecun_normal();    // N(0, 1 / fan_in)
Init he_normal();       // N(0, 2 / fan_in); He et al. 2015, arXiv:1502.01852
Init he_uniform();      // U of the same variance
Init xavier_normal();   // N(0, 2 / (fan_in + fan_out)); Glorot & Bengio 2010
Init xavier_uniform();  // U of the same variance

}  // namespace init

struct ParameterSpec {
  std::string name;  // within its set: "layers.0.weight"
  Shape shape;
  Init init;
  bool operator==(const ParameterSpec&) const = default;
};

// What an initialiser's scale becomes for a shape: the standard deviation, the bound, the gain.
// UserError if the initialiser needs a fan (or rows and columns) and the shape has rank < 2.
double scale_for(const Init& init, const Shape& shape, const std::string& name);

// Writes spec.shape.count() numbers that depend on the key and the spec alone. The arithmetic is
// additions, multiplications, divisions and square roots in a fixed order: every machine with IEEE
// floating point gets the same bits.
void initialise(const ParameterSpec& spec, Key key, std::span<float> out);

// N(0, 1) by Box and Muller: pairs of elements (2i, 2i + 1) from pairs of words of Philox4x32-10 at
// the counter (i / 2, 0, 0, 0). |value| < 5.77. The same promise on bits.
void fill_normal(Key key, std::span<float> out);
void fill_uniform(Key key, std::span<float> out);  // [0, 1), multiples of 2^-24

}  // namespace omni
