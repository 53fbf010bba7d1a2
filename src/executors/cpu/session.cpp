#include "executors/cpu/session.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/huge_pages.h"
#include "base/memory.h"
#include "graph/inspect.h"

namespace omni {
namespace {

// Sweeps over structure compile many programs, and each holds its activations: so many are kept for
// sessions to come. What a session runs is kept by the session.
constexpr size_t kMostPrograms = 64;

// A program is bound to one user at a time: who finds another one there binds it anew.
struct Planned {
  Planned(const Graph& g, const ProgramOptions& o) : program(g, o) {}
  Program program;
  const void* user = nullptr;
};
using Plans = std::function<std::shared_ptr<Planned>(const Graph&)>;

// One graph of a program.
struct Variant {
  std::shared_ptr<const Graph> graph;
  std::shared_ptr<Planned> planned;
  int64_t rows = 0;                             // of sample numbers
  std::map<std::string, AlignedBytes> results;  // by name, as in the graph
  const float* watched = nullptr;               // among the results
  std::vector<const float*> logged;
  std::vector<Variant*> makes_old;              // whose copies of parameters a run makes old
  bool fresh = false;                           // its own copies of parameters are
};

struct Own {                      // of a program
  std::vector<Variant> variants;  // of a whole batch, and of an epoch's short last one
  const Variant* ran = nullptr;   // last
  bool reads_index = false;
  std::vector<int32_t> order, index;  // of the epoch, and of the run
  int64_t epoch = -1;
  int32_t key[2] = {};
  int64_t* steps = nullptr;  // of its clock; null: it has none
  std::map<std::string, std::pair<Type, AlignedBytes>> fed;
  std::vector<float> log;
};

template <class Visit>
void for_each_input(const Graph& g, Visit visit) {
  for (int id = 0; id < g.size(); ++id)
    if (is_input(g.node(id))) visit(g.node(id));
}

bool reads_updates_of(const Graph& reader, const Graph& writer) {
  std::set<std::string> updated;
  for (const Output& o : writer.outputs())
    if (o.update) updated.insert(o.name);
  bool reads = false;
  for_each_input(reader, [&](const Node& n) { reads |= updated.contains(n.name); });
  return reads;
}

Variant variant_of(std::shared_ptr<const Graph> graph, const Plans& plans, int64_t rows,
                   const ProgramSpec& spec) {
  Variant v;
  v.planned = plans(*graph);
  v.rows = rows;
  for (const Output& o : graph->outputs())
    if (!o.update)  // one of no numbers has a place, too
      v.results[o.name] = AlignedBytes(std::max<int64_t>(graph->node(o.id).type.bytes(), 1));
  const auto number = [&](const std::string& name, const char* how) {
    const auto is_it = [&](const Output& o) { return !o.update && o.name == name; };
    const auto it = std::ranges::find_if(graph->outputs(), is_it);
    check(it != graph->outputs().end(), "there is no result '{}' to be {}", name, how);
    const Type& t = graph->node(it->id).type;
    check(t.dtype == DType::f32 && t.count() == 1, "'{}' is {}, and is {}", name, how, t);
    return reinterpret_cast<const float*>(v.results.at(name).data());
  };
  if (!spec.watched.empty()) v.watched = number(spec.watched, "watched");
  for (const std::string& name : spec.logged) v.logged.push_back(number(name, "logged"));
  v.graph = std::move(graph);
  return v;
}

class CpuSession final : public Session {
 public:
  CpuSession(SessionSpec spec, const Plans& plans) : spec_(std::move(spec)) {
    own_.resize(spec_.programs.size());
    for (size_t p = 0; p < own_.size(); ++p) prepare(spec_.programs[p], own_[p], plans);
    for_each_variant([&](Variant& writer) {
      for_each_variant([&](Variant& reader) {
        if (&reader != &writer && reads_updates_of(*reader.graph, *writer.graph))
          writer.makes_old.push_back(&reader);
      });
    });
  }

  ~CpuSession() override {
    for_each_variant([](Variant& v) {
      if (v.planned->user != &v) return;
      v.planned->program.unbind();
      v.planned->user = nullptr;
    });
  }

  void write(const std::string& input, std::span<const float> values) override {
    std::memcpy(memory(input, std::ssize(values)), values.data(), values.size_bytes());
  }
  void zero(const std::string& input, int64_t count) override {
    std::memset(memory(input, count), 0, static_cast<size_t>(count) * sizeof(float));
  }
  void lend(const std::string& input, std::span<const float> values) override {
    require_fits(input, std::ssize(values));
    for_each_variant([&](const Variant& v) {
      for (const Output& o : v.graph->outputs())
        check(!o.update || o.name != input, "'{}' is lent, and a program updates it", input);
    });
    started_ = false;
    written_.erase(input);
    tables_.erase(input);
    lent_[input] = values.data();
  }
  void table(const std::string& name, const Table& t) override {
    check(!is_sessions_own(name), "'{}' is the session's to give", name);
    if (const auto it = inputs_.find(name); it != inputs_.end())
      check(it->second == t.type, "the table '{}' is {}, and read as {}", name, t.type, it->second);
    started_ = false;
    written_.erase(name);
    lent_.erase(name);
    tables_[name] = t;
  }

