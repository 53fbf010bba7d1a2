#include "base/json.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace omni {
namespace {

std::string nested(size_t deep) { return std::string(deep, '[') + std::string(deep, ']'); }

TEST(ParseJson, RefusesWhatNestsDeep) {
  EXPECT_EQ(parse_json(R"({"a": [1, {"b": null}]})", "here")["a"][0], 1);
  EXPECT_NO_THROW(parse_json(nested(60), "here"));
  for (const size_t deep : {70, 1'000'000}) {
    EXPECT_THROW(parse_json(nested(deep), "here"), UserError) << deep;
    EXPECT_THROW(parse_json(std::string(deep, '['), "here"), UserError) << deep;
  }
  EXPECT_THROW(parse_json("", "here"), nlohmann::json::parse_error);
  EXPECT_THROW(parse_json("\"\xff\"", "here"), nlohmann::json::parse_error);
}

TEST(ParseJson, RefusesNumbersBeyondADouble) {
  EXPECT_EQ(parse_json("[1e300]", "here")[0], 1e300);
  EXPECT_THROW(parse_json("[1e999]", "here"), UserError);
  EXPECT_THROW(parse_json(R"({"a": 18440000001763e20608})", "here"), UserError);
}

TEST(IntAt, TakesWholeNumbersThatFit) {
  const auto read = [](const std::string& number) {
    return int_at(parse_json("{\"n\": " + number + "}", "here"), "n", "here");
  };
  EXPECT_EQ(read("7"), 7);
  EXPECT_EQ(read("-2147483648"), -2147483647 - 1);
  EXPECT_EQ(read("2147483647"), 2147483647);
  for (const char* wrong : {"2147483648", "-2147483649", "4294967297", "18446744073709551615",
                            "1e300", "1.0", "true", "\"7\"", "[]", "null"})
    EXPECT_THROW(read(wrong), UserError) << wrong;
  EXPECT_THROW(int_at(parse_json("{}", "here"), "n", "here"), nlohmann::json::out_of_range);
}

}  // namespace
}  // namespace omni
