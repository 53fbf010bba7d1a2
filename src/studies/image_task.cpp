#include "studies/image_task.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "nn/layers.h"
#include "nn/losses.h"
#include "ops/elementwise.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

const std::vector<std::string> kSplits = {"train", "test"};

// Bytes become numbers in [-1, 1].
Value scaled(Value x) { return x.type().dtype == DType::u8 ? x * (1 / 127.5) - 1.0 : x; }

}  // namespace

Value ImageData::pixels(Step& s) { return flatten(scaled(s.samples("x"))); }

int64_t ImageData::features(const Trial& t) {
  int64_t n = 1;
  for (const int64_t d : t.data().shape) n *= d;
  return n;
}

Trained ImageData::init(Trial& t, Key key, const std::function<void(Net&, Value pixels)>& define) {
  return t.init(define, {features(t)}, key);
}

int64_t ImageData::add_subset(Trial& t, const std::string& name, const Subset& which) const {
  const std::string split = split_of(name, kSplits);
  const std::vector<int32_t>& y = split == "train" ? t.data().train.y : t.data().test.y;
  const int64_t limit = split == "train" ? train : test;
  const int64_t most = std::min(limit, static_cast<int64_t>(y.size()));
  std::vector<int32_t> picks;
  std::map<int32_t, int64_t> taken;
  const auto offer = [&](int32_t sample) {
    const int32_t label = y[sample];
    if (which.keep && !which.keep(label)) return;
    if (which.per_class > 0 && taken[label]++ >= which.per_class) return;
    picks.push_back(sample);
  };
  if (which.draw)
    for (const int32_t sample : permutation(*which.draw, most)) offer(sample);
  else
    for (int32_t sample = 0; sample < most; ++sample) offer(sample);
  require(!picks.empty(),
          "subset '{}': none of the first {} {} samples of {} is of a wanted class; raise {} or ask "
          "for other classes",
          name, most, split, t.data().name, split);
  const auto count = static_cast<int64_t>(picks.size());
  t.add_subset(name, std::move(picks));
  return count;
}

void ImageData::add_all(Trial& t) const {
  add_subset(t, "all.train");
  add_subset(t, "all.test");
}

void ImageData::pictures(Trial& t, const std::string& figure, int64_t place,
                         std::span<const float> greys) {
  const std::vector<int64_t>& sides = t.data().shape;
  if (sides.size() != 2) return;
  const int64_t size = features(t);
  require(std::ssize(greys) % size == 0, "figure '{}': {} greys make no pictures of {} each", figure,
          greys.size(), size);
  for (int64_t i = 0; i < std::ssize(greys) / size; ++i)
    t.image(figure, place + i, "", greys.subspan(i * size, size), sides[0], sides[1]);
}

std::function<bool(int32_t)> one_of_classes(std::vector<int64_t> classes) {
  return [classes = std::move(classes)](int32_t label) {
    return std::ranges::find(classes, label) != classes.end();
  };
}

void ImageTask::check() const {
  require(arch != "cnn" || sample_shape(data).size() > 1,
          "arch=cnn: a convolutional network needs images, and data={} is signals; take arch=mlp or "
          "another data set",
          data);
}

Value ImageTask::images(Step& s, const std::string& subset) const {
  return images(s, subset, s.index());
}

Value ImageTask::images(Step& s, const std::string& subset, Value positions) const {
  return shaped(subset_rows(s, subset, "x", positions));
}

Value ImageTask::images(Step& s) const { return shaped(s.samples("x")); }

Value ImageTask::shaped(Value samples) const {
  const Value x = scaled(samples);
  if (arch == "mlp") return flatten(x);
  require(x.type().shape.rank() == 3,
          "arch=cnn: a convolutional network needs images, and a sample of this data set has "
          "shape {}; take arch=mlp",
          x.type().shape);
  return reshape(x, {x.dim(0), x.dim(1), x.dim(2), 1});
}

Value ImageTask::labels(Step& s, const std::string& subset) const {
  return labels(s, subset, s.index());
}

Value ImageTask::labels(Step& s, const std::string& subset, Value positions) const {
  return subset_rows(s, subset, "y", positions);
}

Value ImageTask::logits(Net& net, Value images, int64_t outputs) const {
  if (arch == "cnn")
    return small_convnet(net, images, outputs, {.channels = {channels, 2 * channels}});
  std::vector<int64_t> widths(depth, width);
  if (depth > 0 && last_width > 0) widths.back() = last_width;
  widths.push_back(outputs);
  return mlp(net, images, widths);
}

std::string ImageTask::output_layer() const {
  return arch == "cnn" ? "head" : fmt::format("layers.{}", depth);
}

Trained ImageTask::init(Trial& t, Key key, int64_t outputs) const {
  return init(t, key, [&](Net& net, Value images) { logits(net, images, outputs); });
}

Trained ImageTask::init(Trial& t, Key key,
                        const std::function<void(Net&, Value images)>& define) const {
  if (arch == "mlp") return ImageData::init(t, key, define);
  const std::vector<int64_t>& sides = t.data().shape;
  require(sides.size() == 2, "arch=cnn: a convolutional network needs images; {} has none",
          t.data().name);
  return t.init(define, {sides[0], sides[1], 1}, key);
}

LearningTask ImageTask::learning() const {
  LearningTask task;
  task.inputs = [it = *this](Step& s, const std::string& subset, Value positions) {
    return it.images(s, subset, positions);
  };
  task.labels = [it = *this](Step& s, const std::string& subset, Value positions) {
    return it.labels(s, subset, positions);
  };
  task.logits = [it = *this](Net& net, Value x) { return it.logits(net, x); };
  task.score = [it = *this](Step& s, const std::string& subset, Value z) {
    return accuracy(z, it.labels(s, subset));
  };
  return task;
}

double ImageTask::accuracy_on(Trial& t, const Ensemble& model, const std::string& subset,
                              int64_t outputs) const {
  const Measured m = t.evaluate(
      [&](Step& s) {
        Net net = s.net("model");
        const Value z = logits(net, images(s, subset), outputs);
        s.graph().result("accuracy", accuracy(z, labels(s, subset)));
      },
      rows_of(t, subset), {{"model", &model}});
  return m.at("accuracy")[0];
}

std::vector<float> ImageTask::logits_on(Trial& t, const Ensemble& model, const std::string& subset,
                                        int64_t outputs) const {
  Measured m = t.evaluate(
      [&](Step& s) {
        Net net = s.net("model");
        s.graph().result("logits", logits(net, images(s, subset), outputs));
      },
      rows_of(t, subset), {{"model", &model}});
  return std::move(m.at("logits"));
}

void ForgetClasses::check_classes() const {
  require(!retain.empty() && !forget.empty(), "retain and forget need a class each");
  for (const int64_t c : retain)
    require(std::ranges::find(forget, c) == forget.end(),
            "retain={} and forget={}: class {} is in both", fmt::join(retain, ","),
            fmt::join(forget, ","), c);
}

void ForgetClasses::add_topics(Trial& t, const ImageTask& task) const {
  const auto keep = one_of_classes(retain), lose = one_of_classes(forget);
  const auto either = [&](int32_t label) { return keep(label) || lose(label); };
  task.add_subset(t, "all.train", {.keep = either});
  for (const std::string split : {".train", ".test"}) {
    task.add_subset(t, "retain" + split, {.keep = keep});
    task.add_subset(t, "forget" + split, {.keep = lose});
  }
}

}  // namespace omni
