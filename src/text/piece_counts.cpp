#include "text/piece_counts.h"

#include <algorithm>

#include "text/pieces.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

namespace omni {

std::vector<PieceCount> count_pieces(std::span<const std::string> texts) {
  TextMap<int64_t> counts;
  for (size_t i = 0; i < texts.size(); ++i) {
    require_utf8(texts[i], "text " + std::to_string(i));
    PieceReader reader(texts[i]);
    for (std::string_view piece; reader.next(piece);) {
      const auto it = counts.find(piece);
      if (it != counts.end())
        ++it->second;
      else
        counts.emplace(piece, 1);
    }
  }
  std::vector<PieceCount> sorted;
  for (const auto& [piece, count] : counts) sorted.push_back({piece, count});
  std::sort(sorted.begin(), sorted.end(), [](const PieceCount& a, const PieceCount& b) {
    return a.count != b.count ? a.count > b.count : a.piece < b.piece;
  });
  return sorted;
}

}  // namespace omni
