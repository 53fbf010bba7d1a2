#include "lab/declarations.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/nearest.h"
#include "lab/jobs.h"
#include "lab/judging.h"

namespace omni {
namespace {

class Recorded {
 public:
  explicit Recorded(const SeedRecord& dry) {
    for (const auto& [arm, model] : dry.models) {
      std::set<std::string>& names = metrics_[arm];
      for (const auto& m : model.metrics) {
        names.insert(m.name);
        steps_[{arm, m.name}].insert(m.step);
      }
      all_.insert(names.begin(), names.end());
    }
  }

  // No arm: any will do.
  void require_metric(const std::string& who, const std::string& arm,
                      const std::string& metric) const {
    const std::set<std::string>* names = &all_;
    if (!arm.empty()) {
      const auto it = metrics_.find(arm);
      if (it == metrics_.end())
        fail_user("{} speaks of the arm '{}', which is never recorded{}", who, arm,
                  suggest(arm, arms()));
      names = &it->second;
    }
    if (!names->contains(metric))
      fail_user("{} speaks of the metric '{}', which is never recorded{}{}", who, metric,
                arm.empty() ? "" : fmt::format(" for '{}'", arm),
                suggest(metric, std::vector(names->begin(), names->end())));
  }

  void require_value(const std::string& who, const std::string& arm, const std::string& metric,
                     int64_t step) const {
    require_metric(who, arm, metric);
    const std::set<int64_t>& steps = steps_.at({arm, metric});
    if (!steps.contains(step))
      fail_user("{} speaks of the metric '{}' for '{}' {}, where it is not recorded; it is {}", who,
                metric, arm,
                step == kFinalStep ? "at the end" : fmt::format("after {} steps", step),
                steps_text(steps, step));
  }

  bool has_at_end(const std::string& metric) const {
    return std::ranges::any_of(steps_, [&](const auto& recorded) {
      return recorded.first.second == metric && recorded.second.contains(kFinalStep);
    });
  }

  // Some arm must have it at the end: the table shows nothing else.
  void require_in_table(const Experiment& e) const {
    require_metric(fmt::format("{}: the table of arms (.metric)", e.name), "", e.metric);
    std::set<int64_t> steps;
    for (const auto& [name, recorded] : steps_)
      if (name.second == e.metric) steps.insert(recorded.begin(), recorded.end());
    require(
        steps.contains(kFinalStep),
        "{}: the table of arms (.metric) shows the metric '{}' at the end, where no arm has it; it "
        "is recorded {}: give record() its final value",
        e.name, e.metric, steps_text(steps, kFinalStep));
  }

  // A name must be there; "forget*" may speak of what only other settings record.
  void require_ranged(const MetricRange& r) const {
    require(Range{r.low, r.high}.has_end(),
            "the range of '{}' from {} to {} is empty, or has no end", r.metric, r.low, r.high);
    require(r.cases == 0 || Range{r.low, r.high}.bounded(),
            "the range of '{}' has but one end, and says of how many cases a share is", r.metric);
    if (!r.metric.ends_with('*') && !all_.contains(r.metric))
      fail_user("a range is declared for the metric '{}', which is never recorded{}", r.metric,
                suggest(r.metric, std::vector(all_.begin(), all_.end())));
  }

  std::vector<std::string> arms() const {
    std::vector<std::string> names;
    for (const auto& [arm, metrics] : metrics_) names.push_back(arm);
    return names;
  }

