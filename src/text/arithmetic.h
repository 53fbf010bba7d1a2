// Arithmetic to be kept and arithmetic to be forgotten, as equations and as word problems.
// B. Lee et al., "Distillation Robustifies Unlearning", arXiv 2506.06278: addition and subtraction
// are retained, multiplication and division forgotten.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace omni {

enum class Operation { add, subtract, multiply, divide };
inline constexpr std::array kRetainedOperations = {Operation::add, Operation::subtract};
inline constexpr std::array kForgottenOperations = {Operation::multiply, Operation::divide};
std::string_view name_of(Operation operation);

enum class ProblemFormat { equation, words };
enum class ProblemSplit { train, validation };

struct ArithmeticOptions {
  // Operands are whole numbers from 1 up to and including these.
  int most_term = 50;    // addition and subtraction
  int most_factor = 20;  // multiplication; divisor and quotient of divisions
  // The paper's training equations print quotients as "3.0", since they were divided as floats.
  bool float_quotients = true;
  // Share of the operand pairs of each operation that training never sees; validation problems then
  // hold just those. 0, as in the paper: validation draws from all pairs, most of which training
  // holds too.
  double held_out_pairs = 0;
};

struct Problem {
  Operation operation = Operation::add;
  int a = 0, b = 0, result = 0;
  std::string prompt;  // "3 + 4 =", or a story up to its number; no space at the end
  std::string answer;  // " 7"
  std::string tail;    // what follows: empty, or " apples."
  std::string text() const { return prompt + answer + tail; }
};

// Problem i of a key, split, operation and format; it depends on these and the options alone.
// Equations: "a op b = c" with + - * /, subtractions swapped so that c >= 0, divisions exact.
// Word problems: one of 20 sentences for training or of 10 others for validation; subtractions draw
// the subtrahend and the answer. UserError for options that leave no operands.
Problem arithmetic_problem(Key key, ProblemSplit split, Operation operation, ProblemFormat format,
                           int64_t i, const ArithmeticOptions& options = {});

// `count` problems, shuffled: every block of operations x formats holds each combination once.
std::vector<Problem> arithmetic_problems(Key key, ProblemSplit split,
                                         std::span<const Operation> operations,
                                         std::span<const ProblemFormat> formats, int64_t count,
                                         const ArithmeticOptions& options = {});
std::vector<std::string> texts_of(const std::vector<Problem>& problems);

// Whether a continuation of the prompt is right: its first piece between white space is a number
// within 1e-6 of the result. ("7", "7." and "7.0 apples" are 7; "7," and "seven" are not numbers.)
bool is_right(const Problem& problem, std::string_view continuation);

// The characters of equations, for a CharTokenizer.
inline constexpr std::string_view kEquationAlphabet = "0123456789+-*/=. \n";

}  // namespace omni
