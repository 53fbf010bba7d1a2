// Ctrl-C and SIGTERM at every stage of a run.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "small_run.h"
#include "store/files.h"

namespace omni::faults {
namespace {

namespace fs = std::filesystem;

// A gnuplot that says that it was started and then takes its time.
class SlowGnuplot {
 public:
  SlowGnuplot() {
    const fs::path program = folder_.path() / "gnuplot";
    atomic_write(program, fmt::format("#!/bin/sh\ntouch '{}'\nexec sleep 600\n", mark().string()));
    chmod(program.c_str(), 0755);
  }
  Environment environment() const {
    const char* path = getenv("PATH");
    return {{"PATH", folder_.path().string() + ":" + (path ? path : "/usr/bin:/bin")}};
  }
  bool started() const { return fs::exists(mark()); }

 private:
  fs::path mark() const { return folder_.path() / "started"; }
  TestFolder folder_;
};

// Whether the run is between the first step and the last.
bool trains(const fs::path& out) {
  std::error_code none_yet;
  return fs::directory_iterator(out / "checkpoints", none_yet) != fs::directory_iterator();
}

void expect_stops_and_goes_on(int signal, int threads) {
  const TestFolder folder;
  const fs::path out = folder.path() / "run";
  const SmallRun small{.threads = threads, .epochs = 60, .checkpoint_every_s = 0.02};
  {
    Program program(small.words(out));
    ASSERT_TRUE(comes_true([&] { return trains(out); })) << program.err();
    program.signal_group(signal);
    const Ended ended = program.wait();
    ASSERT_EQ(ended.code, 128 + signal) << ended.shown();
    EXPECT_NE(ended.err.find("Stopping after the step"), std::string::npos) << ended.err;
    EXPECT_NE(ended.err.find("type the same command again"), std::string::npos) << ended.err;
    EXPECT_TRUE(comes_true([&] { return program.group_is_gone(); })) << "left children";
  }
  EXPECT_EQ(status_of(out), "interrupted");
  EXPECT_EQ(read_file(out / ".lock"), "");
  expect_no_part_files(out, "stopped");
  expect_finishes(small, out, "stopped");
}

TEST(Signals, InterruptKeepsWhatWasDone) { expect_stops_and_goes_on(SIGINT, 1); }
TEST(Signals, TerminateKeepsWhatWasDone) { expect_stops_and_goes_on(SIGTERM, 2); }

TEST(Signals, BeforeTheRunHasBegunItEndsAtOnce) {
  const TestFolder folder;
  const fs::path out = folder.path() / "run";
  Words words = SmallRun{.data = "digits"}.words(out);  // drawing them takes seconds
  std::erase(words, "--quiet");
  Program program(words);
  ASSERT_TRUE(comes_true([&] { return program.err().find("Results go to") != std::string::npos; }))
      << program.err();
  program.signal_group(SIGINT);
  const Ended ended = program.wait();
  EXPECT_EQ(ended.code, 130) << ended.shown();
  expect_no_part_files(folder.path(), "stopped before it began");
}

TEST(Signals, WhileTheReportIsDrawnResultsAreKept) {
  const TestFolder folder;
  const fs::path out = folder.path() / "run";
  const SmallRun small;
  for (const bool again_by_report : {true, false}) {
    const SlowGnuplot gnuplot;
    fs::remove_all(out);
    Program program(small.words(out), gnuplot.environment());
    ASSERT_TRUE(comes_true([&] { return gnuplot.started(); })) << program.err();
    program.signal_group(SIGINT);
    const Ended ended = program.wait();
    ASSERT_EQ(ended.code, 130) << ended.shown();
    EXPECT_NE(ended.err.find("All results are kept"), std::string::npos) << ended.err;
    EXPECT_TRUE(comes_true([&] { return program.group_is_gone(); })) << "left children";
    EXPECT_EQ(status_of(out), "finished");
    EXPECT_FALSE(fs::exists(out / "report.html"));
    expect_no_part_files(out, "stopped while drawing");
    if (again_by_report) {
      EXPECT_EQ(run({OMNI_PROGRAM, "report", out.string()}).code, 0);
    }
    expect_finishes(small, out, "stopped while drawing");
  }
}

TEST(Signals, ASecondOneEndsAtOnce) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer holds signals back while a thread waits for a child process";
#endif
  const TestFolder folder;
  const fs::path out = folder.path() / "run";
  const SlowGnuplot gnuplot;
  Program program(SmallRun{}.words(out), gnuplot.environment());
  ASSERT_TRUE(comes_true([&] { return gnuplot.started(); })) << program.err();
  program.signal(SIGINT);  // not to gnuplot, which is waited for
  ASSERT_TRUE(comes_true([&] { return !program.err().empty(); })) << "the first one says nothing";
  pause(0.5);  // sooner than 0.3 s after the first it would count as the same
  program.signal(SIGINT);
  EXPECT_EQ(program.wait().code, 130);
  program.signal_group(SIGKILL);  // the slow gnuplot
  expect_finishes(SmallRun{}, out, "stopped twice");
}

}  // namespace
}  // namespace omni::faults
