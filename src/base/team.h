// A fixed team of threads that does one thing together, again and again.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace omni {

// run(f) calls f(0) on the caller and f(1) .. f(size-1) on the team's threads and returns when all
// are done. Threads wait by spinning for a moment, then asleep. What f throws, the first of it where
// several do, leaves run() when all are done; the team can go on then.
class Team {
 public:
  explicit Team(int size);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return static_cast<int>(threads_.size()) + 1; }
  void run(const std::function<void(int)>& f);

 private:
  void work(int number);
  void attempt(int number);  // its share of the job; keeps what that throws

  const std::function<void(int)>* job_ = nullptr;
  std::atomic<uint32_t> round_{0};
  std::atomic<int> busy_{0};
  std::atomic<bool> ending_{false};
  std::mutex failing_;
  std::exception_ptr failure_;
  std::vector<std::thread> threads_;
};

}  // namespace omni
