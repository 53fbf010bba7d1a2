// UNDO (unlearn, noise, distil on outputs) as a study of any task: a base learns all of it, is made
// to forget a part, a damaged copy is distilled from the result, and all are attacked. Controls,
// costs, claims and figures go with it. Lee et al. 2025, arXiv:2506.06278.
//
// An experiment derives from UndoStudy, says what its task is and how long its phases last, and
// lists the options by UndoStudy::visit(option). What follows speaks of these subsets of the task:
// all.train, retain.train, forget.train, known.train (of forget.train, what unlearning is told of),
// retain.test and forget.test.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lab/experiment.h"
#include "lab/forgetting.h"

namespace omni {

// In a reader's words. "Accuracy on {retain}", "trained on {forget}", "test {measure} on {forget}".
struct UndoWords {
  std::string all, retain, forget;  // "all digits", "retain digits", "forget digits"
  std::string measure;              // "accuracy"
};

// Where the claims stand: steps of attack, alphas and thresholds.
struct UndoMarks {
  int64_t soon = 5, mid = 20, late = 40, end = 500;  // steps
  std::vector<double> alphas = {0.2, 0.6, 0.8, 1};  // 4a, and 5b:
  double low_alpha = 0.6;                 // the last of them takes twice this one's steps
  double correlation = -0.8;              // 4b
  double gain = 0.1;                      // 4c
  double student = 0.3, structure = 0.3;  // 6a, 6c
  double placebo = 0.4;                   // 6d
  double weak_low = 0.3, weak_high = 0.6, leak = 0.1;  // 7a, 7b
  double noise = 0.1;                     // 8
};

struct UndoStudy {
  virtual ~UndoStudy() = default;

  // --- Options ---

  std::string methods = "maxent", controls = "cheap";
  std::vector<double> alphas = {0.2, 0.6, 0.8, 1}, betas = {0.1};
  double beta = 0.1;
  int64_t batch = 128;
  double lr = 1e-3;
  double unlearn_lr = 3e-4, graddiff_lr = 1e-4, graddiff_weight = 10, rmu_lr = 1e-3, rmu_c = 20,
         rmu_weight = 1;
  int64_t weak = 0, weak_steps = 10;  // the second: what the claims speak of, no option
  double enough = 0.95;
  int64_t check_every = 5, most_steps = 200, usual_steps = 30;  // the last is no option
  int64_t attack_batch = 64, early = 20;
  std::vector<int64_t> attack_at = {0, 5, 10, 20, 40, 80, 160};
  std::vector<double> rates = {3e-4, 1e-3, 3e-3, 1e-2};
  double control_alpha = 0.8;                // of the controls; no option
  static constexpr double kBetaAlpha = 0.6;  // of the betas
  // Why an option of GradDiff or RMU is harmless.
  static constexpr const char* kOfOthers = "claims speak of the first method, calibrated as MaxEnt";

  void visit(auto&& option) {
    option("methods", methods,
           "ways of unlearning joined by +, the first is the main one: maxent, "
           "graddiff, rmu, oracle",
           harmless_if_including("claims speak of the first"));
    option("alphas", alphas, "shares of damage before distillation, ascending", between(0, 1),
           harmless("each is an arm of its own, and claims say which they need"));
    option("beta", beta, "size of the noise that damages, in multiples of Xavier's",
           between(0, 10));
    option("betas", betas, "sizes of noise that are tried with alpha = 0.6", between(0, 10),
           harmless("each is an arm of its own, and claims say which they need"));
    option("batch", batch, "samples per step", between(1, 60000));
    option("lr", lr, "learning rate of training and distillation", between(0, 10));
    option("unlearn_lr", unlearn_lr, "learning rate of MaxEnt", between(0, 10),
           used_if(unlearns_by("maxent") || weak > 0, with_method("maxent")));
    const Used of_graddiff = used_if(unlearns_by("graddiff"), with_method("graddiff"));
    const Used of_rmu = used_if(unlearns_by("rmu"), with_method("rmu"));
    option("graddiff_lr", graddiff_lr, "learning rate of GradDiff", between(0, 10),
           harmless(kOfOthers), of_graddiff);
    option("graddiff_weight", graddiff_weight, "of the loss on what is kept in it",
           between(0, 1000), harmless(kOfOthers), of_graddiff);
    option("rmu_lr", rmu_lr, "learning rate of RMU", between(0, 10), harmless(kOfOthers), of_rmu);
    option("rmu_c", rmu_c, "length of the direction that RMU drives activations to",
           between(0, 1e6), harmless(kOfOthers), of_rmu);
    option("rmu_weight", rmu_weight, "of keeping the activations on what is kept in it",
           between(0, 1e6), harmless(kOfOthers), of_rmu);
    option("weak", weak, "also unlearn by MaxEnt for so few steps only; 0: do not",
           between(0, 100000), harmless("the claims about it say how many they need"));
    option("enough", enough, "distillation ends at this share of its teacher's retain accuracy",
           between(0, 1));
    option("check_every", check_every, "steps between looks at that accuracy", between(1, 1000));
    option("most_steps", most_steps, "of a distillation that never gets there",
           between(1, 1000000));
    option("attack_at", attack_at, "the attack is measured after these steps and ends at the last",
           between(0, 100000), harmless_if_including("claims name their steps"));
    option("early", early, "the one of these steps that tables and robustness speak of",
           between(0, 100000));
    // Never harmless: with more to choose from the attacker is another one.
    option("rates", rates, "learning rates that the attacker may choose from", between(0, 10));
    option("attack_batch", attack_batch, "samples per step of the attack", between(1, 60000));
    option("controls", controls, "cheap: a placebo, and UNDO of the base; full: three more",
           one_of({"cheap", "full"}), harmless("it adds arms that no claim needs"));
  }
  void check_study() const;
  bool unlearns_by(const char* method) const { return has_part(methods, method); }
  std::string with_method(const char* method) const {
    return "methods=" + with_part(methods, method);
  }

