#include "report/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/utf8.h"

namespace omni {

namespace {

// Calls `put` with each character, malformed ones and control characters replaced.
void for_each_character(std::string_view text, bool keep_breaks, const auto& put) {
  while (!text.empty()) {
    const std::string_view c = take_character(text);
    if (c == "\n" || c == "\t" || c == "\r")
      put(keep_breaks ? c : " ");
    else
      put(is_control(c) ? kReplacement : c);
  }
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for_each_character(text, true, [&](std::string_view c) {
    if (c == "&") out += "&amp;";
    else if (c == "<") out += "&lt;";
    else if (c == ">") out += "&gt;";
    else if (c == "\"") out += "&quot;";
    else if (c == "'") out += "&#39;";
    else out += c;
  });
  return out;
}

std::string html_paragraphs(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find("\n\n"), text.size());
    const std::string_view paragraph = text.substr(0, end);
    if (paragraph.find_first_not_of(" \n\t\r") != std::string_view::npos)
      out += "<p>" + escape_html(paragraph) + "</p>\n";
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return out;
}

std::string short_number(double value) {
  if (std::isnan(value)) return "–";
  if (std::isinf(value)) return value > 0 ? "∞" : "−∞";
  const double size = std::fabs(value);
  std::string text = size == 0                     ? "0"
                     : size >= 1e-3 && size < 100  ? fmt::format("{:.3f}", size)
                     : size >= 100 && size < 1e4   ? fmt::format("{:.1f}", size)
                                                   : fmt::format("{:.3g}", size);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return value < 0 ? "−" + text : text;
}

std::string short_interval(const Interval& interval) {
  if (!interval.known()) return "–";
  return fmt::format("[{}, {}]", short_number(interval.low), short_number(interval.high));
}

std::string wanted_text(const Claim& claim) {
  switch (claim.kind) {
    case ClaimKind::above: return "> " + short_number(claim.threshold);
    case ClaimKind::below: return "< " + short_number(claim.threshold);
    case ClaimKind::band: return "in " + short_interval({claim.low, claim.high});
    case ClaimKind::exact: return "on every seed";
    case ClaimKind::some: return "on some seed";
  }
  return "";
}

std::string one_line(std::string_view text) {
  std::string out;
  for_each_character(text, false, [&](std::string_view c) { out += c; });
  return out;
}

}  // namespace omni
