#include "data/idx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "data/test_support.h"

namespace omni {
namespace {

using test::bytes_of;
using test::error_of;
using test::gzip;
using test::idx_file;
using testing::AllOf;
using testing::HasSubstr;

constexpr size_t kPlenty = 1 << 20;

TEST(ParseIdx, GivesShapeAndElements) {
  const auto bytes = bytes_of(idx_file({2, 1, 3}, "abcdef"));
  const Idx idx = parse_idx(bytes, 3, "here");
  EXPECT_EQ(idx.shape, (std::vector<int64_t>{2, 1, 3}));
  ASSERT_EQ(idx.elements.size(), 6u);
  EXPECT_EQ(static_cast<char>(idx.elements[5]), 'f');
}

TEST(ParseIdx, NamesFileWantedAndFoundMagic) {
  const auto labels = bytes_of(idx_file({3}, "abc"));
  EXPECT_THAT(error_of([&] { parse_idx(labels, 3, "dir/train-images"); }),
              AllOf(HasSubstr("dir/train-images"), HasSubstr("0x00000803"),
                    HasSubstr("found 0x00000801")));
}

TEST(ParseIdx, RefusesEveryTruncation) {
  const std::string whole = idx_file({2, 1, 3}, "abcdef");
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto bytes = bytes_of(whole.substr(0, size));
    EXPECT_THROW(parse_idx(bytes, 3, "cut"), UserError) << size;
  }
  const auto longer = bytes_of(whole + "g");
  EXPECT_THAT(error_of([&] { parse_idx(longer, 3, "long"); }),
              AllOf(HasSubstr("expected 6 elements"), HasSubstr("2 x 1 x 3"),
                    HasSubstr("found 7")));
}

// Sizes whose product wraps around 64 bits to the number of bytes that are there.
TEST(ParseIdx, AHeaderCannotPromiseMoreThanTheFileHolds) {
  const auto wraps = bytes_of(idx_file({0x80000000u, 0x80000000u, 4}, ""));
  EXPECT_THAT(error_of([&] { parse_idx(wraps, 3, "wraps"); }), HasSubstr("more than 2^64"));
  const auto huge = bytes_of(idx_file({0xffffffffu, 28, 28}, "x"));
  EXPECT_THROW(parse_idx(huge, 3, "huge"), UserError);
}

TEST(ReadBytes, PlainAndGzippedGiveTheSame) {
  const TestFolder folder;
  const std::string text(300000, 'q');
  test::write_text(folder.path() / "plain", text);
  test::write_text(folder.path() / "packed", gzip(text));
  EXPECT_EQ(read_bytes(folder.path() / "plain", kPlenty), bytes_of(text));
  EXPECT_EQ(read_bytes(folder.path() / "packed", kPlenty), bytes_of(text));
}

TEST(ReadBytes, SaysWhichFileIsMissingOrNone) {
  const TestFolder folder;
  EXPECT_THAT(error_of([&] { read_bytes(folder.path() / "absent", kPlenty); }),
              AllOf(HasSubstr("absent"), HasSubstr("No such file")));
  EXPECT_THAT(error_of([&] { read_bytes(folder.path(), kPlenty); }), HasSubstr("a folder"));
}

TEST(Decompress, RefusesEveryTruncation) {
  const std::string packed = gzip(idx_file({100}, std::string(100, 'z')));
  for (size_t size = 2; size < packed.size(); ++size)
    EXPECT_THAT(error_of([&] { decompress(bytes_of(packed.substr(0, size)), kPlenty, "cut.gz"); }),
                AllOf(HasSubstr("cut.gz"), HasSubstr("cut off")))
        << size;
}

// gzip itself does not guard its header's time and flags; every other bit must be noticed.
TEST(Decompress, EveryFlippedBitIsNoticedOrHarmless) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += static_cast<char>(i * i);
  const std::string packed = gzip(text);
  int noticed = 0;
  for (size_t bit = 8 * 10; bit < 8 * packed.size(); ++bit) {
    std::string flipped = packed;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    try {
      EXPECT_EQ(decompress(bytes_of(flipped), kPlenty, "flipped"), bytes_of(text)) << bit;
    } catch (const UserError&) {
      ++noticed;
    }
  }
  EXPECT_GT(noticed, static_cast<int>(8 * (packed.size() - 10)) * 9 / 10);
}

// As `cat a.gz b.gz`, pigz and bgzip write them, and as tapes pad them.
TEST(Decompress, TakesSeveralMembersAndZerosBehindThem) {
  const std::string a(300000, 'a'), b = "b", two = gzip(a) + gzip(b);
  EXPECT_EQ(decompress(bytes_of(two), kPlenty, "two"), bytes_of(a + b));
  EXPECT_EQ(decompress(bytes_of(two + gzip("") + std::string(512, '\0')), kPlenty, "padded"),
            bytes_of(a + b));
  for (const size_t cut : {size_t{1}, size_t{9}, gzip(b).size() - 2})
    EXPECT_THROW(decompress(bytes_of(two.substr(0, two.size() - cut)), kPlenty, "cut"), UserError);
  EXPECT_THROW(decompress(bytes_of(two), a.size(), "limit"), UserError);
  EXPECT_THAT(
      error_of([&] { decompress(bytes_of(two + std::string(3, '\0') + "x"), kPlenty, "x"); }),
      HasSubstr("found 4 more bytes"));
  const TestFolder folder;
  std::string many;
  for (int i = 0; i < 1000; ++i) many += gzip("0123456789");
  test::write_text(folder.path() / "many", many);
  EXPECT_EQ(read_bytes(folder.path() / "many", 10000).size(), 10000U);
}

TEST(Decompress, StopsAtTheLimitAndRefusesAppendedBytes) {
  const std::string bomb = gzip(std::string(10'000'000, 'a'));
  EXPECT_THAT(error_of([&] { decompress(bytes_of(bomb), 1000, "bomb"); }),
              AllOf(HasSubstr("at most 1000 bytes"), HasSubstr("found more")));
  EXPECT_THAT(error_of([&] { decompress(bytes_of(gzip("a") + "tail"), 1000, "tail"); }),
              HasSubstr("found 4 more bytes"));
}

}  // namespace
}  // namespace omni
