#include "cli/estimates.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <set>
#include <thread>
#include <vector>

#include "base/build_info.h"
#include "base/error.h"
#include "base/machine.h"
#include "base/missing_file.h"
#include "base/places.h"
#include "cli/screen.h"
#include "data/catalogue.h"
#include "lab/declarations.h"
#include "lab/jobs.h"
#include "lab/judging.h"
#include "lab/word_use.h"
#include "store/files.h"

namespace omni::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostPrograms = 8;  // whose counts the cache keeps

std::string this_machine() { return processor_name() + ", " + instruction_set(); }

fs::path counts_folder() { return user_cache() / "counts"; }
fs::path seen_path() { return user_cache() / "runs-seen.json"; }

// What `file` holds, made by `parse`; nothing where it is absent, unreadable or something else.
template <class Parse>
auto read_kept(const fs::path& file, const Parse& parse)
    -> std::optional<decltype(parse(std::string(), file.string()))> {
  std::error_code error;
  if (!fs::exists(file, error)) return std::nullopt;
  try {
    return parse(read_file(file), file.string());
  } catch (const UserError&) {
    return std::nullopt;
  }
}

SeenRuns read_seen() {
  if (user_cache().empty()) return {};
  return read_kept(seen_path(), SeenRuns::from_json).value_or(SeenRuns());
}

// Of this very program; empty ones if `file` has none of it.
Counts read_counts(const fs::path& file) {
  std::optional<Counts> kept = read_kept(file, counts_from_json);
  return kept && kept->program == program_hash() ? std::move(*kept) : Counts{program_hash(), {}};
}

fs::path beside_program() {
  std::error_code error;
  fs::path program = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path() : program += ".counts";
}

fs::path in_cache() { return counts_folder() / (program_hash() + ".json"); }

void merge(Counts& into, const Counts& more) {
  for (const auto& [names, counted] : more.presets)
    if (counted.count || !into.presets.contains(names))
      into.presets.insert_or_assign(names, counted);
}

// Old builds' counts, but for the latest few.
void forget_old_counts() {
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  std::error_code error;
  for (fs::directory_iterator it(counts_folder(), error), end; !error && it != end;
       it.increment(error)) {
    const auto time = it->last_write_time(error);
    if (!error) files.emplace_back(time, it->path());
  }
  std::ranges::sort(files, std::greater{});
  for (size_t i = kMostPrograms; i < files.size(); ++i) fs::remove(files[i].second, error);
}

void keep_counts(const Counts& counts) {
  make_folder(counts_folder());
  atomic_write(in_cache(), counts_to_json(counts));
  forget_old_counts();
}

// What is found in one preset.
struct Look {
  WordUse use;
  std::string slip;
};

// What a run would say before it trains.
void look_at(const Experiment& e, const Resolved& r, const Dataset& data, const SeedRecord& dry,
             Look& look) {
  try {
    check_declarations(r, e, data, dry);
    if (e.words.there()) look.use.add(r, e, data, dry);
  } catch (const UserError& error) {
    look.slip = error.what();
  }
}

Counted count_preset(const Experiment& e, const Preset& p, Look& look) {
  RunRequest request;
  request.preset = p.name;
  try {
    const Resolved r = resolve(e, request);
    const Dataset data = blank_dataset(r.variants.front().settings->data());
    const SeedRecord dry = dry_run(r, data);
    look_at(e, r, data, dry, look);
    if (!look.slip.empty()) return {counted(dry), ""};
    return {counted(dry), "", recorded_reads(r, e, data, recording_of(dry))};
  } catch (const MissingFile& error) {
    return {std::nullopt, error.what()};
  } catch (const std::exception& error) {  // the others are told all the same
    look.slip = error.what();
    return {std::nullopt, error.what()};
  }
}

// Slips of an experiment, each once, and what stands for nothing on its page, if all of its presets
// could be looked at.
void tell_slips(const Experiment& e, const Counts& counts, std::span<const Look> looks,
                std::vector<std::string>& slips) {
  WordUse use;
  std::set<std::string> told;
  bool all_known = e.words.there();
  for (size_t i = 0; i < looks.size(); ++i) {
    const bool is_known = counts.presets.at({e.name, e.presets[i].name}).count.has_value();
    all_known = all_known && is_known && looks[i].slip.empty();
    use.merge(looks[i].use);
    if (!looks[i].slip.empty() && told.insert(looks[i].slip).second)
      slips.push_back(fmt::format("{}: {}", e.name, looks[i].slip));
  }
  if (all_known) std::ranges::move(use.unused(e.words), std::back_inserter(slips));
}

}  // namespace

