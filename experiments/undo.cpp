// Question  Does distilling an unlearned network into damaged weights make it stay unlearned, and
//           what does that cost?
// Design    A base network learns all digits and is made to forget some. UNDO damages a copy of
//           the result by a share alpha and distils the undamaged one into it until it is nearly
//           as good on what was to be kept. All are then attacked: trained on the forget digits,
//           at the learning rate that works best.
// Expect    The larger alpha, the more compute the distillation takes and the slower the network
//           relearns; random weights (full distillation) resist most. A teacher that still shows
//           the forget digits hands them on.
// Source    Lee et al. 2025, arXiv:2506.06278
#include <algorithm>
#include <cmath>

#include "experiments/catalogue.h"
#include "lab/distillation.h"
#include "lab/image_task.h"
#include "lab/relearning.h"
#include "nn/corruption.h"
#include "nn/losses.h"
#include "nn/optimizers.h"
#include "nn/unlearning.h"
#include "ops/elementwise.h"

namespace omni {
namespace {

constexpr const char* kBase = "base";
constexpr const char* kFiltered = "filtered";
constexpr const char* kFresh = "fresh";
constexpr const char* kLong = "student-long";
constexpr const char* kPlacebo = "placebo";
constexpr const char* kOpen = "undo-of-base";
constexpr const char* kPlaceboUndo = "placebo-undo";
constexpr const char* kDamaged = "damaged";
constexpr const char* kFilteredEarly = "filtered-early";
constexpr const char* kWeak = "weak";
constexpr const char* kWeakStudent = "weak-student";
constexpr double kControlAlpha = 0.8, kBetaAlpha = 0.6;  // of the controls, of the grid of betas
constexpr int64_t kWeakSteps = 10;                       // that leave about half
constexpr int64_t kUsualSteps = 30;  // of a distillation with a rule to stop: 5 to 65 in quick

struct Method {
  std::string id, label, what;
};
const std::vector<Method> kMethods = {
    {"maxent", "MaxEnt", "outputs on forget images are driven to the uniform distribution"},
    {"graddiff", "GradDiff", "the loss on forget images is driven up"},
    {"rmu", "RMU", "the last hidden layer is driven to one direction on forget images"},
    {"oracle", "Oracle matching", "distilled from the filtered network"}};

struct Undo : ImageTask {
  std::vector<int64_t> retain = {0, 1, 2, 3, 4}, forget = {5, 6, 7, 8, 9};
  std::string methods = "maxent", controls = "cheap";
  std::vector<double> alphas = {0.2, 0.6, 0.8, 1}, betas = {0.1};
  double beta = 0.1;
  int64_t base_epochs = 5, filtered_epochs = 10, batch = 128;
  double lr = 1e-3;
  int64_t known = 0, unlearn_epochs = 2, weak = 0;
  double unlearn_lr = 3e-4, graddiff_lr = 1e-4, graddiff_weight = 10, rmu_lr = 1e-3, rmu_c = 20,
         rmu_weight = 1;
  int64_t graddiff_steps = 40;
  double enough = 0.95;
  int64_t check_every = 5, most_steps = 200, long_epochs = 4;
  int64_t attack_batch = 64, early = 20;
  std::vector<int64_t> attack_at = {0, 5, 10, 20, 40, 80, 160};
  std::vector<double> rates = {3e-4, 1e-3, 3e-3, 1e-2};

  Undo() {
    train = 20000;
    test = 5000;
  }

  void visit(auto&& option) {
    ImageTask::visit(option);
    option("retain", retain, "classes to keep", between(0, 9));
    option("forget", forget, "classes to forget", between(0, 9));
    option("methods", methods, "ways of unlearning joined by +, the first is the main one: maxent, "
           "graddiff, rmu, oracle", Allowed{});
    option("alphas", alphas, "shares of damage before distillation, ascending", between(0, 1));
    option("beta", beta, "size of the noise that damages, in multiples of Xavier's",
           between(0, 10));
    option("betas", betas, "sizes of noise that are tried with alpha = 0.6", between(0, 10));
    option("base_epochs", base_epochs, "of the base, on all images", between(1, 1000));
    option("filtered_epochs", filtered_epochs, "of the filtered network, on retain images",
           between(1, 1000));
    option("batch", batch, "images per step", between(1, 60000));
    option("lr", lr, "learning rate of Adam in training and distillation", between(0, 10));
    option("known", known, "images per forget class that unlearning is told of; 0: all",
           between(0, 6000));
    option("unlearn_epochs", unlearn_epochs, "of unlearning, on retain images, each batch of them "
           "with one of forget images", between(1, 1000));
    option("unlearn_lr", unlearn_lr, "learning rate of MaxEnt", between(0, 10));
    option("graddiff_lr", graddiff_lr, "learning rate of GradDiff", between(0, 10));
    option("graddiff_weight", graddiff_weight, "of the loss on retain images in it",
           between(0, 1000));
    option("graddiff_steps", graddiff_steps, "of GradDiff, whose loss has no floor",
           between(1, 100000));
    option("rmu_lr", rmu_lr, "learning rate of RMU", between(0, 10));
    option("rmu_c", rmu_c, "length of the direction that RMU drives activations to",
           between(0, 1e6));
    option("rmu_weight", rmu_weight, "of keeping the activations on retain images in it",
           between(0, 1e6));
    option("weak", weak, "also unlearn by MaxEnt for so few steps only; 0: do not",
           between(0, 100000));
    option("enough", enough, "distillation ends at this share of its teacher's retain accuracy",
           between(0, 1));
    option("check_every", check_every, "steps between looks at that accuracy", between(1, 1000));
    option("most_steps", most_steps, "of a distillation that never gets there",
           between(1, 1000000));
    option("long_epochs", long_epochs, "of distillation without a rule to stop: the long student, "
           "oracle matching", between(1, 1000));
    option("attack_at", attack_at, "the attack is measured after these steps and ends at the last",
           between(0, 100000));
    option("early", early, "the one of these steps that tables and robustness speak of",
           between(0, 100000));
    option("rates", rates, "learning rates that the attacker may choose from", between(0, 10));
    option("attack_batch", attack_batch, "images per step of the attack", between(1, 60000));
    option("controls", controls, "cheap: a placebo, and UNDO of the base; full: three more",
           one_of({"cheap", "full"}));
  }

