#include "lab/inference.h"

#include <algorithm>

#include "base/error.h"
#include "lab/sets.h"
#include "lab/soundness.h"

namespace omni {
namespace {

// Progress is told of so many products at once.
constexpr double kToldFlops = 1e8;

int number_of(const SessionSpec& spec, const std::string& program) {
  const auto it = std::ranges::find(spec.programs, program, &ProgramSpec::name);
  check(it != spec.programs.end(), "the inference has no program '{}'", program);
  return static_cast<int>(it - spec.programs.begin());
}

class Live final : public OpenInference {
 public:
  Live(const Inference& i, const SessionSpec& spec, Worker& worker)
      : spec_(spec), worker_(worker), session_(worker.executor().open(spec)) {
    for (const auto& [name, model] : i.sets) lend(*session_, name, model);
    for (const ProgramSpec& p : spec.programs) {
      flops_.push_back(load_of_run(*p.graph).matmul_flops);
      for (const Output& o : p.graph->outputs())
        if (o.update) session_->zero(o.name, p.graph->node(o.id).type.count());
    }
    session_->start({.programs = std::vector<ProgramStart>(spec.programs.size()), .at = {}});
  }
  ~Live() override { tell(); }

  void run(const std::string& program) override {
    worker_.stop_if_asked();
    const int p = number_of(spec_, program);
    session_->run(p, 1);
    note(p, 1);
  }
  void leave_out(const std::string& program, int64_t runs) override {
    note(number_of(spec_, program), runs);
  }
  std::span<const float> result(const std::string& program,
                                const std::string& name) const override {
    return session_->result(number_of(spec_, program), name);
  }

 private:
  std::span<std::byte> feed_bytes(const std::string& program, const std::string& input,
                                  DType type) override {
    const int p = number_of(spec_, program);
    if (type == DType::f32) return std::as_writable_bytes(session_->feed<float>(p, input));
    return std::as_writable_bytes(session_->feed<int32_t>(p, input));
  }

  void note(int program, int64_t runs) {
    untold_flops_ += static_cast<double>(runs) * flops_[static_cast<size_t>(program)];
    if (untold_flops_ > kToldFlops) tell();
  }
  void tell() {
    if (const auto& advanced = worker_.options().advanced) advanced({0, untold_flops_});
    untold_flops_ = 0;
  }

  const SessionSpec spec_;
  Worker& worker_;
  std::unique_ptr<Session> session_;
  std::vector<double> flops_;  // of a run, by program
  double untold_flops_ = 0;
};

class Counted final : public OpenInference {
 public:
  Counted(const SessionSpec& spec, Work& work)
      : spec_(spec), work_(work), runs_(spec.programs.size()) {}
  ~Counted() override {
    for (size_t p = 0; p < runs_.size(); ++p)
      if (runs_[p] > 0) work_.add(spec_.programs[p].graph, static_cast<double>(runs_[p]));
  }

  void run(const std::string& program) override { leave_out(program, 1); }
  void leave_out(const std::string& program, int64_t runs) override {
    runs_[static_cast<size_t>(number_of(spec_, program))] += runs;
  }
  std::span<const float> result(const std::string& program,
                                const std::string& name) const override {
    const Graph& g = *spec_.programs[static_cast<size_t>(number_of(spec_, program))].graph;
    const auto is_it = [&](const Output& o) { return !o.update && o.name == name; };
    const auto it = std::ranges::find_if(g.outputs(), is_it);
    check(it != g.outputs().end(), "program '{}' has no result '{}'", program, name);
    return zeros(program, name, g.node(it->id).type.count());
  }

 private:
  std::span<std::byte> feed_bytes(const std::string& program, const std::string& input,
                                  DType) override {
    const Graph& g = *spec_.programs[static_cast<size_t>(number_of(spec_, program))].graph;
    for (int id = 0; id < g.size(); ++id)
      if (is_input(g.node(id)) && g.node(id).name == input)
        return std::as_writable_bytes(zeros(program, input, g.node(id).type.count()));
    throw Bug(fmt::format("program '{}' is fed no '{}'", program, input));
  }
  std::span<float> zeros(const std::string& program, const std::string& name, int64_t count) const {
    std::vector<float>& memory = memory_[{program, name}];
    memory.assign(static_cast<size_t>(count), 0);
    return memory;
  }

  const SessionSpec spec_;
  Work& work_;
  std::vector<int64_t> runs_;  // by program
  mutable std::map<std::pair<std::string, std::string>, std::vector<float>> memory_;
};

}  // namespace

SessionSpec session_of(const Inference& i) {
  SessionSpec spec{{}, false};
  const DataTable none;
  for (const auto& [name, build] : i.programs) {
    const auto graph = std::make_shared<Graph>();
    Step step(*graph, 1, none, "", specs_of(i.sets));
    emit(i.name, build, step);
    ProgramSpec& p = spec.programs.emplace_back(ProgramSpec{name, graph});
    p.batch = 1;
    p.fed.assign(step.feeds().begin(), step.feeds().end());
  }
  require_sound(i.name, spec, i.sets);
  return spec;
}

std::unique_ptr<OpenInference> open_inference(const Inference& inference, const SessionSpec& spec,
                                              Worker& worker) {
  return std::make_unique<Live>(inference, spec, worker);
}

std::unique_ptr<OpenInference> count_inference(const SessionSpec& spec, Work& work) {
  return std::make_unique<Counted>(spec, work);
}

}  // namespace omni
