// Markdown of one paragraph as plain text.
#pragma once

#include <string>
#include <string_view>

namespace omni {

// Without the marks of **bold** and `code`, and [links](...) as their text. Marks that have no
// partner stay, and so does everything inside code.
std::string plain_text(std::string_view text);

}  // namespace omni
