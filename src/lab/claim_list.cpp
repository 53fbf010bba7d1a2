// States claims and says which of them are judged at these settings.
#include "lab/claim_list.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/nearest.h"
#include "base/star.h"
#include "lab/judging.h"
#include "lab/wanted.h"

namespace omni {
namespace {

using Changes = std::vector<OptionChange>;

// How options differ from the defaults with these changes. "epochs>=100" is met by any that is so.
Changes changes_from(const Experiment& e, OptionList& now, const std::string& text) {
  const std::string where = fmt::format("settings at which claims of {} were calibrated", e.name);
  const auto usual = e.settings();
  OptionList options = usual->options();
  for (const Wanted& w : parse_wanted(text, where)) {
    Option& option = options.find(w.key, where);
    option.set(w.value, where);
    if (w.at_least && differs(now, fmt::format("{}>={}", w.key, w.value), where).empty())
      option.set(now.find(w.key, where).text(), where);
  }
  return changes_of(now, options);
}

struct Nearest {
  size_t setting = 0;
  Changes changes;
};

Nearest nearest_of(const Experiment& e, OptionList& now, const std::vector<std::string>& settings) {
  require(!settings.empty(), "{} names no settings at which claims were calibrated", e.name);
  std::optional<Nearest> best;
  for (size_t i = 0; i < settings.size(); ++i) {
    Changes changes = changes_from(e, now, settings[i]);
    if (!best || changes.size() < best->changes.size()) best = {i, std::move(changes)};
  }
  return std::move(*best);
}

// What a read finds missing: "no arm 'setting-2'"; empty if it is recorded.
std::string missing(const MetricRead& r, const RecordedMetrics& recorded, const std::string& base,
                    bool with_nearest) {
  const std::string end = MetricRead{"", "", r.step, r.variant}.arm_in_run(base);
  std::vector<std::string> known;
  const auto it = recorded.find(r.arm + end);
  if (it == recorded.end()) {
    for (const auto& [name, metrics] : recorded)
      if (name.ends_with(end)) known.push_back(name.substr(0, name.size() - end.size()));
    return fmt::format("no arm '{}'{}", r.arm + (r.variant.empty() ? "" : end),
                       with_nearest ? suggest(r.arm, known) : "");
  }
  const std::string called = r.arm + (r.variant.empty() ? "" : end);
  if (it->second.contains({r.metric, r.step})) return "";
  std::set<int64_t> steps;
  for (const auto& [name, step] : it->second)
    if (name == r.metric) steps.insert(step);
  if (!steps.empty())
    return fmt::format("'{}' of '{}' {} and not {}", r.metric, called, steps_text(steps, r.step),
                       steps_text({r.step}, r.step));
  for (const auto& [name, step] : it->second)
    if (std::ranges::count(known, name) == 0) known.push_back(name);
  return fmt::format("no metric '{}' of '{}'{}", r.metric, called,
                     with_nearest ? suggest(r.metric, known) : "");
}

// As presets are asked for it.
std::string text_of_read(MetricRead r) {
  r.variant.clear();
  return r.text();
}

bool has_all(const std::vector<std::string>& known, const std::vector<MetricRead>& reads) {
  return std::ranges::all_of(
      reads, [&](const MetricRead& r) { return std::ranges::count(known, text_of_read(r)) > 0; });
}

}  // namespace

struct Claims::Context {
  const Experiment& e;
  const Settings& settings;
  const Dataset& data;
  std::unique_ptr<Settings> copy;  // which options point into
  OptionList options;
  WordValues values;
  struct Stated {
    ClaimSpec claim;
    Statement statement;
    std::shared_ptr<const Conditions> conditions;
  };
  std::vector<Stated> all = {};
  std::optional<Nearest> found = {};

