// How arms look: one arm has one colour in every figure of a report, and arms of a family share a
// hue.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "store/results.h"

namespace omni {

struct Look {
  uint32_t colour = 0;  // 0xRRGGBB
  size_t round = 0;     // how often its colour was given away before: others are told apart by
                        // dashes, markers and the fill of bars
  std::string colour_name() const;  // "'#RRGGBB'", as gnuplot takes it
  std::string dash() const;         // "dashtype 2"
  int marker() const;               // gnuplot's number of a point type
  double fill() const;              // of a bar, as a share
  bool operator==(const Look&) const = default;
};

// Labels that are alike up to their first number, "UNDO 0.2" and "UNDO 0.4, beta 1", are of a
// family; so are the variants of a sweep, "Teacher, width=64" and "Teacher, width=128".
std::string family_of(const std::string& label);

class Looks {
 public:
  explicit Looks(const std::vector<ArmInfo>& arms);

  // UserError never: an arm that is not listed looks as the first.
  Look of_arm(const std::string& name) const;
  // Of one figure's series, in their order. A series of one arm looks as its arm, a series of one
  // family as that; others get the hues that are left. No two are alike.
  std::vector<Look> of_series(const std::vector<Series>& series) const;

 private:
  struct Place {
    size_t family = 0, member = 0, members = 1;
  };
  std::map<std::string, Place> places_;  // by arm
};

}  // namespace omni
