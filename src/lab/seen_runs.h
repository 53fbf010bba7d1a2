// How long runs took on a machine beside what is typical: what estimates of the next ones are
// corrected by. Kept as JSON in the user's cache, the last few of each preset.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace omni {

struct SeenRun {
  std::string machine;  // processor and instructions
  std::string experiment, preset;
  double slowness = 1;  // 2: it took twice as long as is typical
  bool operator==(const SeenRun&) const = default;
};

class SeenRuns {
 public:
  // Forgets the oldest where there are more than a few of its machine, experiment and preset.
  void add(const SeenRun& run);
  const std::vector<SeenRun>& all() const { return runs_; }

  // The median over runs of this preset on this machine; without any, over those of the experiment
  // (each preset counts once), and then over all experiments. Nothing if it saw no run at all.
  std::optional<double> slowness(const std::string& machine, const std::string& experiment,
                                 const std::string& preset) const;

  std::string to_json() const;
  // UserError for anything that to_json() does not write.
  static SeenRuns from_json(std::string_view text, const std::string& where);

 private:
  std::vector<SeenRun> runs_;  // the oldest first
};

}  // namespace omni
