// A labelled data set resident in memory: images as bytes or signals as floats, with one class
// number per sample, in a training and a test split.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/memory.h"
#include "base/random.h"

namespace omni {

enum class SampleType { u8, f32 };
int64_t size_of(SampleType type);  // bytes per element

// `count` samples of `features` elements each, row after row, 64-byte aligned as a whole so that
// rows can be read with wide loads. Move-only: share a loaded set, do not copy it.
class Samples {
 public:
  Samples() = default;
  Samples(SampleType type, int64_t count, int64_t features);  // all elements zero

  SampleType type() const { return type_; }
  int64_t count() const { return count_; }
  int64_t features() const { return features_; }

  std::span<const std::byte> bytes() const {
    return {bytes_.data(), static_cast<size_t>(bytes_.size())};
  }
  // All count * features elements; reading as the other type is a Bug.
  std::span<uint8_t> u8();
  std::span<const uint8_t> u8() const;
  std::span<float> f32();
  std::span<const float> f32() const;

 private:
  SampleType type_ = SampleType::u8;
  int64_t count_ = 0, features_ = 0;
  AlignedBytes bytes_;
};

struct Split {
  Samples x;
  std::vector<int32_t> y;  // class of each sample, 0..classes-1

  int64_t count() const { return x.count(); }
};

struct Dataset {
  std::string name;            // what it is: "mnist", or another of the catalogue
  std::string requested;       // what was asked for: `name`, or "auto"
  std::string source;          // "files in DIR", "generated", "downloaded from URL to DIR"
  std::string note;            // why "auto" passed over the sets before this one; else empty
  std::string hash;            // content_hash() of the two splits
  std::vector<int64_t> shape;  // of one sample: {28, 28} or {40}
  int classes = 10;
  Split train, test;           // images are u8 from 0 (paper) to 255 (ink), signals are f32
};

// SHA-256 in hex over the training samples' bytes, the training labels as int32, then the same of
// the test split: one fingerprint for a set wherever it came from.
std::string content_hash(const Split& train, const Split& test);

// For generators: the class of sample `i`, which depends on the key and i alone. Every `classes`
// consecutive samples from a multiple of `classes` on hold each class once, in random order.
int32_t balanced_class(Key key, int64_t i, int classes);

}  // namespace omni
