#include "lab/author_code.h"

#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <typeinfo>

#include "lab/worker.h"

namespace omni {
namespace {

// Of what is being handled.
std::string type_name() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (!type) return "something";
  int failed = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(type->name(), nullptr, nullptr, &failed), &std::free);
  return failed == 0 ? name.get() : type->name();
}

std::string told(const std::string& where) {
  return fmt::format("{}{}the experiment's code threw {}", where, where.empty() ? "" : ": ",
                     type_name());
}

}  // namespace

void rethrow_as_authors(const std::string& where) {
  try {
    throw;
  } catch (const UserError&) {
    throw;
  } catch (const Bug&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    throw ThrownByExperiment(fmt::format("{}: {}", told(where), error.what()));
  } catch (...) {
    throw ThrownByExperiment(told(where));
  }
}

}  // namespace omni
