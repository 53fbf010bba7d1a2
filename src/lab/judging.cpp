// From stored metrics to verdicts, and the figures every sweep gets.
#include "lab/judging.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <tuple>

#include "base/claims.h"
#include "base/error.h"

namespace omni {
namespace {

// Metrics by (arm, metric, step) and seed, read from the store at need.
class Values {
 public:
  explicit Values(const Results& results) : results_(results) {}
  double operator()(const std::string& arm, const std::string& metric, int64_t step, int64_t seed) {
    const auto [it, fresh] = known_.try_emplace({arm, metric, step});
    if (fresh)
      for (const SeedValue& v : results_.values(metric, arm, step)) it->second[v.seed] = v.value;
    const auto v = it->second.find(seed);
    return v == it->second.end() ? kNaN : v->second;
  }

 private:
  const Results& results_;
  std::map<std::tuple<std::string, std::string, int64_t>, std::map<int64_t, double>> known_;
};

bool to_number(const std::string& text, double& x) {
  const auto r = std::from_chars(text.data(), text.data() + text.size(), x);
  return r.ec == std::errc() && r.ptr == text.data() + text.size();
}

// Of one variant. What the code does not say of arms is the page's, and their order too.
std::vector<ArmInfo> arms_of(const Experiment& e, const Variant& v, const Recording& recording) {
  std::vector<ArmInfo> arms = v.settings->arms();
  const std::string end = v.label.empty() ? "" : " | " + v.label;
  if (arms.empty())
    for (const std::string& name : recording.arms)
      if (name.ends_with(end))
        arms.push_back({name.substr(0, name.size() - end.size()), "", "", {}});
  const WordValues values = values_of(*v.settings);
  for (ArmInfo& a : arms) {
    if (!a.label.empty()) continue;
    const std::vector<std::string> words = e.words.row(WordTable::conditions, a.name, values);
    a.label = words[0];
    a.description = words[1];
    if (!a.published) a.published = e.words.published(a.name);
  }
  std::ranges::stable_sort(
      arms, {}, [&](const ArmInfo& a) { return e.words.place(WordTable::conditions, a.name); });
  return arms;
}

std::vector<FigureRow> figures_of(const Experiment& e, const Variant& v, const Dataset& data,
                                  const Recording& recording) {
  const Settings& s = *v.settings;
  FigureSource source{e.words, values_of(s), arms_of(e, v, recording), recording.metrics,
                      recording.pictured};
  if (as_calibrated(e, s, data)) source.published_metric = e.metric;
  Figures built(std::move(source));
  if (s.draw(built)) return built.all();
  std::vector<FigureRow> figures = s.figures();
  const WordValues values = values_of(s);
  for (FigureRow& f : figures) {
    if (!f.title.empty()) continue;
    const std::vector<std::string> words = e.words.row(WordTable::figures, f.id, values);
    f.title = words[0];
    f.caption = words[1];
    if (f.spec.x_label.empty()) f.spec.x_label = words[2];
    if (f.spec.y_label.empty()) f.spec.y_label = words[3];
  }
  return figures;
}

}  // namespace

ClaimSpec stated(const std::string& id, std::string text, const Statement& s) {
  require(
      !s.lacks_how_often,
      "claim {}: '{}' is a fact of a seed; say always({}), sometimes({}), or > or < of the mean",
      id, s.text, s.text, s.text);
  ClaimSpec c{id, std::move(text), s.claim, {}};
  c.value = [s](const SeedValues& v) { return s.value([&](const MetricRead& r) { return v(r); }); };
  c.reads = s.term.reads();
  c.formula = s.text;
  require(!c.reads.empty(), "claim {}: '{}' speaks of no metric", id, s.text);
  for (const MetricRead& r : c.reads)
    if (!r.variant.empty() && std::ranges::count(c.variants, r.variant) == 0)
      c.variants.push_back(r.variant);
  return c;
}

void leave_out_changed(std::vector<ClaimSpec>& claims, const std::vector<OptionChange>& changes) {
  constexpr size_t kNamed = 4;
  for (ClaimSpec& c : claims) {
    if (c.at_all_settings || !c.why_not_judged.empty()) continue;
    std::vector<std::string> now, usual;
    for (const OptionChange& o : changes) {
      if (std::ranges::count(c.indifferent_to, o.name) > 0) continue;
      now.push_back(fmt::format("{}={}", o.name, o.now));
      usual.push_back(fmt::format("{}={}", o.name, o.usual));
    }
    if (now.empty()) continue;
    std::string more;
    if (now.size() > kNamed) {
      more = fmt::format(" and {} more options", now.size() - kNamed);
      now.resize(kNamed);
      usual.resize(kNamed);
    }
    c.why_not_judged = fmt::format("calibrated at {}{}; this run has {}", fmt::join(usual, ", "),
                                   more, fmt::join(now, ", "));
  }
}

Recording recording_of(const SeedRecord& dry) {
  Recording recording;
  recording.arms = dry.arms;
  for (const auto& [arm, model] : dry.models)
    for (const Metric& m : model.metrics) recording.metrics[arm].emplace(m.name, m.step);
  for (const RecordedImage& image : dry.images) recording.pictured.insert(image.figure);
  for (const RecordedText& text : dry.texts) recording.pictured.insert(text.figure);
  return recording;
}

bool can_speak(const Resolved& r, const ClaimSpec& c) {
  if (c.variants.empty()) return r.swept.empty() || !r.base.empty();
  return std::ranges::all_of(c.variants, [&](const std::string& label) {
    return std::ranges::find(r.variants, label, &Variant::label) != r.variants.end();
  });
}

std::vector<ClaimSpec> stated_claims(const Resolved& r, const Experiment& e, const Dataset& data,
                                     const Recording* recording) {
  // Claims are stated by the settings they speak of: in a sweep, by the variant with the unswept
  // values, wherever it stands.
  auto stating = std::ranges::find(r.variants, r.base, &Variant::label);
  if (stating == r.variants.end()) stating = r.variants.begin();
  return claims_of(e, *stating->settings, data, &r, recording);
}

std::vector<ClaimRow> judge_claims(const Resolved& r, const Experiment& e, const Results& results,
                                   const Dataset& data, const Recording* recording) {
  const std::string base = r.base.empty() ? "" : " | " + r.base;
  std::vector<ClaimRow> rows;
  std::vector<std::pair<Claim, std::vector<double>>> samples;
  Values values(results);
  const std::vector<std::string> primary = results.primary();
  for (ClaimSpec& c : stated_claims(r, e, data, recording)) {
    if (!c.why_not_judged.empty()) c.claim.judged = false;
    c.claim.primary = std::ranges::count(primary, c.id) > 0;
    std::vector<double> sample;
    for (const int64_t seed : r.seeds) {
      const Quantity q = c.value(
          SeedValues([&](const std::string& arm, const std::string& metric,
                         int64_t step) { return values(arm, metric, step, seed); },
                     base, [&](const std::string& metric) { return results.range(metric); }));
      c.claim.range = sample.empty() ? q.range : hull(c.claim.range, q.range);
      sample.push_back(q);
    }
    rows.push_back({c.id, c.text, c.claim, {}, c.formula});
    samples.push_back({c.claim, std::move(sample)});
    if (!c.why_not_judged.empty()) rows.back().judgement.note = c.why_not_judged;
  }
  std::vector<Judgement> judgements = judge(samples);
  plan_seeds(samples, judgements);
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string why = rows[i].judgement.note;
    rows[i].judgement = judgements[i];
    if (!why.empty()) rows[i].judgement.note = why;
  }
  return rows;
}

