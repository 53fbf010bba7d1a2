#include "small_run.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "store/files.h"
#include "store/run_folder.h"
#include "store/sqlite.h"

namespace omni::faults {

namespace fs = std::filesystem;

namespace {

std::string rows(const fs::path& out, const char* query, int columns) {
  const sqlite::Database db(out / "results.sqlite", false);
  sqlite::Statement q = db.prepare(query);
  std::string text;
  while (q.step()) {
    for (int i = 0; i < columns; ++i) text += q.text(i) + (i + 1 < columns ? " " : "\n");
  }
  return text;
}

}  // namespace

Words SmallRun::words(const fs::path& out) const {
  Words words = {OMNI_PROGRAM, "run", "subliminal-learning", "--preset", "smoke", "data=" + data,
                 fmt::format("epochs={}", epochs), "--seeds", fmt::format("0..{}", last_seed),
                 "--threads", fmt::format("{}", threads), "--quiet", "--out", out.string()};
  words.insert(words.end(), {"--checkpoint-every", fmt::format("{}", checkpoint_every_s)});
  return words;
}

std::string stored_models(const fs::path& out, int seeds) {
  return rows(out, fmt::format("SELECT arm, seed, status, status_step, weights_hash, name, step, "
                               "value FROM models JOIN metrics ON model = id WHERE seed < {} "
                               "ORDER BY arm, seed, name, step", seeds).c_str(), 8);
}

Outcome outcome_of(const fs::path& out) {
  return {stored_models(out, 1'000'000),
          rows(out, "SELECT id, verdict, n, estimate, low, high, p_value, note FROM claims "
                    "ORDER BY position", 8),
          read_file(out / "summary.csv")};
}

const Outcome& expected(const SmallRun& small) {
  static std::map<std::tuple<int, std::string, int>, Outcome> known;
  const std::tuple key{small.epochs, small.data, small.last_seed};
  if (const auto found = known.find(key); found != known.end()) return found->second;
  const TestFolder folder;
  const Ended ended = run(small.words(folder.path() / "run"));
  check(ended.code == 0, "the undisturbed run failed: {}", ended.shown());
  return known[key] = outcome_of(folder.path() / "run");
}

void make_half_run(const SmallRun& small, const fs::path& out) {
  const Ended ended = run(small.words(out));
  check(ended.code == 0, "the undisturbed run failed: {}", ended.shown());
  sqlite::Database db(out / "results.sqlite", true);
  db.run("PRAGMA foreign_keys=ON; DELETE FROM claims; DROP TABLE sums;");
  db.run(fmt::format("DELETE FROM models WHERE seed >= {}", kSeedsOfHalf).c_str());
  std::string manifest = read_file(out / "manifest.json");
  const std::string before = "\"finished\"";
  manifest.replace(manifest.find(before), before.size(), "\"interrupted\"");
  atomic_write(out / "manifest.json", manifest);
}

void expect_finishes(const SmallRun& small, const fs::path& out, const std::string& what) {
  const Ended ended = run(small.words(out));
  ASSERT_EQ(ended.code, 0) << what << "\n" << ended.shown();
  const Outcome outcome = outcome_of(out);
  const Outcome& wanted = expected(small);
  EXPECT_EQ(outcome.summary, wanted.summary) << what;
  EXPECT_EQ(outcome.models, wanted.models) << what;
  EXPECT_EQ(outcome.claims, wanted.claims) << what;
  EXPECT_EQ(status_of(out), "finished") << what;
  EXPECT_NE(read_file(out / "report.html").find("</html>"), std::string::npos) << what;
  expect_no_part_files(out, what);
}

std::string status_of(const fs::path& out) {
  return std::string(name_of(RunFolder::open(out).manifest().status));
}

void expect_no_part_files(const fs::path& folder, const std::string& what) {
  if (!fs::exists(folder)) return;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    EXPECT_FALSE(entry.path().string().ends_with(".part")) << what << ": left " << entry.path();
}

void expect_civil_end(const Ended& ended, const std::string& what) {
  EXPECT_FALSE(ended.hung) << what << "\n" << ended.shown();
  EXPECT_EQ(ended.signal, 0) << what << "\n" << ended.shown();
  for (const char* ours : {"a bug of Omniscale", "a fault of the program"})
    EXPECT_EQ(ended.err.find(ours), std::string::npos) << what << "\n" << ended.shown();
}

}  // namespace omni::faults
