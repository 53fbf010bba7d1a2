// The tables of results.sqlite, how the file is opened, and all that is written to it.
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"
#include "store/png.h"
#include "store/results_state.h"
#include "store/run_folder.h"
#include "store/sums.h"

namespace omni {

using nlohmann::json;
using sqlite::Statement;

namespace {

// A missing value (NaN) is NULL. `position` keeps the order in which the experiment lists things.
constexpr const char* kSchema = R"(
CREATE TABLE run(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE models(
  id INTEGER PRIMARY KEY, arm TEXT NOT NULL, seed INTEGER NOT NULL,
  status TEXT NOT NULL CHECK(status IN ('ok', 'diverged', 'failed')),
  status_step INTEGER NOT NULL, weights_hash TEXT NOT NULL, UNIQUE(arm, seed));
CREATE TABLE metrics(
  model INTEGER NOT NULL REFERENCES models(id) ON DELETE CASCADE,
  name TEXT NOT NULL, step INTEGER NOT NULL, value REAL,
  PRIMARY KEY(model, name, step)) WITHOUT ROWID;
CREATE TABLE claims(
  position INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, text TEXT NOT NULL, kind TEXT NOT NULL,
  threshold REAL, band_low REAL, band_high REAL, rate INTEGER NOT NULL,
  difference INTEGER NOT NULL, judged INTEGER NOT NULL, verdict TEXT NOT NULL, n INTEGER NOT NULL,
  excluded INTEGER NOT NULL, estimate REAL, low REAL, high REAL, level REAL, p_value REAL,
  effect REAL, effect_name TEXT NOT NULL, note TEXT NOT NULL);
CREATE TABLE figures(
  position INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, title TEXT NOT NULL,
  caption TEXT NOT NULL, kind TEXT NOT NULL, spec TEXT NOT NULL);
)";

// Not every stored run has these: they are made where they are absent. Programs that do not know
// them read the others.
constexpr const char* kYoungTables = R"(
CREATE TABLE IF NOT EXISTS images(
  figure TEXT NOT NULL, seed INTEGER NOT NULL, position INTEGER NOT NULL, label TEXT NOT NULL,
  png BLOB NOT NULL, PRIMARY KEY(figure, seed, position));
CREATE TABLE IF NOT EXISTS texts(
  figure TEXT NOT NULL, seed INTEGER NOT NULL, position INTEGER NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY(figure, seed, position));
CREATE TABLE IF NOT EXISTS origins(
  seed INTEGER NOT NULL, part TEXT NOT NULL, program TEXT NOT NULL, fingerprint TEXT NOT NULL,
  PRIMARY KEY(seed, part)) WITHOUT ROWID;
)";

// Where in a figure something is recorded.
void check_place(std::string_view figure_id, int64_t position) {
  check(is_plain_id(figure_id), "part of figure '{}': ids consist of letters, digits, - and _",
        figure_id);
  check(position >= 0, "part of figure '{}' at position {}", figure_id, position);
}

}  // namespace

bool is_plain_id(std::string_view id) {
  return !id.empty() && id.size() <= 100 && std::ranges::all_of(id, [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_';
  });
}

std::string_view name_of(ModelStatus status) {
  switch (status) {
    case ModelStatus::ok: return "ok";
    case ModelStatus::diverged: return "diverged";
    case ModelStatus::failed: return "failed";
  }
  throw Bug("unknown status of a model");
}

Results::State::State(const std::filesystem::path& path, Access access)
    : db(path, access == Access::write) {
  const int64_t tables = look_over(path, access);
  if (access == Access::read) return;
  // Write-ahead log: a kill at any moment leaves the last committed state. Synced at every
  // commit: a seed's checkpoints are removed once it is stored, so storing it must outlast a
  // power loss.
  db.run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;");
  db.run("BEGIN IMMEDIATE");
  if (tables == 0) {
    db.run(kSchema);
    db.run(fmt::format("PRAGMA user_version={}", kRunFormat).c_str());
  }
  db.run(kYoungTables);
  db.run(kTableOfSums);
  if (number("SELECT count(*) FROM sqlite_master") != tables) write_all_sums(db);
  db.run("COMMIT");
}

