// A training phase at work: its graphs, its steps, what it costs and what it depends on. Trial's
// train() is the door to it.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "lab/trial.h"
#include "lab/worker.h"

namespace omni {

class TrainingRun {
 public:
  // Builds the graphs; UserError for what is missing or contradictory in p.
  TrainingRun(Worker& worker, const Training& p, const DataTable& tables,
              OnDivergence on_divergence);

  const Graph& graph() const { return *graph_; }
  double epochs() const;        // that it will take, unless it ends early
  Amount amount() const;        // the same, with what it will compute
  void count(Work& work) const;  // adds its graphs with how often each will run, the same
  // Over everything that the outcome depends on but the weights it starts from and reads: graphs,
  // numbers, keys, tables. The same in a dry run.
  uint64_t form() const;
  // With the weights, and what else the run reads; 0 in dry runs, whose weights are not there.
  uint64_t hash() const { return hash_; }
  // For dry runs: an outcome of the right form, its weights not written, its measurements zero.
  Trained untrained() const;
  // From the start, or from where an earlier sitting left it.
  Trained run();
  // The outcome, if this worker or an earlier sitting has it.
  std::optional<Trained> find() const { return worker_.find_phase(hash_, start().specs()); }

 private:
  int64_t first() const { return p_.from ? p_.from->step : 0; }
  const Ensemble& start() const { return p_.from ? p_.from->model : *p_.start; }
  // Its graphs and how often each will run.
  std::vector<std::pair<std::shared_ptr<Graph>, double>> runs() const;
  int64_t usual_end() const;  // the step at which it is expected to end
  bool probed_after(int64_t step) const;
  bool kept_after(int64_t step) const;
  double learning_rate(int64_t step) const { return p_.lr ? p_.lr(step, steps_) : 0; }
  // The rate of the latest of so many steps. Before the first of a fork it is its trunk's.
  double rate_after(int64_t step) const {
    if (step > first()) return learning_rate(step - 1);
    return p_.from && p_.lr ? p_.from->rate : 0;
  }
  std::vector<ParameterSpec> states() const;  // of the optimiser

  void build_probe();
  uint64_t compute_hash() const;

  // --- While it runs ---
  // What it has reached is `out`, all but the model, which is the session's until the phase ends.
  // Without the trained set and its optimiser's state.
  std::unique_ptr<Session> make_session() const;
  void write_state(Session& session, const std::optional<Ensemble>& state) const;  // or zeros
  void begin(Session& session, const Trained& out, double first_loss) const;
  std::vector<float> rates(int64_t last, const std::function<double(int64_t)>& by_round) const;
  SetView model(const Session& session) const;
  SetView state(const Session& session) const;
  Snapshot snapshot(const Session& session, int64_t step) const;
  int64_t steps_per_call() const;
  int64_t end_of_call(int64_t step, int64_t end) const;
  // Goes on to step `end`. True when the phase is over: its stop rule holds, or it diverged.
  bool train(Session& session, Trained& out, int64_t end);
  bool look(Session& session, Trained& out) const;  // keeps and probes; true if it is to end here
  void save(const Session& session, const Trained& out);  // and leaves if that is asked for
  void advance(int64_t step);                             // tells how far it is

  Worker& worker_;
  const Training& p_;
  const DataTable& tables_;
  const OnDivergence on_divergence_;
  uint64_t hash_ = 0;
  int64_t batch_ = 0, full_ = 0, rest_ = 0, per_epoch_ = 0, steps_ = 0;
  Amount amount_;     // of the whole phase
  int64_t told_ = 0;  // the step up to which progress was told
  int64_t steps_per_call_ = 1;
  std::shared_ptr<Graph> graph_ = std::make_shared<Graph>(), last_graph_ = std::make_shared<Graph>(),
                         probe_graph_ = std::make_shared<Graph>();
};

}  // namespace omni
