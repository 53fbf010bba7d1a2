// Gradient routing in an autoencoder: the rows of the published table, parts and arms.
#include <algorithm>

#include "experiments/gradient_routing.h"

namespace omni {
namespace {

constexpr GradientRouting::Setting kSettings[] = {
    {.number = 1, .label = "routing", .what = "masks, L1, correlation penalty", .lo = 0.32,
     .hi = 0.08},
    {.number = 2, .label = "separate decoders", .what = "as 1 with a decoder for each half",
     .separate = true, .lo = 0.33, .hi = 0.07},
    {.number = 3, .label = "no correlation", .what = "as 1 without the correlation penalty",
     .correlation = 0, .lo = 0.28, .hi = 0.11},
    {.number = 4, .label = "no regularisation", .what = "masks alone", .l1_a = 0, .l1_b = 0,
     .correlation = 0, .lo = 0.32, .hi = 0.32},
    {.number = 5, .label = "no reg., separate decoders", .what = "masks alone, two decoders",
     .separate = true, .l1_a = 0, .l1_b = 0, .correlation = 0, .lo = 0.09, .hi = 0.08},
    {.number = 6, .label = "A also learns 0-4",
     .what = "only 5-9 are routed; seven times the L1 on A", .l1_a = 20.0 / 3, .b_through_a = 1,
     .lo = 0.23, .hi = 0.13},
    {.number = 7, .label = "unrouted, 5-9 only, L1", .what = "no masks, no 0-4 in training",
     .routed = false, .l1_a = 1.0 / 3, .l1_b = 1.0 / 3, .correlation = 0, .weight_b = 0,
     .only_a = true, .lo = 0.27, .hi = 0.11},
    {.number = 8, .label = "unrouted, 5-9 only", .what = "the same without L1", .routed = false,
     .l1_a = 0, .l1_b = 0, .correlation = 0, .weight_b = 0, .only_a = true, .lo = 0.08,
     .hi = 0.08},
    {.number = 9, .label = "unrouted", .what = "as 1 without masks: the structure removed",
     .routed = false, .lo = 0.13, .hi = 0.13},
    {.number = 10, .label = "plain autoencoder", .what = "no masks, no regularisation",
     .routed = false, .l1_a = 0, .l1_b = 0, .correlation = 0, .lo = 0.08, .hi = 0.09}};

}  // namespace

int64_t GradientRouting::parts() const { return split == "halves" ? 2 : kClasses; }
int64_t GradientRouting::part_of_class(int64_t c) const {
  if (split == "classes") return c;
  return std::ranges::find(forget, c) != forget.end() ? 0 : 1;
}
std::string GradientRouting::part_name(int64_t p) const {
  return split == "halves" ? (p == 0 ? "a" : "b") : fmt::format("{}", p);
}

const GradientRouting::Setting& GradientRouting::setting_of(int64_t number) const {
  return kSettings[number - 1];
}
std::string GradientRouting::arm_name(int64_t number) {
  return fmt::format("setting-{}", number);
}

std::vector<GradientRouting::Arm> GradientRouting::arm_list() const {
  std::vector<Arm> list;
  for (const int64_t n : setting) {
    const Setting& s = setting_of(n);
    list.push_back({arm_name(n), fmt::format("{} {}", n, s.label), s.what, s, labelled,
                    label_noise, false, epochs});
  }
  const Setting& one = setting_of(1);
  if (placebo_epochs > 0)
    list.push_back({"random-masks", "random masks", "setting 1, each sample's half drawn by lot",
                    one, 1, 0, true, placebo_epochs});
  for (const double x : labelled_arms)
    list.push_back({fmt::format("labelled-{}", x), fmt::format("{} % labelled", 100 * x),
                    "setting 1; unlabelled samples are not masked", one, x, 0, false, epochs});
  for (const double x : noise_arms)
    list.push_back({fmt::format("noise-{}", x), fmt::format("{} % wrong labels", 100 * x),
                    "setting 1; wrong labels mask the wrong half", one, 1, x, false, epochs});
  return list;
}

std::vector<ArmInfo> GradientRouting::arms() const {
  std::vector<ArmInfo> infos;
  for (const Arm& a : arm_list()) {
    ArmInfo info{a.name, a.label, a.what, {}};
    if (a.name.starts_with("setting-") && split == "halves") info.published = a.setting.lo;
    infos.push_back(info);
  }
  return infos;
}

// Settings whose reconstructions are shown: routed and unrouted.
std::vector<int64_t> GradientRouting::pictured_settings() const {
  std::vector<int64_t> shown;
  for (const int64_t n : setting)
    if (n == 1 || n == 9) shown.push_back(n);
  return shown;
}

}  // namespace omni
