#include "nn/init.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <vector>

namespace omni {
namespace {

// Pairs of normals made at a time: a constant, so that the compiler vectorises the loop.
constexpr int64_t kPairs = 512;

// ln(u) for u in (0, 1], error below 3e-7 relative: u = 2^e m with m in [sqrt(1/2), sqrt(2)) and
// ln(m) = 2 artanh(s) = 2 (s + s^3/3 + ...) with s = (m - 1) / (m + 1), |s| < 0.172.
inline float log_of(float u) {
  const uint32_t bits = std::bit_cast<uint32_t>(u);
  const int32_t exponent = static_cast<int32_t>(bits - 0x3f3504f3u) >> 23;
  const float m = std::bit_cast<float>(bits - (static_cast<uint32_t>(exponent) << 23));
  const float s = (m - 1) / (m + 1);
  const float z = s * s;
  const float series = 1.0f / 9 * z + 1.0f / 7;
  const float tail = ((series * z + 1.0f / 5) * z + 1.0f / 3) * z * s;
  return static_cast<float>(exponent) * 0.69314718f + 2 * (s + tail);
}

// Two normals from two random words; plain float arithmetic without branches.
inline void box_muller(uint32_t radius_bits, uint32_t turn_bits, float& first, float& second) {
  const float u = static_cast<float>(static_cast<int32_t>(radius_bits >> 8) + 1) * 0x1.0p-24f;
  const float radius = std::sqrt(-2 * log_of(u));
  // The angle is turn / 2^24 turns: the nearest quarter and an exact rest of at most 1/8 turn, for
  // which Taylor series of these lengths are off by less than 4e-8.
  const uint32_t turn = turn_bits >> 8;
  const uint32_t quarter = (turn + (1u << 21)) >> 22;
  const auto rest = static_cast<int32_t>(turn - (quarter << 22));
  const float x = static_cast<float>(rest) * (6.2831853f * 0x1.0p-24f);
  const float z = x * x;
  const float sine =
      x + x * z * (-1.0f / 6 + z * (1.0f / 120 + z * (-1.0f / 5040 + z * (1.0f / 362880))));
  const float cosine = 1 + z * (-0.5f + z * (1.0f / 24 + z * (-1.0f / 720 + z * (1.0f / 40320))));
  const uint32_t swap = 0u - (quarter & 1);
  const uint32_t a = std::bit_cast<uint32_t>(cosine), b = std::bit_cast<uint32_t>(sine);
  const uint32_t sign_a = ((quarter + 1) << 30) & 0x80000000u,
                 sign_b = (quarter << 30) & 0x80000000u;
  first = radius * std::bit_cast<float>(((a & ~swap) | (b & swap)) ^ sign_a);
  second = radius * std::bit_cast<float>(((b & ~swap) | (a & swap)) ^ sign_b);
}

int64_t fan_of(Fan fan, const Shape& shape) {
  const int64_t rest =
      std::accumulate(shape.begin() + 2, shape.end(), int64_t{1}, std::multiplies());
  return (fan == Fan::in ? shape[1] : shape[0]) * rest;
}

double dot(std::span<const double> a, std::span<const double> b) {
  double part[4] = {};  // four chains, in an order that is part of the promise on bits
  size_t i = 0;
  for (; i + 4 <= a.size(); i += 4)
    for (size_t k = 0; k < 4; ++k) part[k] += a[i + k] * b[i + k];
  for (; i < a.size(); ++i) part[0] += a[i] * b[i];
  return (part[0] + part[1]) + (part[2] + part[3]);
}

// Gram and Schmidt's procedure on random vectors, projecting twice, which is as good as it gets
// (Giraud, Langou & Rozloznik 2005).
void fill_orthogonal(Key key, const Shape& shape, double gain, std::span<float> out) {
  const int64_t rows = shape[0], columns = shape.count() / rows;
  const auto count = static_cast<size_t>(std::min(rows, columns));
  const auto length = static_cast<size_t>(std::max(rows, columns));
  fill_normal(key, out);
  std::vector<double> v(out.begin(), out.end());  // `count` vectors, one after another
  const auto vector = [&](size_t i) { return std::span(v).subspan(i * length, length); };
  for (size_t i = 0; i < count; ++i) {
    const auto now = vector(i);
    for (int pass = 0; pass < 2; ++pass)
      for (size_t j = 0; j < i; ++j) {
        const auto before = vector(j);
        const double along = dot(now, before);
        for (size_t k = 0; k < length; ++k) now[k] -= along * before[k];
      }
    const double inverse = 1 / std::sqrt(dot(now, now));
    for (double& x : now) x *= inverse;
  }
  for (size_t r = 0; r < static_cast<size_t>(rows); ++r)
    for (size_t c = 0; c < static_cast<size_t>(columns); ++c)
      out[r * static_cast<size_t>(columns) + c] =
          static_cast<float>(gain * (rows <= columns ? vector(r)[c] : vector(c)[r]));
}

}  // namespace

namespace init {

Init zeros() { return {}; }
Init ones() { return constant(1); }
Init constant(double value) { return {Init::Kind::constant, value, 0, Fan::none}; }
Init normal(double mean, double deviation) {
  return {Init::Kind::normal, mean, deviation, Fan::none};
}
Init uniform(double low, double high) {
  return {Init::Kind::uniform, (low + high) / 2, (high - low) / 2, Fan::none};
}
Init orthogonal(double gain) { return {Init::Kind::orthogonal, 0, gain, Fan::none}; }
Init pytorch_linear() { return {Init::Kind::uniform, 0, 1, Fan::in}; }
Init pytorch_linear(int64_t fan_in) {
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
  return uniform(-bound, bound);
}
Init lecun_normal() { return {Init::Kind::normal, 0, 1, Fan::in}; }
Init he_normal() { return {Init::Kind::normal, 0, std::sqrt(2.0), Fan::in}; }
Init he_uniform() { return {Init::Kind::uniform, 0, std::sqrt(6.0), Fan::in}; }
Init xavier_normal() { return {Init::Kind::normal, 0, 1, Fan::average}; }
Init xavier_uniform() { return {Init::Kind::uniform, 0, std::sqrt(3.0), Fan::average}; }

}  // namespace init

double scale_for(const Init& init, const Shape& shape, const std::string& name) {
  const bool needs_matrix = init.fan != Fan::none || init.kind == Init::Kind::orthogonal;
  require(!needs_matrix || shape.rank() >= 2,
          "parameter '{}' {}: this initialiser needs a shape [out, in, ...]; give one without fan, "
          "such as init::normal(mean, deviation)",
          name, shape);
  require(shape.count() >= 1, "parameter '{}' {} is empty", name, shape);
  if (init.fan == Fan::none) return init.scale;
  const auto fan = [&](Fan f) { return static_cast<double>(fan_of(f, shape)); };
  return init.scale /
         std::sqrt(init.fan == Fan::average ? (fan(Fan::in) + fan(Fan::out)) / 2 : fan(init.fan));
}

void initialise(const ParameterSpec& spec, Key key, std::span<float> out) {
  check(static_cast<int64_t>(out.size()) == spec.shape.count(), "{} numbers for parameter '{}' {}",
        out.size(), spec.name, spec.shape);
  const double scale = scale_for(spec.init, spec.shape, spec.name);
  const auto center = static_cast<float>(spec.init.center), width = static_cast<float>(scale);
  switch (spec.init.kind) {
    case Init::Kind::constant:
      std::fill(out.begin(), out.end(), center);
      return;
    case Init::Kind::orthogonal:
      fill_orthogonal(key, spec.shape, scale, out);
      return;
    case Init::Kind::normal:
      fill_normal(key, out);
      for (float& x : out) x = center + width * x;
      return;
    case Init::Kind::uniform:
      fill_uniform(key, out);
      for (float& x : out) x = center + width * (2 * x - 1);
      return;
  }
}

void fill_normal(Key key, std::span<float> out) {
  uint32_t radius[kPairs], turn[kPairs];
  float values[2 * kPairs];
  for (size_t begin = 0; begin < out.size(); begin += 2 * kPairs) {
    const size_t count = std::min<size_t>(2 * kPairs, out.size() - begin);
    const size_t counters = (count + 3) / 4;
    for (size_t i = 0; i < counters; ++i) {
      const auto words = philox(key.bits, static_cast<uint32_t>(begin / 4 + i), 0, 0, 0);
      radius[2 * i] = words[0], turn[2 * i] = words[1];
      radius[2 * i + 1] = words[2], turn[2 * i + 1] = words[3];
    }
    std::fill(radius + 2 * counters, radius + kPairs, 0u);
    std::fill(turn + 2 * counters, turn + kPairs, 0u);
    for (int64_t i = 0; i < kPairs; ++i)
      box_muller(radius[i], turn[i], values[2 * i], values[2 * i + 1]);
    std::copy_n(values, count, out.begin() + static_cast<std::ptrdiff_t>(begin));
  }
}

void fill_uniform(Key key, std::span<float> out) {
  for (size_t i = 0; i < out.size(); i += 4) {
    const auto words = philox(key.bits, static_cast<uint32_t>(i / 4), 0, 0, 0);
    for (size_t k = 0; k < std::min<size_t>(4, out.size() - i); ++k)
      out[i + k] = unit_float(words[k]);
  }
}

}  // namespace omni