int64_t Results::State::look_over(const std::filesystem::path& path, Access access) try {
  db.run("BEGIN");  // one state of the file, whatever another process writes meanwhile
  const int64_t tables = number("SELECT count(*) FROM sqlite_master");
  const int64_t format = number("PRAGMA user_version");
  if (access == Access::read || tables > 0 || format != 0) {
    require(format == kRunFormat,
            "'{}' holds results of format {}, this program reads format {}; nothing was changed",
            path.string(), format, kRunFormat);
    check_sums(db);
  }
  db.run("COMMIT");
  return tables;
} catch (const Bug& error) {  // statements that fail because tables are not what they were
  sqlite::fail_damaged(path.string(), error.what());
}

int64_t Results::State::number(const char* sql) const {
  Statement q = db.prepare(sql);
  q.step();
  return q.integer(0);
}

Results::Results(const std::filesystem::path& path, Access access)
    : state_(std::make_unique<State>(path, access)) {}
Results::~Results() = default;
Results::Results(Results&&) noexcept = default;

void Results::transaction(const std::function<void()>& work) {
  const std::lock_guard lock(state_->mutex);
  if (state_->depth == 0) {
    state_->db.run("BEGIN IMMEDIATE");
    state_->changed_seeds.clear();
    state_->changed_run = false;
  }
  ++state_->depth;
  try {
    work();
    if (state_->depth == 1) {
      write_sums(state_->db, state_->changed_seeds, state_->changed_run);
      state_->db.run("COMMIT");
    }
  } catch (...) {
    // SQLite has already rolled back after some failures (a full disk).
    if (--state_->depth == 0 && !sqlite3_get_autocommit(state_->db.get()))
      sqlite3_exec(state_->db.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    throw;
  }
  --state_->depth;
}

void Results::checkpoint() {
  const std::lock_guard lock(state_->mutex);
  state_->db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  sqlite3_busy_timeout(state_->db.get(), 100);
  // Readers then leave no files beside it.
  state_->db.run_unless_busy("PRAGMA journal_mode = DELETE");
  sqlite3_busy_timeout(state_->db.get(), sqlite::kPatienceMs);
}

void Results::set(std::string_view key, std::string_view value) {
  transaction([&] {
    state_->changed_run = true;
    state_->db.prepare("INSERT OR REPLACE INTO run VALUES(?, ?)").run(key, visible(value));
  });
}

void Results::set_arms(std::span<const ArmInfo> arms) {
  json list = json::array();
  for (const ArmInfo& arm : arms) {
    json j = {{"name", arm.name}, {"label", arm.label}, {"description", arm.description}};
    if (arm.published) j["published"] = *arm.published;
    list.push_back(std::move(j));
  }
  set(run_key::kArms, list.dump(-1, ' ', false, json::error_handler_t::replace));
}

void Results::set_ranges(std::span<const MetricRange> ranges) {
  set(run_key::kRanges, to_json(ranges));
  const std::lock_guard lock(state_->mutex);
  state_->ranges.reset();
}

void Results::set_primary(std::span<const std::string> claim_ids) {
  set(run_key::kPrimary, json(std::vector(claim_ids.begin(), claim_ids.end())).dump());
}

void Results::record_model(const ModelResult& m) {
  for (const Metric& x : m.metrics) {
    const Range range = this->range(x.name);
    // For the rounding of single precision.
    const double room = range.bounded() ? 1e-6 * (range.high - range.low) : 1e-6;
    require(
        !range.has_end() || !std::isfinite(x.value) ||
            (x.value >= range.low - room && x.value <= range.high + room),
        "the metric '{}' of '{}' is {} at seed {}, outside of its declared range from {} to {}; "
        "correct the experiment's ranges or the metric",
        x.name, m.arm, x.value, m.seed, range.low, range.high);
  }
  transaction([&] {
    state_->changed_seeds.insert(m.seed);
    Statement insert = state_->db.prepare(
        "INSERT INTO models(arm, seed, status, status_step, weights_hash) VALUES(?, ?, ?, ?, ?) "
        "ON CONFLICT(arm, seed) DO UPDATE SET status = excluded.status, "
        "status_step = excluded.status_step, weights_hash = excluded.weights_hash RETURNING id");
    insert.bind(m.arm, m.seed, name_of(m.status), m.status_step, m.weights_hash);
    insert.step();
    const int64_t id = insert.integer(0);
    insert.step();
    state_->db.prepare("DELETE FROM metrics WHERE model = ?").run(id);
    Statement metric = state_->db.prepare("INSERT INTO metrics VALUES(?, ?, ?, ?)");
    for (const Metric& x : m.metrics) metric.run(id, x.name, x.step, x.value);
  });
}

void Results::record_origin(const Origin& o) {
  transaction([&] {
    state_->changed_seeds.insert(o.seed);
    state_->db.prepare("INSERT OR REPLACE INTO origins VALUES(?, ?, ?, ?)")
        .run(o.seed, o.part, o.program, o.fingerprint);
  });
}

void Results::forget(int64_t seed, std::string_view part, std::span<const std::string> arms) {
  transaction([&] {
    state_->changed_seeds.insert(seed);
    Statement model = state_->db.prepare("DELETE FROM models WHERE seed = ? AND arm = ?");
    for (const std::string& arm : arms) model.run(seed, arm);
    state_->db.prepare("DELETE FROM origins WHERE seed = ? AND part = ?").run(seed, part);
    if (!models_of(seed).empty()) return;
    for (const char* table : {"images", "texts"})
      state_->db.prepare(fmt::format("DELETE FROM {} WHERE seed = ?", table)).run(seed);
  });
}

void Results::set_agreeing(std::span<const std::string> programs) {
  set(run_key::kAgreeing, fmt::format("{}", fmt::join(programs, " ")));
}

void Results::set_claims(std::span<const ClaimRow> claims) {
  transaction([&] {
    state_->changed_run = true;
    state_->db.run("DELETE FROM claims");
    Statement insert = state_->db.prepare(
        "INSERT INTO claims VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    int position = 0;
    for (const auto& [id, text, c, j, formula] : claims)
      insert.run(position++, id, text, name_of(c.kind), c.threshold, c.low, c.high, c.rate,
                 c.difference, c.judged, name_of(j.verdict), j.n, j.excluded, j.estimate,
                 j.interval.low, j.interval.high, j.level, j.p_value, j.effect, j.effect_name,
                 j.note);
    json wanted = json::object();
    for (const ClaimRow& row : claims)
      if (row.judgement.seeds_wanted > 0) wanted[row.id] = row.judgement.seeds_wanted;
    set(run_key::kSeedsWanted, wanted.dump(-1, ' ', false, json::error_handler_t::replace));
    json formulas = json::object();
    for (const ClaimRow& row : claims)
      if (!row.formula.empty()) formulas[row.id] = row.formula;
    set(run_key::kFormulas, formulas.dump(-1, ' ', false, json::error_handler_t::replace));
  });
}

void Results::set_figures(std::span<const FigureRow> figures) {
  transaction([&] {
    state_->changed_run = true;
    state_->db.run("DELETE FROM figures");
    Statement insert = state_->db.prepare("INSERT INTO figures VALUES(?, ?, ?, ?, ?, ?)");
    int position = 0;
    for (const FigureRow& f : figures) {
      check(is_plain_id(f.id), "figure '{}': ids consist of letters, digits, - and _", f.id);
      insert.run(position++, f.id, f.title, f.caption, f.spec.kind, to_json(f.spec));
    }
  });
}

void Results::record_image(std::string_view figure_id, int64_t seed, int64_t position,
                           std::string_view label, std::string_view png) {
  check_place(figure_id, position);
  check(png_size(png).width > 0, "image {} of figure '{}' is no PNG", position, figure_id);
  transaction([&] {
    state_->changed_seeds.insert(seed);
    state_->db.prepare("INSERT OR REPLACE INTO images VALUES(?, ?, ?, ?, ?)")
        .run(figure_id, seed, position, label, sqlite::Bytes{png});
  });
}

void Results::record_text(std::string_view figure_id, int64_t seed, int64_t position,
                          std::string_view text) {
  check_place(figure_id, position);
  transaction([&] {
    state_->changed_seeds.insert(seed);
    state_->db.prepare("INSERT OR REPLACE INTO texts VALUES(?, ?, ?, ?)")
        .run(figure_id, seed, position, visible(text));
  });
}

}  // namespace omni
