// How a run goes, on standard error: one moving line on a terminal, a plain line every few seconds
// elsewhere.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "data/download.h"
#include "lab/runner.h"

namespace omni::cli {

// What a progress line shows.
struct ProgressState {
  int64_t seeds = 0, seeds_done = 0;
  double matmul_flops = 0;             // since this start
  Amount done = {};
  int models = 0, diverged = 0;        // of the seeds finished since this start
  double elapsed_s = 0;
};

// " 42% |######      | 13/32 seeds, 78 models  84.1 model-epochs/s  0:12 < 0:17", at most `width`
// characters; the bar is drawn with blocks.
std::string progress_line(const ProgressState& state, size_t width);

// Draws on its own thread from began() until it is destroyed or close() is called.
class Progress final : public RunWatcher {
 public:
  using Write = std::function<void(const std::string&)>;
  // `redraw` replaces the line that a terminal's cursor stands in; without one there are lines, the
  // first soon and later ones more rarely. `log` gets a line for everything worth keeping.
  Progress(bool quiet, Write write, Write redraw, Write log);
  ~Progress() override;

  void began(int64_t seeds, int64_t seeds_done, double matmul_flops) override;
  void advanced(const Amount& done) override;
  void seed_done(int64_t seed, const std::vector<ModelResult>& models) override;
  void note(const std::string& text) override;
  void say(const std::string& text);  // a line that is no warning: kept, and shown unless quiet
  void downloading(const DownloadProgress& d);

  bool has_begun() const { return state_.seeds > 0; }
  void close();  // draws the last state and ends the line

 private:
  using Clock = std::chrono::steady_clock;
  void draw_until_closed();
  void draw();  // this and the next: with the lock held
  void clear_line();

  const bool quiet_;
  const Write write_, redraw_, log_;
  std::mutex mutex_;
  std::condition_variable wake_;
  ProgressState state_;
  Clock::time_point start_, download_drawn_;
  bool closing_ = false, line_is_open_ = false;
  std::thread drawer_;
};

}  // namespace omni::cli
