// The settings of gradient routing in an autoencoder; gradient_routing.cpp runs it,
// gradient_routing_arms.cpp has its arms, gradient_routing_report.cpp its claims and figures.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "lab/experiment.h"
#include "lab/image_task.h"

namespace omni {

struct GradientRouting : ImageTask {
  std::vector<int64_t> setting = {1, 9, 10}, hidden = {512, 128}, forget = {5, 6, 7, 8, 9};
  std::string split = "halves";
  int64_t encoding = 32, epochs = 20, batch = 512, placebo_epochs = 4;
  double l1 = 3e-3, correlation = 0.1, certificate = 1, lr = 1e-3, weight_decay = 5e-5;
  double labelled = 1, label_noise = 0;
  std::vector<double> labelled_arms, noise_arms;

  void visit(auto&& option) {
    option("data", data, "data set", one_of({"auto", "mnist", "fashion-mnist", "digits",
                                             "mnist1d"}),
           harmless("claims look at the data that the run had"));
    option("train", train, "the first so many training samples are used", between(10, 60000));
    option("test", test, "the first so many test samples are used", between(10, 10000));
    option("setting", setting, "rows of the published table to run as arms", between(1, 10),
           harmless("each is an arm, and claims name theirs"));
    option("split", split, "halves: `forget` against the other classes; classes: a part for each",
           one_of({"halves", "classes"}));
    option("forget", forget, "classes that are routed to half A", between(0, 9),
           used_if(split == "halves", "split=halves"));
    option("hidden", hidden, "widths of the encoder's hidden layers; decoders mirror them",
           between(1, 8192));
    option("encoding", encoding, "units of the encoding, all parts together", between(2, 4096));
    option("l1", l1, "weight of each half's L1 norm", between(0, 100),
           used_in([](const Setting& s) { return s.l1_a > 0 || s.l1_b > 0; }));
    option("correlation", correlation, "weight of the correlation between halves", between(0, 1000),
           used_in([](const Setting& s) { return s.correlation > 0; }));
    option("certificate", certificate, "weight of each certificate's loss", between(1e-6, 1000));
    option("labelled", labelled, "share of training samples with a label; the others are not "
           "masked", between(0, 1));
    option("label_noise", label_noise, "share of labels replaced by a random other part",
           between(0, 1), used_if(labelled > 0, "labelled=1"));
    option("labelled_arms", labelled_arms, "further arms: setting 1 with these shares of labels",
           between(0, 1),
           harmless("arms of their own, of which no claim speaks"));
    option("noise_arms", noise_arms, "further arms: setting 1 with these shares of wrong labels",
           between(0, 1),
           harmless("arms of their own, of which no claim speaks"));
    option("epochs", epochs, "passes over the training samples", between(1, 10000));
    option("placebo_epochs", placebo_epochs, "of the arm with random masks, compared with setting "
           "1 at the same step; 0 leaves it out", between(0, 10000),
           harmless("a placebo is compared with no other number of epochs"));
    option("batch", batch, "samples per step", between(2, 60000));
    option("lr", lr, "learning rate of Adam", between(0, 10));
    option("weight_decay", weight_decay, "added to the gradient", between(0, 10));
  }

  void check() const;
  std::vector<GradientRouting> calibrated() const;
  std::vector<ArmInfo> arms() const;
  void run(Trial& t) const;
  std::vector<ClaimSpec> claims(const Dataset& set) const;
  std::vector<FigureRow> figures() const;

  // --- Parts and arms, which all files use ---

  static constexpr int64_t kClasses = 10;

  // One row of the published table. A is the part that the classes of `forget` are routed to (the
  // paper's digits 5-9), B the other one.
  struct Setting {
    int64_t number;
    const char* label;
    const char* what;
    bool routed = true, separate = false;  // masks; one decoder per part
    double l1_a = 1, l1_b = 1;             // times the option l1
    double correlation = 1;                // times the option correlation
    double weight_b = 1;                   // of the reconstruction of B's classes
    double b_through_a = 0;                // of their second reconstruction, which teaches A
    bool only_a = false;                   // encoder and decoder see A's classes only
    double lo, hi;                         // published losses of A's certificate on 0-4 and 5-9
  };

  // A setting with a share and an error rate of labels: one arm.
  struct Arm {
    std::string name, label, what;
    Setting setting;
    double labelled = 1, noise = 0;
    bool random_masks = false;
    int64_t epochs = 0;
  };

  int64_t parts() const;
  int64_t part_of_class(int64_t c) const;
  std::string part_name(int64_t p) const;
  const Setting& setting_of(int64_t number) const;
  static std::string arm_name(int64_t number);  // "setting-1"
  std::vector<Arm> arm_list() const;
  // Of an option that matters to some settings alone.
  Used used_in(bool (*matters)(const Setting&)) const {
    const std::vector<Arm> arms = arm_list();
    return used_if(std::ranges::any_of(arms, [&](const Arm& a) { return matters(a.setting); }),
                   "setting=1");
  }
  std::vector<int64_t> pictured_settings() const;

 private:
  Value encode(Net& net, Value x) const;
  Value decode(Net& net, const std::string& name, Value z, int64_t pixels) const;
  std::string decoder_name(const Setting& s, int64_t part) const;
  std::string certificate_name(int64_t part) const;
  void define(Net& net, Value x, const Setting& s) const;
  Value decoder_error(Net& net, const Setting& s, Value z, Value x, Value member,
                      Value (*error)(Value, Value)) const;
  Value main_loss(Step& s, Net& net, const Arm& a, Value x, Value z, bool routed) const;
  void train_step(Step& s, const Arm& a) const;
  void test_errors(Step& s, const Arm& a) const;
  void probe_score(Step& s) const;
  Value pixels(Step& s, const std::string& subset) const;

  void run_arm(Trial& t, const Arm& a) const;
  std::vector<int64_t> curve_epochs(const Arm& a) const;

  void add_training_tables(Trial& t, const Arm& a) const;
  void add_test_tables(Trial& t) const;

  std::map<std::string, double> test_metrics(Trial& t, const Arm& a, const Ensemble& m) const;
  double forward_unchanged(Trial& t, const Arm& a, const Ensemble& m) const;
  double gradient_masked(Trial& t, const Arm& a, const Ensemble& m) const;
  void show(Trial& t, const Arm& a, const Ensemble& m, int64_t which) const;

  enum class Size { full, middle };
  Size size() const;
};

}  // namespace omni