  void check() const {
    ImageTask::check();
    for (const int64_t c : retain)
      require(std::ranges::find(forget, c) == forget.end(),
              "retain and forget: class {} is in both", c);
    const std::vector<std::string> ids = method_ids();
    require(std::ranges::find(ids, "rmu") == ids.end() || arch == "cnn" || depth > 0,
            "methods={}: rmu needs a hidden layer, and depth is 0", methods);
    require(!alphas.empty() && std::ranges::is_sorted(alphas, std::ranges::less_equal{}),
            "alphas: they must ascend, such as alphas=0.2,0.6,1");
    require(!attack_at.empty() && std::ranges::is_sorted(attack_at) && attack_at.back() > 0,
            "attack_at: the steps must ascend and end above 0");
    require(std::ranges::find(attack_at, early) != attack_at.end(),
            "early={}: it must be one of the steps in attack_at", early);
    require(!rates.empty() && std::ranges::is_sorted(rates), "rates: they must ascend");
  }

  // --- Arms ---

  std::vector<std::string> method_ids() const {
    std::vector<std::string> ids;
    for (size_t from = 0; from <= methods.size();) {
      const size_t to = std::min(methods.find('+', from), methods.size());
      const std::string id = methods.substr(from, to - from);
      require(std::ranges::find(kMethods, id, &Method::id) != kMethods.end(),
              "methods={}: there is no method '{}'; wanted are maxent, graddiff, rmu or oracle, "
              "joined by +", methods, id);
      require(std::ranges::find(ids, id) == ids.end(), "methods={}: '{}' is there twice", methods,
              id);
      ids.push_back(id);
      from = to + 1;
    }
    return ids;
  }
  std::string main_method() const { return method_ids().front(); }
  static const Method& method(const std::string& id) {
    return *std::ranges::find(kMethods, id, &Method::id);
  }
  static std::string undo_arm(const std::string& m, double a) {
    return fmt::format("{}-undo-{}", m, a);
  }
  static std::string beta_arm(const std::string& m, double a, double b) {
    return fmt::format("{}-beta-{}", undo_arm(m, a), b);
  }
  static std::string student_arm(const std::string& m) { return m + "-student"; }
  std::vector<double> other_betas() const {
    std::vector<double> b = betas;
    std::erase(b, beta);
    return b;
  }

  std::vector<ArmInfo> arms() const {
    std::vector<ArmInfo> a = {
        {kBase, "Base", "learns all digits; nothing is done to it", {}},
        {kFiltered, "Filtered", "learns the retain digits only", {}},
        {kFresh, "Fresh network", "random weights, nothing done", {}}};
    for (const std::string& id : method_ids()) {
      const Method& m = method(id);
      const std::string of = id == main_method() ? "" : m.label + " ";
      a.push_back({id, m.label, "unlearned only: " + m.what, {}});
      for (const double x : alphas)
        a.push_back({undo_arm(id, x), fmt::format("{}{}", of.empty() ? "UNDO " : of, x),
                     fmt::format("UNDO: weights damaged by {}, then distilled", x), {}});
      a.push_back({student_arm(id), of.empty() ? "Random student" : of + "student",
                   "the unlearned network, distilled into random weights", {}});
    }
    const std::string m = main_method();
    a.push_back({kLong, "Random student, long",
                 fmt::format("the same for {} epochs, without a rule to stop", long_epochs), {}});
    a.push_back({kPlacebo, "Placebo",
                 "random weights, an untrained teacher, as many steps as the random student", {}});
    a.push_back({kOpen, "UNDO of the base",
                 "structure removed: nothing was unlearned before damage and distillation", {}});
    for (const double b : other_betas())
      a.push_back({beta_arm(m, kBetaAlpha, b), fmt::format("UNDO {}, beta {}", kBetaAlpha, b),
                   "with other noise", {}});
    if (weak > 0) {
      a.push_back({kWeak, "Weak unlearning", fmt::format("MaxEnt for {} steps only", weak), {}});
      a.push_back({kWeakStudent, "Weak, random student", "that, distilled into random weights",
                   {}});
    }
    if (controls == "full") {
      a.push_back({kDamaged, "Damaged", fmt::format("by {}, not distilled", kControlAlpha), {}});
      a.push_back({kPlaceboUndo, "Placebo UNDO", "damaged alike, then an untrained teacher", {}});
      a.push_back({kFilteredEarly, "Filtered, short",
                   "random weights, retain images with labels, the random student's rule to stop",
                   {}});
    }
    return a;
  }

  // --- One seed ---

