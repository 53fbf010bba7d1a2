// Multiple choice: likelihoods against those of whole rows, batches, errors, and a model that
// learns planted facts and then knows them.
#include "studies/choice_scoring.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "executors/cpu/program.h"
#include "lab/inference.h"
#include "lab/test_support.h"
#include "nn/testing.h"
#include "ops/leaf.h"
#include "studies/predictions.h"
#include "studies/text_cache.h"
#include "text/story_world.h"
#include "text/word_tokenizer.h"

namespace omni {
namespace {

using testing::ToyBench;

TransformerOptions small(int64_t vocabulary) {
  TransformerOptions o;
  o.vocabulary = vocabulary;
  o.context = 100;
  o.layers = 2;
  o.width = 48;
  o.heads = 4;
  return o;
}

Trial& lone() {
  static LoneTrial here;
  return here.trial;
}

Ensemble drawn(const TransformerOptions& o) {
  Ensemble e(transformer_parameters(o), 1);
  e.initialise(0, Key::of(3));
  return e;
}

// The same by one row at a time, all logits, a token after the other.
double log_likelihood(const TransformerOptions& o, const Ensemble& e,
                      const std::vector<int32_t>& tokens, size_t ending) {
  Graph g;
  Net net(g, "model");
  const Type type{DType::i32, {1, static_cast<int64_t>(tokens.size())}, 0};
  g.result("logits", transformer(net, input(g, "tokens", type, Role::data), o));
  Program p(g);
  testing::bind_model(p, "model", e[0]);
  p.bind("tokens", tokens.data());
  p.refresh();
  p.run();
  const auto logits = p.result("logits");
  double sum = 0;
  for (size_t at = tokens.size() - ending; at < tokens.size(); ++at) {
    const auto z = logits.subspan((at - 1) * static_cast<size_t>(o.vocabulary),
                                  static_cast<size_t>(o.vocabulary));
    sum += double{z[static_cast<size_t>(tokens[at])]} - log_sum_exp(z);
  }
  return sum;
}

const WordTokenizer& words() {
  static const WordTokenizer tokenizer({"Who", " is", " it", "?", "\n", "A", "B", ".", " A", " B",
                                        " fox", " owl", " the", "Answer", ":"});
  return tokenizer;
}

const std::vector<ChoiceItem>& items() {
  static const std::vector<ChoiceItem> all = {
      {"Who is it?", {"the fox", "owl"}, 1},   // a space is put between
      {"Who is", {" it", " the", " owl"}, 0},  // equal rows but for the last token
      {"Who is", {" the owl is", " it", " the fox"}, 2},
      {"Who", {" is", " it"}, 0},
      {"Who is ", {"it", "the fox"}, 1}};  // a space that is there already
  return all;
}

TEST(ChoiceScoring, GivesTheLikelihoodsOfWholeRows) {
  TransformerOptions o = small(words().size());
  o.weight = init::normal(0, 0.3);
  const Ensemble e = drawn(o);
  for (const int64_t rows : {1, 2, 8}) {
    ChoiceScoring how{.form = ChoiceForm::continuations, .preface = "Who? ", .rows = rows};
    how.after_end_of_text = true;
    const ChoiceScores found = score_choices(lone(), o, e[0], words(), items(), how);
    EXPECT_NEAR(found.chance, (3 / 2. + 2 / 3.) / 5, 1e-12);
    int64_t right = 0;
    for (size_t i = 0; i < items().size(); ++i) {
      const ChoiceItem& item = items()[i];
      int32_t best = 0;
      for (size_t c = 0; c < item.choices.size(); ++c) {
        const std::string space = i == 0 || i == 4 ? " " : "";
        std::vector<int32_t> tokens =
            words().encode("Who? " + (i == 4 ? "Who is" : item.question) + space + item.choices[c]);
        tokens.insert(tokens.begin(), words().end_of_text());
        const size_t ending = words().encode(space + item.choices[c]).size();
        EXPECT_NEAR(found.log_likelihoods[i][c], log_likelihood(o, e, tokens, ending), 1e-4);
        if (found.log_likelihoods[i][c] > found.log_likelihoods[i][best])
          best = static_cast<int32_t>(c);
      }
      EXPECT_EQ(found.chosen[i], best);
      right += best == item.answer;
    }
    EXPECT_EQ(found.right, right);
    EXPECT_TRUE(found.interval().contains(found.accuracy()));
  }
}

TEST(ChoiceScoring, RunsOnTheRunsExecutor) {
  TransformerOptions o = small(words().size());
  o.weight = init::normal(0, 0.3);
  const Ensemble e = drawn(o);
  const auto off = [&](const WorkerOptions& options, const WorkerOptions& from) {
    LoneTrial a(options), b(from);
    const auto likelihoods = [&](Trial& t) {
      return score_choices(t, o, e[0], words(), items(), {.form = ChoiceForm::continuations})
          .log_likelihoods;
    };
    const auto x = likelihoods(a.trial), y = likelihoods(b.trial);
    double most = 0;
    for (size_t i = 0; i < x.size(); ++i)
      for (size_t c = 0; c < x[i].size(); ++c) most = std::max(most, std::abs(x[i][c] - y[i][c]));
    return most;
  };
  const WorkerOptions wide{.executor = ExecutorKind::reference};
  EXPECT_GT(off({}, wide), 0);
  EXPECT_LT(off({}, wide), 1e-4);
  EXPECT_GT(off({.precision = Precision::bf16}, wide), 1e-3);
  EXPECT_EQ(off({.threads = 3}, {}), 0);
}

TEST(ChoiceScoring, ScoresLetters) {
  TransformerOptions o = small(words().size());
  o.weight = init::normal(0, 0.3);
  const Ensemble e = drawn(o);
  const std::vector<ChoiceItem> two = {items()[0], items()[3]};
  const ChoiceScores found = score_choices(lone(), o, e[0], words(), two);
  for (size_t i = 0; i < two.size(); ++i)
    for (int32_t c = 0; c < 2; ++c) {
      const std::vector<int32_t> tokens =
          words().encode(lettered_prompt(two[i]) + answer_letter(c));
      EXPECT_NEAR(found.log_likelihoods[i][static_cast<size_t>(c)], log_likelihood(o, e, tokens, 1),
                  1e-4);
    }
}

TEST(ChoiceScoring, WithoutWeightsAllIsAlike) {
  // Every weight zero: logits are equal, each token has probability 1 / vocabulary.
  TransformerOptions o = small(words().size());
  o.weight = init::zeros();
  const ChoiceScores found =
      score_choices(lone(), o, drawn(o)[0], words(), items(), {.form = ChoiceForm::continuations});
  const double each = -std::log(static_cast<double>(words().size()));
  const std::vector<std::vector<double>> wanted = {{2 * each, each},
                                                   {each, each, each},
                                                   {3 * each, each, 2 * each},
                                                   {each, each},
                                                   {each, 2 * each}};
  for (size_t i = 0; i < wanted.size(); ++i)
    for (size_t c = 0; c < wanted[i].size(); ++c)
      EXPECT_NEAR(found.log_likelihoods[i][c], wanted[i][c], 1e-6);
  EXPECT_EQ(found.chosen, (std::vector<int32_t>{1, 0, 1, 0, 0}));
  EXPECT_EQ(found.right, 3);
}

TEST(ChoiceScoring, OfADivergedModelNothingIsKnown) {
  const TransformerOptions o = small(words().size());
  Ensemble e = drawn(o);
  e.array("ln_final.weight", 0)[0] = std::nanf("");
  const ChoiceScores found =
      score_choices(lone(), o, e[0], words(), items(), {.form = ChoiceForm::continuations});
  EXPECT_EQ(found.chosen, (std::vector<int32_t>{-1, -1, -1, -1, -1}));
  EXPECT_EQ(found.right, 0);
  EXPECT_EQ(found.lost, 5);
  EXPECT_TRUE(std::isnan(found.accuracy()));
  EXPECT_FALSE(found.interval().known());
}

// Where it meets one bad word only, the share of the other questions is no share of all.
TEST(ChoiceScoring, OneLostQuestionLeavesNoAccuracy) {
  TransformerOptions o = small(words().size());
  o.weight = init::normal(0, 0.3);
  Ensemble e = drawn(o);
  const auto fox = static_cast<size_t>(words().encode(" fox").at(0));
  e.array("embed.weight", 0)[fox * static_cast<size_t>(o.width)] = std::nanf("");
  const std::vector<ChoiceItem> some = {{"Who is the fox", {" it", " the"}, 0}, items()[3]};
  const ChoiceScores found =
      score_choices(lone(), o, e[0], words(), some, {.form = ChoiceForm::continuations});
  EXPECT_EQ(found.chosen[0], -1);
  EXPECT_GE(found.chosen[1], 0);
  EXPECT_EQ(found.lost, 1);
  EXPECT_TRUE(std::isnan(found.accuracy()));
}

TEST(ChoiceScoring, ErrorsNameTheItem) {
  const TransformerOptions o = small(words().size());
  const Ensemble e = drawn(o);
  const auto refused = [&](const std::vector<ChoiceItem>& some, const ChoiceScoring& how,
                           const std::string& part) {
    try {
      score_choices(lone(), o, e[0], words(), some, how);
      ADD_FAILURE() << part;
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  const ChoiceScoring continuations{.form = ChoiceForm::continuations};
  std::string long_text = "Who";
  for (int i = 0; i < 120; ++i) long_text += " is";
  refused({}, {}, "no questions");
  refused({items()[0], {long_text, {" it", " the"}, 0}}, continuations,
          "question 2 (\"Who is is is");
  refused({{long_text, {" it", " the"}, 0}}, continuations, "121 tokens, the model's context");
  refused({items()[0], items()[1]}, {}, "question 2 (\"Who is\"): \" C\" is not a token");
  refused({{"Who", {" is", ""}, 0}}, continuations, "question 1 (\"Who\"): choice 2 is empty");
  refused({{"", {" is", " it"}, 0}}, continuations, "question 1 (\"\") has no tokens");
  refused(items(), {.rows = 0}, "at least one row");
  const TransformerOptions fewer = small(words().size() - 1);
  EXPECT_THROW(score_choices(lone(), fewer, drawn(fewer)[0], words(), items(), continuations),
               UserError);
}

TEST(ChoiceScoring, WhoReadTheStoriesKnowsTheirFacts) {
  ToyBench bench;
  const StoryWorld world(Key::of(1));
  const WordTokenizer tokenizer(world.vocabulary());
  std::vector<Story> stories;
  for (uint64_t i = 0; i < 600; ++i)
    stories.push_back(world.story_about(Topic::forest, Key::of(2).fold(i)));
  const TransformerOptions o = small(tokenizer.size());
  bench.trial->add_tables(tables_of(rows_of_stories(tokenizer, stories, 91), "story"));
  const Ensemble start = drawn(o);
  Training p;
  p.name = "stories";
  p.start = &start;
  p.build = [&](Step& s) {
    Net net = s.net("model");
    const Value loss = next_token_loss(transformer(net, s.rows("story.x"), o), s.rows("story.y"),
                                       s.rows("story.weight"));
    s.graph().result("loss", loss);
    apply(AdamW{}, net, loss, 5e-3);
  };
  p.samples = 600;
  p.batch = 20;
  p.epochs = 6;
  const Trained trained = bench.trial->train(p);
  const std::vector<ChoiceItem> questions = world.fact_questions(Topic::forest);
  const ChoiceScoring how{.form = ChoiceForm::continuations,
                          .preface = "One sunny day Tom went to the forest. ",
                          .after_end_of_text = true,
                          .rows = 32};
  const ChoiceScores before = score_choices(lone(), o, start[0], tokenizer, questions, how);
  const ChoiceScores after = score_choices(lone(), o, trained.model[0], tokenizer, questions, how);
  EXPECT_NEAR(before.chance, 1 / 8., 1e-12);
  EXPECT_LT(before.accuracy(), 0.3);
  EXPECT_GT(after.accuracy(), 0.6);
  EXPECT_GT(after.interval().low, after.chance);
}

}  // namespace
}  // namespace omni
