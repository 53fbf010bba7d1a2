// What reports ask of results.sqlite.
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "store/files.h"
#include "store/results_state.h"

namespace omni {

using nlohmann::json;
using sqlite::Statement;

namespace {

ModelStatus model_status_from_name(std::string_view name) {
  for (const ModelStatus s : {ModelStatus::ok, ModelStatus::diverged, ModelStatus::failed})
    if (name == name_of(s)) return s;
  fail_user("status '{}' of a model: expected ok, diverged or failed", name);
}

constexpr const char* kModels = "SELECT arm, seed, status, status_step, weights_hash FROM models";

ModelResult model_of(const Statement& q) {
  return {q.text(0), q.integer(1), model_status_from_name(q.text(2)), q.integer(3), q.text(4), {}};
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

// What is stored beside the table of claims, by id.
template <class T>
std::map<std::string, T> by_claim(const std::string& stored, const char* what) {
  try {
    return json::parse(stored.empty() ? "{}" : stored).get<std::map<std::string, T>>();
  } catch (const json::exception& e) {
    fail_user("the {} in the results are damaged: {}", what, e.what());
  }
}

}  // namespace

std::string Results::get(std::string_view key) const {
  const std::lock_guard lock(state_->mutex);
  Statement q = state_->db.prepare("SELECT value FROM run WHERE key = ?");
  return q.bind(key).step() ? q.text(0) : "";
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
  const auto wanted = by_claim<int>(get(run_key::kSeedsWanted), "numbers of seeds");
  const auto formulas = by_claim<std::string>(get(run_key::kFormulas), "formulas of claims");
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
    if (const auto formula = formulas.find(row.id); formula != formulas.end())
      row.formula = formula->second;
  }
  return claims;
}

std::vector<FigureRow> Results::figures() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<FigureRow> figures;
  Statement q =
      state_->db.prepare("SELECT id, title, caption, spec FROM figures ORDER BY position");
  while (q.step()) {
    require(is_plain_id(q.text(0)), "a figure's id '{}' could name a file elsewhere; ids consist of "
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
