#include "engine/program.h"

#include <omp.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <map>

#include "base/float_mode.h"
#include "base/team.h"
#include "cpu/planner.h"
#include "engine/layout.h"
#include "engine/passes.h"
#include "engine/precision.h"
#include "engine/slicing.h"
#include "graph/inspect.h"
#include "ops/leaf.h"

namespace omni {
namespace {

void run_steps(std::span<const cpu::Step> steps) {
  for (const cpu::Step& s : steps) s.run(0, 1);
}

// Adds the time each step takes to its entry.
void time_steps(std::span<const cpu::Step> steps, std::span<double> step_us) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin = Clock::now();
  for (size_t i = 0; i < steps.size(); ++i) {
    steps[i].run(0, 1);
    const Clock::time_point end = Clock::now();
    step_us[i] += std::chrono::duration<double, std::micro>(end - begin).count();
    begin = end;
  }
}

// A planned graph with its inputs and outputs by name.
class Plan {
 public:
  Plan(std::unique_ptr<Graph> graph, const cpu::Layout& layout)
      : graph_(std::move(graph)), planner_(*graph_, layout) {
    for (int id = 0; id < graph_->size(); ++id)
      if (is_input(graph_->node(id))) inputs_[graph_->node(id).name] = id;
    for (const Output& o : graph_->outputs()) {
      if (!o.update) results_[o.name] = o.id;
      if (layout.copied.contains(o.id)) copies_.push_back({o.id, inputs_.at(o.name)});
    }
  }

  const Graph& graph() const { return *graph_; }
  cpu::Planner& planner() { return planner_; }
  const cpu::Planner& planner() const { return planner_; }
  const std::map<std::string, int>& inputs() const { return inputs_; }
  const std::map<std::string, int>& results() const { return results_; }

  void set_input(const std::string& name, void* data) {
    if (const auto it = inputs_.find(name); it != inputs_.end()) planner_.set(it->second, data);
  }
  void set_result(const std::string& name, void* data) {
    if (const auto it = results_.find(name); it != results_.end()) planner_.set(it->second, data);
  }

  void run() {
    run_steps(planner_.steps());
    finish();
  }
  // Updates that could not be made in place.
  void finish() {
    for (const auto& [from, to] : copies_)
      std::memcpy(*planner_.address(to), planner_.data(from), graph_->node(from).type.bytes());
  }

 private:
  std::unique_ptr<Graph> graph_;
  cpu::Planner planner_;
  std::map<std::string, int> inputs_, results_;
  std::vector<std::pair<int, int>> copies_;
};

}  // namespace

double matmul_flops(const Graph& g) {
  Graph needed;
  simplify(g, needed, {});
  double flops = 0;
  for (int id = 0; id < needed.size(); ++id) {
    const Node& n = needed.node(id);
    if (!n.op->flops) continue;
    std::vector<Type> in;
    for (const int i : n.in) in.push_back(needed.node(i).type);
    flops += n.op->flops(in, n.type);
  }
  return flops;
}

struct Program::Impl {
  struct Buffer {
    Type type;
    AlignedBytes own;
    std::byte* data;
  };

  std::set<std::string> off;
  Precision precision;
  Team team;
  std::unique_ptr<SlicedGraph> sliced;
  std::vector<std::vector<std::unique_ptr<Plan>>> bodies;  // [body][thread]
  std::unique_ptr<Plan> main;      // the whole graph, or the tail of a sliced one
  std::unique_ptr<Plan> refresher; // bf16 shadows of parameters
  std::set<std::string> shadows;
  std::map<std::string, Type> inputs;
  std::map<std::string, std::byte*> bound;
  std::map<std::string, Buffer> results;
  std::vector<AlignedBytes> partials, shadow_memory;
  double flops = 0;

  explicit Impl(const ProgramOptions& o)
      : off(resolve_passes_off(o.passes_off)), precision(o.precision), team(o.threads) {}

