// How a learning rate moves over training: a factor in [0, 1] as a pure function of the position.
#pragma once

#include <cstdint>
#include <string>

namespace omni {

struct Schedule {
  enum class Kind { constant, linear, cosine };
  Kind kind = Kind::constant;
  int64_t warmup = 0;  // steps over which the factor climbs linearly: 1/warmup, 2/warmup, ..., 1
  double final = 0;    // linear, cosine: the factor after the last step

  // The factor of step 0 <= step < total (counted from 0). After the warm-up, with
  // p = (step - warmup) / (total - warmup): linear 1 - (1 - final) p, cosine
  // final + (1 - final) (1 + cos(pi p)) / 2 (Loshchilov & Hutter 2017, arXiv:1608.03983).
  double operator()(int64_t step, int64_t total) const;
};

// "constant", "linear", "cosine"; UserError with the nearest names otherwise.
Schedule::Kind schedule_kind_from_name(const std::string& name);

}  // namespace omni
