// Draws a declared figure from the store: an SVG picture and the numbers in it as CSV.
#pragma once

#include <string>

#include "store/results.h"

namespace omni {

struct DrawnFigure {
  std::string svg;  // a whole SVG document
  std::string csv;
};

// bars: one horizontal bar per arm with its 95 % interval, every seed as a dot, and the published
// value as a diamond. lines: mean and 95 % band over steps, one line per arm, or over a swept
// option. images: a grid. UserError when the figure names a kind, metric or arm that is not there.
DrawnFigure draw_figure(const Results& results, const FigureRow& figure);

// The SVG element without XML prologue, titled, to stand inside a page.
std::string inline_svg(const std::string& svg, const std::string& title);

}  // namespace omni
