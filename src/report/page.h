// The report as one HTML page: question, answer, claims with their verdicts, figures, arms, what
// the method rests on, and where the run came from. Every text from the store is escaped.
#pragma once

#include <string>
#include <vector>

#include "report/figure.h"
#include "store/results.h"
#include "store/run_folder.h"

namespace omni {

// `drawn` stands beside results.figures(), one for one.
std::string report_page(const RunFolder& run, const Results& results,
                        const std::vector<DrawnFigure>& drawn);

}  // namespace omni
