#include "executors/reference.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/team.h"
#include "graph/interpreter.h"

namespace omni {
namespace {

// Copies of tables that no session reads any more make room for others above this.
constexpr int64_t kMostTableBytes = int64_t{256} << 20;

void decode(const void* data, RefArray& out) {
  out.v.resize(static_cast<size_t>(out.type.count()));
  const auto copy = [&](const auto* p) { std::copy_n(p, out.v.size(), out.v.begin()); };
  switch (out.type.dtype) {
    case DType::u8:
      return copy(static_cast<const uint8_t*>(data));
    case DType::i32:
      return copy(static_cast<const int32_t*>(data));
    case DType::f32:
      return copy(static_cast<const float*>(data));
    case DType::bf16:
      throw Bug("the host has no arrays of bf16");
  }
}

// Memory that the host reads, in one of two places by turns.
class Shown {
 public:
  std::byte* next(size_t bytes) {
    take_back();
    place_ = 1 - place_;
    places_[place_].resize(bytes);
    return places_[place_].data();
  }
  void take_back() {
    std::ranges::fill(places_[place_], std::byte{0xff});  // NaN, -1
  }
  std::span<const std::byte> bytes() const { return places_[place_]; }

 private:
  std::vector<std::byte> places_[2];
  int place_ = 0;
};

void show(const RefArray& value, Shown& shown) {
  std::byte* out = shown.next(value.v.size() * 4);
  const auto encode = [&]<class T>(T) {
    for (const double x : value.v) {
      const T y = static_cast<T>(x);
      std::memcpy(out, &y, sizeof y);
      out += sizeof y;
    }
  };
  value.type.dtype == DType::i32 ? encode(int32_t{}) : encode(float{});
}

// By name, hash and type; shared by an executor's sessions, whose threads may ask at once.
class Tables {
 public:
  std::shared_ptr<const RefArray> copy_of(const std::string& name, const Table& t) {
    const std::lock_guard lock(mutex_);
    auto made = std::make_shared<RefArray>(RefArray{t.type, {}});
    if (t.hash.empty()) {
      decode(t.data, *made);
      return made;
    }
    auto& known = copies_[{name, t.hash, to_string(t.type)}];
    if (known) return known;
    decode(t.data, *made);
    bytes_ += bytes_of(*made);
    known = made;
    if (bytes_ > kMostTableBytes)
      std::erase_if(copies_, [&](const auto& copy) {
        const bool unused = copy.second.use_count() == 1;
        if (unused) bytes_ -= bytes_of(*copy.second);
        return unused;
      });
    return made;
  }

 private:
  static int64_t bytes_of(const RefArray& a) { return std::ssize(a.v) * int64_t{sizeof(double)}; }
  std::mutex mutex_;
  std::map<std::tuple<std::string, std::string, std::string>, std::shared_ptr<const RefArray>>
      copies_;
  int64_t bytes_ = 0;
};

// What an executor's sessions share.
struct Shared {
  explicit Shared(const ReferenceOptions& o)
      : options(o), order(Key::of(o.order).fold("slots")), team(std::max(1, o.threads)) {}
  const ReferenceOptions options;
  const Key order;
  Tables tables;
  Team team;
};

// One graph of a program.
struct Variant {
  std::shared_ptr<const Graph> graph;
  int64_t rows = 0;                               // of sample numbers
  std::map<std::string, RefArray> own;            // what the session gives itself
  std::map<std::string, const RefArray*> places;  // of all inputs
};

// What the host fills, and the session reads once.
struct Fed {
  std::vector<std::byte> bytes;
  RefArray value;
};

struct Own {  // of a program
  std::vector<Variant> variants;
  std::map<std::string, std::pair<DType, Shown>> results;  // of its last run
  std::map<std::string, Fed> fed;
  std::vector<float> log;
  bool has_run = false;
  std::vector<int32_t> order;  // of the epoch
  int64_t epoch = -1;
};

class ReferenceSession final : public Session {
 public:
  // In a slot of those that `used` counts, or in none.
  ReferenceSession(SessionSpec spec, std::shared_ptr<Shared> shared, int* used = nullptr)
      : spec_(std::move(spec)), shared_(std::move(shared)), used_(used) {
    for (const ProgramSpec& p : spec_.programs) prepare(p, own_.emplace_back());
    if (used_) ++*used_;
  }
  ~ReferenceSession() override {
    if (used_) --*used_;
  }

