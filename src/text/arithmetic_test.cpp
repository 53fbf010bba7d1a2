#include "text/arithmetic.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/error.h"
#include "text/char_tokenizer.h"
#include "text/word_problems.h"

namespace omni {
namespace {

constexpr std::array kAll = {Operation::add, Operation::subtract, Operation::multiply,
                             Operation::divide};
constexpr std::array kBoth = {ProblemFormat::equation, ProblemFormat::words};

int solve(Operation operation, int a, int b) {
  switch (operation) {
    case Operation::add: return a + b;
    case Operation::subtract: return a - b;
    case Operation::multiply: return a * b;
    default: return a % b == 0 ? a / b : -1;
  }
}

TEST(Arithmetic, ProblemsAreRightAndWithinTheirRanges) {
  for (const Problem& p : arithmetic_problems(Key::of(1), ProblemSplit::train, kAll, kBoth, 4000)) {
    ASSERT_EQ(p.result, solve(p.operation, p.a, p.b)) << p.text();
    const bool words = !p.tail.empty();
    const int most = p.operation == Operation::divide     ? 400
                     : p.operation == Operation::multiply ? 20
                     : words                              ? 100
                                                          : 50;
    ASSERT_LE(p.a, most) << p.text();
    ASSERT_GE(p.result, words ? 1 : 0) << p.text();
    ASSERT_TRUE(is_right(p, p.answer + p.tail)) << p.text();
    ASSERT_FALSE(p.prompt.ends_with(' '));
  }
}

TEST(Arithmetic, EquationsAreWrittenAsInThePaper) {
  const auto text = [](Operation operation, const ArithmeticOptions& options) {
    return arithmetic_problem(Key::of(1), ProblemSplit::train, operation,
                              ProblemFormat::equation, 0, options);
  };
  const Problem sum = text(Operation::add, {});
  EXPECT_EQ(sum.text(), fmt::format("{} + {} = {}", sum.a, sum.b, sum.a + sum.b));
  const Problem quotient = text(Operation::divide, {});
  EXPECT_EQ(quotient.text(),
            fmt::format("{} / {} = {}.0", quotient.a, quotient.b, quotient.a / quotient.b));
  EXPECT_EQ(text(Operation::divide, {.float_quotients = false}).answer,
            fmt::format(" {}", quotient.result));
  const CharTokenizer tokenizer(kEquationAlphabet);
  for (const Operation operation : kAll)
    EXPECT_NO_THROW(tokenizer.encode(text(operation, {}).text()));
}

TEST(Arithmetic, OperandsAreUniform) {
  std::map<std::pair<int, int>, int> pairs;
  for (int64_t i = 0; i < 40000; ++i) {
    const Problem p = arithmetic_problem(Key::of(3), ProblemSplit::train, Operation::multiply,
                                         ProblemFormat::equation, i);
    ++pairs[{p.a, p.b}];
  }
  ASSERT_EQ(pairs.size(), 400U);
  double chi_squared = 0;  // 399 degrees of freedom: mean 399, deviation 28
  for (const auto& [pair, count] : pairs) chi_squared += (count - 100.0) * (count - 100.0) / 100;
  EXPECT_NEAR(chi_squared, 399, 4.5 * 28);
}

TEST(Arithmetic, EveryBlockHoldsEachKindOnce) {
  std::map<std::pair<Operation, bool>, int> kinds;
  std::vector<Operation> order;
  for (const Problem& p : arithmetic_problems(Key::of(1), ProblemSplit::train, kAll, kBoth, 80)) {
    ++kinds[{p.operation, p.tail.empty()}];
    order.push_back(p.operation);
  }
  EXPECT_EQ(kinds.size(), 8U);
  for (const auto& [kind, count] : kinds) EXPECT_EQ(count, 10);
  EXPECT_NE(std::vector(order.begin(), order.begin() + 8),
            std::vector(order.begin() + 8, order.begin() + 16));
  const auto fewer = arithmetic_problems(Key::of(1), ProblemSplit::train, kAll, kBoth, 30);
  const auto more = arithmetic_problems(Key::of(1), ProblemSplit::train, kAll, kBoth, 80);
  EXPECT_EQ(texts_of(fewer), texts_of({more.begin(), more.begin() + 30}));
  EXPECT_NE(texts_of(fewer),
            texts_of(arithmetic_problems(Key::of(2), ProblemSplit::train, kAll, kBoth, 30)));
}

TEST(Arithmetic, HeldOutPairsAreNeverTrainedOn) {
  const ArithmeticOptions options{.held_out_pairs = 0.2};
  std::set<std::pair<int, int>> train, validation;
  for (int64_t i = 0; i < 8000; ++i) {
    const ProblemFormat format = kBoth[i % 2];
    const Problem t = arithmetic_problem(Key::of(1), ProblemSplit::train, Operation::multiply,
                                         format, i, options);
    const Problem v = arithmetic_problem(Key::of(1), ProblemSplit::validation, Operation::multiply,
                                         format, i, options);
    train.insert({t.a, t.b});
    validation.insert({v.a, v.b});
  }
  for (const auto& pair : validation) EXPECT_FALSE(train.contains(pair));
  EXPECT_NEAR(static_cast<double>(validation.size()), 80, 30);
  EXPECT_EQ(train.size() + validation.size(), 400U);
}

TEST(Arithmetic, WordProblemsOfValidationUseOtherSentences) {
  std::set<std::string_view> all;
  for (const ProblemTemplates& t : problem_templates()) {
    for (const std::string_view text : t.train) all.insert(text);
    for (const std::string_view text : t.validation) all.insert(text);
  }
  EXPECT_EQ(all.size(), 4U * 30);
  for (const std::string_view text : all) {
    for (const char* slot : {"{a}", "{b}", " {c} "}) EXPECT_NE(text.find(slot), text.npos) << text;
    EXPECT_GT(text.find("{c}"), text.find("{a}")) << text;
    EXPECT_GT(text.find("{c}"), text.find("{b}")) << text;
  }
  const ProblemWords& words = problem_words();
  EXPECT_EQ(words.names.size(), 290U);
  EXPECT_EQ(words.objects.size(), 200U);
  EXPECT_EQ(words.places.size(), 20U);
  EXPECT_EQ(words.groups.size(), 20U);
  EXPECT_EQ(words.containers.size(), 20U);
  for (const Problem& p : arithmetic_problems(Key::of(1), ProblemSplit::validation, kAll,
                                              std::array{ProblemFormat::words}, 400))
    ASSERT_EQ(p.text().find_first_of("{}"), std::string::npos) << p.text();
}

TEST(Arithmetic, JudgesTheFirstPiece) {
  Problem p;
  p.result = 7;
  for (const char* right : {"7", " 7", "7.0 apples", "7.", "\n7\n9"})
    EXPECT_TRUE(is_right(p, right)) << right;
  for (const char* wrong : {"", " ", "8", "7,", "seven 7", "77", "x7", "-7"})
    EXPECT_FALSE(is_right(p, wrong)) << wrong;
}

TEST(Arithmetic, RefusesImpossibleSettings) {
  const auto make = [](const ArithmeticOptions& options) {
    return arithmetic_problem(Key::of(1), ProblemSplit::validation, Operation::add,
                              ProblemFormat::equation, 0, options);
  };
  EXPECT_THROW(make({.most_term = 0}), UserError);
  EXPECT_THROW(make({.held_out_pairs = 1}), UserError);
  EXPECT_THROW(make({.most_term = 1, .held_out_pairs = 1e-9}), UserError) << "no pair is held out";
  EXPECT_THROW(arithmetic_problems(Key::of(1), ProblemSplit::train, {}, kBoth, 3), UserError);
}

}  // namespace
}  // namespace omni
