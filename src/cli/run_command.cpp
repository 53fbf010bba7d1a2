// `omni run`: says what will be run, runs it with progress, and shows what came out.
#include <fmt/ranges.h>
#include <unistd.h>

#include "base/error.h"
#include "base/machine.h"
#include "base/places.h"
#include "cli/choice.h"
#include "cli/estimates.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/screen.h"
#include "cli/summary.h"
#include "report/report.h"
#include "store/files.h"
#include "store/run_folder.h"

namespace omni::cli {
namespace {

namespace fs = std::filesystem;

// Whether nothing differs from the preset's settings; a preset may need others to be complete.
bool is_preset(const Experiment& e, const Resolved& resolved) {
  RunRequest plain;
  plain.preset = resolved.preset;
  try {
    return resolve(e, plain).toml == resolved.toml;
  } catch (const UserError&) {
    return false;
  }
}

// runs/NAME-PRESET, with a fingerprint of the settings when they differ from the preset's: equal
// commands find their folder again, different ones never share one.
fs::path default_folder(const Experiment& e, const RunRequest& request, const Resolved& resolved) {
  std::string name = e.name + "-" + resolved.preset;
  const std::string passes = fmt::format("{}", fmt::join(request.passes_off, ","));
  if (!is_preset(e, resolved) || !passes.empty())
    name += "-" + text_hash(resolved.toml + passes).substr(0, 8);
  return fs::path("runs") / name;
}

std::optional<RunFolder> finished_run(const fs::path& out, const Experiment& e,
                                      const Resolved& resolved) {
  std::error_code ignored;
  if (!fs::exists(out / "manifest.json", ignored)) return std::nullopt;
  RunFolder run = RunFolder::open(out);
  const bool same = run.manifest().status == RunStatus::finished &&
                    run.manifest().experiment == e.name && run.config() == resolved.toml;
  return same ? std::optional(std::move(run)) : std::nullopt;
}

// To go on with a run that was begun anew is not to begin once more.
std::vector<std::string> without_anew(std::vector<std::string> words) {
  std::erase(words, "--anew");
  return words;
}

std::string plural(size_t n, const char* what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

std::string arithmetic_of(const RunRequest& request) {
  const ExecutorRow& executor = row_of(request.executor);
  const std::string in = executor.computes_in ? executor.computes_in : name_of(request.precision);
  if (request.executor == RunRequest{}.executor) return in;
  return fmt::format("executor {} in {}", executor.name, in);
}

// What was understood, before anything is read or computed.
std::string announcement(const Experiment& e, const RunRequest& request, const Resolved& resolved) {
  const std::string data = resolved.variants.front().settings->data();
  const int threads = request.threads > 0 ? request.threads : available_cores();
  std::string text =
      fmt::format("{}, preset {}: {}{}, {}, {}\n", e.name, resolved.preset,
                  plural(resolved.seeds.size(), "seed"), data.empty() ? "" : ", data " + data,
                  arithmetic_of(request), plural(static_cast<size_t>(threads), "thread"));
  text += sweep_text(resolved, request);
  return text + fmt::format("Results go to {}\n", request.out.string());
}

// A report that is absent, or older than the end of the run, was cut off by a kill.
bool has_report(const fs::path& out) {
  std::error_code error;
  const auto report = fs::last_write_time(out / "report.html", error);
  return !error && report >= fs::last_write_time(out / "manifest.json", error);
}

// Progress that tells the moment from which a signal has something to keep.
class RunProgress : public RunWatcher {
 public:
  RunProgress(Progress& shown, const Interrupts& interrupts)
      : shown_(shown), interrupts_(interrupts) {}
  void planned(size_t conditions) override {
    shown_.say(plural(conditions, "condition") + " for each seed");
  }
  void under_way(int at_once, size_t all, int64_t bytes_each) override {
    shown_.say(fmt::format("{} of {} seeds or parts train together, each in at most {} of memory",
                           at_once, all, byte_count(static_cast<double>(bytes_each))));
  }
  void began(int64_t seeds, int64_t seeds_done, double matmul_flops) override {
    interrupts_.ask();
    shown_.began(seeds, seeds_done, matmul_flops);
  }
  void advanced(const Amount& done) override { shown_.advanced(done); }
  void seed_done(int64_t seed, const std::vector<ModelResult>& models) override {
    shown_.seed_done(seed, models);
  }
  void note(const std::string& text) override { shown_.note(text); }

 private:
  Progress& shown_;
  const Interrupts& interrupts_;
};

// Runs with progress and adds what was said to the run's log.txt, however the run ends.
RunOutcome run_logged(const Experiment& e, RunRequest request, bool quiet,
                      const Interrupts& interrupts, std::string log) {
  Progress progress(quiet, write_err, redraw_on_terminal(),
                    [&](const std::string& line) { log += line + '\n'; });
  RunProgress watcher(progress, interrupts);
  request.data.download.progress = [&](const DownloadProgress& d) {
    interrupts.ask();
    if (interrupts.stop()) throw Cancelled{interrupts.exit_code()};
    progress.downloading(d);
  };
  const auto save = [&](std::string_view end) {
    // Before a run has begun its folder may be somebody else's.
    if (!progress.has_begun()) return;
    try {
      append(request.out / "log.txt", fmt::format("{}{}\n\n", log, end));
    } catch (const UserError& error) {  // no reason to give up what was computed
      tell("!! {}\n", error.what());
    }
  };
  if (const std::string last = RunFolder::abandoned_by(request.out); !last.empty() && !request.anew)
    progress.note(fmt::format("{} ended here without a word; going on from what it stored", last));
  if (const std::string problem = user_cache_problem(); !problem.empty())
    progress.note(
        fmt::format("nothing can be kept in {}; texts and downloads are made anew", problem));
  interrupts.end_at_once();
  try {
    RunOutcome outcome = run_experiment(e, request, watcher, interrupts.stop());
    progress.close();
    save(name_of(outcome.status));
    return outcome;
  } catch (const std::exception& error) {
    save(error.what());
    throw;
  }
}

// The report can be made at any time, so it is not waited for when a signal has come.
int finish_with_report(const Context& context, const fs::path& out, const Interrupts& interrupts,
                       int code, bool mixed_builds) {
  const std::string command = context.program + " report " + shell_words({out.string()}) +
                              (mixed_builds ? " --mixed-builds" : "");
  try {
    write_report(out, &interrupts.stop(), mixed_builds);
  } catch (const ReportStopped&) {
    tell("Stopped while the report was drawn. All results are kept in {}; to make the report:\n"
         "  {}\n", out.string(), command);
    return interrupts.exit_code();
  } catch (const UserError& error) {
    fail_user("{}\nAll results are kept in {}; to make the report: {}", error.what(), out.string(),
              command);
  }
  show_results(out);
  return code;
}

int show_finished(const Context& context, const RunFolder& run, const Resolved& resolved,
                  const RunRequest& request) {
  const Staleness stale = staleness_of(run, resolved, request);
  require(
      stale.inputs.empty(),
      "this run was finished on other inputs: {}. Its results in {} are kept; to run it on what is "
      "there now add --anew, which moves them aside, or choose another folder with --out",
      stale.inputs, request.out.string());
  if (!stale.stand_in.empty()) tell("!! {}.\n", stale.stand_in);
  const std::string by = stale.build.empty() ? "" : ", but " + stale.build;
  if (!has_report(request.out)) {
    tell("This run is finished already but for its report{}.\n", by);
    return finish_with_report(context, request.out, Interrupts(), 0, request.mixed_builds);
  }
  tell(
      "This run is finished already{}. To run it anew add --anew, which moves what is in {} aside, "
      "or --out DIR.\n",
      by, request.out.string());
  show_results(request.out);
  say("To make the report again: {} report {}{}\n", context.program,
      shell_words({request.out.string()}), request.mixed_builds ? " --mixed-builds" : "");
  return 0;
}

}  // namespace

int run_command(const Context& context, const RunArguments& arguments) {
  const Choice& choice = arguments.choice;
  require(!arguments.threads || (*arguments.threads >= 1 && *arguments.threads <= 1024),
          "--threads: expected a whole number from 1 to 1024, got {}",
          arguments.threads.value_or(0));
  require(arguments.checkpoint_every_s >= 0, "--checkpoint-every: expected seconds, 0 or more, got {}",
          arguments.checkpoint_every_s);
  auto [experiment, request] = choose(context, choice);
  const Resolved resolved = resolve(*experiment, request);
  request.threads = arguments.threads.value_or(0);
  request.keep_models = arguments.keep_models;
  request.anew = arguments.anew;
  request.mixed_builds = arguments.mixed_builds;
  request.preset_reads = known_reads(*experiment);
  request.checkpoint_every_s = arguments.checkpoint_every_s;
  request.out =
      arguments.out.empty() ? default_folder(*experiment, request, resolved) : arguments.out;
  if (!request.anew)
    if (const auto run = finished_run(request.out, *experiment, resolved))
      return show_finished(context, *run, resolved, request);

  const Interrupts interrupts;
  const std::string announced = announcement(*experiment, request, resolved);
  if (!arguments.quiet) write_err(announced);
  const std::string command = context.program + " " + shell_words(context.words);
  const RunOutcome outcome =
      run_logged(*experiment, request, arguments.quiet, interrupts, command + "\n" + announced);
  remember_run(*experiment, resolved.preset, is_preset(*experiment, resolved), outcome);
  if (outcome.status == RunStatus::interrupted) {
    tell("Stopped. Finished seeds are kept in {}; to go on, type {} again:\n  {}\n",
         request.out.string(), request.anew ? "this" : "the same command",
         context.program + " " + shell_words(without_anew(context.words)));
    return interrupts.exit_code();
  }
  return finish_with_report(context, request.out, interrupts, outcome.failed > 0 ? 1 : 0,
                            request.mixed_builds);
}

}  // namespace omni::cli
