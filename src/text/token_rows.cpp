#include "text/token_rows.h"

#include <algorithm>

#include "base/error.h"
#include "text/hashing.h"

namespace omni {
namespace {

constexpr int64_t kTextsPerReport = 256;
// Raised when the same stories would give other rows: old caches are then made again.
constexpr int kRowsVersion = 1;

void report(const TextProgress& progress, int64_t done, int64_t total) {
  if (progress && (done % kTextsPerReport == 0 || done == total)) progress(done, total);
}

std::vector<int32_t> encoded(const Tokenizer& tokenizer, std::string_view text, size_t number) {
  try {
    return tokenizer.encode(text);
  } catch (const UserError& error) {
    fail_user("text {}: {}", number, error.what());
  }
}

}  // namespace

TokenRows rows_of_stories(const Tokenizer& tokenizer, std::span<const Story> stories,
                          int64_t length, const TextProgress& progress) {
  require(length >= 2, "token rows: expected a length of 2 or more, found {}", length);
  TokenRows rows{length};
  const int32_t end = tokenizer.end_of_text();
  rows.tokens.reserve(stories.size() * static_cast<size_t>(length));
  for (size_t i = 0; i < stories.size(); ++i) {
    const std::vector<int32_t> ids = encoded(tokenizer, stories[i].text, i);
    const auto kept = std::min(static_cast<int64_t>(ids.size()), length - 1);
    rows.tokens.push_back(end);
    rows.tokens.insert(rows.tokens.end(), ids.begin(), ids.begin() + kept);
    rows.tokens.resize((i + 1) * static_cast<size_t>(length), end);
    rows.lengths.push_back(static_cast<int32_t>(kept) + 1);
    rows.forget.push_back(stories[i].forget);
    report(progress, static_cast<int64_t>(i) + 1, static_cast<int64_t>(stories.size()));
  }
  return rows;
}

TokenRows rows_of_joined(const Tokenizer& tokenizer, std::span<const std::string> texts,
                         int64_t length, std::string_view separator, bool forget,
                         const TextProgress& progress) {
  require(length >= 2, "token rows: expected a length of 2 or more, found {}", length);
  const std::vector<int32_t> between = tokenizer.encode(separator);
  TokenRows rows{length};
  std::vector<int32_t> row;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (!row.empty()) row.insert(row.end(), between.begin(), between.end());
    const std::vector<int32_t> ids = encoded(tokenizer, texts[i], i);
    row.insert(row.end(), ids.begin(), ids.end());
    if (static_cast<int64_t>(row.size()) >= length) {
      rows.tokens.insert(rows.tokens.end(), row.begin(), row.begin() + length);
      rows.lengths.push_back(static_cast<int32_t>(length));
      rows.forget.push_back(forget);
      row.clear();
    }
    report(progress, static_cast<int64_t>(i) + 1, static_cast<int64_t>(texts.size()));
  }
  require(rows.count() > 0, "token rows: {} texts hold only {} tokens, too few for one row of {}",
          texts.size(), row.size(), length);
  return rows;
}

NextTokens next_tokens(const TokenRows& rows) {
  NextTokens next;
  const auto size = static_cast<size_t>(rows.count() * (rows.length - 1));
  next.inputs.reserve(size);
  next.targets.reserve(size);
  next.weights.reserve(size);
  for (int64_t i = 0; i < rows.count(); ++i) {
    const std::span<const int32_t> row = rows.row(i);
    next.inputs.insert(next.inputs.end(), row.begin(), row.end() - 1);
    next.targets.insert(next.targets.end(), row.begin() + 1, row.end());
    for (int64_t t = 1; t < rows.length; ++t)
      next.weights.push_back(t < rows.lengths[static_cast<size_t>(i)] ? 1.0F : 0.0F);
  }
  return next;
}

std::vector<float> fact_weights(const Tokenizer& tokenizer, std::span<const Story> stories,
                                const TokenRows& rows) {
  check(rows.count() == static_cast<int64_t>(stories.size()),
        "fact_weights: {} stories but {} rows", stories.size(), rows.count());
  const auto positions = static_cast<size_t>(rows.length - 1);
  std::vector<float> weights(stories.size() * positions, 0.0F);
  for (size_t i = 0; i < stories.size(); ++i) {
    // Facts begin and end at pieces, which tokens never cross, so that what comes before them has
    // the same tokens alone. Target t is token t of the story.
    const std::string_view text = stories[i].text;
    for (const FactSpan& fact : stories[i].facts) {
      const size_t begin = tokenizer.encode(text.substr(0, fact.begin)).size();
      const size_t size =
          tokenizer.encode(text.substr(fact.begin, fact.end - fact.begin)).size();
      for (size_t t = begin; t < std::min(begin + size, positions); ++t)
        weights[i * positions + t] = 1.0F;
    }
  }
  return weights;
}

std::string rows_key(const Tokenizer& tokenizer, std::span<const Story> stories, int64_t length) {
  Sha256 hash;
  add_text(hash, fmt::format("version {}, {} tokens", kRowsVersion, length));
  add_text(hash, tokenizer.hash());
  add_stories(hash, stories);
  return hash.hex();
}

}  // namespace omni
