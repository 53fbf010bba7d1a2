// Phases of several programs: named graphs that share named sets of parameters, driven by a list of
// turns or by a host's loop (docs/sessions.md). Trial::train() is the shortest of them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/random.h"
#include "lab/host_state.h"
#include "lab/trial.h"
#include "nn/ensemble.h"

namespace omni {

// A graph of a phase. It may update any set of Phase::start, and those sets' optimisers' states
// ("critic.opt", which begin as zeros), and give results.
struct PhaseProgram {
  StepBuilder build;
  // Rows of a run. With samples: numbers 0..samples-1 are visited once per epoch, shuffled, the
  // last batch may be short, and each program has epochs of its own. Without: s.index() is
  // 0..batch-1.
  int64_t batch = 1, samples = 0;
  std::string on = {};  // the subset that the samples are of, whose size `samples` then is
  std::optional<Key> order = {},
                     random = {};  // else Phase::key.fold(name).fold("order" / "random")
  Rate lr = {};                    // what s.lr() reads, of (round, rounds)
  // Whether the phase has diverged when the program's scalar result "loss" has, if there is one.
  bool watch = true;
  std::vector<std::string> log = {};  // scalar f32 results of which PhaseResult::logs gets all
};

// In a round: so many runs of a program in a row; in every so-many-th round, after so many.
struct PhaseTurn {
  std::string program;
  int64_t runs = 1, every = 1;
};

struct PhaseSnapshot;
// Of Round::keep(), by name; they hold no copies themselves. Whatever has one shares it.
using Copies = std::map<std::string, std::shared_ptr<const PhaseSnapshot>>;

// Where a phase stands after a round: what a fork goes on from.
struct PhaseSnapshot {
  static constexpr const char* kCalled = "snapshot";
  int64_t round = 0;
  std::map<std::string, Ensemble> sets = {};  // trained ones, and optimisers' states
  struct Program {
    int64_t runs = 0;
    double rate = 0;  // of the latest round
  };
  std::map<std::string, Program> programs = {};
  Bytes host = {};     // of the host's state
  Copies copies = {};  // that were kept so far, which a round may restore

  PhaseSnapshot clone() const;
  template <class State>
  State state() const {
    State s{};
    state::read(host, s);
    return s;
  }
};

// A snapshot that lies elsewhere, and must outlive the phase.
struct PhaseOrigin {
  int64_t round = 0;
  std::map<std::string, const Ensemble*> sets;
  std::map<std::string, PhaseSnapshot::Program> programs;
  std::span<const std::byte> host = {};
  Copies copies = {};

  PhaseOrigin(const PhaseSnapshot& s);                     // NOLINT: it is one
  PhaseOrigin(const Snapshot& s, const std::string& set);  // of a Training
  template <class S>
  requires std::is_same_v<std::remove_const_t<S>, PhaseSnapshot> PhaseOrigin(S&&) {  // NOLINT
    static_assert(state::kNever<S>,
                  "a fork refers to its snapshot, and this one ends with the statement: keep what "
                  "gave it in a variable");
  }
};

class Round;

struct Phase {
  std::string name;                              // appears in progress and errors
  std::map<std::string, const Ensemble*> start;  // sets that programs update, as they begin
  FrozenSets frozen;                             // sets that they only read
  std::map<std::string, PhaseProgram> programs;  // any names but "probe"
  int64_t rounds = 0;
  std::vector<PhaseTurn> turns;  // what a round is; or it is a call of a host's function: host()
  Key key;                       // of all that programs and host draw; unset: seed's and name's
  std::map<std::string, double> scalars;
  std::optional<Probe> probe;  // Probe::at and every count rounds
  std::optional<StopRule> stop;
  std::vector<int64_t> keep_at;  // snapshots after these rounds
  // What Round::see() notes is kept after every so many rounds, as if it were probed.
  int64_t see_every = 1;
  // Metrics that a host's function sees, and names by which it keeps copies, in some rounds, and
  // not in the first: a dry run, which calls it once, reckons with these.
  std::vector<std::string> sees, keeps;
  std::optional<PhaseOrigin> from;  // goes on from there, to the bit, in place of `start`

