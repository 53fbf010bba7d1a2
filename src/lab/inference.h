// Models at work: programs that read them and train none, run again and again with what they are
// fed. So text is written token by token, and questions are answered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "executors/executor.h"
#include "lab/trial.h"
#include "lab/worker.h"

namespace omni {

struct Inference {
  std::string name;  // for messages
  // They read sets, and what is filled before each run: s.fed(). There are no tables.
  std::map<std::string, StepBuilder> programs;
  // What they read: {"model", ensemble[3]}. Other sets that they read are their own: these begin as
  // zeros, and are what programs make of them by updates ("model.past").
  std::map<std::string, ModelView> sets;
  // Of what it will be fed, and of all else that decides what comes of it.
  Hash given = {};
};

// One under way: a session of the worker's executor. In dry runs nothing is computed, and results
// are zeros.
class OpenInference {
 public:
  virtual ~OpenInference() = default;
  // Of the program's next run: whole, and gone after it. As Session's.
  template <class T>
  std::span<T> feed(const std::string& program, const std::string& input) {
    static_assert(sizeof(T) == 4);
    const std::span<std::byte> bytes =
        feed_bytes(program, input, std::is_same_v<T, float> ? DType::f32 : DType::i32);
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  // Leaves by Interrupted where the run is to stop.
  virtual void run(const std::string& program) = 0;
  // So many runs that were counted on are not needed, or in dry runs: are not made.
  virtual void leave_out(const std::string& program, int64_t runs) = 0;
  // An f32 result of the program's last run, until it runs again.
  virtual std::span<const float> result(const std::string& program,
                                        const std::string& name) const = 0;

 private:
  virtual std::span<std::byte> feed_bytes(const std::string& program, const std::string& input,
                                          DType type) = 0;
};

// The session that it is. UserError, beginning with its name, for what is refused: a model without
// what a program reads, updates of what others read.
SessionSpec session_of(const Inference& inference);

// Worker and models must outlive it.
std::unique_ptr<OpenInference> open_inference(const Inference& inference, const SessionSpec& spec,
                                              Worker& worker);
// Adds to `work` what is run, and computes nothing.
std::unique_ptr<OpenInference> count_inference(const SessionSpec& spec, Work& work);

// A trial outside of any run, to look at models by.
struct LoneTrial {
  explicit LoneTrial(WorkerOptions options = {})
      : worker(std::move(options)), trial(worker, 0, "", record) {}
  Worker worker;
  SeedRecord record;
  Trial trial;
};

}  // namespace omni
