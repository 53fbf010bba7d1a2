// The pages of experiments that are part of a program, which cmake/words.cmake makes.
#pragma once

#include <span>
#include <string_view>

namespace omni {

struct WordPage {
  std::string_view stem, text;  // "subliminal_learning", of subliminal_learning.md
};
using WordPages = std::span<const WordPage>;

WordPages word_pages();  // of this program

}  // namespace omni
