// What arms of a trial are recorded with: metrics and weights, curves, pictures, texts.
#include <numeric>

#include "base/nearest.h"
#include "lab/phase.h"
#include "lab/trial.h"
#include "lab/worker.h"
#include "store/files.h"
#include "store/png.h"
#include "weights/arrays.h"

namespace omni {
namespace {

void require_free(const auto& recorded, const std::string& figure, int64_t place) {
  require(recorded.figure != figure || recorded.place != place,
          "figure '{}': place {} is given twice in one seed", figure, place);
}

double mean_of_last(std::span<const float> log, int64_t runs) {
  const std::span<const float> last = log.last(runs);
  return std::accumulate(last.begin(), last.end(), 0.0) / static_cast<double>(runs);
}

}  // namespace

double late_mean(const PhaseResult& r, const std::string& program, const std::string& result,
                 int64_t runs) {
  const std::vector<float>& log = r.log(program, result);
  if (r.diverged_at) return kNaN;
  require(runs >= 1 && runs <= std::ssize(log),
          "the mean of '{}' over the last {} runs of '{}' is asked for, and there are {}", result,
          runs, program, log.size());
  return mean_of_last(log, runs);
}

std::string Trial::arm_name(const std::string& arm) const {
  return variant_.empty() ? arm : arm + " | " + variant_;
}

void Trial::record(const std::string& arm, const Trained& model,
                   std::map<std::string, double> metrics) {
  ModelResult& r = record_.models[arm_name(arm)];
  r.arm = arm_name(arm);
  r.seed = seed_;
  require(record_.part_of.emplace(r.arm, in_part_.value_or("")).second,
          "arm '{}' is recorded twice in one seed", arm);
  record_.arms.push_back(r.arm);
  for (const auto& [name, value] : metrics) put_value(arm, name, kFinalStep, value);
  if (dry()) {
    record_.see(in_part_, r.arm);
    return;
  }
  r.weights_hash = fmt::format("{:016x}", weights_hash(model.model[0]));
  if (model.diverged_at) {
    r.status = ModelStatus::diverged;
    r.status_step = *model.diverged_at;
  }
  if (const auto& models = worker_.options().models; !models.empty()) {
    const auto folder = models / fmt::format("seed-{}", seed_);
    make_folder(folder);
    save_ensemble(folder / (file_name_of(r.arm) + ".safetensors"), model.model);
  }
}

void Trial::record(const std::string& arm, const Trained& model, const Measured& seen,
                   std::map<std::string, double> more) {
  for (const auto& [name, values] : seen) {
    require(
        values.size() == 1,
        "arm '{}': '{}' has {} values, and a metric is one number: record what you make of them",
        arm, name, values.size());
    require(more.emplace(name, values[0]).second, "arm '{}': '{}' is given twice", arm, name);
  }
  record(arm, model, std::move(more));
}

void Trial::image(const std::string& figure, int64_t place, const std::string& label,
                  std::span<const float> greys, int64_t height, int64_t width) {
  if (!variant_.empty()) return;  // a sweep shows its own figure
  require(height > 0 && width > 0 && std::ssize(greys) == height * width,
          "figure '{}', place {}: {} greys do not fill a picture of {} x {}", figure, place,
          greys.size(), height, width);
  for (const RecordedImage& i : record_.images) require_free(i, figure, place);
  record_.images.push_back({figure, place, label, dry() ? "" : encode_png(greys, height, width)});
}

void Trial::text(const std::string& figure, int64_t place, const std::string& text) {
  if (!variant_.empty()) return;
  for (const RecordedText& t : record_.texts) require_free(t, figure, place);
  record_.texts.push_back({figure, place, text});
}

void Trial::curve(const std::string& arm, const std::string& metric, int64_t step, double value) {
  require(step != kFinalStep, "arm '{}': the curve of '{}' has no step {}", arm, metric, step);
  put_value(arm, metric, step, value);
}

void Trial::curves(const std::string& arm, const Trained& model) {
  for (const Probed& seen : model.probed)
    for (const auto& [metric, value] : seen.values) curve(arm, metric, seen.step, value);
}

void Trial::curves(const std::string& arm, const PhaseResult& r, const std::string& program,
                   int64_t every) {
  require(every >= 1, "arm '{}': a curve has a point after every {} runs of '{}'", arm, every,
          program);
  const auto logs = r.logs.find(program);
  require(logs != r.logs.end(), "arm '{}': no program '{}' of the phase logged anything{}", arm,
          program, suggest(program, names_in(r.logs)));
  for (const auto& [metric, log] : logs->second) {
    require(every <= std::ssize(log) || r.diverged_at,
            "arm '{}': its curve of '{}' has a point after every {} runs of '{}', and there are {}",
            arm, metric, every, program, log.size());
    for (int64_t end = every; end <= std::ssize(log); end += every)
      curve(arm, metric, end, mean_of_last(std::span(log).first(end), every));
  }
}

void Trial::put_value(const std::string& arm, const std::string& metric, int64_t step,
                      double value) {
  require(record_.measured.emplace(arm_name(arm), metric, step).second,
          "arm '{}' has two values of the metric '{}' {}", arm, metric,
          step == kFinalStep ? "at the end" : fmt::format("at step {}", step));
  record_.models[arm_name(arm)].metrics.push_back({metric, step, value});
  if (!dry()) return;
  record_.see(in_part_, arm_name(arm), metric, step);
  record_.measured_in[arm_name(arm)].insert(in_part_.value_or(""));
}

}  // namespace omni
