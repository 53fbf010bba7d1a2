// What is left of Markdown's marks in plain text.
#include "lab/plain_text.h"

#include <gtest/gtest.h>

#include <utility>

namespace omni {
namespace {

TEST(PlainText, LosesMarksThatHaveAPartner) {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"no marks", "no marks"},
                                                       {"**bold** and `code`", "bold and code"},
                                                       {"**two** of **them**", "two of them"},
                                                       {"2**3 = 8", "2**3 = 8"},
                                                       {"** is ** and a **", "** is ** and a **"},
                                                       {"a** b **c **d**", "a** b **c d"},
                                                       {"one ` alone", "one ` alone"},
                                                       {"``a ` b`` `c", "a ` b `c"},
                                                       {"`a**b**c` **d**", "a**b**c d"},
                                                       {"`**` x `**`", "** x **"},
                                                       {"[text](https://a.org)", "text"},
                                                       {"[a](b), [c](d)", "a, c"},
                                                       {"[a](https://a.org/X_(y)_(z)) b)", "a b)"},
                                                       {"see ([a](b))", "see (a)"},
                                                       {"[a [b] c](d)", "a [b] c"},
                                                       {"[a], (b)", "[a], (b)"},
                                                       {"[a](b", "[a](b"},
                                                       {"[a](b(c)", "[a](b(c)"},
                                                       {"](a) [", "](a) ["},
                                                       {"`[a](b)` and [`c`](d)", "[a](b) and c"},
                                                       {"[**a**](b**c) d**", "a d**"}};
  for (const auto& [text, plain] : cases) EXPECT_EQ(plain_text(text), plain) << text;
}

}  // namespace
}  // namespace omni