  void write(const std::string& input, std::span<const float> values) override {
    given_[input] = array(input, values);
    written_.insert(input);
  }
  void zero(const std::string& input, int64_t count) override {
    write(input, std::vector<float>(static_cast<size_t>(count)));
  }
  void lend(const std::string& input, std::span<const float> values) override {
    check(!updated_.contains(input), "'{}' is lent, and a program updates it", input);
    given_[input] = array(input, values);
    written_.erase(input);
  }
  void table(const std::string& name, const Table& t) override {
    check(!is_sessions_own(name), "'{}' is the session's to give", name);
    forget_shown();
    const auto it = inputs_.find(name);
    if (it != inputs_.end())
      check(it->second == t.type, "the table '{}' is {}, and read as {}", name, t.type, it->second);
    written_.erase(name);
    given_.erase(name);
    if (it != inputs_.end()) given_[name] = shared_->tables.copy_of(name, t);
  }

  void start(ModelStart start) override {
    forget_shown();
    start_ = std::move(start);
    start_.programs.resize(own_.size());
    start_.at.programs.resize(own_.size());
    steps_.clear();
    for (size_t p = 0; p < own_.size(); ++p) {
      Own& own = own_[p];
      own.epoch = -1;
      own.has_run = false;
      own.log.clear();
      for (auto& [name, result] : own.results) result.second.take_back();
      if (const auto clock = spec_.programs[p].clock) steps_[*clock] += start_.at.programs[p].runs;
      for (Variant& v : own.variants) place_inputs(v, own, spec_.programs[p].name);
    }
    started_ = true;
  }

  void run(int program, int64_t runs) override {
    begin_runs(program);
    for (; runs > 0; --runs) run_if_it_moves(program);
    end_runs();
  }
  // The same in three, for many sessions in step.
  void begin_runs(int program) {
    check(started_, "the session was not started with what it was given");
    require_program(program);
    forget_shown();  // and what throws in the middle of a run leaves it so
    for (auto& [name, fed] : own_[static_cast<size_t>(program)].fed) {
      decode(fed.bytes.data(), fed.value);
      std::ranges::fill(fed.bytes, std::byte{0xff});
    }
  }
  void run_if_it_moves(int program) {
    if (!stands_still()) run_once(static_cast<size_t>(program));
  }
  void end_runs() { started_ = true; }

  bool stands_still() const { return spec_.stop_diverged && start_.at.diverged_at.has_value(); }

  void end_round() override {
    check(started_, "the session was not started with what it was given");
    if (!stands_still()) ++start_.at.round;
  }

  std::vector<float> take_log(int program) override {
    require_program(program);
    return std::exchange(own_[static_cast<size_t>(program)].log, {});
  }

  const Standing& standing() const override { return start_.at; }

  std::span<const float> read(const std::string& input) const override {
    check(written_.contains(input), "'{}' was not written", input);
    Shown& shown = shown_[input];
    show(*given_.at(input), shown);
    return {reinterpret_cast<const float*>(shown.bytes().data()), shown.bytes().size() / 4};
  }

 private:
  std::span<const std::byte> result_bytes(int program, const std::string& name,
                                          DType type) const override {
    require_program(program);
    const Own& own = own_[static_cast<size_t>(program)];
    check(own.has_run, "the program has not run");
    const auto it = own.results.find(name);
    check(it != own.results.end(), "the program has no result '{}'", name);
    check(it->second.first == type, "result '{}' is {}, and read as another type", name,
          name_of(it->second.first));
    return it->second.second.bytes();
  }

  std::span<std::byte> feed_bytes(int program, const std::string& input, DType type) override {
    require_program(program);
    auto& fed = own_[static_cast<size_t>(program)].fed;
    const auto it = fed.find(input);
    check(it != fed.end(), "the program is fed no '{}'", input);
    check(it->second.value.type.dtype == type, "'{}' is {}, and fed as another type", input,
          it->second.value.type);
    return it->second.bytes;
  }

