#include "lab/cost.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

#include "engine/flops.h"
#include "graph/inspect.h"
#include "lab/executor_kinds.h"

namespace omni {
namespace {

// What runs are estimated for unless they say otherwise.
const ExecutorRow& usual() { return row_of(ExecutorKind::cpu); }

// Each seed comes with the same graphs: what was counted is kept, of at most so many.
constexpr size_t kMostKnown = 10'000;

Load counted(const Graph& g) {
  Load load{omni::matmul_flops(g), 0};
  for (int id = 0; id < g.size(); ++id)
    if (!is_input(g.node(id))) load.bytes += static_cast<double>(g.node(id).type.bytes());
  return load;
}

Load known(const Graph& g, uint64_t print) {
  static std::mutex mutex;
  static std::map<uint64_t, Load> loads;
  {
    const std::lock_guard lock(mutex);
    if (const auto found = loads.find(print); found != loads.end()) return found->second;
  }
  const Load load = counted(g);
  const std::lock_guard lock(mutex);
  if (loads.size() >= kMostKnown) loads.clear();
  return loads[print] = load;
}

}  // namespace

Load load_of_run(const Graph& g) { return known(g, fingerprint(g)); }

void Work::add(std::shared_ptr<const Graph> graph, double runs) {
  const uint64_t print = fingerprint(*graph);
  Item& item = items_[print];
  if (!item.graph) {
    item.run = known(*graph, print);
    item.graph = std::move(graph);
  }
  item.runs += runs;
}

void Work::add(const Work& other) {
  for (const auto& [print, item] : other.items_) {
    Item& mine = items_.try_emplace(print, Item{item.graph, 0, item.run}).first->second;
    mine.runs += item.runs;
  }
}

Load Work::load() const {
  Load sum;
  for (const auto& [print, item] : items_)
    sum = sum + Load{item.runs * item.run.matmul_flops, item.runs * item.run.bytes};
  return sum;
}

double typical_seconds(const Load& load) { return usual().seconds(load); }

double typical_planning_seconds(double graphs) { return graphs * usual().planning_s; }

double estimated_seconds(const Count& seed, int64_t seeds, int threads, double slowness) {
  const int64_t jobs = seeds * std::ssize(seed.jobs);
  const int64_t workers = std::clamp<int64_t>(threads, 1, std::max<int64_t>(jobs, 1));
  const int64_t team = std::max<int64_t>(1, threads / workers);
  // Long jobs come first, each to the worker that is free first.
  std::vector<double> jobs_s;
  for (const Load& job : seed.jobs) jobs_s.push_back(typical_seconds(job));
  std::ranges::sort(jobs_s, std::greater{});
  std::vector<double> free_at(static_cast<size_t>(workers));
  for (const double job_s : jobs_s)
    for (int64_t i = 0; i < seeds; ++i)
      *std::ranges::min_element(free_at) += job_s / static_cast<double>(team);
  return slowness * (*std::ranges::max_element(free_at) + typical_planning_seconds(seed.graphs));
}

}  // namespace omni
