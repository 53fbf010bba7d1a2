// The numbers a benchmark run finds, and how they are shown.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace omni::bench {

struct Figure {
  std::string name;              // "mlp.gemm_share.f32.b128"
  std::optional<double> value;   // nothing: could not be measured, `note` says why
  std::string unit;              // "ratio", "model-epochs/s", "bytes", "s"
  std::optional<double> target;  // nothing: shown for information
  bool at_most = false;          // the target is an upper bound
  std::string note;

  std::optional<bool> met() const;  // nothing without a target
};

// How the benches are run, and where their figures go.
class Bench {
 public:
  int repetitions = 5;
  bool quick = false;  // short windows, no peers
  int cores = 1;
  std::function<void(const std::string&)> progress;

  double window_s() const { return quick ? 0.12 : 0.6; }
  double warm_up_s() const { return quick ? 0.15 : 0.5; }

  void add(Figure f);
  // The median of the quotients of values measured in turns, with their range as note.
  void add_ratio(const std::string& name, const std::vector<double>& ratios,
                 std::optional<double> target, const std::string& note = "");
  // The median of rates in steps/s of this many samples, as model-epochs/s.
  void add_rate(const std::string& name, const std::vector<double>& steps_per_s, int64_t batch,
                const std::string& note = "");
  const std::vector<Figure>& figures() const { return figures_; }

 private:
  std::vector<Figure> figures_;
};

std::string table(const std::vector<Figure>& figures);
nlohmann::ordered_json to_json(const std::vector<Figure>& figures);

}  // namespace omni::bench
