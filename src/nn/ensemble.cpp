#include "nn/ensemble.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/huge_pages.h"
#include "base/nearest.h"

namespace omni {
namespace {

std::vector<std::string> names_of(const std::vector<ParameterSpec>& specs) {
  std::vector<std::string> names;
  for (const ParameterSpec& spec : specs) names.push_back(spec.name);
  return names;
}

void require_equal_parameters(const std::vector<ParameterSpec>& a,
                              const std::vector<ParameterSpec>& b) {
  const auto same = [](const ParameterSpec& x, const ParameterSpec& y) {
    return x.name == y.name && x.shape == y.shape;
  };
  require(std::equal(a.begin(), a.end(), b.begin(), b.end(), same),
          "models of different parameters: {} against {}", fmt::join(names_of(a), ", "),
          fmt::join(names_of(b), ", "));
}

double deviation_of(std::span<const float> values) {
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const float x : values) squares += (x - mean) * (x - mean);
  return std::sqrt(squares / count);
}

// The sum of term(x, y) over all numbers of two models, in order.
double sum_over(ModelView a, ModelView b, auto term) {
  require_equal_parameters(a.ensemble->specs(), b.ensemble->specs());
  double total = 0;
  for (size_t s = 0; s < a.ensemble->specs().size(); ++s) {
    const auto x = a.ensemble->array(s, a.index), y = b.ensemble->array(s, b.index);
    for (size_t i = 0; i < x.size(); ++i) total += term(double{x[i]}, double{y[i]});
  }
  return total;
}

double inner(ModelView a, ModelView b) {
  return sum_over(a, b, [](double x, double y) { return x * y; });
}

uint64_t hash_floats(uint64_t h, std::span<const float> values) {
  for (const float x : values) {
    h = (h ^ std::bit_cast<uint32_t>(x)) * 0x9E3779B97F4A7C15ull;
    h ^= h >> 29;
  }
  return h;
}

}  // namespace

Ensemble::Ensemble(std::vector<ParameterSpec> specs, int64_t models)
    : specs_(std::move(specs)), models_(models) {
  require(models >= 1, "an ensemble needs at least one model, got {}", models);
  std::vector<std::string> names = names_of(specs_);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) fail_user("two parameters are called '{}'", *twice);
  constexpr int64_t kLine = kAlignment / static_cast<int64_t>(sizeof(float));
  for (const ParameterSpec& spec : specs_) {
    strides_.push_back(round_up(spec.shape.count(), kLine));
    AlignedBytes& block =
        memory_.emplace_back(models * strides_.back() * static_cast<int64_t>(sizeof(float)));
    ask_for_huge_pages(block.data(), block.size());
  }
}

void Ensemble::zero(int64_t model) {
  for (size_t i = 0; i < specs_.size(); ++i) {
    const std::span<float> values = array(i, model);
    omni::zero(values.data(), static_cast<int64_t>(values.size_bytes()));
  }
}

int64_t Ensemble::parameters() const {
  int64_t total = 0;
  for (const ParameterSpec& spec : specs_) total += spec.shape.count();
  return total;
}

int64_t Ensemble::bytes() const {
  int64_t total = 0;
  for (const AlignedBytes& block : memory_) total += block.size();
  return total;
}

size_t Ensemble::find(std::string_view name) const {
  const auto it =
      std::find_if(specs_.begin(), specs_.end(), [&](auto& s) { return s.name == name; });
  if (it == specs_.end()) fail_user("no parameter '{}'{}", name, suggest(name, names_of(specs_)));
  return static_cast<size_t>(it - specs_.begin());
}

std::span<const float> Ensemble::array(size_t spec, int64_t model) const {
  check(spec < specs_.size() && model >= 0 && model < models_, "model {} of {}, parameter {} of {}",
        model, models_, spec, specs_.size());
  const auto* floats = reinterpret_cast<const float*>(memory_[spec].data());
  return {floats + model * strides_[spec], static_cast<size_t>(specs_[spec].shape.count())};
}

std::span<float> Ensemble::array(size_t spec, int64_t model) {
  const auto view = std::as_const(*this).array(spec, model);
  return {const_cast<float*>(view.data()), view.size()};
}

std::span<const float> Ensemble::array(std::string_view name, int64_t model) const {
  return array(find(name), model);
}
std::span<float> Ensemble::array(std::string_view name, int64_t model) {
  return array(find(name), model);
}

