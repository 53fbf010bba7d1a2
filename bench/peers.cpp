#include "bench/peers.h"

#include <sys/wait.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace omni::bench {
namespace {

// Debian's interpreter, whatever comes first in PATH: it is the one that has Debian's PyTorch.
constexpr const char* kPython = "/usr/bin/python3";

struct Finished {
  int status;
  std::string output;
};

// The command's stderr goes where ours goes: there the scripts tell how far they are.
Finished run(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  require(pipe != nullptr, "cannot start '{}'", command);
  Finished f;
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) f.output.append(buffer, n);
  const int status = pclose(pipe);
  f.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return f;
}

}  // namespace

const PeerRate& PeerAnswer::best(const std::function<bool(const PeerRate&)>& counts) const {
  const PeerRate* found = nullptr;
  for (const PeerRate& r : rates)
    if (counts(r) && (!found || r.model_epochs_per_s > found->model_epochs_per_s)) found = &r;
  require(found != nullptr, "the peer did not run an arrangement that is to be compared");
  return *found;
}
const PeerRate& PeerAnswer::best() const {
  return best([](const PeerRate&) { return true; });
}

std::string peers_missing() {
  const std::string try_import = fmt::format("{} -c 'import torch' 2>/dev/null", kPython);
  if (run(try_import).status == 0) return "";
  return fmt::format("{} has no PyTorch; install the Debian package python3-torch", kPython);
}

PeerAnswer ask_peer(const std::string& script, int64_t batch) {
  const Finished f =
      run(fmt::format("{} '{}/{}' --batch {}", kPython, OMNI_PEERS_DIR, script, batch));
  require(f.status == 0, "{} ended with exit code {}", script, f.status);
  PeerAnswer answer;
  try {
    const auto j = nlohmann::json::parse(f.output);
    answer.version = j.at("version");
    for (const auto& r : j.at("results")) {
      PeerRate rate{r.at("arrangement"), r.value("variant", ""), r.at("model_epochs_per_s")};
      if (r.contains("models")) rate.detail = fmt::format("{} models", r.at("models").get<int>());
      answer.rates.push_back(std::move(rate));
    }
  } catch (const nlohmann::json::exception& e) {
    fail_user("{} answered what is not understood: {}", script, e.what());
  }
  return answer;
}

}  // namespace omni::bench