  // `round(Round&, State&)` is called once per round and may keep nothing but what is in `state`:
  // between two calls the phase may be written to disk, and read back elsewhere. (check_repeats(),
  // and debug by it, calls rounds twice to find what leans on more.) It steps worlds and draws
  // numbers, by Round::key(); forward and backward passes are programs. Before each start of the
  // phase it is called once, dry, and results are zeros.
  //
  // It is a function, or a lambda that captures nothing: the phase is found again by all that it
  // depends on, and what a lambda holds cannot be seen.
  template <class State, class Do>
  void host(State state, Do round) {
    static_assert(kCapturesNothing<Do>,
                  "a loop captures nothing: it reads what is in its state or among its constants, "
                  "host(state, constants, round), which are in the phase's hash");
    if constexpr (kCapturesNothing<Do>)
      set_host(HostState::of(std::move(state)), code_of(round), {},
               [round](Round& r, HostState& s) mutable { round(r, s.as<State>()); });
  }
  // `round(Round&, State&, const Constants&)` reads `constants`, too, which nothing changes:
  // options, worlds' maps, arrays. They are what members of a state may be.
  template <class State, class Constants, class Do>
  void host(State state, Constants constants, Do round) {
    static_assert(kCapturesNothing<Do>,
                  "a loop captures nothing: it reads what is in its state or among its constants, "
                  "host(state, constants, round), which are in the phase's hash");
    if constexpr (kCapturesNothing<Do>) {
      const Bytes bytes = state::stored(constants);
      set_host(HostState::of(std::move(state)), code_of(round), bytes,
               [round, kept = std::make_shared<const Constants>(std::move(constants))](
                   Round& r, HostState& s) mutable { round(r, s.as<State>(), *kept); });
    }
  }
  HostState host_state;
  std::function<void(Round&, HostState&)> host_round;
  uint64_t host_hash = 0;  // of which function it is, and of its constants; 0: there is none

  // Where a set of `start`, of `frozen` or of `from` is what a phase of this seed gave that has
  // diverged, the result counts as diverged, too, however the set came there. These say that of any
  // Trained, of one that an author made as well.
  void starts_at(const std::string& set, const Trained& t) {
    start[set] = &t.model;
    inherit(t);
  }
  void reads(const std::string& set, const Trained& t) {
    frozen[set] = &t.model;
    inherit(t);
  }
  template <class T>
  requires std::is_same_v<std::remove_const_t<T>, Trained>
  void starts_at(const std::string&, T&&) {
    static_assert(state::kNever<T>,
                  "a phase refers to what it starts at, and this ends with the statement: keep it "
                  "in a variable");
  }
  template <class T>
  requires std::is_same_v<std::remove_const_t<T>, Trained>
  void reads(const std::string&, T&&) {
    static_assert(state::kNever<T>,
                  "a phase refers to what it reads, and this ends with the statement: keep it in a "
                  "variable");
  }
  void inherit(const Trained& t) {
    if (!inherited_divergence) inherited_divergence = t.diverged_at;
  }
  std::optional<int64_t> inherited_divergence;

 private:
  template <class Do>
  static constexpr bool kIsFunction = std::is_function_v<std::remove_pointer_t<Do>>;
  template <class Do>
  static constexpr bool kCapturesNothing = std::is_empty_v<Do> || kIsFunction<Do>;
  template <class Do>
  static const void* code_of(const Do& round) {
    if constexpr (kIsFunction<Do>)
      return reinterpret_cast<const void*>(round);
    else
      return &code_of_type<Do>;  // which no other type has
  }
  template <class Do>
  static constexpr char code_of_type = 0;
  void set_host(HostState first, const void* code, const Bytes& constants,
                std::function<void(Round&, HostState&)> round);
};

struct PhaseResult {
  std::map<std::string, Ensemble> sets = {};  // trained ones, as they ended
  // The round in which a watched loss was not finite or had exploded, as in Trained.
  std::optional<int64_t> diverged_at = {};
  int64_t rounds = 0;                // taken, a fork's trunk included
  Reached<Probed> probed = {};       // by round: the probe's, and what was seen
  Reached<PhaseSnapshot> kept = {};  // of keep_at; those that were reached
  Copies copies = {};                // of Round::keep(), a fork's trunk's included
  // Of PhaseProgram::log: by program and result, run by run.
  std::map<std::string, std::map<std::string, std::vector<float>>> logs = {};
  Bytes host = {};                      // of the host's state
  std::string phase = {};               // its name
  std::vector<std::string> keeps = {};  // names by which its rounds may keep copies

