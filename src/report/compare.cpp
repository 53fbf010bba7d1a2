// Two runs beside each other, as text.
#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/text_table.h"
#include "report/report.h"
#include "report/sample.h"
#include "report/text.h"
#include "store/results.h"
#include "store/run_folder.h"

namespace omni {

namespace {

struct Run {
  RunFolder folder;
  Results results;
  explicit Run(const std::filesystem::path& path)
      : folder(RunFolder::open(path)), results(folder.results_path(), Access::read) {}
};

std::vector<double> numbers(const std::vector<SeedValue>& values) {
  std::vector<double> out;
  for (const SeedValue& v : values) out.push_back(v.value);
  return out;
}

std::string mean_text(const Summary& s) {
  return fmt::format("{} {}", short_number(s.mean), short_interval(s.interval));
}

// "7", or "7 (1 diverged)".
std::string count_text(const Sample& s) {
  const std::string lost = s.left_out();
  return fmt::format("{}{}", s.summary.n, lost.empty() ? "" : " (" + lost + ")");
}

struct Difference {
  Summary summary;
  double effect = kNaN;
  std::string how;  // "paired, n = 8" or "unpaired"
};

// b - a: by seed where two or more seeds are in both, else of independent samples.
Difference difference(const std::vector<SeedValue>& a, const std::vector<SeedValue>& b,
                      const Range& range) {
  std::map<int64_t, double> of_seed;
  for (const SeedValue& v : a) of_seed[v.seed] = v.value;
  std::vector<double> x, y;
  for (const SeedValue& v : b)
    if (const auto found = of_seed.find(v.seed); found != of_seed.end()) {
      x.push_back(found->second);
      y.push_back(v.value);
    }
  if (x.size() >= 2) {
    const Summary d = paired_difference(y, x, 0.95, range);
    return {d, cohen_d_paired(y, x), fmt::format("paired, n = {}, d_z", d.n)};
  }
  const std::vector<double> p = numbers(a), q = numbers(b);
  return {welch_difference(q, p, 0.95, range), cohen_d_unpaired(q, p), "unpaired, d_s"};
}

}  // namespace

std::string compare_runs(const std::filesystem::path& path_a, const std::filesystem::path& path_b,
                         bool mixed_builds) {
  const Run a(path_a), b(path_b);
  const Builds of_a = a.results.builds(), of_b = b.results.builds();
  const bool one_build = of_a.agree && of_b.agree &&
                         (of_a.seeds.empty() || of_b.seeds.empty() ||
                          std::ranges::any_of(of_a.seeds, [&](const auto& x) {
                            return of_b.seeds.contains(x.first);
                          }));
  const auto by = [](const Builds& b) -> std::string {
    return b.seeds.empty() ? "one that left no name" : b.text();
  };
  require(one_build || mixed_builds,
          "'{}' was made by the build {} of the program, '{}' by {}: a difference could be the "
          "program's. Run one of them again with this build (--anew), or compare them all the same "
          "with --mixed-builds",
          path_a.string(), by(of_a), path_b.string(), by(of_b));
  std::vector<std::vector<std::string>> rows = {
      {"metric", "arm", "a: mean, 95 %", "n of a", "b: mean, 95 %", "n of b", "b - a", "how",
       "effect"}};
  const auto counts_a = a.results.counts(), counts_b = b.results.counts();
  const std::vector<ArmInfo> arms_a = a.results.arms(), arms_b = b.results.arms();
  const auto names_b = b.results.metric_names(true);
  for (const std::string& metric : a.results.metric_names(true)) {
    if (!std::ranges::binary_search(names_b, metric)) continue;
    for (const ArmInfo& arm : arms_a) {
      if (std::ranges::find(arms_b, arm.name, &ArmInfo::name) == arms_b.end()) continue;
      const auto x = a.results.values(metric, arm.name), y = b.results.values(metric, arm.name);
      if (x.empty() || y.empty()) continue;
      const Range range = hull(a.results.range(metric), b.results.range(metric));
      const Difference d = difference(x, y, range);
      const Sample of_a = final_sample(a.results, counts_a, metric, arm.name);
      const Sample of_b = final_sample(b.results, counts_b, metric, arm.name);
      rows.push_back({one_line(metric), one_line(arm.name), mean_text(of_a.summary),
                      count_text(of_a), mean_text(of_b.summary), count_text(of_b),
                      mean_text(d.summary), d.how, short_number(d.effect)});
    }
  }
  require(rows.size() > 1, "'{}' and '{}' have no arm with a common metric", path_a.string(),
          path_b.string());
  std::string head = fmt::format("a  {}  ({})\nb  {}  ({})\n", one_line(path_a.string()),
                                 one_line(a.folder.manifest().experiment),
                                 one_line(path_b.string()),
                                 one_line(b.folder.manifest().experiment));
  if (a.folder.manifest().config_hash == b.folder.manifest().config_hash)
    head += "Both have the same configuration.\n";
  if (!one_build)
    head += fmt::format("!! By different builds of the program: a {}, b {}.\n", of_a.text(),
                        of_b.text());
  head += "Intervals are of 95 % each, not adjusted for how many there are; models in brackets are "
          "left out.\n";
  return head + '\n' + table(rows);
}

}  // namespace omni