  std::unique_ptr<Plan> plan(const Graph& from, bool is_tail) {
    auto g = std::make_unique<Graph>();
    simplify(from, *g, off);
    verify(*g, "after simplify");
    separate_outputs(*g);
    if (precision == Precision::bf16) {
      narrow(*g, shadows);
      if (is_tail) update_shadows(*g, shadows);  // the bodies' shadows, too
      verify(*g, "after narrow");
    }
    const cpu::Layout layout = make_layout(*g, off);
    return std::make_unique<Plan>(std::move(g), layout);
  }

  void build(const Graph& g) {
    verify(g, "program");
    for (int id = 0; id < g.size(); ++id)
      if (is_input(g.node(id))) {
        inputs[g.node(id).name] = g.node(id).type;
        bound[g.node(id).name] = nullptr;
      }
    for (const Output& o : g.outputs())
      if (!o.update) {
        const Type& t = g.node(o.id).type;
        require(t.dtype == DType::f32 || t.dtype == DType::i32,
                "result '{}' is {}; results are f32 or i32", o.name, t);
        Buffer& b = results[o.name] = {t, AlignedBytes(std::max<int64_t>(t.bytes(), 1)), nullptr};
        b.data = b.own.data();
      }
    flops = omni::matmul_flops(g);
    if (!off.contains("slice-batch")) {
      // Whatever is switched off, one graph decides how a batch is cut: dead code and repeated
      // expressions must not.
      Graph clean;
      simplify(g, clean, {});
      if (auto s = slice_batch(clean, precision == Precision::bf16 ? 2 : 4)) sliced = std::move(*s);
    }
    if (sliced)
      build_slices();
    else
      main = plan(g, true);
    make_shadows(g);
    for (auto& [name, b] : results) main->set_result(name, b.data);
  }

  void build_slices() {
    for (const auto& body : sliced->bodies) {
      auto& plans = bodies.emplace_back();
      for (int t = 0; t < team.size(); ++t) plans.push_back(plan(*body, false));
    }
    main = plan(sliced->tail, true);
    const int slices = static_cast<int>(sliced->slices.size());
    for (const std::string& name : sliced->partials) {
      const Plan& body = *bodies[0][0];
      const int64_t bytes =
          round_up(body.graph().node(body.results().at(name)).type.bytes(), kAlignment);
      AlignedBytes& memory = partials.emplace_back(bytes * slices);
      for (int s = 0; s < slices; ++s)
        main->set_input(partial_name(name, s), memory.data() + s * bytes);
    }
  }

  void make_shadows(const Graph& g) {
    if (shadows.empty()) return;
    auto graph = std::make_unique<Graph>();
    make_shadow_graph(g, shadows, *graph);
    const cpu::Layout layout = make_layout(*graph, off);
    refresher = std::make_unique<Plan>(std::move(graph), layout);
    for (const std::string& name : shadows) {
      const int64_t bytes = inputs.at(name).count() * size_of(DType::bf16);
      shadow_memory.emplace_back(bytes);
      set_everywhere(shadow_name(name), shadow_memory.back().data());
    }
  }

  void set_everywhere(const std::string& name, void* data) {
    for (auto& plans : bodies)
      for (auto& p : plans) p->set_input(name, data);
    main->set_input(name, data);
    if (refresher) refresher->set_input(name, data);
  }

  void bind(const std::string& name, std::byte* data) {
    const auto it = bound.find(name);
    check(it != bound.end(), "the program has no input '{}'", name);
    if (it->second == data) return;
    it->second = data;
    // Inputs with one entry per row are bound slice by slice.
    if (!(sliced && inputs.at(name).batch >= 0)) set_everywhere(name, data);
  }

  // Points a body's row-wise inputs, row-wise results and partial sums at one slice.
  void aim(Plan& p, int s) {
    const Slice& slice = sliced->slices[s];
    for (const auto& [name, id] : p.inputs()) {
      const Type& t = p.graph().node(id).type;
      const auto whole = inputs.find(name);
      if (t.batch < 0 || whole == inputs.end()) continue;
      p.planner().set(id, bound.at(name) + slice.begin * t.bytes() / slice.rows);
    }
    for (const auto& [name, id] : p.results()) {
      const Type& t = p.graph().node(id).type;
      if (const auto r = results.find(name); r != results.end())
        p.planner().set(id, r->second.data + slice.begin * t.bytes() / slice.rows);
    }
    for (size_t i = 0; i < partials.size(); ++i) {
      const int64_t bytes = partials[i].size() / static_cast<int64_t>(sliced->slices.size());
      p.planner().set(p.results().at(sliced->partials[i]), partials[i].data() + s * bytes);
    }
  }

