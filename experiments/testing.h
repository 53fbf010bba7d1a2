// What tests of experiments share: a run of the smoke preset in a folder of its own.
#pragma once

#include <algorithm>
#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "base/test_folder.h"
#include "data/catalogue.h"
#include "lab/jobs.h"
#include "lab/judging.h"
#include "lab/runner.h"

namespace omni::testing {

class SilentWatcher final : public RunWatcher {
 public:
  void began(int64_t, int64_t, double) override {}
  void advanced(const Amount&) override {}
  void seed_done(int64_t, const std::vector<ModelResult>&) override {}
  void note(const std::string&) override {}
};

// Whether it has such an option.
inline bool offers(const Experiment& e, std::string_view option) {
  const auto settings = e.settings();
  OptionList options = settings->options();
  return std::ranges::any_of(options.all(), [&](const Option& o) { return o.name() == option; });
}

inline RunRequest smoke_request(const std::filesystem::path& out,
                                const std::vector<std::string>& arguments) {
  RunRequest r;
  r.preset = "smoke";
  for (const std::string& a : arguments) r.assignments.push_back(parse_assignment(a));
  r.threads = 2;
  r.out = out;
  r.preset_reads = {{r.preset, {}}};  // of the others nothing: to ask takes dry runs of them all
  return r;
}

// The ids of the claims that would be judged on that data, each with a space behind it. Where a
// preset's data are the user's, and not there, its options alone tell.
inline std::string judged_claims(const Experiment& e, const std::string& preset,
                                 const std::string& data, std::vector<Assignment> assignments) {
  RunRequest r;
  r.preset = preset;
  r.assignments = std::move(assignments);
  const Resolved resolved = resolve(e, r);
  Dataset d;
  d.name = data;
  std::vector<ClaimSpec> claims = stated_claims(resolved, e, d);
  // Statements are judged where what they read is recorded.
  if (std::ranges::any_of(claims, [](const ClaimSpec& c) { return !c.reads.empty(); })) {
    const Dataset blank = blank_dataset(resolved.variants.front().settings->data());
    try {
      const Recording recording = recording_of(dry_run(resolved, blank));
      claims = stated_claims(resolved, e, d, &recording);
    } catch (const UserError& missing) {
      if (!std::string_view(missing.what()).ends_with("there is no such file or folder")) throw;
    }
  }
  std::string ids;
  for (const ClaimSpec& c : claims)
    if (c.why_not_judged.empty() && c.claim.judged) ids += c.id + " ";
  return ids;
}

struct SmokeRun {
  SmokeRun(const Experiment& e, const std::vector<std::string>& arguments)
      : outcome(run(e, smoke_request(folder.path() / "run", arguments))),
        results(outcome.folder / "results.sqlite", Access::read) {}

  static RunOutcome run(const Experiment& e, const RunRequest& request) {
    SilentWatcher watcher;
    const std::atomic<bool> stop = false;
    return run_experiment(e, request, watcher, stop);
  }

  TestFolder folder;
  RunOutcome outcome;
  Results results;
};

}  // namespace omni::testing
