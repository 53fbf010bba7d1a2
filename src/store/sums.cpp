#include "store/sums.h"

#include <map>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/hash.h"

namespace omni {

using sqlite::Database;
using sqlite::Statement;

namespace {

// Rows begin with their seed. A table that younger programs alone make may be absent.
constexpr struct {
  const char *rows, *order;
  const char* young = nullptr;
} kOfSeeds[] = {
    {"seed, arm, status, status_step, weights_hash FROM models", "arm"},
    {"seed, arm, name, step, value FROM models JOIN metrics ON model = id", "arm, name, step"},
    {"seed, figure, position, label, png FROM images", "figure, position"},
    {"seed, figure, position, text FROM texts", "figure, position"},
    {"seed, part, program, fingerprint FROM origins", "part", "origins"}};

// The tables themselves too, but for those that somebody else may have added.
constexpr const char* kOfRun[] = {
    "SELECT name, sql FROM sqlite_master WHERE name IN ('run', 'models', 'metrics', 'claims', "
    "'figures', 'images', 'texts', 'origins', 'sums') ORDER BY name",
    "SELECT * FROM run ORDER BY key", "SELECT * FROM claims ORDER BY position",
    "SELECT * FROM figures ORDER BY position"};

using Sums = std::map<std::string, int64_t>;  // by what they are about

std::string subject_of(int64_t seed) { return fmt::format("seed {}", seed); }

void add_run(Database& db, Sums& sums) {
  Hash hash;
  for (const char* sql : kOfRun)
    for (Statement rows = db.prepare(sql); rows.step();) rows.add_row(hash);
  sums["the run"] = static_cast<int64_t>(hash.value());
}

void add_seeds(Database& db, std::optional<int64_t> seed, Sums& sums) {
  std::map<int64_t, Hash> hashes;
  for (const auto& of : kOfSeeds) {
    if (of.young) {
      Statement there = db.prepare("SELECT 1 FROM sqlite_master WHERE name = ?");
      there.bind(of.young);
      if (!there.step()) continue;
    }
    Statement rows = db.prepare(fmt::format("SELECT {} {} ORDER BY seed, {}", of.rows,
                                            seed ? "WHERE seed = ?" : "", of.order));
    if (seed) rows.bind(*seed);
    while (rows.step()) rows.add_row(hashes[rows.integer(0)]);
  }
  for (const auto& [number, hash] : hashes)
    sums[subject_of(number)] = static_cast<int64_t>(hash.value());
}

Sums all_sums(Database& db) {
  Sums sums;
  add_run(db, sums);
  add_seeds(db, {}, sums);
  return sums;
}

void write(Database& db, const Sums& sums) {
  Statement insert = db.prepare("INSERT OR REPLACE INTO sums VALUES(?, ?)");
  for (const auto& [about, sum] : sums) insert.run(about, sum);
}

// Empty if all is as it was written.
std::string what_differs(Database& db) {
  {
    Statement structure = db.prepare("PRAGMA integrity_check(1)");
    structure.step();
    if (structure.text(0) != "ok") return structure.text(0);
    Statement table = db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'sums'");
    if (!table.step()) return "";
  }
  Sums written, found = all_sums(db);
  for (Statement rows = db.prepare("SELECT about, sum FROM sums"); rows.step();)
    written[rows.text(0)] = rows.integer(1);
  for (const auto& [about, sum] : written)
    if (!found.contains(about) || found[about] != sum)
      return fmt::format("what it says of {} is not what was written", about);
  for (const auto& [about, sum] : found)
    if (!written.contains(about)) return fmt::format("{} has no sum", about);
  return "";
}

}  // namespace

void write_sums(Database& db, const std::set<int64_t>& seeds, bool run) {
  Sums sums;
  if (run) add_run(db, sums);
  Statement forget = db.prepare("DELETE FROM sums WHERE about = ?");
  for (const int64_t seed : seeds) {
    forget.run(subject_of(seed));  // all of its models may be gone
    add_seeds(db, seed, sums);
  }
  write(db, sums);
}

void write_all_sums(Database& db) { write(db, all_sums(db)); }

void check_sums(Database& db) {
  const std::string difference = what_differs(db);
  if (!difference.empty()) sqlite::fail_damaged(db.file(), difference);
}

}  // namespace omni
