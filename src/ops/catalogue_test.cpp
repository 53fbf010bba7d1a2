// Every op there is: what each owes, and that gradients can always be differentiated again.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>

#include "cpu/op_plan.h"
#include "ops/attention.h"
#include "ops/gradients.h"
#include "ops/reduce.h"
#include "ops/test_elementwise.h"
#include "ops/testing.h"

namespace omni {
namespace {

using testing::Sample;

// Those that ops' tests hand over, and the elementwise ops.
std::vector<Sample> samples() {
  std::vector<Sample> all = testing::Samples::all();
  for (const auto& entry : testing::elementwise_entries())
    all.push_back({entry.op, [entry](Graph& g) {
                     std::vector<Value> in;
                     for (int i = 0; i < entry.op->arity; ++i) {
                       const std::string name = "x" + std::to_string(i);
                       const bool single = i >= entry.op->scalars_from;
                       in.push_back(single   ? testing::f32(g, name.c_str(), {})
                                    : i == 1 ? testing::f32(g, name.c_str(), {3})
                                             : testing::rows(g, name.c_str()));
                     }
                     return entry.make(in);
                   }});
  return all;
}

// Found in the headers, so that a new op cannot be forgotten here.
TEST(Catalogue, IsComplete) {
  std::set<std::string> here = {"input", "constant"};
  for (const Sample& s : samples()) EXPECT_TRUE(here.insert(s.op->name).second) << s.op->name;
  // Not the declaration in a macro, whose line goes on.
  const std::regex declaration("extern const OpDef ([^;]*);(?! *\\\\)"), name("[a-z0-9_]+");
  for (const auto& file : std::filesystem::directory_iterator(OMNI_SOURCE_DIR "/src/ops")) {
    if (file.path().extension() != ".h") continue;
    std::ifstream in(file.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    for (std::sregex_iterator d(text.begin(), text.end(), declaration), end; d != end; ++d) {
      const std::string names = (*d)[1];
      for (std::sregex_iterator n(names.begin(), names.end(), name); n != end; ++n)
        EXPECT_TRUE(here.contains(n->str()))
            << n->str() << " of " << file.path()
            << " has no sample, by which tests of all ops try it: "
            << "add its line to kSamples of the test beside it, see docs/ops.md";
    }
  }
}

TEST(Catalogue, EveryOpMeansSomethingAndRuns) {
  // Products that bf16 precision leaves in f32.
  const std::set<const OpDef*> in_f32 = {&ops::attention, &ops::attention_grad,
                                         &ops::attention_pattern, &ops::attention_mix};
  for (const Sample& s : samples()) {
    Graph g;
    const Value v = s.make(g);
    bool used = false;
    for (int id = 0; id < g.size(); ++id) used |= g.node(id).op == s.op;
    EXPECT_TRUE(used) << s.op->name << " is not in its sample";
    EXPECT_TRUE(s.op->reference) << s.op->name;
    EXPECT_TRUE(s.op->cpu || s.op->identity || s.op->alias) << s.op->name;
    if (const cpu::OpPlan* on_cpu = s.op->cpu) {
      EXPECT_EQ(on_cpu->block != nullptr, s.op->elementwise) << s.op->name;
      EXPECT_EQ(on_cpu->plan != nullptr, !s.op->elementwise) << s.op->name;
    }
    EXPECT_TRUE(v.type().dtype == DType::f32 || !s.op->elementwise || s.op == &ops::to_i32)
        << s.op->name;
    EXPECT_TRUE(s.op->takes_bf16 || !(s.op->wants_bf16 || s.op->elementwise)) << s.op->name;
    EXPECT_EQ(s.op->wants_bf16, s.op->flops != nullptr && !in_f32.contains(s.op)) << s.op->name;
  }
}

// Gradients of gradients: a rule may emit only what has a rule itself.
TEST(Catalogue, GradientsCanBeDifferentiatedAgain) {
  const std::set<const OpDef*> without = {&ops::arg_max, &ops::to_i32};  // whole numbers
  for (const Sample& s : samples()) {
    if (without.contains(s.op)) continue;
    Graph g;
    const Value v = s.make(g);
    std::vector<Value> wrt;
    for (int id = 0; id < g.size(); ++id)
      if (is_input(g.node(id)) && is_float(g.node(id).type.dtype)) wrt.push_back(g.value(id));
    if (wrt.empty()) continue;
    EXPECT_TRUE(s.op->grad) << s.op->name;
    const int before = g.size();
    const auto first = pullback(v, testing::f32(g, "cotangent", v.shape(), v.type().batch), wrt);
    for (int id = before; id < g.size(); ++id) {
      const OpDef& op = *g.node(id).op;
      if (g.node(id).in.empty()) continue;  // nothing to differentiate by
      EXPECT_TRUE(op.grad) << s.op->name << "'s rule emits " << op.name << ", which has none";
      EXPECT_TRUE(op.reference) << op.name;
    }
    for (size_t i = 0; i < wrt.size(); ++i) {
      EXPECT_EQ(first[i].shape(), wrt[i].shape()) << s.op->name;
      EXPECT_NO_THROW(gradients(sum(square(first[i])), wrt)) << s.op->name;
    }
  }
}

}  // namespace
}  // namespace omni
