// What is known about a data set before it is had. Each is described in a file of its own, by a
// function NAME_source() that catalogue.cpp lists.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/image_set.h"

namespace omni {

struct DataSource {
  std::string name;            // "fashion-mnist"
  std::vector<int64_t> shape;  // of one sample: {28, 28} for images, {40} for signals
  SampleType type;
  int classes;
  int64_t train_count, test_count;
  // Either files that are looked for and downloaded, or a generator.
  std::optional<ImageSet> files = {};
  Dataset (*draw)(Key key, int64_t train_count, int64_t test_count) = nullptr;
};

// A set of MNIST's form: 60,000 and 10,000 images of 28 x 28 bytes, ten classes, in four IDX files
// whose SHA-256 are given in the order of ImageSet::files.
DataSource mnist_like(const std::string& name, const std::array<std::string, 4>& sha256,
                      std::vector<std::string> mirrors, std::vector<std::string> other_names);

}  // namespace omni
