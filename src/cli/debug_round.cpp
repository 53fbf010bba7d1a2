#include "cli/debug_round.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/text_table.h"
#include "cli/screen.h"

namespace omni::cli {
namespace {

std::string number(double x) { return fmt::format("{:.4g}", x); }

// What a call came to at each of its times: a range where there are several numbers, and where a
// number changes from time to time its first and its last.
std::string came_of(const std::vector<const DebugCall*>& calls) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < calls.front()->came.size(); ++i) {
    std::vector<DebugCall::Came> each;
    for (const DebugCall* c : calls)
      if (i < c->came.size()) each.push_back(c->came[i]);
    std::string text;
    if (std::ranges::all_of(each, [](const auto& c) { return !(c.least < c.most); })) {
      text = number(each.front().least);
      if (const std::string last = number(each.back().least); last != text) text += " -> " + last;
    } else {
      const double least = std::ranges::min(each, {}, &DebugCall::Came::least).least;
      const double most = std::ranges::max(each, {}, &DebugCall::Came::most).most;
      text = fmt::format("{} to {}", number(least), number(most));
    }
    const std::string& name = each.front().name;
    texts.push_back(name.empty() ? text : name + " " + text);
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

using Rows = std::vector<std::vector<std::string>>;

void add(const std::vector<DebugLoop>& loops, const std::string& indent, Rows& rows) {
  for (const DebugLoop& loop : loops) {
    if (loop.body.size() == 1 && loop.body[0].body.empty()) {
      const std::vector<const DebugCall*>& calls = loop.body[0].calls;
      rows.push_back(
          {fmt::format("{}{}, {} times", indent, calls[0]->what, loop.times), came_of(calls)});
    } else if (!loop.body.empty()) {
      rows.push_back({fmt::format("{}{} times:", indent, loop.times), ""});
      add(loop.body, indent + "  ", rows);
    } else {
      rows.push_back({indent + loop.calls[0]->what, came_of(loop.calls)});
    }
  }
}

}  // namespace

void show_round(const DebugGraph& g) {
  const DebugRound& r = *g.round;
  say("\nPhase {}: round {} of {}\n", g.name, r.round, r.rounds);
  if (!g.why_not.empty()) return say("  No values: {}\n", g.why_not);
  Rows rows = {{"call", "results, least to most"}};
  add(loops_of(r.calls), "", rows);
  say("{}", table(rows, {}, 2));
  if (!r.broke.empty())
    say("  Program {} gave a value that is no finite f32: see below.\n", r.broke);
  else
    say("  All values are finite {}.\n",
        r.round - r.first > 1 ? fmt::format("in {} rounds on these rows", r.round - r.first)
                              : "in this round");
  if (!r.called_again) return;
  if (r.repeats.empty())
    say("  A round that was called again from equal state gave equal bits.\n");
  else
    say("  It cannot be stopped and gone on with: {}\n", r.repeats);
}

}  // namespace omni::cli
