// Byte-pair vocabularies: vocab.json, a zero byte, merges.txt, a zero byte, and a text to encode.
#include "base/error.h"
#include "fuzz/target.h"
#include "text/bpe_files.h"

namespace omni::fuzz {

// A token is a JSON node, its text in three forms and its place in the vocabulary.
const MemoryBound kMemory{2 << 20, 300};

void read(std::string_view input) {
  const auto section = [&] {
    const std::string_view text = input.substr(0, input.find('\0'));
    input.remove_prefix(std::min(text.size() + 1, input.size()));
    return std::string(text);
  };
  const std::string vocab = section(), merges = section();
  const BpeTokenizer tokenizer = parse_bpe({vocab, merges}, "vocab.json", "merges.txt");
  const BpeFiles files = bpe_files(tokenizer);
  check(parse_bpe(files, "vocab.json", "merges.txt").hash() == tokenizer.hash(),
        "these files read back as another vocabulary:\n{}\n{}", files.vocab_json,
        files.merges_txt);
  check(tokenizer.decode(tokenizer.encode(input)) == input, "the text decodes as another");
}

}  // namespace omni::fuzz
