#include "data/image_set.h"

#include <algorithm>
#include <cstring>

#include "base/sha256.h"
#include "data/idx.h"

namespace omni {
namespace fs = std::filesystem;
namespace {

// Room for another file of the same kind, so that its header or hash can name the difference.
constexpr size_t kSlack = 1 << 20;

constexpr const char* kRaw = "raw";  // torchvision keeps IDX files in a folder of this name

std::optional<fs::path> find_file(const ImageFile& file, const fs::path& folder) {
  for (const char* joint : {"-", "."})
    for (const char* ending : {".gz", ""}) {
      const fs::path path =
          folder / fmt::format("{}{}idx{}-ubyte{}", file.stem, joint, file.dimensions, ending);
      std::error_code ignored;
      if (fs::exists(path, ignored)) return path;
    }
  return std::nullopt;
}

// Where the files of a set may lie, the likeliest first.
std::vector<fs::path> folders_of(const ImageSet& set, const fs::path& directory) {
  std::vector<std::string> names = set.other_names;
  names.insert(names.begin(), set.name);
  // A trailing slash would leave filename() empty.
  const fs::path named = directory.has_filename() ? directory : directory.parent_path();
  const auto is_named = [&](const fs::path& folder) {
    return std::ranges::find(names, folder.filename().string()) != names.end();
  };
  std::vector<fs::path> folders;
  for (const std::string& name : names) {
    folders.push_back(directory / name);
    folders.push_back(directory / name / kRaw);
  }
  if (is_named(named)) {
    folders.push_back(directory);
    folders.push_back(directory / kRaw);
  }
  if (named.filename() == kRaw && is_named(named.parent_path())) folders.push_back(directory);
  return folders;
}

Split read_split(const ImageSet& set, const ImageSetPlace& place, size_t first,
                 std::vector<int64_t>& shape) {
  const auto read = [&](size_t i) {
    return read_bytes(place.paths[i], set.files[i].bytes + kSlack);
  };
  const std::string image_name = place.paths[first].string();
  const std::string label_name = place.paths[first + 1].string();
  const std::vector<std::byte> image_bytes = read(first), label_bytes = read(first + 1);
  verify_image_file(set.files[first], image_bytes, image_name);
  verify_image_file(set.files[first + 1], label_bytes, label_name);
  const Idx images = parse_idx(image_bytes, 3, image_name);
  const Idx labels = parse_idx(label_bytes, 1, label_name);
  require(images.shape[0] == labels.shape[0], "{}: expected {} labels, one per image of {}, "
          "found {}", label_name, images.shape[0], image_name, labels.shape[0]);
  shape = {images.shape[1], images.shape[2]};
  require(images.shape[0] > 0 && shape[0] > 0 && shape[1] > 0, "{}: expected images, found {} of "
          "{} x {}", image_name, images.shape[0], shape[0], shape[1]);

  Split split{Samples(SampleType::u8, images.shape[0], shape[0] * shape[1]), {}};
  std::memcpy(split.x.u8().data(), images.elements.data(), images.elements.size());
  for (const std::byte label : labels.elements) {
    split.y.push_back(std::to_integer<int32_t>(label));
    require(split.y.back() < set.classes, "{}: expected labels 0 to {}, found {} at sample {}",
            label_name, set.classes - 1, split.y.back(), split.y.size() - 1);
  }
  return split;
}

}  // namespace

std::string ImageFile::standard_name() const {
  return fmt::format("{}-idx{}-ubyte", stem, dimensions);
}

bool ImageSetPlace::complete() const {
  return std::none_of(paths.begin(), paths.end(), [](const fs::path& p) { return p.empty(); });
}

std::optional<ImageSetPlace> find_image_set(const ImageSet& set, const fs::path& directory) {
  std::optional<ImageSetPlace> best;
  for (const fs::path& folder : folders_of(set, directory)) {
    ImageSetPlace place{folder, {}};
    bool any = false;
    for (size_t i = 0; i < set.files.size(); ++i) {
      if (const auto path = find_file(set.files[i], folder)) {
        place.paths[i] = *path;
        any = true;
      }
    }
    if (any && (!best || (place.complete() && !best->complete()))) best = place;
  }
  return best;
}

std::string other_form_of(const ImageSet& set, const fs::path& directory) {
  std::vector<std::pair<fs::path, const char*>> forms = {
      {directory / (set.name + ".npz"), "Keras' archive"},
      {directory / (set.name + "_train.csv"), "a CSV file"}};
  for (const fs::path& folder : folders_of(set, directory))
    forms.emplace_back(folder / "processed" / "training.pt", "torchvision's tensors");
  for (const ImageFile& file : set.files)
    if (const auto path = find_file(file, directory))
      forms.emplace_back(*path, "in a folder that does not say of which set it is");
  std::error_code ignored;
  for (const auto& [path, what] : forms)
    if (fs::exists(path, ignored)) return fmt::format("{} ({})", path.string(), what);
  return "";
}

void verify_image_file(const ImageFile& file, std::span<const std::byte> decompressed,
                       const std::string& origin) {
  // From the most telling difference to the least: kind of file, size, any bit.
  parse_idx(decompressed, file.dimensions, origin);
  require(decompressed.size() == file.bytes, "{}: expected {} bytes when decompressed, found {}",
          origin, file.bytes, decompressed.size());
  const std::string found = sha256_hex(decompressed);
  require(found == file.sha256,
          "{}: expected SHA-256 {} (of the decompressed bytes), found {}; the file is damaged or "
          "another one", origin, file.sha256, found);
}

Dataset load_image_set(const ImageSet& set, const ImageSetPlace& place) {
  check(place.complete(), "{}: loaded from {} although files are missing", set.name,
        place.folder.string());
  Dataset data;
  data.name = data.requested = set.name;
  data.source = fmt::format("files in {}", place.folder.string());
  data.classes = set.classes;
  std::vector<int64_t> test_shape;
  data.train = read_split(set, place, 0, data.shape);
  data.test = read_split(set, place, 2, test_shape);
  require(data.shape == test_shape,
          "{}: expected test images of the training images' size {} x {}, found {} x {}",
          place.paths[2].string(), data.shape[0], data.shape[1], test_shape[0], test_shape[1]);
  data.hash = content_hash(data.train, data.test);
  return data;
}

std::string download_image_set(const ImageSet& set, const fs::path& cache,
                               const DownloadOptions& options) {
  std::string served_by;
  for (const ImageFile& file : set.files) {
    if (find_file(file, cache / set.name)) continue;
    std::vector<std::string> mirrors;
    for (const std::string& folder : set.mirrors)
      mirrors.push_back(folder + file.standard_name() + ".gz");
    const auto verify = [&](const std::vector<std::byte>& bytes) {
      const std::string origin = file.standard_name() + ".gz as served";
      verify_image_file(file, decompress(bytes, file.bytes + kSlack, origin), origin);
    };
    DownloadOptions limited = options;
    limited.largest_bytes = std::min(options.largest_bytes, file.bytes + kSlack);
    served_by = download(mirrors, cache / set.name / (file.standard_name() + ".gz"), verify,
                         limited);
  }
  return served_by;
}

}  // namespace omni
