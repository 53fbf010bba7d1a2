// What a run keeps of what another build of the program trained before it was started again: work
// that this build would do in the same way, as far as that is seen without training, and that it is
// then shown to do in the same way by training a seed of it again.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "lab/worker.h"
#include "store/results.h"

namespace omni {

// A part of every seed, as this build would train it.
struct PartForm {
  std::string part;               // "" where there are no parts
  std::vector<std::string> arms;  // that it records
  std::string fingerprint;        // as in Origin
};

class OtherBuilds {
 public:
  OtherBuilds(Results& results, std::vector<PartForm> forms, std::string program)
      : results_(results), forms_(std::move(forms)), program_(std::move(program)) {}

  // Forgets stored models that this build would make in another way, or does not make at all.
  // Returns what is to be said of that and of what is kept; nothing if this build made all.
  std::string forget_changed();

  // Of what is kept, a seed of each part and program that is not known to agree with this one.
  std::vector<Origin> to_repeat() const;
  // UserError that names the first number that differs from what is stored.
  void require_equal(const Origin& stored, const SeedRecord& again) const;
  // Notes that all programs of to_repeat() gave what this one gives.
  void agreed();

 private:
  std::set<std::string> agreeing() const;
  std::vector<Origin> by_others() const;

  Results& results_;
  std::vector<PartForm> forms_;
  std::string program_;
};

}  // namespace omni
