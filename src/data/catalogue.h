// The data sets by name: load_dataset("mnist", DataOptions::from_environment()).
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "data/download.h"
#include "data/image_set.h"

namespace omni {

struct DataOptions {
  std::vector<std::filesystem::path> directories;  // searched in this order
  std::filesystem::path cache = {};                // where downloads are kept; one of the above
  bool allow_download = true;
  DownloadOptions download = {};                   // limits and the progress callback

  // In order: `data_dir` (if not empty; UserError unless it is a folder), the folders of
  // OMNISCALE_DATA separated by colons, the cache ($XDG_CACHE_HOME/omniscale, else
  // ~/.cache/omniscale), /usr/share/datasets.
  static DataOptions from_environment(const std::filesystem::path& data_dir = {});
};

// What load_dataset() takes: auto, and every set that catalogue.cpp lists.
std::vector<std::string> dataset_names();

// The set of that name and no other: found in the directories, else downloaded, or generated.
// "auto" is the first of mnist, fashion-mnist and digits that can be had; Dataset::name says which
// it was and Dataset::note why the others were passed over. UserError for an unknown name, a set
// that cannot be had, or a damaged file (also under "auto": damage is never passed over).
Dataset load_dataset(std::string_view name, const DataOptions& options);

// What `auto` is where nothing stands in: mnist.
std::string usual_data_name(const std::string& name);
// Of one sample of a set: {28, 28} for images, {40} for signals. UserError for an unknown name.
std::vector<int64_t> sample_shape(const std::string& name);
// The shapes and sizes of a set, all samples zero and labels in turn: enough to count and to time
// what a run would compute. "": none, as experiments without a data set have it.
Dataset blank_dataset(const std::string& name);

enum class DatasetState {
  found,         // all files are there and their SHA-256 are right
  generated,     // drawn in-process, needs nothing
  downloadable,  // not on this machine
  damaged,       // files are there, but not the right ones: see `problem`
  missing,       // not on this machine, and downloads are not allowed
};
std::string_view to_string(DatasetState state);

struct DatasetInfo {
  std::string name;
  DatasetState state;
  std::string where;    // folder, first mirror, or "in-process"
  int64_t train_count = 0, test_count = 0;
  uintmax_t bytes = 0;  // on disk, or of the samples when generated; 0 if not on this machine
  std::string problem;  // empty unless damaged
};

// Every set and its state, from reading and checking all files on this machine. Never downloads.
std::vector<DatasetInfo> list_datasets(const DataOptions& options);

// The parts of the above, over any image sets.
const std::vector<ImageSet>& image_sets();  // those that have files
Dataset load_image_set(const ImageSet& set, const DataOptions& options);
// The first of `sets` that can be had, else digits. After mirrors that do not answer nothing
// further is downloaded, and mirrors get less time, so that without a network this takes seconds.
Dataset load_first(std::span<const ImageSet> sets, const DataOptions& options);
DatasetInfo describe(const ImageSet& set, const DataOptions& options);

}  // namespace omni
