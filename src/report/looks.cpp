#include "report/looks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

namespace omni {
namespace {

// Okabe and Ito's colours, told apart with any colour vision; yellow is too pale for lines.
constexpr std::array<uint32_t, 7> kHues = {0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7,
                                           0xE69F00, 0x56B4E9, 0x8C8C8C};
// How far the first of a family is darkened and the last lightened; still seen on white and black.
constexpr double kDarkest = 0.3, kLightest = 0.45;

uint32_t mixed(uint32_t colour, uint32_t with, double share) {
  uint32_t out = 0;
  for (const int shift : {16, 8, 0}) {
    const double a = (colour >> shift) & 0xff, b = (with >> shift) & 0xff;
    out |= static_cast<uint32_t>(std::lround(a + share * (b - a))) << shift;
  }
  return out;
}

uint32_t shade(uint32_t hue, size_t member, size_t members) {
  if (members < 2) return hue;
  const double t = static_cast<double>(member) / static_cast<double>(members - 1);  // 0 to 1
  const double lightness = -kDarkest + t * (kDarkest + kLightest);
  return lightness < 0 ? mixed(hue, 0x000000, -lightness) : mixed(hue, 0xffffff, lightness);
}

Look look_of(size_t family, size_t member, size_t members) {
  return {shade(kHues[family % kHues.size()], member, members), family / kHues.size()};
}

}  // namespace

std::string Look::colour_name() const { return fmt::format("'#{:06X}'", colour); }

std::string Look::dash() const { return fmt::format("dashtype {}", round % 5 + 1); }

int Look::marker() const {
  constexpr int kMarkers[] = {7, 5, 9, 11, 13};
  return kMarkers[round % std::size(kMarkers)];
}

double Look::fill() const {
  constexpr double kFills[] = {0.55, 0.95, 0.25, 0.75, 0.4};
  return kFills[round % std::size(kFills)];
}

std::string family_of(const std::string& label) {
  std::string family = label.substr(0, label.find_first_of("0123456789"));
  while (!family.empty() && (family.back() == ' ' || family.back() == ',')) family.pop_back();
  return family.empty() ? label : family;
}

Looks::Looks(const std::vector<ArmInfo>& arms) {
  std::vector<std::string> families;
  std::map<std::string, size_t> members;
  for (const ArmInfo& arm : arms) {
    const std::string family = family_of(arm.label);
    const auto found = std::ranges::find(families, family);
    const auto place = static_cast<size_t>(found - families.begin());
    if (found == families.end()) families.push_back(family);
    places_[arm.name] = {place, members[family]++, 1};
  }
  for (auto& [name, place] : places_) place.members = members[families[place.family]];
}

Look Looks::of_arm(const std::string& name) const {
  const auto found = places_.find(name);
  const Place p = found == places_.end() ? Place{} : found->second;
  return look_of(p.family, p.member, p.members);
}

std::vector<Look> Looks::of_series(const std::vector<Series>& series) const {
  std::vector<Look> looks(series.size());
  std::vector<size_t> others;  // series of several families
  std::set<size_t> taken;      // families
  for (size_t i = 0; i < series.size(); ++i) {
    std::set<std::string> arms;
    if (series[i].points.empty()) arms.insert(series[i].arm);
    for (const Series::Point& point : series[i].points) arms.insert(point.arm);
    std::set<size_t> families;
    for (const std::string& arm : arms)
      if (const auto place = places_.find(arm); place != places_.end())
        families.insert(place->second.family);
    if (families.size() != 1) {
      others.push_back(i);
      continue;
    }
    taken.insert(*families.begin());
    looks[i] = arms.size() == 1 ? of_arm(*arms.begin()) : look_of(*families.begin(), 0, 1);
  }
  size_t next = 0;
  for (const size_t i : others) {
    while (taken.contains(next)) ++next;
    looks[i] = look_of(next++, 0, 1);
  }
  for (size_t i = 0; i < looks.size(); ++i)
    while (std::find(looks.begin(), looks.begin() + static_cast<ptrdiff_t>(i), looks[i]) !=
           looks.begin() + static_cast<ptrdiff_t>(i))
      ++looks[i].round;
  return looks;
}

}  // namespace omni
