#include "studies/image_task.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "lab/worker.h"
#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/optimizers.h"
#include "ops/elementwise.h"
#include "ops/reduce.h"

namespace omni {
namespace {

constexpr int64_t kSide = 4, kTrain = 60, kTest = 40;
constexpr int kClasses = 5;

// Images whose row `label % 4` is ink; label 4 is blank.
Split blocks(int64_t count) {
  Split s{Samples(SampleType::u8, count, kSide * kSide), {}};
  for (int64_t i = 0; i < count; ++i) {
    const auto label = static_cast<int32_t>(i * 3 % kClasses);
    s.y.push_back(label);
    for (int64_t f = 0; f < kSide * kSide && label < 4; ++f)
      s.x.u8()[i * kSide * kSide + f] = f / kSide == label ? 255 : 0;
  }
  return s;
}

struct Bench {
  explicit Bench(bool dry = false) : worker(options(dry)), trial(worker, 0, "", record) {
    task.train = 50;
    task.test = 30;
    task.width = 16;
    worker.begin(0);
  }
  WorkerOptions options(bool dry) {
    data.name = data.requested = "blocks";
    data.shape = {kSide, kSide};
    data.classes = kClasses;
    data.train = blocks(kTrain);
    data.test = blocks(kTest);
    data.hash = content_hash(data.train, data.test);
    WorkerOptions o;
    o.data = &data;
    o.dry = dry;
    return o;
  }
  std::vector<int32_t> picks(const std::string& subset) {
    const Table& a = trial.tables().at(subset);
    const auto* p = static_cast<const int32_t*>(a.data);
    return {p, p + a.type.count()};
  }

