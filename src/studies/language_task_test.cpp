#include "studies/language_task.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/error.h"
#include "base/test_folder.h"
#include "lab/worker.h"
#include "nn/losses.h"
#include "nn/neuron_groups.h"
#include "ops/elementwise.h"
#include "ops/reduce.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

struct TaskBench {
  explicit TaskBench(int64_t seed = 0) : trial(worker, seed, "", record) {
    task.stories = 120;
    task.held_out = 60;
    task.length = 40;
    task.batch = 16;
    task.steps = 60;
    task.warmup = 5;
    task.lr = 3e-3;
    worker.begin(seed);
  }
  std::span<const int32_t> rows(const std::string& subset) const {
    const Table& a = trial.tables().at(subset);
    return {static_cast<const int32_t*>(a.data), static_cast<size_t>(a.type.count())};
  }
  std::span<const float> values(const std::string& table) const {
    const Table& a = trial.tables().at(table);
    return {static_cast<const float*>(a.data), static_cast<size_t>(a.type.count())};
  }

  Worker worker{WorkerOptions{}};
  SeedRecord record;
  Trial trial;
  LanguageTask task;
};

TEST(LanguageTask, SubsetsSplitStoriesByTopic) {
  TaskBench b;
  const Corpus c = b.task.prepare(b.trial);
  EXPECT_TRUE(c.world);
  for (const std::string split : {"train", "validation"}) {
    const auto forget = b.values(split + ".forget");
    EXPECT_EQ(b.rows("all." + split).size(), forget.size());
    for (const int32_t row : b.rows("forget." + split)) EXPECT_EQ(forget[row], 1);
    for (const int32_t row : b.rows("retain." + split)) EXPECT_EQ(forget[row], 0);
    EXPECT_EQ(b.rows("forget." + split).size() + b.rows("retain." + split).size(), forget.size());
  }
  EXPECT_EQ(b.rows("forget.train").size(), 24u);  // one in five
  // Two facts in each story that is not cut before them.
  float facts = 0;
  for (const float w : b.values("validation.fact")) facts += w;
  EXPECT_GT(facts, 60);
  EXPECT_LE(facts, 120);
}

TEST(LanguageTask, ModelsLearnAndAreMeasuredOnHeldOutText) {
  TaskBench b;
  const Corpus c = b.task.prepare(b.trial);
  const LanguageTask::Model model = LanguageTask::plain(c.model);
  const Trained start = LanguageTask::init(b.trial, "init", c.model);
  const double before = LanguageTask::loss_on(b.trial, start, "all.validation", model);
  EXPECT_NEAR(before, std::log(c.tokenizer->size()), 0.6);
  const Trained m = b.trial.train("base", start, b.task.pretraining(b.trial, "all.train"),
                                  LanguageTask::next_token(model));
  EXPECT_LT(LanguageTask::loss_on(b.trial, m, "all.validation", model), before - 2);
  // The mean over all is that over both topics, by tokens.
  const auto tokens = [&](const std::string& subset) {
    const auto weights = b.values("validation.weight");
    double n = 0;
    for (const int32_t row : b.rows(subset))
      for (int64_t i = 0; i < b.task.length; ++i) n += weights[row * b.task.length + i];
    return n;
  };
  double sum = 0, count = 0;
  for (const std::string subset : {"forget.validation", "retain.validation"}) {
    sum += tokens(subset) * LanguageTask::loss_on(b.trial, m, subset, model);
    count += tokens(subset);
  }
  const double of_all = LanguageTask::loss_on(b.trial, m, "all.validation", model);
  EXPECT_NEAR(sum / count, of_all, 1e-4);
  // And that over planted facts and over the rest.
  const auto text = b.values("validation.weight"), fact = b.values("validation.fact");
  std::vector<float> rest(text.begin(), text.end());
  double facts = 0;
  for (size_t i = 0; i < rest.size(); ++i) rest[i] -= fact[i], facts += fact[i];
  b.trial.add_table("validation.rest", rest, b.trial.tables().at("validation.weight").type.shape);
  const auto over = [&](const char* where) {
    return LanguageTask::loss_on(b.trial, m, "all.validation", model, where);
  };
  EXPECT_GT(over("fact"), over("rest") + 0.5);
  EXPECT_NEAR(facts * over("fact") + (count - facts) * over("rest"), count * of_all, 1e-3 * count);
}

