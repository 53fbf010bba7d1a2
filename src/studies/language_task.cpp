#include "studies/language_task.h"

#include <algorithm>

#include "base/places.h"
#include "studies/text_cache.h"
#include "text/bpe_train.h"
#include "text/story_files.h"
#include "text/tokenizer_files.h"
#include "text/word_tokenizer.h"

namespace omni {
namespace {

std::shared_ptr<const Tokenizer> make_tokenizer(const LanguageTask& task, const StorySet& stories,
                                                const StoryWorld* world) {
  const std::string kind = task.tokenizer != "auto" ? task.tokenizer : world ? "words" : "bytes";
  if (kind == "words" && world) return std::make_shared<WordTokenizer>(world->vocabulary());
  const auto size = static_cast<int32_t>(task.vocabulary);
  if (kind == "words")
    return std::make_shared<WordTokenizer>(WordTokenizer::train(texts_of(stories.train), size));
  if (kind == "bytes")
    return std::make_shared<BpeTokenizer>(train_bpe(texts_of(stories.train), {.size = size}));
  return read_tokenizer(kind);
}

// The first so many, which must hold stories of both topics.
void keep_first(std::vector<Story>& stories, int64_t count, const char* option) {
  if (std::ssize(stories) > count) stories.resize(static_cast<size_t>(count));
  for (const bool forget : {false, true})
    require(std::ranges::any_of(stories, [&](const Story& s) { return s.forget == forget; }),
            "{}={}: none of so many stories is to be {}; raise it", option, count,
            forget ? "forgotten" : "retained");
}

StorySet read_text(const LanguageTask& task) {
  // Held out are the same stories in every seed.
  StorySet set = read_stories(task.text, task.keyword_rule(), Key::of(0).fold("held out"),
                              {.characters = task.characters, .test_share = 0});
  keep_first(set.train, task.stories, "stories");
  keep_first(set.validation, task.held_out, "held_out");
  return set;
}

void add_subsets(Trial& t, const TokenRows& rows, const std::string& split) {
  std::vector<int32_t> all, kept, lost;
  for (int64_t i = 0; i < rows.count(); ++i) {
    const auto row = static_cast<int32_t>(i);
    all.push_back(row);
    (rows.forget[static_cast<size_t>(i)] != 0 ? lost : kept).push_back(row);
  }
  t.add_subset("all." + split, std::move(all));
  t.add_subset("retain." + split, std::move(kept));
  t.add_subset("forget." + split, std::move(lost));
}

}  // namespace

void LanguageTask::check() const {
  LanguageTraining::check();
  keyword_rule();
}

KeywordRule LanguageTask::keyword_rule() const {
  return generated() || keywords.empty() ? forest_rule()
                                         : KeywordRule(parts_of(keywords, "keywords"));
}

Corpus LanguageTask::prepare(Trial& t) const {
  Corpus c;
  if (generated()) c.world = std::make_shared<StoryWorld>(t.key().fold("world"));
  c.stories = c.world ? c.world->stories({stories, held_out, 1}) : read_text(*this);
  c.tokenizer = make_tokenizer(*this, c.stories, c.world.get());
  const auto rows = [&](const std::vector<Story>& some) {
    const auto cache = user_cache();
    if (c.world || cache.empty()) return rows_of_stories(*c.tokenizer, some, length + 1);
    return cached_rows(cache / "tokens", *c.tokenizer, some, length + 1);
  };
  c.train = rows(c.stories.train);
  c.validation = rows(c.stories.validation);
  t.add_tables(tables_of(c.train, "train"));
  t.add_tables(tables_of(c.validation, "validation"));
  if (c.world)
    t.add_table("validation.fact", fact_weights(*c.tokenizer, c.stories.validation, c.validation),
                {c.validation.count(), length});
  add_subsets(t, c.train, "train");
  add_subsets(t, c.validation, "validation");

  c.model = network(c.tokenizer->size());
  return c;
}

void LanguageTask::add_targets(Trial& t, const Corpus& c, const std::string& name,
                               const std::function<bool(int32_t)>& takes) const {
  const NextTokens next = next_tokens(c.validation);
  std::vector<float> marks = next.weights;
  for (size_t i = 0; i < marks.size(); ++i)
    if (!takes(next.targets[i])) marks[i] = 0;
  t.add_table("validation." + name, std::move(marks), {c.validation.count(), length});
}

Losses LanguageTask::topic_losses(Trial& t, const Trained& m, const Model& model,
                                  const std::string& before, const std::string& after,
                                  const std::string& where) {
  Losses losses;
  for (const std::string topic : {"retain", "forget"})
    losses[before + topic + after] = loss_on(t, m, topic + ".validation", model, where);
  return losses;
}

}  // namespace omni
