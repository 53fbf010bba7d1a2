#include "lab/runner.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <exception>
#include <mutex>
#include <set>
#include <thread>

#include "base/build_info.h"
#include "base/machine.h"
#include "engine/passes.h"
#include "lab/judging.h"
#include "lab/worker.h"
#include "store/files.h"

namespace omni {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// A bug in one seed ends that seed's models, not its neighbours'.
SeedRecord failed_seed(const Resolved& r, int64_t seed) {
  SeedRecord record;
  record.seed = seed;
  for (const ArmInfo& a : all_arms(r)) {
    ModelResult& m = record.models[a.name];
    m.arm = a.name;
    m.seed = seed;
    m.status = ModelStatus::failed;
  }
  return record;
}

SeedRecord run_seed(const Resolved& r, Worker& worker, int64_t seed) {
  SeedRecord record;
  record.seed = seed;
  worker.begin_seed(seed);
  for (const Variant& v : r.variants) {
    Trial trial(worker, seed, v.label, record);
    v.settings->run(trial);
  }
  return record;
}

void store_texts(Results& results, const Experiment& e, const Resolved& r, const Dataset& data) {
  const ExperimentTexts& t = e.texts;
  const std::pair<const char*, const std::string*> texts[] = {
      {run_key::kTitle, &e.title},         {run_key::kQuestion, &t.question},
      {run_key::kSource, &t.source},       {run_key::kMethod, &t.method},
      {run_key::kStructure, &t.structure}, {run_key::kControls, &t.controls},
      {run_key::kTranslation, &t.translation}, {run_key::kExpectedFailure, &t.expected_failure},
      {run_key::kCosts, &t.costs},         {run_key::kLimits, &t.limits},
      {run_key::kPreset, &r.preset},       {run_key::kMetric, &e.metric},
      {run_key::kMetricLabel, &e.metric_label}, {run_key::kData, &data.name}};
  results.transaction([&] {
    for (const auto& [key, text] : texts) results.set(key, *text);
    if (!data.note.empty()) results.set(run_key::kStandIn, data.note);
    results.set_arms(all_arms(r));
    results.set_figures(all_figures(r, e));
  });
}

// Seeds whose every arm is stored already; failed ones are tried again.
std::set<int64_t> finished_seeds(const Results& results, const Resolved& r) {
  const size_t arms = all_arms(r).size();
  std::map<int64_t, size_t> count;
  for (const ModelResult& m : results.models())
    if (m.status != ModelStatus::failed) ++count[m.seed];
  std::set<int64_t> done;
  for (const auto& [seed, n] : count)
    if (n >= arms) done.insert(seed);
  return done;
}

// Takes seeds off one list until it is empty, something fails, or the run is to stop.
class Seeds {
 public:
  explicit Seeds(std::deque<int64_t> seeds) : seeds_(std::move(seeds)) {}
  std::optional<int64_t> take() {
    const std::lock_guard lock(mutex_);
    if (seeds_.empty() || error_) return std::nullopt;
    const int64_t s = seeds_.front();
    seeds_.pop_front();
    return s;
  }
  void fail(std::exception_ptr e) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = e;
  }
  std::exception_ptr error() const { return error_; }

 private:
  std::mutex mutex_;
  std::deque<int64_t> seeds_;
  std::exception_ptr error_;
};

}  // namespace

Cost cost_per_seed(const Resolved& r, const Dataset& data) {
  WorkerOptions options;
  options.data = &data;
  options.dry = true;
  Worker worker(options);
  const SeedRecord record = run_seed(r, worker, r.seeds.front());
  return {record.model_epochs, record.matmul_flops};
}

