#include "store/results.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/utf8.h"
#include "store/files.h"
#include "store/png.h"
#include "store/run_folder.h"
#include "store/sqlite.h"
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

// Younger than the rest, and so made wherever it is absent; programs that do not know it read the
// others as ever.
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

ModelStatus model_status_from_name(std::string_view name) {
  for (const ModelStatus s : {ModelStatus::ok, ModelStatus::diverged, ModelStatus::failed})
    if (name == name_of(s)) return s;
  fail_user("status '{}' of a model: expected ok, diverged or failed", name);
}

constexpr const char* kModels = "SELECT arm, seed, status, status_step, weights_hash FROM models";

ModelResult model_of(const Statement& q) {
  return {q.text(0), q.integer(1), model_status_from_name(q.text(2)), q.integer(3), q.text(4), {}};
}

// An id names files, so it must be plain.
bool is_plain(std::string_view id) {
  return !id.empty() && id.size() <= 100 && std::ranges::all_of(id, [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_';
  });
}

// Where in a figure something is recorded.
void check_place(std::string_view figure_id, int64_t position) {
  check(is_plain(figure_id), "part of figure '{}': ids consist of letters, digits, - and _",
        figure_id);
  check(position >= 0, "part of figure '{}' at position {}", figure_id, position);
}

bool has_table(const sqlite::Database& db, const char* table) {
  Statement there = db.prepare("SELECT 1 FROM sqlite_master WHERE name = ?");
  there.bind(table);
  return there.step();
}

// The parts of a figure that are kept in a table, of the lowest seed that has any.
Statement parts_of(sqlite::Database& db, const char* table, const char* columns,
                   std::string_view figure_id) {
  if (!has_table(db, table)) return db.prepare("SELECT 1 WHERE 0");
  Statement q = db.prepare(fmt::format("SELECT position, {0} FROM {1} WHERE figure = ?1 AND seed = "
                                       "(SELECT min(seed) FROM {1} WHERE figure = ?1) "
                                       "ORDER BY position", columns, table));
  q.bind(figure_id);
  return q;
}

std::map<std::string, int> seeds_wanted(const std::string& stored) {
  try {
    return json::parse(stored.empty() ? "{}" : stored).get<std::map<std::string, int>>();
  } catch (const json::exception& e) {
    fail_user("the numbers of seeds in the results are damaged: {}", e.what());
  }
}

}  // namespace

std::string_view name_of(ModelStatus status) {
  switch (status) {
    case ModelStatus::ok: return "ok";
    case ModelStatus::diverged: return "diverged";
    case ModelStatus::failed: return "failed";
  }
  throw Bug("unknown status of a model");
}

struct Results::State {
  sqlite::Database db;
  mutable std::recursive_mutex mutex;
  int depth = 0;  // of nested transactions; only the outermost begins and commits
  // What the transaction changed, and so has to sum up.
  std::set<int64_t> changed_seeds;
  bool changed_run = false;
  std::optional<std::vector<MetricRange>> ranges;  // once they were asked for

