// Draws a declared figure from the store: an SVG picture and the numbers in it as CSV.
#pragma once

#include <string>
#include <vector>

#include "store/results.h"

namespace omni {

struct DrawnFigure {
  std::string svg;  // a whole SVG document
  std::string csv;
  std::vector<std::string> arms;  // whose models it shows
  std::string empty_because;  // why there is nothing to draw; the picture then says so
};

// bars: one horizontal bar per arm with its 95 % interval, every seed as a dot, and the published
// value as a diamond. groups: clusters of upright bars, one of each series, with intervals. lines:
// mean and 95 % band over steps or over a swept option. scatter: means with intervals in both
// directions, arms named beside them, series joined. images, texts: the recorded ones in a grid.
// Values that are missing are left out. UserError when the figure names a kind or an arm that is
// not there, or a series has not one point for each group.
DrawnFigure draw_figure(const Results& results, const FigureRow& figure);

// The SVG element without XML prologue, titled, to stand inside a page.
std::string inline_svg(const std::string& svg, const std::string& title);

}  // namespace omni
