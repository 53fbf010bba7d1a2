#include "lab/seen_runs.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/json.h"

namespace omni {
namespace {

constexpr int kFormat = 1;
constexpr size_t kMostOfOne = 9;
constexpr size_t kMostRuns = 2000;
// Beyond these a run says more about a machine that slept than about its speed.
constexpr double kLeast = 1e-3, kMost = 1e3;

double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::ranges::nth_element(values, middle);
  return *middle;
}

bool alike(const SeenRun& a, const SeenRun& b) {
  return a.machine == b.machine && a.experiment == b.experiment && a.preset == b.preset;
}

}  // namespace

void SeenRuns::add(const SeenRun& run) {
  if (!(run.slowness >= kLeast && run.slowness <= kMost)) return;
  runs_.push_back(run);
  const auto of_it = [&](const SeenRun& r) { return alike(r, run); };
  if (static_cast<size_t>(std::ranges::count_if(runs_, of_it)) > kMostOfOne)
    runs_.erase(std::ranges::find_if(runs_, of_it));
  if (runs_.size() > kMostRuns) runs_.erase(runs_.begin());
}

std::optional<double> SeenRuns::slowness(const std::string& machine, const std::string& experiment,
                                         const std::string& preset) const {
  std::map<std::pair<std::string, std::string>, std::vector<double>> here;
  for (const SeenRun& r : runs_)
    if (r.machine == machine) here[{r.experiment, r.preset}].push_back(r.slowness);
  if (const auto it = here.find({experiment, preset}); it != here.end()) return median(it->second);
  std::vector<double> of_experiment, of_all;
  for (const auto& [names, values] : here) {
    of_all.push_back(median(values));
    if (names.first == experiment) of_experiment.push_back(of_all.back());
  }
  if (!of_experiment.empty()) return median(of_experiment);
  if (!of_all.empty()) return median(of_all);
  return std::nullopt;
}

std::string SeenRuns::to_json() const {
  nlohmann::json runs = nlohmann::json::array();
  for (const SeenRun& r : runs_)
    runs.push_back({{"machine", r.machine},
                    {"experiment", r.experiment},
                    {"preset", r.preset},
                    {"slowness", r.slowness}});
  return nlohmann::json{{"format", kFormat}, {"runs", runs}}.dump(
             1, ' ', false, nlohmann::json::error_handler_t::replace) +
         "\n";
}

SeenRuns SeenRuns::from_json(std::string_view text, const std::string& where) {
  try {
    const nlohmann::json j = parse_json(text, where);
    require(int_at(j, "format", where) == kFormat, "{}: expected format {}", where, kFormat);
    SeenRuns seen;
    require(j.at("runs").size() <= kMostRuns, "{}: more than {} runs", where, kMostRuns);
    for (const nlohmann::json& r : j.at("runs")) {
      const double slowness = r.at("slowness").get<double>();
      require(slowness >= kLeast && slowness <= kMost, "{}: a slowness of {}", where, slowness);
      seen.add({r.at("machine").get<std::string>(), r.at("experiment").get<std::string>(),
                r.at("preset").get<std::string>(), slowness});
    }
    return seen;
  } catch (const nlohmann::json::exception& e) {
    fail_user("{}: no record of runs: {}", where, e.what());
  }
}

}  // namespace omni