  // What all conditions of a seed are made from and held against.
  struct Seed {
    Trained base, filtered;
    Ensemble fresh, nobody;      // random weights of students; an untrained teacher
    double filtered_regained;
    double base_images;          // seen in the base's training
    double filtered_cost;
  };
  // How an arm came about: compute besides its distillation, in multiples of the base's training,
  // steps of distillation, and what its unlearned network regains early.
  struct Origin {
    double cost = 0;
    int64_t distilled_steps = 0;
    double unlearned = kNaN;
  };

  void run(Trial& t) const {
    const Seed seed = prepare(t);
    const std::vector<std::string> ids = method_ids();
    for (const std::string& id : ids)
      t.part(id, [&] {
        if (id == ids.front()) {
          finish(t, seed, kBase, seed.base, {});
          finish(t, seed, kFiltered, seed.filtered, {.cost = seed.filtered_cost});
          finish(t, seed, kFresh, {seed.fresh.clone()}, {});
        }
        run_method(t, seed, id);
      });
  }

  Seed prepare(Trial& t) const {
    const auto keep = one_of_classes(retain), lose = one_of_classes(forget);
    const auto either = [=](int32_t c) { return keep(c) || lose(c); };
    const int64_t all = add_subset(t, "all.train", {.keep = either});
    const int64_t wanted = add_subset(t, "retain.train", {.keep = keep});
    add_subset(t, "forget.train", {.keep = lose});
    add_subset(t, "known.train",
               {.keep = lose, .per_class = known, .draw = t.key().fold("known images")});
    add_subset(t, "retain.test", {.keep = keep});
    add_subset(t, "forget.test", {.keep = lose});

    const Ensemble start = init(t, t.key().fold("base init"));
    const Ensemble other = init(t, t.key().fold("filtered init"));
    Training p = phase(t, kBase, start, "all.train", labelled_step("all.train"));
    p.epochs = base_epochs;
    Training q = phase(t, kFiltered, other, "retain.train", labelled_step("retain.train"));
    q.epochs = filtered_epochs;
    const auto images_seen = static_cast<double>(base_epochs * all);
    Seed s{t.train(p), t.train(q), init(t, t.key().fold("student init")),
           init(t, t.key().fold("placebo teacher init")), 0, images_seen,
           static_cast<double>(filtered_epochs * wanted) / images_seen};
    s.filtered_regained = relearn(t, s.filtered.model, attack(t)).at(early).worst;
    return s;
  }

  void run_method(Trial& t, const Seed& seed, const std::string& id) const {
    const Trained gone = unlearn(t, seed, id);
    const Origin made{.cost = unlearning_cost(seed, id, gone.steps),
                      .unlearned = relearn(t, gone.model, attack(t)).at(early).worst};
    finish(t, seed, id, gone, made);

    const auto student_of = [&](const std::string& arm, const Ensemble& start) {
      const Trained student = distil(t, arm, start, gone, until_as_good(t, gone));
      Origin o = made;
      o.distilled_steps = student.steps;
      finish(t, seed, arm, student, o);
      return student.steps;
    };
    for (const double a : alphas) student_of(undo_arm(id, a), damage(t, gone.model, a, beta));
    const int64_t steps = student_of(student_arm(id), seed.fresh);
    if (id != main_method()) return;

    for (const double b : other_betas())
      student_of(beta_arm(id, kBetaAlpha, b), damage(t, gone.model, kBetaAlpha, b));
    const Trained longer = distil(t, kLong, seed.fresh, gone, epochs_of(long_epochs));
    finish(t, seed, kLong, longer, {made.cost, longer.steps, made.unlearned});
    const Trained nothing = distil(t, kPlacebo, seed.fresh, {seed.nobody.clone()}, steps_of(steps));
    finish(t, seed, kPlacebo, nothing, {0, nothing.steps, made.unlearned});
    const Ensemble hurt_base = damage(t, seed.base.model, kControlAlpha, beta);
    const Trained open = distil(t, kOpen, hurt_base, seed.base, until_as_good(t, seed.base));
    finish(t, seed, kOpen, open, {0, open.steps, made.unlearned});
    if (weak > 0) run_weak(t, seed, made.unlearned);
    if (controls == "full") run_controls(t, seed, gone, made);
  }

  void run_weak(Trial& t, const Seed& seed, double unlearned) const {
    const Trained gone = unlearn(t, seed, "maxent", weak);
    Origin made{.cost = unlearning_cost(seed, "maxent", gone.steps), .unlearned = unlearned};
    finish(t, seed, kWeak, gone, made);
    const Trained student = distil(t, kWeakStudent, seed.fresh, gone, until_as_good(t, gone));
    made.distilled_steps = student.steps;
    finish(t, seed, kWeakStudent, student, made);
  }

  void run_controls(Trial& t, const Seed& seed, const Trained& gone, Origin made) const {
    const Ensemble hurt = damage(t, gone.model, kControlAlpha, beta);
    finish(t, seed, kDamaged, {hurt.clone()}, made);
    // As many steps as the same damage takes with the true teacher.
    const int64_t steps =
        distil(t, undo_arm(main_method(), kControlAlpha), hurt, gone, until_as_good(t, gone)).steps;
    const Trained nothing = distil(t, kPlaceboUndo, hurt, {seed.nobody.clone()}, steps_of(steps));
    made.distilled_steps = nothing.steps;
    finish(t, seed, kPlaceboUndo, nothing, made);
    Training p =
        phase(t, kFilteredEarly, seed.fresh, "retain.train", labelled_step("retain.train"));
    until_as_good(t, gone)(p);
    const Trained brief = t.train(p);
    finish(t, seed, kFilteredEarly, brief,
           {static_cast<double>(brief.steps * batch) / seed.base_images, 0, made.unlearned});
  }

