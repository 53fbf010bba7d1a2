#include "cli/debug_round.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "cli/cli.h"
#include "lab/phase.h"
#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/optimizers.h"
#include "ops/elementwise.h"
#include "ops/reduce.h"

namespace omni::cli {
namespace {

// A host's loop of two programs: one looks at rows, one learns those that were hard.
struct Picky {
  void visit(auto&&) {}
  std::vector<ArmInfo> arms() const { return {{"picky", "Picky", "", {}}}; }
  struct Best {
    float loss = 1e9f;
    void visit(auto&& field) { field(loss); }
  };
  void run(Trial& t) const {
    std::vector<float> x(64);
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = static_cast<float>(std::sin(0.7 * static_cast<double>(i)));
    t.add_table("x", x, {64, 1});
    const auto out = [](Net& net, Value v) { return mlp(net, v, {4, 1}); };
    const Ensemble start = t.init(
        [&](Net& net) {
          out(net, input(net.graph(), "x", {DType::f32, {1, 1}, 0}, Role::data));
        },
        t.key());
    Phase p;
    p.name = "picky";
    p.start = {{"model", &start}};
    p.key = t.key();
    p.rounds = 30;
    p.programs["look"] = {.build =
                              [&](Step& s) {
                                Net net = s.net("model");
                                const Value v = s.rows("x");
                                s.graph().result("error", reduce_sum(square(out(net, v) - v), {1}));
                              },
                          .batch = 16,
                          .samples = 64};
    p.programs["learn"] = {.build =
                               [&](Step& s) {
                                 Net net = s.net("model");
                                 const Value v = s.fed("hard", {DType::f32, {4, 1}, 0});
                                 const Value loss = mse(out(net, v), v);
                                 s.graph().result("loss", loss);
                                 apply(Adam{}, net, loss, s.lr());
                               },
                           .lr = 0.01};
    p.host<Best>({}, [](Round& r, Best& best) {
      for (int i = 0; i < 2; ++i) r.run("look");
      for (int i = 0; i < 4; ++i) {
        const std::span<float> hard = r.feed<float>("learn", "hard");
        for (size_t k = 0; k < hard.size(); ++k)
          hard[k] = static_cast<float>(i) + static_cast<float>(k);
        r.run("learn");
      }
      const float loss = r.number("learn", "loss");
      r.see("loss", loss);
      if (loss < best.loss) best.loss = loss, r.keep("best");
    });
    t.record("picky", t.run(p).trained("model"), {});
  }
  std::vector<ClaimSpec> claims(const Dataset&) const { return {}; }
  std::vector<FigureRow> figures() const { return {}; }
};

struct Output {
  int code;
  std::string out, err;
};
Output debug(std::vector<std::string> words) {
  Experiment e;
  e.name = e.title = "picky";
  e.presets = {{"quick", "", {}, 1}};
  e.settings = settings_of<Picky>();
  words.insert(words.begin(), {"omniscale", "debug", "picky"});
  std::vector<char*> argv;
  for (std::string& w : words) argv.push_back(w.data());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int code = cli_main(static_cast<int>(argv.size()), argv.data(), {&e, 1});
  std::fflush(stdout);
  return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

TEST(DebugRound, OfACommand) {
  const Output all = debug({});
  EXPECT_EQ(all.code, 0) << all.err;
  for (const char* wanted :
       {"\nPhase picky: round 1 of 30\n", "  run look, 2 times", "  4 times:\n",
        "    feed learn.hard", "  keep best\n", "All values are finite in this round",
        "\nProgram picky, look: ", "\nProgram picky, learn: ",
        "as it first runs in round 1 at a rate of 0.01", "gradient: norm", "hard",
        "gave equal bits"})
    EXPECT_NE(all.out.find(wanted), std::string::npos) << wanted << all.out;
  const Output phase = debug({"--phase", "picky", "--run", "--steps", "3"});
  EXPECT_NE(phase.out.find("Program picky, learn: "), std::string::npos) << phase.out << phase.err;
  EXPECT_NE(phase.out.find("finite in 3 rounds"), std::string::npos) << phase.out;
  const Output one = debug({"--phase", "picky, learn", "--print", "loss", "--graph"});
  EXPECT_EQ(one.out.find("Phase picky"), std::string::npos) << one.out;
  EXPECT_NE(one.out.find("loss : f32[]"), std::string::npos) << one.out;
  EXPECT_NE(debug({"--phase", "picky, lern"}).err.find("\"picky, learn\""), std::string::npos);
}

std::string shown(DebugRound round) {
  DebugGraph g{"gan"};
  g.phase = "gan";
  g.round = std::make_shared<const DebugRound>(std::move(round));
  testing::internal::CaptureStdout();
  show_round(g);
  std::fflush(stdout);
  return testing::internal::GetCapturedStdout();
}

TEST(DebugRound, LoopsAreShownOnceWithWhatChanges) {
  DebugRound r{.round = 3, .rounds = 500};
  for (int i = 0; i < 3; ++i) {
    r.calls.push_back({"feed act.seen", {{"", 0, 1}}});
    r.calls.push_back({"run act", {{"action", 0, 3.0 + i}, {"value", 0.5 + i, 0.5 + i}}});
    r.calls.push_back({"run clip"});
  }
  for (int i = 0; i < 2; ++i) r.calls.push_back({"run learn", {{"loss", 0.25, 0.25}}});
  r.calls.push_back({"keep best"});
  EXPECT_EQ(shown(r),
            "\nPhase gan: round 3 of 500\n"
            "  call                results, least to most\n"
            "  3 times:\n"
            "    feed act.seen     0 to 1\n"
            "    run act           action 0 to 5, value 0.5 -> 2.5\n"
            "    run clip\n"
            "  run learn, 2 times  loss 0.25\n"
            "  keep best\n"
            "  All values are finite in 3 rounds on these rows.\n");
}

TEST(DebugRound, SaysWhatBrokeAndWhatDoesNotRepeat) {
  DebugRound r{.round = 1, .rounds = 2, .calls = {{"run learn", {{"loss", NAN, NAN}}}}};
  r.broke = "learn";
  EXPECT_NE(
      shown(r).find("run learn  loss nan\n  Program learn gave a value that is no finite f32"),
      std::string::npos)
      << shown(r);
  r.broke = "";
  r.called_again = true;
  EXPECT_NE(shown(r).find("called again from equal state gave equal bits."), std::string::npos);
  r.repeats = "phase gan: its round 1 gave other bits";
  EXPECT_NE(shown(r).find("phase gan: its round 1 gave other bits"), std::string::npos);
}

}  // namespace
}  // namespace omni::cli
