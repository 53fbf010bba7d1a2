#include "base/sha256.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace omni {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// The example values of FIPS 180-4.
TEST(Sha256, MatchesTheStandard) {
  EXPECT_EQ(sha256_hex(std::string_view("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(std::string_view()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesGiveTheWhole) {
  const std::string text(1000, 'x');
  Sha256 pieces;
  for (size_t start = 0; start < text.size(); start += 37)
    pieces.add(bytes_of(text).subspan(start, std::min<size_t>(37, text.size() - start)));
  EXPECT_EQ(pieces.hex(), sha256_hex(text));
}

TEST(Sha256, AnEndedFingerprintTakesNothingMore) {
  Sha256 ended;
  ended.hex();
  EXPECT_THROW(ended.add(bytes_of("x")), Bug);
  EXPECT_THROW(ended.hex(), Bug);
}

}  // namespace
}  // namespace omni
