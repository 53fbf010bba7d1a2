#include "report/answer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "report/text.h"

namespace omni {

namespace {

// "3 claims", "1 claim".
std::string count_of(size_t n, std::string_view noun) {
  return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
}

std::string capitalised(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] += 'A' - 'a';
  return text;
}

std::string without_stop(std::string text) {
  if (text.ends_with('.')) text.pop_back();
  return text;
}

using Counts = std::map<Verdict, size_t>;

// "2 supported, 1 refuted, 0 undecided" without what is none.
std::string counts_text(const Counts& n) {
  std::vector<std::string> parts;
  for (const Verdict v : {Verdict::supported, Verdict::refuted, Verdict::undecided})
    if (n.contains(v)) parts.push_back(fmt::format("{} {}", n.at(v), name_of(v)));
  return fmt::format("{}", fmt::join(parts, ", "));
}

// "Supported: the student learns digits (0.55 [0.48, 0.62], wanted > 0.45, n = 10)."
std::string sentence_of(const std::vector<ClaimRow>& primary) {
  std::vector<std::string> parts;
  for (const Verdict v : {Verdict::supported, Verdict::refuted, Verdict::undecided}) {
    std::vector<std::string> texts;
    for (const ClaimRow& row : primary)
      if (row.judgement.verdict == v) {
        const std::string numbers = measured_text(row);
        texts.push_back(without_stop(row.text) + (numbers.empty() ? "" : " (" + numbers + ")"));
      }
    if (!texts.empty())
      parts.push_back(
          fmt::format("{}: {}.", capitalised(std::string(name_of(v))), fmt::join(texts, "; ")));
  }
  return fmt::format("{}", fmt::join(parts, " "));
}

std::string sentence_without_primary(const std::vector<ClaimRow>& claims, const Counts& n,
                                     size_t judged) {
  if (claims.empty()) return "No claim speaks of the settings of this run.";
  if (judged == 0) {
    std::string why = claims.front().judgement.note;
    for (const ClaimRow& row : claims)
      if (row.judgement.note != why) why.clear();  // each has its own: in the table
    return why.empty() ? "No claim was judged in this run."
                       : fmt::format("No claim was judged in this run: {}.", without_stop(why));
  }
  const bool all = n.contains(Verdict::supported) && n.at(Verdict::supported) == judged;
  if (all)
    return judged == 1 ? "The claim is supported."
                       : fmt::format("All {} claims are supported.", judged);
  return fmt::format("Of {}: {}.", count_of(judged, "claim"), counts_text(n));
}

// What would decide the primary claims that are open.
std::string seeds_text(const std::vector<ClaimRow>& primary, int64_t first_fresh, size_t seeds) {
  int wanted = 0;
  for (const ClaimRow& row : primary) wanted = std::max(wanted, row.judgement.seeds_wanted);
  if (wanted == 0) return "";
  return fmt::format(
      "This run has {}; about {} would decide what is open, each claim in nine of ten "
      "runs, if estimate and spread stay as they are. Take fresh ones (--seeds {}..{}): a run that is added "
      "to until it decides is wrong more often.",
      count_of(seeds, "seed"), wanted, first_fresh, first_fresh + wanted - 1);
}

std::string models_text(const Results& results) {
  size_t ok = 0, diverged = 0, failed = 0;
  std::set<int64_t> seeds;
  for (const ModelResult& m : results.models()) {
    seeds.insert(m.seed);
    ++(m.status == ModelStatus::ok ? ok : m.status == ModelStatus::diverged ? diverged : failed);
  }
  std::vector<std::string> lost;
  if (diverged) lost.push_back(fmt::format("{} diverged", diverged));
  if (failed) lost.push_back(fmt::format("{} failed", failed));
  const std::string left_out =
      lost.empty() ? "none of which diverged"
                   : fmt::format("of which {} and {} left out of all means",
                                 fmt::join(lost, " and "), diverged + failed == 1 ? "is" : "are");
  return fmt::format("Based on {}, {}, over {}.", count_of(ok + diverged + failed, "model"),
                     left_out,
                     seeds.size() == 1 ? "1 seed" : count_of(seeds.size(), "paired seed"));
}

}  // namespace

std::string measured_text(const ClaimRow& row) {
  const Judgement& j = row.judgement;
  if (j.n == 0) return "";
  if (is_fact(row.claim.kind))
    return fmt::format("holds on {:.0f} of {}", j.estimate * j.n,
                       count_of(static_cast<size_t>(j.n), "seed"));
  std::string text = short_number(j.estimate);
  if (j.interval.known()) text += " " + short_interval(j.interval);
  return text + fmt::format(", wanted {}, n = {}", wanted_text(row.claim), j.n);
}

std::vector<ClaimRow> in_order_of_judging(std::vector<ClaimRow> claims) {
  std::ranges::stable_partition(claims, [](const ClaimRow& row) { return row.claim.primary; });
  return claims;
}

Answer answer_of(const Results& results) {
  const std::vector<ClaimRow> claims = results.claims();
  std::vector<ClaimRow> primary;
  Counts all, others;
  size_t judged = 0;
  for (const ClaimRow& row : claims) {
    const Verdict v = row.judgement.verdict;
    ++all[v];
    if (v != Verdict::not_judged && v != Verdict::waiting) ++judged;
    if (row.claim.primary && v != Verdict::not_judged)
      primary.push_back(row);
    else
      ++others[v];
  }
  Answer answer;
  answer.sentence =
      primary.empty() ? sentence_without_primary(claims, all, judged) : sentence_of(primary);
  const auto silent = std::ranges::find_if(claims, [](const ClaimRow& row) {
    return row.claim.primary && row.judgement.verdict == Verdict::not_judged;
  });
  if (primary.empty() && judged > 0 && silent != claims.end()) {
    const std::string& why = silent->judgement.note;
    answer.sentence = fmt::format("What this is about was not judged{}{}. Of the other claims: {}.",
                                  why.empty() ? "" : ": ", without_stop(why), counts_text(all));
  }
  const bool open = std::ranges::any_of(
      primary, [](const ClaimRow& row) { return row.judgement.verdict == Verdict::undecided; });
  int64_t first_fresh = 0;
  std::set<int64_t> seeds;
  for (const ModelResult& m : results.models()) {
    seeds.insert(m.seed);
    first_fresh = std::max(first_fresh, m.seed + 1);
  }
  if (open)
    if (std::string text = seeds_text(primary, first_fresh, seeds.size()); !text.empty())
      answer.notes.push_back(std::move(text));
  std::vector<std::string> rest;
  if (const size_t n = others.contains(Verdict::waiting) ? others[Verdict::waiting] : 0; n > 0)
    rest.push_back(n == 1 ? "1 other claim waits for that: it is estimated, not judged."
                          : fmt::format("{} other claims wait for that: they are estimated, not "
                                        "judged.",
                                        n));
  if (const std::string text = counts_text(others); !primary.empty() && !text.empty())
    rest.push_back(fmt::format("Other claims: {}.", text));
  if (const size_t n = others.contains(Verdict::not_judged) ? others[Verdict::not_judged] : 0;
      n > 0 && judged > 0)
    rest.push_back(n == 1 ? "1 more is reported without a verdict."
                          : fmt::format("{} more are reported without a verdict.", n));
  rest.push_back(models_text(results));
  answer.notes.push_back(fmt::format("{}", fmt::join(rest, " ")));
  return answer;
}

}  // namespace omni
