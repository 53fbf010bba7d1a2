#include "text/bpe.h"

#include <algorithm>

#include "base/error.h"
#include "text/unicode.h"

namespace omni {
namespace {

constexpr int32_t kNone = -1;

uint64_t pair_of(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

struct Symbol {
  int32_t token, before, behind;  // neighbours' positions, or kNone; token kNone: merged away
};

struct Candidate {
  int32_t rank, position;
  int32_t left, right, token;  // valid while the symbols there are still these
  // The queue gives the largest first: here the strongest merge, leftmost.
  bool operator<(const Candidate& o) const {
    return rank != o.rank ? rank > o.rank : position > o.position;
  }
};

}  // namespace

struct BpeTokenizer::Scratch {
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
};

BpeTokenizer::BpeTokenizer(Vocabulary vocabulary, std::vector<Merge> merges, BpeRules rules)
    : Tokenizer(std::move(vocabulary)), merges_(std::move(merges)), rules_(std::move(rules)) {
  for (size_t byte = 0; byte < bytes_.size(); ++byte) {
    const std::optional<int32_t> id = find(std::string(1, static_cast<char>(byte)));
    check(id.has_value(), "BpeTokenizer: no token for the byte 0x{:02x}", byte);
    bytes_[byte] = *id;
  }
  results_.reserve(merges_.size());
  for (size_t rank = 0; rank < merges_.size(); ++rank) {
    const Merge& m = merges_[rank];
    const std::optional<int32_t> token = find(text_of(m.left) + text_of(m.right));
    check(token.has_value(), "BpeTokenizer: no token for what merge {} makes", rank);
    results_.emplace(pair_of(m.left, m.right), Result{static_cast<int32_t>(rank), *token});
  }
  reached_.resize(size());
  Scratch scratch;
  std::vector<int32_t> ids;
  for (int32_t id = 0; id < size(); ++id) {
    ids.clear();
    merge(text_of(id), scratch, ids);
    reached_[id] = rules_.ignore_merges || ids == std::vector{id};
  }
  for (const int32_t special : this->vocabulary().specials()) reached_[special] = false;

  std::vector<AddedToken> raw, normalized;
  for (AddedToken token : rules_.added) {
    if (token.normalized && rules_.composed) token.text = composed(token.text);
    (token.normalized ? normalized : raw).push_back(std::move(token));
  }
  // Special tokens alone find nothing: they only hide others that begin within them.
  const auto any = [](const std::vector<AddedToken>& some) {
    return std::ranges::any_of(some, [](const AddedToken& t) { return !t.special; });
  };
  if (any(raw)) raw_ = AddedTokens(std::move(raw));
  if (any(normalized)) normalized_ = AddedTokens(std::move(normalized));
}

// Puts the merge of `position` and its neighbour behind, if there is one, into the queue.
void BpeTokenizer::offer(Scratch& scratch, int32_t position) const {
  const Symbol& left = scratch.symbols[position];
  if (left.behind == kNone) return;
  const int32_t right = scratch.symbols[left.behind].token;
  const auto it = results_.find(pair_of(left.token, right));
  if (it == results_.end()) return;
  scratch.heap.push_back({it->second.rank, position, left.token, right, it->second.token});
  std::push_heap(scratch.heap.begin(), scratch.heap.end());
}

// Time n log n in the bytes of a piece, so that a hostile piece of a megabyte takes its second and
// not its day.
void BpeTokenizer::merge(std::string_view piece, Scratch& scratch,
                         std::vector<int32_t>& ids) const {
  std::vector<Symbol>& symbols = scratch.symbols;
  symbols.clear();
  scratch.heap.clear();
  const auto count = static_cast<int32_t>(piece.size());
  for (int32_t i = 0; i < count; ++i)
    symbols.push_back(
        {bytes_[static_cast<unsigned char>(piece[i])], i - 1, i + 1 < count ? i + 1 : kNone});
  for (int32_t i = 0; i + 1 < count; ++i) offer(scratch, i);

  while (!scratch.heap.empty()) {
    std::pop_heap(scratch.heap.begin(), scratch.heap.end());
    const Candidate best = scratch.heap.back();
    scratch.heap.pop_back();
    Symbol& left = symbols[best.position];
    if (left.token != best.left || left.behind == kNone || symbols[left.behind].token != best.right)
      continue;
    Symbol& right = symbols[left.behind];
    left.token = best.token;
    left.behind = right.behind;
    right.token = kNone;
    if (left.behind != kNone) symbols[left.behind].before = best.position;
    if (left.before != kNone) offer(scratch, left.before);
    offer(scratch, best.position);
  }
  for (int32_t i = count > 0 ? 0 : kNone; i != kNone; i = symbols[i].behind)
    ids.push_back(symbols[i].token);
}

// The pieces that the rules from `cut` on make of a piece.
void BpeTokenizer::encode_piece(std::string_view piece, size_t cut, Scratch& scratch,
                                std::vector<int32_t>& ids) const {
  if (cut < rules_.cuts.size()) {
    PieceReader reader(piece, rules_.cuts[cut]);
    for (std::string_view part; reader.next(part);) encode_piece(part, cut + 1, scratch, ids);
    return;
  }
  const std::optional<int32_t> id = find(piece);
  if (id && reached_[*id])
    ids.push_back(*id);
  else
    merge(piece, scratch, ids);
}

std::vector<int32_t> BpeTokenizer::encode(std::string_view text) const {
  std::vector<int32_t> ids;
  Scratch scratch;
  if (raw_.empty() && normalized_.empty() && !rules_.composed) {
    encode_piece(text, 0, scratch, ids);
    return ids;
  }
  require_utf8(text, "text");
  raw_.split(text, [&](std::string_view raw, std::optional<int32_t> raw_id) {
    if (raw_id) return ids.push_back(*raw_id);
    const std::string normal = rules_.composed ? composed(raw) : std::string(raw);
    normalized_.split(normal, [&](std::string_view part, std::optional<int32_t> id) {
      if (id) return ids.push_back(*id);
      encode_piece(part, 0, scratch, ids);
    });
  });
  return ids;
}

// What GPT-2's rules say is left out: its vocabularies keep their hashes.
std::string BpeTokenizer::rules() const {
  std::string rules;
  for (const Merge& m : merges_) rules += fmt::format("{} {}\n", m.left, m.right);
  if (rules_.cuts != std::vector{Cut::gpt2})
    for (const Cut cut : rules_.cuts) rules += fmt::format("cut {}\n", name_of(cut));
  if (rules_.composed) rules += "composed\n";
  if (rules_.ignore_merges) rules += "ignores merges\n";
  for (const AddedToken& t : rules_.added)
    if (!t.special)
      rules +=
          fmt::format("added {} {:d}{:d}{:d}\n", t.id, t.normalized, t.eats_left, t.eats_right);
  return rules;
}

}  // namespace omni
