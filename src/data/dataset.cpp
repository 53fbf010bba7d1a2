#include "data/dataset.h"

#include <algorithm>

#include "base/error.h"
#include "base/huge_pages.h"
#include "base/sha256.h"

namespace omni {

int64_t size_of(SampleType type) { return type == SampleType::u8 ? 1 : 4; }

Samples::Samples(SampleType type, int64_t count, int64_t features)
    : type_(type), count_(count), features_(features) {
  check(count >= 0 && features >= 1, "Samples: {} samples of {} elements", count, features);
  bytes_ = AlignedBytes(count * features * size_of(type));
  ask_for_huge_pages(bytes_.data(), bytes_.size());
  std::fill_n(bytes_.data(), bytes_.size(), std::byte{0});
}

std::span<uint8_t> Samples::u8() {
  check(type_ == SampleType::u8, "Samples: floats read as bytes");
  return {reinterpret_cast<uint8_t*>(bytes_.data()), static_cast<size_t>(count_ * features_)};
}
std::span<const uint8_t> Samples::u8() const { return const_cast<Samples*>(this)->u8(); }

std::span<float> Samples::f32() {
  check(type_ == SampleType::f32, "Samples: bytes read as floats");
  return {reinterpret_cast<float*>(bytes_.data()), static_cast<size_t>(count_ * features_)};
}
std::span<const float> Samples::f32() const { return const_cast<Samples*>(this)->f32(); }

std::string content_hash(const Split& train, const Split& test) {
  Sha256 hash;
  for (const Split* split : {&train, &test})
    hash.add(split->x.bytes()).add(std::as_bytes(std::span(split->y)));
  return hash.hex();
}

int32_t balanced_class(Key key, int64_t i, int classes) {
  const Key block = key.fold("class").fold(static_cast<uint64_t>(i / classes));
  return permutation(block, classes)[i % classes];
}

}  // namespace omni
