#include "bench/figures.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/measure.h"
#include "bench/workload.h"

namespace omni::bench {
namespace {

std::string number(double x) {
  return x >= 1000 ? fmt::format("{:.0f}", x) : fmt::format("{:.3g}", x);
}

}  // namespace

std::optional<bool> Figure::met() const {
  if (!target) return std::nullopt;
  return value && (at_most ? *value <= *target : *value >= *target);
}

void Bench::add(Figure f) {
  progress(fmt::format("{} {}", f.name, f.value ? number(*f.value) : "missing: " + f.note));
  figures_.push_back(std::move(f));
}

void Bench::add_ratio(const std::string& name, const std::vector<double>& ratios,
                      std::optional<double> target, const std::string& note) {
  const auto [low, high] = std::ranges::minmax(ratios);
  add({name, median(ratios), "ratio", target, false,
       fmt::format("{:.2f} .. {:.2f}{}{}", low, high, note.empty() ? "" : "; ", note)});
}

void Bench::add_rate(const std::string& name, const std::vector<double>& steps_per_s, int64_t batch,
                     const std::string& note) {
  add({name,
       median(steps_per_s) * static_cast<double>(batch) / kSamples,
       "model-epochs/s",
       {},
       false,
       note});
}

std::string table(const std::vector<Figure>& figures) {
  std::string text =
      fmt::format("{:<32} {:>9} {:>9}  {:<6} {}\n", "figure", "value", "target", "", "unit; notes");
  for (const Figure& f : figures) {
    const std::string target =
        f.target ? (f.at_most ? "<= " : ">= ") + number(*f.target) : std::string();
    const char* verdict = !f.target ? "" : *f.met() ? "met" : "MISSED";
    text +=
        fmt::format("{:<32} {:>9} {:>9}  {:<6} {}{}{}\n", f.name, f.value ? number(*f.value) : "-",
                    target, verdict, f.unit, f.note.empty() ? "" : "; ", f.note);
  }
  return text;
}

nlohmann::ordered_json to_json(const std::vector<Figure>& figures) {
  auto list = nlohmann::ordered_json::array();
  for (const Figure& f : figures) {
    nlohmann::ordered_json j = {{"name", f.name},
                                {"value", nullptr},
                                {"unit", f.unit},
                                {"target", nullptr},
                                {"met", nullptr}};
    if (f.value) j["value"] = *f.value;
    if (f.target) j["target"] = *f.target, j["met"] = *f.met();
    if (!f.note.empty()) j["note"] = f.note;
    list.push_back(std::move(j));
  }
  return list;
}

}  // namespace omni::bench
