#include "lab/dry_round.h"

#include "lab/author_code.h"
#include "lab/worker.h"

namespace omni {
namespace {

class Zeros final : public RoundCalls {
 public:
  Zeros(const Phase& p, const SessionSpec& spec, DryRound& done)
      : RoundCalls(p, spec), done_(done) {}

  int64_t number() const override { return 0; }
  bool dry() const override { return true; }
  void stop() override {}

 private:
  using Memory = std::map<std::pair<int, std::string>, std::vector<double>>;  // aligned for all

  static std::span<std::byte> zeros(std::vector<double>& memory, const Type& type) {
    memory.assign(static_cast<size_t>(type.bytes()) / sizeof(double) + 1, 0);
    return std::as_writable_bytes(std::span(memory)).first(static_cast<size_t>(type.bytes()));
  }
  std::span<std::byte> fed(int program, const std::string& input, const Type& type) override {
    return zeros(fed_[{program, input}], type);
  }
  std::span<const std::byte> shown(int program, const std::string& result,
                                   const Type& type) override {
    return zeros(shown_[{program, result}], type);
  }
  void run_program(int program, int64_t runs) override { done_.runs[program] += runs; }
  void keep_sets(const std::string& name) override { done_.kept.insert(name); }
  // What a trunk kept and what later rounds keep may be restored in a first one that is none.
  std::vector<std::string> kept() const override {
    std::vector<std::string> names(done_.kept.begin(), done_.kept.end());
    names.insert(names.end(), phase().keeps.begin(), phase().keeps.end());
    if (phase().from)
      for (const auto& [name, copy] : phase().from->copies) names.push_back(name);
    return names;
  }
  void restore_sets(const std::string&) override {}
  void note_seen(const std::string& metric, double) override { done_.seen.insert(metric); }

  DryRound& done_;
  Memory fed_, shown_;
};

}  // namespace

DryRound dry_round(const Phase& p, const SessionSpec& spec) {
  DryRound done;
  done.host = p.host_state.clone();
  Zeros round(p, spec, done);
  const Worker::InRound in(p.name);
  call_author(fmt::format("phase {}, its round called dry, with number 0 and zeros", p.name),
              [&] { p.host_round(round, done.host); });
  return done;
}

}  // namespace omni
