#include "report/figure.h"

#include <array>

#include "base/error.h"
#include "base/nearest.h"
#include "report/drawing.h"
#include "report/text.h"

namespace omni {

namespace {

struct Kind {
  std::string_view name;
  DrawnFigure (*draw)(const Results&, const FigureRow&);
};

constexpr std::array kKinds = {Kind{"bars", draw_bars}, Kind{"groups", draw_groups},
                               Kind{"lines", draw_lines}, Kind{"scatter", draw_scatter},
                               Kind{"images", draw_images}, Kind{"texts", draw_texts}};

std::string empty_picture(const std::string& reason) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"40\" "
      "viewBox=\"0 0 {0} 40\" font-family=\"sans-serif\" font-size=\"13\">\n"
      "<text x=\"12\" y=\"25\" fill=\"black\">{1}</text>\n</svg>\n",
      kFigureWidth, escape_html(shortened("Nothing to draw: " + reason, kFigureWidth - 24, 13)));
}

}  // namespace

DrawnFigure draw_figure(const Results& results, const FigureRow& figure) {
  std::vector<std::string> known;
  for (const Kind& kind : kKinds) {
    known.emplace_back(kind.name);
    if (figure.spec.kind != kind.name) continue;
    DrawnFigure drawn = kind.draw(results, figure);
    if (!drawn.empty_because.empty()) drawn.svg = empty_picture(drawn.empty_because);
    return drawn;
  }
  fail_user("figure '{}': kind '{}' is unknown{}", figure.id, figure.spec.kind,
            suggest(figure.spec.kind, known));
}

std::string inline_svg(const std::string& svg, const std::string& title) {
  const size_t start = svg.find("<svg");
  check(start != std::string::npos, "figure without an svg element");
  std::string element = svg.substr(start);
  const std::string named = "<title>" + escape_html(title) + "</title>";
  const std::string own = "<title>Gnuplot</title>";
  if (const size_t at = element.find(own); at != std::string::npos)
    element.replace(at, own.size(), named);
  else
    element.insert(element.find('>') + 1, named);
  element.insert(4, " role=\"img\"");
  return element;
}

}  // namespace omni
