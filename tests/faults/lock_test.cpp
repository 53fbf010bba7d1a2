// Two processes and one run folder.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "small_run.h"
#include "store/files.h"

namespace omni::faults {
namespace {

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
    Program third(endless);
    ASSERT_TRUE(comes_true([&] { return third.err().find(words) != std::string::npos; }))
        << third.err();
    EXPECT_NE(third.err().find(name), std::string::npos) << third.err();
    const std::string own = fmt::format("process {} ", third.process());
    ASSERT_TRUE(comes_true([&] { return read_file(out / ".lock").starts_with(own); }));
    ASSERT_TRUE(comes_true([&] { return third.catches(SIGINT); }));
    third.signal(SIGINT);
    EXPECT_EQ(third.wait().code, 130);
  }
  // Its name may stay where the signal came before the run had begun; the lock itself may not.
  const int lock = open((out / ".lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(lock, 0);
  EXPECT_EQ(flock(lock, LOCK_EX | LOCK_NB), 0) << "the lock was not given back";
  close(lock);
}

}  // namespace
}  // namespace omni::faults