  // --- What the experiment says ---

  virtual UndoWords words() const = 0;
  virtual LearningTask task() const = 0;
  virtual void add_data(Trial& t) const = 0;             // the subsets
  virtual Ensemble fresh(Trial& t, Key key) const = 0;   // random weights
  // Of "base", "filtered", "student-long", methods of unlearning and "oracle".
  virtual Length how_long(const std::string& phase) const = 0;
  // The rate s.lr() of a phase of training ("base", "filtered", "distillation"): lr, unless said.
  virtual std::function<double(int64_t, int64_t)> rate_of(const std::string& phase) const;
  // What RMU misdirects and trains: the fields activation and trainable.
  virtual void aim(Unlearning& rmu) const = 0;
  // More metrics of a network, besides those of finish().
  virtual void measure(Trial&, const Ensemble&, std::map<std::string, double>&) const {}

  // --- What it gets ---

  std::vector<ArmInfo> arms() const;
  void run(Trial& t) const;
  // Claims 4 to 9 of the protocol, 6b to 6d added. What a run lacks is not judged, and nothing is
  // if `why_not` is not empty.
  std::vector<ClaimSpec> claims_at(const UndoMarks& marks, const std::string& why_not) const;
  std::vector<FigureRow> figures() const;
  std::string main_method() const { return unlearning_ids(methods).front(); }

 private:
  struct Seed;
  struct Origin;
  Seed prepare(Trial& t) const;
  void run_method(Trial& t, const Seed& seed, const std::string& id) const;
  void run_weak(Trial& t, const Seed& seed, double unlearned) const;
  void run_controls(Trial& t, const Seed& seed, const Trained& gone, Origin made) const;
  Length until_as_good(Trial& t, const Trained& teacher) const;
  Training learning(Trial& t, const std::string& name, const Ensemble& start,
                    const std::string& subset) const;
  Trained distilled(Trial& t, const std::string& name, const Ensemble& start,
                    const Trained& teacher, const Length& length) const;
  Trained unlearned(Trial& t, const Seed& seed, const std::string& id, int64_t steps = 0) const;
  Ensemble damaged(Trial& t, const Ensemble& model, double alpha, double noise) const;
  double cost_of_unlearning(const Seed& seed, const std::string& id, int64_t steps) const;
  double cost_of_distillation(const Seed& seed, int64_t steps) const;
  RelearningAttack attack(Trial& t) const;
  void finish(Trial& t, const Seed& seed, const std::string& arm, const Trained& m,
              const Origin& o) const;
};

// Names of conditions.
namespace undo_arm {
inline constexpr const char* kBase = "base";
inline constexpr const char* kFiltered = "filtered";
inline constexpr const char* kFresh = "fresh";
inline constexpr const char* kLong = "student-long";
inline constexpr const char* kPlacebo = "placebo";
inline constexpr const char* kOpen = "undo-of-base";
inline constexpr const char* kPlaceboUndo = "placebo-undo";
inline constexpr const char* kDamaged = "damaged";
inline constexpr const char* kFilteredEarly = "filtered-early";
inline constexpr const char* kWeak = "weak";
inline constexpr const char* kWeakStudent = "weak-student";
std::string undone(const std::string& method, double alpha);  // "maxent-undo-0.6"
std::string with_beta(const std::string& method, double alpha, double beta);
std::string student(const std::string& method);
// Those at a method's alphas, and the betas that are not the usual one.
std::vector<std::string> all_undone(const UndoStudy& s, const std::string& method);
std::vector<double> other_betas(const UndoStudy& s);
}  // namespace undo_arm

}  // namespace omni
