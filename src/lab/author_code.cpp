#include "lab/author_code.h"

#include <cxxabi.h>

#include <exception>
#include <new>
#include <typeinfo>

#include "base/type_name.h"
#include "lab/worker.h"

namespace omni {
namespace {

// Of what is being handled.
std::string told(const std::string& where) {
  const std::type_info* type = abi::__cxa_current_exception_type();
  return fmt::format("{}{}the experiment's code threw {}", where, where.empty() ? "" : ": ",
                     type ? type_name(*type) : "something");
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
