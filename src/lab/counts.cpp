#include "lab/counts.h"

#include <cmath>

#include "base/error.h"
#include "base/json.h"

namespace omni {
namespace {

constexpr int kFormat = 1;
constexpr size_t kMostJobs = 10'000;  // of a seed

double amount(const nlohmann::json& j) {
  const double x = j.get<double>();
  require(std::isfinite(x) && x >= 0, "an amount is {}", x);
  return x;
}

Count count_from(const nlohmann::json& j) {
  Count c;
  c.model_epochs = amount(j.at("model_epochs"));
  c.graphs = amount(j.at("graphs"));
  require(j.at("jobs").is_array() && j.at("jobs").size() <= kMostJobs, "its jobs are no list");
  for (const nlohmann::json& job : j.at("jobs"))
    c.jobs.push_back({amount(job.at(0)), amount(job.at(1))});
  return c;
}

}  // namespace

std::string counts_to_json(const Counts& counts) {
  nlohmann::json presets = nlohmann::json::array();
  for (const auto& [names, counted] : counts.presets) {
    nlohmann::json p = {{"experiment", names.first}, {"preset", names.second}};
    if (const auto& count = counted.count; !count) {
      p["not_counted"] = counted.why_not;
    } else {
      p["model_epochs"] = count->model_epochs;
      p["graphs"] = count->graphs;
      p["jobs"] = nlohmann::json::array();
      for (const Load& job : count->jobs) p["jobs"].push_back({job.matmul_flops, job.bytes});
      if (counted.reads) p["reads"] = *counted.reads;
    }
    presets.push_back(std::move(p));
  }
  return nlohmann::json{{"format", kFormat}, {"program", counts.program}, {"presets", presets}}
             .dump(1, ' ', false, nlohmann::json::error_handler_t::replace) +
         "\n";
}

Counts counts_from_json(std::string_view text, const std::string& where) {
  try {
    const nlohmann::json j = parse_json(text, where);
    require(int_at(j, "format", where) == kFormat, "{}: expected format {}", where, kFormat);
    Counts counts{j.at("program").get<std::string>(), {}};
    for (const nlohmann::json& p : j.at("presets")) {
      Counted counted;
      if (p.contains("not_counted"))
        counted.why_not = p.at("not_counted").get<std::string>();
      else
        counted.count = count_from(p);
      if (p.contains("reads")) counted.reads = p.at("reads").get<std::vector<std::string>>();
      counts.presets.insert_or_assign(
          {p.at("experiment").get<std::string>(), p.at("preset").get<std::string>()},
          std::move(counted));
    }
    return counts;
  } catch (const nlohmann::json::exception& e) {
    fail_user("{}: no counts of presets: {}", where, e.what());
  }
}

}  // namespace omni