  State(const std::filesystem::path& path, Access access) : db(path, access == Access::write) {
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

  // How many tables there are, indices included. UserError for a file that is not as it was written;
  // one without any table is new, where it is to be written.
  int64_t look_over(const std::filesystem::path& path, Access access) try {
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

  int64_t number(const char* sql) const {
    Statement q = db.prepare(sql);
    q.step();
    return q.integer(0);
  }
};

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

Range Results::range(std::string_view metric) const {
  const std::lock_guard lock(state_->mutex);
  if (!state_->ranges) state_->ranges = metric_ranges_from_json(get(run_key::kRanges));
  return range_of(*state_->ranges, metric);
}

std::vector<std::string> Results::primary() const {
  const std::string stored = get(run_key::kPrimary);
  try {
    return json::parse(stored.empty() ? "[]" : stored).get<std::vector<std::string>>();
  } catch (const json::exception& e) {
    fail_user("the list of primary claims in the results is damaged: {}", e.what());
  }
}

void Results::record_model(const ModelResult& m) {
  for (const Metric& x : m.metrics) {
    const Range range = this->range(x.name);
    const double room = 1e-6 * (range.high - range.low);  // for the rounding of single precision
    require(!range.bounded() || !std::isfinite(x.value) ||
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

std::vector<Origin> Results::origins() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<Origin> origins;
  if (!has_table(state_->db, "origins")) return origins;
  Statement q = state_->db.prepare("SELECT seed, part, program, fingerprint FROM origins");
  while (q.step()) origins.push_back({q.integer(0), q.text(1), q.text(2), q.text(3)});
  return origins;
}

Builds Results::builds() const {
  const std::lock_guard lock(state_->mutex);
  Builds builds;
  if (!has_table(state_->db, "origins")) return builds;
  Statement q = state_->db.prepare(
      "SELECT program, count(DISTINCT seed) FROM origins GROUP BY program ORDER BY min(seed)");
  while (q.step()) builds.seeds[q.text(0)] = static_cast<int>(q.integer(1));
  const std::string agreeing = " " + get(run_key::kAgreeing) + " ";
  builds.agree = builds.seeds.size() < 2 || std::ranges::all_of(builds.seeds, [&](const auto& b) {
                   return agreeing.find(" " + b.first + " ") != std::string::npos;
                 });
  return builds;
}

std::string Builds::text() const {
  std::vector<std::string> parts;
  for (const auto& [program, n] : seeds)
    parts.push_back(fmt::format("{} ({} seed{})", program, n, n == 1 ? "" : "s"));
  return fmt::format("{}", fmt::join(parts, ", "));
}

void Results::set_claims(std::span<const ClaimRow> claims) {
  transaction([&] {
    state_->changed_run = true;
    state_->db.run("DELETE FROM claims");
    Statement insert = state_->db.prepare(
        "INSERT INTO claims VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    int position = 0;
    for (const auto& [id, text, c, j] : claims)
      insert.run(position++, id, text, name_of(c.kind), c.threshold, c.low, c.high, c.rate,
                 c.difference, c.judged, name_of(j.verdict), j.n, j.excluded, j.estimate,
                 j.interval.low, j.interval.high, j.level, j.p_value, j.effect, j.effect_name,
                 j.note);
    json wanted = json::object();
    for (const ClaimRow& row : claims)
      if (row.judgement.seeds_wanted > 0) wanted[row.id] = row.judgement.seeds_wanted;
    set(run_key::kSeedsWanted, wanted.dump(-1, ' ', false, json::error_handler_t::replace));
  });
}

void Results::set_figures(std::span<const FigureRow> figures) {
  transaction([&] {
    state_->changed_run = true;
    state_->db.run("DELETE FROM figures");
    Statement insert = state_->db.prepare("INSERT INTO figures VALUES(?, ?, ?, ?, ?, ?)");
    int position = 0;
    for (const FigureRow& f : figures) {
      check(is_plain(f.id), "figure '{}': ids consist of letters, digits, - and _", f.id);
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

std::string Results::get(std::string_view key) const {
  const std::lock_guard lock(state_->mutex);
  Statement q = state_->db.prepare("SELECT value FROM run WHERE key = ?");
  return q.bind(key).step() ? q.text(0) : "";
}

std::vector<ArmInfo> Results::arms() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<ArmInfo> arms;
  std::set<std::string> known;
  const std::string stored = get(run_key::kArms);
  try {
    for (const json& j : json::parse(stored.empty() ? "[]" : stored)) {
      ArmInfo& arm = arms.emplace_back();
      arm.name = j.at("name");
      arm.label = j.at("label");
      arm.description = j.at("description");
      if (j.contains("published")) arm.published = j["published"].get<double>();
      known.insert(arm.name);
    }
  } catch (const json::exception& e) {
    fail_user("the list of arms in the results is damaged: {}", e.what());
  }
  Statement q = state_->db.prepare("SELECT DISTINCT arm FROM models ORDER BY arm");
  while (q.step())
    if (known.insert(q.text(0)).second) arms.push_back({q.text(0), q.text(0), "", {}});
  return arms;
}

std::vector<ModelResult> Results::models() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<ModelResult> models;
  for (const ArmInfo& arm : arms()) {
    Statement q = state_->db.prepare(fmt::format("{} WHERE arm = ? ORDER BY seed", kModels));
    q.bind(arm.name);
    while (q.step()) models.push_back(model_of(q));
  }
  return models;
}

std::vector<ModelResult> Results::models_of(int64_t seed) const {
  const std::lock_guard lock(state_->mutex);
  std::vector<ModelResult> models;
  Statement q = state_->db.prepare(fmt::format("{} WHERE seed = ? ORDER BY arm", kModels));
  q.bind(seed);
  while (q.step()) models.push_back(model_of(q));
  return models;
}

std::map<std::string, ArmCount> Results::counts() const {
  const std::lock_guard lock(state_->mutex);
  std::map<std::string, ArmCount> counts;
  Statement q = state_->db.prepare("SELECT arm, status, count(*) FROM models GROUP BY arm, status");
  while (q.step()) {
    ArmCount& c = counts[q.text(0)];
    const int n = static_cast<int>(q.integer(2));
    switch (model_status_from_name(q.text(1))) {
      case ModelStatus::ok: c.ok = n; break;
      case ModelStatus::diverged: c.diverged = n; break;
      case ModelStatus::failed: c.failed = n; break;
    }
  }
  return counts;
}

std::vector<std::string> Results::metric_names(bool final_only) const {
  const std::lock_guard lock(state_->mutex);
  std::vector<std::string> names;
  Statement q = state_->db.prepare(
      "SELECT DISTINCT name FROM metrics WHERE step = ?1 OR NOT ?2 ORDER BY name");
  q.bind(kFinalStep, final_only);
  while (q.step()) names.push_back(q.text(0));
  return names;
}

std::vector<SeedValue> Results::values(std::string_view metric, std::string_view arm,
                                       int64_t step) const {
  const std::lock_guard lock(state_->mutex);
  std::vector<SeedValue> values;
  Statement q = state_->db.prepare(
      "SELECT seed, value FROM models JOIN metrics ON model = id "
      "WHERE arm = ? AND name = ? AND step = ? AND status = 'ok' ORDER BY seed");
  q.bind(arm, metric, step);
  while (q.step()) values.push_back({q.integer(0), q.real(1)});
  return values;
}

std::map<int64_t, std::vector<SeedValue>> Results::curve(std::string_view metric,
                                                         std::string_view arm) const {
  const std::lock_guard lock(state_->mutex);
  std::map<int64_t, std::vector<SeedValue>> curve;
  Statement q = state_->db.prepare(
      "SELECT step, seed, value FROM models JOIN metrics ON model = id "
      "WHERE arm = ? AND name = ? AND step <> ? AND status = 'ok' ORDER BY seed");
  q.bind(arm, metric, kFinalStep);
  while (q.step()) curve[q.integer(0)].push_back({q.integer(1), q.real(2)});
  return curve;
}

std::vector<Metric> Results::metrics(std::string_view arm, int64_t seed) const {
  const std::lock_guard lock(state_->mutex);
  std::vector<Metric> metrics;
  Statement q = state_->db.prepare(
      "SELECT name, step, value FROM models JOIN metrics ON model = id "
      "WHERE arm = ? AND seed = ? ORDER BY name, step");
  q.bind(arm, seed);
  while (q.step()) metrics.push_back({q.text(0), q.integer(1), q.real(2)});
  return metrics;
}

std::vector<ClaimRow> Results::claims() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<ClaimRow> claims;
  const std::vector<std::string> first = primary();
  const std::map<std::string, int> wanted = seeds_wanted(get(run_key::kSeedsWanted));
  Statement q = state_->db.prepare(
      "SELECT id, text, kind, threshold, band_low, band_high, rate, difference, judged, verdict, "
      "n, excluded, estimate, low, high, level, p_value, effect, effect_name, note "
      "FROM claims ORDER BY position");
  while (q.step()) {
    ClaimRow& row = claims.emplace_back();
    row.id = q.text(0);
    row.text = q.text(1);
    row.claim = {claim_kind_from_name(q.text(2)), q.real(3),         q.real(4),
                 q.real(5),                       q.integer(6) != 0, q.integer(7) != 0,
                 q.integer(8) != 0,               false,             {}};
    row.judgement = {verdict_from_name(q.text(9)),
                     static_cast<int>(q.integer(10)),
                     static_cast<int>(q.integer(11)),
                     q.real(12),
                     {q.real(13), q.real(14)},
                     q.real(15),
                     q.real(16),
                     q.real(17),
                     q.text(18),
                     q.text(19),
                     wanted.contains(row.id) ? wanted.at(row.id) : 0};
    row.claim.primary = std::ranges::count(first, row.id) > 0;
  }
  return claims;
}

std::vector<FigureRow> Results::figures() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<FigureRow> figures;
  Statement q =
      state_->db.prepare("SELECT id, title, caption, spec FROM figures ORDER BY position");
  while (q.step()) {
    require(is_plain(q.text(0)), "a figure's id '{}' could name a file elsewhere; ids consist of "
            "letters, digits, - and _", q.text(0));
    figures.push_back({q.text(0), q.text(1), q.text(2), figure_spec_from_json(q.text(3))});
  }
  return figures;
}

std::vector<StoredImage> Results::images(std::string_view figure_id) const {
  const std::lock_guard lock(state_->mutex);
  std::vector<StoredImage> images;
  Statement q = parts_of(state_->db, "images", "label, png", figure_id);
  while (q.step()) images.push_back({q.integer(0), q.text(1), q.bytes(2)});
  return images;
}

std::vector<StoredText> Results::texts(std::string_view figure_id) const {
  const std::lock_guard lock(state_->mutex);
  std::vector<StoredText> texts;
  Statement q = parts_of(state_->db, "texts", "text", figure_id);
  while (q.step()) texts.push_back({q.integer(0), q.text(1)});
  return texts;
}

std::string Results::summary_csv() const {
  const std::lock_guard lock(state_->mutex);
  const std::vector<std::string> names = metric_names(true);
  std::string csv = "arm,seed,status,status_step,weights_hash";
  for (const std::string& name : names) csv += ',' + csv_cell(name);
  csv += '\n';
  for (const ModelResult& m : models()) {
    csv += fmt::format("{},{},{},{},{}", csv_cell(m.arm), m.seed, name_of(m.status), m.status_step,
                       csv_cell(m.weights_hash));
    std::map<std::string, double> final_values;
    for (const Metric& x : metrics(m.arm, m.seed))
      if (x.step == kFinalStep) final_values[x.name] = x.value;
    for (const std::string& name : names) {
      const auto found = final_values.find(name);
      csv += ',' + (found == final_values.end() ? "" : csv_number(found->second));
    }
    csv += '\n';
  }
  return csv;
}

}  // namespace omni