  // --- Phases ---

  Training phase(Trial& t, const std::string& name, const Ensemble& start,
                 const std::string& subset, StepBuilder build) const {
    Training p;
    p.name = name;
    p.start = &start;
    p.build = std::move(build);
    p.samples = t.tables().at(subset).type.count();
    p.batch = batch;
    p.order = t.key().fold(name).fold("order");
    p.random = t.key().fold(name).fold("random");
    p.lr = [rate = lr](int64_t, int64_t) { return rate; };
    return p;
  }

  StepBuilder labelled_step(const std::string& subset) const {
    return [this, subset](Step& s) {
      Net net = s.net("model");
      const Value loss = cross_entropy(logits(net, images(s, subset)), labels(s, subset));
      s.graph().result("loss", loss);
      apply(Adam{}, net, loss, s.lr());
    };
  }

  // Fills in how long a phase lasts.
  using Length = std::function<void(Training&)>;
  static Length epochs_of(int64_t n) {
    return [n](Training& p) { p.epochs = n; };
  }
  static Length steps_of(int64_t n) {
    return [n](Training& p) { p.steps = std::max<int64_t>(1, n); };
  }
  Length until_as_good(Trial& t, const Trained& teacher) const {
    const double wanted = enough * accuracy_on(t, teacher.model, "retain.test");
    return [this, wanted, rows = t.tables().at("retain.test").type.count()](Training& p) {
      p.steps = most_steps;
      p.probe = Probe{.build =
                          [this](Step& s) {
                            Net net = s.net("model");
                            const Value z = logits(net, images(s, "retain.test"));
                            s.graph().result("retain", accuracy(z, labels(s, "retain.test")));
                          },
                      .rows = rows,
                      .every = check_every};
      p.stop = StopRule{"retain", wanted, kUsualSteps};
    };
  }

  // All students of a seed see the same batches in the same order, without labels.
  Trained distil(Trial& t, const std::string& name, const Ensemble& start, const Trained& teacher,
                 const Length& length) const {
    Training p = phase(t, name, start, "all.train",
                       distillation({.inputs = [this](Step& s) { return images(s, "all.train"); },
                                     .logits = [this](Net& n, Value x) { return logits(n, x); }}));
    p.frozen = {{"teacher", &teacher.model}};
    p.order = t.key().fold("distillation").fold("order");
    length(p);
    Trained student = t.train(p);
    if (!student.diverged_at) student.diverged_at = teacher.diverged_at;
    return student;
  }

  // The same noise for all that are damaged in a seed.
  Ensemble damage(Trial& t, const Ensemble& model, double alpha, double noise) const {
    Ensemble hurt = model.clone();
    if (!t.dry()) shrink_and_perturb(hurt, 0, t.key().fold("damage"), alpha, noise);
    return hurt;
  }

  Trained unlearn(Trial& t, const Seed& seed, const std::string& id, int64_t steps = 0) const {
    if (id == "oracle")
      return distil(t, id, seed.base.model, seed.filtered, epochs_of(long_epochs));
    Training p = phase(t, id, seed.base.model, "retain.train",
                       [this, id](Step& s) { unlearning_step(s, id); });
    p.order = t.key().fold("unlearning").fold("order");
    p.random = t.key().fold("unlearning").fold("random");
    const double rate = id == "maxent" ? unlearn_lr : id == "graddiff" ? graddiff_lr : rmu_lr;
    p.lr = [rate](int64_t, int64_t) { return rate; };
    if (id == "rmu") p.frozen = {{"before", &seed.base.model}};
    if (id == "graddiff") steps = graddiff_steps;
    (steps > 0 ? steps_of(steps) : epochs_of(unlearn_epochs))(p);
    return t.train(p);
  }

  // A batch of retain images, in order, and one of forget images, at random.
  void unlearning_step(Step& s, const std::string& id) const {
    Net net = s.net("model");
    const Value kept = images(s, "retain.train");
    const Value positions = random_positions(s, "known.train", "forget batch");
    const Value lost = images(s, "known.train", positions);
    const Value z_kept = logits(net, kept);
    const Value h_kept = id == "rmu" ? net.value(last_hidden()) : z_kept;
    const Value z_lost = logits(net, lost);
    const Value right = cross_entropy(z_kept, labels(s, "retain.train"));
    ApplyOptions how;
    Value loss = right;
    if (id == "maxent") loss = right + max_entropy(z_lost);
    if (id == "graddiff")
      loss = grad_diff(cross_entropy(z_lost, labels(s, "known.train", positions)), right,
                       graddiff_weight);
    if (id == "rmu") {
      Net before = s.net("before");
      logits(before, kept);
      const Value h_lost = net.value(last_hidden());
      const Value u = random_direction(s.key(), "rmu direction", h_lost.dim(-1));
      loss = rmu(h_lost, h_kept, before.value(last_hidden()), u, rmu_c, rmu_weight);
      how.trainable = [output = output_layer() + "."](const std::string& name) {
        return !name.starts_with(output);
      };
    }
    s.graph().result("loss", loss);
    apply(Adam{}, net, loss, s.lr(), how);
  }

  std::string last_hidden() const {
    return arch == "cnn" ? "features.1" : fmt::format("hidden.{}", depth - 1);
  }

