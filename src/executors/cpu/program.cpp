#include "executors/cpu/program.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <map>

#include "base/float_mode.h"
#include "base/team.h"
#include "engine/passes.h"
#include "engine/precision.h"
#include "engine/slicing.h"
#include "executors/cpu/plan.h"
#include "executors/cpu/plan_failure.h"
#include "graph/inspect.h"
#include "ops/leaf.h"

namespace omni {

// A program runs stages one after another, each a body on every slice of rows, then a tail. A
// program whose batch is not cut is one tail.
struct Program::Impl {
  struct ResultMemory {
    Type type;
    AlignedBytes own;
    std::byte* data;  // own, or the caller's
  };
  struct StagePlans {
    std::vector<std::vector<std::unique_ptr<Plan>>> bodies;  // [body][thread]
    std::unique_ptr<Plan> tail;
  };
  // What a body hands on: rows for bodies of later stages or partial sums for tails.
  struct SliceMemory {
    int64_t slice_bytes;
    AlignedBytes bytes;
    std::byte* of(int slice) { return bytes.data() + slice * slice_bytes; }
  };

  std::set<Pass> off;
  Precision precision;
  DeviceLimits limits;
  DType storage;  // of what products read
  Team team;
  std::vector<Slice> slices;  // none: the batch is not cut
  std::vector<StagePlans> stages;
  std::unique_ptr<Plan> refresher;  // makes the bf16 shadows anew; null without shadows
  std::set<std::string> shadowed;   // parameters
  std::map<std::string, Type> inputs;
  std::map<std::string, std::byte*> bound;  // every input; null: not bound
  std::map<std::string, ResultMemory> results;
  std::map<std::string, SliceMemory> by_slice;   // made by bodies
  std::map<std::string, AlignedBytes> by_tails;  // read by bodies and tails of later stages
  std::vector<AlignedBytes> shadow_memory;

  explicit Impl(const ProgramOptions& o)
      : off(passes_named(o.passes_off)),
        precision(o.precision),
        limits(o.limits),
        storage(o.precision == Precision::bf16 ? o.limits.bf16_storage : DType::f32),
        team(o.threads) {}

  // --- Making it ---

  void build(const Graph& g) {
    verify(g, "program");
    for (int id = 0; id < g.size(); ++id)
      if (is_input(g.node(id))) {
        inputs[g.node(id).name] = g.node(id).type;
        bound[g.node(id).name] = nullptr;
      }
    for (const Output& o : g.outputs())
      if (!o.update) add_result(o.name, g.node(o.id).type);
    std::unique_ptr<SlicedGraph> sliced;
    if (!off.contains(Pass::slice_batch)) {
      // Whatever is switched off, one graph decides how a batch is cut: dead code and repeated
      // expressions must not. A pass that replaces a computation is left out of it where it is off.
      std::set<Pass> left_out = off;
      for (const PassInfo& p : passes())
        if (p.before_cut) left_out.erase(p.pass);
      Graph clean;
      simplify(g, clean, limits.fold, left_out);
      sliced = slice_batch(clean, limits, size_of(storage));
    }
    if (sliced)
      build_stages(*sliced);
    else
      stages.emplace_back().tail = plan(g, true);
    build_shadows(g);
    for (auto& [name, r] : results) last().set_result(name, r.data);
  }

  void add_result(const std::string& name, const Type& t) {
    require(t.dtype == DType::f32 || t.dtype == DType::i32,
            "result '{}' is {}; results are f32 or i32", name, t);
    ResultMemory& r = results[name] = {t, AlignedBytes(std::max<int64_t>(t.bytes(), 1)), nullptr};
    r.data = r.own.data();
  }

  std::unique_ptr<Plan> plan(const Graph& from, bool is_last) {
    auto g = std::make_unique<Graph>();
    simplify(from, *g, limits.fold, off);
    verify(*g, "after simplify");
    separate_outputs(*g);
    if (precision == Precision::bf16) {
      round_what_products_read(*g, storage, shadowed);
      if (is_last) update_shadows(*g, storage, shadowed);  // the bodies' shadows, too
      verify(*g, "after rounding");
    }
    return std::make_unique<Plan>(std::move(g), limits, off);
  }

