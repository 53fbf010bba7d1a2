#include "lab/other_builds.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

#include "base/error.h"

namespace omni {
namespace {

using Place = std::pair<int64_t, std::string>;  // seed and part

// In the order of the store.
std::vector<Metric> sorted(std::vector<Metric> metrics) {
  std::ranges::sort(metrics, {}, [](const Metric& m) { return std::pair(m.name, m.step); });
  return metrics;
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

}  // namespace

std::string OtherBuilds::forget_changed() {
  std::map<Place, Origin> origins;
  std::set<std::string> others;
  for (Origin& o : results_.origins()) {
    if (o.program != program_) others.insert(o.program);
    origins.emplace(Place(o.seed, o.part), std::move(o));
  }
  std::map<std::string, const PartForm*> form_of;
  for (const PartForm& f : forms_)
    for (const std::string& arm : f.arms) form_of[arm] = &f;

  std::set<int64_t> kept;
  std::set<Place> changed;
  std::map<int64_t, std::vector<std::string>> unknown;  // arms that this build does not record
  for (const ModelResult& m : results_.models()) {
    const auto form = form_of.find(m.arm);
    if (form == form_of.end()) {
      unknown[m.seed].push_back(m.arm);
      continue;
    }
    const auto origin = origins.find({m.seed, form->second->part});
    if (origin == origins.end()) others.insert("one that left no name");
    if (origin == origins.end() || (origin->second.program != program_ &&
                                    origin->second.fingerprint != form->second->fingerprint))
      changed.emplace(m.seed, form->second->part);
    else if (origin->second.program != program_)
      kept.insert(m.seed);
  }
  std::set<std::string> parts, changed_arms;
  std::set<int64_t> changed_seeds;
  results_.transaction([&] {
    for (const auto& [seed, arms] : unknown) results_.forget(seed, "", arms);
    for (const PartForm& f : forms_) {
      parts.insert(f.part);
      for (const auto& [seed, part] : changed) {
        if (part != f.part) continue;
        results_.forget(seed, part, f.arms);
        changed_seeds.insert(seed);
        changed_arms.insert(f.arms.begin(), f.arms.end());
      }
    }
    for (const auto& [place, origin] : origins)
      if (!parts.contains(place.second)) results_.forget(place.first, place.second, {});
  });
  if (others.empty()) return "";
  std::string text = fmt::format(
      "this run was begun by another build of the program ({}; this is "
      "{}).",
      fmt::join(others, ", "), program_);
  if (!kept.empty())
    text += fmt::format(" What it finished of {} seed{} with the same graphs and settings is kept.",
                        kept.size(), kept.size() == 1 ? "" : "s");
  if (!changed.empty())
    text += fmt::format(
        " Trained anew, because graphs, settings or Omniscale changed: {} of {} "
        "seed{}.",
        fmt::join(changed_arms, ", "), changed_seeds.size(), changed_seeds.size() == 1 ? "" : "s");
  return text;
}

std::set<std::string> OtherBuilds::agreeing() const {
  std::istringstream words(results_.get(run_key::kAgreeing));
  std::set<std::string> programs;
  for (std::string word; words >> word;) programs.insert(word);
  return programs;
}

std::vector<Origin> OtherBuilds::by_others() const {
  const std::set<std::string> known = agreeing();
  std::vector<Origin> others = results_.origins();
  std::erase_if(others, [&](const Origin& o) {
    return o.program == program_ || (known.contains(o.program) && known.contains(program_));
  });
  return others;
}

std::vector<Origin> OtherBuilds::to_repeat() const {
  std::set<std::pair<std::string, std::string>> seen;  // program and part
  std::vector<Origin> first = by_others();
  std::erase_if(first, [&](const Origin& o) {
    const std::vector<ModelResult> models = results_.models_of(o.seed);
    const auto form = std::ranges::find(forms_, o.part, &PartForm::part);
    return form == forms_.end() ||
           std::ranges::any_of(models,
                               [&](const ModelResult& m) {
                                 return m.status == ModelStatus::failed &&
                                        std::ranges::count(form->arms, m.arm) > 0;
                               }) ||
           !seen.emplace(o.program, o.part).second;
  });
  return first;
}

void OtherBuilds::require_equal(const Origin& stored, const SeedRecord& again) const {
  const auto differs = [&](const std::string& what, const auto& was, const auto& is) {
    fail_user(
        "this run was begun by another build of the program ({}; this is {}), and the two do "
        "not agree: trained again, seed {} gives {} {}, where {} was stored, although graphs "
        "and settings are the same. Nothing was changed; train all of it with this build "
        "(--anew moves this run aside), or go on all the same with --mixed-builds",
        stored.program, program_, stored.seed, what, is, was);
  };
  const auto form = std::ranges::find(forms_, stored.part, &PartForm::part);
  for (const ModelResult& was : results_.models_of(stored.seed)) {
    if (std::ranges::count(form->arms, was.arm) == 0) continue;
    const auto found = again.models.find(was.arm);
    check(found != again.models.end(), "arm '{}' was not recorded again", was.arm);
    const ModelResult& is = found->second;
    const auto of = [&](const std::string& what) { return fmt::format("'{}' {}", was.arm, what); };
    if (was.status != is.status) differs(of("the status"), name_of(was.status), name_of(is.status));
    if (was.weights_hash != is.weights_hash)
      differs(of("weights with the hash"), was.weights_hash, is.weights_hash);
    const std::vector<Metric> a = sorted(results_.metrics(was.arm, was.seed)),
                              b = sorted(is.metrics);
    for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
      if (i >= a.size() || i >= b.size() || a[i].name != b[i].name || a[i].step != b[i].step)
        differs(of("another list of metrics:"), fmt::format("{} of them", a.size()),
                fmt::format("{} of them", b.size()));
      if (!same(a[i].value, b[i].value)) differs(of(a[i].name), a[i].value, b[i].value);
    }
  }
}

void OtherBuilds::agreed() {
  std::set<std::string> programs = agreeing();
  for (const Origin& o : by_others()) programs.insert(o.program);
  if (programs.empty()) return;
  programs.insert(program_);
  results_.set_agreeing(std::vector(programs.begin(), programs.end()));
}

}  // namespace omni
