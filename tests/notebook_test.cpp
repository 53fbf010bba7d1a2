// The lines of docs/use.md for notebooks, run by Python on run folders of any name.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "base/test_folder.h"
#include "report/test_run.h"
#include "store/files.h"

namespace omni {
namespace {

namespace fs = std::filesystem;

// The blocks of Python of a page's section, joined.
std::string python_of(const std::string& page, const std::string& section) {
  const size_t begin = page.find("\n## " + section + "\n");
  const std::string text = page.substr(begin, page.find("\n## ", begin + 1) - begin);
  const std::string opening = "```python\n", closing = "```";
  std::string code;
  for (size_t at = 0; (at = text.find(opening, at)) != std::string::npos;) {
    at += opening.size();
    const size_t end = text.find(closing, at);
    code += text.substr(at, end - at);
    at = end;
  }
  return code;
}

TEST(Notebook, TheDocumentedLinesOpenAnyRunFolder) {
  if (std::system("python3 -c 'import numpy, sqlite3' 2>/dev/null") != 0)
    GTEST_SKIP() << "needs python3 with NumPy (Debian: python3-numpy)";
  std::string code = python_of(read_file(OMNI_SOURCE_DIR "/docs/use.md"), "In a notebook");
  const std::string documented = "\"runs/subliminal-learning-smoke\"";
  const size_t at = code.find(documented);
  ASSERT_NE(at, std::string::npos);
  code.replace(at, documented.size(), "sys.argv[1]");

  const TestFolder folder;
  const fs::path script = folder.path() / "notebook.py", said = folder.path() / "said";
  atomic_write(script, "import sys\n" + code + "print(len(final), len(claims))\n");
  for (const char* name :
       {"plain", "try #2 50% ?x=1&y", "-dash", "Łódź ünï", "a'b\"c", "a%23b", "caf\xe9"}) {
    const fs::path run = folder.path() / name;
    make_test_run(run);
    const Results results(run / "results.sqlite", Access::read);
    atomic_write(run / "summary.csv", results.summary_csv());
    fs::create_directory_symlink(run, folder.path() / "run");  // no shell sees the name
    // As a script gets it: the name itself, relative to where it is.
    const std::string command = "cd '" + folder.path().string() +
                                "' && python3 -c 'import os, runpy, sys; "
                                "sys.argv[1:] = [os.path.relpath(os.path.realpath(\"run\"))]; "
                                "runpy.run_path(\"notebook.py\")' > said 2>&1";
    const int code_of_python = std::system(command.c_str());
    const std::string output = read_file(said);
    EXPECT_EQ(code_of_python, 0) << name << "\n" << output;
    size_t values = 0;
    for (const ArmInfo& arm : results.arms()) values += results.values("accuracy", arm.name).size();
    const size_t last = output.rfind('\n', output.size() - 2) + 1;
    EXPECT_EQ(output.substr(last, output.find(' ', last) - last), std::to_string(values))
        << name << "\n"
        << output;
    fs::remove(folder.path() / "run");
  }
}

}  // namespace
}  // namespace omni
