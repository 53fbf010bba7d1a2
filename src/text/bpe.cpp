#include "text/bpe.h"

#include <algorithm>

#include "base/error.h"
#include "text/pieces.h"

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

BpeTokenizer::BpeTokenizer(Vocabulary vocabulary, std::vector<Merge> merges)
    : Tokenizer(std::move(vocabulary)), merges_(std::move(merges)) {
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
    reached_[id] = ids == std::vector{id};
  }
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
    symbols.push_back({bytes_[static_cast<unsigned char>(piece[i])], i - 1,
                       i + 1 < count ? i + 1 : kNone});
  for (int32_t i = 0; i + 1 < count; ++i) offer(scratch, i);

  while (!scratch.heap.empty()) {
    std::pop_heap(scratch.heap.begin(), scratch.heap.end());
    const Candidate best = scratch.heap.back();
    scratch.heap.pop_back();
    Symbol& left = symbols[best.position];
    if (left.token != best.left || left.behind == kNone ||
        symbols[left.behind].token != best.right)
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

std::vector<int32_t> BpeTokenizer::encode(std::string_view text) const {
  std::vector<int32_t> ids;
  Scratch scratch;
  PieceReader reader(text);
  for (std::string_view piece; reader.next(piece);) {
    const std::optional<int32_t> id = find(piece);
    if (id && reached_[*id])
      ids.push_back(*id);
    else
      merge(piece, scratch, ids);
  }
  return ids;
}

std::string BpeTokenizer::rules() const {
  std::string rules;
  for (const Merge& m : merges_) rules += fmt::format("{} {}\n", m.left, m.right);
  return rules;
}

}  // namespace omni