std::span<const float> Ensemble::rows(std::string_view name, int64_t model, int64_t from,
                                      int64_t to) const {
  const size_t spec = find(name);
  const Shape& shape = specs_[spec].shape;
  require(shape.rank() > 0 && 0 <= from && from <= to && to <= shape[0],
          "parameter '{}' is {} and has no rows {}..{}", name, shape, from, to);
  const int64_t row = shape[0] > 0 ? shape.count() / shape[0] : 0;
  return array(spec, model)
      .subspan(static_cast<size_t>(from * row), static_cast<size_t>((to - from) * row));
}

ModelView Ensemble::operator[](int64_t model) const {
  check(model >= 0 && model < models_, "model {} of {}", model, models_);
  return {this, model};
}

void Ensemble::initialise(int64_t model, Key key) {
  for (size_t s = 0; s < specs_.size(); ++s)
    omni::initialise(specs_[s], key.fold(specs_[s].name), array(s, model));
}

Ensemble Ensemble::clone() const {
  std::vector<int64_t> all(static_cast<size_t>(models_));
  std::iota(all.begin(), all.end(), 0);
  return select(all);
}

Ensemble Ensemble::select(std::span<const int64_t> models) const {
  for (const int64_t m : models)
    require(m >= 0 && m < models_, "model {}: this ensemble has models 0..{}", m, models_ - 1);
  Ensemble chosen(specs_, static_cast<int64_t>(models.size()));
  for (size_t i = 0; i < models.size(); ++i)
    chosen.copy(static_cast<int64_t>(i), {this, models[i]});
  return chosen;
}

void Ensemble::copy(int64_t to, ModelView from) {
  require_equal_parameters(specs_, from.ensemble->specs());
  for (size_t s = 0; s < specs_.size(); ++s) {
    const auto source = from.ensemble->array(s, from.index);
    std::memmove(array(s, to).data(), source.data(), source.size_bytes());
  }
}

void Ensemble::interpolate(int64_t to, ModelView a, ModelView b, double t) {
  require_equal_parameters(specs_, a.ensemble->specs());
  require_equal_parameters(specs_, b.ensemble->specs());
  if (t == 0) return copy(to, a);
  if (t == 1) return copy(to, b);
  for (size_t s = 0; s < specs_.size(); ++s) {
    const auto x = a.ensemble->array(s, a.index), y = b.ensemble->array(s, b.index);
    const auto out = array(s, to);
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>((1 - t) * x[i] + t * y[i]);
  }
}

void Ensemble::perturb(int64_t model, Key key, double scale, Noise noise) {
  if (scale == 0) return;
  std::vector<float> draws;
  for (size_t s = 0; s < specs_.size(); ++s) {
    const auto values = array(s, model);
    draws.resize(values.size());
    fill_normal(key.fold(specs_[s].name), draws);
    const double unit = noise == Noise::relative ? deviation_of(values) : 1;
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(values[i] + scale * unit * draws[i]);
  }
}

double norm(ModelView a) { return std::sqrt(inner(a, a)); }

double distance(ModelView a, ModelView b) {
  return std::sqrt(sum_over(a, b, [](double x, double y) { return (x - y) * (x - y); }));
}

double cosine(ModelView a, ModelView b) { return inner(a, b) / (norm(a) * norm(b)); }

double displacement_cosine(ModelView a, ModelView a_from, ModelView b, ModelView b_from) {
  for (const ModelView other : {a_from, b, b_from})
    require_equal_parameters(a.ensemble->specs(), other.ensemble->specs());
  double aa = 0, bb = 0, ab = 0;
  for (size_t s = 0; s < a.ensemble->specs().size(); ++s) {
    const auto x = a.ensemble->array(s, a.index), x0 = a_from.ensemble->array(s, a_from.index);
    const auto y = b.ensemble->array(s, b.index), y0 = b_from.ensemble->array(s, b_from.index);
    for (size_t i = 0; i < x.size(); ++i) {
      const double u = double{x[i]} - x0[i], v = double{y[i]} - y0[i];
      aa += u * u;
      bb += v * v;
      ab += u * v;
    }
  }
  return ab / (std::sqrt(aa) * std::sqrt(bb));
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

uint64_t weights_hash(ModelView a) {
  const auto& specs = a.ensemble->specs();
  std::vector<size_t> order(specs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t i, size_t j) { return specs[i].name < specs[j].name; });
  uint64_t h = 0;
  for (const size_t s : order)
    h = hash_floats(h ^ hash_text(specs[s].name), a.ensemble->array(s, a.index));
  return h;
}

}  // namespace omni
