#include "store/files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <csignal>
#include <set>

#include "base/error.h"
#include "base/test_folder.h"

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
  EXPECT_THROW(read_file("/dev/zero"), UserError);  // no end
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
  EXPECT_EQ(csv_cell("caf\xc3"), "caf\xef\xbf\xbd") << "CSV files are UTF-8";
  EXPECT_EQ(csv_number(0.1), "0.1");
  EXPECT_EQ(csv_number(std::nan("")), "");
}

TEST(Files, AnyLabelNamesAFileInItsFolder) {
  EXPECT_EQ(file_name_of("method | width=16, lr=0.1"), "method | width=16, lr=0.1");
  std::set<std::string> names;
  const std::string labels[] = {"",      ".",    "..",     "../../etc/x", "/etc/passwd", "a/b",
                                "a_b",   ".git", "-rf",    "a\nb",        "é",           "a ",
                                std::string("a\0b", 3), std::string(5000, 'a'),
                                std::string(5001, 'a'), "a\\b", "label a~b"};
  for (const std::string& label : labels) {
    const std::string name = file_name_of(label);
    EXPECT_TRUE(names.insert(name).second) << label << " shares " << name;
    EXPECT_LE(name.size(), 130u);
    EXPECT_EQ(std::filesystem::path(name).filename(), name) << label;
    EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(name[0]))) << label;
    EXPECT_EQ(name.find_first_of(std::string_view("\0\n/\\", 4)), std::string::npos) << label;
  }
}

TEST(Files, WhatKilledProcessesLeftIsRemoved) {
  const TestFolder folder;
  make_folder(folder.path() / "inner");
  const pid_t dead = fork();
  if (dead == 0) _exit(0);
  ASSERT_EQ(waitpid(dead, nullptr, 0), dead);
  const auto left = folder.path() / "inner" / fmt::format("a.txt.{}.7.part", dead);
  const auto alive = folder.path() / fmt::format("a.txt.{}.7.part", getpid());
  const auto other = folder.path() / "symphony.part";
  for (const auto& path : {left, alive, other}) append(path, "x");
  remove_leftovers(folder.path());
  EXPECT_FALSE(std::filesystem::exists(left));
  EXPECT_TRUE(std::filesystem::exists(alive));
  EXPECT_TRUE(std::filesystem::exists(other));
}

TEST(Files, LogsGrowAtTheirEndAndAreVisible) {
  const TestFolder folder;
  append(folder.path() / "log", "a\x1b[2J\n");
  append(folder.path() / "log", "b\xc3");
  EXPECT_EQ(read_file(folder.path() / "log"), "a\\u001b[2J\nb\xef\xbf\xbd");
  EXPECT_THROW(append(folder.path(), "c"), UserError);
}

}  // namespace
}  // namespace omni
