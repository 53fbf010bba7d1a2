#include "cli/cli.h"

#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <new>
#include <system_error>

#include "base/build_info.h"
#include "base/error.h"
#include "base/nearest.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/screen.h"

namespace omni {
namespace cli {
namespace {

// While it lives, writing to a closed pipe is a failed write and not the end of the process.
class IgnorePipe {
 public:
  IgnorePipe() : old_(signal(SIGPIPE, SIG_IGN)) {}
  ~IgnorePipe() { signal(SIGPIPE, old_); }
  IgnorePipe(const IgnorePipe&) = delete;
  IgnorePipe& operator=(const IgnorePipe&) = delete;

 private:
  void (*old_)(int);
};

// The wrapper ./omni starts the program `omniscale`; other programs go by their own name.
std::string program_name(const char* started_as) {
  const std::string path = started_as ? started_as : "omniscale";
  return std::filesystem::path(path).filename() == "omniscale" ? "./omni" : path;
}

void overview(const Context& context) {
  say("Omniscale: train hundreds of small networks, judge claims over seeds.\n\n"
      "usage: {} COMMAND ...     (COMMAND --help explains each by examples)\n\n",
      context.program);
  for (const Command& c : commands()) say("  {:<9}{}\n", c.name, c.what);
  say("\nTo begin:\n");
  const std::string name = context.catalogue.empty() ? "NAME" : context.catalogue.front().name;
  say("  {0} list\n  {0} run {1}\n", context.program, name);
}

std::string version() {
  const BuildInfo& b = build_info();
  return fmt::format("omniscale {} (commit {}, {}, {})\n", b.version, commit_text(), b.compiler,
                     b.build_type);
}

int dispatch(const Context& context) {
  std::vector<std::string> words = context.words;
  if (words.size() > 1 && words[0] == "help") words = {words[1], "--help"};
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    overview(context);
    return 0;
  }
  if (words[0] == "--version") {
    write_out(version());
    return 0;
  }
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  std::vector<std::string> names;
  for (const Command& c : commands()) {
    if (words[0] == c.name) return c.run(context, rest);
    names.emplace_back(c.name);
  }
  if (std::ranges::find(context.catalogue, words[0], &Experiment::name) != context.catalogue.end())
    fail_user("'{0}' is an experiment; to run it: {1} run {0}", words[0], context.program);
  fail_user("there is no command '{}'{}", words[0], suggest(words[0], names));
}

constexpr int kOurFault = 1, kUserFault = 2;

int no_memory() {
  tell("omni: error: this does not fit into memory; try fewer --threads, a smaller batch or smaller "
       "networks. What was finished is kept.\n");
  return kUserFault;
}

int our_fault(const Context& context, const char* what) {
  tell("omni: a fault of the program, not yours: {}\n"
       "What was finished is kept. Please report it with this line and the output of "
       "`{} doctor`:\n  {} {}\n",
       what, context.program, context.program, shell_words(context.words));
  return kOurFault;
}

// `prepare` fills what is still missing of the context.
int guarded(const Context& context, const std::function<void()>& prepare) {
  try {
    prepare();
    const int code = dispatch(context);
    finish_output();
    return code;
  } catch (const UserError& e) {
    tell("omni: error: {}\n", e.what());
    return kUserFault;
  } catch (const Cancelled& c) {
    tell("Stopped; nothing was changed.\n");
    return c.exit_code;
  } catch (const std::bad_alloc&) {
    return no_memory();
  } catch (const std::filesystem::filesystem_error& e) {  // a folder on the way is closed to us
    tell("omni: error: {}: {}\n", e.path1().string(), e.code().message());
    return kUserFault;
  } catch (const std::system_error& e) {  // no memory for another thread
    if (e.code() != std::errc::resource_unavailable_try_again &&
        e.code() != std::errc::not_enough_memory)
      return our_fault(context, e.what());
    return no_memory();
  } catch (const std::exception& e) {
    return our_fault(context, e.what());
  } catch (...) {
    return our_fault(context, "it threw what is no std::exception");
  }
}

}  // namespace

const Experiment& find_experiment(const Context& context, const std::string& name) {
  std::vector<std::string> known;
  for (const Experiment& e : context.catalogue) {
    if (e.name == name) return e;
    known.push_back(e.name);
  }
  if (name.empty() && known.size() == 1) return context.catalogue.front();
  require(!name.empty(), "an experiment's name is missing{}", suggest(name, known));
  fail_user("there is no experiment '{}'{}", name, suggest(name, known));
}

}  // namespace cli

namespace {

cli::Context context_of(int argc, char** argv, std::span<const Experiment> catalogue) {
  cli::Context context{catalogue, cli::program_name(argc > 0 ? argv[0] : nullptr), {}};
  for (int i = 1; i < argc; ++i) context.words.emplace_back(argv[i]);
  return context;
}

}  // namespace

int cli_main(int argc, char** argv, std::span<const Experiment> catalogue) {
  const cli::IgnorePipe ignore_pipe;
  return cli::guarded(context_of(argc, argv, catalogue), [] {});
}

int cli_main(int argc, char** argv, std::vector<Experiment> (*catalogue)()) {
  const cli::IgnorePipe ignore_pipe;
  std::vector<Experiment> experiments;
  cli::Context context = context_of(argc, argv, {});
  return cli::guarded(context, [&] {
    experiments = catalogue();
    context.catalogue = experiments;
  });
}

}  // namespace omni
