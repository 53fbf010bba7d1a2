// `omni report`, `omni compare`, `omni export`: run folders made readable.
#include "base/error.h"
#include "cli/commands.h"
#include "cli/screen.h"
#include "report/report.h"

namespace omni::cli {

int report_command(const Context& context, const std::filesystem::path& run, bool mixed_builds) {
  require(!run.empty(), "report: a run folder is missing, for instance: {} report runs/NAME-quick",
          context.program);
  write_report(run, nullptr, mixed_builds);
  say("Report: {}\n", (run / "report.html").string());
  return 0;
}

int compare_command(const std::filesystem::path& a, const std::filesystem::path& b,
                    bool mixed_builds) {
  write_out(compare_runs(a, b, mixed_builds));
  return 0;
}

int export_command(const std::filesystem::path& run, std::filesystem::path out) {
  require(!run.empty(), "export: a run folder is missing; see export --help");
  if (out.empty()) out = run / "export";
  export_run(run, out);
  say("Wrote models.csv, metrics.csv and claims.csv to {}\n", out.string());
  return 0;
}

}  // namespace omni::cli
