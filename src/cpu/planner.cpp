#include "cpu/planner.h"

#include <limits>

#include "cpu/onednn.h"

namespace omni::cpu {

Planner::Planner(const Graph& graph, Layout layout, const MemoryPlan& memory)
    : graph_(graph), layout_(std::move(layout)), cells_(graph.size()), arena_(memory.bytes) {
  for (int id = 0; id < graph.size(); ++id) {
    storage_.push_back(memory_of(graph, id));
    if (memory.offset[id] >= 0) cells_[id] = arena_.data() + memory.offset[id];
  }
  write_constants();
  for (const Unit& u : layout_.units)
    if (u.epilogue) epilogues_[u.members.front()] = *u.epilogue;
  for (const Unit& u : layout_.units) plan_unit(u);
}

// Leaves that are not inputs are single numbers known now.
void Planner::write_constants() {
  std::vector<int> ids;
  for (int id = 0; id < graph_.size(); ++id)
    if (node(id).in.empty() && node(id).attrs.has("value")) ids.push_back(id);
  constants_ = AlignedBytes(static_cast<int64_t>(ids.size()) * kAlignment);
  for (size_t i = 0; i < ids.size(); ++i) {
    cells_[ids[i]] = constants_.data() + i * kAlignment;
    *static_cast<float*>(cells_[ids[i]]) = static_cast<float>(node(ids[i]).attrs.number("value"));
  }
}

void Planner::plan_unit(const Unit& unit) {
  const OpDef& op = *node(unit.members.front()).op;
  if (op.elementwise || (op.row_gather && unit.members.size() > 1))
    return plan_elementwise(*this, unit.members);
  check(op.cpu && op.cpu->plan, "op {} has no CPU plan", op.name);
  op.cpu->plan(*this, unit.members.front());
}

Cell<char> Planner::scratch(int64_t bytes) {
  if (bytes > scratch_.size()) {
    scratch_ = AlignedBytes(bytes);
    scratch_cell_ = scratch_.data();
  }
  return Cell<char>(&scratch_cell_);
}

void Planner::step(int id, std::function<void()> run) {
  steps_.push_back({fmt::format("%{} {}", id, node(id).op->name), false,
                    [run = std::move(run)](int, int) { run(); }});
}

void Planner::divisible_step(int id, std::function<void(int part, int parts)> run) {
  steps_.push_back({fmt::format("%{} {}", id, node(id).op->name), true, std::move(run)});
}

dnnl::memory::data_type Planner::data_type(DType t) {
  using D = dnnl::memory::data_type;
  constexpr D kTypes[] = {D::f32, D::bf16, D::s32, D::u8};
  return kTypes[static_cast<int>(t)];
}

dnnl::memory::desc Planner::desc(int id) const {
  std::vector<int64_t> dims = type(id).shape.dims(), strides(dims.size());
  if (dims.empty()) dims = {1}, strides = {1};
  int64_t step = 1;
  for (size_t i = dims.size(); i-- > 0; step *= dims[i]) strides[i] = step;
  return {dims, data_type(dtype(id)), strides};
}

dnnl::primitive_attr Planner::attributes(bool relu) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (relu) {
    // oneDNN's plain ReLU is a maximum that turns NaN into 0, so that a diverged layer would look
    // healthy. Its leaky form keeps NaN; a denormal slope counts as 0 when steps run (FloatMode),
    // and adding 0 afterwards turns the -0 of negative inputs into our ReLU's +0. Minus infinity
    // alone differs from our ReLU: 0 times it is NaN.
    dnnl::post_ops post;
    constexpr float kSlope = std::numeric_limits<float>::denorm_min();
    onednn::append_eltwise(post, dnnl::algorithm::eltwise_relu, kSlope, 0.f);
    onednn::append_eltwise(post, dnnl::algorithm::eltwise_linear, 1.f, 0.f);
    attr.set_post_ops(post);
  }
  return attr;
}

void Planner::primitive(int id, const dnnl::primitive& p, const dnnl::memory::desc& scratchpad,
                        std::vector<Argument> arguments) {
  struct Bound {
    void* const* at;
    dnnl::memory memory;
    void* last = nullptr;  // set_data_handle only when the binding changed
  };
  std::vector<Bound> bound;
  std::unordered_map<int, dnnl::memory> all;
  for (const Argument& a : arguments) {
    dnnl::memory m(a.desc, engine_, nullptr);
    bound.push_back({address(a.id), m});
    all.insert({a.name, m});
  }
  if (scratchpad.get_size() > 0) {
    scratch(static_cast<int64_t>(scratchpad.get_size()));
    dnnl::memory m(scratchpad, engine_, nullptr);
    bound.push_back({&scratch_cell_, m});
    all.insert({DNNL_ARG_SCRATCHPAD, m});
  }
  step(id, [p, stream = &stream_, bound = std::move(bound), all = std::move(all)]() mutable {
    for (Bound& b : bound)
      if (*b.at != b.last) {
        b.last = *b.at;
        b.memory.set_data_handle(b.last);
      }
    p.execute(*stream, all);
  });
}

Epilogue Planner::epilogue(int id) const {
  const auto it = epilogues_.find(id);
  return it == epilogues_.end() ? Epilogue{id} : it->second;
}

int Planner::updated_in_place(int id) const {
  const auto it = layout_.in_place.find(id);
  return it == layout_.in_place.end() ? -1 : it->second;
}

void Planner::set(int id, void* data) {
  cells_[id] = data;
  for (const auto& [value, input] : layout_.in_place)
    if (input == id) cells_[value] = data;
}

}  // namespace omni::cpu
