// An author's slips are named before anything is trained, and are no fault of the program.
#include "lab/declarations.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/test_folder.h"
#include "nn/layers.h"

namespace omni {
namespace {

// One arm, "mine", with the metric "loss"; the option says what is wrong.
struct Slips {
  std::string data, wrong = "nothing";
  double unused = 0;

  void visit(auto&& option) {
    option("wrong", wrong, "the slip");
    if (wrong == "option") option("wrong", wrong, "the slip once more");
  }
  bool is(const char* slip) const { return wrong == slip; }

  std::vector<ArmInfo> arms() const { return {{"mine", "Mine", "", {}}}; }
  void run(Trial& t) const {
    const Trained m{t.init([](Net& net) {
      mlp(net, input(net.graph(), "x", {DType::f32, {1, 3}, 0}, Role::data), {2});
    }, t.key()), {}};
    const auto record = [&] { t.record(is("arm") ? "mien" : "mine", m, {{"loss", 0.5}}); };
    if (!is("outside")) t.part("one", record);
    if (is("outside")) {
      t.part("one", [] {});
      record();
    }
    if (is("part")) t.part("one", [] {});
    if (is("twice")) t.part("two", record);
    if (is("nested")) t.part("two", [&] { t.part("three", [] {}); });
  }
  std::vector<ClaimSpec> claims(const Dataset&) const {
    Claim claim{.threshold = 0};
    if (is("threshold")) claim.threshold = kNaN;
    const std::string arm = is("claim's arm") ? "mein" : "mine";
    const std::string metric = is("claim's metric") ? "los" : "loss";
    return {{"7", "It is", claim, [=](const SeedValues& v) { return v(arm, metric); }}};
  }
  std::vector<FigureRow> figures() const {
    FigureRow f{"fig", "A figure", "", {}};
    f.spec.metric = is("figure's metric") ? "lost" : "loss";
    f.spec.series = {{.arm = is("figure's arm") ? "min" : "mine"}};
    f.spec.kind = "lines";
    return {f};
  }
};

// What a run says that ends before it has begun; empty if it does not.
std::string said(const std::string& wrong) {
  Experiment e;
  e.name = "slips";
  e.metric = "loss";
  e.presets = {{"quick", "", {}, 2}};
  e.settings = settings_of<Slips>();
  e.primary = {wrong == "primary" ? "77" : "7"};
  if (wrong == "primaries") e.primary = {"7", "7", "7", "7"};
  e.ranges = {{wrong == "range" ? "los" : "loss"}, {"only elsewhere*"}};
  if (wrong == "empty range") e.ranges = {{"loss", 1, 1}};
  RunRequest r;
  r.assignments = {{"wrong", {wrong}, "here"}};
  const TestFolder folder;
  r.out = folder.path() / "run";
  struct : RunWatcher {
    void began(int64_t, int64_t, double) override {}
    void advanced(const Amount&) override {}
    void seed_done(int64_t, const std::vector<ModelResult>&) override {}
    void note(const std::string&) override {}
  } watcher;
  try {
    run_experiment(e, r, watcher, false);
  } catch (const UserError& error) {
    EXPECT_FALSE(std::filesystem::exists(r.out)) << wrong;
    return error.what();
  }
  return "";
}

TEST(Declarations, SlipsAreNamedBeforeARun) {
  EXPECT_EQ(said("nothing"), "");
  const std::pair<const char*, const char*> expected[] = {
      {"option", "option 'wrong' is declared twice"},
      {"arm", "records the arm 'mien', which it does not declare; did you mean \"mine\""},
      {"outside", "arm 'mine' is recorded outside of all parts"},
      {"part", "part 'one' is there twice"},
      {"twice", "arm 'mine' is recorded twice"},
      {"nested", "parts cannot be nested"},
      {"primary", "names the primary claim '77', which it does not state"},
      {"primaries", "has 4 primary claims; choose one to three"},
      {"range", "a range is declared for the metric 'los', which is never recorded; did you mean"},
      {"empty range", "the range of 'loss' from 1 to 1 is empty"},
      {"threshold", "claim 7 needs a threshold"},
      {"claim's arm", "claim 7 speaks of the arm 'mein', which is never recorded"},
      {"claim's metric", "claim 7 speaks of the metric 'los', which is never recorded for 'mine'"},
      {"figure's arm", "figure 'fig' speaks of the arm 'min', which is never recorded"},
      {"figure's metric", "figure 'fig' speaks of the metric 'lost'"}};
  for (const auto& [wrong, text] : expected)
    EXPECT_NE(said(wrong).find(text), std::string::npos) << wrong << ": " << said(wrong);
}

}  // namespace
}  // namespace omni