std::string steps_text(const std::set<int64_t>& steps, int64_t wanted) {
  constexpr size_t kAll = 8, kNear = 3;
  const auto distance = [&](int64_t step) {
    const int64_t end = std::max<int64_t>(0, *steps.rbegin());
    return std::abs((step == kFinalStep ? end : step) - (wanted == kFinalStep ? end : wanted));
  };
  std::vector<int64_t> shown(steps.begin(), steps.end());
  if (shown.size() > kAll) {
    std::ranges::stable_sort(shown, {}, distance);
    shown.resize(kNear);
    std::ranges::sort(shown);
  }
  std::vector<std::string> texts;
  for (const int64_t step : shown)
    texts.push_back(step == kFinalStep ? "at the end" : fmt::format("after {}", step));
  const std::string text = fmt::format("{}", fmt::join(texts, ", "));
  return shown.size() == steps.size()
             ? text
             : fmt::format("{} and at {} other steps", text, steps.size() - shown.size());
}

std::vector<ArmInfo> all_arms(const Resolved& r, const Experiment& e, const Recording& recording) {
  std::vector<ArmInfo> arms;
  for (const Variant& v : r.variants)
    for (ArmInfo a : arms_of(e, v, recording)) {
      if (!v.label.empty()) {
        a.name += " | " + v.label;
        a.label += ", " + v.label;
        if (v.label != r.base) a.published.reset();
      }
      arms.push_back(std::move(a));
    }
  return arms;
}

std::vector<FigureRow> all_figures(const Resolved& r, const Experiment& e, const Dataset& data,
                                   const Recording& recording) {
  const Variant& first = r.variants.front();
  if (r.swept.empty()) return figures_of(e, first, data, recording);
  const std::string label = metric_label(e, *first.settings);
  FigureRow f;
  f.id = "sweep";
  f.spec.metric = e.metric;
  f.spec.y_label = label;
  bool numeric = r.swept.size() == 1;
  if (numeric) {
    f.spec.kind = "lines";
    f.spec.x_label = r.swept[0];
    f.title = fmt::format("{} against {}", label, r.swept[0]);
    f.caption = "Means over seeds with 95 % intervals, one line per condition.";
    for (const ArmInfo& arm : arms_of(e, first, recording)) {
      Series line{.label = arm.label};
      for (const Variant& v : r.variants) {
        double x = 0;
        numeric = numeric && to_number(v.label.substr(v.label.find('=') + 1), x);
        line.points.push_back({x, arm.name + " | " + v.label});
      }
      f.spec.series.push_back(std::move(line));
    }
  }
  if (!numeric) {
    f.spec = {};
    f.spec.metric = e.metric;
    f.spec.y_label = label;
    f.title = fmt::format("{} over {}", label, fmt::join(r.swept, ", "));
    f.caption = "One bar per condition and variant with its 95 % interval; dots are seeds.";
  }
  return {f};
}

}  // namespace omni