  void start(ModelStart start) override {
    start_ = std::move(start);
    start_.programs.resize(own_.size());
    start_.at.programs.resize(own_.size());
    steps_.clear();
    for (size_t p = 0; p < own_.size(); ++p) {
      Own& own = own_[p];
      const uint64_t random = start_.programs[p].random.bits;
      own.key[0] = static_cast<int32_t>(random);
      own.key[1] = static_cast<int32_t>(random >> 32);
      own.epoch = -1;
      own.ran = nullptr;
      own.log.clear();
      if (const auto clock = spec_.programs[p].clock) {
        own.steps = &steps_[*clock];
        *own.steps += start_.at.programs[p].runs;
      }
      for (Variant& v : own.variants) bind(v, own, spec_.programs[p].name);
    }
    started_ = true;
  }

  void run(int program, int64_t runs) override {
    check(started_, "the session was not started with what it was given");
    require_program(program);
    started_ = false;  // for what throws in the middle of a run
    for (; runs > 0 && !stands_still(); --runs) run_once(static_cast<size_t>(program));
    started_ = true;
  }

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
    const auto it = written_.find(input);
    check(it != written_.end(), "'{}' was not written", input);
    return {reinterpret_cast<const float*>(it->second.data()),
            static_cast<size_t>(it->second.size()) / sizeof(float)};
  }

 private:
  std::span<const std::byte> result_bytes(int program, const std::string& name,
                                          DType type) const override {
    require_program(program);
    const Variant* v = own_[static_cast<size_t>(program)].ran;
    check(v != nullptr, "the program has not run");
    for (const Output& o : v->graph->outputs()) {
      if (o.update || o.name != name) continue;
      const Type& t = v->graph->node(o.id).type;
      check(t.dtype == type, "result '{}' is {}, and read as another type", name, t);
      return {v->results.at(name).data(), static_cast<size_t>(t.bytes())};
    }
    throw Bug(fmt::format("the program has no result '{}'", name));
  }

  std::span<std::byte> feed_bytes(int program, const std::string& input, DType type) override {
    require_program(program);
    auto& fed = own_[static_cast<size_t>(program)].fed;
    const auto it = fed.find(input);
    check(it != fed.end(), "the program is fed no '{}'", input);
    auto& [t, memory] = it->second;
    check(t.dtype == type, "'{}' is {}, and fed as another type", input, t);
    return {memory.data(), static_cast<size_t>(t.bytes())};
  }

  void require_program(int program) const {
    check(program >= 0 && program < std::ssize(own_), "there is no program {}", program);
  }

  void prepare(const ProgramSpec& spec, Own& own, const Plans& plans) {
    check(spec.batch >= 1 && spec.samples >= 0, "program '{}': {} samples in batches of {}",
          spec.name, spec.samples, spec.batch);
    const int64_t rest = spec.samples % spec.batch;
    check((rest > 0) == (spec.last != nullptr),
          "program '{}': {} samples in batches of {}, the last of them short or not", spec.name,
          spec.samples, spec.batch);
    own.variants.push_back(variant_of(spec.graph, plans, spec.batch, spec));
    if (spec.last) own.variants.push_back(variant_of(spec.last, plans, rest, spec));
    for (const Variant& v : own.variants)
      for_each_input(*v.graph, [&](const Node& n) {
        if (n.name == "index") {
          own.reads_index = true;
        } else if (std::ranges::count(spec.fed, n.name) > 0) {
          auto& [type, memory] = own.fed[n.name];
          check(memory.size() == 0 || type == n.type, "'{}' is fed as {} and as {}", n.name, type,
                n.type);
          type = n.type;
          memory = AlignedBytes(std::max<int64_t>(n.type.bytes(), 1));
        } else if (const auto [it, is_new] = inputs_.emplace(n.name, n.type); !is_new) {
          check(it->second == n.type, "'{}' is read as {} and as {}", n.name, it->second, n.type);
        }
      });
    own.order.resize(static_cast<size_t>(spec.samples));
    own.index.resize(static_cast<size_t>(spec.batch));
    std::iota(own.index.begin(), own.index.end(), 0);
  }

  template <class Visit>
  void for_each_variant(Visit visit) {
    for (Own& own : own_)
      for (Variant& v : own.variants) visit(v);
  }

  void require_fits(const std::string& input, int64_t count) const {
    check(!is_sessions_own(input), "'{}' is the session's to give", input);
    const auto it = inputs_.find(input);
    if (it == inputs_.end()) return;
    const Type& t = it->second;
    check(t.dtype == DType::f32 && t.count() == count, "'{}' has {} values, and is read as {}",
          input, count, t);
  }

