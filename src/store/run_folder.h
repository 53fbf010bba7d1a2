// The folder of one run: what it is made of, who may write into it, and when it must be refused.
//
//   config.toml      resolved configuration     results.sqlite  all results (store/results.h)
//   manifest.json    where it came from, status summary.csv     one row per model
//   report.html      made from the store        figures/        SVG and CSV of each figure
//   checkpoints/     weights of unfinished work log.txt         what was said during the run
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/inputs.h"

namespace omni {

inline constexpr int kRunFormat = 1;  // raised whenever an older program could misread a folder

enum class RunStatus { running, finished, interrupted, failed };
std::string_view name_of(RunStatus status);

struct Manifest {
  int format = kRunFormat;
  std::string experiment;       // name in the catalogue
  std::string program_version;  // of Omniscale
  std::string commit;                // of the last start; ", changed" where sources were
  std::vector<std::string> programs;  // fingerprints of those that worked on it, the last one last
  std::string machine;          // processor, cores, instruction set
  std::string config_hash;      // of config.toml; filled by RunFolder
  std::map<std::string, std::string> data_hashes;  // file or generator -> hash
  InputHashes inputs = {};                         // files that the experiment reads
  RunStatus status = RunStatus::running;
  std::string created, updated;              // UTC, ISO 8601; filled by RunFolder
  double busy_s = 0;                         // wall-clock time over all starts
  int threads = 0;
  std::vector<std::string> starts;           // one line each: time, commit, machine
};

std::string to_json(const Manifest& manifest);
// UserError that names `folder` for anything but a whole manifest of this format.
Manifest manifest_from_json(const std::string& text, const std::string& folder);

class RunFolder {
 public:
  // Who worked in the folder last and ended without a word (a kill, a power loss), as "process 12
  // on HOST"; empty where nobody did or somebody works there now.
  static std::string abandoned_by(const std::filesystem::path& path);

  // Removes what killed processes left half written, unless a process works in the folder.
  static void tidy(const std::filesystem::path& path);

  // Gives the run that is in the folder another name beside it, so that one can begin anew there.
  // Returns the new name; empty where there is no run. UserError when the folder holds anything
  // else or another process works in it.
  static std::filesystem::path set_aside(const std::filesystem::path& path);

  // Makes a new run folder, or resumes the unfinished or finished run that the folder holds when
  // format, experiment, configuration, data and inputs are the same (`resumed()` tells). UserError,
  // with nothing overwritten, when the folder holds anything else or another process works in it.
  // What killed processes left half written is removed.
  static RunFolder create(const std::filesystem::path& path, Manifest manifest,
                          std::string_view config_toml);
  // Opens a run to read it, without a lock. UserError when it is no run folder of this format.
  static RunFolder open(const std::filesystem::path& path);

  RunFolder(RunFolder&& other) noexcept;
  RunFolder& operator=(RunFolder&& other) noexcept;
  ~RunFolder();  // gives the lock back; the status stays as last set

  const std::filesystem::path& path() const { return path_; }
  const Manifest& manifest() const { return manifest_; }
  bool resumed() const { return resumed_; }
  std::string config() const;  // text of config.toml

  std::filesystem::path results_path() const { return path_ / "results.sqlite"; }
  std::filesystem::path figures_path() const { return path_ / "figures"; }
  std::filesystem::path checkpoints_path() const { return path_ / "checkpoints"; }
  std::filesystem::path summary_path() const { return path_ / "summary.csv"; }
  std::filesystem::path report_path() const { return path_ / "report.html"; }
  std::filesystem::path log_path() const { return path_ / "log.txt"; }

  // Rewrites the manifest. `busy_s` is added to the time already spent.
  void set_status(RunStatus status, double busy_s = 0);
  void set_inputs(InputHashes inputs);  // when more were read than the run began with

 private:
  RunFolder() = default;
  void save_manifest();

  std::filesystem::path path_;
  Manifest manifest_;
  int lock_ = -1;  // descriptor of .lock, which names the process; -1 when opened to read
  bool resumed_ = false;
};

}  // namespace omni
