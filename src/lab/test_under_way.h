// Seeds of a test on the reference executor: each alone, and all under way at once.
#pragma once

#include <filesystem>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "executors/reference.h"
#include "executors/rendezvous.h"
#include "lab/worker.h"

namespace omni::testing {

// What `one_seed(seed, WorkerOptions)` comes to for the seeds 0 .. seeds - 1.
template <class OneSeed>
auto each_alone(int seeds, const OneSeed& one_seed) {
  std::vector<decltype(one_seed(0, WorkerOptions()))> all;
  WorkerOptions o;
  o.executor = ExecutorKind::reference;
  for (int seed = 0; seed < seeds; ++seed) all.push_back(one_seed(seed, o));
  return all;
}

template <class Outcome>
struct UnderWay {
  std::vector<Outcome> outcomes;  // by seed
  std::vector<Meeting> meetings;
};

// The same with a thread each, two of which compute at once, that meet as `grouping` has it.
template <class OneSeed>
auto all_under_way(int seeds, const OneSeed& one_seed, Grouping grouping,
                   const ReferenceOptions& options = {},
                   const std::filesystem::path& checkpoints = {}) {
  UnderWay<decltype(one_seed(0, WorkerOptions()))> all;
  all.outcomes.resize(static_cast<size_t>(seeds));
  const auto executor = make_reference_executor(options);
  Rendezvous rendezvous(*executor, {.most_computing = 2,
                                    .grouping = std::move(grouping),
                                    .met = [&](const Meeting& m) { all.meetings.push_back(m); }});
  std::vector<std::unique_ptr<Rendezvous::Member>> members;
  for (int seed = 0; seed < seeds; ++seed) members.push_back(rendezvous.join());
  std::vector<std::thread> threads;
  for (int seed = 0; seed < seeds; ++seed)
    threads.emplace_back(
        [&, seed, member = std::move(members[static_cast<size_t>(seed)])]() mutable {
          member->begin(seed);
          WorkerOptions o;
          o.make_executor = [&] { return member->executor(); };
          o.checkpoints = checkpoints;
          o.checkpoint_every_s = 1e9;
          all.outcomes[static_cast<size_t>(seed)] = one_seed(seed, o);
          member.reset();
        });
  for (std::thread& t : threads) t.join();
  return all;
}

}  // namespace omni::testing
