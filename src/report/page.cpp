#include "report/page.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "report/sample.h"
#include "report/style.h"
#include "report/text.h"

namespace omni {

namespace {

// "3 claims", "1 claim".
std::string count_of(size_t n, std::string_view noun) {
  return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
}

std::string chip(Verdict verdict) {
  std::string kind(name_of(verdict));
  std::ranges::replace(kind, ' ', '-');
  return fmt::format("<span class=\"chip {}\">{}</span>", kind, name_of(verdict));
}

std::string quoted_list(const std::vector<ClaimRow>& claims, Verdict verdict,
                        std::string_view word) {
  std::string list;
  for (const ClaimRow& c : claims)
    if (c.judgement.verdict == verdict) list += (list.empty() ? "" : "; ") + c.text;
  return list.empty() ? "" : fmt::format("<p>{}: {}.</p>\n", word, escape_html(list));
}

struct Totals {
  size_t ok = 0, diverged = 0, failed = 0, seeds = 0;
  size_t models() const { return ok + diverged + failed; }
};

Totals count_all(const Results& results) {
  Totals t;
  std::set<int64_t> seeds;
  for (const ModelResult& m : results.models()) {
    seeds.insert(m.seed);
    ++(m.status == ModelStatus::ok         ? t.ok
       : m.status == ModelStatus::diverged ? t.diverged
                                           : t.failed);
  }
  t.seeds = seeds.size();
  return t;
}

std::string left_out_text(const Totals& t) {
  std::vector<std::string> parts;
  if (t.diverged) parts.push_back(fmt::format("{} diverged", t.diverged));
  if (t.failed) parts.push_back(fmt::format("{} failed", t.failed));
  if (parts.empty()) return "none of which diverged";
  const bool one = t.diverged + t.failed == 1;
  return fmt::format("of which {} and {} left out of all means",
                     fmt::join(parts, " and "), one ? "is" : "are");
}

std::string answer(const std::vector<ClaimRow>& claims, const Totals& totals) {
  size_t judged = 0;
  std::map<Verdict, size_t> n;
  for (const ClaimRow& c : claims) {
    ++n[c.judgement.verdict];
    judged += c.judgement.verdict != Verdict::not_judged;
  }
  std::string text = "<div class=\"answer\">\n<p>";
  if (judged == 0) {
    text += claims.empty() ? "No claims were written for this run."
                           : "No claim was judged in this run.";
  } else if (n[Verdict::supported] == judged) {
    text += judged == 1 ? "<strong>The claim is supported.</strong>"
                        : fmt::format("<strong>All {} claims are supported.</strong>", judged);
  } else {
    text += fmt::format("<strong>{} of {} supported</strong>, {} refuted, {} undecided.",
                        n[Verdict::supported], count_of(judged, "claim"), n[Verdict::refuted],
                        n[Verdict::undecided]);
  }
  if (judged > 0 && n[Verdict::not_judged] > 0)
    text += fmt::format(" {} reported without a verdict.",
                        n[Verdict::not_judged] == 1 ? std::string("One more is")
                                                    : fmt::format("{} more are",
                                                                  n[Verdict::not_judged]));
  text += fmt::format(" Based on {}, {}, over {}.</p>\n", count_of(totals.models(), "model"),
                      left_out_text(totals),
                      totals.seeds == 1 ? "1 seed" : count_of(totals.seeds, "paired seed"));
  text += quoted_list(claims, Verdict::refuted, "Refuted");
  text += quoted_list(claims, Verdict::undecided, "Undecided");
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
    const std::string note =
        j.note.empty() ? "" : "<div class=\"note\">" + escape_html(j.note) + "</div>";
    // Of what the run does not have no seed is missing.
    const bool absent = j.verdict == Verdict::not_judged && j.n == 0;
    const std::string n = absent ? "–" : fmt::format("{}", j.n);
    const std::string left_out =
        absent || j.excluded == 0
            ? ""
            : fmt::format("<div class=\"note\">{}&nbsp;left&nbsp;out</div>", j.excluded);
    html += fmt::format(
        "<tr><td class=\"claim\">{}{}</td><td>{}</td><td class=\"number\">{}</td>"
        "<td class=\"number\">{}</td><td class=\"number\">{}{}{}</td>"
        "<td class=\"number\">{}{}</td><td class=\"number\">{}</td></tr>\n",
        escape_html(row.text), note, chip(j.verdict), escape_html(wanted_text(row.claim)),
        short_number(j.estimate), short_interval(j.interval), ruler(row), level, n, left_out, effect);
  }
  html += "</tbody></table></div>\n";
  html += fmt::format(
      "<p class=\"note\">Claims and thresholds were written before the run. Means have two-sided "
      "Student t-intervals over seeds, rates exact (Clopper–Pearson) intervals. All claims of this "
      "page are corrected together: Holm’s procedure sets the levels shown so that the chance that "
      "any verdict is wrong stays below {}. Left out: seeds on which a model that the claim speaks "
      "of diverged, failed or gave no value. Supported: the "
      "whole interval lies where the claim wants it (green). Refuted: wholly outside. Otherwise "
      "undecided. Exact facts must hold on every seed. d<sub>z</sub> is Cohen’s effect size of "
      "paired differences; “SD from threshold” counts standard deviations between seeds.</p>\n",
      escape_html(alpha));
  return html;
}

std::string figures_section(const Results& results, const std::vector<FigureRow>& figures,
                            const std::vector<DrawnFigure>& drawn) {
  if (figures.empty()) return "";
  const auto counts = results.counts();
  std::string html = "<h2>Figures</h2>\n";
  for (size_t i = 0; i < figures.size(); ++i) {
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
         "<p class=\"note\">Intervals of this table and of the figures are plain 95 % t-intervals, "
         "not adjusted for how many there are. Models that diverged or failed are left out of "
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
      if (s.interval.known())
        html += "<div class=\"note\">± " + short_number(s.interval.high - s.mean) + "</div>";
      if (s.n > 0)
        html += fmt::format("<div class=\"note\">n = {}{}</div>", s.n,
                            s.excluded == 0 ? "" : ", " + sample.left_out());
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
  if (m.sittings.size() > 1)
    for (const std::string& sitting : m.sittings) row("Sitting", sitting);
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
  const std::vector<ClaimRow> claims = results.claims();
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
  html += answer(claims, count_all(results));
  html += claims_table(claims, alpha);
  html += figures_section(results, figures, drawn);
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
