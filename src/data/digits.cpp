#include "data/digits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/error.h"
#include "data/digit_strokes.h"
#include "data/source.h"

namespace omni {
namespace {

constexpr int kSide = 28;
constexpr int kPixels = kSide * kSide;
constexpr int kClasses = 10;

// How differently the digits are written. Deviations of normal values unless said otherwise;
// set so that a small fully connected network errs on a few per cent, as it does on MNIST.
constexpr double kPointJitter = 0.035;          // of each pen point, in glyph heights
constexpr double kHeight = 19, kScaling = 0.1;  // pixels; and of width and height each
constexpr double kRotation = 0.14, kSlant = 0.22, kMeanSlant = 0.12;  // radians; shear factors
constexpr double kShift = 0.9;                  // pixels, after centring
constexpr double kBend = 0.9;                   // elastic displacement, pixels
constexpr double kThin = 0.75, kThick = 1.75;   // radius of the pen, pixels, uniform
constexpr double kMostNoise = 0.22;             // amplitude of pixel noise at full contrast

struct Vec {
  double x, y;
};

// A smooth random displacement: two waves per axis about as long as the image.
class Bend {
 public:
  explicit Bend(Stream& random) {
    for (Wave& wave : waves_) {
      const double angle = 2 * std::numbers::pi * random.uniform();
      const double radians_per_pixel = 2 * std::numbers::pi / (14 + 18 * random.uniform());
      wave = {std::cos(angle) * radians_per_pixel, std::sin(angle) * radians_per_pixel,
              2 * std::numbers::pi * random.uniform(), kBend * random.normal()};
    }
  }
  Vec operator()(Vec p) const {
    return {p.x + at(waves_[0], p) + at(waves_[1], p), p.y + at(waves_[2], p) + at(waves_[3], p)};
  }

