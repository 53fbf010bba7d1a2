// Texts in fingerprints.
#pragma once

#include <fmt/format.h>

#include <string_view>

#include "base/sha256.h"

namespace omni {

// Adds a text behind its length, so that no two lists of texts run together into the same bytes.
inline void add_text(Sha256& hash, std::string_view text) {
  const std::string framed = fmt::format("{}:{}", text.size(), text);
  hash.add(std::as_bytes(std::span(framed.data(), framed.size())));
}

}  // namespace omni
