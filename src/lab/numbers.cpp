#include "lab/numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace omni {
namespace {

// Whole numbers up to here are exact in a double.
constexpr double kMostWhole = 9e15;

template <class T>
std::from_chars_result read(std::string_view text, T& out) {
  const bool plus = text.size() > 1 && text[0] == '+' && text[1] != '-' && text[1] != '+';
  return std::from_chars(text.data() + (plus ? 1 : 0), text.data() + text.size(), out);
}

bool is_whole_text(const std::from_chars_result& r, std::string_view text) {
  return r.ptr == text.data() + text.size();
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::string without(std::string_view text, std::string_view what, std::string_view instead) {
  std::string out(text);
  for (size_t at = 0; (at = out.find(what, at)) != std::string::npos; at += instead.size())
    out.replace(at, what.size(), instead);
  return out;
}

// Of `meant`, where that is a number.
std::string as_number(const char* why, const std::string& meant) {
  double x = 0;
  return parse_number(meant, x) ? fmt::format("; {}: {}", why, meant) : "";
}

}  // namespace

bool parse_number(std::string_view text, double& out) {
  double x = 0;
  const auto r = read(text, x);
  if (r.ec != std::errc() || !is_whole_text(r, text)) return false;
  out = x == 0 ? 0 : x;
  return true;
}

bool parse_integer(std::string_view text, int64_t& out) {
  int64_t i = 0;
  if (const auto r = read(text, i); r.ec == std::errc() && is_whole_text(r, text)) {
    out = i;
    return true;
  }
  double x = 0;
  if (!parse_number(text, x) || x != std::floor(x) || std::abs(x) > kMostWhole) return false;
  out = static_cast<int64_t>(x);
  return true;
}

std::string number_hint(std::string_view text) {
  double x = 0;
  if (const auto r = read(text, x);
      r.ec == std::errc::result_out_of_range && is_whole_text(r, text))
    return "; numbers reach from 4.9e-324 to 1.8e308";
  // Minus, hyphens and dashes of Unicode, which word processors put in place of the keyboard's.
  for (const char* dash : {"\u2212", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\uff0d"})
    if (text.find(dash) != text.npos)
      return as_number("its dash is not the minus of the keyboard", without(text, dash, "-"));
  if (std::ranges::count(text, ',') == 1)
    return as_number("a fraction is written with a point", without(text, ",", "."));
  if (text.ends_with('%')) {
    if (parse_number(text.substr(0, text.size() - 1), x))
      return fmt::format("; as a share: {}", x / 100);
    return "";
  }
  if (text.find('_') != text.npos) return as_number("without _", without(text, "_", ""));
  if (text.find('\'') != text.npos) return as_number("without '", without(text, "'", ""));
  if (text.find(' ') != text.npos) return as_number("without blanks", without(text, " ", ""));
  if (text.find("\u00a0") != text.npos)
    return as_number("without blanks", without(text, "\u00a0", ""));
  if (const size_t at = text.find('/'); at != text.npos) {
    double above = 0, below = 0;
    if (parse_number(text.substr(0, at), above) && parse_number(text.substr(at + 1), below) &&
        std::isfinite(above / below))
      return fmt::format("; as one number: {}", above / below);
    return "";
  }
  if (text.starts_with("0x") || text.starts_with("0X")) return "; numbers are decimal";
  return "";
}

bool is_fraction_cut_by_comma(std::string_view whole, std::string_view rest) {
  if (whole.starts_with('-') || whole.starts_with('+')) whole.remove_prefix(1);
  return all_digits(whole) && rest.size() > 1 && rest[0] == '0' &&
         all_digits(rest.substr(0, rest.find_first_of("eE")));
}

}  // namespace omni