  // Of the experiment's settings; found where it is asked for.
  const Nearest& nearest() {
    if (!found) found = nearest_of(e, options, e.calibrated);
    return *found;
  }
};

struct Claims::Conditions {
  bool anywhere = false, has_needs = false;
  std::vector<std::string> indifferent_to = {};
  std::string needs = {};               // the first of them that is not so
  std::optional<Changes> changes = {};  // from settings of its own
  WordValues values = {};
};

void Claims::operator()(const std::string& id, const Statement& s) const {
  WordValues values = context_->values;
  for (const auto& [name, text] : conditions_->values) values[name] = text;
  (*this)(id, s, context_->e.words.row(WordTable::claims, id, values)[0]);
}

void Claims::operator()(const std::string& id, const Statement& s, std::string text) const {
  for (const Context::Stated& other : context_->all)
    require(other.claim.id != id, "{} declares the claim '{}' twice", context_->e.name, id);
  context_->all.push_back({stated(id, std::move(text), s), s, conditions_});
}

namespace {

template <class Conditions, class Change>
std::shared_ptr<const Conditions> changed(const Conditions& from, const Change& change) {
  auto copy = std::make_shared<Conditions>(from);
  change(*copy);
  return copy;
}

}  // namespace

Claims Claims::at_any(std::string_view options) const {
  return {context_, changed(*conditions_, [&](Conditions& c) {
            const std::string where =
                fmt::format("claims of {} at any {}", context_->e.name, options);
            for (const std::string& name : words_between_blanks(options))
              c.indifferent_to.push_back(context_->options.find(name, where).name());
          })};
}

Claims Claims::at_any() const {
  return {context_, changed(*conditions_, [](Conditions& c) { c.anywhere = true; })};
}

Claims Claims::needs(const std::string& options) const {
  const std::string where = fmt::format("claims of {} that need {}", context_->e.name, options);
  const std::string different = differs(context_->options, options, where);
  return {context_, changed(*conditions_, [&](Conditions& c) {
            c.has_needs = true;
            if (c.needs.empty()) c.needs = different;
          })};
}

Claims Claims::calibrated(const std::vector<std::string>& settings) const {
  return {context_, changed(*conditions_, [&](Conditions& c) {
            c.changes = nearest_of(context_->e, context_->options, settings).changes;
          })};
}

Claims Claims::with(const std::string& name, const std::string& text) const {
  return {context_, changed(*conditions_, [&](Conditions& c) { c.values[name] = text; })};
}
Claims Claims::with(const std::string& name, double number) const {
  return with(name, fmt::format("{}", number));
}

size_t Claims::setting() const { return context_->nearest().setting; }

// Hands out the list and finds for each claim the first reason not to judge it.
class ClaimMaker {
 public:
  ClaimMaker(const Experiment& e, const Settings& s, const Dataset& data) {
    auto copy = s.clone();
    OptionList options = copy->options();
    WordValues values = values_of(options);
    context_ = std::make_shared<Claims::Context>(
        Claims::Context{e, s, data, std::move(copy), std::move(options), std::move(values)});
  }

  // False if the settings state none in this way.
  bool state() {
    Claims claims(context_, std::make_shared<Claims::Conditions>());
    return context_->settings.state(claims);
  }

  std::vector<ClaimSpec> claims(const Resolved* r, const Recording* recording) const {
    std::vector<ClaimSpec> list;
    for (const Claims::Context::Stated& stated : context_->all) {
      ClaimSpec c = stated.claim;
      if (r && !can_speak(*r, c)) continue;
      c.why_not_judged = elsewhere(*stated.conditions);
      if (recording) find_reads(c, stated, *r, *recording);
      if (stated.conditions->anywhere) {
        c.at_all_settings = true;
      } else {
        c.indifferent_to = stated.conditions->indifferent_to;
        std::vector<ClaimSpec> one = {std::move(c)};
        leave_out_changed(one, stated.conditions->changes.value_or(context_->nearest().changes));
        c = std::move(one[0]);
      }
      list.push_back(std::move(c));
    }
    return list;
  }

 private:
  std::string elsewhere(const Claims::Conditions& conditions) const {
    const std::string &wanted = context_->e.judged_on, &used = context_->data.name;
    if (!conditions.anywhere && !wanted.empty() && used != wanted)
      return fmt::format("thresholds were set on {}; this run used {}", wanted, used);
    return conditions.needs.empty() ? "" : "this run has " + conditions.needs;
  }

