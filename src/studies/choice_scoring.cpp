#include "studies/choice_scoring.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/error.h"
#include "lab/inference.h"
#include "studies/predictions.h"
#include "text/unicode.h"

namespace omni {
namespace {

using Tokens = std::vector<int32_t>;

// A text of which the last tokens are scored.
struct Scored {
  size_t item, choice;
  Tokens ending;
};
// What is scored after equal rows: those that differ in their last token alone share a row.
using Rows = std::map<Tokens, std::vector<Scored>>;
// By the lengths of the row and of the ending: what one program can run.
using RowsByLength = std::map<std::pair<int64_t, int64_t>, Rows>;

std::string name_of(std::span<const ChoiceItem> items, size_t i) {
  constexpr int64_t kMost = 60;  // characters of the question
  const std::string_view start = first_characters(items[i].question, kMost);
  return fmt::format("question {} (\"{}{}\")", i + 1, start,
                     start.size() < items[i].question.size() ? "..." : "");
}

class Questions {
 public:
  Questions(const TransformerOptions& o, const Tokenizer& tokenizer,
            std::span<const ChoiceItem> items, const ChoiceScoring& scoring)
      : o_(o), tokenizer_(tokenizer), items_(items), scoring_(scoring) {}

  RowsByLength rows() const {
    RowsByLength all;
    for (size_t i = 0; i < items_.size(); ++i)
      for (size_t choice = 0; choice < items_[i].choices.size(); ++choice) {
        Tokens row = prompt_of(i);
        const Tokens ending = ending_of(i, choice);
        row.insert(row.end(), ending.begin(), ending.end() - 1);
        const auto length = static_cast<int64_t>(row.size());
        require(o_.positions != Positions::learned || length <= o_.context,
                "{} takes {} tokens, the model's context holds {}", name_of(items_, i), length,
                o_.context);
        all[{length, static_cast<int64_t>(ending.size())}][row].push_back({i, choice, ending});
      }
    return all;
  }

 private:
  std::string question_of(size_t i) const {
    const bool letters = scoring_.form == ChoiceForm::letters;
    return scoring_.preface + (letters ? lettered_prompt(items_[i]) : items_[i].question);
  }
  Tokens prompt_of(size_t i) const {
    Tokens tokens;
    if (scoring_.after_end_of_text) tokens.push_back(tokenizer_.end_of_text());
    // White space at the end belongs to the first word of the answer, as it does inside a text.
    const std::string question = question_of(i);
    const Tokens text = tokenizer_.encode(stripped_end(question));
    tokens.insert(tokens.end(), text.begin(), text.end());
    require(!tokens.empty(), "{} has no tokens", name_of(items_, i));
    return tokens;
  }

  Tokens ending_of(size_t i, size_t choice) const {
    const ChoiceItem& item = items_[i];
    if (scoring_.form == ChoiceForm::letters) {
      const std::string letter = answer_letter(static_cast<int32_t>(choice));
      Tokens tokens = tokenizer_.encode(letter);
      require(tokens.size() == 1 && tokenizer_.text_of(tokens[0]) == letter,
              "{}: \"{}\" is not a token of this {} vocabulary; score continuations instead",
              name_of(items_, i), letter, tokenizer_.kind());
      return tokens;
    }
    const std::string& text = item.choices[choice];
    require(!stripped(text).empty(), "{}: choice {} is empty", name_of(items_, i), choice + 1);
    const std::string question = question_of(i);
    std::string between = question.substr(stripped_end(question).size());
    const bool apart = question.empty() || stripped(text).data() != text.data();
    if (between.empty() && !apart) between = " ";
    return tokenizer_.encode(between + text);
  }

  const TransformerOptions& o_;
  const Tokenizer& tokenizer_;
  std::span<const ChoiceItem> items_;
  const ChoiceScoring& scoring_;
};

// Those of one length and their endings', so many side by side: full batches, and the last if it
// is short.
class Reader {
 public:
  using At = Rows::const_iterator;

