// Phases stepped by hand.
#include <utility>

#include "lab/phase_run.h"

namespace omni {
namespace {

class Stepped final : public OpenPhase {
 public:
  Stepped(Worker& worker, Phase p, DataTable tables, OnDivergence on_divergence)
      : worker_(worker),
        p_(std::move(p)),
        tables_(std::move(tables)),
        graphs_(p_, tables_, on_divergence),
        run_(worker, p_, graphs_, tables_, std::nullopt) {}

  int64_t round() const override { return run_.round(); }
  bool step() override {
    run_.go(run_.round() + 1);
    return !run_.over();
  }
  Ensemble set(const std::string& name) const override { return run_.set(name); }
  PhaseSnapshot snapshot() const override { return run_.snapshot(); }
  PhaseResult finish() override {
    PhaseResult out = run_.finish();
    inherit_divergence(worker_, p_, out);
    return out;
  }

 private:
  HostState& host() override { return run_.host(); }

  Worker& worker_;
  const Phase p_;
  const DataTable tables_;
  const PhaseGraphs graphs_;
  PhaseRun run_;
};

}  // namespace

std::unique_ptr<OpenPhase> open_phase(Worker& worker, Phase p, DataTable tables,
                                      OnDivergence on_divergence) {
  return std::make_unique<Stepped>(worker, std::move(p), std::move(tables), on_divergence);
}

}  // namespace omni
