#include "studies/arithmetic_task.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lab/worker.h"

namespace omni {
namespace {

constexpr std::array kAll = {Operation::add, Operation::subtract, Operation::multiply,
                             Operation::divide};

struct Bench {
  explicit Bench(bool dry = false) : worker(options(dry)), trial(worker, 0, "", record) {
    task.most_term = task.most_factor = 3;
    task.rows = 64;
    task.context = 20;
    task.problems = 15;
    task.width = 32;
    task.heads = 2;
    worker.begin(0);
  }
  WorkerOptions options(bool dry) {
    WorkerOptions o;
    o.data = &data;
    o.dry = dry;
    return o;
  }
  template <class T>
  std::vector<T> values(const std::string& table) {
    const Table& a = trial.tables().at(table);
    const auto* p = static_cast<const T*>(a.data);
    return {p, p + a.type.count()};
  }

  Dataset data;
  Worker worker;
  SeedRecord record;
  Trial trial;
  ArithmeticTask task;
};

TEST(ArithmeticTask, RowsHoldTheWantedOperationsAlone) {
  Bench b;
  b.task.add_rows(b.trial, "kept", kRetainedOperations);
  EXPECT_EQ(b.trial.tables().at("kept.x").type.shape, (Shape{64, 20}));
  const std::string text = b.task.tokenizer().decode(b.values<int32_t>("kept.x"));
  EXPECT_NE(text.find('+'), std::string::npos);
  EXPECT_NE(text.find('-'), std::string::npos);
  EXPECT_EQ(text.find_first_of("*/"), std::string::npos);
  // Targets are what comes next.
  const auto x = b.values<int32_t>("kept.x"), y = b.values<int32_t>("kept.y");
  for (size_t i = 0; i < 19; ++i) EXPECT_EQ(y[i], x[i + 1]);
}

TEST(ArithmeticTask, WeightsMarkTheAnswerAndWhatEndsIt) {
  Bench b;
  for (const bool words : {false, true}) {
    b.task.word_problems = words;
    b.task.add_problems(b.trial, "test", kAll);
    const Shape shape = b.trial.tables().at("test.y").type.shape;
    EXPECT_EQ(shape[0], (words ? 8 : 4) * b.task.problems);
    const auto y = b.values<int32_t>("test.y");
    const auto weight = b.values<float>("test.weight");
    for (int64_t row = 0; row < shape[0]; ++row) {
      std::vector<int32_t> marked;
      for (int64_t i = row * shape[1]; i < (row + 1) * shape[1]; ++i)
        if (weight[i] > 0) marked.push_back(y[i]);
      const std::string answer = b.task.tokenizer().decode(marked);
      ASSERT_GE(answer.size(), 3u);
      EXPECT_EQ(answer.front(), ' ');
      EXPECT_NE(std::string("0123456789").find(answer[1]), std::string::npos) << answer;
      EXPECT_EQ(std::string("0123456789").find(answer.back()), std::string::npos) << answer;
    }
  }
}

// A network that has learned the problems: what it solves by itself is what it gets right when it
// is led, and a fresh one solves nothing.
TEST(ArithmeticTask, WritingAnswersAgreesWithBeingLedThroughThem) {
  Bench b;
  b.task.add_rows(b.trial, "all", kAll);
  b.task.add_problems(b.trial, "kept.test", kRetainedOperations);
  b.task.add_problems(b.trial, "test", kAll);
  const LearningTask task = b.task.learning();
  EXPECT_EQ(task.samples(b.trial, "all"), 64);
  EXPECT_THROW(task.samples(b.trial, "none"), UserError);
  const Trained start = b.task.init(b.trial, Key::of(1));
  EXPECT_LT(b.task.solved(b.trial, start.model, kAll), 0.3);
  Training how{.on = "all", .batch = 16, .steps = 250, .key = Key::of(2)};
  how.lr = [](int64_t step, int64_t) { return 5e-3 * std::min(1.0, (step + 1) / 20.0); };
  const Trained m = task.train(b.trial, "learn", start, how, task.loss("all"));
  const double led = score_on(b.trial, task, m, "test");
  EXPECT_GT(led, 0.5);
  EXPECT_NEAR(b.task.solved(b.trial, m.model, kAll), led, 0.03);
  EXPECT_NEAR(b.task.solved(b.trial, m.model, kRetainedOperations),
              score_on(b.trial, task, m, "kept.test"), 0.05);
}

TEST(ArithmeticTask, HeldOutPairsAreNotTrained) {
  Bench b;
  b.task.held_out_pairs = 0.4;
  b.task.add_rows(b.trial, "all", kAll);
  b.task.add_problems(b.trial, "test", kAll);
  const std::string trained = b.task.tokenizer().decode(b.values<int32_t>("all.x"));
  const Shape shape = b.trial.tables().at("test.x").type.shape;
  const auto asked = b.values<int32_t>("test.x");
  int sums = 0;
  for (int64_t row = 0; row < shape[0]; ++row) {
    const std::string text = b.task.tokenizer().decode(
        std::vector(asked.begin() + row * shape[1], asked.begin() + (row + 1) * shape[1]));
    if (text.find('+') == std::string::npos) continue;
    EXPECT_EQ(trained.find("\n" + text.substr(0, 7)), std::string::npos) << text;
    ++sums;
  }
  EXPECT_EQ(sums, b.task.problems);
}

TEST(ArithmeticTask, RefusesHeadsThatDoNotFit) {
  ArithmeticTask task;
  EXPECT_NO_THROW(task.check());
  task.heads = 5;
  EXPECT_THROW(task.check(), UserError);
}

}  // namespace
}  // namespace omni
