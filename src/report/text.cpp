#include "report/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace omni {

namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// Length of the well-formed UTF-8 sequence at the start of `text`, 0 when there is none
// (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
size_t sequence_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if ((first & 0xf0) == 0xe0) {
    if (!follows(1) || !follows(2)) return 0;
    if (first == 0xe0 && byte(1) < 0xa0) return 0;
    if (first == 0xed && byte(1) > 0x9f) return 0;
    return 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if (first == 0xf0 && byte(1) < 0x90) return 0;
    if (first == 0xf4 && byte(1) > 0x8f) return 0;
    return 4;
  }
  return 0;
}

// Of a well-formed sequence of two or three bytes: an eight-bit control (U+0080 to U+009F, which
// terminals obey), or one that reverses the order of what follows (U+202A to U+202E, U+2066 to
// U+2069), so that a text would read as another.
bool is_hidden_control(std::string_view c) {
  if (c.size() == 2) return c[0] == '\xc2' && static_cast<unsigned char>(c[1]) < 0xa0;
  return c.size() == 3 && ((c >= "\xe2\x80\xaa" && c <= "\xe2\x80\xae") ||
                           (c >= "\xe2\x81\xa6" && c <= "\xe2\x81\xa9"));
}

// Calls `put` with each character, malformed ones and control characters replaced.
void for_each_character(std::string_view text, bool keep_breaks, const auto& put) {
  while (!text.empty()) {
    const size_t length = sequence_length(text);
    const auto c = static_cast<unsigned char>(text[0]);
    const bool space = c == '\n' || c == '\t' || c == '\r';
    if (space)
      put(keep_breaks ? text.substr(0, 1) : std::string_view(" "));
    else if (length == 0 || c < 0x20 || c == 0x7f || is_hidden_control(text.substr(0, length)))
      put(kReplacement);
    else
      put(text.substr(0, length));
    text.remove_prefix(std::max<size_t>(length, 1));
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
