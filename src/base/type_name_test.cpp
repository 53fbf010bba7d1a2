#include "base/type_name.h"

#include <gtest/gtest.h>

#include <vector>

namespace omni {

struct Named {};

namespace {

struct Hidden {};

TEST(TypeName, IsAsWritten) {
  EXPECT_EQ(type_name(typeid(int)), "int");
  EXPECT_EQ(type_name(typeid(Named)), "omni::Named");
  EXPECT_EQ(type_name(typeid(Hidden)), "omni::Hidden");
  EXPECT_EQ(type_name(typeid(std::vector<Hidden>)).find("(anonymous"), std::string::npos);
}

}  // namespace
}  // namespace omni
