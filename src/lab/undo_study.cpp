#include "lab/undo_study.h"

#include <algorithm>

#include "nn/corruption.h"

namespace omni {

using namespace undo_arm;

namespace undo_arm {

std::string undone(const std::string& m, double a) { return fmt::format("{}-undo-{}", m, a); }
std::string with_beta(const std::string& m, double a, double b) {
  return fmt::format("{}-beta-{}", undone(m, a), b);
}
std::string student(const std::string& m) { return m + "-student"; }
std::vector<std::string> all_undone(const UndoStudy& s, const std::string& m) {
  std::vector<std::string> arms;
  for (const double a : s.alphas) arms.push_back(undone(m, a));
  return arms;
}
std::vector<double> other_betas(const UndoStudy& s) {
  std::vector<double> b = s.betas;
  std::erase(b, s.beta);
  return b;
}

}  // namespace undo_arm

void UndoStudy::check_study() const {
  unlearning_ids(methods);
  require(!alphas.empty() && std::ranges::is_sorted(alphas, std::ranges::less_equal{}),
          "alphas: they must ascend, such as alphas=0.2,0.6,1");
  require(!attack_at.empty() && std::ranges::is_sorted(attack_at) && attack_at.back() > 0,
          "attack_at: the steps must ascend and end above 0");
  require(std::ranges::find(attack_at, early) != attack_at.end(),
          "early={}: it must be one of the steps in attack_at", early);
  require(!rates.empty() && std::ranges::is_sorted(rates), "rates: they must ascend");
}

std::vector<ArmInfo> UndoStudy::arms() const {
  const UndoWords w = words();
  std::vector<ArmInfo> a = {
      {kBase, "Base", fmt::format("learns {}; nothing is done to it", w.all), {}},
      {kFiltered, "Filtered", fmt::format("learns the {} only", w.retain), {}},
      {kFresh, "Fresh network", "random weights, nothing done", {}}};
  const std::string main = main_method();
  for (const std::string& id : unlearning_ids(methods)) {
    const UnlearningMethod& m = unlearning_method(id);
    const std::string of = id == main ? "" : m.label + " ";
    a.push_back(
        {id, m.label, "unlearned only: " + fmt::format(fmt::runtime(m.what), w.forget), {}});
    for (const double x : alphas)
      a.push_back({undone(id, x),
                   fmt::format("{}{}", of.empty() ? "UNDO " : of, x),
                   fmt::format("UNDO: weights damaged by {}, then distilled until {:.3g} % as good "
                               "on {}",
                               x, 100 * enough, w.retain),
                   {}});
    a.push_back({student(id), of.empty() ? "Random student" : of + "student",
                 "the unlearned network, distilled into random weights", {}});
  }
  a.push_back({kLong, "Random student, long", "the same for longer, without a rule to stop", {}});
  a.push_back({kPlacebo, "Placebo",
               "random weights, an untrained teacher, as many steps as the random student", {}});
  a.push_back({kOpen, "UNDO of the base",
               "structure removed: nothing was unlearned before damage and distillation", {}});
  for (const double b : other_betas(*this))
    a.push_back({with_beta(main, kBetaAlpha, b), fmt::format("UNDO {}, beta {}", kBetaAlpha, b),
                 "with other noise", {}});
  if (weak > 0) {
    a.push_back({kWeak, "Weak unlearning", fmt::format("MaxEnt for {} steps only", weak), {}});
    a.push_back({kWeakStudent, "Weak, random student", "that, distilled into random weights", {}});
  }
  if (controls == "full") {
    a.push_back({kDamaged, "Damaged", fmt::format("by {}, not distilled", control_alpha), {}});
    a.push_back({kPlaceboUndo, "Placebo UNDO", "damaged alike, then an untrained teacher", {}});
    a.push_back({kFilteredEarly, "Filtered, short",
                 fmt::format("random weights, labels of {}, the random student's rule to stop",
                             w.retain), {}});
  }
  return a;
}

std::function<double(int64_t, int64_t)> UndoStudy::rate_of(const std::string&) const {
  return [rate = lr](int64_t, int64_t) { return rate; };
}

// --- One seed ---

// What all conditions of a seed are made from and held against.
struct UndoStudy::Seed {
  Trained base, filtered;
  Ensemble start, nobody;  // random weights of students; an untrained teacher
  double filtered_regained;
  double base_samples;     // seen in the base's training
  double filtered_cost;
};

// How an arm came about: compute besides its distillation, in multiples of the base's training,
// steps of distillation, and what its unlearned network regains early.
struct UndoStudy::Origin {
  double cost = 0;
  int64_t distilled_steps = 0;
  double unlearned = kNaN;
};

void UndoStudy::run(Trial& t) const {
  const Seed seed = prepare(t);
  const std::vector<std::string> ids = unlearning_ids(methods);
  for (const std::string& id : ids)
    t.part(id, [&] {
      if (id == ids.front()) {
        finish(t, seed, kBase, seed.base, {});
        finish(t, seed, kFiltered, seed.filtered, {.cost = seed.filtered_cost});
        finish(t, seed, kFresh, {seed.start.clone()}, {});
      }
      run_method(t, seed, id);
    });
}

UndoStudy::Seed UndoStudy::prepare(Trial& t) const {
  add_data(t);
  const Ensemble start = fresh(t, t.key().fold("base init"));
  const Ensemble other = fresh(t, t.key().fold("filtered init"));
  Training p = learning(t, kBase, start, "all.train");
  how_long(kBase)(p);
  Training q = learning(t, kFiltered, other, "retain.train");
  how_long(kFiltered)(q);
  const auto seen = [](const Training& phase) {
    return static_cast<double>(phase.epochs > 0 ? phase.epochs * phase.samples
                                                : phase.steps * phase.batch);
  };
  Seed s{t.train(p), t.train(q), fresh(t, t.key().fold("student init")),
         fresh(t, t.key().fold("placebo teacher init")), 0, seen(p), seen(q) / seen(p)};
  s.filtered_regained = relearn(t, s.filtered.model, attack(t)).at(early).worst;
  return s;
}

void UndoStudy::run_method(Trial& t, const Seed& seed, const std::string& id) const {
  const Trained gone = unlearned(t, seed, id);
  const Origin made{.cost = cost_of_unlearning(seed, id, gone.steps),
                    .unlearned = relearn(t, gone.model, attack(t)).at(early).worst};
  finish(t, seed, id, gone, made);

  const auto student_of = [&](const std::string& arm, const Ensemble& start) {
    const Trained student = distilled(t, arm, start, gone, until_as_good(t, gone));
    Origin o = made;
    o.distilled_steps = student.steps;
    finish(t, seed, arm, student, o);
    return student.steps;
  };
  for (const double a : alphas) student_of(undone(id, a), damaged(t, gone.model, a, beta));
  const int64_t steps = student_of(student(id), seed.start);
  if (id != main_method()) return;

  for (const double b : other_betas(*this))
    student_of(with_beta(id, kBetaAlpha, b), damaged(t, gone.model, kBetaAlpha, b));
  const Trained longer = distilled(t, kLong, seed.start, gone, how_long(kLong));
  finish(t, seed, kLong, longer, {made.cost, longer.steps, made.unlearned});
  const Trained nothing =
      distilled(t, kPlacebo, seed.start, {seed.nobody.clone()}, steps_of(steps));
  finish(t, seed, kPlacebo, nothing, {0, nothing.steps, made.unlearned});
  const Ensemble hurt_base = damaged(t, seed.base.model, control_alpha, beta);
  const Trained open = distilled(t, kOpen, hurt_base, seed.base, until_as_good(t, seed.base));
  finish(t, seed, kOpen, open, {0, open.steps, made.unlearned});
  if (weak > 0) run_weak(t, seed, made.unlearned);
  if (controls == "full") run_controls(t, seed, gone, made);
}

void UndoStudy::run_weak(Trial& t, const Seed& seed, double regained) const {
  const Trained gone = unlearned(t, seed, "maxent", weak);
  Origin made{.cost = cost_of_unlearning(seed, "maxent", gone.steps), .unlearned = regained};
  finish(t, seed, kWeak, gone, made);
  const Trained student = distilled(t, kWeakStudent, seed.start, gone, until_as_good(t, gone));
  made.distilled_steps = student.steps;
  finish(t, seed, kWeakStudent, student, made);
}

void UndoStudy::run_controls(Trial& t, const Seed& seed, const Trained& gone, Origin made) const {
  const Ensemble hurt = damaged(t, gone.model, control_alpha, beta);
  finish(t, seed, kDamaged, {hurt.clone()}, made);
  // As many steps as the same damage takes with the true teacher.
  const int64_t steps =
      distilled(t, undone(main_method(), control_alpha), hurt, gone, until_as_good(t, gone)).steps;
  const Trained nothing =
      distilled(t, kPlaceboUndo, hurt, {seed.nobody.clone()}, steps_of(steps));
  made.distilled_steps = nothing.steps;
  finish(t, seed, kPlaceboUndo, nothing, made);
  Training p = learning(t, kFilteredEarly, seed.start, "retain.train");
  until_as_good(t, gone)(p);
  const Trained brief = t.train(p);
  finish(t, seed, kFilteredEarly, brief,
         {static_cast<double>(brief.steps * batch) / seed.base_samples, 0, made.unlearned});
}

// --- Phases ---

Training UndoStudy::learning(Trial& t, const std::string& name, const Ensemble& start,
                             const std::string& subset) const {
  const LearningTask what = task();
  Training p = phase_on(t, what, name, start, subset, labelled_step(what, subset), batch, lr);
  p.lr = rate_of(name);
  return p;
}

Length UndoStudy::until_as_good(Trial& t, const Trained& teacher) const {
  const double wanted = enough * score_on(t, task(), teacher.model, "retain.test");
  return until(t, task(),
               {.subset = "retain.test",
                .wanted = wanted,
                .check_every = check_every,
                .most_steps = most_steps,
                .usual_steps = usual_steps});
}

Trained UndoStudy::distilled(Trial& t, const std::string& name, const Ensemble& start,
                             const Trained& teacher, const Length& length) const {
  Training p = phase_on(t, task(), name, start, "all.train", nullptr, batch, lr);
  p.lr = rate_of("distillation");
  length(p);
  return distil(t, task(), "all.train", std::move(p), teacher);
}

// The same noise for all that are damaged in a seed.
Ensemble UndoStudy::damaged(Trial& t, const Ensemble& model, double alpha, double noise) const {
  Ensemble hurt = model.clone();
  if (!t.dry()) shrink_and_perturb(hurt, 0, t.key().fold("damage"), alpha, noise);
  return hurt;
}

Trained UndoStudy::unlearned(Trial& t, const Seed& seed, const std::string& id,
                             int64_t steps) const {
  if (id == "oracle") return distilled(t, id, seed.base.model, seed.filtered, how_long(id));
  Unlearning how{.method = id,
                 .retain = "retain.train",
                 .forget = "known.train",
                 .graddiff_weight = graddiff_weight,
                 .rmu_c = rmu_c,
                 .rmu_weight = rmu_weight};
  if (id == "rmu") aim(how);
  const double rate = id == "maxent" ? unlearn_lr : id == "graddiff" ? graddiff_lr : rmu_lr;
  Training p = phase_on(t, task(), id, seed.base.model, how.retain, unlearning_step(task(), how),
                        batch, rate);
  p.order = t.key().fold("unlearning").fold("order");
  p.random = t.key().fold("unlearning").fold("random");
  if (id == "rmu") p.frozen = {{"before", &seed.base.model}};
  (steps > 0 ? steps_of(steps) : how_long(id))(p);
  return t.train(p);
}

// In multiples of the base's training, a third of whose step is its forward pass: that is what a
// frozen network costs.
double UndoStudy::cost_of_unlearning(const Seed& seed, const std::string& id, int64_t steps) const {
  const double frozen = 1.0 / 3;
  const double samples = static_cast<double>(steps * batch) / seed.base_samples;
  if (id == "oracle") return samples * (1 + frozen) + seed.filtered_cost;
  return samples * (id == "rmu" ? 2 + frozen : 2);
}

double UndoStudy::cost_of_distillation(const Seed& seed, int64_t steps) const {
  return 4.0 / 3 * static_cast<double>(steps * batch) / seed.base_samples;
}

// --- Measures ---

RelearningAttack UndoStudy::attack(Trial& t) const {
  RelearningAttack a = attack_on(t, task(), "forget.train", "forget.test");
  a.batch = attack_batch;
  a.steps = attack_at.back();
  a.rates = rates;
  a.at = attack_at;
  a.key = t.key().fold("attack");
  return a;
}

// Attacks and records a network.
void UndoStudy::finish(Trial& t, const Seed& seed, const std::string& arm, const Trained& m,
                       const Origin& o) const {
  const Relearned found = relearn(t, m.model, attack(t));
  record_curve(t, arm, "relearned", found);
  const double regained = found.at(early).worst;
  const double distilled = cost_of_distillation(seed, o.distilled_steps);
  std::map<std::string, double> metrics = {
      {"retain", score_on(t, task(), m.model, "retain.test")},
      {"forget", score_on(t, task(), m.model, "forget.test")},
      {"regained", regained},
      {"best_rate_inside", found.inside_share()},
      {"distillation", distilled},
      {"cost", o.cost + distilled}};
  if (o.distilled_steps > 0) metrics["steps"] = static_cast<double>(o.distilled_steps);
  // Where filtering regains as much as unlearning there is nothing to be robust about.
  const double room = o.unlearned - seed.filtered_regained;
  if (t.dry() || room > 0.05) metrics["robustness"] = (o.unlearned - regained) / room;
  measure(t, m.model, metrics);
  t.record(arm, m, std::move(metrics));
}

}  // namespace omni