  void run() {
    omp_set_num_threads(1);
    const FloatMode mode;
    if (!sliced) return main->run();
    std::atomic<int> next = 0;
    const int slices = static_cast<int>(sliced->slices.size());
    const auto work = [&](int thread) {
      omp_set_num_threads(1);
      const FloatMode thread_mode;
      for (int s = next++; s < slices; s = next++) {
        Plan& p = *bodies[sliced->slices[s].body][thread];
        aim(p, s);
        p.run();
      }
    };
    team.run(std::ref(work));  // by reference: a copy would be allocated
    run_tail();
  }

  void run_timed(std::span<double> step_us) {
    omp_set_num_threads(1);
    const FloatMode mode;
    std::vector<size_t> begin = {0};  // of each body's steps, then the main plan's
    for (const auto& plans : bodies)
      begin.push_back(begin.back() + plans[0]->planner().steps().size());
    const int slices = sliced ? static_cast<int>(sliced->slices.size()) : 0;
    for (int s = 0; s < slices; ++s) {
      const int body = sliced->slices[s].body;
      aim(*bodies[body][0], s);
      time_steps(bodies[body][0]->planner().steps(), step_us.subspan(begin[body]));
    }
    time_steps(main->planner().steps(), step_us.subspan(begin.back()));
    main->finish();
  }

  // Elementwise steps are shared out, one barrier per run of consecutive divisible steps.
  void run_tail() {
    const auto steps = main->planner().steps();
    if (team.size() == 1) return main->run();
    for (const cpu::Step& step : steps) {
      if (step.divisible)
        team.run([&](int thread) {
          const FloatMode thread_mode;
          step.run(thread, team.size());
        });
      else
        step.run(0, 1);
    }
    main->finish();
  }
};

Program::Program(const Graph& graph, ProgramOptions options)
    : impl_(std::make_unique<Impl>(options)) {
  omp_set_num_threads(1);
  try {
    impl_->build(graph);
  } catch (const dnnl::error& e) {
    require(options.precision != Precision::bf16,
            "bf16 needs a processor with AVX-512 or AMX: oneDNN says '{}'; use f32 precision",
            e.what());
    throw;
  }
}
Program::~Program() = default;

void Program::bind(const std::string& input, const void* data) {
  impl_->bind(input, static_cast<std::byte*>(const_cast<void*>(data)));
}
bool Program::has_input(const std::string& input) const { return impl_->bound.contains(input); }

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
  impl_->main->set_result(name, data);
}

std::pair<const void*, int64_t> Program::result_memory(const std::string& name,
                                                       size_t element) const {
  const auto it = impl_->results.find(name);
  check(it != impl_->results.end(), "the program has no result '{}'", name);
  check(static_cast<int64_t>(element) == size_of(it->second.type.dtype),
        "result '{}' has another element type", name);
  return {it->second.data, it->second.type.count()};
}

int64_t Program::arena_bytes() const {
  const auto of = [](const Plan& p) { return p.planner().arena_bytes() + p.planner().scratch_bytes(); };
  int64_t bytes = of(*impl_->main);
  for (const auto& plans : impl_->bodies)
    for (const auto& p : plans) bytes += of(*p);
  for (const AlignedBytes& p : impl_->partials) bytes += p.size();
  for (const AlignedBytes& p : impl_->shadow_memory) bytes += p.size();
  return bytes;
}

std::vector<std::string> Program::step_labels() const {
  std::vector<std::string> labels;
  const auto add = [&](const Plan& p) {
    for (const cpu::Step& s : p.planner().steps()) labels.push_back(s.label);
  };
  for (const auto& plans : impl_->bodies) add(*plans[0]);
  add(*impl_->main);
  return labels;
}

int Program::slices() const {
  return impl_->sliced ? static_cast<int>(impl_->sliced->slices.size()) : 1;
}
double Program::matmul_flops() const { return impl_->flops; }

}  // namespace omni
