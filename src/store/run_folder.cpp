#include "store/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "store/files.h"

namespace omni {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr RunStatus kAllStatuses[] = {RunStatus::running, RunStatus::finished,
                                      RunStatus::interrupted, RunStatus::failed};

std::string now() {
  const std::time_t t = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&t, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

fs::path manifest_path(const fs::path& folder) { return folder / "manifest.json"; }
fs::path config_path(const fs::path& folder) { return folder / "config.toml"; }

Manifest read_manifest(const fs::path& folder) {
  return manifest_from_json(read_file(manifest_path(folder)), folder.string());
}

// A file that cannot be looked at must not pass for an absent one, or it would be written anew.
bool is_there(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (status.type() == fs::file_type::none)
    fail_user("cannot look at '{}': {}; check the folder's permissions and its disk",
              path.string(), error.message());
  return fs::exists(status);
}

// What a folder that holds no run may hold: nothing but a lock file and a piece of a manifest whose
// writing was cut short (the manifest is the first file of a run).
bool is_vacant(const fs::path& folder) {
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error) fail_user("cannot read the folder '{}': {}", folder.string(), error.message());
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (name == ".lock" || name.ends_with(".part")) continue;
    return false;
  }
  return true;
}

fs::path lock_path(const fs::path& folder) { return folder / ".lock"; }

std::string this_process() {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  return fmt::format("process {} on {}", getpid(), host);
}

// Who holds a lock, or held it when it was killed; empty where it was given back.
std::string holder(int fd) {
  char text[512];
  const ssize_t n = pread(fd, text, sizeof text, 0);
  return {text, n > 0 ? static_cast<size_t>(n) : 0};
}

int take_lock(const fs::path& folder) {
  const int fd = ::open(lock_path(folder).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0)
    fail_user("cannot write into the folder '{}': {}; choose another one with --out",
              folder.string(), std::strerror(errno));
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
    // The system keeps the lock; the name is for messages alone, so it may fail to be written.
    const std::string name = this_process();
    if (ftruncate(fd, 0) == 0)
      [[maybe_unused]] const ssize_t ignored = pwrite(fd, name.data(), name.size(), 0);
    return fd;
  }
  const int error = errno;
  const std::string other = holder(fd);
  close(fd);
  if (error == EWOULDBLOCK)
    fail_user("another process is working in '{}' ({}); wait for it, stop it, or choose another "
              "folder with --out",
              folder.string(), other.empty() ? "it does not say which" : other);
  fail_user("cannot lock the folder '{}': {}; choose a folder on another file system with --out",
            folder.string(), std::strerror(error));
}

void require_same(const fs::path& folder, const Manifest& old, const Manifest& wanted) {
  constexpr std::string_view kAdvice =
      "nothing was changed; choose another folder with --out, or begin anew with --anew, which "
      "moves this one aside";
  require(old.experiment == wanted.experiment,
          "'{}' holds a run of the experiment '{}', not of '{}'; {}", folder.string(),
          old.experiment, wanted.experiment, kAdvice);
  require(old.config_hash == wanted.config_hash,
          "'{}' holds a run of '{}' with another configuration (see its config.toml); {}",
          folder.string(), old.experiment, kAdvice);
  require(old.program_version == wanted.program_version,
          "'{}' holds a run made by Omniscale {}, this is {}: one run must not mix them; {}",
          folder.string(), old.program_version, wanted.program_version, kAdvice);
  for (const auto& [name, hash] : wanted.data_hashes) {
    const auto found = old.data_hashes.find(name);
    require(found != old.data_hashes.end() || old.data_hashes.empty(),
            "'{}' holds a run on the data '{}', and this one would be on '{}'; {}", folder.string(),
            old.data_hashes.begin()->first, name, kAdvice);
    require(found != old.data_hashes.end() && found->second == hash,
            "'{}' holds a run on other data: '{}' has hash {} now and had {} then; {}",
            folder.string(), name, hash,
            found == old.data_hashes.end() ? "none" : found->second, kAdvice);
  }
  const std::string changed = changed_input(old.inputs, wanted.inputs);
  require(changed.empty(), "'{}' holds a run that read something else: {}; {}", folder.string(),
          changed, kAdvice);
}

}  // namespace

