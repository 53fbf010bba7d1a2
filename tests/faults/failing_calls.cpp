#include "failing_calls.h"

#include <gtest/gtest.h>

#include <climits>
#include <cstring>
#include <set>
#include <sstream>

#include "small_run.h"
#include "store/files.h"

namespace omni::faults {

namespace fs = std::filesystem;

namespace {

const SmallRun kRun{.threads = 1};

Environment failing(const fs::path& folder, const Fault& fault, int64_t at) {
  return watched(folder, {{"OMNI_FAULT_KIND", fault.kind},
                          {"OMNI_FAULT_AT", fmt::format("{}", at)},
                          {"OMNI_FAULT_ERRNO", fmt::format("{}", fault.error)},
                          {"OMNI_FAULT_EVER", fault.for_ever ? "1" : ""}});
}

int64_t calls_of(const std::string& kind, const fs::path& half) {
  const TestFolder folder;
  fs::copy(half, folder.path() / "run", fs::copy_options::recursive);
  Environment environment = failing(folder.path(), {kind}, -1);
  const fs::path counts = folder.path() / "counts";
  environment["OMNI_FAULT_COUNTS"] = counts.string();
  const Ended ended = run(kRun.words(folder.path() / "run"), environment);
  check(ended.code == 0, "the program does not bear being watched: {}", ended.shown());
  std::istringstream lines(read_file(counts));
  std::string name;
  for (int64_t n = 0; lines >> name >> n;)
    if (name == kind) return n;
  throw Bug("no calls were counted");
}

std::set<int64_t> chosen(int64_t calls, int most) {
  std::set<int64_t> out;
  const int64_t first = std::min<int64_t>(calls, most / 3 + 1);
  for (int64_t n = 1; n <= first; ++n) out.insert(n);
  const int64_t others = std::min<int64_t>(calls - first, most - first);
  for (int64_t i = 1; i <= others; ++i) out.insert(first + (calls - first) * i / others);
  return out;
}

// Says which file and why, in the system's words or in ours.
void expect_clear(const Ended& ended, const Fault& fault, const fs::path& folder,
                  const std::string& what) {
  EXPECT_EQ(ended.code, 2) << what << "\n" << ended.shown();
  EXPECT_NE(ended.err.find("omni: error: "), std::string::npos) << what << "\n" << ended.shown();
  if (fault.kind == "memory") {
    EXPECT_NE(ended.err.find("fit into memory"), std::string::npos) << what << "\n" << ended.err;
    return;
  }
  EXPECT_NE(ended.err.find(folder.string()), std::string::npos) << what << "\n" << ended.err;
  // The system's words, or those of SQLite, which keeps the system's to itself.
  std::set<std::string> reasons = {std::strerror(fault.error), "disk I/O error"};
  if (fault.error == 0) reasons.insert({"damaged", "cannot read"});
  if (fault.error == ENOSPC) reasons.insert("the disk is full");
  if (fault.error == EIO) reasons.insert("failing disk");
  if (fault.error == EACCES) reasons.insert({"readonly database", "unable to open database file"});
  bool named = false;
  for (const std::string& reason : reasons) named |= ended.err.find(reason) != std::string::npos;
  EXPECT_TRUE(named) << what << ": no reason in\n" << ended.err;
}

}  // namespace

void expect_clear_failures(const Fault& fault, int most) {
#ifdef OMNI_SANITIZED
  GTEST_SKIP() << "sanitizers and LD_PRELOAD do not go together";
#endif
  const TestFolder folder;
  const fs::path half = folder.path() / "half", out = folder.path() / "run";
  make_half_run(kRun, half);
  const std::string before = stored_models(half, kSeedsOfHalf);
  const int64_t calls = calls_of(fault.kind, half);
  ASSERT_GT(calls, 0) << fault.kind;
  for (const int64_t at : chosen(calls, most)) {
    const std::string what =
        fmt::format("{} {} of {}: {}{}", fault.kind, at, calls,
                    fault.error ? std::strerror(fault.error) : "only a part",
                    fault.for_ever ? ", for ever" : "");
    fs::remove_all(out);
    fs::copy(half, out, fs::copy_options::recursive);
    const Ended ended = run(kRun.words(out), failing(folder.path(), fault, at));
    expect_civil_end(ended, what);
    if (ended.code == 0)
      EXPECT_EQ(stored_models(out, INT_MAX), expected(kRun).models) << what;
    else
      expect_clear(ended, fault, folder.path(), what);
    EXPECT_EQ(stored_models(out, kSeedsOfHalf), before) << what << ": lost what was there";
    EXPECT_TRUE(fs::exists(out / "report.html")) << what << ": lost the earlier report";
    expect_finishes(kRun, out, what + "\n" + ended.shown());
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace omni::faults
