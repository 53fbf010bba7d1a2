#include "cli/summary.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/text_table.h"
#include "cli/screen.h"
#include "report/answer.h"
#include "report/sample.h"
#include "report/text.h"
#include "store/results.h"
#include "store/run_folder.h"

namespace omni::cli {
namespace {

void show_arms(const Results& results) {
  const std::string metric = results.get(run_key::kMetric);
  const std::string label = results.get(run_key::kMetricLabel);
  const std::map<std::string, ArmCount> counts = results.counts();
  bool published = false, lost = false;
  for (const ArmInfo& arm : results.arms()) {
    published = published || arm.published;
    lost = lost || final_sample(results, counts, metric, arm.name).summary.excluded > 0;
  }

  std::vector<std::vector<std::string>> rows = {{"condition", "n"}};
  if (lost) rows[0].insert(rows[0].end(), {"left out"});
  rows[0].insert(rows[0].end(), {label.empty() ? metric : label, "95 % interval"});
  if (published) rows[0].emplace_back("published");
  for (const ArmInfo& arm : results.arms()) {
    const Sample sample = final_sample(results, counts, metric, arm.name);
    const Summary& s = sample.summary;
    auto& row = rows.emplace_back();
    row = {one_line(arm.label.empty() ? arm.name : arm.label), fmt::format("{}", s.n)};
    if (lost) row.push_back(s.excluded == 0 ? "0" : sample.left_out());
    row.insert(row.end(), {short_number(s.mean), short_interval(s.interval)});
    if (published) row.push_back(arm.published ? short_number(*arm.published) : "");
  }
  say("\n{}", lost ? table(rows, {1, 2, 3, 5}, 2) : table(rows, {1, 2, 4}, 2));
}

// What was measured beside what was wanted, and why that is no verdict.
std::string numbers_text(const ClaimRow& row) {
  const Judgement& j = row.judgement;
  std::string text = measured_text(row);
  if (j.excluded > 0) text += fmt::format("{}{} left out", text.empty() ? "" : ", ", j.excluded);
  if (j.verdict == Verdict::waiting || j.note.empty()) return text;
  return text + (text.empty() ? "" : ". ") + one_line(j.note);
}

constexpr size_t kText = 14;  // the column where the text behind a verdict begins

void show_verdict(Verdict verdict, std::string_view text) {
  write_out("  ");
  write_verdict(verdict);
  say("{}{}", std::string(kText - 2 - name_of(verdict).size(), ' '),
      std::string_view(wrapped(text, kText)).substr(kText));
}

void show_answer(const Results& results) {
  const Answer answer = answer_of(results);
  say("\n{}", wrapped(one_line(answer.sentence), 0));
  for (const std::string& note : answer.notes) write_out(wrapped(one_line(note), 2));
}

// Judged claims and estimates one by one, primary ones first; the others in a line per reason, for
// the report has them all.
void show_claims(const Results& results) {
  const std::vector<ClaimRow> claims = in_order_of_judging(results.claims());
  if (claims.empty()) return;
  const std::string alpha = results.get(run_key::kAlpha);
  say("\nClaims, corrected together (Holm): any verdict is wrong with a chance below {}\n",
      alpha.empty() ? "0.05" : one_line(alpha));
  std::map<std::string, int> not_judged;
  const bool any_primary = std::ranges::any_of(claims, [](const ClaimRow& row) {
    return row.claim.primary && row.judgement.verdict != Verdict::not_judged;
  });
  bool others = false;
  if (any_primary) say("Primary\n");
  for (const ClaimRow& row : claims) {
    if (row.judgement.verdict == Verdict::not_judged) {
      ++not_judged[one_line(row.judgement.note)];
      continue;
    }
    if (any_primary && !row.claim.primary && !std::exchange(others, true)) say("Others\n");
    show_verdict(row.judgement.verdict, one_line(row.text));
    write_out(wrapped(numbers_text(row), kText + 2));
  }
  for (const auto& [why, n] : not_judged)
    show_verdict(Verdict::not_judged, fmt::format("{} {}{}{}", n, n == 1 ? "claim" : "claims",
                                                  why.empty() ? "" : ": ", why));
}

}  // namespace

void show_results(const std::filesystem::path& path) {
  const RunFolder run = RunFolder::open(path);
  const Results results(run.results_path(), Access::read);
  show_answer(results);
  show_arms(results);
  show_claims(results);
  if (const std::string why = results.get(run_key::kStandIn); !why.empty())
    say("\n!! STAND-IN DATA: this run used '{}' in place of what it is about.\n{}",
        results.get(run_key::kData), wrapped(why.substr(0, why.find('\n')), 3));
  if (const Builds builds = results.builds(); !builds.agree)
    say("\n!! By {} builds of the program, which are not known to compute the same: {}\n",
        builds.seeds.size(), builds.text());
  say("\nReport: {}\n", run.report_path().string());
}

}  // namespace omni::cli
