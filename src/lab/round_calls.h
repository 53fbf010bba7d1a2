// What a host's function may ask of a round, checked: names, types, and the order of calls. Where
// it runs is left to those that derive from it: a session, or nothing in dry runs.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lab/phase.h"

namespace omni {

class RoundCalls : public Round {
 public:
  // Both must outlive it.
  RoundCalls(const Phase& p, const SessionSpec& spec) : phase_(p), spec_(spec) {}
  void begin() { fed_.clear(), ran_.clear(); }

  int64_t rounds() const final { return phase_.rounds; }
  Key key(std::string_view purpose) const final;
  void run(const std::string& program, int64_t runs) final;
  void keep(const std::string& name) final;
  void restore(const std::string& name) final;
  void see(const std::string& metric, double value) final;

 protected:
  const Phase& phase() const { return phase_; }

 private:
  virtual std::span<std::byte> fed(int program, const std::string& input, const Type& type) = 0;
  virtual std::span<const std::byte> shown(int program, const std::string& result,
                                           const Type& type) = 0;
  virtual void run_program(int program, int64_t runs) = 0;
  virtual void keep_sets(const std::string& name) = 0;
  virtual std::vector<std::string> kept() const = 0;       // names
  virtual void restore_sets(const std::string& name) = 0;  // one of these
  virtual void note_seen(const std::string& metric, double value) = 0;

  std::span<std::byte> feed_bytes(const std::string& program, const std::string& input,
                                  DType type) final;
  std::span<const std::byte> result_bytes(const std::string& program, const std::string& name,
                                          DType type) final;
  int program_of(const std::string& name) const;
  void require_filled(const std::string& program, const std::string& input,
                      std::span<const std::byte> memory) const;

  const Phase& phase_;
  const SessionSpec& spec_;
  struct Fed {
    std::span<std::byte> memory;
    DType type;
  };
  std::map<std::pair<int, std::string>, Fed> fed_;  // asked for since the program ran
  std::set<int> ran_;                               // and have results
};

}  // namespace omni
