// A seed as jobs: what it costs and how it is shared out, found without training; what is left of a
// run; and the queue that workers take from.
#pragma once

#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "lab/other_builds.h"
#include "lab/runner.h"
#include "lab/worker.h"

namespace omni {

// What a worker takes at a time: a seed, or one part of it.
struct Job {
  int64_t seed = 0;
  std::optional<std::string> part = {};
  int64_t number = 0;  // in the order in which they are taken
};

// A seed's jobs and the arms that each of them records.
struct Division {
  std::map<std::optional<std::string>, std::vector<std::string>> arms_of;
  std::vector<std::optional<std::string>> parts;  // long ones first, so that workers end together
};

SeedRecord run_job(const Resolved& r, Worker& worker, const Job& job);
// What one job throws, by a bug of the library or of the experiment, ends that job's models, not
// its neighbours'.
SeedRecord failed_job(const Division& division, const Job& job);

// One seed without training: what it costs and how it can be shared out.
SeedRecord dry_run(const Resolved& r, const Dataset& data, Inputs* inputs = nullptr);
// That of a preset, as it is. Nothing where it is not complete without more: its data are the
// user's, say.
struct PresetSeed {
  Resolved resolved;
  Dataset data;
  SeedRecord dry;
};
std::optional<PresetSeed> dry_run_of(const Experiment& e, const std::string& preset);
Division divide(const SeedRecord& dry);
// Of one job. What stands outside of an experiment's parts is run for each of them.
Load load_of(const SeedRecord& dry, const std::optional<std::string>& part);
Work all_work(const SeedRecord& dry);
Count counted(const SeedRecord& dry);
// What each part of a seed would be trained by, weights aside.
std::vector<PartForm> forms_of(const SeedRecord& dry, const Division& division);

// What remains to be done: jobs with arms that are not stored yet, or that failed.
std::deque<Job> unfinished_jobs(const Results& results, const Resolved& r, const Division& d);

// Gives out jobs until there are none or something fails. For all workers at once.
class Jobs {
 public:
  explicit Jobs(std::deque<Job> jobs) : jobs_(std::move(jobs)) {
    for (int64_t number = 0; Job & j : jobs_) {
      j.number = number++;
      ++left_[j.seed];
    }
  }
  std::optional<Job> take() {
    const std::lock_guard lock(mutex_);
    if (jobs_.empty() || error_) return std::nullopt;
    const Job job = jobs_.front();
    jobs_.pop_front();
    return job;
  }
  // True if this was the last job of its seed.
  bool finished(const Job& job) {
    const std::lock_guard lock(mutex_);
    return --left_.at(job.seed) == 0;
  }
  size_t seeds() const { return left_.size(); }
  void fail(std::exception_ptr e) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = e;
  }
  std::exception_ptr error() const {
    const std::lock_guard lock(mutex_);
    return error_;
  }

 private:
  mutable std::mutex mutex_;
  std::deque<Job> jobs_;
  std::map<int64_t, int> left_;
  std::exception_ptr error_;
};

}  // namespace omni
