// Word vocabularies: words.txt, a zero byte, and a text to encode.
#include "base/error.h"
#include "fuzz/target.h"
#include "text/tokenizer_files.h"

namespace omni::fuzz {

// A token is a JSON node, its text in three forms and its place in the vocabulary.
const MemoryBound kMemory{2 << 20, 300};

void read(std::string_view input) {
  const std::string_view file = input.substr(0, input.find('\0'));
  const std::string_view text = input.substr(std::min(file.size() + 1, input.size()));
  const WordTokenizer tokenizer = parse_words(file, "words.txt");
  check(parse_words(word_file(tokenizer), "words.txt").hash() == tokenizer.hash(),
        "what was written reads back as another vocabulary:\n{}", word_file(tokenizer));
  for (const int32_t id : tokenizer.encode(text))
    check(id >= 0 && id < tokenizer.size(), "token {} of {}", id, tokenizer.size());
}

}  // namespace omni::fuzz