  Reader(Trial& t, const TransformerOptions& o, ModelView model,
         std::pair<int64_t, int64_t> lengths, const Rows& rows, int64_t at_once)
      : rows_(rows),
        at_once_(std::min(at_once, std::ssize(rows))),
        row_logits_(static_cast<size_t>(lengths.second * o.vocabulary)) {
    Inference i{.name = "choices", .programs = {}, .sets = {{"model", model}}};
    for (const int64_t count : {at_once_, std::ssize(rows) % at_once_}) {
      if (count == 0) continue;
      i.programs[program_of(count)] = [&, count](Step& s) {
        Net net = s.net("model");
        const Value tokens = s.fed("tokens", {DType::i32, {count, lengths.first}, 0});
        s.graph().result("logits", transformer(net, tokens, o, lengths.second));
      };
    }
    for (const auto& [row, scored] : rows) {
      for (const int32_t token : row) i.given.add(token);
      for (const Scored& of : scored)
        for (const int32_t token : of.ending) i.given.add(token);
    }
    inference_ = t.open(i);
  }

  // Calls visit(scored, logits [ending, vocabulary]) for each row.
  template <class Visit>
  void read(Visit visit) {
    for (auto next = rows_.begin(); next != rows_.end();) {
      const int64_t count = std::min(at_once_, std::distance(next, rows_.end()));
      const std::string program = program_of(count);
      auto to = inference_->feed<int32_t>(program, "tokens").begin();
      const At first = next;
      for (int64_t r = 0; r < count; ++r, ++next) to = std::ranges::copy(next->first, to).out;
      inference_->run(program);
      std::span<const float> logits = inference_->result(program, "logits");
      for (At at = first; at != next; ++at, logits = logits.subspan(row_logits_))
        visit(at->second, logits.first(row_logits_));
    }
  }

 private:
  static std::string program_of(int64_t rows) { return fmt::format("read {}", rows); }

  const Rows& rows_;
  const int64_t at_once_;
  const size_t row_logits_;
  std::unique_ptr<OpenInference> inference_;
};

void score_row(std::span<const float> logits, size_t vocabulary, std::span<const Scored> scored,
               ChoiceScores& out) {
  for (size_t at = 0; at < logits.size() / vocabulary; ++at) {
    const auto z = logits.subspan(at * vocabulary, vocabulary);
    const double total = log_sum_exp(z);
    for (const Scored& s : scored)
      out.log_likelihoods[s.item][s.choice] += double{z[s.ending[at]]} - total;
  }
}

}  // namespace

double ChoiceScores::accuracy() const {
  if (lost > 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(right) / static_cast<double>(count());
}

Interval ChoiceScores::interval(double level) const {
  if (lost > 0) return {};
  return wilson_interval(static_cast<int>(right), static_cast<int>(count()), level);
}

ChoiceScores score_choices(Trial& t, const TransformerOptions& o, ModelView model,
                           const Tokenizer& tokenizer, std::span<const ChoiceItem> items,
                           const ChoiceScoring& scoring) {
  require(!items.empty(), "choices: there are no questions");
  require(scoring.rows >= 1, "choices: at least one row is needed, got {}", scoring.rows);
  require(tokenizer.size() <= o.vocabulary,
          "choices: a vocabulary of {} tokens, but the model has {}; they do not belong together",
          tokenizer.size(), o.vocabulary);
  ChoiceScores out;
  for (const ChoiceItem& item : items) out.log_likelihoods.emplace_back(item.choices.size(), 0.0);
  for (const auto& [lengths, rows] : Questions(o, tokenizer, items, scoring).rows())
    Reader(t, o, model, lengths, rows, scoring.rows)
        .read([&](std::span<const Scored> scored, std::span<const float> logits) {
          if (!t.dry()) score_row(logits, static_cast<size_t>(o.vocabulary), scored, out);
        });
  for (size_t i = 0; i < items.size(); ++i) {
    const std::vector<double>& of = out.log_likelihoods[i];
    const bool known = std::ranges::none_of(of, [](double x) { return std::isnan(x); });
    out.chosen.push_back(known ? static_cast<int32_t>(std::ranges::max_element(of) - of.begin())
                               : -1);
    out.right += out.chosen.back() == items[i].answer;
    out.lost += !known;
    out.chance += 1 / static_cast<double>(of.size() * items.size());
  }
  return out;
}

}  // namespace omni
