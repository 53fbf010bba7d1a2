// Sums over what a results file holds, kept in the file itself: a bit that a disk or a copy changed
// must not pass for a result. They guard against damage, not against forgery.
#pragma once

#include <cstdint>
#include <set>

#include "store/sqlite.h"

namespace omni {

// For the schema of the file: their table, and what finds the models of a seed.
inline constexpr const char* kTableOfSums =
    "CREATE TABLE IF NOT EXISTS sums(about TEXT PRIMARY KEY, sum INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS models_by_seed ON models(seed);";

// Sums up what is stored of these seeds and, with `run`, what belongs to no seed. In the transaction
// that changed it.
void write_sums(sqlite::Database& db, const std::set<int64_t>& seeds, bool run);
void write_all_sums(sqlite::Database& db);

// UserError where the file's structure is damaged or anything differs from its sum. Files from
// before there were sums are taken as they are. In a transaction, lest a writer come between.
void check_sums(sqlite::Database& db);

}  // namespace omni
