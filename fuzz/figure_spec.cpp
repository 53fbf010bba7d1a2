// Descriptions of figures, as kept in the results of a run.
#include "base/error.h"
#include "fuzz/target.h"
#include "store/figure_spec.h"

namespace omni::fuzz {

// A point of a curve in its shortest form becomes some texts and numbers.
const MemoryBound kMemory{1 << 20, 150};

void read(std::string_view input) {
  const FigureSpec spec = figure_spec_from_json(std::string(input));
  check(spec.columns >= 1, "{} columns", spec.columns);
  const std::string text = to_json(spec);
  check(to_json(figure_spec_from_json(text)) == text, "reads back as another figure: {}", text);
}

}  // namespace omni::fuzz
