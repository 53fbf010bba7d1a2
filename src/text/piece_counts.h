// How often each piece (text/pieces.h) stands in a corpus: what vocabularies are made from.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace omni {

struct PieceCount {
  std::string piece;
  int64_t count = 0;
};

// The commonest first, ties in byte order. UserError "text N: not UTF-8 at byte ...".
std::vector<PieceCount> count_pieces(std::span<const std::string> texts);

}  // namespace omni
