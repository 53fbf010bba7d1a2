// UNDO (unlearn, noise, distil on outputs) as a study of any task: a base learns all of it, is made
// to forget a part, a damaged copy is distilled from the result, and all are attacked. Controls,
// costs, claims and figures go with it. Lee et al. 2025, arXiv:2506.06278.
//
// An experiment derives from UndoStudy<itself> and gives it learning() and init() of its task, and
//   void add_data(Trial&) const;                      // the subsets all.train, retain.train,
//       // forget.train, known.train (of it, what unlearning is told of), retain.test, forget.test
//   Length length(const std::string& phase) const;    // of "base", "filtered", "student-long",
//                                                     // methods of unlearning and "oracle"
//   void configure_rmu(Unlearning& rmu) const;        // what RMU misdirects and trains
// It may hide learning_rate(), distilling_rate() and measure().
#pragma once

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "lab/experiment.h"
#include "nn/corruption.h"
#include "studies/forgetting.h"

namespace omni {

// How long a phase lasts: one of the two.
struct Length {
  int64_t epochs = 0, steps = 0;
};

// Where the claims stand.
struct UndoMarks {
  int64_t soon = 5, mid = 20, late = 40, end = 500;  // steps of attack
  std::vector<double> alphas = {0.2, 0.6, 0.8, 1};   // which a run must have
  double low_alpha = 0.6;  // the last of them takes twice this one's steps of distillation
  // By how much less is regained after UNDO than without it (4c) or than where nothing was
  // unlearned (6c), and by the random student (6a).
  double gain = 0.1, structure = 0.3, student = 0.3;
};

template <class Task>
struct UndoStudy : AttackOptions {
  std::string methods = "maxent", controls = "cheap";
  std::vector<double> alphas = {0.2, 0.6, 0.8, 1}, betas = {0.1};
  double beta = 0.1, lr = 1e-3, enough = 0.95;
  double unlearn_lr = 3e-4, graddiff_lr = 1e-4, graddiff_weight = 10;
  double rmu_lr = 1e-3, rmu_c = 20, rmu_weight = 1;
  int64_t batch = 128, weak = 0, check_every = 5, most_steps = 200;

  // No options: alphas of the controls and of the betas, about when a distillation ends.
  double control_alpha = 0.8, beta_alpha = 0.6;
  int64_t usual_steps = 30;
  UndoMarks marks;

  void visit(auto&& option) {
    option("methods", methods,
           "ways of unlearning joined by +, the first is the main one: maxent, "
           "graddiff, rmu, oracle",
           harmless_if_including("claims speak of the first"));
    const Harmless an_arm = harmless("each is an arm of its own, and claims say which they need");
    option("alphas", alphas, "shares of damage before distillation, ascending", between(0, 1),
           an_arm);
    option("beta", beta, "size of the noise that damages, in multiples of Xavier's",
           between(0, 10));
    option("betas", betas, "sizes of noise that are tried with alpha = 0.6", between(0, 10),
           an_arm);
    option("batch", batch, "samples per step", between(1, 60000));
    option("lr", lr, "learning rate of training and distillation", between(0, 10));
    option("unlearn_lr", unlearn_lr, "learning rate of MaxEnt", between(0, 10),
           used_if(unlearns_by("maxent") || weak > 0, with_method("maxent")));
    option("graddiff_lr", graddiff_lr, "learning rate of GradDiff", between(0, 10), of_others(),
           used_by("graddiff"));
    option("graddiff_weight", graddiff_weight, "of the loss on what is kept in it",
           between(0, 1000), of_others(), used_by("graddiff"));
    option("rmu_lr", rmu_lr, "learning rate of RMU", between(0, 10), of_others(), used_by("rmu"));
    option("rmu_c", rmu_c, "length of the direction that RMU drives activations to",
           between(0, 1e6), of_others(), used_by("rmu"));
    option("rmu_weight", rmu_weight, "of keeping the activations on what is kept in it",
           between(0, 1e6), of_others(), used_by("rmu"));
    option("weak", weak, "also unlearn by MaxEnt for so few steps only; 0: do not",
           between(0, 100000), harmless("the claims about it say how many they need"));
    option("enough", enough, "distillation ends at this share of its teacher's retain accuracy",
           between(0, 1));
    option("check_every", check_every, "steps between looks at that accuracy", between(1, 1000));
    option("most_steps", most_steps, "of a distillation that never gets there",
           between(1, 1000000));
    AttackOptions::visit(option);
    option("controls", controls, "cheap: a placebo, and UNDO of the base; full: three more",
           one_of({"cheap", "full"}), harmless("it adds arms that no claim needs"));
    option.check([this] {
      unlearning_ids(methods);
      require(!alphas.empty() && std::ranges::is_sorted(alphas, std::ranges::less_equal{}),
              "alphas: they must ascend, such as alphas=0.2,0.6,1");
    });
  }
  // Of options that matter to one method alone.
  bool unlearns_by(const char* method) const { return has_part(methods, method); }
  std::string with_method(const char* method) const {
    return "methods=" + with_part(methods, method);
  }
  Used used_by(const char* method) const {
    return used_if(unlearns_by(method), with_method(method));
  }
  static Harmless of_others() {
    return harmless("claims speak of the first method, calibrated as MaxEnt");
  }

