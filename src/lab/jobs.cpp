#include "lab/jobs.h"

#include <algorithm>
#include <functional>
#include <set>

#include "base/build_info.h"
#include "data/catalogue.h"
#include "lab/author_code.h"
#include "lab/declarations.h"

namespace omni {

SeedRecord run_job(const Resolved& r, Worker& worker, const Job& job) {
  SeedRecord record;
  record.seed = job.seed;
  const ReadsInputs reading(worker.options().inputs);
  worker.begin(job.seed, job.part);
  for (const Variant& v : r.variants) {
    Trial trial(worker, job.seed, v.label, record, v.settings->common().when_diverging());
    call_author(worker.options().dry ? "called dry, with zeros for what it measures" : "",
                [&] { v.settings->run(trial); });
  }
  require_recorded(record);
  return record;
}

SeedRecord dry_run(const Resolved& r, const Dataset& data, Inputs* inputs) {
  WorkerOptions options;
  options.data = &data;
  options.inputs = inputs;
  options.dry = true;
  Worker worker(options);
  return run_job(r, worker, {r.seeds.front()});
}

Load load_of(const SeedRecord& dry, const std::optional<std::string>& part) {
  const auto of = [&](const std::string& name) {
    const auto work = dry.work.find(name);
    return work == dry.work.end() ? Load{} : work->second.load();
  };
  return part ? of("") + of(*part) : of("");
}

std::optional<PresetSeed> dry_run_of(const Experiment& e, const std::string& preset) {
  RunRequest request;
  request.preset = preset;
  try {
    PresetSeed seed{resolve(e, request), {}, {}};
    seed.data = blank_dataset(seed.resolved.variants.front().settings->data());
    seed.dry = dry_run(seed.resolved, seed.data);
    return seed;
  } catch (const UserError&) {
    return std::nullopt;
  }
}

Division divide(const SeedRecord& dry) {
  Division d;
  for (const std::string& part : dry.parts) d.parts.emplace_back(part);
  if (d.parts.empty()) d.parts.emplace_back();
  std::ranges::stable_sort(d.parts, std::greater{},
                           [&](const auto& part) { return load_of(dry, part).matmul_flops; });
  for (const auto& [arm, part] : dry.part_of)
    d.arms_of[dry.parts.empty() ? std::nullopt : std::optional(part)].push_back(arm);
  return d;
}

SeedRecord failed_job(const Division& division, const Job& job) {
  SeedRecord record;
  record.seed = job.seed;
  for (const std::string& arm : division.arms_of.at(job.part)) {
    ModelResult& m = record.models[arm];
    m.arm = arm;
    m.seed = job.seed;
    m.status = ModelStatus::failed;
  }
  return record;
}

Work all_work(const SeedRecord& dry) {
  Work all;
  for (const auto& [part, work] : dry.work) all.add(work);
  return all;
}

Count counted(const SeedRecord& dry) {
  Count count;
  count.model_epochs = dry.model_epochs;
  count.graphs = static_cast<double>(all_work(dry).items().size());
  for (const auto& part : divide(dry).parts) count.jobs.push_back(load_of(dry, part));
  return count;
}

std::vector<PartForm> forms_of(const SeedRecord& dry, const Division& division) {
  std::vector<PartForm> forms;
  const auto value = [&](const std::string& part) {
    const auto form = dry.form.find(part);
    return form == dry.form.end() ? 0 : form->second.value();
  };
  for (const auto& part : division.parts) {
    Hash hash;
    hash.add(build_info().library);
    hash.add(value(""));
    if (part) hash.add(value(*part));
    forms.push_back(
        {part.value_or(""), division.arms_of.at(part), fmt::format("{:016x}", hash.value())});
  }
  return forms;
}

std::deque<Job> unfinished_jobs(const Results& results, const Resolved& r, const Division& d) {
  std::set<std::pair<int64_t, std::string>> stored;
  for (const ModelResult& m : results.models())
    if (m.status != ModelStatus::failed) stored.insert({m.seed, m.arm});
  std::deque<Job> todo;
  for (const auto& part : d.parts)
    for (const int64_t seed : r.seeds)
      if (!std::ranges::all_of(d.arms_of.at(part), [&](const std::string& arm) {
            return stored.contains({seed, arm});
          }))
        todo.push_back({seed, part});
  return todo;
}

}  // namespace omni
