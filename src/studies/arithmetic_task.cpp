#include "studies/arithmetic_task.h"

#include <algorithm>
#include <cmath>

#include "base/statistics.h"
#include "nn/losses.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/reduce.h"
#include "studies/sampling.h"
#include "studies/text_cache.h"

namespace omni {
namespace {

constexpr int64_t kMostAnswer = 8;  // characters; the longest answers are " 9801" and " 99.0"

// Equations need nineteen characters, stories all that a keyboard has.
std::string alphabet(bool words) {
  if (!words) return std::string(kEquationAlphabet);
  std::string all = "\n";
  for (char c = ' '; c <= '~'; ++c) all += c;
  return all;
}

}  // namespace

void ArithmeticTask::check() const {
  require(width % heads == 0 && width / heads % 2 == 0,
          "width={} and heads={}: a head's share of the width must be a whole, even number", width,
          heads);
}

CharTokenizer ArithmeticTask::tokenizer() const { return CharTokenizer(alphabet(word_problems)); }

std::vector<ProblemFormat> ArithmeticTask::formats() const {
  if (word_problems) return {ProblemFormat::equation, ProblemFormat::words};
  return {ProblemFormat::equation};
}

std::vector<Problem> ArithmeticTask::problems_of(const Trial& t, ProblemSplit split,
                                                 std::span<const Operation> operations,
                                                 int64_t count) const {
  return arithmetic_problems(t.key().fold("problems"), split, operations, formats(), count,
                             {.most_term = static_cast<int>(most_term),
                              .most_factor = static_cast<int>(most_factor),
                              .float_quotients = float_quotients,
                              .held_out_pairs = held_out_pairs});
}

void ArithmeticTask::add_rows(Trial& t, const std::string& name,
                              std::span<const Operation> operations) const {
  if (t.dry()) {
    for (const char* column : {".x", ".y"})
      t.add_tables({{name + column, {{DType::i32, {rows, context}}}}});
    return;
  }
  const CharTokenizer characters = tokenizer();
  const int64_t length = context + 1;
  // A row holds so many problems of mean length, and loses the one that crosses its end.
  constexpr int64_t kSome = 1000;
  double letters = 0;
  for (const Problem& p : problems_of(t, ProblemSplit::train, operations, kSome))
    letters += static_cast<double>(p.text().size() + 1);
  const double per_row = static_cast<double>(length * kSome) / letters + 1;
  const auto enough = static_cast<int64_t>(1.1 * static_cast<double>(rows) * per_row) + kSome;
  TokenRows packed = rows_of_joined(
      characters, texts_of(problems_of(t, ProblemSplit::train, operations, enough)), length);
  require(packed.count() >= rows, "rows={}: the problems fill only {}", rows, packed.count());
  packed.tokens.resize(static_cast<size_t>(rows * length));
  packed.lengths.resize(static_cast<size_t>(rows));
  packed.forget.resize(static_cast<size_t>(rows));
  t.add_tables(tables_of(packed, name));
}

void ArithmeticTask::add_problems(Trial& t, const std::string& name,
                                  std::span<const Operation> operations) const {
  const CharTokenizer characters = tokenizer();
  const auto kinds = static_cast<int64_t>(operations.size() * formats().size());
  const std::vector<Problem> asked =
      problems_of(t, ProblemSplit::validation, operations, problems * kinds);
  std::vector<Tokens> texts;
  size_t length = 0;
  for (const Problem& p : asked) {
    texts.push_back(characters.encode(p.prompt + p.answer + p.tail + "\n"));
    length = std::max(length, texts.back().size() - 1);
  }
  const auto count = static_cast<int64_t>(asked.size()), columns = static_cast<int64_t>(length);
  std::vector<int32_t> x(count * columns, 0), y(count * columns, 0);
  std::vector<float> weight(count * columns, 0);
  for (size_t i = 0; i < asked.size(); ++i) {
    const size_t prompt = characters.encode(asked[i].prompt).size();
    // With a tail, what ends the number is the tail's first character.
    const size_t end = prompt + characters.encode(asked[i].answer).size() + 1;
    for (size_t p = 0; p + 1 < texts[i].size(); ++p) {
      x[i * length + p] = texts[i][p];
      y[i * length + p] = texts[i][p + 1];
      weight[i * length + p] = p + 1 >= prompt && p + 1 < end ? 1 : 0;
    }
  }
  t.add_table(name + ".x", std::move(x), Shape{count, columns});
  t.add_table(name + ".y", std::move(y), Shape{count, columns});
  t.add_table(name + ".weight", std::move(weight), Shape{count, columns});
}

TransformerOptions ArithmeticTask::network() const {
  TransformerOptions o;
  o.vocabulary = tokenizer().size();
  o.context = context;
  o.layers = layers;
  o.width = width;
  o.heads = heads;
  o.mlp_width = mlp_width;
  o.positions = Positions::rotary;
  o.norm = NormKind::rms;
  o.mlp = MlpKind::gated_silu;
  o.qkv_bias = o.attention_bias = o.mlp_bias = false;
  o.tied = true;
  // Narrow networks learn several times slower from the usual 0.02.
  o.weight = init::normal(0, 1 / std::sqrt(static_cast<double>(width)));
  return o;
}

Trained ArithmeticTask::init(Trial& t, Key key) const {
  return t.init(transformer_parameters(network()), key);
}

LearningTask ArithmeticTask::learning() const {
  const auto column = [](const char* of) {
    return [of](Step& s, const std::string& subset, Value positions) {
      return gather(s.table(subset + of), positions);
    };
  };
  LearningTask task;
  task.inputs = column(".x");
  task.labels = column(".y");
  task.logits = [o = network()](Net& net, Value x) { return transformer(net, x, o); };
  task.score = [](Step& s, const std::string& subset, Value z) {
    const Value wrong = 1.0 - correct(z, s.rows(subset + ".y"));  // [rows, columns]
    return mean(equal(reduce_sum(wrong * s.rows(subset + ".weight"), {-1}), 0.0));
  };
  task.table_suffix = ".x";
  task.optimizer = AdamW{.weight_decay = 0.0};
  task.apply.clip_norm = 1.0;
  return task;
}

double ArithmeticTask::solved(Trial& t, const Ensemble& model,
                              std::span<const Operation> operations) const {
  const CharTokenizer characters = tokenizer();
  const auto kinds = static_cast<int64_t>(operations.size() * formats().size());
  const std::vector<Problem> asked =
      problems_of(t, ProblemSplit::validation, operations, problems * kinds);
  std::vector<Tokens> prompts;
  for (const Problem& p : asked) prompts.push_back(characters.encode(p.prompt));
  SamplingOptions greedy{.tokens = kMostAnswer, .drawing = {.temperature = 0}, .rows = 32};
  greedy.stop = characters.encode("\n").front();
  const std::vector<std::optional<Tokens>> said =
      sample(t, network(), {&model, 0}, prompts, t.key(), greedy);
  double right = 0;
  for (size_t i = 0; i < asked.size(); ++i) {
    if (!said[i]) return kNaN;
    right += is_right(asked[i], characters.decode(*said[i])) ? 1 : 0;
  }
  return right / static_cast<double>(asked.size());
}

}  // namespace omni