 private:
  std::map<std::string, std::set<std::string>> metrics_;                    // by arm
  std::map<std::pair<std::string, std::string>, std::set<int64_t>> steps_;  // by arm and metric
  std::set<std::string> all_;
};

void check_figure(const FigureRow& f, const Recorded& recorded) {
  const FigureSpec& spec = f.spec;
  const std::string who = fmt::format("figure '{}'", f.id);
  const auto wants = [&](const std::string& arm, const std::string& metric) {
    if (!metric.empty()) recorded.require_metric(who, arm, metric);
  };
  const auto or_else = [](const std::string& own, const std::string& usual) {
    return own.empty() ? usual : own;
  };
  for (const std::string& arm : spec.arms) wants(arm, spec.metric);
  wants("", spec.x_metric);
  if (spec.series.empty()) wants("", spec.metric);
  for (const Group& g : spec.groups)
    if (spec.series.empty()) wants("", g.metric);
  for (const Series& s : spec.series) {
    const std::string metric = or_else(s.metric, spec.metric);
    require(!s.points.empty() || !s.arm.empty(),
            "{}: its series '{}' has neither points nor an arm", who, s.label);
    if (s.points.empty()) {
      wants(s.arm, metric);
      for (const Group& g : spec.groups) wants(s.arm, or_else(g.metric, metric));
    }
    for (const Series::Point& p : s.points) wants(or_else(p.arm, s.arm), or_else(p.metric, metric));
  }
}

// As the default settings state claims: others may leave some out.
void check_primary(const Experiment& e, const Dataset& data) {
  if (e.primary.empty()) return;
  require(e.primary.size() <= 3,
          "{} has {} primary claims; choose one to three, for they alone are "
          "judged whatever becomes of the others",
          e.name, e.primary.size());
  std::vector<std::string> ids;
  for (const ClaimSpec& c : claims_of(e, *e.settings(), data)) ids.push_back(c.id);
  for (const std::string& id : e.primary)
    require(std::ranges::count(ids, id) > 0,
            "{} names the primary claim '{}', which it does not "
            "state{}",
            e.name, id, suggest(id, ids));
}

// What a page says nothing of it is asked for here, so that no run says it too late.
void require_help(const Settings& s, const Experiment& e) {
  const auto copy = s.clone();  // which options point into
  const OptionList options = copy->options();
  for (const Option& o : options.all()) help_of(e, o, values_of(options));
}

void require_once(const std::string& who, const char* what, const std::vector<std::string>& names) {
  std::set<std::string> seen;
  for (const std::string& name : names)
    require(seen.insert(name).second, "{} declares the {} '{}' twice", who, what, name);
}

void check_places(const std::string& what, const auto& recorded, const std::string& kind,
                  const std::vector<FigureRow>& figures) {
  std::vector<std::string> ids;
  for (const FigureRow& f : figures)
    if (f.spec.kind == kind) ids.push_back(f.id);
  for (const auto& r : recorded)
    if (std::ranges::count(ids, r.figure) == 0)
      fail_user("a {} is made for '{}', and there is no figure of this name and of kind \"{}\"{}",
                what, r.figure, kind, suggest(r.figure, ids));
}

// Settings may leave out what the table shows; those of the preset may not.
void check_table(const Recorded& recorded, const Resolved& r, const Experiment& e) {
  if (e.metric.empty() || recorded.has_at_end(e.metric)) return;
  const auto preset = dry_run_of(e, r.preset);
  if (preset && !Recorded(preset->dry).has_at_end(e.metric)) recorded.require_in_table(e);
}

}  // namespace

void require_recorded(const SeedRecord& record) {
  std::vector<std::string> known;
  for (const auto& [arm, part] : record.part_of) known.push_back(arm);
  for (const auto& [arm, metric, step] : record.measured)
    if (!record.part_of.contains(arm))
      fail_user("the arm '{}' has a curve of '{}' and is never recorded{}", arm, metric,
                suggest(arm, known));
}

void check_declarations(const Resolved& r, const Experiment& e, const Dataset& data,
                        const SeedRecord& dry, const Recording* known) {
  const Recording own = recording_of(dry);
  const Recording* recording = known ? known : &own;
  std::vector<std::string> declared;
  for (const ArmInfo& a : all_arms(r, e, *recording)) declared.push_back(a.name);
  for (const auto& [arm, model] : dry.models)
    if (std::ranges::count(declared, arm) == 0)
      fail_user("{} records the arm '{}', which it does not declare{}", e.name, arm,
                suggest(arm, declared));
  require_once(e.name, "arm", declared);
  require_help(*r.variants.front().settings, e);
  const Recorded recorded(dry);
  for (const std::string& arm : declared)
    if (!dry.models.contains(arm))
      fail_user("{} declares the arm '{}', which it never records{}", e.name, arm,
                suggest(arm, recorded.arms()));
  for (const auto& [arm, part] : dry.part_of)
    require(dry.parts.empty() || !part.empty(),
            "arm '{}' is recorded outside of all parts; where there are parts, record in one", arm);
  for (const auto& [arm, parts] : dry.measured_in)
    for (const std::string& part : parts)
      require(part == dry.part_of.at(arm),
              "the arm '{}' has a curve in another part than the one that records it", arm);
  for (const std::string& part : dry.parts)
    require(std::ranges::any_of(dry.part_of, [&](const auto& p) { return p.second == part; }),
            "{}: the part '{}' records no arm: join it with one that does", e.name, part);
  require(!dry.models.empty(), "{} records no arm: its run() calls record() for none", e.name);
  check_table(recorded, r, e);
  check_primary(e, data);
  for (const MetricRange& range : e.ranges) recorded.require_ranged(range);

  std::vector<std::string> claims, figures;
  for (const ClaimSpec& c : stated_claims(r, e, data, recording)) {
    claims.push_back(c.id);
    const std::string who = fmt::format("claim {}", c.id);
    require(is_fact(c.claim.kind) || c.claim.kind == ClaimKind::band ||
                std::isfinite(c.claim.threshold),
            "{} needs a threshold", who);
    if (!c.why_not_judged.empty()) continue;
    c.value(SeedValues(
        [&](const std::string& arm, const std::string& metric, int64_t step) {
          recorded.require_value(who, arm, metric, step);
          return 0.0;
        },
        r.base.empty() ? "" : " | " + r.base));
  }
  require_once(e.name, "claim", claims);
  if (!r.swept.empty()) return;  // the figure is the lab's own
  const std::vector<FigureRow> shown = all_figures(r, e, data, *recording);
  for (const FigureRow& f : shown) {
    figures.push_back(f.id);
    check_figure(f, recorded);
  }
  require_once(e.name, "figure", figures);
  check_places("picture", dry.images, "images", shown);
  check_places("text", dry.texts, "texts", shown);
}

}  // namespace omni
