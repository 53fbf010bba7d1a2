// Where models that train on threads of their own meet, so that an executor steps many of them at
// once. Each thread sees an executor and sessions as if it were alone.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "executors/slots.h"

namespace omni {

// Of so many calls that may be made together, oldest first: those that are, by place; at least one.
// Asked when every member waits, so that its answers alone decide who runs with whom.
using Grouping = std::function<std::vector<size_t>(size_t count)>;
Grouping all_together();
Grouping at_most(size_t members);
Grouping drawn_from(uint64_t seed);  // any of them; the same again from the same seed

// What was run together, by members' numbers.
struct Meeting {
  int program = -1;   // -1: whole rounds
  int64_t count = 0;  // of runs or of rounds
  std::vector<int64_t> members;
  bool operator==(const Meeting&) const = default;
};

// Members post calls and wait. When all wait, the one that came last makes them: first all that
// open a session, then the group of the call that has waited longest, cut to the shortest of them
// and to about what each would take alone; the rest of the others waits again. Who waits equally
// long goes by number. So nothing depends on which thread was faster, and nobody waits for a member
// that has left. No lock is held while a call runs, or a member's own code.
//
// A session is opened into slots that models of equal programs have, if one of these is free.
// What throws in a call is thrown to all that made it, and to whoever else has a model in those
// slots at its next call.
class Rendezvous {
 public:
  struct Options {
    int most_computing = 1;  // members that compute at a time, while the others wait
    Grouping grouping = all_together();
    std::function<void(const Meeting&)> met = {};  // told of every group before it runs
  };
  // The executor is the rendezvous' alone.
  Rendezvous(SlotExecutor& executor, Options options);
  ~Rendezvous();

  class Member {
   public:
    virtual ~Member() = default;  // leaves; its sessions are closed before
    // Its thread begins to compute, with another seed or part: what it goes by from here on.
    virtual void begin(int64_t number) = 0;
    // The rendezvous as an executor, for the member's thread. Must not outlive the member, nor its
    // sessions.
    virtual std::unique_ptr<Executor> executor() = 0;
  };
  // All of them join before the first one's thread opens a session.
  std::unique_ptr<Member> join();

 private:
  class MemberHere;
  class ExecutorHere;
  class SessionHere;
  struct Open;
  struct Call;
  struct Place;

  void post(Call& call);
  void take_turn(std::unique_lock<std::mutex>& lock);
  std::vector<Call*> choose() const;
  void open(Call& call);
  void run(const std::vector<Call*>& calls);
  void finish(Call& call);
  void begin_to_compute(std::unique_lock<std::mutex>& lock, MemberHere& member);
  void end_to_compute(MemberHere& member);

  SlotExecutor& executor_;
  const Options options_;
  std::vector<std::shared_ptr<Open>> open_;
  std::mutex mutex_;          // of what follows
  std::list<Call*> waiting_;  // oldest first
  std::list<Place> closed_;   // of sessions, until the next turn
  int running_ = 0;           // members that do not wait for a call
  int computing_ = 0;         // of these
  std::condition_variable core_is_free_;
  int64_t turn_ = 0;
  bool in_turn_ = false;
};

}  // namespace omni