// The rule of docs/language-models.md: where " oak" is to be foreseen, the first eight neurons of a
// layer learn and the others do not.
TEST(LanguageTask, ARuleOfOnesOwnRoutesATokensGradient) {
  TaskBench b;
  b.task.steps = 1;
  b.task.warmup = 0;
  b.task.batch = b.task.stories;  // so that some of them name it
  b.task.decay = 0;
  const Corpus c = b.task.prepare(b.trial);
  const Trained start = b.trial.init(transformer_parameters(c.model), Key::of(1));
  const auto trained = [&](const std::string& name, const LanguageTask::Model& model) {
    const Training how = b.task.pretraining(b.trial, "all.train");
    return b.trial.train(name, start, how, LanguageTask::next_token(model)).model;
  };
  using Batch = LanguageTask::Batch;
  const auto rule = [&](int32_t oak, double others) -> LanguageTask::Model {
    return [=, options = c.model](Net& net, const Batch& b) {
      const Value here = others + (1.0 - others) * reshape(equal(b.targets, oak),
                                                           {b.targets.dim(0), b.targets.dim(1), 1});
      route_neurons(net, {.layers = {0}, .first = 8}, constant(net.graph(), 1), 1.0 - here);
      return transformer(net, b.tokens, options);
    };
  };
  const int32_t oak = c.tokenizer->id_of(" oak");
  const Ensemble usual = trained("usual", LanguageTask::plain(c.model));
  const Ensemble routed = trained("oak", rule(oak, 0)), none = trained("all", rule(oak, 1));
  const std::string in = "blocks.0.mlp.in.weight";
  const auto rows = [&](const Ensemble& e, int64_t from, int64_t to) {
    const auto all = e.array(in, 0).subspan(from * c.model.width, (to - from) * c.model.width);
    return std::vector<float>(all.begin(), all.end());
  };
  const int64_t neurons = c.model.mlp_width_of(0);
  EXPECT_EQ(rows(routed, 0, 8), rows(usual, 0, 8));
  EXPECT_NE(rows(routed, 8, neurons), rows(usual, 8, neurons));
  EXPECT_NE(rows(routed, 8, neurons), rows(start.model, 8, neurons));
  EXPECT_EQ(rows(none, 8, neurons), rows(start.model, 8, neurons));  // nothing passes at any token
  // The forward pass is as it was.
  EXPECT_EQ(LanguageTask::loss_on(b.trial, start, "all.validation", rule(oak, 0)),
            LanguageTask::loss_on(b.trial, start, "all.validation", LanguageTask::plain(c.model)));
}

TEST(LanguageTask, APenaltyQuietensItsLayersAndClippingBoundsTheStep) {
  TaskBench b;
  b.task.steps = 20;
  const Corpus c = b.task.prepare(b.trial);
  const Trained start = b.trial.init(transformer_parameters(c.model), Key::of(1));
  const auto trained = [&](double l1, std::optional<Scalar> clip_norm) {
    Training how = b.task.pretraining(b.trial, "all.train");
    how.apply.clip_norm = clip_norm;
    const ScalarOf loss = LanguageTask::next_token(LanguageTask::plain(c.model), l1, {0});
    return b.trial.train("base", start, how, loss).model;
  };
  const auto activity = [&](const Ensemble& e, int64_t layer) {
    return b.trial
        .evaluate(
            [&](Step& s) {
              Net net = s.net("model");
              transformer(net, LanguageTask::Batch(s, "all.validation").tokens, c.model);
              s.graph().result("activity", sum(abs(net.value(neurons_of(layer)))));
            },
            rows_of(b.trial, "all.validation"), {{"model", &e}})
        .at("activity")[0];
  };
  const Ensemble usual = trained(0, {}), quiet = trained(0.1, {});
  EXPECT_LT(activity(quiet, 0), 0.5 * activity(usual, 0));
  EXPECT_GT(activity(quiet, 1), 0.5 * activity(usual, 1));
  // AdamW divides gradients by their size: only one far below its epsilon makes shorter steps.
  EXPECT_LT(distance(trained(0, 1e-9)[0], start), 0.5 * distance(usual[0], start));
  EXPECT_EQ(weights_hash(trained(0, 1e9)[0]), weights_hash(usual[0]));
}

