#include "lab/runner.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "base/build_info.h"
#include "base/machine.h"
#include "lab/author_code.h"
#include "lab/declarations.h"
#include "lab/jobs.h"
#include "lab/judging.h"
#include "lab/under_way.h"
#include "store/files.h"

namespace omni {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void store_texts(Results& results, const Experiment& e, const Resolved& r, const Dataset& data,
                 const Recording& recording) {
  const ExperimentTexts& t = e.texts;
  const std::string label = metric_label(e, *r.variants.front().settings);
  const std::pair<const char*, const std::string*> texts[] = {
      {run_key::kTitle, &e.title},         {run_key::kQuestion, &t.question},
      {run_key::kSource, &t.source},       {run_key::kMethod, &t.method},
      {run_key::kStructure, &t.structure}, {run_key::kControls, &t.controls},
      {run_key::kTranslation, &t.translation}, {run_key::kExpectedFailure, &t.expected_failure},
      {run_key::kCosts, &t.costs},         {run_key::kLimits, &t.limits},
      {run_key::kPreset, &r.preset},       {run_key::kMetric, &e.metric},
      {run_key::kMetricLabel, &label},     {run_key::kData, &data.name}};
  results.transaction([&] {
    for (const auto& [key, text] : texts) results.set(key, *text);
    if (!data.note.empty()) results.set(run_key::kStandIn, data.note);
    results.set_arms(all_arms(r, e, recording));
    results.set_ranges(e.ranges);
    results.set_primary(e.primary);
    results.set_figures(all_figures(r, e, data, recording));
  });
}

void store(Results& results, const SeedRecord& record, const Origin& origin, bool with_pictures) {
  results.transaction([&] {
    for (const auto& [arm, model] : record.models) results.record_model(model);
    results.record_origin(origin);
    if (!with_pictures) return;
    for (const RecordedImage& image : record.images)
      results.record_image(image.figure, record.seed, image.place, image.label, image.png);
    for (const RecordedText& text : record.texts)
      results.record_text(text.figure, record.seed, text.place, text.text);
  });
}

// How the time that workers take compares to what is typical.
class Speed {
 public:
  // A job that this worker, of so many threads, has done; `planned`: its graphs, too.
  void add(const Load& job, double graphs, double seconds, int threads) {
    const std::lock_guard lock(mutex_);
    typical_s_ += typical_seconds(job) + typical_planning_seconds(graphs);
    core_s_ += seconds * threads;
  }
  std::optional<double> slowness() const {
    if (typical_s_ <= 0 || core_s_ <= 0) return std::nullopt;
    return core_s_ / typical_s_;
  }

 private:
  std::mutex mutex_;
  double typical_s_ = 0, core_s_ = 0;
};

// Of presets whose data are the user's nothing is known.
PresetReads preset_reads(const Experiment& e) {
  PresetReads reads;
  for (const Preset& p : e.presets)
    if (const auto seed = dry_run_of(e, p.name))
      reads[p.name] = recorded_reads(seed->resolved, e, seed->data, recording_of(seed->dry));
  return reads;
}

std::string program_of(const RunRequest& request) {
  return request.program.empty() ? program_hash() : request.program;
}

std::string machine_text(ExecutorKind executor) {
  return fmt::format("{}, {}", machine_description(), row_of(executor).library());
}

}  // namespace

Staleness staleness_of(const RunFolder& run, const Resolved& r, const RunRequest& request) {
  Staleness s;
  const Manifest& m = run.manifest();
  s.inputs = changed_input(m.inputs);
  const std::string mine = program_of(request);
  if (!m.programs.empty() && m.programs.back() != mine)
    s.build = fmt::format("another build of the program made it ({}; this is {})",
                          m.programs.back(), mine);
  if (r.variants.front().settings->data() == "auto")
    for (const ImageSet& set : image_sets()) {
      if (m.data_hashes.contains(set.name)) break;
      DataOptions here = request.data;
      here.allow_download = false;
      if (describe(set, here).state != DatasetState::found) continue;
      s.stand_in = fmt::format("it ran on {}, which stood in for {}; that can be had now",
                               m.data_hashes.empty() ? "other data" : m.data_hashes.begin()->first,
                               set.name);
      break;
    }
  return s;
}

Work work_of_seed(const Resolved& r, const Dataset& data) { return all_work(dry_run(r, data)); }

Count count_of(const Resolved& r, const Dataset& data) { return counted(dry_run(r, data)); }

