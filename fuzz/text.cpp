// Any text: files of it, its lines and characters, and words and characters as tokens.
#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"
#include "fuzz/target.h"
#include "text/char_tokenizer.h"
#include "text/lines.h"
#include "text/unicode.h"
#include "text/word_tokenizer.h"

namespace omni::fuzz {

// The blocks that files and gzip are read in. Gzip may hold a thousand times its size.
const MemoryBound kMemory{2 << 20, 4000};

void read(std::string_view input) {
  check(is_utf8(valid_utf8(input)) && visible(visible(input)) == visible(input) &&
            visible(input).find_first_of(std::string_view("\r\x1b\x7f\0", 4)) == input.npos,
        "bytes that are no text when they are said to be");
  const std::string text = read_text(file_with(input));
  require_utf8(text, "text");
  check(text.find_first_of(std::string_view("\r\0", 2)) == text.npos, "an end of line, or a zero");
  std::string characters;
  int64_t count = 0;
  for (size_t at = 0; at < text.size(); ++count) {
    const size_t before = at;
    const std::string character = utf8_of(next_character(text, at));
    check(character == text.substr(before, at - before), "a character changes at byte {}", before);
    characters += character;
  }
  check(characters == text && character_count(text) == count, "{} characters", count);
  check(first_characters(text, count) == text, "the first {} characters are not all", count);
  require_utf8(lower_case(text), "lower case");

  size_t bytes = 0;
  LineReader lines(text);
  for (std::string_view line; lines.next(line);) {
    check(line.find('\n') == line.npos, "line {} has an end inside", lines.number());
    bytes += line.size();
  }
  check(bytes <= text.size(), "lines of {} bytes", bytes);

  check(
      stripped(text).find_first_of(" \n\t") != 0 && stripped_end(stripped(text)) == stripped(text),
      "white space around a stripped text");

  const std::vector<std::string> texts = {text};
  const WordTokenizer words = WordTokenizer::train(texts, 1000);
  const std::vector<int32_t> ids = words.encode(text);
  if (std::ranges::find(ids, words.unknown()) == ids.end())
    check(words.decode(ids) == text, "the words decode as another text");
  const std::string_view alphabet = first_characters(text, 3);
  const CharTokenizer letters(alphabet);
  check(letters.decode(letters.encode(alphabet)) == alphabet, "the alphabet decodes as another");
}

}  // namespace omni::fuzz
