#include "lab/numbers.h"

#include <gtest/gtest.h>

#include <cmath>

namespace omni {
namespace {

TEST(Numbers, TheSameNumberHoweverItIsTyped) {
  for (const char* text :
       {"0.001", "+0.001", ".001", "+.001", "1e-3", "1E-3", "1.0e-03", "00.001"}) {
    double x = 0;
    EXPECT_TRUE(parse_number(text, x)) << text;
    EXPECT_EQ(x, 0.001) << text;
  }
  for (const char* text : {"1000", "+1000", "1e3", "1E+3", "1000.0", "1000."}) {
    int64_t i = 0;
    EXPECT_TRUE(parse_integer(text, i)) << text;
    EXPECT_EQ(i, 1000) << text;
  }
  double zero = 1;
  EXPECT_TRUE(parse_number("-0.0", zero));
  EXPECT_FALSE(std::signbit(zero));
}

TEST(Numbers, WhatIsNone) {
  for (const char* text : {"", "+", "-", "+-1", "++1", "1e", "1,5", "1_000", "0x1p-3", "1/2", "1%",
                           "1e-400", "1e400", "\u22120.001", "1 000", "one"}) {
    double x = 7;
    EXPECT_FALSE(parse_number(text, x)) << text;
    EXPECT_EQ(x, 7) << text;
  }
  for (const char* text : {"2.5", "1e30", "nan", "inf"}) {
    int64_t i = 0;
    EXPECT_FALSE(parse_integer(text, i)) << text;
  }
}

TEST(Numbers, HintsSayHowToWriteThem) {
  EXPECT_EQ(number_hint("\u22120.5"), "; its dash is not the minus of the keyboard: -0.5");
  EXPECT_EQ(number_hint("1e\u20133"), "; its dash is not the minus of the keyboard: 1e-3");
  EXPECT_EQ(number_hint("0,001"), "; a fraction is written with a point: 0.001");
  EXPECT_EQ(number_hint("1_000"), "; without _: 1000");
  EXPECT_EQ(number_hint("1 000"), "; without blanks: 1000");
  EXPECT_EQ(number_hint("1%"), "; as a share: 0.01");
  EXPECT_EQ(number_hint("1/2"), "; as one number: 0.5");
  EXPECT_EQ(number_hint("1e-400"), "; numbers reach from 4.9e-324 to 1.8e308");
  EXPECT_EQ(number_hint("0x10"), "; numbers are decimal");
  for (const char* text : {"", "fast", "1/0", "a,b", "\u2212", "%", "1,2,3", "_"})
    EXPECT_EQ(number_hint(text), "") << text;
}

TEST(Numbers, FractionsThatAreCutByTheirComma) {
  EXPECT_TRUE(is_fraction_cut_by_comma("0", "001"));
  EXPECT_TRUE(is_fraction_cut_by_comma("-1", "05"));
  EXPECT_TRUE(is_fraction_cut_by_comma("1", "05e-3"));
  EXPECT_FALSE(is_fraction_cut_by_comma("0", "5"));  // may be meant, and is announced
  EXPECT_FALSE(is_fraction_cut_by_comma("0", "0"));
  EXPECT_FALSE(is_fraction_cut_by_comma("0", "0.1"));
  EXPECT_FALSE(is_fraction_cut_by_comma("0.1", "02"));
}

}  // namespace
}  // namespace omni
