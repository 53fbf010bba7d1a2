#include "lab/class_set.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace omni {
namespace {

using Classes = std::vector<int32_t>;

std::string complaint(std::string_view text) {
  try {
    parse_classes(text, "forget");
  } catch (const UserError& e) {
    return e.what();
  }
  return "";
}

TEST(ClassSet, ReadsNumbersAndRanges) {
  EXPECT_EQ(parse_classes("5-9", "forget"), (Classes{5, 6, 7, 8, 9}));
  EXPECT_EQ(parse_classes("7,0,3", "forget"), (Classes{0, 3, 7}));
  EXPECT_EQ(parse_classes("0-2+8", "forget"), (Classes{0, 1, 2, 8}));
  EXPECT_EQ(parse_classes("0-2, 8", "forget"), (Classes{0, 1, 2, 8}));
  EXPECT_EQ(parse_classes("2-4,3", "forget"), (Classes{2, 3, 4}));
  EXPECT_EQ(parse_classes("4-4", "forget"), (Classes{4}));
  EXPECT_EQ(parse_classes("11", "forget", 12), (Classes{11}));
}

TEST(ClassSet, SaysWhatIsWrong) {
  EXPECT_EQ(complaint(""), "forget=: '' is no class; write numbers and ranges such as 0-2+8");
  EXPECT_NE(complaint("1,,2").find("'' is no class"), std::string::npos);
  EXPECT_NE(complaint("one").find("'one' is no class"), std::string::npos);
  EXPECT_NE(complaint("3x").find("'3x' is no class"), std::string::npos);
  EXPECT_NE(complaint("8-12").find("no class 12, classes are 0 to 9"), std::string::npos);
  EXPECT_NE(complaint("9-5").find("write it as 5-9"), std::string::npos);
  EXPECT_NE(complaint("1-2-3").find("'1-2-3' is no range"), std::string::npos);
}

TEST(ClassSet, KnowsTheOthersAndWritesThem) {
  EXPECT_EQ(other_classes({5, 6, 7, 8, 9}), (Classes{0, 1, 2, 3, 4}));
  EXPECT_EQ(other_classes({0, 2}, 3), (Classes{1}));
  EXPECT_TRUE(one_of_classes({0, 2})(2));
  EXPECT_FALSE(one_of_classes({0, 2})(1));
  for (const char* text : {"5-9", "0+3+7", "0-2+8", "0+1", "4"})
    EXPECT_EQ(classes_text(parse_classes(text, "forget")), text);
}

}  // namespace
}  // namespace omni
