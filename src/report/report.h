// A run folder made readable: the page, the figures, comparisons and plain files, from the store
// alone. Nothing here runs or changes an experiment.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>

namespace omni {

// Writes figures/*.svg, figures/*.csv and report.html (one file, no network) into a run folder.
// UserError when the folder is no run of this format, cannot be written, or gnuplot is missing; and
// when builds of the program that are not known to agree made the results, unless `mixed_builds`.
// Once `stop` is true it throws ReportStopped instead of drawing the next figure.
void write_report(const std::filesystem::path& run, const std::atomic<bool>* stop = nullptr,
                  bool mixed_builds = false);
struct ReportStopped {};

// A text table of every final metric of the arms that both runs have: means with 95 % intervals
// and b - a, paired by seed where at least two seeds match. UserError as above, for builds of both.
std::string compare_runs(const std::filesystem::path& a, const std::filesystem::path& b,
                         bool mixed_builds = false);

// Writes models.csv (one row per model), metrics.csv (arm, seed, metric, step, value) and
// claims.csv into the folder `out`, which is made; refuses to overwrite files.
void export_run(const std::filesystem::path& run, const std::filesystem::path& out);

}  // namespace omni
