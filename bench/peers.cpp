#include "bench/peers.h"

#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/machine.h"

namespace omni::bench {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// Debian's interpreter, which has Debian's PyTorch whatever comes first in PATH; and the virtual
// environment that `./omni bench --peers` makes.
constexpr const char* kDebians = "/usr/bin/python3";
constexpr const char* kCurrent = OMNI_PEERS_HOME "/venv/bin/python";

// What search.py prints; its progress goes where our stderr goes. UserError if it fails.
Json ask(const std::string& arguments) {
  const std::string command =
      fmt::format("OMNISCALE_CORES={} {} '{}/search.py' {}", available_cores(), kDebians,
                  OMNI_PEERS_DIR, arguments);
  FILE* pipe = popen(command.c_str(), "r");
  require(pipe != nullptr, "cannot start '{}'", command);
  std::string output;
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) output.append(buffer, n);
  const int status = pclose(pipe);
  require(WIFEXITED(status) && WEXITSTATUS(status) == 0, "'{}' failed", command);
  try {
    return Json::parse(output);
  } catch (const Json::exception& e) {
    fail_user("'{}' answered what is not understood: {}", command, e.what());
  }
}

// The finalists for a job, as search.py takes them back.
std::string choose(const PeerJob& job) {
  std::string interpreters = fmt::format("--interpreter {}", kDebians);
  if (fs::exists(kCurrent)) interpreters += fmt::format(" --interpreter '{}'", kCurrent);
  fs::create_directories(OMNI_PEERS_HOME);
  const Json chosen = ask(fmt::format(
      "choose {} --batch {} --precision {} {} --memory '{}/choices.json'", job.workload, job.batch,
      job.precision == Precision::bf16 ? "bf16" : "f32", interpreters, OMNI_PEERS_HOME));
  require(!chosen.at("finalists").empty(),
          "there is no PyTorch or JAX here; ./omni bench --peers installs them");
  return Json{{"job", chosen.at("job")}, {"finalists", chosen.at("finalists")}}.dump();
}

std::string note_of(const Json& result, const PeerJob& job) {
  std::string note = fmt::format("{}: {}", result.at("version").get<std::string>(),
                                 result.at("arrangement").get<std::string>());
  const auto compiled = result.at("first_step_s").get<double>();
  if (compiled >= 1) note += fmt::format("; first step {:.0f} s", compiled);
  if (job.workload == "language")
    note += fmt::format("; {:.0f} rows/s", result.at("rate").get<double>() * job.samples);
  return note;
}

}  // namespace

void compare_with_peers(Bench& b, const std::string& name, const PeerJob& job, double target,
                        const std::function<std::vector<double>()>& our_rates) {
  const std::string figure = fmt::format("{}.over_best_peer.{}", job.workload, name);
  Json results;
  std::vector<double> ours;
  try {
    const std::string chosen = choose(job);
    ours = our_rates();
    const fs::path file = fs::path(OMNI_PEERS_HOME) / "chosen.json";
    std::ofstream(file) << chosen;
    results = ask(fmt::format("time < '{}'", file.string())).at("results");
    require(!results.empty(), "no peer's arrangement ran to its end");
    for (const double r : our_rates()) ours.push_back(r);
  } catch (const UserError& e) {
    return b.add({figure, {}, "ratio", target, false, e.what()});
  }
  const double best = results.front().at("rate");
  for (double& r : ours) r /= best;
  b.add_ratio(figure, ours, target, note_of(results.front(), job));
  std::vector<std::string> shown;
  for (const Json& r : results) {  // fastest first; the runners-up of each peer go unsaid
    const std::string peer = r.at("peer");
    if (std::ranges::find(shown, peer) != shown.end()) continue;
    shown.push_back(peer);
    b.add({fmt::format("{}.{}.{}", job.workload, peer, name),
           r.at("rate").get<double>(),
           "model-epochs/s",
           {},
           false,
           note_of(r, job)});
  }
}

}  // namespace omni::bench
