#include "base/type_name.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <string_view>

namespace omni {

std::string type_name(const std::type_info& type) {
  int failed = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &failed), std::free);
  std::string text = name ? name.get() : type.name();
  constexpr std::string_view kHidden = "(anonymous namespace)::";
  for (size_t at = text.find(kHidden); at != text.npos; at = text.find(kHidden))
    text.erase(at, kHidden.size());
  return text;
}

}  // namespace omni