  // --- What an experiment may hide by its own ---

  Rate learning_rate() const { return lr; }
  Rate distilling_rate() const { return lr; }
  void measure(Trial&, const Trained&, std::map<std::string, double>&) const {}  // more metrics

  // --- One seed ---

  // What all arms are made from and held against.
  struct Seed {
    Trial& t;
    LearningTask task;
    Trained base, filtered;
    Trained start, nobody;    // random weights of students; an untrained teacher
    double base_samples = 0;  // seen in the base's training
    double filtered_cost = 0, filtered_regained = 0;
  };

  // How an arm came about: compute besides its distillation, in multiples of the base's training,
  // what its unlearned network regains early, and steps of distillation.
  struct Origin {
    double cost = 0, unlearned = kNaN;
    int64_t steps = 0;
  };

  void run(Trial& t) const {
    const Seed s = prepare(t);
    for (const std::string& id : unlearning_ids(methods))
      t.part(id, [&] {
        if (id == main_method()) {
          finish(s, "base", s.base, {});
          finish(s, "filtered", s.filtered, {.cost = s.filtered_cost});
          finish(s, "fresh", s.start, {});
        }
        run_method(s, id);
      });
  }

  Seed prepare(Trial& t) const {
    me().add_data(t);
    const LearningTask task = me().learning();
    const auto drawn = [&](const std::string& purpose) {
      return me().init(t, t.key().fold(purpose));
    };
    const auto learn = [&](const std::string& arm, const char* on) {
      const Training how = learning_on(on, me().length(arm));
      return task.train(t, arm, drawn(arm + " init"), how, task.loss(on));
    };
    const auto seen = [&](const char* arm, const char* on) {
      const Length l = me().length(arm);
      return static_cast<double>(l.epochs > 0 ? l.epochs * task.samples(t, on) : l.steps * batch);
    };
    Seed s{t,
           task,
           learn("base", "all.train"),
           learn("filtered", "retain.train"),
           drawn("student init"),
           drawn("placebo teacher init")};
    s.base_samples = seen("base", "all.train");
    s.filtered_cost = seen("filtered", "retain.train") / s.base_samples;
    s.filtered_regained = regained(s, s.filtered);
    return s;
  }

