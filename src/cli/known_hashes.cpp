#include "cli/known_hashes.h"

#include <fmt/format.h>
#include <hwy/targets.h>

#include <string_view>

#include "cpu/onednn.h"

namespace omni::cli {
namespace {

struct Known {
  std::string_view onednn, instructions, vectors, self_test;
  uint64_t hash;
};

// Made on kTableProcessor, the lower instructions by DNNL_MAX_CPU_ISA and, for vectors that it
// alone would not lower, by hwy::SetSupportedTargetsForTest.
constexpr Known kKnown[] = {
    {"2.6.3", "AVX-512 with AMX", "AVX3", "mlp f32", 0x920425241e0a9f67},
    {"2.6.3", "AVX-512 with AMX", "AVX3", "mlp bf16", 0x4134d0343d61787f},
    {"2.6.3", "AVX-512 with AMX", "AVX3", "convnet f32", 0xe79eb4c8d4c2c57f},
    {"2.6.3", "AVX-512 with bf16", "AVX3", "mlp f32", 0x920425241e0a9f67},
    {"2.6.3", "AVX-512 with bf16", "AVX3", "mlp bf16", 0x01bacd2b87fc849c},
    {"2.6.3", "AVX-512 with bf16", "AVX3", "mlp rounded", 0x6d9a13f9b01e6748},
    {"2.6.3", "AVX-512 with bf16", "AVX3", "convnet f32", 0xe79eb4c8d4c2c57f},
    {"2.6.3", "AVX-512 with VNNI", "AVX3", "mlp f32", 0x920425241e0a9f67},
    {"2.6.3", "AVX-512 with VNNI", "AVX3", "mlp rounded", 0x6d9a13f9b01e6748},
    {"2.6.3", "AVX-512 with VNNI", "AVX3", "convnet f32", 0xe79eb4c8d4c2c57f},
    {"2.6.3", "AVX-512", "AVX3", "mlp f32", 0x920425241e0a9f67},
    {"2.6.3", "AVX-512", "AVX3", "mlp rounded", 0x6d9a13f9b01e6748},
    {"2.6.3", "AVX-512", "AVX3", "convnet f32", 0xe79eb4c8d4c2c57f},
    {"2.6.3", "AVX2", "AVX3", "mlp f32", 0x6c260cec0c8fdef9},
    {"2.6.3", "AVX2", "AVX3", "mlp rounded", 0x3a3e0603fb5e2701},
    {"2.6.3", "AVX2", "AVX3", "convnet f32", 0xc32828bd20f92fb0},
    {"2.6.3", "AVX2", "AVX2", "mlp f32", 0x0b492bab5b58ee4c},
    {"2.6.3", "AVX2", "AVX2", "convnet f32", 0x3787861def71bfd3},
    {"2.6.3", "AVX", "SSE4", "mlp f32", 0x3ddb98102843609b},
    {"2.6.3", "AVX", "SSE4", "convnet f32", 0x5dfdcc58f15e3fc2},
    {"2.6.3", "SSE4.1", "SSE4", "mlp f32", 0xf508a7c35935c365},
    {"2.6.3", "SSE4.1", "SSE4", "convnet f32", 0x507c92b572644e29},
    {"3.7.2", "AVX-512 with fp16", "AVX3_SPR", "mlp f32", 0x49f921eefc42e24c},
    {"3.7.2", "AVX-512 with fp16", "AVX3_SPR", "mlp rounded", 0xf0b13229ab2c91ae},
    {"3.7.2", "AVX-512 with fp16", "AVX3_SPR", "convnet f32", 0xac482c713097d7a5},
    {"3.7.2", "AVX-512 with VNNI", "AVX3_SPR", "mlp f32", 0x49f921eefc42e24c},
    {"3.7.2", "AVX-512 with VNNI", "AVX3_SPR", "mlp rounded", 0xf0b13229ab2c91ae},
    {"3.7.2", "AVX-512 with VNNI", "AVX3_SPR", "convnet f32", 0xac482c713097d7a5},
    {"3.7.2", "AVX-512", "AVX3_SPR", "mlp f32", 0x49f921eefc42e24c},
    {"3.7.2", "AVX-512", "AVX3_SPR", "mlp rounded", 0xf0b13229ab2c91ae},
    {"3.7.2", "AVX-512", "AVX3_SPR", "convnet f32", 0xac482c713097d7a5},
    {"3.7.2", "AVX2", "AVX3_SPR", "mlp f32", 0x2f04a8256353e1f4},
    {"3.7.2", "AVX2", "AVX3_SPR", "mlp rounded", 0x7dedd352123f7544},
    {"3.7.2", "AVX2", "AVX3_SPR", "convnet f32", 0xdb08198c0eefaa14},
    {"3.7.2", "AVX2", "AVX2", "mlp f32", 0xb0c642a364869d24},
    {"3.7.2", "AVX2", "AVX2", "convnet f32", 0x70aba94a56080454},
    {"3.7.2", "AVX", "SSE4", "mlp f32", 0x99120dbb451f4e3d},
    {"3.7.2", "AVX", "SSE4", "convnet f32", 0x5dfdcc58f15e3fc2},
    {"3.7.2", "SSE4.1", "SSE4", "mlp f32", 0x1f0bbaff06117acf},
    {"3.7.2", "SSE4.1", "SSE4", "convnet f32", 0x507c92b572644e29},
};

}  // namespace

Platform this_platform() {
  return {cpu::onednn::version(), cpu::onednn::instructions(),
          hwy::TargetName(hwy::SupportedAndGeneratedTargets().front())};
}

uint64_t known_hash(const Platform& platform, const std::string& self_test) {
  for (const Known& k : kKnown)
    if (k.onednn == platform.onednn && k.instructions == platform.instructions &&
        k.vectors == platform.vectors && k.self_test == self_test)
      return k.hash;
  return 0;
}

std::string known_hash_rows(const Platform& platform, std::span<const SelfTest> tests) {
  std::string rows;
  for (const SelfTest& t : tests)
    rows += fmt::format("    {{\"{}\", \"{}\", \"{}\", \"{}\", 0x{:016x}}},\n", platform.onednn,
                          platform.instructions, platform.vectors, t.name, t.hash);
  return rows;
}

}  // namespace omni::cli