  // Spells out a *, and says what is missing if something is.
  void find_reads(ClaimSpec& c, const Claims::Context::Stated& stated, const Resolved& r,
                  const Recording& recording) const {
    const std::string base = r.base.empty() ? "" : " | " + r.base;
    Statement spelled = stated.statement;
    spelled.term = spelled.term.spelled_out(recording.metrics, base);
    const ClaimSpec full = omni::stated(c.id, c.text, spelled);
    c.value = full.value;
    c.reads = full.reads;
    for (const MetricRead& read : c.reads) {
      const std::string what = missing(read, recording.metrics, base, false);
      if (what.empty()) continue;
      std::string hint = elsewhere_recorded(stated.statement.term.reads(), read, r, recording);
      if (hint.empty()) {
        // Presets do not tell what settings of a claim's own record, or the values of a sweep.
        const bool may_be_there = stated.conditions->has_needs || !read.variant.empty();
        const std::string said = missing(read, recording.metrics, base, true);
        require(may_be_there || !all_presets_known(recording),
                "claim {} cannot be judged in any preset: this run records {}", c.id, said);
        hint = said.substr(what.size());
      }
      if (c.why_not_judged.empty()) c.why_not_judged = "this run records " + what + hint;
      return;
    }
  }

  bool all_presets_known(const Recording& recording) const {
    return recording.presets && std::ranges::all_of(context_->e.presets, [&](const Preset& p) {
             return recording.presets().contains(p.name);
           });
  }

  // "; see --preset middle", one that records all of these reads if there is one; empty if none is
  // known to record the missing one.
  std::string elsewhere_recorded(const std::vector<MetricRead>& reads, const MetricRead& missing,
                                 const Resolved& r, const Recording& recording) const {
    if (!recording.presets) return "";
    const PresetReads& presets = recording.presets();
    for (const std::vector<MetricRead>& wanted : {reads, {missing}})
      for (const Preset& p : context_->e.presets) {
        const auto known = presets.find(p.name);
        if (p.name != r.preset && known != presets.end() && has_all(known->second, wanted))
          return "; see --preset " + p.name;
      }
    const auto own = presets.find(r.preset);
    const bool is_usual = own != presets.end() && has_all(own->second, {missing});
    return is_usual ? fmt::format("; --preset {} does, as it is", r.preset) : "";
  }

  std::shared_ptr<Claims::Context> context_;
};

std::vector<ClaimSpec> claims_of(const Experiment& e, const Settings& s, const Dataset& data,
                                 const Resolved* r, const Recording* recording) {
  ClaimMaker maker(e, s, data);
  if (maker.state()) return maker.claims(r, recording);
  std::vector<ClaimSpec> claims = s.claims(data);
  if (r) std::erase_if(claims, [&](const ClaimSpec& c) { return !can_speak(*r, c); });
  const auto copy = s.clone();  // which options point into
  const WordValues values = values_of(copy->options());
  for (ClaimSpec& c : claims)
    if (c.text.empty()) c.text = e.words.row(WordTable::claims, c.id, values)[0];
  return claims;
}

bool as_calibrated(const Experiment& e, const Settings& s, const Dataset& data) {
  if (!e.judged_on.empty() && data.name != e.judged_on) return false;
  const auto copy = s.clone();  // which options point into
  OptionList options = copy->options();
  return nearest_of(e, options, e.calibrated).changes.empty();
}

std::vector<std::string> recorded_reads(const Resolved& r, const Experiment& e, const Dataset& data,
                                        const Recording& recording) {
  std::set<std::string> texts;
  for (const ClaimSpec& c : claims_of(e, *r.variants.front().settings, data))
    for (const MetricRead& read : c.reads)
      if (std::ranges::any_of(recording.metrics, [&](const auto& arm) {
            return star_in(read.arm, arm.first) && arm.second.contains({read.metric, read.step});
          }))
        texts.insert(text_of_read(read));
  return {texts.begin(), texts.end()};
}

}  // namespace omni
