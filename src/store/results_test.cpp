#include "store/results.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "base/random.h"
#include "base/test_folder.h"
#include "store/files.h"
#include "store/png.h"
#include "store/sqlite.h"

namespace omni {
namespace {

ModelResult model(std::string arm, int64_t seed, std::vector<Metric> metrics) {
  return {std::move(arm), seed, ModelStatus::ok, -1, "00ff", std::move(metrics)};
}

TEST(Results, ModelsAndMetricsReadBack) {
  const TestFolder folder;
  const auto path = folder.path() / "results.sqlite";
  {
    Results r(path, Access::write);
    r.set_arms(std::vector<ArmInfo>{{"b", "Second \"b\"", "", 0.5}, {"a", "First", "text", {}}});
    r.record_model(model("a", 1, {{"accuracy", kFinalStep, 0.25}, {"loss", 10, 2.0}}));
    r.record_model(model("a", 0, {{"accuracy", kFinalStep, NAN}, {"loss", 10, 3.0}}));
    r.record_model(model("b", 0, {{"accuracy", kFinalStep, 0.5}}));
    ModelResult lost = model("b", 1, {{"accuracy", kFinalStep, 0.9}, {"loss", 10, 4.0}});
    lost.status = ModelStatus::diverged;
    lost.status_step = 17;
    r.record_model(lost);
  }
  const Results r(path, Access::read);
  ASSERT_EQ(r.arms().size(), 2u);
  EXPECT_EQ(r.arms()[0].label, "Second \"b\"");
  EXPECT_EQ(r.arms()[0].published, 0.5);
  EXPECT_FALSE(r.arms()[1].published);
  const auto a = r.values("accuracy", "a");
  ASSERT_EQ(a.size(), 2u);
  EXPECT_TRUE(std::isnan(a[0].value)) << "NaN is kept as missing";
  EXPECT_EQ(a[1].value, 0.25);
  EXPECT_EQ(r.values("accuracy", "b").size(), 1u) << "diverged models give no value";
  EXPECT_EQ(r.counts().at("b").diverged, 1);
  EXPECT_EQ(r.curve("loss", "a").at(10).size(), 2u);
  EXPECT_TRUE(r.curve("loss", "b").empty()) << "diverged models give no point";
  EXPECT_TRUE(r.curve("accuracy", "a").empty()) << "the final value is no point of the curve";
  EXPECT_EQ(r.metric_names(true), std::vector<std::string>{"accuracy"});
  EXPECT_EQ(r.summary_csv(),
            "arm,seed,status,status_step,weights_hash,accuracy\n"
            "b,0,ok,-1,00ff,0.5\nb,1,diverged,17,00ff,0.9\n"
            "a,0,ok,-1,00ff,\na,1,ok,-1,00ff,0.25\n");
}

// Whatever a model says: SQLite's shell and Python read the file as UTF-8, and print it.
TEST(Results, TextsOfModelsAreUtf8WithoutControls) {
  const TestFolder folder;
  const auto path = folder.path() / "results.sqlite";
  const std::string said("a\0b\x1b[2J\ncaf\xc3 \xc2\x9b", 15);
  const std::string shown = "a\\u0000b\\u001b[2J\ncaf\xef\xbf\xbd \\u009b";
  const std::string name("n\0\xff", 3);
  {
    Results r(path, Access::write);
    r.record_text("said", 0, 0, said);
    r.set("key", said);
    r.set_arms(std::vector<ArmInfo>{{"a", said, "", {}}});
    r.record_model(model("a", 0, {{name, kFinalStep, 1}}));
  }
  const Results r(path, Access::read);
  EXPECT_EQ(r.texts("said").at(0).text, shown);
  EXPECT_EQ(r.get("key"), shown);
  EXPECT_EQ(r.metric_names(true), (std::vector<std::string>{"n\xef\xbf\xbd\xef\xbf\xbd"}));
  EXPECT_EQ(r.values(name, "a").size(), 1U) << "asked by the name that it was given";
  EXPECT_EQ(r.arms().at(0).label.substr(0, 4), std::string_view("a\0b\x1b", 4)) << "JSON within";
}

TEST(Results, RangesOfMetricsReadBackAndHold) {
  const TestFolder folder;
  const auto path = folder.path() / "results.sqlite";
  {
    Results r(path, Access::write);
    EXPECT_FALSE(r.range("accuracy").bounded());
    r.set_ranges(std::vector<MetricRange>{
        {"accuracy", 0, 1, 500}, {"gain*", -2, 3}, {"loss", 0, kNoEnd}, {"log_p", -kNoEnd, 0}});
    EXPECT_EQ(r.range("accuracy"), (Range{0, 1, 500})) << "at once";
    r.record_model(model("a", 0, {{"accuracy", kFinalStep, 1 + 1e-7}, {"gain/1", 3, -2.0},
                                  {"loss", kFinalStep, 17.0}, {"accuracy", 4, kNaN}}));
    EXPECT_THROW(r.record_model(model("a", 1, {{"loss", 20, -0.1}})), UserError);
    try {
      r.record_model(model("a", 1, {{"accuracy", 20, 1.5}}));
      ADD_FAILURE() << "kept a share of 1.5";
    } catch (const UserError& e) {
      EXPECT_NE(std::string(e.what()).find("'accuracy' of 'a' is 1.5 at seed 1"),
                std::string::npos) << e.what();
    }
  }
  const Results r(path, Access::read);
  EXPECT_EQ(r.range("accuracy"), (Range{0, 1, 500}));
  EXPECT_EQ(r.range("gain/1"), (Range{-2, 3}));
  EXPECT_EQ(r.range("loss"), (Range{0, kNoEnd}));
  EXPECT_EQ(r.range("log_p"), (Range{-kNoEnd, 0}));
  EXPECT_EQ(r.range("gain"), (Range{-2, 3}));
  EXPECT_FALSE(r.range("again/1").bounded());
  EXPECT_THROW(metric_ranges_from_json("[{}]"), UserError);
}

TEST(Results, PrimaryClaimsAndTheirSeedsReadBack) {
  const TestFolder folder;
  const auto path = folder.path() / "results.sqlite";
  {
    Results r(path, Access::write);
    r.set_primary(std::vector<std::string>{"2"});
    std::vector<ClaimRow> claims = {{"1", "one", {}, {}}, {"2", "two", {}, {}}};
    claims[0].judgement.verdict = Verdict::waiting;
    claims[1].judgement.seeds_wanted = 14;
    r.set_claims(claims);
  }
  const Results r(path, Access::read);
  EXPECT_FALSE(r.claims()[0].claim.primary);
  EXPECT_EQ(r.claims()[0].judgement.verdict, Verdict::waiting);
  EXPECT_TRUE(r.claims()[1].claim.primary);
  EXPECT_EQ(r.claims()[1].judgement.seeds_wanted, 14);
}

TEST(Results, ARepeatedModelReplacesTheOldOne) {
  const TestFolder folder;
  Results r(folder.path() / "r.sqlite", Access::write);
  r.record_model(model("a", 0, {{"x", 1, 1.0}, {"y", 1, 1.0}}));
  r.record_model(model("a", 0, {{"x", 1, 2.0}}));
  EXPECT_EQ(r.models().size(), 1u);
  ASSERT_EQ(r.metrics("a", 0).size(), 1u);
  EXPECT_EQ(r.metrics("a", 0)[0].value, 2.0);
}

TEST(Results, ClaimsPhasesAndFiguresReadBack) {
  const TestFolder folder;
  Results r(folder.path() / "r.sqlite", Access::write);
  ClaimRow claim{"c1", "a > 0.1 with 'quotes'", {.kind = ClaimKind::above, .threshold = 0.1}, {}};
  claim.judgement.verdict = Verdict::supported;
  claim.judgement.n = 8;
  claim.judgement.interval = {0.2, 0.3};
  claim.judgement.note = "note";
  claim.formula = "m of a > 0.1";
  r.set_claims(std::vector{claim});
  const ClaimRow back = r.claims().at(0);
  EXPECT_EQ(back.text, claim.text);
  EXPECT_EQ(back.claim.threshold, 0.1);
  EXPECT_TRUE(std::isnan(back.claim.low));
  EXPECT_TRUE(back.claim.judged);
  EXPECT_EQ(back.judgement.verdict, Verdict::supported);
  EXPECT_EQ(back.judgement.interval.high, 0.3);
  EXPECT_EQ(back.judgement.note, "note");
  EXPECT_EQ(back.formula, "m of a > 0.1");

  FigureRow figure{"curve", "Title", "Caption", {}};
  figure.spec.kind = "lines";
  figure.spec.series = {{"line", {{64, "w64"}, {128, "w128"}}}};
  figure.spec.y_low = 0.0;
  r.set_figures(std::vector{figure});
  const FigureRow drawn = r.figures().at(0);
  EXPECT_EQ(drawn.spec.series.at(0).points.at(1).arm, "w128");
  EXPECT_EQ(drawn.spec.y_low, 0.0);
  EXPECT_FALSE(drawn.spec.y_high);
  figure.id = "../escape";
  EXPECT_THROW(r.set_figures(std::vector{figure}), Bug);
  EXPECT_EQ(r.figures().size(), 1u) << "the failed write must be undone whole";
}

TEST(Results, ImagesOfTheLowestSeedReadBackByPosition) {
  const TestFolder folder;
  const auto path = folder.path() / "r.sqlite";
  const std::string black = encode_png(std::vector<float>(6, 0.0f), 2, 3);
  const std::string white = encode_png(std::vector<float>(6, 1.0f), 2, 3);
  {
    Results r(path, Access::write);
    EXPECT_TRUE(r.images("digits").empty());
    r.record_image("digits", 3, 0, "other seed", white);
    r.record_image("digits", 2, 5, "later", white);
    r.record_image("digits", 2, 1, "replaced", white);
    r.record_image("digits", 2, 1, "first", black);
    r.record_image("other", 0, 0, "", white);
    EXPECT_THROW(r.record_image("../escape", 0, 0, "", white), Bug);
    EXPECT_THROW(r.record_image("digits", 0, -1, "", white), Bug);
    EXPECT_THROW(r.record_image("digits", 0, 0, "", "no picture"), Bug);
  }
  const auto images = Results(path, Access::read).images("digits");
  ASSERT_EQ(images.size(), 2u);
  EXPECT_EQ(images[0].position, 1);
  EXPECT_EQ(images[0].label, "first");
  EXPECT_EQ(images[0].png, black);
  EXPECT_EQ(images[1].position, 5);
  EXPECT_EQ(images[1].png, white);
}

TEST(Results, TextsOfTheLowestSeedReadBackByPosition) {
  const TestFolder folder;
  const auto path = folder.path() / "r.sqlite";
  {
    Results r(path, Access::write);
    EXPECT_TRUE(r.texts("samples").empty());
    r.record_text("samples", 3, 0, "of another seed");
    r.record_text("samples", 2, 5, "later");
    r.record_text("samples", 2, 1, "replaced");
    r.record_text("samples", 2, 1, "first \u00e9");
    EXPECT_THROW(r.record_text("../escape", 0, 0, ""), Bug);
    EXPECT_THROW(r.record_text("samples", 0, -1, ""), Bug);
  }
  const auto texts = Results(path, Access::read).texts("samples");
  ASSERT_EQ(texts.size(), 2u);
  EXPECT_EQ(texts[0].position, 1);
  EXPECT_EQ(texts[0].text, "first \u00e9");
  EXPECT_EQ(texts[1].text, "later");
}

// Files written before images were kept have no table for them; opening for writing makes it.
TEST(Results, FilesWithoutATableOfImagesHaveNone) {
  const TestFolder folder;
  const auto path = folder.path() / "r.sqlite";
  { Results r(path, Access::write); }
  sqlite::Database(path, true).run("DROP TABLE images; DROP TABLE sums");
  EXPECT_TRUE(Results(path, Access::read).images("digits").empty());
  Results r(path, Access::write);
  r.record_image("digits", 0, 0, "", encode_png(std::vector<float>(1, 0.0f), 1, 1));
  EXPECT_EQ(r.images("digits").size(), 1u);
}

TEST(Results, AFailedTransactionLeavesNothing) {
  const TestFolder folder;
  Results r(folder.path() / "r.sqlite", Access::write);
  EXPECT_THROW(r.transaction([&] {
    r.set("title", "half");
    r.record_model(model("a", 0, {}));
    fail_user("stop");
  }),
               UserError);
  EXPECT_EQ(r.get("title"), "");
  EXPECT_TRUE(r.models().empty());
  r.set("title", "whole");
  EXPECT_EQ(r.get("title"), "whole");
}

TEST(Results, ManyThreadsWrite) {
  const TestFolder folder;
  Results r(folder.path() / "r.sqlite", Access::write);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&r, t] {
      for (int i = 0; i < 25; ++i)
        r.record_model(model("arm", t * 25 + i, {{"x", kFinalStep, double(i)}}));
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(r.values("x", "arm").size(), 100u);
}

// A limit on the size of files makes SQLite's writes fail, as a full disk does.
TEST(Results, AFullDiskLosesNothingCommitted) {
  const TestFolder folder;
  const auto path = folder.path() / "r.sqlite";
  {
    Results r(path, Access::write);
    r.record_model(model("a", 0, {{"x", kFinalStep, 1.0}}));
    std::vector<Metric> many;
    for (int step = 0; step < 50000; ++step) many.push_back({"x", step, 1.0});
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const auto handler = signal(SIGXFSZ, SIG_IGN);
    const rlimit small{200'000, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    EXPECT_THROW(r.record_model(model("a", 1, many)), UserError);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    r.record_model(model("a", 2, {{"x", kFinalStep, 2.0}}));
  }
  EXPECT_EQ(Results(path, Access::read).values("x", "a").size(), 2u);
}

TEST(Results, DamagedAndForeignFilesAreRefused) {
  const TestFolder folder;
  const auto path = folder.path() / "r.sqlite";
  EXPECT_THROW(Results(path, Access::read), UserError);
  EXPECT_FALSE(std::filesystem::exists(path));
  atomic_write(path, std::string(5000, 'x'));
  EXPECT_THROW(Results(path, Access::read), UserError);
  EXPECT_THROW(Results(path, Access::write), UserError);
  EXPECT_EQ(read_file(path), std::string(5000, 'x'));
}

// Everything that can be read from a results file, as text.
std::string all_of(const std::filesystem::path& path) {
  const Results r(path, Access::read);
  std::string all = r.get(run_key::kTitle) + r.summary_csv();
  for (const ArmInfo& a : r.arms()) all += a.name + a.label + a.description;
  for (const ModelResult& m : r.models())
    for (const Metric& x : r.metrics(m.arm, m.seed))
      all += fmt::format("{} {} {} {} {}\n", m.arm, m.seed, x.name, x.step, x.value);
  for (const std::string& name : r.metric_names(false))
    for (const ArmInfo& a : r.arms())
      for (const auto& [step, values] : r.curve(name, a.name))
        for (const SeedValue& v : values) all += fmt::format("{} {} {}\n", step, v.seed, v.value);
  for (const ClaimRow& c : r.claims())
    all += fmt::format("{} {} {} {} {} {}\n", c.id, c.text, c.claim.threshold, c.judgement.n,
                       c.judgement.interval.low, c.judgement.note);
  for (const FigureRow& f : r.figures()) {
    all += f.id + f.title + f.caption + to_json(f.spec);
    for (const StoredImage& i : r.images(f.id)) all += i.label + i.png;
    for (const StoredText& t : r.texts(f.id)) all += t.text;
  }
  return all;
}

// Some of everything.
void fill(const std::filesystem::path& path) {
  Results r(path, Access::write);
  r.set(run_key::kTitle, "A title");
  r.set_arms(std::vector<ArmInfo>{{"a", "First", "text", {}}, {"b", "Second", "", 0.5}});
  r.set_figures(std::vector{FigureRow{"digits", "Digits", "Caption", {}}});
  for (int64_t seed = 0; seed < 3; ++seed)
    r.transaction([&] {
      r.record_model(model("a", seed, {{"loss", kFinalStep, 0.25}, {"loss", 10, 2.0 + seed}}));
      r.record_model(model("b", seed, {{"loss", kFinalStep, NAN}}));
      if (seed > 0) return;
      r.record_image("digits", seed, 0, "label", encode_png(std::vector<float>(6, 1.0f), 2, 3));
      r.record_text("digits", seed, 1, "Once there was a text.");
    });
  ClaimRow claim{"c1", "a claim", {.kind = ClaimKind::above, .threshold = 0.1}, {}};
  claim.judgement.n = 3;
  r.set_claims(std::vector{claim});
  r.checkpoint();
}

// Whichever bit a disk changes: the file is refused, or says what it said before.
TEST(Results, NoChangedBitPassesForAResult) {
  const TestFolder folder;
  const auto path = folder.path() / "r.sqlite";
  fill(path);
  const std::string whole = read_file(path), before = all_of(path);
  std::vector<size_t> places;  // most of a small file is empty
  for (size_t i = 0; i < whole.size(); ++i)
    if (whole[i] != 0) places.push_back(i);
  Stream random(Key{7});
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    const size_t place = places[random.below(places.size())];
    std::string damaged = whole;
    damaged[place] ^= static_cast<char>(1 << random.below(8));
    std::ofstream(path, std::ios::binary) << damaged;
    try {
      EXPECT_EQ(all_of(path), before) << "byte " << place;
    } catch (const UserError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 900);
}

TEST(Results, WhatDiffersFromItsSumIsNamedAndNotChanged) {
  const TestFolder folder;
  const auto path = folder.path() / "r.sqlite";
  const auto refusal = [&](const char* change, Access access) -> std::string {
    std::filesystem::remove(path);
    fill(path);
    sqlite::Database(path, true).run(change);
    const std::string damaged = read_file(path);
    try {
      Results(path, access);
    } catch (const UserError& error) {
      EXPECT_EQ(read_file(path), damaged);
      return error.what();
    }
    return "taken";
  };
  for (const Access access : {Access::read, Access::write}) {
    const auto expect = [&](const char* change, std::string_view part) {
      const std::string said = refusal(change, access);
      EXPECT_NE(said.find(part), std::string::npos) << change << ": " << said;
    };
    expect("UPDATE metrics SET value = 3 WHERE step = 10 AND value = 4",
           "what it says of seed 2 is not what was written");
    expect("UPDATE models SET seed = 7 WHERE seed = 1", "seed 1");
    expect("DELETE FROM models WHERE arm = 'b' AND seed = 0", "seed 0");
    expect("UPDATE texts SET text = 'Another.'", "seed 0");
    expect("UPDATE claims SET threshold = 0", "the run");
    expect("DELETE FROM sums WHERE about = 'seed 1'", "seed 1 has no sum");
    expect("ALTER TABLE metrics RENAME COLUMN value TO worth", "damaged");
    // What somebody adds for a look of their own.
    expect("CREATE TABLE notes(text TEXT); CREATE INDEX mine ON metrics(name)", "taken");
  }
}

// A file from before there were sums gets them where it is written to.
TEST(Results, FilesWithoutSumsGetThem) {
  const TestFolder folder;
  const auto path = folder.path() / "r.sqlite";
  fill(path);
  const std::string before = all_of(path);
  sqlite::Database(path, true).run("DROP TABLE sums");
  EXPECT_EQ(all_of(path), before);
  Results(path, Access::write).checkpoint();
  EXPECT_EQ(all_of(path), before);
  sqlite::Database(path, true).run("UPDATE models SET weights_hash = 'x' WHERE seed = 1");
  EXPECT_THROW(Results(path, Access::read), UserError);
}

TEST(Results, WhoMadeASeedIsKeptAndForgottenWithIt) {
  const TestFolder folder;
  const auto path = folder.path() / "results.sqlite";
  const std::vector<std::string> arms = {"a", "b"};
  {
    Results r(path, Access::write);
    for (const int64_t seed : {0, 1, 2})
      r.transaction([&] {
        for (const std::string& arm : arms) r.record_model({.arm = arm, .seed = seed});
        r.record_origin({seed, "", seed == 2 ? "bbbb" : "aaaa", "0123"});
      });
    EXPECT_EQ(r.builds().seeds, (std::map<std::string, int>{{"aaaa", 2}, {"bbbb", 1}}));
    EXPECT_FALSE(r.builds().agree);
    EXPECT_EQ(r.builds().text(), "aaaa (2 seeds), bbbb (1 seed)");
    r.set_agreeing(std::vector<std::string>{"aaaa", "bbbb"});
    EXPECT_TRUE(r.builds().agree);
    EXPECT_EQ(r.models_of(1).size(), 2u);
    r.forget(1, "", arms);
    EXPECT_EQ(r.models_of(1).size(), 0u);
  }
  const Results r(path, Access::read);  // whose sums are right
  EXPECT_EQ(r.models().size(), 4u);
  ASSERT_EQ(r.origins().size(), 2u);
  EXPECT_EQ(r.origins()[1].program, "bbbb");
  EXPECT_EQ(r.origins()[1].fingerprint, "0123");
}

TEST(Results, FilesThatDoNotSayWhoMadeThemAreRead) {
  const TestFolder folder;
  const auto path = folder.path() / "results.sqlite";
  {
    Results r(path, Access::write);
    r.record_model({.arm = "a", .seed = 0});
  }
  sqlite::Database(path, true).run("DROP TABLE origins; DROP TABLE sums");
  {
    const Results r(path, Access::read);
    EXPECT_TRUE(r.origins().empty());
    EXPECT_TRUE(r.builds().agree);
  }
  { Results(path, Access::write).record_origin({0, "", "aaaa", "0123"}); }
  EXPECT_EQ(Results(path, Access::read).origins().size(), 1u);
}

}  // namespace
}  // namespace omni
