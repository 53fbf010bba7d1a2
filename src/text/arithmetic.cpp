#include "text/arithmetic.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "text/word_problems.h"

namespace omni {
namespace {

// The two numbers that are drawn; what they are of the problem depends on the operation.
struct Drawn {
  int first, second;
};

bool is_held_out(Key key, Operation operation, Drawn d, const ArithmeticOptions& options) {
  const Key pair = key.fold("held-out pairs").fold(static_cast<uint64_t>(operation));
  return Stream(pair.fold(static_cast<uint64_t>(d.first)).fold(static_cast<uint64_t>(d.second)))
             .uniform() < options.held_out_pairs;
}

Drawn draw(Key key, ProblemSplit split, Operation operation, Stream& random,
           const ArithmeticOptions& options) {
  const bool terms = operation == Operation::add || operation == Operation::subtract;
  const auto most = static_cast<uint64_t>(terms ? options.most_term : options.most_factor);
  // A share that leaves out no pair, or all of few, would draw for ever.
  constexpr int kMostTries = 100000;
  for (int tries = 0; tries < kMostTries; ++tries) {
    const int first = 1 + static_cast<int>(random.below(most));
    const Drawn d{first, 1 + static_cast<int>(random.below(most))};
    if (options.held_out_pairs == 0 ||
        is_held_out(key, operation, d, options) == (split == ProblemSplit::validation))
      return d;
  }
  fail_user("arithmetic: a share of {} held-out pairs leaves no operands of {} up to {} for {}",
            options.held_out_pairs, name_of(operation), most,
            split == ProblemSplit::train ? "training" : "validation");
}

// a, b and the result, from what was drawn.
Problem solved(Operation operation, ProblemFormat format, Drawn d) {
  const auto [x, y] = d;
  switch (operation) {
    case Operation::add: return {operation, x, y, x + y};
    case Operation::subtract:
      if (format == ProblemFormat::words) return {operation, x + y, x, y};
      return {operation, std::max(x, y), std::min(x, y), std::abs(x - y)};
    case Operation::multiply: return {operation, x, y, x * y};
    case Operation::divide: return {operation, x * y, x, y};
  }
  throw Bug("arithmetic: unknown operation");
}

void write_equation(Problem& p, const ArithmeticOptions& options) {
  constexpr std::string_view kSigns = "+-*/";
  p.prompt = fmt::format("{} {} {} =", p.a, kSigns[static_cast<size_t>(p.operation)], p.b);
  const bool is_float = p.operation == Operation::divide && options.float_quotients;
  p.answer = fmt::format(" {}{}", p.result, is_float ? ".0" : "");
}

template <class List>
std::string_view any_of(const List& list, Stream& random) {
  return list[random.below(list.size())];
}

void write_words(Problem& p, ProblemSplit split, Stream& random) {
  const ProblemTemplates& all = problem_templates()[static_cast<size_t>(p.operation)];
  std::string_view rest =
      split == ProblemSplit::train ? any_of(all.train, random) : any_of(all.validation, random);
  const ProblemWords& words = problem_words();
  const std::string_view name = any_of(words.names, random);
  std::string_view other = name;
  while (other == name) other = any_of(words.names, random);
  const std::string_view object = any_of(words.objects, random),
                         place = any_of(words.places, random),
                         group = any_of(words.groups, random),
                         container = any_of(words.containers, random);
  std::string text;
  while (!rest.empty()) {
    const size_t open = std::min(rest.find('{'), rest.size());
    text += rest.substr(0, open);
    if (open == rest.size()) break;
    const size_t close = rest.find('}');
    const std::string_view slot = rest.substr(open + 1, close - open - 1);
    rest.remove_prefix(close + 1);
    if (slot == "c") {
      text.pop_back();  // the space goes with the answer
      p.prompt = std::move(text);
      p.answer = fmt::format(" {}", p.result);
      text.clear();
    } else {
      text += slot == "a"           ? std::to_string(p.a)
              : slot == "b"         ? std::to_string(p.b)
              : slot == "name"      ? name
              : slot == "other"     ? other
              : slot == "place"     ? place
              : slot == "group"     ? group
              : slot == "container" ? container
                                    : object;
    }
  }
  p.tail = std::move(text);
}

}  // namespace

std::string_view name_of(Operation operation) {
  constexpr std::array<std::string_view, 4> kNames = {"addition", "subtraction", "multiplication",
                                                      "division"};
  return kNames[static_cast<size_t>(operation)];
}

Problem arithmetic_problem(Key key, ProblemSplit split, Operation operation, ProblemFormat format,
                           int64_t i, const ArithmeticOptions& options) {
  require(options.most_term >= 1 && options.most_factor >= 1 && options.held_out_pairs >= 0 &&
              options.held_out_pairs < 1,
          "arithmetic: expected operands up to 1 or more and a share of held-out pairs from 0 to "
          "below 1, found {}, {} and {}", options.most_term, options.most_factor,
          options.held_out_pairs);
  Stream random(key.fold(split == ProblemSplit::train ? "train" : "validation")
                    .fold(static_cast<uint64_t>(operation))
                    .fold(static_cast<uint64_t>(format))
                    .fold(static_cast<uint64_t>(i)));
  Problem p = solved(operation, format, draw(key, split, operation, random, options));
  if (format == ProblemFormat::equation)
    write_equation(p, options);
  else
    write_words(p, split, random);
  return p;
}

std::vector<Problem> arithmetic_problems(Key key, ProblemSplit split,
                                         std::span<const Operation> operations,
                                         std::span<const ProblemFormat> formats, int64_t count,
                                         const ArithmeticOptions& options) {
  require(!operations.empty() && !formats.empty() && count >= 0,
          "arithmetic: expected an operation, a format and 0 or more problems");
  const auto block = static_cast<int64_t>(operations.size() * formats.size());
  std::vector<Problem> problems;
  std::vector<int32_t> order;
  for (int64_t i = 0; i < count; ++i) {
    if (i % block == 0) {
      const Key shuffle = key.fold("order").fold(static_cast<uint64_t>(split));
      order = permutation(shuffle.fold(static_cast<uint64_t>(i / block)), block);
    }
    const auto kind = static_cast<size_t>(order[i % block]);
    problems.push_back(arithmetic_problem(key, split, operations[kind % operations.size()],
                                          formats[kind / operations.size()], i / block, options));
  }
  return problems;
}

std::vector<std::string> texts_of(const std::vector<Problem>& problems) {
  std::vector<std::string> texts;
  for (const Problem& problem : problems) texts.push_back(problem.text());
  return texts;
}

bool is_right(const Problem& problem, std::string_view continuation) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = continuation.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return false;
  const std::string_view piece =
      continuation.substr(begin, continuation.find_first_of(kSpace, begin) - begin);
  double value = 0;
  const auto [end, error] = std::from_chars(piece.data(), piece.data() + piece.size(), value);
  return error == std::errc() && end == piece.data() + piece.size() &&
         std::abs(value - problem.result) <= 1e-6;
}

}  // namespace omni
