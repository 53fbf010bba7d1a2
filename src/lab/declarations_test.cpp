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
    option("wrong", wrong, "the slip", harmless("the claim is checked all the same"));
    if (wrong == "option") option("wrong", wrong, "the slip once more");
  }
  bool is(const char* slip) const { return wrong == slip; }

  std::vector<ArmInfo> arms() const {
    std::vector<ArmInfo> a = {{"mine", "Mine", "", {}}};
    if (is("arm twice")) a.push_back(a.front());
    if (is("idle arm")) a.push_back({"theirs", "Theirs", "", {}});
    return a;
  }
  void run(Trial& t) const {
    const Trained m = t.init([](Net& net, Value x) { mlp(net, x, {2}); }, {3}, t.key());
    if (is("nobody")) return;
    const auto record = [&] {
      t.record(is("arm") ? "mien" : "mine", m, {{"loss", 0.5}});
      if (is("read's many steps"))
        for (int64_t step = 10; step <= 200; step += 10) t.curve("mine", "loss", step, 0.5);
      if (!is("read's end") && !is("table's end")) return;
      for (const int64_t step : {0, 5}) t.curve("mine", "curve", step, 0.5);
    };
    if (!is("outside")) t.part("one", record);
    if (is("outside")) {
      t.part("one", [] {});
      record();
    }
    if (is("part")) t.part("one", [] {});
    if (is("twice")) t.part("two", record);
    if (is("idle")) t.part("two", [] {});
    if (is("curve")) t.curve("mine ", "loss", 3, 0.5);
    if (is("step"))
      for (int i = 0; i < 2; ++i) t.curve("mine", "loss", 3, 0.5);
    if (is("figure")) t.text("txt", 0, "a text");
    if (is("figure's kind")) t.text("fig", 0, "a text");
    if (is("place"))
      for (int i = 0; i < 2; ++i) t.text("texts", 0, "a text");
    if (is("picture")) t.image("images", 2, "", std::vector<float>(5), 2, 3);
    if (is("nested")) t.part("two", [&] { t.part("three", [] {}); });
  }
  std::vector<ClaimSpec> claims(const Dataset&) const {
    Claim claim{.threshold = 0};
    if (is("threshold")) claim.threshold = kNaN;
    const std::string arm = is("claim's arm") ? "mein" : "mine";
    const std::string metric = is("claim's metric") ? "los" : "loss";
    std::vector<ClaimSpec> c = {
        {"7", "It is", claim, [=](const SeedValues& v) { return v(arm, metric); }}};
    if (is("claim twice")) c.push_back(c.front());
    if (is("read's arm")) c.push_back(stated("8", "", of("mein", "loss") > 0));
    if (is("read's metric")) c.push_back(stated("8", "", of("mine", "los") > 0));
    if (is("read's step")) c.push_back(stated("8", "", of("mine", "loss").after(3) > 0));
    if (is("read's many steps")) c.push_back(stated("8", "", of("mine", "loss").after(102) > 0));
    if (is("read's end")) c.push_back(stated("8", "", of("mine", "curve") > 0));
    if (is("unsaid")) c.push_back(stated("8", "", of("mine", "loss") == 1));
    if (is("numbers")) c.push_back(stated("8", "", Term(2) > 1));
    return c;
  }
  std::vector<FigureRow> figures() const {
    FigureRow f{"fig", "A figure", "", {}};
    f.spec.metric = is("figure's metric") ? "lost" : "loss";
    f.spec.series = {{.arm = is("figure's arm") ? "min" : "mine"}};
    if (is("figure's series")) f.spec.series = {{.label = "Nobody's"}};
    f.spec.kind = "lines";
    FigureRow texts{"texts", "Texts", "", {}};
    texts.spec.kind = "texts";
    std::vector<FigureRow> list = {f, texts};
    if (is("figure twice")) list.push_back(f);
    return list;
  }
};

