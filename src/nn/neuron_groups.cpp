#include "nn/neuron_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "ops/elementwise.h"
#include "ops/iota.h"
#include "ops/route.h"

namespace omni {
namespace {

// Copies the leading part, recursively over the axes.
void copy_corner(std::span<const float> from, std::span<const int64_t> from_dims,
                 std::span<float> to, std::span<const int64_t> to_dims) {
  if (from_dims.size() <= 1) {
    std::copy_n(from.begin(), to.size(), to.begin());
    return;
  }
  const size_t from_row = from.size() / static_cast<size_t>(from_dims[0]);
  const size_t to_row = to.size() / static_cast<size_t>(to_dims[0]);
  for (size_t i = 0; i < static_cast<size_t>(to_dims[0]); ++i)
    copy_corner(from.subspan(i * from_row, from_row), from_dims.subspan(1),
                to.subspan(i * to_row, to_row), to_dims.subspan(1));
}

std::vector<int64_t> dims_of(const Shape& s) {
  std::vector<int64_t> dims;
  for (int64_t axis = 0; axis < s.rank(); ++axis) dims.push_back(s[axis]);
  return dims;
}

}  // namespace

NeuronGroups extra_neurons(const TransformerOptions& o) {
  NeuronGroups groups{{}, o.mlp_width > 0 ? o.mlp_width : 4 * o.width};
  for (size_t layer = 0; layer < o.extra_neurons.size(); ++layer)
    if (o.extra_neurons[layer] > 0) groups.layers.push_back(static_cast<int64_t>(layer));
  return groups;
}

std::string neurons_of(int64_t layer) { return fmt::format("blocks.{}.mlp.hook_post", layer); }

Value by_group(const NeuronGroups& groups, int64_t neurons, Value of_first, Value of_rest) {
  const Value number = iota(*of_first.graph, Shape{neurons}, 0);
  return where(less(number, static_cast<double>(groups.first)), of_first, of_rest);
}

void route_neurons(Net& net, const NeuronGroups& groups, Value of_first, Value of_rest) {
  for (const int64_t layer : groups.layers)
    net.hook(neurons_of(layer), [=](Value v) {
      return route(v, by_group(groups, v.dim(-1), of_first, of_rest));
    });
}

void gate_neurons(Net& net, const NeuronGroups& groups, Value of_first, Value of_rest) {
  for (const int64_t layer : groups.layers)
    net.hook(neurons_of(layer),
             [=](Value v) { return v * by_group(groups, v.dim(-1), of_first, of_rest); });
}

Ensemble cut_to(const Ensemble& model, const std::vector<ParameterSpec>& smaller) {
  Ensemble out(smaller, model.models());
  for (const ParameterSpec& spec : smaller) {
    const auto found = std::ranges::find(model.specs(), spec.name, &ParameterSpec::name);
    require(found != model.specs().end(), "cut_to: the model has no parameter '{}'", spec.name);
    const std::vector<int64_t> from = dims_of(found->shape), to = dims_of(spec.shape);
    require(from.size() == to.size() &&
                std::ranges::equal(to, from, std::ranges::less_equal{}),
            "cut_to: parameter '{}' is {} and cannot be cut to {}", spec.name, found->shape,
            spec.shape);
    for (int64_t m = 0; m < model.models(); ++m)
      copy_corner(model.array(spec.name, m), from, out.array(spec.name, m), to);
  }
  return out;
}

std::function<bool(const std::string&)> only_mlp_outputs(int64_t first, int64_t last) {
  std::set<std::string> names;
  for (int64_t i = first; i <= last; ++i) names.insert(fmt::format("blocks.{}.mlp.out.weight", i));
  return [names](const std::string& name) { return names.contains(name); };
}

}  // namespace omni
