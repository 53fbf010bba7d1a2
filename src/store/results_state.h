// What the halves of Results share: the open file, and what a transaction has changed.
// results.cpp writes, results_reading.cpp reads.
#pragma once

#include <mutex>
#include <set>

#include "store/results.h"
#include "store/sqlite.h"

namespace omni {

struct Results::State {
  sqlite::Database db;
  mutable std::recursive_mutex mutex;
  int depth = 0;  // of nested transactions; only the outermost begins and commits
  // What the transaction changed, and so has to sum up.
  std::set<int64_t> changed_seeds;
  bool changed_run = false;
  std::optional<std::vector<MetricRange>> ranges;  // once they were asked for

  State(const std::filesystem::path& path, Access access);

 private:
  // How many tables there are, indices included. UserError for a file that is not as it was
  // written; one without any table is new, where it is to be written.
  int64_t look_over(const std::filesystem::path& path, Access access);
  int64_t number(const char* sql) const;
};

// An id names files, so it must be plain.
bool is_plain_id(std::string_view id);

}  // namespace omni