  Dataset data;
  Worker worker;
  SeedRecord record;
  Trial trial;
  ImageTask task;
};

TEST(ImageTask, SubsetsHoldWantedClassesOfTheFirstSamples) {
  Bench b;
  const auto keep = one_of_classes({0, 4});
  EXPECT_EQ(b.task.add_subset(b.trial, "retain.train", {.keep = keep}), 20);
  for (const int32_t i : b.picks("retain.train")) {
    EXPECT_LT(i, b.task.train);
    EXPECT_TRUE(keep(b.data.train.y[i]));
  }
  EXPECT_EQ(b.task.add_subset(b.trial, "all.test"), 30);
  b.task.test = 1000;
  EXPECT_EQ(b.task.add_subset(b.trial, "all.test"), kTest);
}

TEST(ImageTask, AllIsWhatIsUsedOfBothSplits) {
  Bench b;
  b.task.add_all(b.trial);
  EXPECT_EQ(b.picks("all.train").size(), 50u);
  EXPECT_EQ(b.picks("all.test").size(), 30u);
}

TEST(ImageTask, PicturesOfSamplesStandOneAfterAnother) {
  Bench b;
  const std::vector<float> greys(3 * kSide * kSide, 0.5F);
  ImageData::pictures(b.trial, "strip", 4, greys);
  ASSERT_EQ(b.record.images.size(), 3u);
  EXPECT_EQ(b.record.images.front().place, 4);
  EXPECT_EQ(b.record.images.back().place, 6);
  EXPECT_THROW(ImageData::pictures(b.trial, "strip", 9, std::span(greys).first(3)), UserError);
  b.data.shape = {kSide * kSide};  // signals
  ImageData::pictures(b.trial, "strip", 20, greys);
  EXPECT_EQ(b.record.images.size(), 3u);
}

TEST(ImageTask, FewShotSubsetsAreDrawnFromAKey) {
  Bench b;
  const auto few = [&](std::optional<Key> key) {
    EXPECT_EQ(b.task.add_subset(b.trial, "few.train",
                                {.keep = one_of_classes({1, 2}), .per_class = 3, .draw = key}),
              6);
    return b.picks("few.train");
  };
  const auto first = few(std::nullopt), one = few(Key::of(1)), two = few(Key::of(2));
  EXPECT_EQ(few(Key::of(1)), one);
  EXPECT_NE(one, two);
  EXPECT_NE(one, first);
  std::map<int32_t, int> counts;
  for (const int32_t i : one) ++counts[b.data.train.y[i]];
  EXPECT_EQ(counts, (std::map<int32_t, int>{{1, 3}, {2, 3}}));
}

TEST(ImageTask, SaysWhichSubsetIsWrong) {
  Bench b;
  EXPECT_THROW(b.task.add_subset(b.trial, "retain"), UserError);
  EXPECT_THROW(b.task.add_subset(b.trial, "retain.validation"), UserError);
  EXPECT_THROW(b.task.add_subset(b.trial, "x.train", {.keep = one_of_classes({9})}), UserError);
  EXPECT_THROW(b.task.accuracy_on(b.trial, b.task.init(b.trial, Key::of(1)), "nowhere.test"),
               UserError);
}

TEST(ImageTask, PixelsBecomeMinusOneToOne) {
  Bench b;
  b.task.add_subset(b.trial, "zero.test", {.keep = one_of_classes({0})});
  const Measured m = b.trial.evaluate(
      [&](Step& s) {
        s.graph().result("x", b.task.images(s, "zero.test"));
        s.graph().result("y", b.task.labels(s, "zero.test"));
      },
      2, {});
  ASSERT_EQ(m.at("x").size(), 2u * kSide * kSide);
  EXPECT_EQ(m.at("x")[0], 1);
  EXPECT_EQ(m.at("x")[kSide], -1);
  EXPECT_EQ(m.at("y"), (std::vector<float>{0, 0}));
}

Trained learn(Bench& b, const Ensemble& start) {
  const int64_t rows = b.task.add_subset(b.trial, "all.train");
  b.task.add_subset(b.trial, "all.test");
  Training p;
  p.name = "learn";
  p.start = &start;
  p.samples = rows;
  p.batch = 10;
  p.epochs = 40;
  p.lr = [](int64_t, int64_t) { return 0.01; };
  p.build = [&](Step& s) {
    Net net = s.net("model");
    const Value z = b.task.logits(net, b.task.images(s, "all.train"), kClasses);
    const Value loss = cross_entropy(z, b.task.labels(s, "all.train"));
    s.graph().result("loss", loss);
    apply(Adam{}, net, loss, s.lr());
  };
  return b.trial.train(p);
}

TEST(ImageTask, BothNetworksLearnAndAreEvaluated) {
  for (const char* arch : {"mlp", "cnn"}) {
    Bench b;
    b.task.arch = arch;
    b.task.channels = 4;
    const Ensemble start = b.task.init(b.trial, Key::of(3), kClasses);
    EXPECT_EQ(start.array(b.task.output_layer() + ".bias", 0).size(), size_t{kClasses});
    const Trained t = learn(b, start);
    EXPECT_GT(b.task.accuracy_on(b.trial, t.model, "all.test", kClasses), 0.95) << arch;
    const auto z = b.task.logits_on(b.trial, t.model, "all.test", kClasses);
    ASSERT_EQ(z.size(), size_t(b.task.test * kClasses));
    for (int64_t i = 0; i < b.task.test; ++i)
      EXPECT_EQ(std::max_element(&z[i * kClasses], &z[(i + 1) * kClasses]) - &z[i * kClasses],
                b.data.test.y[i]);
  }
}

TEST(ImageTask, SecondBatchesAreUniformAndRepeatable) {
  Bench b;
  const int64_t count = b.task.add_subset(b.trial, "some.train", {.per_class = 2});
  const LearningTask task = b.task.learning();
  const auto draw = [&](int64_t rows, const char* purpose) {
    return b.trial
        .evaluate(
            [&](Step& s) { s.graph().result("p", task.random_positions(s, "some.train", purpose)); },
            rows, {})
        .at("p");
  };
  const auto many = draw(400, "second");
  const std::set<float> seen(many.begin(), many.end());
  EXPECT_EQ(seen.size(), static_cast<size_t>(count));
  EXPECT_EQ(*seen.begin(), 0);
  EXPECT_EQ(*seen.rbegin(), count - 1);
  EXPECT_EQ(draw(5, "second"), std::vector<float>(many.begin(), many.begin() + 5));
  EXPECT_NE(draw(5, "third"), draw(5, "second"));
}

TEST(ImageTask, AConvolutionNeedsImages) {
  ImageTask task;
  task.arch = "cnn";
  EXPECT_NO_THROW(task.check());
  task.data = "mnist1d";
  EXPECT_THROW(task.check(), UserError);
  task.arch = "mlp";
  EXPECT_NO_THROW(task.check());
}

TEST(ImageTask, ItsOptionsBringTheCheckAlong) {
  ImageTask task;
  task.arch = "cnn", task.data = "mnist1d";
  OptionList all, some;
  task.visit(all);
  EXPECT_THROW(all.check(), UserError);
  task.ImageData::visit(some.only("data train"));
  some.check();
  EXPECT_EQ(some.names(), (std::vector<std::string>{"data", "train"}));
}

TEST(ImageTask, ImagesOfThePhasesSubset) {
  for (const char* arch : {"mlp", "cnn"}) {
    Bench b;
    b.task.arch = arch;
    b.task.add_subset(b.trial, "zero.test", {.keep = one_of_classes({0})});
    const Trained m = b.task.init(b.trial, Key::of(1));
    const double score = b.trial.measure(m, "zero.test", [&](Step& s, Net& net) {
      return accuracy(b.task.logits(net, b.task.images(s)), b.task.labels(s));
    });
    EXPECT_EQ(score, b.task.accuracy_on(b.trial, m.model, "zero.test")) << arch;
  }
}

TEST(ForgetClasses, MakeTheSubsetsOfBothTopics) {
  Bench b;
  ForgetClasses classes;
  classes.retain = {0}, classes.forget = {1};
  OptionList list;
  classes.visit(list);
  list.check();
  classes.add_topics(b.trial, b.task);
  EXPECT_EQ(rows_of(b.trial, "all.train"),
            rows_of(b.trial, "retain.train") + rows_of(b.trial, "forget.train"));
  for (const int32_t i : b.picks("forget.train")) EXPECT_EQ(b.trial.data().train.y[i], 1);
  EXPECT_GT(rows_of(b.trial, "retain.test"), 0);
  EXPECT_GT(rows_of(b.trial, "forget.test"), 0);
  classes.forget = {2, 0};
  try {
    list.check();
    ADD_FAILURE();
  } catch (const UserError& e) {
    EXPECT_STREQ(e.what(), "retain=0 and forget=2,0: class 0 is in both");
  }
  classes.forget = {};
  EXPECT_THROW(list.check(), UserError);
}

TEST(ImageData, SamplesOfASubsetAreRowsOfPixels) {
  Bench b;
  b.task.add_subset(b.trial, "zero.test", {.keep = one_of_classes({0})});
  const Trained m = ImageData::init(b.trial, Key::of(1), [](Net& net, Value x) {
    EXPECT_EQ(x.type().shape, (Shape{1, kSide * kSide}));
    linear(net, "out", x, 2);
  });
  const auto measure = [&](const std::function<Value(Step&)>& what) {
    return b.trial.measure(m, "zero.test", [&](Step& s, Net& net) {
      return sum(what(s)) + 0.0 * sum(linear(net, "out", ImageData::pixels(s), 2));
    });
  };
  const auto rows = static_cast<double>(rows_of(b.trial, "zero.test"));
  EXPECT_EQ(ImageData::features(b.trial), kSide * kSide);
  EXPECT_EQ(measure([](Step& s) { return ImageData::pixels(s); }),
            rows * (kSide - (kSide * kSide - kSide)))
      << "a row of ink is 1, the others -1";
  EXPECT_EQ(measure([](Step& s) { return convert(ImageData::labels(s), DType::f32); }), 0);
}

TEST(ImageTask, RunsDry) {
  Bench b(true);
  b.task.add_subset(b.trial, "all.test");
  const Ensemble start = b.task.init(b.trial, Key::of(3), kClasses);
  EXPECT_EQ(b.task.accuracy_on(b.trial, start, "all.test", kClasses), 0);
}

}  // namespace
}  // namespace omni