  void run_method(const Seed& s, const std::string& id) const {
    const Trained gone = unlearned(s, id, me().length(id));
    const Origin made{cost_of_unlearning(s, id, gone.steps), regained(s, gone)};
    finish(s, id, gone, made);
    const Training how = until_as_good(s, gone, teaching({}));
    const auto undo = [&](const std::string& arm, double alpha, double noise) {
      student(s, arm, damaged(s, gone, alpha, noise), gone, how, made);
    };
    for (const double a : alphas) undo(undone(id, a), a, beta);
    const int64_t steps = student(s, id + "-student", s.start, gone, how, made);
    if (id != main_method()) return;

    // Made without the main method's cost.
    const Origin without{.unlearned = made.unlearned};
    for (const double b : betas)
      if (b != beta) undo(with_beta(id, b), beta_alpha, b);
    student(s, "student-long", s.start, gone, teaching(me().length("student-long")), made);
    student(s, "placebo", s.start, s.nobody, teaching({.steps = steps}), without);
    student(s, "undo-of-base", damaged(s, s.base, control_alpha, beta), s.base,
            until_as_good(s, s.base, teaching({})), without);
    if (weak > 0) run_weak(s, without);
    if (controls == "full") run_controls(s, gone, made);
  }

  void run_weak(const Seed& s, Origin made) const {
    const Trained gone = unlearned(s, "maxent", {.steps = weak});
    made.cost = cost_of_unlearning(s, "maxent", gone.steps);
    finish(s, "weak", gone, made);
    student(s, "weak-student", s.start, gone, until_as_good(s, gone, teaching({})), made);
  }

  void run_controls(const Seed& s, const Trained& gone, const Origin& made) const {
    const Trained hurt = damaged(s, gone, control_alpha, beta);
    finish(s, "damaged", hurt, made);
    // As many steps as the same damage takes with the true teacher.
    const Trained same = distil(s.t, s.task, undone(main_method(), control_alpha), hurt,
                                until_as_good(s, gone, teaching({})), gone);
    student(s, "placebo-undo", hurt, s.nobody, teaching({.steps = same.steps}), made);
    const Training brief = until_as_good(s, gone, learning_on("retain.train", {}));
    const Trained early =
        s.task.train(s.t, "filtered-early", s.start, brief, s.task.loss("retain.train"));
    finish(s, "filtered-early", early, {samples_of(s, early.steps), made.unlearned});
  }

  // --- Phases ---

  Training learning_on(const char* on, Length l) const {
    return phase(on, l, me().learning_rate());
  }
  Training teaching(Length l) const { return phase("all.train", l, me().distilling_rate()); }
  Training phase(const char* on, Length l, Rate rate) const {
    return {.on = on, .batch = batch, .epochs = l.epochs, .steps = l.steps, .lr = rate};
  }

  // Until a network is nearly as good as a teacher at what is kept.
  Training until_as_good(const Seed& s, const Trained& teacher, Training p) const {
    const double wanted = enough * score_on(s.t, s.task, teacher, "retain.test");
    p.steps = most_steps;
    p.probe = s.task.probe(s.t, "retain.test");
    p.probe->every = check_every;
    p.stop = StopRule{"score", wanted, usual_steps};
    return p;
  }

  // Distils an arm, measures it and tells how many steps that took.
  int64_t student(const Seed& s, const std::string& arm, const Trained& start,
                  const Trained& teacher, const Training& how, Origin made) const {
    const Trained m = distil(s.t, s.task, arm, start, how, teacher);
    made.steps = m.steps;
    finish(s, arm, m, made);
    return m.steps;
  }

  // The same noise for all that are damaged in a seed.
  Trained damaged(const Seed& s, const Trained& m, double alpha, double noise) const {
    Trained hurt = m.clone();
    if (!s.t.dry()) shrink_and_perturb(hurt.model, 0, s.t.key().fold("damage"), alpha, noise);
    return hurt;
  }

  Trained unlearned(const Seed& s, const std::string& id, Length l) const {
    if (id == "oracle") return distil(s.t, s.task, id, s.base, teaching(l), s.filtered);
    Unlearning what{id, "known.train", graddiff_weight, rmu_c, rmu_weight};
    me().configure_rmu(what);
    const double rate = id == "maxent" ? unlearn_lr : id == "graddiff" ? graddiff_lr : rmu_lr;
    return unlearn(s.t, s.task, s.base, phase("retain.train", l, rate), what);
  }

  // --- Measures ---