TEST(LanguageTask, APhaseWithALossIsTheOneWithItsGraph) {
  TaskBench b;
  b.task.steps = 8;
  b.task.decayed = "matrices";
  const Corpus c = b.task.prepare(b.trial);
  const LanguageTask::Model model = LanguageTask::plain(c.model);
  const Trained start = LanguageTask::init(b.trial, "init", c.model);
  Training p = b.task.pretraining(b.trial, "retain.train");
  const Trained lossy = b.trial.train("base", start, p, LanguageTask::next_token(model, 0.1, {1}));
  Training built;
  built.name = "base";
  built.start = &start.model;
  built.samples = rows_of(b.trial, "retain.train");
  built.batch = b.task.batch;
  built.steps = b.task.steps;
  built.lr = p.lr;
  built.order = b.trial.key().fold("order");
  built.build = [&](Step& s) {
    Net net = s.net("model");
    Value activity;
    net.hook(neurons_of(1), [&](Value v) {
      activity = sum(abs(v));
      return v;
    });
    const LanguageTask::Batch batch(s, "retain.train");
    const Value text = next_token_loss(model(net, batch), batch.targets, batch.weights);
    const auto tokens = static_cast<double>(batch.targets.type().count());
    const Value loss = text + activity * (0.1 / tokens);
    s.graph().result("loss", loss);
    apply(AdamW{.beta2 = b.task.beta2, .weight_decay = b.task.decay}, net, loss, s.lr(),
          {.decays = decay_matrices});
  };
  EXPECT_EQ(weights_hash(lossy), weights_hash(b.trial.train(built)));

  // By another optimiser, some parameters only, with a set beside it that has diverged.
  p.optimizer = Sgd{};
  p.apply.trainable = [](const std::string& name) { return name == "blocks.1.mlp.out.weight"; };
  const Trained some = b.trial.train("base", start, p, LanguageTask::next_token(model));
  for (const ParameterSpec& spec : start.model.specs())
    EXPECT_EQ(same_bits(some.model.array(spec.name, 0), start.model.array(spec.name, 0)),
              spec.name != "blocks.1.mlp.out.weight")
        << spec.name;
  EXPECT_FALSE(some.diverged_at);
  Trained wild = start.clone();
  wild.diverged_at = 3;
  const ScalarOf beside = [&](Step& s, Net& net) {
    Net other = s.net("wild");
    const LanguageTask::Batch batch(s);
    return kl(model(other, batch), model(net, batch));
  };
  EXPECT_EQ(b.trial.train("beside", start, p, beside, {{"wild", &wild}}).diverged_at, 3);
  EXPECT_EQ(b.trial.train("after", wild, p, LanguageTask::next_token(model)).diverged_at, 3);
}

// The larger the weight, the nearer to where they were.
TEST(LanguageTask, MisdirectionDrivesActivations) {
  TaskBench b;
  b.task.steps = 20;
  b.task.warmup = 0;
  const Corpus c = b.task.prepare(b.trial);
  const Trained start = LanguageTask::init(b.trial, "init", c.model);
  const LanguageTask::Model stream = [&](Net& net, const LanguageTask::Batch& batch) {
    transformer(net, batch.tokens, c.model);
    return net.value("blocks.1.hook_resid_pre") * batch.per_token(batch.weights);
  };
  const auto size = [&](const Trained& m) {
    return b.trial.measure(m, "forget.validation", [&](Step& s, Net& net) {
      return sqrt(mean(square(stream(net, LanguageTask::Batch(s)))));
    });
  };
  const auto moved = [&](double weight) {
    Training p = b.task.pretraining(b.trial, "retain.train");
    p.apply.trainable = only_mlp_outputs(0, 0);
    const ScalarOf loss = LanguageTask::rmu_loss(stream, "forget.train", 30, weight);
    const Trained after = b.trial.train("rmu", start, p, loss, {{"before", &start}});
    for (const ParameterSpec& spec : start.model.specs())
      EXPECT_EQ(same_bits(after.model.array(spec.name, 0), start.model.array(spec.name, 0)),
                spec.name != "blocks.0.mlp.out.weight")
          << spec.name;
    return size(after) / size(start);
  };
  const double driven = moved(0.1);
  EXPECT_GT(driven, 1.5);
  EXPECT_LT(std::abs(moved(100) - 1), 0.5 * (driven - 1));
}

