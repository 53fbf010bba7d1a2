// Finds the marks of Markdown that have a partner, in a few passes over the text.
#include "lab/plain_text.h"

#include <cstddef>
#include <map>
#include <vector>

namespace omni {
namespace {

class Marks {
 public:
  explicit Marks(std::string_view text)
      : text_(text), is_code_(text.size()), is_dropped_(text.size()) {
    find_code();
    find_links();
    find_bold();
  }

  std::string rest() const {
    std::string out;
    for (size_t i = 0; i < text_.size(); ++i)
      if (!is_dropped_[i]) out += text_[i];
    return out;
  }

 private:
  bool is(size_t i, char c) const { return i < text_.size() && text_[i] == c && !is_code_[i]; }
  bool is_blank(size_t i) const { return text_[i] == ' ' || text_[i] == '\t'; }
  void drop(size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) is_dropped_[i] = true;
  }

  // Between two runs of equally many backticks.
  void find_code() {
    struct Run {
      size_t at, size, next;  // next: the index of the next run of its size, or none
    };
    std::vector<Run> runs;
    for (size_t i = 0; i < text_.size();) {
      size_t end = i;
      while (end < text_.size() && text_[end] == '`') ++end;
      if (end > i) runs.push_back({i, end - i, 0});
      i = end + 1;
    }
    std::map<size_t, size_t> later;
    for (size_t r = runs.size(); r-- > 0;) {
      const auto it = later.find(runs[r].size);
      runs[r].next = it == later.end() ? runs.size() : it->second;
      later[runs[r].size] = r;
    }
    for (size_t r = 0; r < runs.size(); ++r) {
      if (runs[r].next == runs.size()) continue;
      const Run &opens = runs[r], &closes = runs[opens.next];
      drop(opens.at, opens.at + opens.size);
      drop(closes.at, closes.at + closes.size);
      for (size_t i = opens.at; i < closes.at + closes.size; ++i) is_code_[i] = true;
      r = opens.next;
    }
  }

  // What "[" and "](...)" enclose; the address may hold pairs of brackets.
  void find_links() {
    std::vector<size_t> open, end_of(text_.size(), text_.size());
    for (size_t i = 0; i < text_.size(); ++i) {
      if (is(i, '(')) open.push_back(i);
      if (!is(i, ')') || open.empty()) continue;
      end_of[open.back()] = i;
      open.pop_back();
    }
    open.clear();
    for (size_t i = 0; i < text_.size(); ++i) {
      if (is(i, '[')) open.push_back(i);
      if (!is(i, ']') || open.empty()) continue;
      const size_t begin = open.back();
      open.pop_back();
      if (!is(i + 1, '(') || end_of[i + 1] == text_.size()) continue;
      drop(begin, begin + 1);
      drop(i, end_of[i + 1] + 1);
      i = end_of[i + 1];
    }
  }

  // From the nearest ** before a word to ** behind one.
  void find_bold() {
    const size_t none = text_.size();
    size_t open = none;
    for (size_t i = 0; i + 1 < text_.size(); ++i) {
      if (!is(i, '*') || !is(i + 1, '*') || is_dropped_[i]) continue;
      if (open != none && !is_blank(i - 1)) {
        drop(open, open + 2);
        drop(i, i + 2);
        open = none;
      } else if (i + 2 < text_.size() && !is_blank(i + 2)) {
        open = i;
      }
      ++i;
    }
  }

  std::string_view text_;
  std::vector<bool> is_code_, is_dropped_;
};

}  // namespace

std::string plain_text(std::string_view text) { return Marks(text).rest(); }

}  // namespace omni
