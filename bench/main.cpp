// omniscale-bench: how fast training is, as ratios of what was measured in the same run.
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>

#include "base/error.h"
#include "base/machine.h"
#include "base/nearest.h"
#include "bench/benches.h"
#include "bench/profile.h"
#include "cpu/onednn.h"

namespace omni::bench {
namespace {

struct Entry {
  const char* name;
  void (*run)(Bench&);
  const char* what;
  bool of_peers = false;
};
constexpr Entry kBenches[] = {
    {"gemm", gemm_share, "MLP steps against their oneDNN matrix products alone"},
    {"models", many_models, "8 to 512 resident models, 1 and 2 workers, one model on 2 cores"},
    {"memory", memory, "bytes per parameter and model"},
    {"faults", page_faults, "page faults per step of every kind of step"},
    {"conv", convnet, "a small ConvNet against its oneDNN primitives"},
    {"language", language, "a small language model against its matrix products"},
    {"experiments", experiments, "every experiment's steps against their products alone"},
    {"example", example, "building an experiment outside the tree"},
    {"mnist1d", ensemble, "256 small models from start to finish"},
    {"mlp-peers", mlp_peers, "MLP steps against PyTorch and JAX", true},
    {"conv-peers", conv_peers, "ConvNet steps against PyTorch and JAX", true},
    {"mnist1d-peers", ensemble_peers, "the 256 small models against PyTorch and JAX", true},
    {"language-peers", language_peers, "language model steps against PyTorch and JAX", true},
};

struct Options {
  bool json = false, quick = false, peers = false;
  int repetitions = 5;
  std::vector<std::string> only;
  std::string profile;
};

void check_names(const std::vector<std::string>& only) {
  std::vector<std::string> known;
  for (const Entry& e : kBenches) known.push_back(e.name);
  for (const std::string& name : only)
    require(std::ranges::find(known, name) != known.end(), "there is no bench '{}'{}", name,
            suggest(name, known));
}

double load_average() {
  double one_minute = 0;
  std::ifstream("/proc/loadavg") >> one_minute;
  return one_minute;
}

nlohmann::ordered_json machine(const std::string& command, double load) {
  return {{"description", machine_description()},
          {"processor", processor_name()},
          {"cores", available_cores()},
          {"instruction_set", instruction_set()},
          {"onednn", cpu::onednn::version()},
          {"load_average_at_start", load},
          {"command", command}};
}

int run(const Options& o, const std::string& command) {
  if (!o.profile.empty()) {
    print_profile(o.profile, o.quick ? 0.5 : 3);
    return 0;
  }
  check_names(o.only);
  Bench bench;
  bench.quick = o.quick;
  bench.repetitions = o.repetitions;
  bench.cores = available_cores();
  bench.progress = [](const std::string& text) { fmt::print(stderr, "  {}\n", text); };
  const double load = load_average();
  for (const Entry& e : kBenches) {
    if (!o.only.empty() && std::ranges::find(o.only, e.name) == o.only.end()) continue;
    if (e.of_peers && !o.peers && o.only.empty()) continue;
    fmt::print(stderr, "{}: {}\n", e.name, e.what);
    e.run(bench);
  }
  const auto about = machine(command, load);
  if (o.json) {
    const nlohmann::ordered_json all = {{"figures", to_json(bench.figures())}, {"machine", about}};
    fmt::print("{}\n", all.dump(2));
    return 0;
  }
  fmt::print("{}\n{}, oneDNN {}, load {:.2f} at the start\n{}\n", table(bench.figures()),
             about["description"].get<std::string>(), about["onednn"].get<std::string>(), load,
             command);
  return 0;
}

std::string help_text() {
  std::string text =
      "Measures how fast Omniscale trains, each figure against what was measured in the same run,\n"
      "in turns. A figure that misses its target is shown as missed. Best on an idle machine.\n\n"
      "Benches:\n";
  for (const Entry& e : kBenches) text += fmt::format("  {:<14} {}\n", e.name, e.what);
  return text;
}

int main_program(int argc, char** argv) {
  std::string command = "omniscale-bench";
  for (int i = 1; i < argc; ++i) command += fmt::format(" {}", argv[i]);
  Options o;
  CLI::App app(help_text(), "omniscale-bench");
  app.add_flag("--json", o.json, "print one JSON object on stdout, all else on stderr");
  app.add_flag("--quick", o.quick, "short windows: under a minute");
  app.add_flag("--peers", o.peers,
               "PyTorch and JAX, too, each in its best arrangement: the better part of an hour the "
               "first time, since arrangements are searched");
  app.add_option("--only", o.only, "run these benches")->delimiter(',')->type_name("NAME,NAME");
  app.add_option("--repeat", o.repetitions, "repetitions of each measurement (default 5)")
      ->check(CLI::Range(1, 1000));
  app.add_option("--profile", o.profile,
                 "print where a step's time goes instead: " +
                     fmt::format("{}", fmt::join(profile_names(), ", ")))
      ->type_name("NAME");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  try {
    return run(o, command);
  } catch (const UserError& e) {
    fmt::print(stderr, "error: {}\n", e.what());
    return 2;
  } catch (const std::exception& e) {
    fmt::print(stderr, "error: {}\n", e.what());
    return 1;
  }
}

}  // namespace
}  // namespace omni::bench

int main(int argc, char** argv) { return omni::bench::main_program(argc, argv); }
