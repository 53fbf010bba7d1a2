// UNDO on arithmetic, with small language models. The question, the design and all words:
// arithmetic_unlearning.md.
#include "experiments/catalogue.h"
#include "experiments/unlearning/undo_study.h"
#include "nn/neuron_groups.h"
#include "nn/schedules.h"
#include "studies/arithmetic_task.h"

namespace omni {
namespace {

constexpr std::array kAllOperations = {Operation::add, Operation::subtract, Operation::multiply,
                                       Operation::divide};

struct ArithmeticUnlearning : ArithmeticTask, UndoStudy<ArithmeticUnlearning> {
  int64_t base_steps = 400, filtered_steps = 400, long_steps = 800, warmup = 50;
  int64_t unlearn_steps = 60, graddiff_steps = 20, rmu_steps = 100;
  double distillation_lr = 3e-3, distillation_final = 1;

  ArithmeticUnlearning() {
    most_term = most_factor = 6;
    batch = 16;
    lr = 3e-3;
    unlearn_lr = 1e-3;
    graddiff_lr = 3e-4;
    graddiff_weight = 15;
    rmu_c = 6;
    alphas = {0.2, 0.4, 0.6};
    control_alpha = 0.6;
    check_every = 20;
    most_steps = 800;
    usual_steps = 300;
    attack_batch = 8;
    attack_at = {0, 5, 10, 20, 40, 80};
    rates = {1e-3, 3e-3, 1e-2};
    // Set on the seeds from 1000000 up (arithmetic_unlearning.md).
    marks = {.soon = 20,
             .mid = 40,
             .alphas = {0.2, 0.4, 0.6},
             .low_alpha = 0.2,
             .gain = 0.2,
             .structure = 0.4,
             .student = 0.2};
  }

  void visit(auto&& option) {
    ArithmeticTask::visit(option);
    option("base_steps", base_steps, between(1, 1'000'000));
    option("filtered_steps", filtered_steps, between(1, 1'000'000));
    option("warmup", warmup, between(0, 100'000));
    option("distillation_lr", distillation_lr, between(0, 10));
    option("distillation_final", distillation_final, between(0, 1),
           used_if(distillation_lr > 0, "distillation_lr=0.001"));
    option("unlearn_steps", unlearn_steps, between(1, 1'000'000), used_by("maxent"));
    option("graddiff_steps", graddiff_steps, between(1, 1'000'000), of_others(),
           used_by("graddiff"));
    option("rmu_steps", rmu_steps, between(1, 1'000'000), of_others(), used_by("rmu"));
    option("long_steps", long_steps, between(1, 1'000'000));
    UndoStudy::visit(option);
  }

  // --- The task ---

  void add_data(Trial& t) const {
    add_rows(t, "all.train", kAllOperations);
    add_rows(t, "retain.train", kRetainedOperations);
    add_rows(t, "forget.train", kForgottenOperations);
    add_rows(t, "known.train", kForgottenOperations);
    add_problems(t, "retain.test", kRetainedOperations);
    add_problems(t, "forget.test", kForgottenOperations);
  }

  Length length(const std::string& phase) const {
    const std::map<std::string, int64_t> steps = {
        {"base", base_steps},         {"filtered", filtered_steps}, {"maxent", unlearn_steps},
        {"graddiff", graddiff_steps}, {"rmu", rmu_steps},           {"oracle", long_steps},
        {"student-long", long_steps}};
    return {.steps = steps.at(phase)};
  }

  Rate learning_rate() const { return scheduled(lr, {.warmup = warmup}); }
  Rate distilling_rate() const {
    return scheduled(distillation_lr, {Schedule::Kind::cosine, warmup, distillation_final});
  }
  static Rate scheduled(double peak, const Schedule& factor) {
    return [=](int64_t step, int64_t steps) { return peak * factor(step, steps); };
  }

  // Of 14 layers the original misdirects what leaves the 11th, and trains the second projections of
  // the MLPs from the 5th to there.
  void configure_rmu(Unlearning& rmu) const {
    const int64_t last = (11 * layers + 13) / 14 - 1, first = 5 * layers / 14;
    rmu.activation = fmt::format("blocks.{}.hook_resid_post", last);
    rmu.trainable = only_mlp_outputs(first, last);
  }

  // What it solves when it writes the answers itself, beside the score under the right answers.
  void measure(Trial& t, const Trained& m, std::map<std::string, double>& found) const {
    found["retain_written"] = solved(t, m.model, kRetainedOperations);
    found["forget_written"] = solved(t, m.model, kForgottenOperations);
  }
};

}  // namespace

Experiment arithmetic_unlearning() {
  return experiment<ArithmeticUnlearning>(
      {.name = "arithmetic-unlearning",
       .metric = "regained",
       .primary = {"4c"},
       .ranges = {{"retain*", 0, 1, 100},
                  {"forget*", 0, 1, 100},
                  {"relearned", 0, 1, 100},
                  {"regained", 0, 1, 100},
                  {"best_rate_inside"}},
       // The attackers of quick and middle.
       .calibrated = {"", "rates=1e-6,4e-6,7e-6,1e-5,5e-5,7e-5,1e-4,4e-4,7e-4,1e-3,3e-3,1e-2"},
       .presets = {
           {"quick", 5},
           {"middle", 6,
            "methods=maxent+graddiff+rmu+oracle alphas=0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8 "
            "betas=0,0.05,0.1,0.5 weak=10 controls=full "
            "rates=1e-6,4e-6,7e-6,1e-5,5e-5,7e-5,1e-4,4e-4,7e-4,1e-3,3e-3,1e-2 "
            "attack_at=0,5,10,20,40,80,160,500"},
           {"paper", 5,
            "methods=maxent+graddiff+rmu+oracle alphas=0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8 "
            "controls=full most_term=50 most_factor=20 word_problems=true float_quotients=true "
            "rows=200000 context=256 layers=4 width=256 heads=8 mlp_width=1024 batch=360 lr=4e-4 "
            "base_steps=1000 filtered_steps=1000 long_steps=1000 most_steps=1000 "
            "distillation_lr=7e-4 distillation_final=0.1 unlearn_lr=9e-5 unlearn_steps=10 "
            "graddiff_lr=8e-6 graddiff_steps=10 rmu_lr=6e-6 rmu_steps=500 rmu_weight=200 "
            "attack_batch=15 rates=1e-6,4e-6,7e-6,1e-5,5e-5,7e-5,1e-4,4e-4,7e-4,1e-3 "
            "attack_at=0,5,10,20,40,80,160,320,500"},
           {"smoke", 2,
            "alphas=0.6 rows=40 problems=6 width=16 heads=2 batch=8 base_steps=6 "
            "filtered_steps=6 long_steps=6 unlearn_steps=4 graddiff_steps=3 rmu_steps=3 warmup=2 "
            "check_every=5 most_steps=10 attack_batch=4 attack_at=0,2,4 early=2 "
            "rates=1e-3,1e-2"}}});
}

}  // namespace omni
