#include "data/source.h"

namespace omni {

DataSource mnist_like(const std::string& name, const std::array<std::string, 4>& sha256,
                      std::vector<std::string> mirrors, std::vector<std::string> other_names) {
  constexpr int64_t kSide = 28, kTrain = 60000, kTest = 10000;
  const auto images = [&](const char* stem, int64_t count, const std::string& hash) {
    return ImageFile{stem, 3, static_cast<size_t>(16 + count * kSide * kSide), hash};
  };
  const auto labels = [&](const char* stem, int64_t count, const std::string& hash) {
    return ImageFile{stem, 1, static_cast<size_t>(8 + count), hash};
  };
  return {.name = name,
          .shape = {kSide, kSide},
          .type = SampleType::u8,
          .classes = 10,
          .train_count = kTrain,
          .test_count = kTest,
          .files = ImageSet{
              name,
              {images("train-images", kTrain, sha256[0]), labels("train-labels", kTrain, sha256[1]),
               images("t10k-images", kTest, sha256[2]), labels("t10k-labels", kTest, sha256[3])},
              std::move(mirrors),
              std::move(other_names)}};
}

}  // namespace omni
