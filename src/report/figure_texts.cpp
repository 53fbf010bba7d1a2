// Figures of texts: what models wrote, side by side in columns, a row for each prompt or setting.
#include <algorithm>
#include <map>

#include "base/error.h"
#include "report/drawing.h"
#include "report/text.h"
#include "store/files.h"

namespace omni {

namespace {

constexpr int kGap = 14, kLine = 17;  // pixels
constexpr double kFont = 12.5;
constexpr int64_t kMost = 1000;    // texts of a figure; one of more is a damaged one
constexpr size_t kLongest = 4000;  // bytes of a text that are shown

// Lines of at most `width` pixels, cut between words where that is possible.
std::vector<std::string> wrapped(const std::string& text, double width) {
  std::vector<std::string> lines = {""};
  for (size_t from = 0; from < text.size();) {
    const size_t to = std::min(text.find(' ', from), text.size());
    const std::string word = shortened(text.substr(from, to - from), width, kFont);
    const std::string longer = lines.back().empty() ? word : lines.back() + " " + word;
    if (text_width(longer, kFont) <= width)
      lines.back() = longer;
    else
      lines.push_back(word);
    from = to + 1;
  }
  return lines;
}

std::string line_at(int x, int y, const std::string& text, const char* style) {
  return fmt::format("<text x=\"{}\" y=\"{}\" {}>{}</text>\n", x, y, style, escape_html(text));
}

}  // namespace

DrawnFigure draw_texts(const Results& results, const FigureRow& figure) {
  const FigureSpec& spec = figure.spec;
  const std::vector<StoredText> texts = results.texts(figure.id);
  DrawnFigure out;
  out.csv = "row,column,text\n";
  if (texts.empty()) {
    out.empty_because = "no text was recorded for it";
    return out;
  }
  require_positions(figure, "a text", texts, kMost);
  const int columns = std::clamp(spec.columns, 1, 6);
  const int step = kFigureWidth / columns, width = step - kGap;

  std::map<int64_t, std::vector<std::string>> cells;
  for (const StoredText& t : texts) {
    out.csv += fmt::format("{},{},{}\n", t.position / columns, t.position % columns,
                           csv_cell(t.text));
    std::string shown = one_line(t.text);
    if (shown.size() > kLongest) shown = shortened(shown, kLongest * kFont / 2, kFont);
    cells[t.position] = wrapped(shown, width);
  }

  std::string body;
  const auto label = [&](const std::vector<std::string>& labels, size_t i, int x, int y, int room) {
    if (i < labels.size())
      body += line_at(x, y, shortened(labels[i], room, kFont), "font-weight=\"bold\"");
  };
  int y = kLine;
  for (int c = 0; c < columns; ++c) label(spec.column_labels, c, c * step, y, width);
  if (!spec.column_labels.empty()) y += kLine;
  for (int64_t row = 0; row <= texts.back().position / columns; ++row) {
    if (!spec.row_labels.empty()) {
      label(spec.row_labels, row, 0, y, kFigureWidth);
      y += kLine;
    }
    size_t most = 0;
    for (int c = 0; c < columns; ++c) {
      const auto cell = cells.find(row * columns + c);
      if (cell == cells.end()) continue;
      for (size_t i = 0; i < cell->second.size(); ++i)
        body += line_at(c * step, y + static_cast<int>(i) * kLine, cell->second[i],
                        "fill=\"black\"");
      most = std::max(most, cell->second.size());
    }
    y += static_cast<int>(most) * kLine + kGap;
  }
  out.svg = fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
                        "viewBox=\"0 0 {0} {1}\" font-family=\"sans-serif\" font-size=\"{2}\" "
                        "style=\"max-width:{0}px\">\n{3}</svg>\n",
                        kFigureWidth, y, kFont, body);
  return out;
}

}  // namespace omni
