// A run that takes a fraction of a second, what it leaves, and whether it left it right: what the
// tests of this folder break and resume.
#pragma once

#include <filesystem>
#include <string>

#include "base/test_folder.h"
#include "program.h"

namespace omni::faults {

struct SmallRun {
  int threads = 1;
  int epochs = 1;
  std::string data = "mnist1d";
  int last_seed = 3;
  double checkpoint_every_s = 0;  // 0: after every step

  Words words(const std::filesystem::path& out) const;  // the command
};

// What must not depend on what happened on the way: models with metrics, claims with verdicts, as
// they are stored, and summary.csv.
struct Outcome {
  std::string models, claims, summary;
  bool operator==(const Outcome&) const = default;
};
Outcome outcome_of(const std::filesystem::path& out);
// As stored, of the seeds below `seeds`: lines "arm seed status step hash metric step value".
std::string stored_models(const std::filesystem::path& out, int seeds);

// The run without any fault, made once per test program.
const Outcome& expected(const SmallRun& run);

// Makes `out` a run with two of its four seeds stored and a report of them, as left by Ctrl-C.
void make_half_run(const SmallRun& run, const std::filesystem::path& out);
inline constexpr int kSeedsOfHalf = 2;

// Gives the command once more and checks that it ends with what is expected, a report, and nothing
// half written. `what` happened before, for the messages.
void expect_finishes(const SmallRun& run, const std::filesystem::path& out,
                     const std::string& what);

std::string status_of(const std::filesystem::path& out);  // from the manifest
void expect_no_part_files(const std::filesystem::path& folder, const std::string& what);
// Neither a crash nor a hang, and no words of a fault of ours.
void expect_civil_end(const Ended& ended, const std::string& what);

}  // namespace omni::faults