  // In multiples of the base's training, a third of whose step is its forward pass: that is what a
  // frozen network costs.
  double unlearning_cost(const Seed& seed, const std::string& id, int64_t steps) const {
    const double frozen = 1.0 / 3;
    const double images = static_cast<double>(steps * batch) / seed.base_images;
    if (id == "oracle") return images * (1 + frozen) + seed.filtered_cost;
    return images * (id == "rmu" ? 2 + frozen : 2);
  }
  double distillation_cost(const Seed& seed, int64_t steps) const {
    return 4.0 / 3 * static_cast<double>(steps * batch) / seed.base_images;
  }

  // --- Measures ---

  RelearningAttack attack(Trial& t) const {
    RelearningAttack a;
    a.name = "relearn";
    a.build = labelled_step("forget.train");
    a.samples = t.tables().at("forget.train").type.count();
    a.batch = attack_batch;
    a.steps = attack_at.back();
    a.rates = rates;
    a.probe = [this](Step& s) {
      Net net = s.net("model");
      const Value z = logits(net, images(s, "forget.test"));
      s.graph().result("forget", accuracy(z, labels(s, "forget.test")));
    };
    a.rows = t.tables().at("forget.test").type.count();
    a.at = attack_at;
    a.result = "forget";
    a.key = t.key().fold("attack");
    return a;
  }

  // Attacks and records a network.
  void finish(Trial& t, const Seed& seed, const std::string& arm, const Trained& m,
                const Origin& o) const {
    const Relearned found = relearn(t, m.model, attack(t));
    record_curve(t, arm, "relearned", found);
    const double regained = found.at(early).worst;
    const double distilled = distillation_cost(seed, o.distilled_steps);
    std::map<std::string, double> metrics = {
        {"retain", accuracy_on(t, m.model, "retain.test")},
        {"forget", accuracy_on(t, m.model, "forget.test")},
        {"regained", regained},
        {"best_rate_inside", found.inside_share()},
        {"distillation", distilled},
        {"cost", o.cost + distilled}};
    if (o.distilled_steps > 0) metrics["steps"] = static_cast<double>(o.distilled_steps);
    // Where filtering regains as much as unlearning there is nothing to be robust about.
    const double room = o.unlearned - seed.filtered_regained;
    if (room > 0.05) metrics["robustness"] = (o.unlearned - regained) / room;
    t.record(arm, m, std::move(metrics));
  }

  // --- Claims, written before the run; numbers 4 to 9 of the protocol, 6b to 6d added ---

  bool has(double alpha) const { return std::ranges::count(alphas, alpha) > 0; }
  bool measures(int64_t step) const { return std::ranges::count(attack_at, step) > 0; }

  std::string why_not_judged(const Dataset& set) const {
    const Undo d;
    if (set.name != "mnist") return "the thresholds are MNIST's, this run used " + set.name;
    const bool task = retain == d.retain && forget == d.forget && train == d.train &&
                      test == d.test && arch == d.arch && width == d.width && depth == d.depth &&
                      last_width == d.last_width;
    const bool training = base_epochs == d.base_epochs && batch == d.batch && lr == d.lr &&
                          filtered_epochs == d.filtered_epochs && main_method() == "maxent" &&
                          known == d.known && unlearn_epochs == d.unlearn_epochs &&
                          unlearn_lr == d.unlearn_lr && beta == d.beta && enough == d.enough &&
                          check_every == d.check_every && most_steps == d.most_steps &&
                          long_epochs == d.long_epochs;
    const bool attacked = attack_batch == d.attack_batch && early == d.early &&
                          std::ranges::includes(rates, d.rates) &&
                          std::ranges::includes(attack_at, d.attack_at);
    if (!task || !training || !attacked) return "the thresholds were found at other settings";
    return "";
  }