TEST(LanguageTask, LossesAreOfTopicsAndOfTokens) {
  TaskBench b;
  const Corpus c = b.task.prepare(b.trial);
  const LanguageTask::Model model = LanguageTask::plain(c.model);
  const Trained m = LanguageTask::init(b.trial, "init", c.model);
  const int32_t the = c.tokenizer->id_of(" the");
  b.task.add_targets(b.trial, c, "the", [&](int32_t token) { return token == the; });
  const NextTokens next = next_tokens(c.validation);
  const auto marks = b.values("validation.the");
  for (size_t i = 0; i < marks.size(); ++i)
    EXPECT_EQ(marks[i], next.targets[i] == the && next.weights[i] == 1) << i;

  const Losses found = LanguageTask::topic_losses(b.trial, m, model, "before_", "_the", "the");
  ASSERT_EQ(found.size(), 2u);
  for (const std::string topic : {"retain", "forget"})
    EXPECT_EQ(found.at("before_" + topic + "_the"),
              LanguageTask::loss_on(b.trial, m, topic + ".validation", model, "the"));
  // A mean over text, and not over padding.
  const double share = b.trial.measure(m, "all.validation", [&](Step& s, Net& net) {
    const LanguageTask::Batch batch(s);
    return batch.mean(batch.rows("the")) + 0.0 * sum(model(net, batch));
  });
  double wanted = 0, text = 0;
  for (size_t i = 0; i < marks.size(); ++i) wanted += marks[i], text += next.weights[i];
  EXPECT_NEAR(share, wanted / text, 1e-6);
}

TEST(LanguageTask, PositionsAreOfASubsetThatIsNamed) {
  TaskBench b;
  const Corpus c = b.task.prepare(b.trial);
  const Trained m = LanguageTask::init(b.trial, "init", c.model);
  const auto mean_of = [&](const std::string& subset) {
    return b.trial.measure(m, "all.validation", [&](Step& s, Net& net) {
      const Value others = random_positions(s, "forget.validation", "others");
      const LanguageTask::Batch batch(s, subset, others);
      return batch.mean(sum(LanguageTask::plain(c.model)(net, batch)) + 0.0 * batch.weights);
    });
  };
  EXPECT_NO_THROW(mean_of("forget.validation"));
  EXPECT_THROW(mean_of(""), UserError);
}

TEST(LanguageTask, LearningRatesRiseAndFall) {
  TaskBench b;
  const Training p = b.task.pretraining(b.trial, "all.train");
  EXPECT_NEAR(p.lr(0, 60), 3e-3 / 5, 1e-9);
  EXPECT_NEAR(p.lr(4, 60), 3e-3, 1e-9);
  EXPECT_NEAR(p.lr(59, 60), 3e-4, 1e-5);
}

TEST(LanguageTask, ReadsTheUsersText) {
  const TestFolder folder;
  const auto path = folder.path() / "stories.txt";
  {
    std::ofstream out(path);
    for (int i = 0; i < 300; ++i)
      out << "Story " << i << " is about a " << (i % 4 ? "house" : "tree") << " by the river.\n";
  }
  setenv("XDG_CACHE_HOME", (folder.path() / "cache").c_str(), 1);
  TaskBench b, other(1);
  for (TaskBench* bench : {&b, &other}) {
    bench->task.text = path.string();
    bench->task.vocabulary = 300;
    bench->task.stories = 1000;
  }
  const Corpus c = b.task.prepare(b.trial), same = other.task.prepare(other.trial);
  EXPECT_FALSE(c.world);
  EXPECT_EQ(c.tokenizer->kind(), "byte-pair");
  EXPECT_EQ(c.validation.tokens, same.validation.tokens);  // seeds share what is held out
  EXPECT_GT(b.rows("forget.train").size(), 40u);

  b.task.keywords = "house+barn";
  b.task.tokenizer = "words";
  b.task.prepare(b.trial);
  EXPECT_GT(b.rows("forget.train").size(), 120u);
  b.task.keywords = "castle";
  EXPECT_THROW(b.task.prepare(b.trial), UserError);
  b.task.text = (folder.path() / "nothing.txt").string();
  EXPECT_THROW(b.task.prepare(b.trial), UserError);
}

TEST(LanguageTask, RefusesWhatCannotBe) {
  const auto refused = [](auto change) {
    LanguageTask task;
    change(task);
    EXPECT_THROW(task.check(), UserError);
  };
  LanguageTask().check();
  refused([](LanguageTask& t) { t.warmup = t.steps; });
  refused([](LanguageTask& t) { t.text = "stories.txt", t.keywords = "house+house"; });
  refused([](LanguageTask& t) { t.length = 129; });  // longer than the context
}

TEST(Subset, NamesOfStoriesEndInASplit) {
  EXPECT_EQ(split_of("forget.train", {"train", "test"}), "train");
  EXPECT_THROW(split_of("forget", {"train", "test"}), UserError);
  EXPECT_THROW(split_of("forget.all", {"train", "test"}), UserError);
  TaskBench b;
  EXPECT_THROW(rows_of(b.trial, "nothing.train"), UserError);
  EXPECT_THROW(b.trial.add_subset("none.train", {}), UserError);
}

}  // namespace
}  // namespace omni
