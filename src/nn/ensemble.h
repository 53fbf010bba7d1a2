// Many models' parameters as data: for each parameter one array with a leading model axis.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/memory.h"
#include "nn/init.h"

namespace omni {

class Ensemble;

// One model of an ensemble, to read from.
struct ModelView {
  const Ensemble* ensemble;
  int64_t index;
};

// Move-only: copies of this size are asked for. Different threads may write different models at
// once.
class Ensemble {
 public:
  // Memory is models * (4 bytes per parameter, each array of a model rounded up to 64 bytes), not
  // initialised. UserError for models < 1 and for two specs of one name.
  Ensemble(std::vector<ParameterSpec> specs, int64_t models);

  int64_t models() const { return models_; }
  const std::vector<ParameterSpec>& specs() const { return specs_; }
  int64_t parameters() const;  // numbers per model
  int64_t bytes() const;       // of all models, padding included

  // One parameter of one model, row-major. UserError for unknown names.
  std::span<float> array(std::string_view name, int64_t model);
  std::span<const float> array(std::string_view name, int64_t model) const;
  // The same by position in specs(), for loops over all.
  std::span<float> array(size_t spec, int64_t model);
  std::span<const float> array(size_t spec, int64_t model) const;
  // Rows from..to-1 of it along its first axis. UserError unless it has them.
  std::span<const float> rows(std::string_view name, int64_t model, int64_t from, int64_t to) const;
  ModelView operator[](int64_t model) const;

  // Every parameter from key.fold(name): the bits depend on (key, name, spec) alone.
  void initialise(int64_t model, Key key);

  // Every number is 0, whatever the specs say; large models take no memory until they are written.
  void zero(int64_t model);

  Ensemble clone() const;
  // Model i of the result is this one's models[i]: a permutation, a subset, or repeats.
  Ensemble select(std::span<const int64_t> models) const;

  // Writes model `to`; sources may be of another ensemble with equal names and shapes, or the same
  // model. UserError otherwise.
  void copy(int64_t to, ModelView from);
  // (1 - t) a + t b, exact at t = 0 and 1.
  void interpolate(int64_t to, ModelView a, ModelView b, double t);

  // Adds scale * N(0, 1), keyed by (key, name): scale as it is, or times each tensor's own standard
  // deviation (around its mean, dividing by the count). A scale of 0 leaves every bit.
  enum class Noise { absolute, relative };
  void perturb(int64_t model, Key key, double scale, Noise noise = Noise::absolute);

 private:
  size_t find(std::string_view name) const;

  std::vector<ParameterSpec> specs_;
  int64_t models_;
  std::vector<AlignedBytes> memory_;  // one block per spec
  std::vector<int64_t> strides_;      // floats from model to model
};

// Over all parameters as one vector, summed in double.
double norm(ModelView a);
double distance(ModelView a, ModelView b);
double cosine(ModelView a, ModelView b);
// Of two displacements: the cosine between a - a_from and b - b_from.
double displacement_cosine(ModelView a, ModelView a_from, ModelView b, ModelView b_from);

// Equal lengths and bits: NaNs may be equal, and zeros of two signs are not.
bool same_bits(std::span<const float> a, std::span<const float> b);

// A fingerprint of all names and weights' bytes, in order of names: equal bits give equal hashes.
uint64_t weights_hash(ModelView a);

}  // namespace omni
