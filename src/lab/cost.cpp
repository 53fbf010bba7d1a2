#include "lab/cost.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/memory.h"
#include "graph/inspect.h"

namespace omni {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kCovered = 0.75;  // share of the FLOPs whose graphs are run
constexpr int kMostGraphs = 3;
constexpr double kLeast_s = 0.02;  // of timed runs
constexpr double kLong_s = 0.1;    // a first run of so long is the only one: it hardly misleads
// One run of more would take longer than a reader of `omni list` waits, or not fit into memory.
constexpr double kMostFlops = 1e11, kUsualFlopsPerS = 5e10;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

struct Timed {
  double planning_s = 0, run_s = 0;
};

Timed time_graph(const Graph& g, Precision precision) {
  const auto begin = Clock::now();
  Program program(g, {precision, {}, 1});
  std::vector<AlignedBytes> memory;
  for (int id = 0; id < g.size(); ++id) {
    const Node& n = g.node(id);
    if (!is_input(n) || !program.has_input(n.name)) continue;
    AlignedBytes& zeros = memory.emplace_back(std::max<int64_t>(n.type.bytes(), 1));
    std::memset(zeros.data(), 0, static_cast<size_t>(zeros.size()));
    program.bind(n.name, zeros.data());
  }
  program.refresh();
  const double planned_s = seconds_since(begin);
  program.run();
  const double planning_s = seconds_since(begin), first_s = planning_s - planned_s;
  if (first_s > kLong_s) return {planned_s, first_s};
  std::vector<double> runs;
  const auto first = Clock::now();
  do {
    const auto start = Clock::now();
    program.run();
    runs.push_back(seconds_since(start));
  } while (seconds_since(first) < kLeast_s);
  std::ranges::nth_element(runs, runs.begin() + std::ssize(runs) / 2);
  return {planning_s, runs[runs.size() / 2]};
}

}  // namespace

void Work::add(std::shared_ptr<const Graph> graph, double runs) {
  Item& item = items_[fingerprint(*graph)];
  if (!item.graph) {
    item.flops = omni::matmul_flops(*graph);
    item.graph = std::move(graph);
  }
  item.runs += runs;
}

void Work::add(const Work& other) {
  for (const auto& [print, item] : other.items_) {
    Item& mine = items_.try_emplace(print, Item{item.graph, 0, item.flops}).first->second;
    mine.runs += item.runs;
  }
}

double Work::matmul_flops() const {
  double sum = 0;
  for (const auto& [print, item] : items_) sum += item.total();
  return sum;
}

Speed measure_speed(const Work& work, Precision precision) {
  std::vector<const Work::Item*> items;
  for (const auto& [print, item] : work.items())
    if (item.total() > 0) items.push_back(&item);
  std::ranges::sort(items, std::greater{}, &Work::Item::total);
  double flops = 0, run_s = 0, planning_s = 0;
  int timed = 0;
  for (const Work::Item* item : items) {
    if (timed == kMostGraphs || flops > kCovered * work.matmul_flops()) break;
    if (item->flops > kMostFlops) {
      flops += item->total();
      run_s += item->total() / kUsualFlopsPerS;
      ++timed;
      continue;
    }
    const Timed t = time_graph(*item->graph, precision);
    flops += item->total();
    run_s += item->runs * t.run_s;
    planning_s += t.planning_s;
    ++timed;
  }
  if (timed == 0) return {};
  return {flops / run_s, planning_s / timed * static_cast<double>(work.items().size())};
}

double makespan(const std::vector<double>& jobs_s, int workers) {
  std::vector<double> free_at(static_cast<size_t>(std::max(1, workers)));
  for (const double job : jobs_s) *std::ranges::min_element(free_at) += job;
  return *std::ranges::max_element(free_at);
}

}  // namespace omni
