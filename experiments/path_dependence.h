// The settings of path dependence; path_dependence.cpp runs it, path_dependence_report.cpp has its
// claims and figures.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "lab/experiment.h"
#include "lab/image_task.h"

namespace omni {

struct PathDependence : ImageTask {
  std::string optimizer = "adam", schedule = "linear", vary = "order";
  std::vector<double> forks = {0, 0.016, 0.125, 0.5, 0.8};  // shares of training
  double lr = 0, momentum = 0.9, strength = 0;
  int64_t batch = 128, epochs = 8, children = 2, grid = 2, points = 11;

  PathDependence() {
    train = 20000;
    test = 5000;
  }

  void visit(auto&& option) {
    ImageTask::visit(option);
    option("optimizer", optimizer, "adam, or sgd with momentum", one_of({"adam", "sgd"}));
    option("lr", lr, "learning rate; 0: 0.001 for adam, 0.05 for sgd", between(0, 10));
    option("momentum", momentum, "of sgd", between(0, 0.9999),
           used_if(optimizer == "sgd", "optimizer=sgd"));
    option("schedule", schedule, "how the learning rate goes over training: to 0, or not at all",
           one_of({"linear", "cosine", "constant"}));
    option("batch", batch, "images per step", between(1, 60000));
    option("epochs", epochs, "length of training", between(1, 1000));
    option("forks", forks, "when children leave the trunk: shares of training, ascending",
           between(0, 0.9999),
           harmless("each is an arm of its own, which claims name"));
    option("children", children, "of each fork", between(2, 16));
    option("vary", vary, "what differs between children: the order of samples, or the draws of one "
           "kind of noise that all runs then have: Gaussian noise on pixels, random labels, "
           "dropout, or shifts of images",
           one_of({"order", "noise", "labels", "dropout", "shift"}));
    option("strength", strength,
           "of that noise: deviation, share of labels, probability, or "
           "pixels; 0: 0.3, 0.1, 0.2 or 2",
           between(0, 28), used_if(vary != "order", "vary=noise"));
    option("grid", grid, "initial weights, and as many orders, in the grid of whole runs",
           between(2, 8),
           harmless_if_more("the same shares are measured more exactly"));
    option("points", points, "on each line between two models, both ends included; odd numbers "
           "include the middle", between(2, 201));
  }

  void check() const;
  // Adam and SGD at their usual rates.
  std::vector<PathDependence> calibrated() const;
  std::vector<ArmInfo> arms() const;
  void run(Trial& t) const;
  std::vector<ClaimSpec> claims(const Dataset& set) const;
  std::vector<FigureRow> figures() const;

  // --- Names that both files use ---
  static constexpr const char* kTrunk = "trunk";
  static constexpr const char* kSameKeys = "same-keys";
  static constexpr const char* kSameOrder = "same-order";
  static constexpr const char* kIndependent = "independent";
  static std::string fork_arm(double share);      // "fork-0.5"
  static std::string constant_arm(double share);  // "constant-0.5"
  static std::string moment(double share);        // "the start", "0.5 of training"

 private:
  // The randomness of a run or of a stretch of it.
  struct Keys {
    Key order, random;
  };
  // A finished run with what it says about the test images, and where it set out.
  struct Run {
    Trained trained;
    const Ensemble* from;
    std::vector<float> logits;
    std::vector<int32_t> chosen;
    std::vector<double> margin;
    double error = 0;
  };
  struct Seed {
    int64_t samples;
    Key key;
    std::vector<Run> cells;  // the grid: cell i * grid + j starts from weights i and has order j
    std::map<std::string, double> ceiling;  // how independent runs compare

    Key order(int64_t j) const { return key.fold("run").fold(static_cast<uint64_t>(j)); }
    Key child(int64_t c) const { return key.fold("child").fold(static_cast<uint64_t>(c)); }
  };

  bool has(double share) const;
  std::vector<double> constant_shares() const;
  double noise_strength() const;
  Value shifted(Step& s, Value x, Value step) const;
  void train_step(Step& s) const;

  static Keys keys(Key run);
  Keys child_keys(Key trunk, Key child) const;
  int64_t total_steps(int64_t samples) const;
  int64_t step_of(double share, int64_t samples) const;
  Training training(const std::string& name, Keys k, const std::string& rate,
                    int64_t samples) const;
  Run finish(Trial& t, const Training& p, const Ensemble& from) const;
  std::vector<int32_t> test_labels(Trial& t) const;

  static const Run& representative(std::span<const Run> runs);
  void record_fork(Trial& t, const Seed& seed, const std::string& arm, const Trained& trunk,
                   int64_t step, const std::string& rate) const;
  void record_constant(Trial& t, const Seed& seed, const Ensemble& start) const;
  void record_placebo(Trial& t, const Seed& seed, const Run& trunk) const;
  std::map<std::string, double> record_grid(Trial& t, const std::vector<Run>& cells) const;
  std::map<std::string, double> compare(Trial& t, const Run& a, const Run& b,
                                        std::vector<std::vector<double>>& lines) const;
  void draw_line(Trial& t, const std::string& arm,
                 const std::vector<std::vector<double>>& lines) const;
  double icc_of_margins(const std::vector<Run>& siblings, const std::vector<Run>& cells) const;

  bool lenet() const;
  FigureRow over_forks(std::string id, std::string title, std::string caption, std::string metric,
                       std::string y_label, bool with_ceiling) const;
};

}  // namespace omni
