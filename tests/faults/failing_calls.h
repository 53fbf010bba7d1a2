// Makes the n-th call of a kind fail, for many n, and checks what becomes of a half-finished run.
#pragma once

#include <cerrno>
#include <string>

namespace omni::faults {

struct Fault {
  std::string kind;      // as in failing_files.cpp
  int error = 0;         // 0: a read or write does only a part of its work
  bool for_ever = false;  // from that call on
};

// The first calls, and then some evenly spaced up to the last, `most` in all.
void expect_clear_failures(const Fault& fault, int most);

}  // namespace omni::faults
