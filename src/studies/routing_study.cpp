#include "studies/routing_study.h"

#include <algorithm>
#include <numeric>

#include "studies/by_class.h"

namespace omni {

void LabelFaults::tell(Trial& t, const std::string& name, int64_t groups,
                       const std::function<int64_t(int32_t)>& group_of, bool at_random) const {
  std::vector<int32_t> told;
  for (const int32_t label : labels_of(t, "all.train"))
    told.push_back(static_cast<int32_t>(group_of(label)));
  const auto count = static_cast<int64_t>(told.size());
  if (at_random) {
    const std::vector<int32_t> truth = told;
    const std::vector<int32_t> drawn = permutation(t.key().fold("random masks"), count);
    for (int64_t i = 0; i < count; ++i) told[i] = truth[drawn[i]];
  }
  Stream wrong(t.key().fold("wrong labels")), missing(t.key().fold("missing labels"));
  for (int32_t& group : told) {
    const auto other = static_cast<int32_t>(wrong.below(groups - 1));
    if (wrong.uniform() < label_noise) group = other + (other >= group);
    if (missing.uniform() >= labelled) group = static_cast<int32_t>(groups);
  }
  t.add_table("train." + name, std::move(told), {count});
}

Value MirrorCoder::encoder(Net& net, Value x, int64_t outputs, const LinearOptions& last) const {
  const Value h = relu(mlp(net, x, hidden, {.prefix = "encoder."}));
  return linear(net, fmt::format("encoder.layers.{}", hidden.size()), h, outputs, last);
}

Value MirrorCoder::decoder(Net& net, const std::string& name, Value z, int64_t features) const {
  std::vector<int64_t> widths(hidden.rbegin(), hidden.rend());
  widths.push_back(features);
  return mlp(net, z, widths, {.prefix = name + "."});
}

double unchanged_by(Trial& t, const Trained& m, const std::string& on, int64_t rows,
                    const std::function<Value(Step&, Net& net, bool with)>& scalar) {
  const Table& all = t.tables().at(on);
  const auto* first = static_cast<const int32_t*>(all.data);
  const std::string some = "some of " + on;
  t.add_subset(some, {first, first + std::min(rows, all.type.shape[0])});
  const auto value = [&](bool with) {
    return t.measure(m, some, [&](Step& s, Net& net) { return scalar(s, net, with); });
  };
  return value(true) == value(false);
}

}  // namespace omni
