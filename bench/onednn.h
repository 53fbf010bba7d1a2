// oneDNN primitives alone, on one core: the work of a training step that no engine can spare
// itself.
#pragma once

#include <dnnl.hpp>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/memory.h"
#include "engine/precision.h"

namespace omni::bench {

// Primitives with memory of their own, executed in order. One thread at a time.
class Primitives {
 public:
  using Arguments = std::unordered_map<int, dnnl::memory>;

  // Memory of this description, filled with small numbers, kept as long as this object.
  dnnl::memory memory(const dnnl::memory::desc& desc);
  void add(const dnnl::primitive& primitive, Arguments arguments);
  void run();

  static const dnnl::engine& engine();  // one for all: primitives only run where they were made
  static dnnl::memory::data_type type(Precision p);

 private:
  struct Call {
    dnnl::primitive primitive;
    Arguments arguments;
  };
  dnnl::stream stream_{engine()};
  std::vector<AlignedBytes> memory_;
  std::vector<Call> calls_;
};

// One way to arrange the matrix products of an MLP's training step.
struct GemmArrangement {
  int64_t rows;            // of the batch at once; the products run batch / rows times
  bool input_by_output;    // weights are stored [in, out] rather than [out, in]
  bool many_sums = false;  // each time writes weight gradients of its own
  std::string name() const;
};

// The eight products of one step of 784-256-256-10, in the engine's order: forward; from the last
// layer to the first, the input's gradient (not of the first layer) and the weights'. No bias, no
// ReLU. Where bf16 is stored with 16 bits, weight gradients and logits are f32, all else is bf16.
class GemmStep {
 public:
  GemmStep(int64_t batch, Precision precision, const GemmArrangement& arrangement);
  void run() { products_.run(); }

 private:
  Primitives products_;
};

// The convolutions and matrix products of one step of the ConvNet in f32, each in the layouts and
// implementation that were fastest when tried alone; with pooling, if asked for, forward and
// backward.
class ConvNetStep {
 public:
  ConvNetStep(int64_t batch, bool with_pooling);
  void run() { primitives_.run(); }

 private:
  Primitives primitives_;
};

}  // namespace omni::bench