  void require_program(int program) const {
    check(program >= 0 && program < std::ssize(own_), "there is no program {}", program);
  }

  void prepare(const ProgramSpec& spec, Own& own) {
    check(spec.batch >= 1 && spec.samples >= 0, "program '{}': {} samples in batches of {}",
          spec.name, spec.samples, spec.batch);
    const int64_t rest = spec.samples % spec.batch;
    check((rest > 0) == (spec.last != nullptr),
          "program '{}': {} samples in batches of {}, the last of them short or not", spec.name,
          spec.samples, spec.batch);
    own.variants.push_back({spec.graph, spec.batch, {}, {}});
    if (spec.last) own.variants.push_back({spec.last, rest, {}, {}});
    for (Variant& v : own.variants) {
      for (int id = 0; id < v.graph->size(); ++id) {
        const Node& n = v.graph->node(id);
        if (!is_input(n)) continue;
        if (is_sessions_own(n.name))
          v.own[n.name] = {n.type, std::vector<double>(static_cast<size_t>(n.type.count()))};
        else if (std::ranges::count(spec.fed, n.name) > 0)
          take_fed(own, n);
        else if (const auto [it, is_new] = inputs_.emplace(n.name, n.type); !is_new)
          check(it->second == n.type, "'{}' is read as {} and as {}", n.name, it->second, n.type);
      }
      std::set<std::string> numbers;  // f32 results of one
      for (const Output& o : v.graph->outputs()) {
        const Type& t = v.graph->node(o.id).type;
        if (o.update) {
          updated_.insert(o.name);
          continue;
        }
        own.results[o.name].first = t.dtype;
        if (t.dtype == DType::f32 && t.count() == 1) numbers.insert(o.name);
      }
      check(spec.watched.empty() || numbers.contains(spec.watched),
            "there is no number '{}' to be watched", spec.watched);
      for (const std::string& name : spec.logged)
        check(numbers.contains(name), "there is no number '{}' to be logged", name);
    }
  }

  static void take_fed(Own& own, const Node& n) {
    const auto [it, is_new] = own.fed.try_emplace(n.name);
    RefArray& value = it->second.value;
    check(is_new || value.type == n.type, "'{}' is fed as {} and as {}", n.name, value.type,
          n.type);
    value.type = n.type;
    it->second.bytes.assign(static_cast<size_t>(n.type.bytes()), std::byte{0xff});
  }

  // What was given holds no more, and the session has to be started with it.
  void forget_shown() {
    started_ = false;
    for (auto& [input, shown] : shown_) shown.take_back();
  }

  std::shared_ptr<const RefArray> array(const std::string& input, std::span<const float> values) {
    check(!is_sessions_own(input), "'{}' is the session's to give", input);
    Type type{DType::f32, Shape{std::ssize(values)}};
    if (const auto it = inputs_.find(input); it != inputs_.end()) {
      check(it->second.dtype == DType::f32 && it->second.count() == std::ssize(values),
            "'{}' has {} values, and is read as {}", input, values.size(), it->second);
      type = it->second;
    }
    forget_shown();
    return std::make_shared<RefArray>(
        RefArray{type, std::vector<double>(values.begin(), values.end())});
  }

  void place_inputs(Variant& v, const Own& own, const std::string& program) {
    v.places.clear();
    for (const auto& [name, value] : v.own) v.places[name] = &value;
    for (const auto& [name, fed] : own.fed) v.places[name] = &fed.value;
    for (int id = 0; id < v.graph->size(); ++id) {
      const Node& n = v.graph->node(id);
      if (!is_input(n) || v.places.contains(n.name)) continue;
      const auto it = given_.find(n.name);
      check(it != given_.end(), "program '{}' reads '{}', which nobody gave", program, n.name);
      v.places[n.name] = it->second.get();
    }
  }