  void build_stages(const SlicedGraph& sliced) {
    slices = sliced.slices;
    for (const Stage& stage : sliced.stages) {
      StagePlans& plans = stages.emplace_back();
      for (const auto& body : stage.bodies) {
        auto& of_threads = plans.bodies.emplace_back();
        for (int t = 0; t < team.size(); ++t) of_threads.push_back(plan(*body, false));
      }
      plans.tail = plan(stage.tail, &stage == &sliced.stages.back());
      add_memory(plans);
    }
    for (StagePlans& stage : stages) {
      for (auto& [name, memory] : by_slice)
        for (int s = 0; s < std::ssize(slices); ++s)
          stage.tail->set_input(partial_name(name, s), memory.of(s));
      for (auto& [name, memory] : by_tails) stage.tail->set_result(name, memory.data());
    }
    for (auto& [name, memory] : by_tails) set_everywhere(name, memory.data());
  }

  // For what a stage hands on: all of its results but the program's.
  void add_memory(const StagePlans& stage) {
    const auto for_each = [&](const Plan& p, auto add) {
      for (const auto& [name, id] : p.results())
        if (!results.contains(name)) add(name, round_up(p.type(id).bytes(), kAlignment));
    };
    for_each(*stage.bodies[0][0], [&](const std::string& name, int64_t bytes) {
      by_slice[name] = {bytes, AlignedBytes(bytes * std::ssize(slices))};
    });
    for_each(*stage.tail,
             [&](const std::string& name, int64_t bytes) { by_tails[name] = AlignedBytes(bytes); });
  }

  void build_shadows(const Graph& g) {
    if (shadowed.empty()) return;
    auto graph = std::make_unique<Graph>();
    make_shadow_graph(g, storage, shadowed, *graph);
    refresher = std::make_unique<Plan>(std::move(graph), limits, off);
    for (const std::string& name : shadowed) {
      AlignedBytes& memory = shadow_memory.emplace_back(inputs.at(name).count() * size_of(storage));
      set_everywhere(shadow_name(name), memory.data());
    }
  }

  // --- Binding ---

  Plan& last() { return *stages.back().tail; }

  template <class Visit>
  void for_each_plan(Visit visit) {
    for (StagePlans& stage : stages) {
      for (auto& plans : stage.bodies)
        for (auto& p : plans) visit(*p);
      visit(*stage.tail);
    }
    if (refresher) visit(*refresher);
  }

  void set_everywhere(const std::string& name, void* data) {
    for_each_plan([&](Plan& p) { p.set_input(name, data); });
  }

  void bind(const std::string& name, std::byte* data) {
    const auto it = bound.find(name);
    check(it != bound.end(), "the program has no input '{}'", name);
    if (it->second == data) return;
    it->second = data;
    // Inputs with one entry per row are bound slice by slice.
    if (slices.empty() || inputs.at(name).batch < 0) set_everywhere(name, data);
  }

  // Points a body at one slice: its row-wise inputs and results, what it makes and finds there.
  void point_at_slice(Plan& p, int s) {
    const Slice& slice = slices[s];
    const auto offset = [&](int id) { return slice.begin * p.type(id).bytes() / slice.rows; };
    for (const auto& [name, id] : p.inputs())
      if (const auto made = by_slice.find(name); made != by_slice.end())
        p.set(id, made->second.of(s));
      else if (p.type(id).batch >= 0)
        p.set(id, bound.at(name) + offset(id));
    for (const auto& [name, id] : p.results())
      if (const auto made = by_slice.find(name); made != by_slice.end())
        p.set(id, made->second.of(s));
      else
        p.set(id, results.at(name).data + offset(id));
  }

  // --- Running ---

  void run() {
    omp_set_num_threads(1);
    const FloatMode mode;
    for (StagePlans& stage : stages) {
      if (!stage.bodies.empty()) run_bodies(stage);
      run_tail(*stage.tail);
    }
  }

  void run_bodies(StagePlans& stage) {
    std::atomic<int> next = 0;
    const auto work = [&](int thread) {
      omp_set_num_threads(1);
      const FloatMode thread_mode;
      for (int s = next++; s < std::ssize(slices); s = next++) {
        Plan& p = *stage.bodies[slices[s].body][thread];
        point_at_slice(p, s);
        p.run();
      }
    };
    team.run(std::ref(work));  // by reference: a copy would be allocated
  }

