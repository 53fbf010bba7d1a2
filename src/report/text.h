// Small pieces of text for pages and tables: escaping and the form of numbers.
#pragma once

#include <string>
#include <string_view>

#include "base/claims.h"

namespace omni {

// Text as HTML shows it, in content and in quoted attributes. Control characters, those that
// reverse the order of reading among them, and bytes that are no UTF-8 become the replacement
// character.
std::string escape_html(std::string_view text);

// Paragraphs of plain text (separated by empty lines) as <p> elements.
std::string html_paragraphs(std::string_view text);

// Three decimals near one, three significant digits elsewhere; a dash for NaN.
std::string short_number(double value);
std::string short_interval(const Interval& interval);  // "[low, high]"; a dash when unknown

// What a claim asks of its estimate: "> 0.45", "in [0.07, 0.13]", "on every seed".
std::string wanted_text(const Claim& claim);

// Valid UTF-8 without control characters, line breaks included: one line for plots and terminals.
std::string one_line(std::string_view text);

}  // namespace omni