  // The run's variant, with what the session gives in place.
  Variant& next(const ProgramSpec& spec, const ProgramStart& start, Own& own, int64_t runs,
                int64_t step) {
    int64_t place = 0;
    Variant* v = &own.variants.front();
    if (spec.samples > 0) {
      const int64_t epoch = runs / spec.runs_per_epoch();
      place = runs % spec.runs_per_epoch();
      if (place == spec.runs_per_epoch() - 1) v = &own.variants.back();
      if (epoch != own.epoch)
        own.order = permutation(start.order.fold(static_cast<uint64_t>(epoch)), spec.samples);
      own.epoch = epoch;
    }
    for (auto& [name, value] : v->own) {
      std::vector<double>& x = value.v;
      if (name == "step") {
        x[0] = static_cast<float>(step);
      } else if (name == "lr") {
        x[0] = rate_after(start, start_.at.round);
      } else if (name == "key") {
        x[0] = static_cast<int32_t>(start.random.bits);
        x[1] = static_cast<int32_t>(start.random.bits >> 32);
      } else {
        for (size_t i = 0; i < x.size(); ++i)
          x[i] = spec.samples > 0 ? own.order[static_cast<size_t>(place * spec.batch) + i]
                                  : static_cast<double>(i);
      }
    }
    return *v;
  }

  void run_once(size_t p) {
    const ProgramSpec& spec = spec_.programs[p];
    Own& own = own_[p];
    ProgramStanding& at = start_.at.programs[p];
    const int64_t step = spec.clock ? ++steps_[*spec.clock] : start_.at.round;
    Variant& v = next(spec, start_.programs[p], own, at.runs, step);
    const RefValues values = interpret_in_place(*v.graph, v.places);
    if (const auto& ran = shared_->options.ran)
      ran({static_cast<int>(p), *v.graph, v.places, values});
    std::map<std::string, std::shared_ptr<const RefArray>> updated;
    for (const Output& o : v.graph->outputs())
      if (o.update) {
        RefArray stored{inputs_.at(o.name), values[o.id].v};
        for (double& x : stored.v) x = static_cast<float>(x);
        updated[o.name] = std::make_shared<RefArray>(std::move(stored));
      } else {
        show(values[o.id], own.results.at(o.name).second);
      }
    for (auto& [name, value] : updated) replace(name, std::move(value));
    own.has_run = true;
    ++at.runs;
    const auto number = [&](const std::string& name) {
      float x = 0;
      std::memcpy(&x, own.results.at(name).second.bytes().data(), sizeof x);
      return x;
    };
    for (const std::string& name : spec.logged) own.log.push_back(number(name));
    if (!spec.watched.empty()) note_loss(start_.at, p, number(spec.watched));
  }

  void replace(const std::string& input, std::shared_ptr<const RefArray> value) {
    for (Own& own : own_)
      for (Variant& v : own.variants)
        if (const auto it = v.places.find(input); it != v.places.end()) it->second = value.get();
    given_[input] = std::move(value);
  }

  const SessionSpec spec_;
  const std::shared_ptr<Shared> shared_;
  int* const used_;
  std::vector<Own> own_;                // by program
  std::map<std::string, Type> inputs_;  // of all programs, but what the session gives
  std::set<std::string> updated_, written_;
  std::map<std::string, std::shared_ptr<const RefArray>> given_;
  mutable std::map<std::string, Shown> shown_;  // by what was read
  bool started_ = false;
  ModelStart start_;
  std::map<int, int64_t> steps_;  // by clock
};

class ReferenceSlots final : public Slots {
 public:
  ReferenceSlots(SessionSpec spec, int slots, std::shared_ptr<Shared> shared)
      : spec_(std::move(spec)), size_(slots), shared_(std::move(shared)), order_(shared_->order) {}

  int size() const override { return size_; }
  int free() const override { return size_ - used_; }
  std::unique_ptr<Session> admit() override {
    check(free() > 0, "all of {} slots are taken", size_);
    return std::make_unique<ReferenceSession>(spec_, shared_, &used_);
  }