  // Samples seen, and compute: in multiples of the base's training, a third of whose step is its
  // forward pass. That is what a frozen network costs, such as a teacher.
  double samples_of(const Seed& s, int64_t steps) const {
    return static_cast<double>(steps * batch) / s.base_samples;
  }
  double cost_of_unlearning(const Seed& s, const std::string& id, int64_t steps) const {
    const double frozen = 1.0 / 3, samples = samples_of(s, steps);
    if (id == "oracle") return samples * (1 + frozen) + s.filtered_cost;
    return samples * (id == "rmu" ? 2 + frozen : 2);
  }

  RelearningAttack attack_of(const Seed& s) const {
    RelearningAttack a = attack_on(s.t, s.task, "forget.train", "forget.test");
    a.key = s.t.key().fold("attack");
    return a;
  }
  double regained(const Seed& s, const Trained& m) const {
    return relearn(s.t, m.model, chosen(attack_of(s))).at(early).worst;
  }

  // Attacks and records a network.
  void finish(const Seed& s, const std::string& arm, const Trained& m, const Origin& o) const {
    const double distilled = 4.0 / 3 * static_cast<double>(o.steps * batch) / s.base_samples;
    std::map<std::string, double> found = {{"retain", score_on(s.t, s.task, m, "retain.test")},
                                           {"forget", score_on(s.t, s.task, m, "forget.test")},
                                           {"distillation", distilled},
                                           {"cost", o.cost + distilled}};
    if (o.steps > 0) found["steps"] = static_cast<double>(o.steps);
    attack(s.t, arm, m, attack_of(s), found);
    // Where filtering regains as much as unlearning there is nothing to be robust about.
    const double room = o.unlearned - s.filtered_regained;
    if (s.t.dry() || room > 0.05) found["robustness"] = (o.unlearned - found["regained"]) / room;
    me().measure(s.t, m, found);
    s.t.record(arm, m, found);
  }

  // --- Names of arms ---

  std::string main_method() const { return unlearning_ids(methods).front(); }
  static std::string undone(const std::string& method, double alpha) {
    return fmt::format("{}-undo-{}", method, alpha);
  }
  std::vector<std::string> all_undone(const std::string& method) const {
    std::vector<std::string> arms;
    for (const double a : alphas) arms.push_back(undone(method, a));
    return arms;
  }
  std::string with_beta(const std::string& method, double b) const {
    return fmt::format("{}-beta-{}", undone(method, beta_alpha), b);
  }

  // --- Claims, written before the run: 4 to 9 of the protocol, 6b to 6d added ---

  void claims(Claims& all) const {
    // Of the main method, and thresholds are MaxEnt's.
    const Claims claim = all.needs("methods=maxent");
    const std::string m = main_method(), taught = m + "-student", most = undone(m, control_alpha);
    const auto at = [](int64_t step, const std::string& arm) {
      return of(arm, "relearned").after(step);
    };
    const auto more = [&](int64_t step, const std::string& a, const std::string& b) {
      return at(step, a) - at(step, b);
    };
    std::vector<Term> soon, mid, steps, longer, inside;
    for (const double a : marks.alphas) soon.insert(soon.begin(), at(marks.soon, undone(m, a)));
    const std::vector<double>& shares = alphas.size() > 1 ? alphas : marks.alphas;
    for (const double a : shares) {
      mid.push_back(at(marks.mid, undone(m, a)));
      steps.push_back(of(undone(m, a), "steps"));
    }
    std::vector<std::string> defended = all_undone(m);
    defended.insert(defended.end(), {m, taught, "student-long", "filtered"});
    for (const std::string& arm : defended) {
      longer.push_back(at(marks.end, arm) - at(marks.late, arm));
      inside.push_back(of(arm, "best_rate_inside"));
    }

    const Claims damage = claim.needs(fmt::format("alphas={}", fmt::join(marks.alphas, ",")));
    damage("4a", least(changes(soon)) > 0);  // from much damage to little
    damage("4b", spearman(shares, mid) < -0.8);
    damage("4c", more(marks.mid, m, most) > marks.gain);
    damage("5a", least(changes(steps)) > -0.5 * static_cast<double>(check_every));
    damage("5b", of(undone(m, marks.alphas.back()), "steps") >
                     2 * of(undone(m, marks.low_alpha), "steps"));
    claim("6a", more(marks.soon, m, taught) > marks.student);
    claim("6b", more(marks.soon, "student-long", taught) > 0);
    damage("6c", more(marks.soon, "undo-of-base", most) > marks.structure);
    claim("6d", of(taught, "retain") - of("placebo", "retain") > 0.4);
    const Claims leaks = claim.needs("weak=10");
    leaks("7a", within(of("weak", "forget"), 0.3, 0.6));
    leaks("7b", more(marks.soon, "weak-student", taught) > 0.1);
    const Claims noise = claim.needs(fmt::format("betas=0.05,0.1,0.5 alphas={}", beta_alpha));
    for (const auto& [id, b] : {std::pair{"8a", 0.05}, {"8b", 0.5}})
      noise(id, near(more(marks.mid, with_beta(m, b), undone(m, beta_alpha)), 0, 0.1));
    claim("9a", least(longer) > 0);
    claim("9b", least(inside) > 0);
  }

