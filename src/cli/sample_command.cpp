// `omni sample`: what a language model in a folder of the Hugging Face hub's form writes after a
// prompt.
#include <algorithm>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/language_model.h"
#include "cli/screen.h"
#include "studies/sampling.h"

namespace omni::cli {
namespace {

constexpr int64_t kUsualTokens = 100;

// As many as usual where the context has room for them.
int64_t tokens_to_add(const SampleArguments& a, const TransformerOptions& o, size_t prompt) {
  if (a.tokens) return *a.tokens;
  if (o.positions != Positions::learned) return kUsualTokens;
  return std::clamp(o.context - static_cast<int64_t>(prompt), int64_t{1}, kUsualTokens);
}

}  // namespace

int sample_command(const SampleArguments& a) {
  require(
      a.words.size() == 2,
      "sample: expected a model's folder and a prompt in quotes, got {} words; see sample --help",
      a.words.size());
  require(a.samples >= 1, "sample: --samples must be at least 1, got {}", a.samples);
  require(!a.tokens || *a.tokens >= 1, "sample: --tokens must be at least 1, got {}",
          a.tokens.value_or(0));
  const LanguageModel model = load_language_model(a.words[0]);
  const TransformerOptions& options = model.options();
  const Tokenizer& tokenizer = *model.tokenizer;

  tell_of_specials(tokenizer, a.words[1]);
  Tokens prompt = tokenizer.encode(a.words[1]);
  if (prompt.empty()) prompt.push_back(tokenizer.end_of_text());  // what stands before every text
  SamplingOptions s;
  s.tokens = tokens_to_add(a, options, prompt.size());
  s.drawing = {.temperature = a.temperature, .top_k = a.top_k};
  s.stop = tokenizer.end_of_text();
  s.vocabulary = tokenizer.size();
  const std::vector<Tokens> prompts(static_cast<size_t>(a.samples), prompt);
  LoneTrial here;
  const std::vector<std::optional<Tokens>> found =
      sample(here.trial, options, model.view(), prompts, Key::of(a.seed).fold("sample"), s);
  for (size_t i = 0; i < found.size(); ++i) {
    require(found[i].has_value(),
            "{}: the model's logits are not finite; its weights may have diverged", a.words[0]);
    std::span<const int32_t> text = *found[i];
    if (!text.empty() && text.back() == s.stop) text = text.first(text.size() - 1);
    if (found.size() > 1) say("--- {} of {}\n", i + 1, found.size());
    say("{}{}\n", a.words[1], tokenizer.decode(text));
  }
  return 0;
}

}  // namespace omni::cli
