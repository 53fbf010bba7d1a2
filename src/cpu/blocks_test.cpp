// Block conversions: every length, every misalignment, every kind of number, nothing outside.
#include "cpu/blocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "base/float_mode.h"
#include "base/random.h"
#include "cpu/testing.h"
#include "graph/interpreter.h"

namespace omni::cpu {
namespace {

using omni::testing::on_every_target;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// All bit patterns alike: denormals, infinities and NaNs come up too.
std::vector<float> any_floats(int64_t n) {
  Stream s(Key::of(1));
  std::vector<float> v(n);
  for (float& x : v) x = std::bit_cast<float>(s.bits());
  return v;
}

// convert(in, out, n) for every length and offset: equals `expected` inside, touches nothing else.
template <class From, class To, class Convert>
void check_lengths(const std::vector<From>& source, const std::vector<To>& expected, To mark,
                   Convert convert) {
  on_every_target([&] {
    for (const int64_t offset : {0, 1, 3})
      for (int64_t n = 0; n + offset <= 70; ++n) {
        std::vector<To> out(n + offset + 1, mark);
        const std::vector<From> in(source.begin(), source.begin() + offset + n);
        convert(in.data() + offset, out.data() + offset, n);
        for (int64_t i = 0; i < n; ++i)
          ASSERT_EQ(expected[offset + i], out[offset + i]) << "length " << n << ", element " << i;
        for (int64_t i = 0; i < offset; ++i) ASSERT_EQ(out[i], mark);
        ASSERT_EQ(out[offset + n], mark) << "length " << n;
      }
  });
}

TEST(Blocks, Bf16RoundsAsTheInterpreterDoes) {
  std::vector<float> in = any_floats(1 << 18);
  const std::vector<uint32_t> special = {0,          0x80000000, 1,          0x00008000, 0x00008001,
                                         0x00018000, 0x807fffff, 0x3f808000, 0x3f818000, 0x3f808001,
                                         0x7f7fffff, 0xff7fffff, 0x7f7f7fff, 0x7f800000, 0xff800000,
                                         0x7f800001, 0xffffffff, 0x7fc00000, 0x007fffff};
  for (const uint32_t bits : special) in.push_back(std::bit_cast<float>(bits));
  const auto n = static_cast<int64_t>(in.size());
  on_every_target([&] {
    std::vector<uint16_t> stored(n);
    std::vector<float> loaded(n), rounded(n);
    store_bf16(in.data(), stored.data(), n);
    load_bf16(stored.data(), loaded.data(), n);
    round_bf16(in.data(), rounded.data(), n);
    for (int64_t i = 0; i < n; ++i) {
      const auto wanted = static_cast<float>(round_to_bf16(in[i]));
      const uint32_t loaded_bits = std::bit_cast<uint32_t>(loaded[i]);
      ASSERT_EQ(loaded_bits, std::bit_cast<uint32_t>(rounded[i]));
      ASSERT_EQ(loaded_bits >> 16, stored[i]);
      if (std::isnan(in[i]))
        ASSERT_TRUE(std::isnan(loaded[i])) << i;
      else
        ASSERT_EQ(std::bit_cast<uint32_t>(wanted), loaded_bits) << in[i];
    }
  });
}

TEST(Blocks, LengthsAndAlignments) {
  std::vector<float> floats = any_floats(71);
  for (float& x : floats)
    if (std::isnan(x)) x = -1.5f;
  std::vector<uint16_t> halves;
  std::vector<float> rounded, whole_floats, byte_floats;
  std::vector<int32_t> wholes, truncated;
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < floats.size(); ++i) {
    rounded.push_back(static_cast<float>(round_to_bf16(floats[i])));
    halves.push_back(static_cast<uint16_t>(std::bit_cast<uint32_t>(rounded[i]) >> 16));
    wholes.push_back(static_cast<int32_t>(i * i * 3001) - 7'000'000);
    whole_floats.push_back(static_cast<float>(wholes[i]));
    bytes.push_back(static_cast<uint8_t>(255 - 3 * i));
    byte_floats.push_back(bytes[i]);
    truncated.push_back(wholes[i]);
  }
  check_lengths<uint16_t, float>(halves, rounded, 7, load_bf16);
  check_lengths<float, uint16_t>(floats, halves, 7, store_bf16);
  check_lengths<float, float>(floats, rounded, 7, round_bf16);
  check_lengths<int32_t, float>(wholes, whole_floats, 7, load_i32);
  check_lengths<float, int32_t>(whole_floats, truncated, 7, store_i32);
  check_lengths<uint8_t, float>(bytes, byte_floats, -7, load_u8);
  check_lengths<float, float>(floats, floats, 7, copy);
  check_lengths<float, float>(floats, floats, 7, [](const float* in, float* out, int64_t n) {
    const float* const inputs[] = {in};
    copy_block(inputs, out, n);
  });
  check_lengths<float, float>(std::vector<float>(71), std::vector<float>(71, 2.5f), 7,
                              [](const float*, float* out, int64_t n) { fill(2.5f, out, n); });
}

TEST(Blocks, StoringWholeNumbersTruncatesAndSaturates) {
  constexpr int32_t kMax = std::numeric_limits<int32_t>::max();
  constexpr int32_t kMin = std::numeric_limits<int32_t>::min();
  const std::vector<float> some = {1.9f,          -1.9f,  0.0f,    -0.5f,      kNaN, -kNaN,
                                   kInf,          -kInf,  0x1p31f, -0x1p31f,   3e9f, -3e9f,
                                   2147483520.0f, 1e-40f, 8388609, -16777216.f};
  const std::vector<int32_t> wanted = {1,    -1,   0,    0,    0,          0, kMax,    kMin,
                                       kMax, kMin, kMax, kMin, 2147483520, 0, 8388609, -16777216};
  std::vector<float> in;  // every value in a whole vector and in a tail
  std::vector<int32_t> expected;
  for (int repeat = 0; repeat < 5; ++repeat) {
    in.insert(in.end(), some.begin(), some.end() - (repeat == 4));
    expected.insert(expected.end(), wanted.begin(), wanted.end() - (repeat == 4));
  }
  check_lengths<float, int32_t>(in, expected, 7, store_i32);
}

// Every word as a gate. What is chosen from has all words but signalling NaNs, which rounding would
// quieten.
TEST(Blocks, ChoosingWordsIsChoosingNumbers) {
  constexpr int64_t kWords = 1 << 16;
  std::vector<uint16_t> gates(kWords), words(kWords);
  std::vector<float> gate_numbers(kWords), numbers(kWords), chosen(kWords);
  for (int64_t i = 0; i < kWords; ++i) {
    gates[i] = static_cast<uint16_t>(i);
    words[i] = static_cast<uint16_t>(i * 40503);
    if ((words[i] & 0x7fff) > 0x7f80) words[i] |= 0x40;
  }
  on_every_target([&] {
    const FloatMode mode;
    load_bf16(gates.data(), gate_numbers.data(), kWords);
    load_bf16(words.data(), numbers.data(), kWords);
    for (int64_t i = 0; i < kWords; ++i) chosen[i] = gate_numbers[i] > 0 ? numbers[i] : 0;
    std::vector<uint16_t> expected(kWords), found(kWords);
    store_bf16(chosen.data(), expected.data(), kWords);
    const uint16_t* const in[] = {gates.data(), words.data()};
    where_positive_bf16(in, found.data(), kWords);
    for (int64_t i = 0; i < kWords; ++i) ASSERT_EQ(found[i], expected[i]) << "gate " << i;
    for (int64_t i = 0; i < kWords; ++i)  // NaN and what is not positive choose 0
      ASSERT_EQ(found[i] == words[i], (i >= 0x80 && i <= 0x7f80) || words[i] == 0) << "gate " << i;
  });
}

TEST(Blocks, ChoicesOfEveryLength) {
  std::vector<float> gates = any_floats(71), numbers(71), chosen(71);
  std::vector<uint16_t> gate_words(71), words(71), chosen_words(71);
  for (int i = 0; i < 71; ++i) {
    numbers[i] = static_cast<float>(i) - 3.5f;
    gates[i] = i % 3 == 0 ? -1.f : i % 7 == 0 ? kNaN : 2.f;
    chosen[i] = gates[i] > 0 ? numbers[i] : 0;
  }
  store_bf16(gates.data(), gate_words.data(), 71);
  store_bf16(numbers.data(), words.data(), 71);
  store_bf16(chosen.data(), chosen_words.data(), 71);
  // `in` is a copy of what is chosen from; the gates keep its offset.
  const auto choose_words = [&](const uint16_t* in, uint16_t* out, int64_t n) {
    const auto at = n > 0 ? std::ranges::find(words, *in) - words.begin() : 0;
    const uint16_t* const inputs[] = {gate_words.data() + at, in};
    where_positive_bf16(inputs, out, n);
  };
  check_lengths<uint16_t, uint16_t>(words, chosen_words, 7, choose_words);
}

}  // namespace
}  // namespace omni::cpu
