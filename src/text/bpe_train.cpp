#include "text/bpe_train.h"

#include <algorithm>
#include <queue>

#include "base/error.h"
#include "text/byte_letters.h"
#include "text/piece_counts.h"

namespace omni {
namespace {

constexpr int64_t kMergesPerReport = 64;

struct Word {
  std::vector<int32_t> tokens;
  int64_t count = 0;
};

struct PairHash {
  size_t operator()(const Merge& m) const {
    return (static_cast<uint64_t>(m.left) << 32 | static_cast<uint32_t>(m.right)) *
               0x9e3779b97f4a7c15ull >> 16;
  }
};

struct Pair {
  int64_t count = 0;
  std::vector<int32_t> words;  // that held it at some time; may name one twice
};

struct Entry {
  int64_t count;
  Merge pair;
  bool operator<(const Entry& o) const {  // the largest comes first: most frequent, smallest ids
    if (count != o.count) return count < o.count;
    return pair.left != o.pair.left ? pair.left > o.pair.left : pair.right > o.pair.right;
  }
};

// All words with the counts of their pairs, kept right merge by merge.
class Learner {
 public:
  explicit Learner(std::vector<Word> words) : words_(std::move(words)) {
    for (size_t w = 0; w < words_.size(); ++w) count_pairs(static_cast<int32_t>(w), 1);
    for (const auto& [pair, known] : pairs_) queue_.push({known.count, pair});
  }

  // The commonest pair, or a count of 0 if none is left.
  Entry best() {
    while (!queue_.empty()) {
      const Entry top = queue_.top();
      const int64_t now = pairs_[top.pair].count;
      if (top.count == now && now > 0) return top;
      queue_.pop();  // an old count: the right one goes back in its place
      if (now > 0 && now < top.count) queue_.push({now, top.pair});
    }
    return {};
  }

  void merge(Merge pair, int32_t token) {
    std::vector<int32_t> touched = std::move(pairs_[pair].words);
    std::sort(touched.begin(), touched.end());
    touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
    for (const int32_t w : touched) {
      count_pairs(w, -1);
      replace(words_[w].tokens, pair, token);
      count_pairs(w, 1, token);
    }
    pairs_.erase(pair);
    std::sort(made_.begin(), made_.end(), [](const Merge& a, const Merge& b) {
      return a.left != b.left ? a.left < b.left : a.right < b.right;
    });
    made_.erase(std::unique(made_.begin(), made_.end()), made_.end());
    for (const Merge& m : made_) queue_.push({pairs_[m].count, m});
    made_.clear();
  }

 private:
  // Adds `sign` times the word to the counts of its pairs. Pairs with `fresh` are new neighbours.
  void count_pairs(int32_t w, int64_t sign, int32_t fresh = -1) {
    const Word& word = words_[w];
    for (size_t i = 0; i + 1 < word.tokens.size(); ++i) {
      const Merge pair{word.tokens[i], word.tokens[i + 1]};
      Pair& known = pairs_[pair];
      known.count += sign * word.count;
      const bool is_new = pair.left == fresh || pair.right == fresh;
      if (sign > 0 && (fresh < 0 || is_new)) known.words.push_back(w);
      if (is_new) made_.push_back(pair);
    }
  }

  static void replace(std::vector<int32_t>& tokens, Merge pair, int32_t token) {
    size_t to = 0;
    for (size_t from = 0; from < tokens.size(); ++to) {
      const bool here = from + 1 < tokens.size() && tokens[from] == pair.left &&
                        tokens[from + 1] == pair.right;
      tokens[to] = here ? token : tokens[from];
      from += here ? 2 : 1;
    }
    tokens.resize(to);
  }

  std::vector<Word> words_;
  std::unordered_map<Merge, Pair, PairHash> pairs_;
  std::priority_queue<Entry> queue_;
  std::vector<Merge> made_;
};

std::vector<Word> words_of(std::span<const std::string> texts,
                           const std::array<int32_t, 256>& ids) {
  std::vector<Word> words;
  for (const PieceCount& piece : count_pieces(texts)) {
    Word word{{}, piece.count};
    for (const char c : piece.piece) word.tokens.push_back(ids[static_cast<unsigned char>(c)]);
    words.push_back(std::move(word));
  }
  return words;
}

}  // namespace

BpeTokenizer train_bpe(std::span<const std::string> texts, const BpeTrainOptions& options) {
  constexpr int32_t kBytes = 256;
  require(options.size > kBytes,
          "byte-pair vocabulary: expected a size of 257 or more (256 bytes and {}), found {}",
          kEndOfText, options.size);
  std::vector<std::string> tokens;
  TextMap<int32_t> known;
  std::array<int32_t, 256> ids{};
  for (const uint8_t byte : bytes_in_letter_order()) {
    ids[byte] = static_cast<int32_t>(tokens.size());
    tokens.emplace_back(1, static_cast<char>(byte));
    known.emplace(tokens.back(), ids[byte]);
  }
  std::vector<Word> words = words_of(texts, ids);
  require(!words.empty(), "byte-pair vocabulary: the texts hold no words");

  Learner learner(std::move(words));
  std::vector<Merge> merges;
  const int64_t wanted = options.size - kBytes - 1;
  while (static_cast<int64_t>(tokens.size()) < options.size - 1) {
    const Entry best = learner.best();
    if (best.count < std::max<int64_t>(options.least_count, 1)) break;
    // Two different merges may make the same text; it stays one token.
    const std::string text = tokens[best.pair.left] + tokens[best.pair.right];
    const auto [it, is_new] = known.emplace(text, static_cast<int32_t>(tokens.size()));
    if (is_new) tokens.push_back(text);
    merges.push_back(best.pair);
    learner.merge(best.pair, it->second);
    if (options.progress && merges.size() % kMergesPerReport == 0)
      options.progress(static_cast<int64_t>(tokens.size()) - kBytes, wanted);
  }
  if (options.progress) options.progress(wanted, wanted);
  tokens.emplace_back(kEndOfText);
  return BpeTokenizer(Vocabulary(tokens, {std::string(kEndOfText)}), std::move(merges));
}

}  // namespace omni
