// Runs gnuplot as a child process. Text from experiments must pass through gnuplot_text().
#pragma once

#include <string>
#include <string_view>

namespace omni {

// A quoted string that gnuplot takes literally: no escapes, no substitution, one line. A straight
// apostrophe becomes a typographic one.
std::string gnuplot_text(std::string_view text);

// The same as the text of a tic, which gnuplot takes for a number's format: % is doubled.
std::string gnuplot_tic(std::string_view text);

// What the script draws to its standard output. UserError when gnuplot is missing (names the
// package) or was ended by a signal; Bug when it refuses the script.
std::string run_gnuplot(std::string_view script);

}  // namespace omni
