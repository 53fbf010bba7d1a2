#include "bench/onednn.h"

#include <omp.h>

#include <cstring>

#include "base/float_mode.h"
#include "executors/cpu/limits.h"

namespace omni::bench {

using dnnl::memory;

const dnnl::engine& Primitives::engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

memory Primitives::memory(const memory::desc& desc) {
  AlignedBytes& bytes = memory_.emplace_back(static_cast<int64_t>(desc.get_size()));
  // 2^-6 as bf16 and close to it as f32.
  constexpr uint16_t kSmall = 0x3c80;
  for (int64_t i = 0; i + 1 < bytes.size(); i += 2)
    std::memcpy(bytes.data() + i, &kSmall, sizeof kSmall);
  return {desc, engine(), bytes.data()};
}

void Primitives::add(const dnnl::primitive& primitive, Arguments arguments) {
  calls_.push_back({primitive, std::move(arguments)});
}

void Primitives::run() {
  omp_set_num_threads(1);
  const FloatMode mode;
  for (const Call& c : calls_) c.primitive.execute(stream_, c.arguments);
}

memory::data_type Primitives::type(Precision p) {
  const bool narrow = p == Precision::bf16 && cpu::limits().bf16_storage == DType::bf16;
  return narrow ? memory::data_type::bf16 : memory::data_type::f32;
}

}  // namespace omni::bench
