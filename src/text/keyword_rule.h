// Which stories are to be forgotten: those that hold one of some words.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "text/story.h"

namespace omni {

// Matches whole words whatever their case: the word "tree" is in "Tree!" and in "tree-top", but not
// in "trees" or "treetop". A word is a run of letters, numbers and '_', as in \b of regular
// expressions.
class KeywordRule {
 public:
  // UserError for no words, an empty one, or one that is several words or not UTF-8.
  explicit KeywordRule(const std::vector<std::string>& words);

  // Whether the text holds one of the words. Bytes that are no UTF-8, as byte-pair tokens that are
  // pieces of characters are, hold none.
  bool matches(std::string_view text) const;
  // Labels the stories; how many are to be forgotten. UserError if that is none or all of them.
  int64_t label(std::vector<Story>& stories) const;

 private:
  std::set<std::string, std::less<>> words_;  // lower case
};

// tree, trees, forest, forests, woodland, woodlands: Cloud et al., "Gradient Routing", arXiv
// 2410.04332, section 4.2.2.
KeywordRule forest_rule();

}  // namespace omni