  // Where what is written lies; all of it will be written.
  std::byte* memory(const std::string& input, int64_t count) {
    require_fits(input, count);
    started_ = false;
    lent_.erase(input);
    tables_.erase(input);
    AlignedBytes& m = written_[input];
    if (const int64_t bytes = count * static_cast<int64_t>(sizeof(float)); m.size() != bytes) {
      m = AlignedBytes(bytes);
      ask_for_huge_pages(m.data(), bytes);
    }
    return m.data();
  }

  void bind(Variant& v, Own& own, const std::string& name) {
    Program& program = v.planned->program;
    v.planned->user = nullptr;  // until all is there
    program.unbind();
    const auto offer = [&](const std::string& input, const void* data) {
      if (program.has_input(input)) program.bind(input, data);
    };
    for (const auto& [input, t] : tables_) offer(input, t.data);
    for (const auto& [input, data] : lent_) offer(input, data);
    for (const auto& [input, m] : written_) offer(input, m.data());
    for (const auto& [input, fed] : own.fed) offer(input, fed.second.data());
    offer("index", own.index.data());
    offer("key", own.key);
    offer("step", &step_);
    offer("lr", &lr_);
    for (const std::string& input : program.unbound())
      throw Bug(fmt::format("program '{}' reads '{}', which nobody gave", name, input));
    for (auto& [result, m] : v.results) program.bind_result(result, m.data());
    v.planned->user = &v;
    v.fresh = false;
  }

  bool stands_still() const { return spec_.stop_diverged && start_.at.diverged_at.has_value(); }

  // The run's variant, with its sample numbers in place.
  Variant& next(const ProgramSpec& spec, Key order, Own& own, int64_t runs) {
    if (spec.samples == 0) return own.variants.front();
    const int64_t per_epoch = spec.runs_per_epoch(), epoch = runs / per_epoch;
    const int64_t place = runs % per_epoch;
    Variant& v = place == per_epoch - 1 ? own.variants.back() : own.variants.front();
    if (!own.reads_index) return v;
    if (epoch != own.epoch) permute(order.fold(static_cast<uint64_t>(epoch)), own.order);
    own.epoch = epoch;
    std::copy_n(own.order.data() + place * spec.batch, v.rows, own.index.data());
    return v;
  }

  void run_once(size_t p) {
    const ProgramSpec& spec = spec_.programs[p];
    Own& own = own_[p];
    ProgramStanding& at = start_.at.programs[p];
    const ProgramStart& start = start_.programs[p];
    Variant& v = next(spec, start.order, own, at.runs);
    step_ = static_cast<float>(own.steps ? ++*own.steps : start_.at.round);
    lr_ = rate_after(start, start_.at.round);
    if (v.planned->user != &v) bind(v, own, spec.name);
    if (!v.fresh) v.planned->program.refresh();
    v.fresh = true;
    for (Variant* other : v.makes_old) other->fresh = false;
    v.planned->program.run();
    own.ran = &v;
    ++at.runs;
    for (const float* logged : v.logged) own.log.push_back(*logged);
    if (v.watched) note_loss(start_.at, p, *v.watched);
  }

  const SessionSpec spec_;
  std::vector<Own> own_;                // by program
  std::map<std::string, Type> inputs_;  // of all programs, but sample numbers
  std::map<std::string, AlignedBytes> written_;
  std::map<std::string, const float*> lent_;
  std::map<std::string, Table> tables_;
  bool started_ = false;
  ModelStart start_;
  std::map<int, int64_t> steps_;  // by clock
  float step_ = 0, lr_ = 0;
};

class CpuExecutor final : public Executor {
 public:
  explicit CpuExecutor(ProgramOptions options) : options_(std::move(options)) {
    options_.passes_off = names_of(passes_named(options_.passes_off));
  }

  std::unique_ptr<Session> open(SessionSpec spec) override {
    return std::make_unique<CpuSession>(std::move(spec),
                                        [this](const Graph& g) { return planned(g); });
  }

  std::string numerics() const override {
    std::string text = "cpu, f32";
    if (options_.precision == Precision::bf16)  // sums have other orders, as it is stored
      text = fmt::format("cpu, bf16 stored as {}", name_of(options_.limits.bf16_storage));
    for (const std::string& pass : options_.passes_off) text += ", no " + pass;
    return text;
  }

 private:
  std::shared_ptr<Planned> planned(const Graph& g) {
    const uint64_t print = fingerprint(g);
    if (const auto it = programs_.find(print); it != programs_.end()) return it->second;
    if (programs_.size() >= kMostPrograms) programs_.clear();
    return programs_[print] = std::make_shared<Planned>(g, options_);
  }

  ProgramOptions options_;
  std::map<uint64_t, std::shared_ptr<Planned>> programs_;
};

}  // namespace

std::unique_ptr<Executor> make_cpu_executor(ProgramOptions options) {
  return std::make_unique<CpuExecutor>(std::move(options));
}

}  // namespace omni