Counts count_presets(std::span<const Experiment> catalogue, std::vector<std::string>* slips) {
  Counts counts{program_hash(), {}};
  std::vector<std::pair<const Experiment*, const Preset*>> todo;
  for (const Experiment& e : catalogue)
    for (const Preset& p : e.presets) todo.emplace_back(&e, &p);
  std::vector<Counted> found(todo.size());
  std::vector<Look> looks(todo.size());
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i; (i = next++) < todo.size();)
      found[i] = count_preset(*todo[i].first, *todo[i].second, looks[i]);
  };
  std::vector<std::jthread> threads;
  try {
    for (int i = 1; i < available_cores(); ++i) threads.emplace_back(work);
  } catch (const std::system_error&) {
    // The system gives no more threads: those that there are do it all.
  }
  work();
  threads.clear();
  for (size_t i = 0; i < todo.size(); ++i)
    counts.presets[{todo[i].first->name, todo[i].second->name}] = std::move(found[i]);
  size_t seen = 0;
  for (const Experiment& e : catalogue) {
    if (slips) tell_slips(e, counts, std::span(looks).subspan(seen, e.presets.size()), *slips);
    seen += e.presets.size();
  }
  return counts;
}

Estimates::Estimates(const Context& context)
    : machine_(this_machine()),
      cores_(available_cores()),
      counts_(read_counts(beside_program())),
      seen_(read_seen()) {
  const bool cache = !user_cache().empty();
  if (cache) merge(counts_, read_counts(in_cache()));
  const auto is_known = [&](const Experiment& e) {
    return std::ranges::all_of(e.presets, [&](const Preset& p) {
      return counts_.presets.contains({e.name, p.name});
    });
  };
  if (std::ranges::all_of(context.catalogue, is_known)) return;
  merge(counts_, count_presets(context.catalogue));
  if (!cache) return;
  if (const std::string problem = user_cache_problem(); !problem.empty()) {
    tell("!! what presets cost is counted anew each time, as nothing can be kept in {}\n", problem);
    return;
  }
  try {
    keep_counts(counts_);
  } catch (const UserError& error) {
    tell("!! what presets cost was counted but cannot be kept: {}\n", error.what());
  }
}

const Counted& Estimates::counted(const Experiment& e, const Preset& p) const {
  return counts_.presets.at({e.name, p.name});
}

PresetReads known_reads(const Experiment& e) {
  Counts counts = read_counts(beside_program());
  if (!user_cache().empty()) merge(counts, read_counts(in_cache()));
  PresetReads known;
  for (const auto& [names, counted] : counts.presets)
    if (names.first == e.name && counted.reads) known[names.second] = *counted.reads;
  return known;
}

std::optional<double> Estimates::seconds(const Experiment& e, const Preset& p) const {
  const std::optional<Count>& seed = counted(e, p).count;
  if (!seed) return std::nullopt;
  const double slowness = seen_.slowness(machine_, e.name, p.name).value_or(1);
  return estimated_seconds(*seed, p.seeds, cores_, slowness);
}

bool Estimates::have_seen_runs() const {
  return std::ranges::find(seen_.all(), machine_, &SeenRun::machine) != seen_.all().end();
}

void remember_run(const Experiment& e, const std::string& preset, bool preset_as_is,
                  const RunOutcome& outcome) {
  if (user_cache().empty() || !user_cache_problem().empty()) return;
  try {
    if (outcome.slowness) {
      SeenRuns seen = read_seen();
      seen.add({this_machine(), e.name, preset, *outcome.slowness});
      make_folder(user_cache());
      atomic_write(seen_path(), seen.to_json());
    }
    if (!preset_as_is) return;
    Counts counts = read_counts(in_cache());
    const Counts built = read_counts(beside_program());
    const auto known = built.presets.find({e.name, preset});
    if (known != built.presets.end() && known->second.count) return;
    counts.presets[{e.name, preset}] = {outcome.count, "", outcome.reads};
    keep_counts(counts);
  } catch (const UserError& error) {
    tell("!! how long this run took cannot be kept for the estimates of `list`: {}\n",
         error.what());
  }
}

}  // namespace omni::cli
