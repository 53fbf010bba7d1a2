#include "data/catalogue.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/nearest.h"
#include "base/places.h"
#include "base/random.h"
#include "data/digits.h"
#include "data/mnist1d.h"

namespace omni {
namespace fs = std::filesystem;
namespace {

// Generated sets are fixed, as downloaded ones are: models' seeds do not change the data.
const Key kGeneratorKey = Key::of(0);
constexpr int64_t kDigitsTrain = 60000, kDigitsTest = 10000;
constexpr int64_t kMnist1dTrain = 4000, kMnist1dTest = 1000;

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

Dataset load_generated(std::string_view name) {
  if (name == "digits") return digits(kGeneratorKey, kDigitsTrain, kDigitsTest);
  return mnist1d(kGeneratorKey, kMnist1dTrain, kMnist1dTest);
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
  constexpr size_t kTrainImages = 16 + 60000 * 28 * 28, kTrainLabels = 8 + 60000;
  constexpr size_t kTestImages = 16 + 10000 * 28 * 28, kTestLabels = 8 + 10000;
  static const std::vector<ImageSet> sets = {
      // Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits".
      {"mnist",
       {{{"train-images", 3, kTrainImages,
          "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
         {"train-labels", 1, kTrainLabels,
          "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
         {"t10k-images", 3, kTestImages,
          "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
         {"t10k-labels", 1, kTestLabels,
          "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}}},
       {"https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/"},
       {"MNIST"}},
      // H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST", arXiv 1708.07747.
      {"fashion-mnist",
       {{{"train-images", 3, kTrainImages,
          "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"},
         {"train-labels", 1, kTrainLabels,
          "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"},
         {"t10k-images", 3, kTestImages,
          "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"},
         {"t10k-labels", 1, kTestLabels,
          "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"}}},
       {"https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"},
       {"FashionMNIST"}},
  };
  return sets;
}

std::vector<std::string> dataset_names() {
  return {"mnist", "fashion-mnist", "digits", "mnist1d", "auto"};
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
  Dataset data = load_generated("digits");
  data.requested = "auto";
  data.note = note;
  return data;
}

Dataset load_dataset(std::string_view name, const DataOptions& options) {
  if (name == "auto") return load_first(image_sets(), options);
  if (name == "digits" || name == "mnist1d") return load_generated(name);
  for (const ImageSet& set : image_sets())
    if (set.name == name) return load_image_set(set, options);
  fail_user("unknown data set \"{}\"{}", name, suggest(name, dataset_names()));
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
  for (const ImageSet& set : image_sets()) infos.push_back(describe(set, options));
  infos.push_back({"digits", DatasetState::generated, "in-process", kDigitsTrain, kDigitsTest,
                   (kDigitsTrain + kDigitsTest) * 28 * 28, ""});
  infos.push_back({"mnist1d", DatasetState::generated, "in-process", kMnist1dTrain, kMnist1dTest,
                   (kMnist1dTrain + kMnist1dTest) * 40 * sizeof(float), ""});
  return infos;
}

std::string usual_data_name(const std::string& name) { return name == "auto" ? "mnist" : name; }

Dataset blank_dataset(const std::string& name) {
  Dataset d;
  const bool signals = name == "mnist1d";
  const int64_t features = signals ? 40 : 28 * 28;
  d.name = d.requested = usual_data_name(name);
  d.shape = signals ? std::vector<int64_t>{features} : std::vector<int64_t>{28, 28};
  const auto fill = [&](Split& s, int64_t count) {
    s.x = Samples(signals ? SampleType::f32 : SampleType::u8, count, features);
    s.y.resize(static_cast<size_t>(count));
    for (size_t i = 0; i < s.y.size(); ++i) s.y[i] = static_cast<int32_t>(i % 10);
  };
  fill(d.train, signals ? kMnist1dTrain : kDigitsTrain);
  fill(d.test, signals ? kMnist1dTest : kDigitsTest);
  return d;
}

}  // namespace omni