  // UserError, with the nearest name, for what there is not.
  const Ensemble& set(const std::string& name) const&;
  const std::vector<float>& log(const std::string& program, const std::string& result) const&;
  // What was kept after that round, or as that by Round::keep(), UserError unless it was. Where a
  // phase may have ended before, or never come to it, ask for reached(), which is null then, and a
  // UserError for a name by which it keeps nothing.
  const PhaseSnapshot& at(int64_t round) const&;
  const PhaseSnapshot& at(const std::string& name) const&;
  const PhaseSnapshot* reached(int64_t round) const&;
  const PhaseSnapshot* reached(const std::string& name) const&;
  // Of a result that ends with the statement: copies.
  Ensemble set(const std::string& name) && { return std::as_const(*this).set(name).clone(); }
  std::vector<float> log(const std::string& program, const std::string& result) && {
    return std::as_const(*this).log(program, result);
  }
  PhaseSnapshot at(int64_t round) && { return std::as_const(*this).at(round).clone(); }
  PhaseSnapshot at(const std::string& name) && { return std::as_const(*this).at(name).clone(); }
  const PhaseSnapshot* reached(int64_t round) && = delete;
  const PhaseSnapshot* reached(const std::string& name) && = delete;
  // One set as what a training phase gives, to be recorded, measured or trained on: a copy.
  Trained trained(const std::string& set) const;
  // The host's state. UserError, with both types' names, unless it is a State.
  template <class State>
  State state() const {
    State s{};
    state::read(host, s);
    return s;
  }
  PhaseResult clone() const;
  int64_t bytes() const;  // of all that it holds
};

// A round of a host's loop. Spans are valid until the next call of anything here.
class Round {
 public:
  virtual ~Round() = default;
  virtual int64_t number() const = 0;  // from 0
  virtual int64_t rounds() const = 0;  // of the phase
  virtual bool dry() const = 0;        // results are zeros
  // Of this round, for draws of the host.
  virtual Key key(std::string_view purpose) const = 0;

  // What a program reads by Step::fed(): to be filled whole before each run() of the program, all
  // of whose runs read it; gone after it: when it is asked for first, floats are a NaN that run()
  // refuses, and integers zero. T is float, int32_t or uint8_t by the input's type.
  // UserError for another type, and, with the nearest name, for what the program is not fed.
  template <class T>
  std::span<T> feed(const std::string& program, const std::string& input) {
    static_assert(sizeof(T) == 1 ? std::is_same_v<T, uint8_t>
                                 : std::is_same_v<T, float> || std::is_same_v<T, int32_t>,
                  "a program is fed float, int32_t or uint8_t");
    constexpr DType kType = sizeof(T) == 1             ? DType::u8
                            : std::is_same_v<T, float> ? DType::f32
                                                       : DType::i32;
    const std::span<std::byte> bytes = feed_bytes(program, input, kType);
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  // UserError for an unknown program, and if it is fed what was not filled, or only in part.
  virtual void run(const std::string& program, int64_t runs = 1) = 0;
  // Of the program's last run in this round. UserError for unknown names, another type, and before
  // it has run.
  template <class T = float>
  std::span<const T> result(const std::string& program, const std::string& name) {
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, int32_t>,
                  "a result is of float or int32_t");
    const std::span<const std::byte> bytes =
        result_bytes(program, name, std::is_same_v<T, float> ? DType::f32 : DType::i32);
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  float number(const std::string& program, const std::string& name) {
    return result(program, name)[0];
  }

  // A copy of all trained sets as they are, in place of an earlier one of that name; and back
  // again. UserError if there is none.
  virtual void keep(const std::string& name) = 0;
  virtual void restore(const std::string& name) = 0;
  virtual void see(const std::string& metric, double value) = 0;  // into PhaseResult::probed
  virtual void stop() = 0;                                        // the phase ends with this round

 private:
  virtual std::span<std::byte> feed_bytes(const std::string& program, const std::string& input,
                                          DType type) = 0;
  virtual std::span<const std::byte> result_bytes(const std::string& program,
                                                  const std::string& name, DType type) = 0;
};

// A phase stepped by hand, one model, in a debugger or a test: Trial::open() gives one. What the
// phase starts from, reads and was built by must outlive it.
class OpenPhase {
 public:
  virtual ~OpenPhase() = default;
  virtual int64_t round() const = 0;  // rounds taken
  virtual bool step() = 0;            // one more; false when the phase is over
  virtual Ensemble set(const std::string& name) const = 0;  // as it is, optimisers' states too
  virtual PhaseSnapshot snapshot() const = 0;
  virtual PhaseResult finish() = 0;  // once
  template <class State>
  State& state() {
    return host().as<State>();
  }

 private:
  virtual HostState& host() = 0;
};

// The phase that a training is: one program "step", which is a round. UserError for what is missing
// or contradictory in it. Refers to what `p` refers to.
Phase phase_of(const Training& p);

// In tests, and in debug: UserError if round `round`, from 0, called again from equal state, gives
// other bits than it gave, of all that it changes, sees, logs and keeps, or ends the phase or not.
// What all calls within one second of one process see alike (a clock, an address) it cannot find.
// UserError for a round that the phase does not take.
void check_repeats(Trial& t, const Phase& p, int64_t round);

}  // namespace omni
