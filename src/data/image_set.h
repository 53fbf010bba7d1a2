// An image set kept as four IDX files: where to look for them, how to know them, how to get them.
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/download.h"

namespace omni {

struct ImageFile {
  std::string stem;    // "train-images"
  int dimensions;      // 3 for images, 1 for labels
  size_t bytes;        // decompressed, header included
  std::string sha256;  // of the decompressed bytes: the gzip wrapping differs between mirrors

  // "train-images-idx3-ubyte": the name that mirrors and Debian use (with ".gz").
  std::string standard_name() const;
};

struct ImageSet {
  std::string name;
  std::array<ImageFile, 4> files;    // train images, train labels, test images, test labels
  std::vector<std::string> mirrors;  // folders, to which standard_name() + ".gz" is added
  std::vector<std::string> other_names = {};  // of its folder, by which other libraries call it
  int classes = 10;
};

// One path for each of ImageSet::files, in that order.
using ImagePaths = std::array<std::filesystem::path, 4>;

struct ImageSetPlace {
  std::filesystem::path folder;
  ImagePaths paths;  // empty where that file is missing

  bool complete() const;
};

// The files of `set` in `directory`: in the folder named after the set within it, in a folder "raw"
// of that (torchvision's layout: MNIST/raw), or in `directory` itself if it is one of these. Each
// file may be plain or gzipped, named "train-images-idx3-ubyte" or "train-images.idx3-ubyte". Of
// several places the first that has all four; empty if none has any of them.
std::optional<ImageSetPlace> find_image_set(const ImageSet& set,
                                            const std::filesystem::path& directory);

// A file in `directory` that holds `set` in a form that is not read, and what that is, as "PATH
// (Keras' archive)"; empty if there is none.
std::string other_form_of(const ImageSet& set, const std::filesystem::path& directory);

// Reads and checks all four files. UserError names the file, what was expected and what was found.
Dataset load_image_set(const ImageSet& set, const ImageSetPlace& place);

// Throws UserError, naming `origin`, unless `decompressed` are that file's very bytes.
void verify_image_file(const ImageFile& file, std::span<const std::byte> decompressed,
                       const std::string& origin);

// Fetches the files that `cache`/NAME lacks and returns the address of the mirror that served the
// last of them. Files already there are left alone, sound or not. Throws as download() does.
std::string download_image_set(const ImageSet& set, const std::filesystem::path& cache,
                               const DownloadOptions& options);

}  // namespace omni