 private:
  struct Wave {
    double x, y, phase, amplitude;
  };
  static double at(const Wave& w, Vec p) {
    return w.amplitude * std::sin(w.x * p.x + w.y * p.y + w.phase);
  }
  std::array<Wave, 4> waves_;
};

// A jittered stroke as a chain of short lines: Catmull-Rom between corners.
std::vector<Vec> flatten(const Stroke& stroke, Stream& random) {
  constexpr int kLinesPerSpan = 4;
  std::vector<Vec> points;
  for (const PenPoint& p : stroke)
    points.push_back({p.x + kPointJitter * random.normal(), p.y + kPointJitter * random.normal()});
  const size_t last = points.size() - 1;
  // Where the path is not smooth the missing neighbour is the point itself.
  const auto before = [&](size_t i) { return i == 0 || stroke[i].corner ? i : i - 1; };
  const auto after = [&](size_t i) { return i == last || stroke[i].corner ? i : i + 1; };
  std::vector<Vec> chain = {points[0]};
  for (size_t i = 0; i < last; ++i) {
    const Vec a = points[before(i)], b = points[i], c = points[i + 1], d = points[after(i + 1)];
    for (int step = 1; step <= kLinesPerSpan; ++step) {
      const double t = static_cast<double>(step) / kLinesPerSpan;
      const auto blend = [t](double a, double b, double c, double d) {
        return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
      };
      chain.push_back({blend(a.x, b.x, c.x, d.x), blend(a.y, b.y, c.y, d.y)});
    }
  }
  return chain;
}

// Ink of 0 to 1 by pixel. Rows have room behind the image, for vectors that reach past its end.
constexpr int kCanvasRow = kSide + 4;
using Canvas = std::array<float, kSide * kCanvasRow>;

// Four pixels of a row, as GCC and Clang know vectors.
using Pixels = float __attribute__((vector_size(16)));

Pixels sqrt(Pixels x) {
  for (int i = 0; i < 4; ++i) x[i] = std::sqrt(x[i]);
  return x;
}

// Lays ink along one line; where strokes cross the darker one shows. Four pixels at once: one
// by one they took half of the time of making a data set.
void draw_line(Canvas& canvas, Vec from, Vec to, double radius) {
  constexpr double kEdge = 0.7;  // half the width of the soft rim, pixels
  const double reach = radius + kEdge;
  const auto low = [&](double a, double b) {
    return std::max(0, static_cast<int>(std::ceil(std::min(a, b) - reach)));
  };
  const auto high = [&](double a, double b) {
    return std::min(kSide - 1, static_cast<int>(std::floor(std::max(a, b) + reach)));
  };
  const auto dx = static_cast<float>(to.x - from.x), dy = static_cast<float>(to.y - from.y);
  const float scale = 1 / std::max(1e-6f, dx * dx + dy * dy);
  const int last_x = high(from.x, to.x), last_y = high(from.y, to.y);
  for (int x = low(from.x, to.x); x <= last_x; x += 4) {
    Pixels px;
    for (int i = 0; i < 4; ++i) px[i] = static_cast<float>(x + i - from.x);
    for (int y = low(from.y, to.y); y <= last_y; ++y) {
      const auto py = static_cast<float>(y - from.y);
      Pixels along = (px * dx + py * dy) * scale;
      along = along < 0.f ? Pixels{} : along;
      along = along > 1.f ? Pixels{} + 1.f : along;
      const Pixels rx = px - along * dx, ry = py - along * dy;
      Pixels ink = (static_cast<float>(reach) - sqrt(rx * rx + ry * ry)) * float(0.5 / kEdge);
      ink = ink > 1.f ? Pixels{} + 1.f : ink;
      float* pixels = &canvas[y * kCanvasRow + x];
      Pixels drawn;
      std::memcpy(&drawn, pixels, sizeof(drawn));
      drawn = ink > drawn ? ink : drawn;  // beyond the line's reach ink is 0 or less
      std::memcpy(pixels, &drawn, sizeof(drawn));
    }
  }
}

// Glyph units to pixels: scaled, slanted, rotated, bent, centred as a whole and shifted.
void place(std::vector<std::vector<Vec>>& chains, Stream& random) {
  const double width = kHeight * (1 + kScaling * random.normal());
  const double height = kHeight * (1 + kScaling * random.normal());
  const double slant = kMeanSlant + kSlant * random.normal();
  const double angle = kRotation * random.normal();
  const double cosine = std::cos(angle), sine = std::sin(angle);
  const Bend bend(random);
  Vec low{1e9, 1e9}, high{-1e9, -1e9};
  for (auto& chain : chains)
    for (Vec& p : chain) {
      const double y = height * (p.y - 0.5), x = width * (p.x - 0.35) - slant * y;
      p = bend({x * cosine - y * sine, x * sine + y * cosine});
      low = {std::min(low.x, p.x), std::min(low.y, p.y)};
      high = {std::max(high.x, p.x), std::max(high.y, p.y)};
    }
  const double middle = (kSide - 1) / 2.0;
  const double shift_x = middle - (low.x + high.x) / 2 + kShift * random.normal();
  const double shift_y = middle - (low.y + high.y) / 2 + kShift * random.normal();
  for (auto& chain : chains)
    for (Vec& p : chain) p = {p.x + shift_x, p.y + shift_y};
}

// Rounds to bytes with noise of a random strength; most of the paper stays exactly 0, as in MNIST.
void expose(const Canvas& canvas, Stream& random, std::span<uint8_t> image) {
  constexpr float kFloor = 0.06f;  // fainter ink is paper
  const double strength = random.uniform();
  const auto noise = static_cast<float>(kMostNoise * strength * strength);
  const auto contrast = static_cast<float>(1 - 0.25 * random.uniform());
  for (int first = 0; first < kPixels; first += 2) {
    const uint32_t word = random.bits();  // two bytes for each of two pixels
    const float* inks = &canvas[first / kSide * kCanvasRow + first % kSide];
    for (int i = 0; i < 2; ++i) {
      const uint32_t half = word >> (16 * i);
      const float triangular = (static_cast<float>((half & 255) + (half >> 8 & 255)) - 255) / 255;
      const float ink = contrast * inks[i] + noise * triangular;
      image[first + i] = static_cast<uint8_t>(ink < kFloor ? 0 : 255 * std::min(1.f, ink) + 0.5f);
    }
  }
}

void draw_digit(int digit, Stream& random, std::span<uint8_t> image) {
  const std::span<const Glyph> glyphs = glyphs_of(digit);
  const Glyph& glyph = glyphs[random.below(glyphs.size())];
  std::vector<std::vector<Vec>> chains;
  for (const Stroke& stroke : glyph) chains.push_back(flatten(stroke, random));
  place(chains, random);
  const double radius = kThin + (kThick - kThin) * random.uniform();
  const double swell = 0.25 * random.normal();  // the pen presses more at one end of a stroke
  Canvas canvas{};
  for (const auto& chain : chains)
    for (size_t i = 1; i < chain.size(); ++i) {
      const double along = static_cast<double>(i) / static_cast<double>(chain.size()) - 0.5;
      draw_line(canvas, chain[i - 1], chain[i],
                std::clamp(radius * (1 + swell * along), 0.6, 2.2));
    }
  expose(canvas, random, image);
}

Split make_split(Key key, int64_t count) {
  Split split{Samples(SampleType::u8, count, kPixels), {}};
  const std::span<uint8_t> pixels = split.x.u8();
  for (int64_t i = 0; i < count; ++i) {
    split.y.push_back(balanced_class(key, i, kClasses));
    Stream random(key.fold("image").fold(static_cast<uint64_t>(i)));
    draw_digit(split.y.back(), random, pixels.subspan(i * kPixels, kPixels));
  }
  return split;
}

}  // namespace

Dataset digits(Key key, int64_t train_count, int64_t test_count) {
  require(train_count >= 1 && test_count >= 1,
          "digits: expected at least one image in each split, found {} and {}", train_count,
          test_count);
  Dataset data;
  data.name = data.requested = "digits";
  data.source = "generated";
  data.shape = {kSide, kSide};
  data.classes = kClasses;
  data.train = make_split(key.fold("digits train"), train_count);
  data.test = make_split(key.fold("digits test"), test_count);
  data.hash = content_hash(data.train, data.test);
  return data;
}

DataSource digits_source() {
  return {.name = "digits",
          .shape = {kSide, kSide},
          .type = SampleType::u8,
          .classes = kClasses,
          .train_count = 60000,
          .test_count = 10000,
          .draw = digits};
}

}  // namespace omni
