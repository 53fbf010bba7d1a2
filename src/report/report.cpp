#include "report/report.h"

#include "base/error.h"
#include "report/figure.h"
#include "report/page.h"
#include "store/files.h"
#include "store/results.h"
#include "store/run_folder.h"

namespace omni {

namespace fs = std::filesystem;

void write_report(const fs::path& path, const std::atomic<bool>* stop, bool mixed_builds) {
  const auto stopped = [&] { return stop && stop->load(); };
  const RunFolder run = RunFolder::open(path);
  const Results results(run.results_path(), Access::read);
  if (const Builds builds = results.builds(); !builds.agree)
    require(
        mixed_builds,
        "'{}' holds results by {} builds of the program: {}. They are not known to "
        "compute the same, so there is no report of them together. Train all with one build (the "
        "command of the run with --anew), or ask for it all the same: report {} --mixed-builds",
        path.string(), builds.seeds.size(), builds.text(), path.string());
  // A link would lead the figures of a folder from elsewhere out of it.
  require(!fs::is_symlink(run.figures_path()), "'{}' is a link to another place; remove it",
          run.figures_path().string());
  RunFolder::tidy(path);
  make_folder(run.figures_path());
  std::vector<DrawnFigure> drawn;
  for (const FigureRow& figure : results.figures()) {
    if (stopped()) throw ReportStopped{};
    try {
      drawn.push_back(draw_figure(results, figure));
    } catch (const std::exception&) {  // a terminal's Ctrl-C meets gnuplot too
      if (stopped()) throw ReportStopped{};
      throw;
    }
    const DrawnFigure& d = drawn.back();
    atomic_write(run.figures_path() / (figure.id + ".svg"), d.svg);
    atomic_write(run.figures_path() / (figure.id + ".csv"), d.csv);
  }
  if (stopped()) throw ReportStopped{};
  atomic_write(run.summary_path(), results.summary_csv());
  atomic_write(run.report_path(), report_page(run, results, drawn));
}

void export_run(const fs::path& path, const fs::path& out) {
  const RunFolder run = RunFolder::open(path);
  const Results results(run.results_path(), Access::read);
  make_folder(out);
  for (const char* name : {"models.csv", "metrics.csv", "claims.csv"})
    require(!fs::exists(out / name), "'{}' exists already; remove it or choose another folder",
            (out / name).string());

  std::string metrics = "arm,seed,metric,step,value\n";
  for (const ModelResult& m : results.models())
    for (const Metric& x : results.metrics(m.arm, m.seed))
      metrics += fmt::format("{},{},{},{},{}\n", csv_cell(m.arm), m.seed, csv_cell(x.name),
                             x.step == kFinalStep ? "final" : fmt::format("{}", x.step),
                             csv_number(x.value));
  std::string claims =
      "id,text,kind,threshold,band_low,band_high,verdict,n,excluded,estimate,low,high,level,"
      "p_value,effect,effect_name,note,primary,seeds_wanted,formula\n";
  for (const auto& [id, text, c, j, formula] : results.claims())
    claims +=
        fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", csv_cell(id),
                    csv_cell(text), name_of(c.kind), csv_number(c.threshold), csv_number(c.low),
                    csv_number(c.high), name_of(j.verdict), j.n, j.excluded, csv_number(j.estimate),
                    csv_number(j.interval.low), csv_number(j.interval.high), csv_number(j.level),
                    csv_number(j.p_value), csv_number(j.effect), csv_cell(j.effect_name),
                    csv_cell(j.note), c.primary ? 1 : 0, j.seeds_wanted, csv_cell(formula));
  atomic_write(out / "models.csv", results.summary_csv());
  atomic_write(out / "metrics.csv", metrics);
  atomic_write(out / "claims.csv", claims);
}

}  // namespace omni
