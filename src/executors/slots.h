// Executors that step many models at once: slots, in which models of equal programs run in
// lock-step. Whoever trains a model sees its session alone (executors/rendezvous.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "executors/executor.h"

namespace omni {

// Room for models of equal programs. A model in a slot is a session: what it is given and started
// from, and what is read of it, are its own, and may be for a thread of its own. What follows here,
// what runs a model, and its end are for one thread at a time, while no other is at any of the
// models.
class Slots {
 public:
  virtual ~Slots() = default;
  virtual int size() const = 0;
  virtual int free() const = 0;
  // Into a free slot, which the model leaves when it is destroyed; the others notice neither. Bug
  // if none is free. It must not outlive the slots.
  virtual std::unique_ptr<Session> admit() = 0;

  // As Session's, of all of these models in step. Bug unless they stand alike for it
  // (stand_alike(); a model that has diverged and is to stand still does so beside any others).
  // What throws has broken all models that there are.
  virtual void run(std::span<Session* const> models, int program, int64_t runs) = 0;
  virtual void rounds(std::span<Session* const> models, std::span<const Turn> turns,
                      int64_t count) = 0;
};

class SlotExecutor : public Executor {
 public:
  // Compiles what it has not compiled yet. UserError for a graph that it cannot run.
  virtual std::unique_ptr<Slots> open_slots(SessionSpec spec, int slots) = 0;
  virtual int most_slots(const SessionSpec& spec) const = 0;
  // Models that it steps at the same time; a call of more takes as much longer.
  virtual int models_at_once() const = 0;
  // That each model takes in its slot.
  virtual int64_t bytes_per_model(const SessionSpec& spec) const = 0;
  // That it keeps of each number of a table in a form of its own, beside the table.
  virtual int64_t bytes_per_table_number() const = 0;
};

// Equal for specs whose models may share slots. Weights, keys, rates, numbers, what tables hold and
// where a model stands are each model's own.
uint64_t fingerprint(const SessionSpec& spec);

// Whether two models may begin such a run, or rounds of these turns, together: every run takes the
// same graph of both. So where an epoch's last batch is short, they have to be at one place of
// the epoch; and where a turn is not of every round, at rounds that differ by a multiple of it.
bool stand_alike(const SessionSpec& spec, const Standing& a, const Standing& b,
                 std::span<const Turn> turns);

}  // namespace omni
