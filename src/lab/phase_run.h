// A phase at work: its rounds on a session, what it looks at between them, and what it saves.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "lab/phase.h"
#include "lab/phase_graphs.h"
#include "lab/sets.h"
#include "lab/worker.h"

namespace omni {

// What the phase will take, unless it ends early.
Amount amount_of(const PhaseGraphs& graphs);

class PhaseRun {
 public:
  // All must outlive it. By its hash it is saved, and goes on from where an earlier start of the
  // run left it; without one (a phase stepped by hand) it begins anew.
  PhaseRun(Worker& worker, const Phase& p, const PhaseGraphs& graphs, const DataTable& tables,
           std::optional<uint64_t> hash);
  ~PhaseRun();

  int64_t round() const { return out_.rounds; }  // taken
  bool over() const;
  // Goes on to that round's end, or to the phase's if it comes before.
  void go(int64_t end);
  // Goes on in programs compiled anew, from a copy of all that it is.
  void reopen();
  PhaseResult finish();

  Ensemble set(const std::string& name) const;
  PhaseSnapshot snapshot() const;
  HostState& host() { return host_; }

 private:
  class Live;
  void open(const PhaseProgress* found);
  void read_host(const PhaseProgress* found);
  void restart();          // as it stands, after sets were written
  void take(int64_t end);  // rounds up to `end`, and what they came to
  void note_log();
  [[noreturn]] void fail_diverged() const;
  void look();
  std::map<std::string, double>& probed();  // after this round
  int64_t end_of_call(int64_t end) const;
  void save();  // and leaves, if that is asked for
  void tell();  // how far it is
  bool stands_still() const { return out_.diverged_at && graphs_.spec().stop_diverged; }
  SetView view_of(const std::string& set) const;
  Standings standings() const;

  Worker& worker_;
  const Phase& p_;
  const PhaseGraphs& graphs_;
  const DataTable& tables_;
  const std::optional<uint64_t> hash_;
  const OnDivergence on_divergence_;
  Recipes sets_;  // that programs write
  std::unique_ptr<Session> session_;
  std::unique_ptr<Live> live_;  // a host's
  HostState host_;
  // What it has reached, all but the sets, which are the session's until the phase ends.
  PhaseResult out_;
  std::map<std::string, double> seen_;  // in this round
  bool ending_ = false;
  int64_t rounds_per_call_ = 1;
  Amount amount_;     // of the whole phase
  int64_t told_ = 0;  // the round up to which progress was told
};

// A phase that starts from sets that have diverged, or reads such, has diverged as well, and so has
// all that it gives; what it left as it began, sound, stays sound.
void inherit_divergence(Worker& worker, const Phase& p, PhaseResult& out);

// One to be stepped by hand.
std::unique_ptr<OpenPhase> open_phase(Worker& worker, Phase p, DataTable tables,
                                      OnDivergence on_divergence);

}  // namespace omni
