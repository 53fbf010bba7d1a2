// What the presets of an experiment use of its page (lab/words.h): a row that none of them uses
// stands for nothing in the code.
#pragma once

#include <array>
#include <set>
#include <string>
#include <vector>

#include "lab/runner.h"
#include "lab/words.h"
#include "lab/worker.h"

namespace omni {

class WordUse {
 public:
  // What one preset uses, by a dry run of it.
  void add(const Resolved& r, const Experiment& e, const Dataset& data, const SeedRecord& dry);
  void merge(const WordUse& other);
  // With file and line, the rows that none of those added used.
  std::vector<std::string> unused(const Words& words) const;

 private:
  std::set<std::string>& of(WordTable table) { return used_[static_cast<size_t>(table)]; }

  std::array<std::set<std::string>, kWordTables> used_;
};

}  // namespace omni
