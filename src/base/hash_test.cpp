#include "base/hash.h"

#include <gtest/gtest.h>

namespace omni {
namespace {

uint64_t hash_of(const auto&... pieces) {
  Hash h;
  (h.add(pieces), ...);
  return h.value();
}

TEST(Hash, PiecesStayApartAndKeepTheirOrder) {
  EXPECT_EQ(hash_of("ab", 1), hash_of("ab", 1));
  EXPECT_NE(hash_of("ab", "c"), hash_of("a", "bc"));
  EXPECT_NE(hash_of(1, 2), hash_of(2, 1));
  EXPECT_NE(hash_of(1), hash_of(1, 0));
  EXPECT_NE(hash_of(""), hash_of());
}

TEST(Hash, NumbersAreTakenByTheirBits) {
  EXPECT_NE(hash_of(0.0), hash_of(-0.0));
  EXPECT_NE(hash_of(1.0), hash_of(1));
  EXPECT_EQ(hash_of(int64_t{7}), hash_of(uint64_t{7}));
}

}  // namespace
}  // namespace omni
