#include "store/files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

#include "base/error.h"
#include "store/test_folder.h"

namespace omni {
namespace {

TEST(Files, WritesAndReplacesWhole) {
  const TestFolder folder;
  const auto path = folder.path() / "a.txt";
  atomic_write(path, "first");
  atomic_write(path, std::string("sec\0ond", 7));
  EXPECT_EQ(read_file(path), std::string("sec\0ond", 7));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(Files, FailuresSayWhatAndWhere) {
  const TestFolder folder;
  const auto path = folder.path() / "missing" / "a.txt";
  try {
    atomic_write(path, "x");
    FAIL() << "wrote into a missing folder";
  } catch (const UserError& e) {
    EXPECT_NE(std::string(e.what()).find(path.string()), std::string::npos);
  }
  EXPECT_THROW(read_file(path), UserError);
  EXPECT_THROW(read_file(folder.path()), UserError);
}

TEST(Files, AFailedReplacementLeavesNothingBehind) {
  const TestFolder folder;
  const auto taken = folder.path() / "a";
  make_folder(taken);
  EXPECT_THROW(atomic_write(taken, "x"), UserError);  // a folder cannot be replaced by a file
  EXPECT_TRUE(std::filesystem::is_directory(taken));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

// A limit on the size of files makes a write fail half way, as a full disk does.
TEST(Files, AFullDiskLeavesTheOldContent) {
  const TestFolder folder;
  const auto path = folder.path() / "a.txt";
  atomic_write(path, "old");
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_THROW(atomic_write(path, std::string(5000, 'x')), UserError);
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(Files, ReadOnlyFolder) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  const TestFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_read |
                                                  std::filesystem::perms::owner_exec);
  EXPECT_THROW(atomic_write(folder.path() / "a", "x"), UserError);
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
}

TEST(Files, CsvCellsAreQuotedWhereNeeded) {
  EXPECT_EQ(csv_cell("plain"), "plain");
  EXPECT_EQ(csv_cell("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_cell("say \"x\""), "\"say \"\"x\"\"\"");
  EXPECT_EQ(csv_number(0.1), "0.1");
  EXPECT_EQ(csv_number(std::nan("")), "");
}

}  // namespace
}  // namespace omni