  // A sliced program shares out the tail's elementwise steps too, with a barrier after each.
  void run_tail(Plan& tail) {
    if (slices.empty() || team.size() == 1) return tail.run();
    for (const cpu::Step& step : tail.steps()) {
      if (step.divisible)
        team.run([&](int thread) {
          const FloatMode thread_mode;
          step.run(thread, team.size());
        });
      else
        step.run(0, 1);
    }
    tail.finish();
  }

  void run_timed(std::span<double> step_us) {
    omp_set_num_threads(1);
    const FloatMode mode;
    for (StagePlans& stage : stages) {
      std::vector<std::span<double>> of_body;
      for (const auto& plans : stage.bodies) {
        of_body.push_back(step_us);
        step_us = step_us.subspan(plans[0]->steps().size());
      }
      for (int s = 0; s < std::ssize(slices); ++s) {
        Plan& p = *stage.bodies[slices[s].body][0];
        point_at_slice(p, s);
        p.run_timed(of_body[slices[s].body]);
      }
      stage.tail->run_timed(step_us);
      step_us = step_us.subspan(stage.tail->steps().size());
    }
  }
};

Program::Program(const Graph& graph, ProgramOptions options)
    : impl_(std::make_unique<Impl>(options)) {
  omp_set_num_threads(1);
  try {
    impl_->build(graph);
  } catch (const dnnl::error& e) {
    fail_plan(static_cast<int>(e.status), e.what());
  }
}
Program::~Program() = default;

void Program::bind(const std::string& input, const void* data) {
  impl_->bind(input, static_cast<std::byte*>(const_cast<void*>(data)));
}
bool Program::has_input(const std::string& input) const { return impl_->bound.contains(input); }
const Type& Program::input_type(const std::string& input) const {
  const auto it = impl_->inputs.find(input);
  check(it != impl_->inputs.end(), "the program has no input '{}'", input);
  return it->second;
}

void Program::unbind() {
  for (auto& [name, data] : impl_->bound) data = nullptr;
}
std::vector<std::string> Program::unbound() const {
  std::vector<std::string> names;
  for (const auto& [name, data] : impl_->bound)
    if (!data) names.push_back(name);
  return names;
}

void Program::refresh() {
  if (!impl_->refresher) return;
  const FloatMode mode;
  impl_->refresher->run();
}

void Program::run() {
  for (const auto& [name, data] : impl_->bound)
    check(data != nullptr, "the program's input '{}' is not bound", name);
  impl_->run();
}

void Program::run_timed(std::span<double> step_us) {
  check(step_us.size() == step_labels().size(), "one entry per step is needed");
  impl_->run_timed(step_us);
}

void Program::bind_result(const std::string& name, void* data) {
  const auto it = impl_->results.find(name);
  check(it != impl_->results.end(), "the program has no result '{}'", name);
  it->second.data = static_cast<std::byte*>(data);
  impl_->last().set_result(name, data);
}

std::pair<const void*, int64_t> Program::result_memory(const std::string& name,
                                                       size_t element) const {
  const auto it = impl_->results.find(name);
  check(it != impl_->results.end(), "the program has no result '{}'", name);
  check(static_cast<int64_t>(element) == size_of(it->second.type.dtype),
        "result '{}' is {}, read as elements of {} bytes", name, it->second.type, element);
  return {it->second.data, it->second.type.count()};
}

int64_t Program::arena_bytes() const {
  int64_t bytes = 0;
  impl_->for_each_plan([&](const Plan& p) { bytes += p.bytes(); });
  for (const auto& [name, m] : impl_->by_slice) bytes += m.bytes.size();
  for (const auto& [name, m] : impl_->by_tails) bytes += m.size();
  for (const AlignedBytes& p : impl_->shadow_memory) bytes += p.size();
  return bytes;
}

std::vector<std::string> Program::step_labels() const {
  std::vector<std::string> labels;
  const auto add = [&](const Plan& p) {
    for (const cpu::Step& s : p.steps()) labels.push_back(s.label);
  };
  for (const auto& stage : impl_->stages) {
    for (const auto& plans : stage.bodies) add(*plans[0]);
    add(*stage.tail);
  }
  return labels;
}

int Program::slices() const { return std::max<int>(1, std::ssize(impl_->slices)); }

}  // namespace omni
