// Language models on stories, some of which are to be forgotten: text, tokens and held-out stories
// as options that experiments share. An experiment derives from LanguageTask and lists the options
// by LanguageTask::visit(option).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "studies/language_training.h"
#include "text/keyword_rule.h"
#include "text/story_world.h"
#include "text/token_rows.h"
#include "text/tokenizer.h"

namespace omni {

using Losses = std::map<std::string, double>;  // in nats, by name

// What the trials of one seed read: texts, cut into rows of tokens.
struct Corpus {
  std::shared_ptr<const Tokenizer> tokenizer;
  StorySet stories;
  TokenRows train, validation;
  TransformerOptions model;                 // of the option `size`, for these tokens
  std::shared_ptr<const StoryWorld> world;  // null: the user's text
};

struct LanguageTask : LanguageTraining {
  std::string text = "generated", keywords = "", tokenizer = "auto";
  int64_t stories = 20000, held_out = 1000, characters = 0, vocabulary = 2048;

  void visit(auto&& option) {
    option("text", text, "generated, or a file or folder of plain text with a story per line");
    option("stories", stories, "to learn from, at most", between(50, 10'000'000),
           harmless_if_more("none is read more often than before"));
    option("held_out", held_out, "stories for validation, at most", between(20, 1'000'000),
           harmless_if_more("the same is measured more exactly"));
    option("keywords", keywords,
           "words joined by +: a story with one of them is to be forgotten; "
           "empty: tree, trees, forest, forests, woodland, woodlands",
           of_own_text());
    option("characters", characters, "stories of the user's text are cut to so many; 0: whole",
           between(0, 1'000'000), of_own_text());
    option("tokenizer", tokenizer,
           "words, bytes (byte pairs, trained on the text), a folder with "
           "a tokenizer as on the hub, or auto: words for generated text, else bytes");
    option("vocabulary", vocabulary, "tokens that byte pairs or words of the user's text make",
           between(300, 200'000),
           used_if(tokenizer == "bytes" ||
                       (!generated() && (tokenizer == "auto" || tokenizer == "words")),
                   generated() ? "text=FILE" : "tokenizer=bytes"));
    LanguageTraining::visit(option);
    option.check([this] { keyword_rule(); });
  }
  void check() const;
  bool generated() const { return text == "generated"; }
  Used of_own_text() const { return used_if(!generated(), "text=FILE"); }
  KeywordRule keyword_rule() const;  // of the option, or of generated stories

  // The seed's corpus and its arrays: "train.x" and "train.y" i32 [stories, length], tokens and
  // next tokens; "train.weight" f32 [stories, length], 1 where the target is text; "train.forget"
  // f32 [stories]; the same of "validation". Of generated text also "validation.fact": 1 where the
  // target ends a planted fact. Generated worlds differ between seeds, the user's text does not,
  // nor does what of it is held out.
  // Subsets: "all.train", "retain.train", "forget.train" and the same of "validation".
  Corpus prepare(Trial& t) const;

  // The array "validation.<name>": 1 where the target is text and a token that `takes` takes.
  void add_targets(Trial& t, const Corpus& c, const std::string& name,
                   const std::function<bool(int32_t token)>& takes) const;

  // Losses on held-out stories of both topics, at targets that "validation.<where>" marks, named
  // <before>retain<after> and <before>forget<after>.
  static Losses topic_losses(Trial& t, const Trained& m, const Model& model,
                             const std::string& before = "", const std::string& after = "",
                             const std::string& where = "weight");
};

}  // namespace omni
