// Where graphs run. Whoever is above knows programs by number, values by name, and no device.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "base/random.h"
#include "graph/graph.h"

namespace omni {

// An array that models read and nothing writes: images, labels. It stays its owner's. Its name and
// its hash together say what it holds: all arrays of a data set have the data set's hash.
struct Table {
  Type type;
  const void* data = nullptr;
  std::string hash;
  std::shared_ptr<const void> owner = nullptr;  // keeps data alive; null: somebody else does
};

// A graph that is run again and again. Its inputs are
//   "SET/NAME"  a parameter, shared by all programs of a session; tables may be called so, too
//   "index"     i32 [batch]: the sample numbers of this run
//   "key"       i32 [2]: the program's random key
//   "step"      f32: see `clock`
//   "lr"        f32: the program's rate of the round
//   `fed`       what the host fills before each call of run()
//   else        tables, and numbers f32 []
// Nothing else may be called as the first four are.
struct ProgramSpec {
  std::string name;  // for messages
  std::shared_ptr<const Graph> graph;
  std::shared_ptr<const Graph> last =
      nullptr;               // of an epoch's short last batch; null: none is short
  int64_t samples = 0;       // numbers 0..samples-1 are visited once per epoch, shuffled; 0: always
  int64_t batch = 0;         // 0..batch-1
  std::string watched = "";  // an f32 result of one number whose size tells divergence; "": none
  // "step" counts the runs of all programs of this clock together, from 1: those that update one
  // optimiser's state, so that Adam's corrections count what these count. None: it counts rounds
  // that have ended.
  std::optional<int> clock = {};
  std::vector<std::string> fed = {};     // inputs that feed() gives, its own
  std::vector<std::string> logged = {};  // f32 results of one number: every run's are kept

  int64_t runs_per_epoch() const { return samples / batch + (samples % batch > 0); }
};

struct SessionSpec {
  std::vector<ProgramSpec> programs;
  bool stop_diverged = true;  // a model stands still from the run in which it diverged
};

struct ProgramStanding {
  int64_t runs = 0;
  float first_loss = NAN;  // the watched result of the first run here; NaN: there was none yet
  float loss = 0;          // of the last
};

// Where a model stands between two runs. This and its sets are all that running changes: given with
// what else the model was given, it goes on from there anywhere.
struct Standing {
  std::vector<ProgramStanding> programs;
  std::optional<int64_t> diverged_at;  // the round, from 1, in which a watched result broke
  int64_t round = 0;                   // rounds that have ended
};

// In a round: `runs` runs of a program in a row, in the rounds `every`, 2 `every`, 3 `every`, ...
struct Turn {
  int program = 0;
  int64_t runs = 1, every = 1;
};

// A loss has diverged when it is not finite or has exploded: so many times what it was at first, or
// what is usual. One rule for every executor.
bool has_diverged(float loss, float first_loss);

// Of a run whose watched result was this: where the program stands now, and whether the model has
// diverged in this round.
void note_loss(Standing& standing, size_t program, float loss);

// Whether a session gives this input itself: "index", "key", "step" or "lr".
bool is_sessions_own(const std::string& input);

struct ProgramStart {
  Key order = {};  // permutation(order.fold(epoch), samples) is an epoch's order
  Key random = {};
  // By rounds that have ended, the last one for all that follow; none: "lr" is 0.
  std::vector<float> rates = {};
};

// What the program's "lr" is in the round after so many.
float rate_after(const ProgramStart& program, int64_t rounds);

// What a model brings along besides sets, numbers and tables.
struct ModelStart {
  std::vector<ProgramStart> programs = {};
  Standing at = {};  // programs that it does not mention have not run yet
};

// One model, and programs that take turns on it. What it reads is given first, then it is started
// and run. Given anew, and started again, it may be another model. Numbers of programs are places
// in SessionSpec::programs.
class Session {
 public:
  virtual ~Session() = default;

  // A parameter or a number, dense row-major, copied. What was given by this name before is
  // forgotten, however it was given. Bug if a program reads another count or type. What no program
  // reads is kept, too, for read().
  virtual void write(const std::string& input, std::span<const float> values) = 0;
  // As if zeros were written.
  virtual void zero(const std::string& input, int64_t count) = 0;
  // A parameter that no program updates: it stays where it is, and must outlive its use. Bug if one
  // does.
  virtual void lend(const std::string& input, std::span<const float> values) = 0;
  // Bug if a program reads it with another type.
  virtual void table(const std::string& name, const Table& t) = 0;
  // Bug, naming it, if there is an input that nobody gave.
  virtual void start(ModelStart start) = 0;

  // Runs one program so often, or until the model has diverged and is to stand still, within a
  // round that end_round() ends. What throws on its way leaves a session that has to be given and
  // started anew.
  virtual void run(int program, int64_t runs) = 0;
  virtual void end_round() = 0;  // nothing where the model stands still
  // Whole rounds of these turns, as the two above.
  virtual void rounds(std::span<const Turn> turns, int64_t count);

  // To be filled before each call of run() for the program, whose runs all read it; its values are
  // gone after it. T is float, int32_t or uint8_t as in the graph: Bug for another, and for what is
  // not fed.
  template <class T>
  std::span<T> feed(int program, const std::string& input) {
    constexpr DType kType = std::is_same_v<T, float>     ? DType::f32
                            : std::is_same_v<T, int32_t> ? DType::i32
                                                         : DType::u8;
    static_assert(kType != DType::u8 || std::is_same_v<T, uint8_t>);
    const std::span<std::byte> bytes = feed_bytes(program, input, kType);
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  // Of runs since the last call and since start(): [runs][logged].
  virtual std::vector<float> take_log(int program) = 0;

  // A result of the program's last run, until it runs again. T is float or int32_t as in the graph:
  // Bug for another, and for unknown names.
  template <class T = float>
  std::span<const T> result(int program, const std::string& name) const {
    static_assert(sizeof(T) == 4);
    const DType wanted = std::is_same_v<T, float> ? DType::f32 : DType::i32;
    const std::span<const std::byte> bytes = result_bytes(program, name, wanted);
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  virtual const Standing& standing() const = 0;
  // What was written, as it is now; until the session runs or is given something. Bug for what was
  // not written.
  virtual std::span<const float> read(const std::string& input) const = 0;

 private:
  virtual std::span<const std::byte> result_bytes(int program, const std::string& name,
                                                  DType type) const = 0;
  virtual std::span<std::byte> feed_bytes(int program, const std::string& input, DType type) = 0;
};

// For one thread at a time, and so are its sessions, but for those of slots (executors/slots.h).
class Executor {
 public:
  virtual ~Executor() = default;
  // Compiles what it has not compiled yet. UserError for a graph that it cannot run. The session
  // may outlive the executor.
  virtual std::unique_ptr<Session> open(SessionSpec spec) = 0;
  // What bits depend on besides graphs, what a session is given and the machine; part of what
  // stored results are found by.
  virtual std::string numerics() const = 0;
};

}  // namespace omni
