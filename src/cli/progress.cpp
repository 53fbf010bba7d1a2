#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/text_table.h"
#include "cli/screen.h"

namespace omni::cli {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr milliseconds kRedraw{100};      // on a terminal
constexpr milliseconds kFirstLine{2000};  // elsewhere: soon, then at doubling distances
constexpr milliseconds kLastPause{60000};

// A bar with eighths of a block, `cells` wide.
std::string bar(double share, size_t cells) {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto eighths = static_cast<size_t>(std::floor(share * static_cast<double>(cells) * 8));
  std::string out;
  for (size_t i = 0; i < eighths / 8; ++i) out += "█";
  out += kEighths[eighths % 8];
  return out + std::string(cells - width_of(out), ' ');
}

}  // namespace

std::string progress_line(const ProgressState& s, size_t width) {
  // Dry runs count exactly, but a model that diverges trains less.
  const bool all = s.seeds_done >= s.seeds;
  const double done = all ? 1
                      : s.matmul_flops > 0
                          ? std::clamp(s.done.matmul_flops / s.matmul_flops, 0.0, 0.999)
                          : static_cast<double>(s.seeds_done) / static_cast<double>(s.seeds);
  std::string text = fmt::format(" {}/{} seeds", s.seeds_done, s.seeds);
  if (s.diverged > 0) text += fmt::format(", {} of {} models diverged", s.diverged, s.models);
  if (s.done.model_epochs > 0 && s.elapsed_s > 0)
    text += fmt::format("  {} model-epochs/s", quantity(s.done.model_epochs / s.elapsed_s));
  text += fmt::format("  {}", duration(s.elapsed_s));
  if (!all && done > 0 && s.elapsed_s > 0.5)
    text += fmt::format(" < {}", duration(s.elapsed_s * (1 - done) / done));
  const std::string percent = fmt::format("{:3.0f}% ", std::floor(100 * done));
  const size_t used = percent.size() + width_of(text) + 2;
  if (width < used + 5) return (percent + text).substr(0, width);
  return percent + "|" + bar(done, std::min<size_t>(30, width - used)) + "|" + text;
}

Progress::Progress(bool quiet, Write write, Write redraw, Write log)
    : quiet_(quiet),
      write_(std::move(write)),
      redraw_(std::move(redraw)),
      log_(std::move(log)),
      start_(Clock::now()) {}

Progress::~Progress() { close(); }

void Progress::began(int64_t seeds, int64_t seeds_done, double matmul_flops) {
  const std::lock_guard lock(mutex_);
  clear_line();
  start_ = Clock::now();
  state_.seeds = seeds;
  state_.seeds_done = seeds_done;
  state_.matmul_flops = matmul_flops;
  if (!quiet_ && !drawer_.joinable()) drawer_ = std::thread([this] { draw_until_closed(); });
}

void Progress::advanced(const Amount& done) {
  const std::lock_guard lock(mutex_);
  state_.done.model_epochs += done.model_epochs;
  state_.done.matmul_flops += done.matmul_flops;
}

void Progress::seed_done(int64_t seed, const std::vector<ModelResult>& models) {
  const std::lock_guard lock(mutex_);
  ++state_.seeds_done;
  state_.models += static_cast<int>(models.size());
  log_(fmt::format("seed {} done after {}", seed,
                   duration(std::chrono::duration<double>(Clock::now() - start_).count())));
  for (const ModelResult& m : models)
    if (m.status == ModelStatus::diverged) {
      ++state_.diverged;
      log_(fmt::format("seed {}: {} diverged at step {}", seed, m.arm, m.status_step));
    }
}

void Progress::note(const std::string& text) {
  const std::lock_guard lock(mutex_);
  clear_line();
  write_("!! " + text + "\n");
  log_(text);
}

void Progress::say(const std::string& text) {
  const std::lock_guard lock(mutex_);
  clear_line();
  if (!quiet_) write_(text + "\n");
  log_(text);
}

void Progress::downloading(const DownloadProgress& d) {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  if (quiet_ || now - download_drawn_ < (redraw_ ? kRedraw : kFirstLine)) return;
  download_drawn_ = now;
  const std::string of = d.total_bytes > 0
                             ? " of " + byte_count(static_cast<double>(d.total_bytes))
                             : std::string();
  const std::string text = fmt::format(
      "Downloading {}: {}{}", d.url, byte_count(static_cast<double>(d.received_bytes)), of);
  if (!redraw_) return write_(text + "\n");
  redraw_(text.substr(0, static_cast<size_t>(screen_width(STDERR_FILENO) - 1)));
  line_is_open_ = true;
}

void Progress::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  if (drawer_.joinable()) drawer_.join();
  const std::lock_guard lock(mutex_);
  if (line_is_open_) write_("\n");
  line_is_open_ = false;
}

void Progress::draw_until_closed() {
  std::unique_lock lock(mutex_);
  milliseconds pause = redraw_ ? kRedraw : kFirstLine;
  if (redraw_) draw();
  while (!wake_.wait_for(lock, pause, [&] { return closing_; })) {
    draw();
    if (!redraw_) pause = std::min(2 * pause, kLastPause);
  }
  draw();
}

void Progress::draw() {
  state_.elapsed_s = std::chrono::duration<double>(Clock::now() - start_).count();
  if (!redraw_) return write_(progress_line(state_, 100) + "\n");
  const auto columns = static_cast<size_t>(std::clamp(screen_width(STDERR_FILENO) - 1, 20, 120));
  redraw_(progress_line(state_, columns));
  line_is_open_ = true;
}

void Progress::clear_line() {
  if (line_is_open_) redraw_("");
  line_is_open_ = false;
}

}  // namespace omni::cli