  void figures(Figures& figure) const {
    const std::vector<std::string> ids = unlearning_ids(methods);
    const std::string m = ids.front(), taught = m + "-student";
    for (const std::string& id : ids) {
      std::vector<std::string> shown = all_undone(id);
      shown.insert(shown.begin(), id);
      if (id != m) shown.push_back(id + "-student");
      shown.push_back("filtered");
      figure.lines("relearned_" + id, "relearned").unit().arms(shown);
    }
    std::vector<std::string> others = {"base", m,       "undo-of-base", "student-long",
                                       taught, "fresh", "placebo",      "filtered"};
    if (weak > 0) others.insert(others.end(), {"weak", "weak-student"});
    if (controls == "full")
      others.insert(others.end(), {"damaged", "placebo-undo", "filtered-early"});
    figure.lines("relearned_controls", "relearned").unit().arms(others);

    using Points = std::vector<Series::Point>;
    const auto joined = [&](const std::string& id, Points points = {}) {
      for (const std::string& arm : all_undone(id)) points.push_back({.arm = arm});
      return points;
    };
    const auto robustness = [&](const char* figure_id, const char* over) {
      return figure.scatter(figure_id, over, "robustness").level(1, "data filtering");
    };
    const Points students = {{.arm = taught}, {.arm = "student-long"}};
    robustness("pareto", "distillation")
        .log_x()
        .points("UNDO", joined(m))
        .points("random student", students)
        .points("UNDO of the base", {{.arm = "undo-of-base"}});
    robustness("tax", "retain")
        .points("UNDO", joined(m, {{.arm = m}}))
        .points("random student", students);
    if (ids.size() > 1) {
      FigureBuilder by_method = robustness("pareto_methods", "distillation").log_x();
      for (const std::string& id : ids) by_method.points(label_of(id), joined(id));
    }

    const auto over_alpha = [&](FigureBuilder f, bool with_unlearned) {
      for (const std::string& id : ids) {
        Points points;
        if (with_unlearned) points.push_back({0, id});
        for (const double a : alphas)
          if (a > 0) points.push_back({a, undone(id, a)});
        f.points(label_of(id), points);
      }
      return f;
    };
    over_alpha(figure.lines("regained").unit(), true).across("filtered").across("fresh");
    if (alphas.back() > 0) over_alpha(figure.lines("steps").from_zero(), false);
    figure.lines("betas", "regained")
        .unit()
        .over(undone(m, beta_alpha) + "-beta-*", {"regained"}, beta, undone(m, beta_alpha));
    figure.bars("retained", "retain");
    figure.bars("cost").from_zero();
  }
  static std::string label_of(const std::string& method) { return unlearning_method(method).label; }

 private:
  const Task& me() const { return static_cast<const Task&>(*this); }
};

}  // namespace omni
