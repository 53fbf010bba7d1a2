// Words of the command line, one per line: an experiment's name, then key=value.
#include "fuzz/choosing.h"
#include "fuzz/target.h"

void omni::fuzz::read(std::string_view input) {
  cli::Choice choice;
  for (size_t begin = 0; begin <= input.size();) {
    const size_t end = std::min(input.find('\n', begin), input.size());
    if (end > begin) choice.words.emplace_back(input.substr(begin, end - begin));
    begin = end + 1;
  }
  resolve_twice(choice);
}