std::string_view name_of(RunStatus status) {
  switch (status) {
    case RunStatus::running: return "running";
    case RunStatus::finished: return "finished";
    case RunStatus::interrupted: return "interrupted";
    case RunStatus::failed: return "failed";
  }
  throw Bug("unknown run status");
}

json json_of(const InputHashes& inputs) {
  json list = json::array();
  for (const auto& [input, hash] : inputs) {
    list.push_back({{"path", input.path}, {"sha256", hash}});
    if (!input.ending.empty()) list.back()["ending"] = input.ending;
  }
  return list;
}

std::string to_json(const Manifest& m) {
  const json j = {{"format", m.format},
                  {"experiment", m.experiment},
                  {"program_version", m.program_version},
                  {"commit", m.commit},
                  {"programs", m.programs},
                  {"machine", m.machine},
                  {"config_hash", m.config_hash},
                  {"data_hashes", m.data_hashes},
                  {"inputs", json_of(m.inputs)},
                  {"status", name_of(m.status)},
                  {"created", m.created},
                  {"updated", m.updated},
                  {"busy_s", m.busy_s},
                  {"threads", m.threads},
                  {"starts", m.starts}};
  return j.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

Manifest manifest_from_json(const std::string& text, const std::string& folder) {
  const std::string where = fmt::format("the manifest of '{}'", folder);
  Manifest m;
  try {
    const json j = parse_json(text, where);
    m.format = int_at(j, "format", where);
    if (m.format != kRunFormat)
      fail_user("'{}' was written in run format {}, this program reads format {}; use the version "
                "of Omniscale that wrote it ({}), or give another folder with --out",
                folder, m.format, kRunFormat, j.value("program_version", "unknown"));
    m.experiment = j.at("experiment");
    m.program_version = j.at("program_version");
    m.commit = j.at("commit");
    if (j.contains("programs")) m.programs = j.at("programs");
    m.machine = j.at("machine");
    m.config_hash = j.at("config_hash");
    m.data_hashes = j.at("data_hashes");
    for (const json& i : j.value("inputs", json::array()))
      m.inputs[{i.at("path"), i.value("ending", "")}] = i.at("sha256");
    m.created = j.at("created");
    m.updated = j.at("updated");
    m.busy_s = j.at("busy_s");
    m.threads = int_at(j, "threads", where);
    m.starts = j.at(j.contains("starts") ? "starts" : "sittings");  // as they once were called
    const std::string status = j.at("status");
    bool known = false;
    for (const RunStatus s : kAllStatuses)
      if (status == name_of(s)) {
        m.status = s;
        known = true;
      }
    require(known, "{}: status '{}' is unknown", where, status);
  } catch (const json::exception& e) {
    fail_user("{} is damaged or no manifest of a run: {}; nothing was changed", where, e.what());
  }
  return m;
}

std::string RunFolder::abandoned_by(const fs::path& path) {
  const int fd = ::open(lock_path(path).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  const std::string last = flock(fd, LOCK_SH | LOCK_NB) == 0 ? holder(fd) : "";
  close(fd);
  return last;
}

void RunFolder::tidy(const fs::path& path) {
  const int fd = ::open(lock_path(path).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) remove_leftovers(path);
  close(fd);
}

fs::path RunFolder::set_aside(const fs::path& path) {
  if (!is_there(path)) return {};
  const fs::path named = path.has_filename() ? path : path.parent_path();
  require(named.filename() != "." && named.filename() != "..",
          "--anew: name the folder itself in place of '{}'", path.string());
  std::error_code error;
  if (!fs::is_directory(named, error) || is_vacant(named)) return {};
  require(is_there(manifest_path(named)),
          "the folder '{}' holds other files but no run; nothing was changed; choose an empty or "
          "new folder with --out",
          path.string());
  RunFolder run;
  run.path_ = named;
  run.lock_ = take_lock(named);
  fs::path aside;
  for (int i = 1; aside.empty() || is_there(aside); ++i) {
    aside = named;
    aside += fmt::format(".before-{}", i);
  }
  fs::rename(named, aside, error);
  if (error)
    fail_user("cannot rename '{}' to '{}': {}; choose another folder with --out", named.string(),
              aside.string(), error.message());
  return aside;
}

RunFolder RunFolder::create(const fs::path& path, Manifest manifest, std::string_view config_toml) {
  RunFolder run;
  run.path_ = path;
  manifest.format = kRunFormat;
  manifest.config_hash = text_hash(config_toml);
  const std::string start =
      fmt::format("{} commit {} on {}", now(), manifest.commit, manifest.machine);
  if (is_there(path)) {
    std::error_code error;
    require(fs::is_directory(path, error), "'{}' is not a folder; choose another one with --out",
            path.string());
    // Looked at before anything, even the lock, is written into a stranger's folder.
    require(is_there(manifest_path(path)) || is_vacant(path),
            "the folder '{}' holds other files but no run; nothing was changed; choose an empty or "
            "new folder with --out",
            path.string());
  }
  make_folder(path);
  run.lock_ = take_lock(path);
  if (is_there(manifest_path(path))) {
    run.manifest_ = read_manifest(path);
    require_same(path, run.manifest_, manifest);
    require(!is_there(config_path(path)) ||
                text_hash(read_file(config_path(path))) == run.manifest_.config_hash,
            "'{}' was changed after the run began; nothing was changed; restore it or choose "
            "another folder with --out",
            config_path(path).string());
    run.resumed_ = true;
    run.manifest_.commit = manifest.commit;
    std::vector<std::string>& known = run.manifest_.programs;
    for (const std::string& mine : manifest.programs)
      if (known.empty() || known.back() != mine) known.push_back(mine);
    run.manifest_.inputs.insert(manifest.inputs.begin(), manifest.inputs.end());
    run.manifest_.machine = manifest.machine;
    run.manifest_.threads = manifest.threads;
  } else {
    run.manifest_ = std::move(manifest);
    run.manifest_.status = RunStatus::running;
    run.manifest_.created = now();
  }
  remove_leftovers(path);
  run.manifest_.starts.push_back(start);
  run.save_manifest();
  // Anything that a kill right after the manifest left undone is made good here.
  if (!is_there(config_path(path))) atomic_write(config_path(path), config_toml);
  make_folder(run.figures_path());
  make_folder(run.checkpoints_path());
  return run;
}

RunFolder RunFolder::open(const fs::path& path) {
  std::error_code error;
  require(!fs::exists(path, error) || fs::is_directory(path, error),
          "'{}' is a file; give the folder of a run", path.string());
  require(fs::is_directory(path, error), "there is no folder '{}'", path.string());
  require(is_there(manifest_path(path)),
          "the folder '{}' is no run: it has no manifest.json; give the folder that was named by "
          "--out, for instance runs/NAME",
          path.string());
  RunFolder run;
  run.path_ = path;
  run.manifest_ = read_manifest(path);
  return run;
}

RunFolder::RunFolder(RunFolder&& other) noexcept
    : path_(std::move(other.path_)),
      manifest_(std::move(other.manifest_)),
      lock_(std::exchange(other.lock_, -1)),
      resumed_(other.resumed_) {}

RunFolder& RunFolder::operator=(RunFolder&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(manifest_, other.manifest_);
  std::swap(lock_, other.lock_);
  std::swap(resumed_, other.resumed_);
  return *this;
}

RunFolder::~RunFolder() {
  if (lock_ < 0) return;
  // An empty lock file: given back in good order.
  [[maybe_unused]] const int ignored = ftruncate(lock_, 0);
  close(lock_);
}

std::string RunFolder::config() const { return read_file(config_path(path_)); }

void RunFolder::set_status(RunStatus status, double busy_s) {
  manifest_.status = status;
  manifest_.busy_s += busy_s;
  save_manifest();
}

void RunFolder::set_inputs(InputHashes inputs) {
  manifest_.inputs = std::move(inputs);
  save_manifest();
}

void RunFolder::save_manifest() {
  check(lock_ >= 0, "run folder '{}' was opened to read", path_.string());
  manifest_.updated = now();
  atomic_write(manifest_path(path_), to_json(manifest_));
}

}  // namespace omni