  std::vector<ClaimSpec> claims(const Dataset& set) const {
    const std::string m = main_method();
    const auto undo_at = [m](double a) { return undo_arm(m, a); };
    const auto relearned = [](const SeedValues& v, int64_t step, const std::string& arm) {
      return v.at_step(step, arm, "relearned");
    };
    // What is regained after so many steps: arm a minus arm b.
    const auto more = [=](int64_t step, const std::string& a, const std::string& b) {
      return [=](const SeedValues& v) { return relearned(v, step, a) - relearned(v, step, b); };
    };
    // The least of the changes of f from one element to the next.
    const auto least_change = [](const std::vector<std::string>& list, auto f) {
      return [=](const SeedValues& v) {
        double least = INFINITY;
        for (size_t i = 1; i < list.size(); ++i) {
          const double change = f(v, list[i]) - f(v, list[i - 1]);
          if (!(change >= least)) least = change;
        }
        return std::isfinite(least) ? least : kNaN;
      };
    };
    const auto above = [](double x) { return Claim{.kind = ClaimKind::above, .threshold = x}; };
    const auto gap = [](double x) {
      return Claim{.kind = ClaimKind::above, .threshold = x, .difference = true};
    };
    const Claim alike{.kind = ClaimKind::band, .low = -0.1, .high = 0.1, .difference = true};
    std::vector<std::string> undone, four;
    for (const double a : alphas) undone.push_back(undo_at(a));
    for (const double a : {0.2, 0.6, 0.8, 1.0}) four.push_back(undo_at(a));
    std::vector<std::string> defended = undone;
    defended.insert(defended.end(), {m, student_arm(m), kLong, kFiltered});

    std::string alphas_missing, weak_missing, betas_missing, long_missing;
    for (const double a : {0.2, 0.6, 0.8, 1.0})
      if (!has(a)) alphas_missing = fmt::format("this run has no alpha of {}", a);
    for (const double b : {0.05, 0.1, 0.5})
      if (std::ranges::count(betas, b) == 0)
        betas_missing = fmt::format("this run has no beta of {}; see --preset middle", b);
    if (!has(kBetaAlpha)) betas_missing = alphas_missing;
    if (weak != kWeakSteps)
      weak_missing = fmt::format("this run has weak={}, and it speaks of {}; see --preset middle",
                                 weak, kWeakSteps);
    if (!measures(500))
      long_missing = fmt::format("this run's attack has no step 500 and ends at {}; see --preset "
                                 "middle", attack_at.back());

    std::vector<ClaimSpec> c = {
        {"4a", "The more damage, the less is regained in 5 steps: it falls from each alpha of 0.2, "
               "0.6, 0.8, 1 to the next", gap(0),
         [=](const SeedValues& v) {
           return least_change(four, [&](const SeedValues& w, const std::string& arm) {
             return -relearned(w, 5, arm);
           })(v);
         }, {}, alphas_missing},
        {"4b", "After 20 steps too: the rank correlation of alpha with what is regained is below "
               "-0.8", {.kind = ClaimKind::below, .threshold = -0.8},
         [=, alphas = alphas](const SeedValues& v) {
           std::vector<double> found;
           for (const std::string& arm : undone) found.push_back(relearned(v, 20, arm));
           return spearman(alphas, found);
         }, {}, alphas_missing},
        {"4c", "In 20 steps the unlearned network regains 0.1 more than UNDO at alpha 0.8",
         gap(0.1), more(20, m, undo_at(0.8)), {}, alphas_missing},
        {"5a", "The more damage, the more steps of distillation: from one alpha to the next they "
               "fall by less than half a check", above(-0.5 * static_cast<double>(check_every)),
         least_change(undone, [](const SeedValues& v, const std::string& arm) {
           return v(arm, "steps");
         }), {}, alphas_missing},
        {"5b", "Alpha 1 takes more than twice the steps of alpha 0.6", gap(0),
         [=](const SeedValues& v) {
           return v(undo_at(1), "steps") - 2 * v(undo_at(0.6), "steps");
         }, {}, alphas_missing},
        {"6a", "In 5 steps the random student regains 0.3 less than the unlearned network it was "
               "distilled from", gap(0.3), more(5, m, student_arm(m))},
        {"6b", "A longer distillation is a weaker defence: after 4 epochs of it, the random "
               "student regains more in 5 steps than when it is stopped", gap(0),
         more(5, kLong, student_arm(m))},
        {"6c", "Damage and distillation alone are no defence: where nothing was unlearned, UNDO at "
               "alpha 0.8 regains 0.3 more in 5 steps", gap(0.3), more(5, kOpen, undo_at(0.8)), {},
         alphas_missing},
        {"6d", "The placebo keeps nothing: its retain accuracy is 0.4 below the random student's",
         gap(0.4),
         [=](const SeedValues& v) { return v(student_arm(m), "retain") - v(kPlacebo, "retain"); }},
        {"7a", "The weaker unlearning leaves between 0.3 and 0.6 of forget accuracy",
         {.kind = ClaimKind::band, .low = 0.3, .high = 0.6},
         [](const SeedValues& v) { return v(kWeak, "forget"); }, {}, weak_missing},
        {"7b", "What a teacher still shows leaks: distilled from it, the random student regains "
               "0.1 more in 5 steps", gap(0.1), more(5, kWeakStudent, student_arm(m)), {},
         weak_missing}};
    for (const auto& [id, b] : {std::pair{"8a", 0.05}, {"8b", 0.5}})
      c.push_back({id, fmt::format("The size of the noise matters little: at alpha 0.6, beta {} "
                                   "regains as much in 20 steps as 0.1, within 0.1", b),
                   alike, more(20, beta_arm(m, kBetaAlpha, b), undo_at(kBetaAlpha)), {},
                   betas_missing});
    c.push_back({"9a", "Stronger attacks regain more from every defence: 500 steps no less than 40",
                 above(0),
                 [=](const SeedValues& v) {
                   double least = INFINITY;
                   for (const std::string& arm : defended)
                     if (const double x = relearned(v, 500, arm) - relearned(v, 40, arm);
                         !(x >= least))
                       least = x;
                   return least;
                 }, {}, long_missing});
    c.push_back({"9b", "The attacker's list of learning rates is wide enough: for every defence "
                       "the best one lies inside it at some step", above(0),
                 [=](const SeedValues& v) {
                   double least = 1;
                   for (const std::string& arm : defended)
                     if (const double x = v(arm, "best_rate_inside"); !(x >= least)) least = x;
                   return least;
                 }});
    const std::string why = why_not_judged(set);
    for (ClaimSpec& claim : c)
      if (!why.empty()) claim.why_not_judged = why;
    return c;
  }

  // --- Figures ---

  static FigureRow lines(std::string id, std::string title, std::string caption,
                         std::string metric, std::string x_label, std::string y_label) {
    FigureRow f{std::move(id), std::move(title), std::move(caption), {}};
    f.spec.kind = "lines";
    f.spec.metric = std::move(metric);
    f.spec.x_label = std::move(x_label);
    f.spec.y_label = std::move(y_label);
    f.spec.y_low = 0;
    return f;
  }