// What a run says that ends before it has begun; empty if it does not.
std::string said(const std::string& wrong) {
  Experiment e;
  e.name = "slips";
  e.metric = wrong == "table" ? "lsos" : wrong == "table's end" ? "curve" : "loss";
  e.presets = {{"quick", "", {}, 2}};
  e.settings = settings_of<Slips>();
  e.primary = {wrong == "primary" ? "77" : "7"};
  if (wrong == "primaries") e.primary = {"7", "7", "7", "7"};
  e.ranges = {{wrong == "range" ? "los" : "loss"}, {"only elsewhere*"}};
  if (wrong == "empty range") e.ranges = {{"loss", 1, 1}};
  if (wrong == "endless range") e.ranges = {{"loss", -kNoEnd, kNoEnd}};
  if (wrong == "one end") e.ranges = {{"loss", 0, kNoEnd}};
  if (wrong == "cases of one end") e.ranges = {{"loss", 0, kNoEnd, 10}};
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
  EXPECT_EQ(said("one end"), "");
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
      {"endless range", "the range of 'loss' from -inf to inf is empty, or has no end"},
      {"cases of one end", "the range of 'loss' has but one end, and says of how many cases"},
      {"idle", "the part 'two' records no arm"},
      {"nobody", "slips declares the arm 'mine', which it never records"},
      {"idle arm", "slips declares the arm 'theirs', which it never records"},
      {"arm twice", "slips declares the arm 'mine' twice"},
      {"claim twice", "slips declares the claim '7' twice"},
      {"figure twice", "slips declares the figure 'fig' twice"},
      {"curve", "the arm 'mine ' has a curve of 'loss' and is never recorded"},
      {"step", "arm 'mine' has two values of the metric 'loss' at step 3"},
      {"figure",
       "a text is made for 'txt', and there is no figure of this name and of kind "
       "\"texts\"; did you mean \"texts\""},
      {"figure's kind", "a text is made for 'fig', and there is no figure"},
      {"place", "figure 'texts': place 0 is given twice"},
      {"picture", "figure 'images', place 2: 5 greys do not fill a picture of 2 x 3"},
      {"threshold", "claim 7 needs a threshold"},
      {"claim's arm", "claim 7 speaks of the arm 'mein', which is never recorded"},
      {"claim's metric", "claim 7 speaks of the metric 'los', which is never recorded for 'mine'"},
      {"read's arm", "claim 8 speaks of the arm 'mein', which is never recorded; did you mean"},
      {"read's metric", "claim 8 speaks of the metric 'los', which is never recorded for 'mine'"},
      {"read's step",
       "claim 8 speaks of the metric 'loss' for 'mine' after 3 steps, where it is not recorded; it "
       "is at the end"},
      {"read's end",
       "claim 8 speaks of the metric 'curve' for 'mine' at the end, where it is not recorded; it "
       "is "
       "after 0, after 5"},
      {"read's many steps",
       "claim 8 speaks of the metric 'loss' for 'mine' after 102 steps, where it is not recorded; "
       "it "
       "is after 90, after 100, after 110 and at 18 other steps"},
      {"table",
       "slips: the table of arms (.metric) speaks of the metric 'lsos', which is never recorded; "
       "did "
       "you mean \"loss\""},
      {"table's end",
       "slips: the table of arms (.metric) shows the metric 'curve' at the end, where no arm has "
       "it; "
       "it is recorded after 0, after 5: give record() its final value"},
      {"unsaid", "claim 8: 'loss of mine = 1' is a fact of a seed; say always("},
      {"numbers", "claim 8: '2 > 1' speaks of no metric"},
      {"figure's arm", "figure 'fig' speaks of the arm 'min', which is never recorded"},
      {"figure's series", "figure 'fig': its series 'Nobody's' has neither points nor an arm"},
      {"figure's metric", "figure 'fig' speaks of the metric 'lost'"}};
  for (const auto& [wrong, text] : expected)
    EXPECT_NE(said(wrong).find(text), std::string::npos) << wrong << ": " << said(wrong);
}

}  // namespace
}  // namespace omni
