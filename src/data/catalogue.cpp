#include "data/catalogue.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <optional>

#include "base/nearest.h"
#include "base/places.h"
#include "base/random.h"
#include "data/source.h"

namespace omni {
namespace fs = std::filesystem;

// Every set, in the order in which they are listed and "auto" tries those that have files. NAME
// stands for NAME_source(), the function of a file of its own.
// clang-format off
#define OMNI_DATA_SETS(set) \
  set(mnist)                \
  set(fashion_mnist)        \
  set(digits)               \
  set(mnist1d)
// clang-format on

#define OMNI_DECLARED(name) DataSource name##_source();
OMNI_DATA_SETS(OMNI_DECLARED)
#undef OMNI_DECLARED

namespace {

// Generated sets are fixed, as downloaded ones are: models' seeds do not change the data.
const Key kGeneratorKey = Key::of(0);

// What "auto" takes where no files can be had.
constexpr const char* kStandIn = "digits";

// Time that "auto" spends on all mirrors together before it takes the network for absent.
constexpr double kAutoPatienceS = 4;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string searched(const DataOptions& options) {
  std::vector<std::string> names;
  for (const fs::path& directory : options.directories) names.push_back(directory.string());
  if (names.empty()) return "nowhere (no data directories)";
  return fmt::format("{}", fmt::join(names, ", "));
}

struct Search {
  std::optional<ImageSetPlace> complete;
  std::string partial;  // clauses about folders that hold some of the files, or others of the set
};

Search search(const ImageSet& set, const DataOptions& options) {
  Search result;
  for (const fs::path& directory : options.directories) {
    const auto place = find_image_set(set, directory);
    if (!place) {
      if (const std::string other = other_form_of(set, directory); !other.empty())
        result.partial += fmt::format("; {} is there, but not read", other);
      continue;
    }
    if (place->complete()) {
      result.complete = place;
      return result;
    }
    for (size_t i = 0; i < set.files.size(); ++i)
      if (place->paths[i].empty())
        result.partial +=
            fmt::format("; {} lacks {}", place->folder.string(), set.files[i].standard_name());
  }
  return result;
}

// Why a set without a complete folder is not there.
std::string absence(const ImageSet& set, const Search& search, const DataOptions& options) {
  return fmt::format("{}: not found; searched {}{}", set.name, searched(options), search.partial);
}

const std::vector<DataSource>& sources() {
#define OMNI_LISTED(name) name##_source(),
  static const std::vector<DataSource> all = {OMNI_DATA_SETS(OMNI_LISTED)};
#undef OMNI_LISTED
  return all;
}

const DataSource& source_of(std::string_view name) {
  for (const DataSource& source : sources())
    if (source.name == name) return source;
  fail_user("unknown data set \"{}\"{}", name, suggest(name, dataset_names()));
}

int64_t features(const DataSource& source) {
  return std::accumulate(source.shape.begin(), source.shape.end(), int64_t{1}, std::multiplies());
}

Dataset draw(const DataSource& source) {
  return source.draw(kGeneratorKey, source.train_count, source.test_count);
}

int64_t count_in(const ImageFile& labels) { return static_cast<int64_t>(labels.bytes) - 8; }

}  // namespace

DataOptions DataOptions::from_environment(const fs::path& data_dir) {
  DataOptions options;
  if (!data_dir.empty()) {
    std::error_code error;
    const bool folder = fs::is_directory(data_dir, error);
    require(folder, "--data-dir {}: expected a folder, found {}",
            data_dir.string(), error ? error.message() : "something else");
    options.directories.push_back(data_dir);
  }
  const std::string listed = environment("OMNISCALE_DATA");
  for (size_t start = 0; start < listed.size();) {
    const size_t end = std::min(listed.find(':', start), listed.size());
    if (end > start) options.directories.emplace_back(listed.substr(start, end - start));
    start = end + 1;
  }
  options.cache = user_cache();
  if (!options.cache.empty()) options.directories.push_back(options.cache);
  options.directories.emplace_back("/usr/share/datasets");
  return options;
}

const std::vector<ImageSet>& image_sets() {
  static const std::vector<ImageSet> sets = [] {
    std::vector<ImageSet> with_files;
    for (const DataSource& source : sources())
      if (source.files) with_files.push_back(*source.files);
    return with_files;
  }();
  return sets;
}

std::vector<std::string> dataset_names() {
  std::vector<std::string> names = {"auto"};
  for (const DataSource& source : sources()) names.push_back(source.name);
  return names;
}

Dataset load_image_set(const ImageSet& set, const DataOptions& options) {
  const Search before = search(set, options);
  if (before.complete) return load_image_set(set, *before.complete);
  const std::string absent = absence(set, before, options);
  const std::string advice = fmt::format(
      "put its four IDX files into a folder named {} within a data directory", set.name);
  require(options.allow_download, "{}; downloads are not allowed; {}", absent, advice);
  require(!options.cache.empty(), "{}; there is no folder to download to: set HOME or "
          "XDG_CACHE_HOME, or {}", absent, advice);
  std::string url;
  try {
    url = download_image_set(set, options.cache, options.download);
  } catch (const DownloadError& error) {
    throw DownloadError(fmt::format("{}; {}\n{}", absent, error.what(), advice), error.reached);
  }
  const auto place = find_image_set(set, options.cache);
  check(place && place->complete(), "{}: downloaded but not in {}", set.name,
        options.cache.string());
  Dataset data = load_image_set(set, *place);
  // No address: another process has meanwhile put the files there.
  if (!url.empty())
    data.source = fmt::format("downloaded from {} to {}", url, place->folder.string());
  return data;
}

Dataset load_first(std::span<const ImageSet> sets, const DataOptions& options) {
  DataOptions patient = options;
  std::string note;
  const auto pass_over = [&](const std::string& reason) {
    note += (note.empty() ? "" : "\n") + reason;
  };
  bool network = true;
  for (const ImageSet& set : sets) {
    const Search here = search(set, options);
    if (!here.complete && options.allow_download && !network) {
      pass_over(absence(set, here, options) + "; no download tried, as no mirror answered before");
      continue;
    }
    const double mirrors = std::max(1.0, static_cast<double>(set.mirrors.size()));
    const double share_s = kAutoPatienceS / mirrors;
    patient.download.answer_timeout_s = std::min(options.download.answer_timeout_s, share_s);
    try {
      Dataset data = load_image_set(set, patient);
      data.requested = "auto";
      data.note = note;
      return data;
    } catch (const DownloadError& error) {
      network = error.reached;
      pass_over(error.what());
    } catch (const UserError& error) {
      // All files are there, so the fault is damage, which must not be passed over.
      if (search(set, options).complete) throw;
      pass_over(error.what());
    }
  }
  Dataset data = draw(source_of(kStandIn));
  data.requested = "auto";
  data.note = note;
  return data;
}

Dataset load_dataset(std::string_view name, const DataOptions& options) {
  if (name == "auto") return load_first(image_sets(), options);
  const DataSource& source = source_of(name);
  return source.files ? load_image_set(*source.files, options) : draw(source);
}

std::string_view to_string(DatasetState state) {
  switch (state) {
    case DatasetState::found: return "found";
    case DatasetState::generated: return "generated";
    case DatasetState::downloadable: return "can be downloaded";
    case DatasetState::damaged: return "damaged";
    case DatasetState::missing: return "missing";
  }
  throw Bug("to_string: no such state of a data set");
}

DatasetInfo describe(const ImageSet& set, const DataOptions& options) {
  DatasetInfo info{set.name, DatasetState::missing, "", count_in(set.files[1]),
                   count_in(set.files[3]), 0, ""};
  const Search here = search(set, options);
  if (!here.complete) {
    if (!options.allow_download || options.cache.empty() || set.mirrors.empty()) return info;
    info.state = DatasetState::downloadable;
    info.where = set.mirrors.front();
    return info;
  }
  info.where = here.complete->folder.string();
  for (const fs::path& path : here.complete->paths) {
    std::error_code ignored;
    const uintmax_t bytes = fs::file_size(path, ignored);
    if (!ignored) info.bytes += bytes;
  }
  try {
    load_image_set(set, *here.complete);
    info.state = DatasetState::found;
  } catch (const UserError& error) {
    info.state = DatasetState::damaged;
    info.problem = error.what();
  }
  return info;
}

std::vector<DatasetInfo> list_datasets(const DataOptions& options) {
  std::vector<DatasetInfo> infos;
  for (const DataSource& source : sources()) {
    if (source.files) {
      infos.push_back(describe(*source.files, options));
      continue;
    }
    const auto samples = static_cast<uintmax_t>(source.train_count + source.test_count);
    const auto sample_bytes = static_cast<uintmax_t>(features(source) * size_of(source.type));
    infos.push_back({source.name, DatasetState::generated, "in-process", source.train_count,
                     source.test_count, samples * sample_bytes, ""});
  }
  return infos;
}

std::string usual_data_name(const std::string& name) { return name == "auto" ? "mnist" : name; }

std::vector<int64_t> sample_shape(const std::string& name) {
  return source_of(usual_data_name(name)).shape;
}

Dataset blank_dataset(const std::string& name) {
  if (name.empty()) return {};
  const DataSource& source = source_of(usual_data_name(name));
  Dataset d;
  d.name = d.requested = source.name;
  d.shape = source.shape;
  d.classes = source.classes;
  const auto fill = [&](Split& s, int64_t count) {
    s.x = Samples(source.type, count, features(source));
    s.y.resize(static_cast<size_t>(count));
    for (size_t i = 0; i < s.y.size(); ++i)
      s.y[i] = static_cast<int32_t>(i % static_cast<size_t>(source.classes));
  };
  fill(d.train, source.train_count);
  fill(d.test, source.test_count);
  return d;
}

}  // namespace omni