RunOutcome run_experiment(const Experiment& e, const RunRequest& request, RunWatcher& watcher,
                          const std::atomic<bool>& stop) {
  const Resolved r = resolve(e, request);
  resolve_passes_off(request.passes_off);
  const std::string name = r.variants.front().settings->data();
  for (const Variant& v : r.variants)
    require(v.settings->data() == name, "'data' cannot be swept: compare two runs instead");
  const Dataset data = name.empty() ? Dataset{} : load_dataset(name, request.data);
  if (!data.note.empty()) watcher.note(data.note);

  Manifest manifest;
  manifest.experiment = e.name;
  manifest.program_version = build_info().version;
  manifest.commit = build_info().commit;
  manifest.machine = machine_description();
  if (!data.name.empty()) manifest.data_hashes[data.name] = data.hash;
  const int threads = request.threads > 0 ? request.threads : available_cores();
  manifest.threads = threads;
  const Cost cost = cost_per_seed(r, data);
  RunFolder folder = RunFolder::create(request.out, manifest, r.toml);
  Results results(folder.results_path(), Access::write);
  store_texts(results, e, r, data);

  const std::set<int64_t> done = finished_seeds(results, r);
  std::deque<int64_t> todo;
  for (const int64_t s : r.seeds)
    if (!done.contains(s)) todo.push_back(s);
  const int pending = static_cast<int>(todo.size());
  const int workers = std::max(1, std::min(threads, pending));
  watcher.began(static_cast<int64_t>(r.seeds.size()), static_cast<int64_t>(done.size()),
                cost.model_epochs * pending);

  const auto begin = Clock::now();
  RunOutcome outcome{.status = RunStatus::finished, .folder = request.out};
  std::mutex mutex;  // of the watcher and the counters
  Seeds seeds(std::move(todo));
  const auto work = [&] {
    WorkerOptions options;
    options.data = &data;
    options.precision = request.precision;
    options.passes_off = request.passes_off;
    options.threads = std::max(1, threads / workers);
    options.stop = &stop;
    options.checkpoints = folder.checkpoints_path();
    if (request.keep_models) options.models = folder.path() / "models";
    options.advanced = [&](double epochs) {
      const std::lock_guard lock(mutex);
      outcome.model_epochs += epochs;
      watcher.advanced(epochs);
    };
    try {
      Worker worker(options);
      while (const auto seed = seeds.take()) {
        SeedRecord record;
        try {
          record = run_seed(r, worker, *seed);
        } catch (const UserError&) {
          throw;
        } catch (const std::bad_alloc&) {
          fail_user("seed {} does not fit into memory; use fewer threads or smaller networks", *seed);
        } catch (const std::exception& error) {
          record = failed_seed(r, *seed);
          const std::lock_guard lock(mutex);
          watcher.note(fmt::format("seed {} failed; this is a bug of Omniscale, please report it: {}",
                                   *seed, error.what()));
        }
        std::vector<ModelResult> models;
        for (const auto& [arm, model] : record.models) models.push_back(model);
        results.transaction([&] {
          for (const ModelResult& m : models) results.record_model(m);
        });
        worker.end_seed();
        const std::lock_guard lock(mutex);
        watcher.seed_done(*seed, models);
      }
    } catch (...) {
      seeds.fail(std::current_exception());
    }
  };
  std::vector<std::thread> threads_running;
  for (int i = 1; i < workers; ++i) threads_running.emplace_back(work);
  work();
  for (std::thread& t : threads_running) t.join();

  outcome.busy_s = seconds_since(begin);
  if (seeds.error()) {
    try {
      std::rethrow_exception(seeds.error());
    } catch (const Interrupted&) {
      outcome.status = RunStatus::interrupted;
    } catch (...) {
      folder.set_status(RunStatus::failed, outcome.busy_s);
      throw;
    }
  }
  for (const ModelResult& m : results.models()) {
    ++outcome.models;
    outcome.diverged += m.status == ModelStatus::diverged;
    outcome.failed += m.status == ModelStatus::failed;
  }
  if (outcome.status == RunStatus::finished) {
    outcome.claims = judge_claims(r, results, data);
    results.set_claims(outcome.claims);
  }
  results.checkpoint();
  folder.set_status(outcome.status, outcome.busy_s);
  if (outcome.status == RunStatus::finished)
    atomic_write(folder.summary_path(), results.summary_csv());
  return outcome;
}

}  // namespace omni