  void run(std::span<Session* const> models, int program, int64_t runs) override {
    const Turn turn{program, runs};
    require_alike(models, {&turn, 1});
    run_in_step(models, program, runs);
  }
  void rounds(std::span<Session* const> models, std::span<const Turn> turns,
              int64_t count) override {
    require_alike(models, turns);
    for (; count > 0; --count) {
      const ReferenceSession* first = first_that_moves(models);
      if (!first) return;
      const int64_t number = first->standing().round + 1;
      for (const Turn& t : turns)
        if (number % t.every == 0) run_in_step(models, t.program, t.runs);
      for (Session* m : models) m->end_round();
    }
  }

 private:
  static ReferenceSession& at(Session* model) { return static_cast<ReferenceSession&>(*model); }

  static const ReferenceSession* first_that_moves(std::span<Session* const> models) {
    const auto it = std::ranges::find_if(models, [](Session* m) { return !at(m).stands_still(); });
    return it == models.end() ? nullptr : &at(*it);
  }

  void require_alike(std::span<Session* const> models, std::span<const Turn> turns) const {
    for (const Turn& t : turns)
      check(t.program >= 0 && t.program < std::ssize(spec_.programs), "there is no program {}",
            t.program);
    const ReferenceSession* first = first_that_moves(models);
    for (Session* m : models)
      check(at(m).stands_still() || stand_alike(spec_, first->standing(), m->standing(), turns),
            "models at unlike places of an epoch, or of rounds, are run together");
  }

  // In another order at every run; each on whatever thread comes to it.
  void run_in_step(std::span<Session* const> models, int program, int64_t runs) {
    for (Session* m : models) at(m).begin_runs(program);
    for (; runs > 0; --runs) {
      const std::vector<int32_t> order = permutation(order_.fold(++launches_), std::ssize(models));
      std::atomic<size_t> next = 0;
      shared_->team.run([&](int) {
        for (size_t i = next++; i < order.size(); i = next++)
          at(models[static_cast<size_t>(order[i])]).run_if_it_moves(program);
      });
    }
    for (Session* m : models) at(m).end_runs();
  }

  const SessionSpec spec_;
  const int size_;
  int used_ = 0;
  const std::shared_ptr<Shared> shared_;
  const Key order_;
  uint64_t launches_ = 0;
};

// Of what is each model's own: parameters, and any table with a '/' in its name, what is fed, and
// results. Tables are counted where they are made.
int64_t bytes_of(const Graph& g, const std::vector<std::string>& fed,
                 std::set<std::string>& counted) {
  int64_t numbers = 0;
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    const bool own = n.name.find('/') != std::string::npos || std::ranges::count(fed, n.name) > 0;
    if (is_input(n) && own && counted.insert(n.name).second) numbers += n.type.count();
  }
  for (const Output& o : g.outputs())
    if (!o.update) numbers += g.node(o.id).type.count();
  return numbers * static_cast<int64_t>(sizeof(double) + 2 * sizeof(float));
}

class ReferenceExecutor final : public SlotExecutor {
 public:
  explicit ReferenceExecutor(const ReferenceOptions& options)
      : shared_(std::make_shared<Shared>(options)) {}

  std::unique_ptr<Session> open(SessionSpec spec) override {
    return std::make_unique<ReferenceSession>(std::move(spec), shared_);
  }
  std::unique_ptr<Slots> open_slots(SessionSpec spec, int slots) override {
    return std::make_unique<ReferenceSlots>(std::move(spec), slots, shared_);
  }
  std::string numerics() const override { return "reference"; }
  int most_slots(const SessionSpec&) const override { return shared_->options.most_slots; }
  int models_at_once() const override { return shared_->team.size(); }
  int64_t bytes_per_model(const SessionSpec& spec) const override {
    int64_t bytes = 0;
    std::set<std::string> counted;  // sets are shared by programs
    for (const ProgramSpec& p : spec.programs) {
      bytes += bytes_of(*p.graph, p.fed, counted);
      bytes += p.samples * static_cast<int64_t>(sizeof(int32_t));  // their order
    }
    return bytes;
  }
  int64_t bytes_per_table_number() const override { return sizeof(double); }

 private:
  std::shared_ptr<Shared> shared_;
};

}  // namespace

std::unique_ptr<SlotExecutor> make_reference_executor(const ReferenceOptions& options) {
  return std::make_unique<ReferenceExecutor>(options);
}

}  // namespace omni
