#include "report/gnuplot.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <optional>
#include <string>

namespace omni {
namespace {

// Sets variables of the environment for one test.
class Environment {
 public:
  explicit Environment(const std::map<std::string, std::string>& variables) {
    for (const auto& [name, value] : variables) {
      const char* old = std::getenv(name.c_str());
      before_[name] = old ? std::optional<std::string>(old) : std::nullopt;
      setenv(name.c_str(), value.c_str(), 1);
    }
  }
  ~Environment() {
    for (const auto& [name, value] : before_)
      if (value)
        setenv(name.c_str(), value->c_str(), 1);
      else
        unsetenv(name.c_str());
  }

 private:
  std::map<std::string, std::optional<std::string>> before_;
};

TEST(Gnuplot, DrawsTheSameInAnyEnvironment) {
  const std::string script =
      "set terminal svg size 300,200\nset label sprintf('%.2f', 1.5) at 0,0\nplot x\n";
  const std::string usual = run_gnuplot(script);
  const Environment odd({{"GNUTERM", "no-such-terminal"},
                         {"GNUPLOT_LIB", "/nowhere"},
                         {"GDFONTPATH", "/nowhere"},
                         {"GNUPLOT_DEFAULT_GDFONT", "nothing"},
                         {"TMPDIR", "/nowhere"},
                         {"HOME", "/nowhere"},
                         {"LC_ALL", "de_DE.UTF-8"},
                         {"LC_NUMERIC", "de_DE.UTF-8"},
                         {"COLUMNS", "x"},
                         {"TERM", "no-such-terminal"}});
  EXPECT_EQ(run_gnuplot(script), usual);
}

}  // namespace
}  // namespace omni
