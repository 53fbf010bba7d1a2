#include "studies/text_cache.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/test_folder.h"
#include "store/files.h"
#include "text/char_tokenizer.h"

namespace omni {
namespace {

namespace fs = std::filesystem;

const std::vector<Story> kStories = {{"abca", true}, {"b"}, {"ccccccccc"}};

struct Cache {
  TestFolder folder;
  int made = 0;

  TokenRows rows(const std::string& alphabet = "abc", int64_t length = 6) {
    return cached_rows(folder.path() / "deep" / "cache", CharTokenizer(alphabet), kStories, length,
                       [this](int64_t done, int64_t total) { made += done == total; });
  }
  fs::path file() const {
    return fs::directory_iterator(folder.path() / "deep" / "cache")->path();
  }
};

TEST(TextCache, MakesRowsOnce) {
  Cache cache;
  const TokenRows first = cache.rows();
  EXPECT_EQ(cache.made, 1);
  EXPECT_EQ(first, rows_of_stories(CharTokenizer("abc"), kStories, 6));
  EXPECT_EQ(cache.rows(), first);
  EXPECT_EQ(cache.made, 1);
  EXPECT_NE(cache.rows("cba"), first);
  cache.rows("abc", 7);
  EXPECT_EQ(cache.made, 3);
  EXPECT_EQ(cache.rows(), first);
  EXPECT_EQ(cache.made, 3);
}

TEST(TextCache, MakesDamagedRowsAgain) {
  Cache cache;
  const TokenRows good = cache.rows();
  const std::string bytes = read_file(cache.file());
  for (size_t at = 0; at < bytes.size(); at += 7) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    std::ofstream(cache.file(), std::ios::binary) << damaged;
    ASSERT_EQ(cache.rows(), good) << "byte " << at;
  }
  EXPECT_GT(cache.made, 10);
  for (const size_t size : {size_t{0}, size_t{9}, bytes.size() - 1}) {
    std::ofstream(cache.file(), std::ios::binary) << bytes.substr(0, size);
    ASSERT_EQ(cache.rows(), good) << "cut to " << size;
  }
  EXPECT_EQ(read_file(cache.file()), bytes) << "repaired on disk";
}

TEST(TextCache, WithoutAFolderToWriteToRowsAreMadeEachTime) {
  const TestFolder folder;
  atomic_write(folder.path() / "file", "");
  const TokenRows rows =
      cached_rows(folder.path() / "file" / "below", CharTokenizer("abc"), kStories, 6);
  EXPECT_EQ(rows.tokens, rows_of_stories(CharTokenizer("abc"), kStories, 6).tokens);
  EXPECT_EQ(read_file(folder.path() / "file"), "");
}

TEST(TextCache, TablesHoldWhatModelsRead) {
  DataTable table;
  {
    const TokenRows rows = rows_of_stories(CharTokenizer("abc"), kStories, 6);
    table = tables_of(rows, "train");
  }
  ASSERT_EQ(table.size(), 4U);
  EXPECT_EQ(table.at("train.x").type, (Type{DType::i32, Shape{3, 5}}));
  EXPECT_EQ(table.at("train.weight").type, (Type{DType::f32, Shape{3, 5}}));
  EXPECT_EQ(table.at("train.forget").type, (Type{DType::f32, Shape{3}}));
  const auto* x = static_cast<const int32_t*>(table.at("train.x").data);
  const auto* y = static_cast<const int32_t*>(table.at("train.y").data);
  const auto* weight = static_cast<const float*>(table.at("train.weight").data);
  const auto* forget = static_cast<const float*>(table.at("train.forget").data);
  EXPECT_EQ(std::vector(x, x + 5), (std::vector<int32_t>{0, 1, 2, 3, 1}));
  EXPECT_EQ(std::vector(y, y + 5), (std::vector<int32_t>{1, 2, 3, 1, 0}));
  EXPECT_EQ(std::vector(weight, weight + 5), (std::vector<float>{1, 1, 1, 1, 0}));
  EXPECT_EQ(std::vector(forget, forget + 3), (std::vector<float>{1, 0, 0}));
}

}  // namespace
}  // namespace omni