RunOutcome run_experiment(const Experiment& e, const RunRequest& request, RunWatcher& watcher,
                          const std::atomic<bool>& stop) {
  Inputs inputs;
  std::optional<ReadsInputs> reading(&inputs);
  const Resolved r = resolve(e, request);
  reading.reset();
  const std::string name = r.variants.front().settings->data();
  const Dataset read =
      name.empty() || request.loaded ? Dataset{} : load_dataset(name, request.data);
  const Dataset& data = request.loaded ? *request.loaded : read;
  if (!data.note.empty()) watcher.note(data.note);

  Manifest manifest;
  manifest.experiment = e.name;
  manifest.program_version = build_info().version;
  manifest.commit = commit_text();
  const std::string program = program_of(request);
  manifest.programs = {program};
  manifest.machine = machine_text(request.executor);
  if (!data.name.empty()) manifest.data_hashes[data.name] = data.hash;
  const int threads = request.threads > 0 ? request.threads : available_cores();
  manifest.threads = threads;
  reading.emplace(&inputs);
  const SeedRecord dry = dry_run(r, data, &inputs);
  Recording recording = recording_of(dry);
  PresetReads of_presets = request.preset_reads;
  recording.presets = [&]() -> const PresetReads& {
    if (of_presets.empty()) of_presets = preset_reads(e);
    return of_presets;
  };
  check_declarations(r, e, data, dry, &recording);
  watcher.planned(recording.arms.size());
  reading.reset();
  const Division division = divide(dry);
  const std::vector<PartForm> forms = forms_of(dry, division);
  manifest.inputs = inputs.all();
  if (request.anew)
    if (const auto aside = RunFolder::set_aside(request.out); !aside.empty())
      watcher.note(fmt::format("the run that was in {} is kept in {}", request.out.string(),
                               aside.string()));
  RunFolder folder = RunFolder::create(request.out, manifest, r.toml);
  inputs.expect(folder.manifest().inputs);
  Hash identity;
  identity.add(build_info().library);
  identity.add(hash_of(manifest.inputs));
  Results results(folder.results_path(), Access::write);
  OtherBuilds earlier(results, forms, program);
  if (const std::string said = earlier.forget_changed(); !said.empty()) watcher.note(said);
  const std::vector<Origin> repeated =
      request.mixed_builds ? std::vector<Origin>() : earlier.to_repeat();
  store_texts(results, e, r, data, recording);

  std::deque<Job> todo = unfinished_jobs(results, r, division);
  std::error_code ignored;
  const bool whole = todo.size() == division.parts.size() * r.seeds.size() &&
                     std::filesystem::is_empty(folder.checkpoints_path(), ignored);
  double pending = 0;
  for (const Job& job : todo) pending += load_of(dry, job.part).matmul_flops;
  const auto part_of = [](const Origin& o) {
    return o.part.empty() ? std::nullopt : std::optional(o.part);
  };
  for (const Origin& o : repeated) pending += load_of(dry, part_of(o)).matmul_flops;
  // On CPUs each worker has an executor, and a job at a time. Where one executor steps models of
  // many jobs, a worker is little more than a job's memory.
  int workers = std::max(1, std::min(threads, static_cast<int>(todo.size())));
  const auto make_slots = row_of(request.executor).make_slots;
  const std::unique_ptr<SlotExecutor> shared = make_slots ? make_slots(threads) : nullptr;
  if (shared && todo.size() > 1) {
    const UnderWay fit =
        most_under_way(dry, division, *shared, todo.size(), request.most_bytes_under_way);
    workers = fit.jobs;
    watcher.under_way(fit.jobs, todo.size(), fit.bytes_each);
  }
  const auto origin_of = [&](const Job& job) {
    const std::string part = job.part.value_or("");
    return Origin{job.seed, part, program,
                  std::ranges::find(forms, part, &PartForm::part)->fingerprint};
  };
  Jobs jobs(std::move(todo));
  const auto seeds = static_cast<int64_t>(r.seeds.size());
  watcher.began(seeds, seeds - static_cast<int64_t>(jobs.seeds()), pending);

  const auto begin = Clock::now();
  RunOutcome outcome{.status = RunStatus::finished,
                     .folder = request.out,
                     .count = counted(dry),
                     .reads = recorded_reads(r, e, data, recording)};
  Speed speed;
  std::mutex mutex;  // of the watcher and of the folder
  std::optional<Rendezvous> rendezvous;
  if (shared)
    rendezvous.emplace(*shared, Rendezvous::Options{threads, request.grouping, request.met});
  const auto options_for = [&](int workers_beside) {
    WorkerOptions options;
    options.data = &data;
    options.executor = request.executor;
    options.precision = request.precision;
    options.passes_off = request.passes_off;
    options.threads = std::max(1, threads / workers_beside);
    options.inputs = &inputs;
    options.identity = identity.value();
    options.stop = &stop;
    options.checkpoints = folder.checkpoints_path();
    options.checkpoint_every_s = request.checkpoint_every_s;
    options.fork_at = request.fork_at;
    options.steps_per_call = request.steps_per_call;
    if (request.keep_models) options.models = folder.path() / "models";
    options.advanced = [&](const Amount& done) {
      const std::lock_guard lock(mutex);
      watcher.advanced(done);
    };
    return options;
  };
  // Before this build adds anything to what another one made, it shows that it makes the same.
  const auto repeat = [&] {
    WorkerOptions options = options_for(1);
    options.checkpoints = folder.checkpoints_path() / ("again-" + program);
    options.models.clear();
    std::set<int64_t> said;
    for (const Origin& o : repeated) {
      Worker worker(options);
      if (said.insert(o.seed).second)
        watcher.note(
            fmt::format("seed {} is trained again, to see whether this build gives what "
                        "was stored",
                        o.seed));
      earlier.require_equal(o, run_job(r, worker, {o.seed, part_of(o)}));
    }
    if (!repeated.empty()) earlier.agreed();
    std::error_code ignored;
    std::filesystem::remove_all(options.checkpoints, ignored);
  };
  const auto work = [&](std::unique_ptr<Rendezvous::Member> member) {
    try {
      WorkerOptions options = options_for(workers);
      if (member) options.make_executor = [&] { return member->executor(); };
      Worker worker(options);
      double unplanned = outcome.count.graphs;
      while (const auto job = jobs.take()) {
        if (stop) throw Interrupted{};
        if (member) member->begin(job->number);
        SeedRecord record;
        const auto job_begin = Clock::now();
        try {
          record = run_job(r, worker, *job);
        } catch (const ThrownByExperiment& error) {
          record = failed_job(division, *job);
          const std::lock_guard lock(mutex);
          watcher.note(fmt::format("seed {} failed: {}", job->seed, error.what()));
        } catch (const UserError& error) {
          fail_user("seed {}: {}", job->seed, error.what());
        } catch (const std::bad_alloc&) {
          fail_user("seed {} does not fit into memory; use fewer threads or smaller networks",
                    job->seed);
        } catch (const std::exception& error) {
          record = failed_job(division, *job);
          const std::lock_guard lock(mutex);
          watcher.note(fmt::format("seed {} failed; this is a bug of Omniscale, please report it: {}",
                                   job->seed, error.what()));
        }
        speed.add(load_of(dry, job->part), std::exchange(unplanned, 0), seconds_since(job_begin),
                 options.threads);
        {
          const std::lock_guard lock(mutex);
          if (inputs.count() > folder.manifest().inputs.size()) folder.set_inputs(inputs.all());
        }
        store(results, record, origin_of(*job), job->seed == r.seeds.front());
        worker.end();
        if (!jobs.finished(*job)) continue;
        const std::vector<ModelResult> models = results.models_of(job->seed);
        const std::lock_guard lock(mutex);
        watcher.seed_done(job->seed, models);
      }
    } catch (...) {
      jobs.fail(std::current_exception());
    }
  };
  std::vector<std::thread> threads_running;
  try {
    for (const std::string& other : folder.manifest().programs)  // what a kill left of others'
      if (other != program || repeated.empty())
        std::filesystem::remove_all(folder.checkpoints_path() / ("again-" + other), ignored);
    repeat();
  } catch (...) {
    jobs.fail(std::current_exception());
  }
  std::vector<std::unique_ptr<Rendezvous::Member>> members(static_cast<size_t>(workers));
  if (rendezvous)
    for (auto& member : members) member = rendezvous->join();
  try {
    for (int i = 1; i < workers; ++i)
      threads_running.emplace_back(work, std::move(members[static_cast<size_t>(i)]));
  } catch (const std::system_error&) {
    // The system gives no more threads: those that there are do it all.
  }
  std::unique_ptr<Rendezvous::Member> own = std::move(members.front());
  members.clear();  // who has no thread leaves
  work(std::move(own));
  for (std::thread& t : threads_running) t.join();

  outcome.busy_s = seconds_since(begin);
  if (jobs.error()) {
    try {
      std::rethrow_exception(jobs.error());
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
  if (whole && outcome.diverged == 0 && outcome.failed == 0 && request.passes_off.empty() &&
      request.executor == ExecutorKind::cpu && request.precision == Precision::f32 &&
      outcome.status == RunStatus::finished)
    outcome.slowness = speed.slowness();
  const bool ended = outcome.status == RunStatus::finished;
  if (ended) {
    outcome.claims = judge_claims(r, e, results, data, &recording);
    results.set_claims(outcome.claims);
  }
  results.checkpoint();
  // The next start trains again what failed.
  if (ended && outcome.failed > 0) outcome.status = RunStatus::failed;
  folder.set_status(outcome.status, outcome.busy_s);
  if (ended) atomic_write(folder.summary_path(), results.summary_csv());
  return outcome;
}

}  // namespace omni
