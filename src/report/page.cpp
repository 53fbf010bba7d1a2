#include "report/page.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "report/answer.h"
#include "report/sample.h"
#include "report/style.h"
#include "report/text.h"

namespace omni {

namespace {

std::string chip(Verdict verdict) {
  std::string kind(name_of(verdict));
  std::ranges::replace(kind, ' ', '-');
  return fmt::format("<span class=\"chip {}\">{}</span>", kind, name_of(verdict));
}

std::string answer_box(const Results& results) {
  const Answer answer = answer_of(results);
  std::string text = "<div class=\"answer\">\n<p><strong>" + escape_html(answer.sentence) +
                     "</strong></p>\n";
  for (const std::string& note : answer.notes) text += "<p>" + escape_html(note) + "</p>\n";
  return text + "</div>\n";
}

// The interval beside the region that the claim wants, on a scale of its own.
std::string ruler(const ClaimRow& row) {
  constexpr double kWidth = 130, kMargin = 6;
  const Claim& c = row.claim;
  const Judgement& j = row.judgement;
  if (is_fact(c.kind) || !std::isfinite(j.estimate)) return "";
  const bool is_band = c.kind == ClaimKind::band;
  const double edge_low = is_band ? c.low : c.threshold, edge_high = is_band ? c.high : c.threshold;
  const Interval span = j.interval.known() ? j.interval : Interval{j.estimate, j.estimate};
  double low = std::min(edge_low, span.low), high = std::max(edge_high, span.high);
  if (!std::isfinite(low) || !std::isfinite(high)) return "";
  const double room = high > low ? 0.15 * (high - low) : 1;
  low -= room;
  high += room;
  const auto at = [&](double v) {
    return kMargin + (v - low) / (high - low) * (kWidth - 2 * kMargin);
  };
  const double wanted_from = c.kind == ClaimKind::below ? kMargin : at(edge_low);
  const double wanted_to = c.kind == ClaimKind::above ? kWidth - kMargin : at(edge_high);
  std::string svg = "<svg class=\"ruler\" viewBox=\"0 0 130 22\" aria-hidden=\"true\">";
  svg += fmt::format("<rect class=\"wanted\" x=\"{:.1f}\" y=\"2\" width=\"{:.1f}\" height=\"18\" "
                     "rx=\"2\"/>", wanted_from, wanted_to - wanted_from);
  svg += fmt::format("<line class=\"base\" x1=\"{0}\" x2=\"{1}\" y1=\"11\" y2=\"11\"/>", kMargin,
                     kWidth - kMargin);
  for (const double edge : {edge_low, edge_high})
    svg += fmt::format("<line class=\"edge\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"1\" y2=\"21\"/>",
                       at(edge));
  svg += fmt::format("<line class=\"span\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"11\" y2=\"11\"/>",
                     at(span.low), at(span.high));
  return svg + fmt::format("<circle class=\"mean\" cx=\"{:.1f}\" cy=\"11\" r=\"3.5\"/></svg>",
                           at(j.estimate));
}

// How the claims of this page were judged together.
std::string rules_of_judging(const std::vector<ClaimRow>& claims, const std::string& alpha) {
  const bool any_primary =
      std::ranges::any_of(claims, [](const ClaimRow& row) {
        return row.claim.primary && row.judgement.verdict != Verdict::not_judged;
      });
  return fmt::format(
      "<p class=\"note\">Claims and thresholds were written before the run. All claims of this page "
      "are corrected together: {} that any verdict is wrong stays below {}. Supported: the whole "
      "interval lies where the claim wants it (green). Refuted: wholly outside. Otherwise undecided. "
      "Means have two-sided Student t-intervals over seeds; those of shares and of other quantities "
      "with a range are taken on a scale that keeps them inside of it. Rates have exact "
      "(Clopper–Pearson) intervals. Exact facts must hold on every seed. Left out: seeds on which a "
      "model that the claim speaks of diverged, failed or gave no value. d<sub>z</sub> is Cohen’s "
      "effect size of paired differences; “SD from threshold” counts standard deviations between "
      "seeds.</p>\n",
      any_primary ? "primary ones first, by Holm’s procedure; the others only if every primary one is "
                    "decided, by Holm’s procedure with half of the chance of error, else they are "
                    "estimates with plain 95 % intervals. So the chance"
                  : "Holm’s procedure sets the levels shown so that the chance",
      escape_html(alpha));
}

std::string claims_table(const std::vector<ClaimRow>& claims, const std::string& alpha) {
  if (claims.empty()) return "";
  std::string html =
      "<h2>Claims</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>Claim</th><th>Verdict</th>"
      "<th class=\"number\">Wanted</th><th class=\"number\">Estimate</th>"
      "<th class=\"number\">Interval</th><th class=\"number\">n</th>"
      "<th class=\"number\">Effect</th></tr></thead>\n<tbody>\n";
  for (const ClaimRow& row : claims) {
    const Judgement& j = row.judgement;
    std::string level;
    if (j.interval.known())
      level = fmt::format("<div class=\"note\">{:.4g} % interval</div>", 100 * j.level);
    std::string effect = short_number(j.effect);
    if (!j.effect_name.empty())
      effect += "<div class=\"note\">" +
                (j.effect_name == "d_z" ? "d<sub>z</sub>" : escape_html(j.effect_name)) + "</div>";
    const auto small = [](const std::string& text) {
      return text.empty() ? "" : "<div class=\"note\">" + escape_html(text) + "</div>";
    };
    // Of what the run does not have no seed is missing.
    const bool absent = j.verdict == Verdict::not_judged && j.n == 0;
    const std::string n = absent ? "–" : fmt::format("{}", j.n);
    const std::string left_out =
        absent || j.excluded == 0
            ? ""
            : fmt::format("<div class=\"note\">{}&nbsp;left&nbsp;out</div>", j.excluded);
    html += fmt::format(
        "<tr><td class=\"claim\">{}{}{}{}</td><td>{}</td><td class=\"number\">{}</td>"
        "<td class=\"number\">{}</td><td class=\"number\">{}{}{}</td>"
        "<td class=\"number\">{}{}</td><td class=\"number\">{}</td></tr>\n",
        row.claim.primary ? "<div class=\"mark\">primary</div>" : "", escape_html(row.text),
        small(row.formula), small(j.note), chip(j.verdict), escape_html(wanted_text(row.claim)),
        short_number(j.estimate), short_interval(j.interval), ruler(row), level, n, left_out,
        effect);
  }
  return html + "</tbody></table></div>\n" + rules_of_judging(claims, alpha);
}

// Figures from..to-1; their numbers are their places among all.
std::string figures_html(const Results& results, const std::vector<FigureRow>& figures,
                         const std::vector<DrawnFigure>& drawn, size_t from, size_t to) {
  const auto counts = results.counts();
  std::string html;
  for (size_t i = from; i < std::min(to, figures.size()); ++i) {
    const FigureRow& f = figures[i];
    const std::string& reason = drawn[i].empty_because;
    const std::string lost = lost_models_text(counts, drawn[i].arms);
    html += fmt::format(
        "<figure id=\"figure-{0}\">\n{1}<figcaption><strong>Figure {2}. {3}</strong> {4}{5}{6} "
        "<a href=\"figures/{0}.csv\">Data (CSV)</a>, <a href=\"figures/{0}.svg\">SVG</a>."
        "</figcaption>\n</figure>\n",
        f.id, reason.empty() ? inline_svg(drawn[i].svg, f.title) + "\n" : "", i + 1,
        escape_html(f.title),
        reason.empty() ? "" : "<p>Nothing to draw: " + escape_html(reason) + ".</p>",
        escape_html(f.caption),
        lost.empty() ? "" : " Left out of its means: " + lost + " of the models of its arms.");
  }
  return html;
}

// The metric that the experiment names, else the first.
std::string main_metric(const Results& results) {
  const std::string named = results.get(run_key::kMetric);
  if (!named.empty()) return named;
  const auto names = results.metric_names(true);
  return names.empty() ? "" : names.front();
}

std::string arms_table(const Results& results) {
  const std::vector<ArmInfo> arms = results.arms();
  const std::string metric = main_metric(results);
  if (arms.empty() || metric.empty()) return "";
  const bool published = std::ranges::any_of(arms, [](const ArmInfo& a) { return !!a.published; });
  std::string label = results.get(run_key::kMetricLabel);
  if (label.empty()) label = metric;
  std::string html = fmt::format(
      "<h2>Arms</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>Arm</th><th class=\"number\">n"
      "</th><th class=\"number\">Left out</th><th class=\"number\">Mean {}</th>"
      "<th class=\"number\">95 % interval</th><th class=\"number\">SD</th>{}</tr></thead>\n"
      "<tbody>\n",
      escape_html(label), published ? "<th class=\"number\">Published</th>" : "");
  const auto counts = results.counts();
  for (const ArmInfo& arm : arms) {
    const Sample sample = final_sample(results, counts, metric, arm.name);
    const Summary& s = sample.summary;
    const std::string lost = sample.left_out();
    html += fmt::format(
        "<tr><td>{}{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>"
        "<td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>{}"
        "</tr>\n",
        escape_html(arm.label),
        arm.description.empty()
            ? ""
            : "<div class=\"note\">" + escape_html(arm.description) + "</div>",
        s.n, lost.empty() ? "0" : lost, short_number(s.mean),
        short_interval(s.interval), short_number(s.deviation),
        published
            ? fmt::format("<td class=\"number\">{}</td>",
                          short_number(arm.published.value_or(kNaN)))
            : "");
  }
  return html + "</tbody></table></div>\n"
         "<p class=\"note\">Intervals of this table and of the figures are plain 95 % intervals, "
         "not adjusted for how many there are; see below the claims for how they are made. Models that diverged or failed are left out of "
         "means and counted.</p>\n";
}

std::string all_metrics(const Results& results) {
  const std::vector<std::string> names = results.metric_names(true);
  if (names.size() < 2) return "";
  std::string html = "<details><summary>All final metrics</summary>\n<div class=\"scroll\"><table>"
                     "<thead><tr><th>Arm</th>";
  for (const std::string& name : names)
    html += "<th class=\"number\">" + escape_html(name) + "</th>";
  html += "</tr></thead>\n<tbody>\n";
  const auto counts = results.counts();
  for (const ArmInfo& arm : results.arms()) {
    html += "<tr><td>" + escape_html(arm.label) + "</td>";
    for (const std::string& name : names) {
      const Sample sample = final_sample(results, counts, name, arm.name);
      const Summary& s = sample.summary;
      html += "<td class=\"number\">" + short_number(s.mean);
      if (s.interval.known())  // in a range it need not be even on both sides
        html += "<div class=\"note\">" +
                (results.range(name).has_end() ? short_interval(s.interval)
                                               : "± " + short_number(s.interval.high - s.mean)) +
                "</div>";
      if (s.n > 0)
        html += fmt::format("<div class=\"note\">n = {}{}</div>", s.n,
                            s.excluded == 0 ? "" : ", " + sample.left_out());
      else if (s.infinite > 0)
        html += "<div class=\"note\">" + sample.left_out() + "</div>";
      html += "</td>";
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div></details>\n";
}

std::string text_sections(const Results& results) {
  constexpr std::pair<const char*, const char*> kSections[] = {
      {run_key::kMethod, "Method"},
      {run_key::kStructure, "What it rests on"},
      {run_key::kControls, "Controls"},
      {run_key::kCosts, "Costs"},
      {run_key::kTranslation, "In large systems"},
      {run_key::kExpectedFailure, "Where it should fail"},
      {run_key::kLimits, "Limits"},
      {run_key::kSource, "Source"}};
  std::string html;
  for (const auto& [key, title] : kSections) {
    const std::string text = results.get(key);
    if (!text.empty()) html += fmt::format("<h3>{}</h3>\n{}", title, html_paragraphs(text));
  }
  return html.empty() ? "" : "<h2>Method and meaning</h2>\n" + html;
}

// Who made the results, where that was not one program.
std::string builds_text(const Builds& builds) {
  if (builds.seeds.size() < 2) return "";
  return fmt::format("{} builds: {}; {}", builds.seeds.size(), builds.text(),
                     builds.agree ? "each trained a seed of the others again and got the same bits"
                                  : "they are not known to compute the same");
}

std::string provenance(const RunFolder& run, const Results& results) {
  const Manifest& m = run.manifest();
  std::string rows;
  const auto row = [&](std::string_view name, std::string_view value) {
    if (!value.empty())
      rows += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escape_html(name), escape_html(value));
  };
  row("Experiment", m.experiment);
  row("Status", name_of(m.status));
  row("Omniscale", m.program_version);
  row("Commit", m.commit);
  row("Program", m.programs.empty() ? "" : m.programs.back());
  row("Results by", builds_text(results.builds()));
  row("Machine", m.machine);
  row("Threads", m.threads > 0 ? fmt::format("{}", m.threads) : "");
  row("Time spent", m.busy_s > 0 ? fmt::format("{:.1f} s", m.busy_s) : "");
  row("Begun", m.created);
  row("Last written", m.updated);
  row("Configuration hash", m.config_hash);
  for (const auto& [name, hash] : m.data_hashes) row("Data: " + name, hash);
  for (const auto& [input, hash] : m.inputs) row("Read: " + to_string(input), hash);
  if (m.starts.size() > 1)
    for (const std::string& start : m.starts) row("Started", start);
  return "<h2>Where this comes from</h2>\n<details><summary>Machine, version and hashes</summary>\n"
         "<dl>\n" + rows + "</dl></details>\n"
         "<details><summary>Configuration</summary>\n<pre>" + escape_html(run.config()) +
         "</pre></details>\n";
}

}  // namespace

std::string report_page(const RunFolder& run, const Results& results,
                        const std::vector<DrawnFigure>& drawn) {
  const Manifest& m = run.manifest();
  const std::vector<FigureRow> figures = results.figures();
  check(figures.size() == drawn.size(), "{} figures, {} drawn", figures.size(), drawn.size());
  std::string title = results.get(run_key::kTitle);
  if (title.empty()) title = m.experiment;
  std::string alpha = results.get(run_key::kAlpha);
  if (alpha.empty()) alpha = "0.05";
  const std::string data = results.get(run_key::kData), stand_in = results.get(run_key::kStandIn);
  const std::string preset = results.get(run_key::kPreset);

  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      // The page needs nothing from outside; this makes the browser hold it to that.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
      "<title>" + escape_html(title) + "</title>\n<style>" +
      kReportStyle + "</style>\n</head>\n<body>\n<main>\n<header>\n<p class=\"tag\">Omniscale · " +
      escape_html(m.experiment);
  if (!preset.empty()) html += " · preset " + escape_html(preset);
  if (!data.empty()) html += " · data " + escape_html(data);
  html += "</p>\n<h1>" + escape_html(title) + "</h1>\n<div class=\"question\">" +
          html_paragraphs(results.get(run_key::kQuestion)) + "</div>\n</header>\n";
  if (m.status != RunStatus::finished)
    html += fmt::format("<div class=\"banner\"><strong>This run is not finished</strong> (status: "
                        "{}). Numbers are provisional.</div>\n", name_of(m.status));
  if (!stand_in.empty())
    html += fmt::format("<div class=\"banner\"><strong>Stand-in data: {}.</strong> {}</div>\n",
                        escape_html(data), escape_html(stand_in));
  // The answer, the figure that shows it, what it rests on; then all else.
  html += answer_box(results);
  html += figures_html(results, figures, drawn, 0, 1);
  html += claims_table(in_order_of_judging(results.claims()), alpha);
  if (figures.size() > 1)
    html += "<h2>More figures</h2>\n" + figures_html(results, figures, drawn, 1, figures.size());
  html += arms_table(results);
  html += all_metrics(results);
  html += text_sections(results);
  html += provenance(run, results);
  html += fmt::format("<footer>Made by Omniscale {} from this run’s stored results alone. "
                      "<a href=\"summary.csv\">One row per model (CSV)</a>.</footer>\n",
                      escape_html(m.program_version));
  return html + "</main>\n</body>\n</html>\n";
}

}  // namespace omni
