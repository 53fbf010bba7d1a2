// Two processes and one run folder.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "small_run.h"
#include "store/files.h"

namespace omni::faults {
namespace {

// When the last of the folder's checkpoints was written; a run that trains writes one after every step.
std::filesystem::file_time_type last_checkpoint(const std::filesystem::path& out) {
  auto last = std::filesystem::file_time_type::min();
  std::error_code error;  // files come and go
  for (std::filesystem::recursive_directory_iterator i(out / "checkpoints", error), end;
       !error && i != end; i.increment(error)) {
    std::error_code gone;
    const auto time = i->last_write_time(gone);
    if (!gone && i->is_regular_file(gone)) last = std::max(last, time);  // folders are tidied, too
  }
  return last;
}

TEST(Lock, ASecondProcessIsRefusedAndAKilledOneIsReplaced) {
  const TestFolder folder;
  const auto out = folder.path() / "run";
  const Words endless = SmallRun{.epochs = 1000, .last_seed = 99}.words(out);
  const std::string words = "ended here without a word";
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  const auto begun = [&] { return std::filesystem::exists(out / "results.sqlite-shm"); };
  std::string name;
  {
    Program first(endless);
    ASSERT_TRUE(comes_true(begun)) << first.err();
    name = fmt::format("process {} on {}", first.process(), host);
    const Ended second = run(endless);
    EXPECT_EQ(second.code, 2) << second.shown();
    EXPECT_NE(second.err.find(name), std::string::npos) << second.err;
    EXPECT_EQ(second.err.find(words), std::string::npos) << second.err;
    first.signal(SIGKILL);
    EXPECT_EQ(first.wait().signal, SIGKILL);
  }
  {
    const auto before = last_checkpoint(out);
    Program third(endless);
    ASSERT_TRUE(comes_true([&] { return third.err().find(words) != std::string::npos; }))
        << third.err();
    EXPECT_NE(third.err().find(name), std::string::npos) << third.err();
    const std::string own = fmt::format("process {} ", third.process());
    ASSERT_TRUE(comes_true([&] { return read_file(out / ".lock").starts_with(own); }));
    // Once it trains a signal asks; before, it ends the process at once.
    ASSERT_TRUE(comes_true([&] { return last_checkpoint(out) > before; }));
    third.signal(SIGINT);
    EXPECT_EQ(third.wait().code, 130);
  }
  EXPECT_EQ(read_file(out / ".lock"), "") << "the lock was not given back";
}

}  // namespace
}  // namespace omni::faults