  FigureRow curves(std::string id, std::string title, std::vector<std::string> shown) const {
    FigureRow f = lines(std::move(id), std::move(title),
                        "Test accuracy on the forget digits after so many steps of attack, at the "
                        "learning rate that is best for the attacker at that step. Bands are 95 % "
                        "intervals.",
                        "relearned", "steps of attack", "accuracy on forget digits");
    f.spec.arms = std::move(shown);
    f.spec.y_high = 1;
    return f;
  }

  std::vector<std::string> undo_arms(const std::string& m) const {
    std::vector<std::string> a;
    for (const double x : alphas) a.push_back(undo_arm(m, x));
    return a;
  }

  Series undo_series(const std::string& m, std::string label) const {
    Series s{.label = std::move(label)};
    for (const std::string& arm : undo_arms(m)) s.points.push_back({.arm = arm});
    return s;
  }

  std::vector<FigureRow> figures() const {
    const std::string m = main_method();
    std::vector<FigureRow> all;
    for (const std::string& id : method_ids()) {
      std::vector<std::string> shown = {id};
      for (const std::string& arm : undo_arms(id)) shown.push_back(arm);
      if (id != m) shown.push_back(student_arm(id));
      shown.push_back(kFiltered);
      all.push_back(curves("relearned_" + id,
                           "Relearning after " + method(id).label + " and UNDO", shown));
    }
    std::vector<std::string> shown = {kBase, m, kOpen, kLong, student_arm(m), kFresh, kPlacebo,
                                      kFiltered};
    if (weak > 0) shown.insert(shown.end(), {kWeak, kWeakStudent});
    if (controls == "full")
      shown.insert(shown.end(), {kDamaged, kPlaceboUndo, kFilteredEarly});
    all.push_back(curves("relearned_controls", "Relearning after full distillation, and controls",
                         shown));

    FigureRow pareto{"pareto", "Robustness against compute",
                     fmt::format("0 is what the unlearned network regains in {} steps of attack, 1 "
                                 "what the filtered network does. Compute is that of the "
                                 "distillation, in multiples of the base's training. Lines join "
                                 "the alphas, and the random student with the one that is "
                                 "distilled longer.", early), {}};
    pareto.spec.kind = "scatter";
    pareto.spec.metric = "robustness";
    pareto.spec.x_metric = "distillation";
    pareto.spec.log_x = true;
    pareto.spec.x_label = "compute of the distillation, base's training = 1";
    pareto.spec.y_label = "relative robustness";
    pareto.spec.level_line = 1;
    pareto.spec.level_label = "data filtering";
    FigureRow each = pareto;
    const Series student{.label = "random student",
                         .points = {{.arm = student_arm(m)}, {.arm = kLong}}};
    pareto.spec.series = {undo_series(m, "UNDO"), student,
                          {.label = "UNDO of the base", .points = {{.arm = kOpen}}}};
    all.push_back(pareto);
    FigureRow tax = pareto;
    tax.id = "tax";
    tax.title = "Robustness against what is lost of the rest";
    tax.caption = "The same robustness against test accuracy on the retain digits. To the right "
                  "and above is better.";
    tax.spec.x_metric = "retain";
    tax.spec.log_x = false;
    tax.spec.x_label = "accuracy on retain digits";
    tax.spec.series.front().points.insert(tax.spec.series.front().points.begin(), {.arm = m});
    tax.spec.series.pop_back();
    all.push_back(tax);
    if (method_ids().size() > 1) {
      each.id = "pareto_methods";
      each.title = "Robustness against compute, by method";
      each.caption = "The same for UNDO after each method of unlearning; each is held against its "
                     "own unlearned network.";
      for (const std::string& id : method_ids())
        each.spec.series.push_back(undo_series(id, method(id).label));
      all.push_back(each);
    }

    FigureRow steps = lines("steps", "How long the distillation takes",
                            "Steps until the student has the wanted share of its teacher's retain "
                            "accuracy, which is looked at every few steps.",
                            "steps", "alpha", "steps of distillation");
    FigureRow regained = lines("regained", "What is regained, by the share of damage",
                               fmt::format("Test accuracy on the forget digits after {} steps of "
                                           "attack; at alpha 0 that of the unlearned network, "
                                           "undistilled.", early),
                               "regained", "alpha", "accuracy on forget digits");
    regained.spec.y_high = 1;
    for (const std::string& id : method_ids()) {
      Series s{.label = method(id).label};
      for (const double a : alphas)
        if (a > 0) s.points.push_back({a, undo_arm(id, a)});
      steps.spec.series.push_back(s);
      s.points.insert(s.points.begin(), {0, id});
      regained.spec.series.push_back(s);
    }
    for (const auto& [arm, label] : {std::pair{kFiltered, "Filtered"}, {kFresh, "Fresh network"}})
      regained.spec.series.push_back({.label = label, .points = {{0, arm}, {alphas.back(), arm}}});
    all.insert(all.end(), {regained, steps});
    if (!other_betas().empty() && has(kBetaAlpha)) {
      FigureRow f = lines("betas", "The size of the noise",
                          fmt::format("Test accuracy on the forget digits after {} steps of "
                                      "attack on UNDO at alpha {}.", early, kBetaAlpha),
                          "regained", "beta", "accuracy on forget digits");
      f.spec.y_high = 1;
      Series s{.label = method(m).label};
      std::vector<double> sizes = betas;
      if (std::ranges::count(sizes, beta) == 0) sizes.push_back(beta);
      std::ranges::sort(sizes);
      for (const double b : sizes)
        s.points.push_back({b, b == beta ? undo_arm(m, kBetaAlpha) : beta_arm(m, kBetaAlpha, b)});
      f.spec.series = {s};
      all.push_back(f);
    }
    FigureRow retained{"retained", "What is kept", "Test accuracy on the retain digits; dots are "
                       "seeds.", {}};
    retained.spec.metric = "retain";
    retained.spec.y_label = "accuracy on retain digits";
    FigureRow cost{"cost", "What it costs",
                   "Compute besides the base's own training, in multiples of it: unlearning, "
                   "distillation, and for data filtering a training from random weights.", {}};
    cost.spec.metric = "cost";
    cost.spec.y_label = "multiples of the base's training";
    cost.spec.y_low = 0;
    all.insert(all.end(), {retained, cost});
    return all;
  }
};

}  // namespace

Experiment undo() {
  return {
      .name = "undo",
      .title = "UNDO: unlearning that distillation makes robust",
      .texts =
          {.question = "Does distilling an unlearned network into damaged weights make it stay "
                       "unlearned, and what does that cost?",
           .source = "Lee, Foote, Infanger, Shor, Kamath, Goldman-Wetzler, Woodworth, Cloud, "
                     "Turner: Distillation robustifies unlearning, arXiv:2506.06278. Settings and "
                     "thresholds on digits: own calibration runs",
           .method =
               "A base network learns all digits and is then made to forget some of them. UNDO "
               "(unlearn, noise, distil on outputs) shrinks a copy of the unlearned network to "
               "1 - alpha, adds noise of size alpha times beta, and distils the undamaged one "
               "into it, without labels, until its retain accuracy is 95 % of the teacher's. The "
               "random student is the same with weights of its own: unlearn and distil. All are "
               "attacked: trained on forget digits by an attacker who picks the learning rate "
               "after the fact.",
           .structure = "The unlearned network has forgotten in its outputs and not in its "
                        "weights. A student that gets the outputs alone cannot inherit what is in "
                        "the weights; alpha says how much of the weights it gets.",
           .controls =
               "UNDO of the base has the structure removed: nothing was unlearned, so the outputs "
               "show the forget digits. The placebo distils an untrained teacher into random "
               "weights for as many steps. Base, filtered and fresh networks had nothing done to "
               "them. The full set adds the damage without distillation, the placebo from damaged "
               "weights, and a network trained from random weights on retain images with labels "
               "as briefly as the random student.",
           .translation = "Suppress a skill of a language model by fine-tuning, damage its weights "
                          "by some 60 %, and distil the suppressed model into them on unfiltered "
                          "text: 60 to 80 % of a pretraining on filtered text, with labels for a "
                          "small part of the data.",
           .expected_failure = "Where unlearning suppresses weakly, the teacher's outputs hand the "
                               "skill on; where what is kept needs the features of what is to go, "
                               "the student learns them again. With easy retain tasks and little "
                               "damage the rule to stop fires at once, and little is gained.",
           .costs = "A share of the base's training for the distillation, growing with alpha, and "
                    "up to 5 % of the teacher's retain accuracy. Fewer known forget images "
                    "(option known) make the unlearning weaker.",
           .limits = "Small networks on digits, one attacker (Adam, full fine-tuning, forget "
                     "images). The rule to stop reads the test images. Alpha 1 starts from weights "
                     "so small that relearning is slow for that reason alone."},
      .metric = "regained",
      .metric_label = "forget accuracy early in the attack",
      .presets =
          {{"quick", "one method, four alphas, few seeds; two minutes on two cores", {}, 10},
           {"middle", "20 seeds, four methods, all controls, weak unlearning, betas, a long attack",
            {{"methods", "maxent+graddiff+rmu+oracle"}, {"alphas", "0.2,0.4,0.6,0.8,1"},
             {"betas", "0,0.05,0.1,0.5"}, {"weak", std::to_string(kWeakSteps)},
             {"controls", "full"}, {"rates", "3e-4,1e-3,3e-3,1e-2,3e-2"},
             {"attack_at", "0,5,10,20,40,80,160,500"}}, 20},
           {"paper", "the same with ten alphas, ten rates, and 24 seeds",
            {{"methods", "maxent+graddiff+rmu+oracle"},
             {"alphas", "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1"},
             {"betas", "0,0.01,0.05,0.1,0.5,1"}, {"weak", std::to_string(kWeakSteps)},
             {"controls", "full"}, {"rates", "1e-4,3e-4,7e-4,1e-3,2e-3,3e-3,7e-3,1e-2,2e-2,3e-2"},
             {"attack_at", "0,5,10,20,40,80,160,320,500"}}, 24},
           {"smoke", "seconds: tiny networks on few images, to see that everything runs",
            {{"methods", "maxent+graddiff+rmu+oracle"}, {"alphas", "0.6,1"}, {"betas", "0.1,0.5"},
             {"weak", "2"}, {"controls", "full"}, {"train", "500"}, {"test", "200"},
             {"width", "32"}, {"base_epochs", "1"}, {"filtered_epochs", "1"},
             {"long_epochs", "1"}, {"graddiff_steps", "3"}, {"most_steps", "10"},
             {"attack_at", "0,2,4"}, {"early", "2"}, {"rates", "1e-3,1e-2"}}, 2}},
      .settings = settings_of<Undo>(),
  };
}

}  // namespace omni
