#include "lab/soundness.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "lab/test_support.h"
#include "ops/gather.h"
#include "ops/reduce.h"
#include "ops/route.h"

namespace omni {
namespace {

using namespace testing;  // NOLINT: the toy problem

TEST(Soundness, SaysWhatNobodyGave) {
  ToyBench b;
  const Ensemble start = toy_model(*b.trial);
  Training p = toy_training(*b.trial, start);
  const StepBuilder plain = p.build;
  p.build = [plain](Step& s) {
    plain(s);
    s.graph().result("more", s.scalar("temperature") * 2.0);
  };
  EXPECT_THROW(b.trial->train(p), UserError);
  p.scalars["temperature"] = 1;
  EXPECT_NO_THROW(b.trial->train(p));
  p.scalars.clear();
  p.name = "again";  // the program has been bound before
  EXPECT_THROW(b.trial->train(p), UserError);
  p.build = [](Step& s) { s.graph().result("other", s.lr()); };
  EXPECT_THROW(b.trial->train(p), UserError);  // no loss
  p.build = [](Step& s) { s.rows("train.z"); };
  EXPECT_THROW(b.trial->train(p), UserError);
}

// What a phase says when one thing about it is wrong, dry or not; empty if nothing is.
std::string refusal(bool dry, const std::function<void(Training&, const Ensemble&)>& spoil) {
  WorkerOptions o;
  o.dry = dry;
  ToyBench b(o);
  const Ensemble start = toy_model(*b.trial);
  Training p = toy_training(*b.trial, start);
  spoil(p, start);
  try {
    b.trial->train(p);
  } catch (const UserError& e) {
    EXPECT_EQ(b.epochs, 0) << "something was trained before";
    return e.what();
  }
  return "";
}

// The toy's step, and something more.
StepBuilder with(Training& p, const std::function<void(Step&)>& more) {
  return [plain = p.build, more](Step& s) {
    plain(s);
    more(s);
  };
}

TEST(Soundness, RefusesPhasesWhosePartsWouldSilentlyDoNothingOrToOthers) {
  struct Case {
    const char* text;
    std::function<void(Training&, const Ensemble&)> spoil;
  };
  const auto teach = [](Step& s, bool train) {
    Net teacher = s.net("teacher");
    const Value z = toy_logits(teacher, s.rows("train.x"));
    s.graph().result("taught", sum(z));
    if (train) apply(Sgd{}, teacher, cross_entropy(z, s.rows("train.y")), s.lr());
  };
  const std::vector<Case> cases = {
      {"", [](Training&, const Ensemble&) {}},
      {"",
       [&](Training& p, const Ensemble& e) {
         p.frozen["teacher"] = &e;
         p.build = with(p, [=](Step& s) { teach(s, false); });
       }},
      {"its graph updates 'teacher/layers.0.weight', and only the set 'model' is trained here",
       [&](Training& p, const Ensemble& e) {
         p.frozen["teacher"] = &e;
         p.build = with(p, [=](Step& s) { teach(s, true); });
       }},
      {"it trains nothing, as its graph updates no parameter of 'model': does its step call apply",
       [](Training& p, const Ensemble&) {
         p.build = [](Step& s) {
           Net net = s.net("model");
           s.graph().result(
               "loss",
               cross_entropy(toy_logits(net, s.rows("train.x")), s.rows("train.y")) * s.lr());
         };
       }},
      {"its loss depends on no parameter of 'model'",
       [](Training& p, const Ensemble&) {
         p.build = [](Step& s) {
           Net net = s.net("model");
           const Value loss = cross_entropy(toy_logits(net, s.rows("train.x")), s.rows("train.y"));
           s.graph().result("loss", sum(s.rows("train.x")));
           apply(Adam{}, net, loss, s.lr());
         };
       }},
      {"the gradient of the loss reaches no parameter of 'model' that is trained",
       [](Training& p, const Ensemble&) {
         p.build = [](Step& s) {
           Net net = s.net("model");
           const Value loss = cross_entropy(toy_logits(net, s.rows("train.x")), s.rows("train.y"));
           s.graph().result("loss", loss);
           apply(Adam{}, net, stop_gradient(loss), s.lr());
         };
       }},
      {"the gradient of the loss reaches no parameter of 'model' that is trained",
       [](Training& p, const Ensemble&) {
         p.build = [](Step& s) {
           Net net = s.net("model");
           const Value wrong = 1 - accuracy(toy_logits(net, s.rows("train.x")), s.rows("train.y"));
           s.graph().result("loss", wrong);
           apply(Adam{}, net, wrong, s.lr());
         };
       }},
      {"phase toy: there is no data array 'trian.x'; did you mean \"train.x\"",
       [](Training& p, const Ensemble&) { p.build = with(p, [](Step& s) { s.rows("trian.x"); }); }},
      {"phase toy, its probe: there is no data array 'test.z'; did you mean",
       [](Training& p, const Ensemble&) {
         p.probe = toy_probe({3});
         p.probe->build = [](Step& s) { s.rows("test.z"); };
       }},
      {"it has no function that emits its graph (build)",
       [](Training& p, const Ensemble&) { p.build = {}; }},
      {"the set 'teacher' is given, and no graph reads it",
       [](Training& p, const Ensemble& e) { p.frozen["teacher"] = &e; }},
      {"the set 'model' is trained, and cannot be frozen as well",
       [](Training& p, const Ensemble& e) { p.frozen["model"] = &e; }},
      {"the number 'temperature' is given, and no graph reads it",
       [](Training& p, const Ensemble&) { p.scalars["temperature"] = 2; }},
      {"its graph reads 'temperature', which nobody gives",
       [](Training& p, const Ensemble&) {
         p.build = with(p, [](Step& s) { s.graph().result("t", s.scalar("temperature") * 2.0); });
       }},
      {"the phase gives none (lr): it would be 0", [](Training& p, const Ensemble&) { p.lr = {}; }},
      {"and its graph does not read them; use s.lr()",
       [](Training& p, const Ensemble&) {
         p.build = [](Step& s) {
           Net net = s.net("model");
           const Value loss = cross_entropy(toy_logits(net, s.rows("train.x")), s.rows("train.y"));
           s.graph().result("loss", loss);
           apply(Adam{}, net, loss, 0.01);
         };
       }},
      {"and the model that is given as 'model' has no 'more.weight'",
       [](Training& p, const Ensemble&) {
         p.build = with(p, [](Step& s) {
           Net net = s.net("model");
           s.graph().result("more", sum(net.parameter("more.weight", {3}, init::zeros())));
         });
       }},
      {"a number is called 'step', which is what a graph reads the phase's own step by",
       [](Training& p, const Ensemble&) { p.scalars["step"] = 7; }},
      {"a number is called 'lr', which is what a graph reads the phase's own learning rate by",
       [](Training& p, const Ensemble&) { p.scalars["lr"] = 7; }},
      {"its graph reads 'model.opt/layers.0.weight.n', and the model that is given as 'model.opt' "
       "has",
       [](Training& p, const Ensemble&) {
         p.probe = toy_probe({3});
         p.probe->build = [](Step& s) {
           toy_test(s);
           const Type t{DType::f32, {16, kToyFeatures}};
           s.graph().result("n",
                            sum(input(s.graph(), "model.opt/layers.0.weight.n", t, Role::data)));
         };
       }},
      {"its graph reads 'train.x' as f32[100, 7], and it is f32[100, 6]",
       [](Training& p, const Ensemble&) {
         p.build = [](Step& s) {
           Net net = s.net("model");
           const Type t{DType::f32, {kToyTrain, kToyFeatures + 1}};
           const Value x = gather(input(s.graph(), "train.x", t, Role::data), s.index());
           const Value loss = cross_entropy(toy_logits(net, x), s.rows("train.y"));
           s.graph().result("loss", loss);
           apply(Adam{}, net, loss, s.lr());
         };
       }},
      {"its graph reads 'index' as i32[3], and it is i32[32]",
       [](Training& p, const Ensemble&) {
         p.build = [](Step& s) {
           Net net = s.net("model");
           const Value three = input(s.graph(), "index", {DType::i32, {3}, 0}, Role::data);
           const Value loss = cross_entropy(toy_logits(net, gather(s.table("train.x"), three)),
                                            gather(s.table("train.y"), three));
           s.graph().result("loss", loss);
           apply(Adam{}, net, loss, s.lr());
         };
       }},
      {"its loss is f32[16], and not a scalar f32",
       [](Training& p, const Ensemble&) {
         p.build = [](Step& s) {
           Net net = s.net("model");
           const Value loss = cross_entropy(toy_logits(net, s.rows("train.x")), s.rows("train.y"));
           s.graph().result("loss", *s.graph().find_input("model/layers.0.bias"));
           apply(Adam{}, net, loss, s.lr());
         };
       }},
      {"its graph has no result called 'loss'",  // that of the short last batch
       [](Training& p, const Ensemble&) {
         p.build = [plain = p.build](Step& s) {
           if (s.batch() == 32) return plain(s);
           Net net = s.net("model");
           const Value loss = cross_entropy(toy_logits(net, s.rows("train.x")), s.rows("train.y"));
           apply(Adam{}, net, loss, s.lr());
         };
       }},
      {"it has 101 samples, but the data array 'train.",
       [](Training& p, const Ensemble&) { p.samples = 101; }},
      {"a snapshot is to be kept after step 21, which it never reaches: it takes the steps 0 to 20",
       [](Training& p, const Ensemble&) {
         p.keep_at = {0, 20, 21};
       }},
      {"its probe is to look after step 40, which it never reaches",
       [](Training& p, const Ensemble&) {
         p.probe = toy_probe({3, 40});
       }},
      {"its probe never looks: not at any step, and every 30 steps of 20",
       [](Training& p, const Ensemble&) {
         p.probe = toy_probe({});
         p.probe->every = 30;
       }},
      {"its probe: its graph updates 'model/layers.0.weight'; it only looks at models",
       [](Training& p, const Ensemble&) {
         p.probe = toy_probe({3});
         p.probe->build = [](Step& s) {
           Net net = s.net("model");
           const Value loss = cross_entropy(toy_logits(net, s.rows("test.x")), s.rows("test.y"));
           s.graph().result("loss", loss);
           apply(Sgd{}, net, loss, s.lr());
         };
       }},
  };
  for (const Case& c : cases)
    for (const bool dry : {true, false}) {
      const std::string said = refusal(dry, c.spoil);
      const bool named = said.starts_with("phase toy") && said.find(c.text) != said.npos;
      EXPECT_TRUE(*c.text == 0 ? said.empty() : named)
          << "wanted: " << c.text << "\nsaid: " << said;
    }
}

// Rows of a subset, and tokens of texts.
TEST(Soundness, RefusesRowsBeyondATableThatAnotherTableNames) {
  for (const bool dry : {true, false}) {
    WorkerOptions o;
    o.dry = dry;
    ToyBench b(o);
    const Ensemble start = toy_model(*b.trial);
    Training p = toy_training(*b.trial, start);
    p.samples = 3;
    p.build = [](Step& s) {
      Net net = s.net("model");
      const Value rows = s.rows("picked");
      const Value loss = cross_entropy(toy_logits(net, gather(s.table("train.x"), rows)),
                                       gather(s.table("train.y"), rows));
      s.graph().result("loss", loss);
      apply(Adam{}, net, loss, s.lr());
    };
    const auto said = [&](std::vector<int32_t> picked) -> std::string {
      const auto count = static_cast<int64_t>(picked.size());
      b.trial->add_table("picked", std::move(picked), Shape{count});
      try {
        b.trial->train(p);
      } catch (const UserError& e) {
        return e.what();
      }
      return "";
    };
    EXPECT_EQ(said({0, kToyTrain - 1, -1}), "");  // -1: a row of zeros
    EXPECT_EQ(said({0, 1, 2, kToyTrain}), "") << "the phase does not get there";
    EXPECT_EQ(said({0, kToyTrain, 2}),
              "phase toy: row 1 of the data array 'picked' holds 100, and 'train.y' has the rows 0 "
              "to 99");
    if (!dry) continue;
    b.trial->add_tables({{"picked", {{DType::i32, {3}}}}});  // as tasks whose numbers are costly do
    EXPECT_NO_THROW(b.trial->train(p));
  }
}

TEST(Soundness, RefusesEvaluationsThatWouldChangeModelsOrLeaveOutWhatIsGiven) {
  for (const bool dry : {true, false}) {
    WorkerOptions o;
    o.dry = dry;
    ToyBench b(o);
    const Ensemble model = toy_model(*b.trial);
    const uint64_t before = dry ? 0 : weights_hash(model[0]);
    const auto said = [&](const StepBuilder& build, int64_t rows, const FrozenSets& sets,
                          const std::map<std::string, double>& scalars = {}) -> std::string {
      try {
        b.trial->evaluate(build, rows, sets, scalars);
      } catch (const UserError& e) {
        return e.what();
      }
      return "";
    };
    const auto holds = [](const std::string& said, const char* text) {
      EXPECT_NE(said.find(text), said.npos) << said;
    };
    EXPECT_EQ(said(toy_test, kToyTest, {{"model", &model}}), "");
    holds(said(
              [](Step& s) {
                Net net = s.net("model");
                const Value loss =
                    cross_entropy(toy_logits(net, s.rows("test.x")), s.rows("test.y"));
                s.graph().result("loss", loss);
                apply(Sgd{}, net, loss, 0.1);
              },
              kToyTest, {{"model", &model}}),
          "evaluation: its graph updates 'model/layers.0.weight'");
    holds(said(toy_test, kToyTest, {{"model", &model}, {"teacher", &model}}),
          "evaluation: the set 'teacher' is given, and no graph reads it");
    holds(
        said(toy_test, kToyTest, {{"model", &model}}, {{"key", 1}}),
        "evaluation: a number is called 'key', which is what a graph reads the phase's own key by");
    holds(said(toy_test, kToyTest, {{"model", &model}}, {{"by", 1}}),
          "evaluation: the number 'by' is given, and no graph reads it");
    holds(said(toy_test, kToyTest, {}), "evaluation: its graph reads 'model/layers.0.weight'");
    holds(said(toy_test, kToyTest + 1, {{"model", &model}}),
          "evaluation: it has 41 samples, but the data array 'test.");
    EXPECT_EQ(dry ? 0 : weights_hash(model[0]), before);
  }
}

}  // namespace
}  // namespace omni
