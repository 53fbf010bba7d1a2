#include "report/report.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/test_folder.h"
#include "report/answer.h"
#include "report/figure.h"
#include "report/gnuplot.h"
#include "report/sample.h"
#include "report/test_run.h"
#include "report/text.h"

namespace omni {
namespace {

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(Text, EscapesAndReplaces) {
  EXPECT_EQ(escape_html("<a href='x'>\"&\""), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;&quot;");
  EXPECT_EQ(escape_html("é\n"), "é\n");
  EXPECT_EQ(escape_html(std::string("a\0b\xff\xc0\xaf", 6)),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(one_line("a\nb"), "a b");
  EXPECT_EQ(html_paragraphs("a\n\n\n\nb<"), "<p>a</p>\n<p>b&lt;</p>\n");
}

TEST(Text, NumbersAreShort) {
  EXPECT_EQ(short_number(0.52849), "0.528");
  EXPECT_EQ(short_number(-1.5), "−1.500");
  EXPECT_EQ(short_number(1234.56), "1234.6");
  EXPECT_EQ(short_number(0.00012345), "0.000123");
  EXPECT_EQ(short_number(NAN), "–");
  EXPECT_EQ(short_number(0), "0");
}

TEST(Gnuplot, TextIsTakenLiterally) {
  EXPECT_EQ(gnuplot_text("it's\n`id`"), "'it’s `id`'");
  const std::string svg = run_gnuplot(
      "set terminal svg noenhanced\nset title " + gnuplot_text("'`echo ran`' <script> \\ %d {x}") +
      "\nset xrange [0:1]\nplot x\n");
  EXPECT_NE(svg.find("echo ran"), std::string::npos);
  EXPECT_EQ(svg.find("<script>"), std::string::npos);
  EXPECT_THROW(run_gnuplot("nonsense"), Bug);
}

TEST(Gnuplot, AbsenceNamesThePackage) {
  const char* path = getenv("PATH");
  const std::string before = path ? path : "";
  setenv("PATH", "/nonexistent", 1);
  try {
    run_gnuplot("plot x");
    ADD_FAILURE() << "ran without gnuplot";
  } catch (const UserError& e) {
    EXPECT_NE(std::string(e.what()).find("gnuplot-nox"), std::string::npos);
  }
  setenv("PATH", before.c_str(), 1);
}

struct ReportTest : testing::Test {
  TestFolder folder;
  std::filesystem::path run = folder.path() / "run";
};

TEST_F(ReportTest, PageHoldsEverythingEscaped) {
  make_test_run(run);
  write_report(run);
  const std::string page = read_file(run / "report.html");
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("<b>"), std::string::npos);
  EXPECT_EQ(page.find("<others>"), std::string::npos);
  EXPECT_EQ(page.find("http://www.w3.org/1999/xlink\" href"), std::string::npos);
  EXPECT_EQ(count(page, "src="), 0u) << "nothing may be loaded";
  EXPECT_EQ(count(page, "<figure "), 8u);
  EXPECT_EQ(count(page, "<svg role"), 7u) << "a figure of nothing has no picture";
  EXPECT_NE(page.find("Nothing to draw: no model has a value of &#39;&lt;none&gt;&#39;."),
            std::string::npos);
  EXPECT_NE(page.find("Subliminal learning &lt;script&gt;"), std::string::npos);
  EXPECT_NE(page.find("Stand-in data"), std::string::npos);
  // Beside the claims, the arms, every metric, and each of the figures of all arms.
  EXPECT_NE(page.find("<div class=\"note\">1&nbsp;left&nbsp;out</div>"), std::string::npos);
  EXPECT_NE(page.find("<td class=\"number\">1 diverged</td>"), std::string::npos);
  EXPECT_NE(page.find("<div class=\"note\">n = 7, 1 diverged</div>"), std::string::npos);
  EXPECT_GE(count(page, "Left out of its means: 1 diverged"), 2u);
  EXPECT_NE(page.find("corrected together: Holm"), std::string::npos);
  EXPECT_NE(page.find("chip supported"), std::string::npos);
  EXPECT_NE(page.find("chip refuted"), std::string::npos);
  EXPECT_NE(page.find("chip not-judged"), std::string::npos);
  EXPECT_NE(page.find("<div class=\"note\">accuracy of aux - accuracy of cross &gt; 0.3</div>"),
            std::string::npos);
  EXPECT_NE(page.find("00112233"), std::string::npos) << "hash of the data";
  EXPECT_NE(page.find("&lt;/pre&gt;&lt;script&gt;"), std::string::npos) << "configuration";
  for (const char* id : {"accuracy", "learning", "sweep", "digits", "samples", "groups",
                         "scatter", "nothing"}) {
    EXPECT_NE(read_file(run / "figures" / (std::string(id) + ".svg")).find("</svg>"),
              std::string::npos);
    EXPECT_FALSE(read_file(run / "figures" / (std::string(id) + ".csv")).empty());
  }
  write_report(run);
  EXPECT_EQ(read_file(run / "report.html"), page) << "the same store gives the same page";
}

TEST_F(ReportTest, FiguresCarryTheNumbersOfTheStore) {
  make_test_run(run);
  const Results results(run / "results.sqlite", Access::read);
  const std::string csv = draw_figure(results, results.figures()[0]).csv;
  EXPECT_EQ(count(csv, ",mean,"), 6u);
  EXPECT_EQ(count(csv, ",seed,"), 1 + 6 * 8 - 1u)
      << "the heading and the seeds: the diverged model has no dot";
  EXPECT_EQ(count(csv, ",published,"), 6u);
  const double value = results.values("accuracy", "aux")[0].value;
  EXPECT_NE(csv.find(fmt::format("aux,Student (aux only: 100 % noise),seed,0,{},,,,", value)),
            std::string::npos);
  EXPECT_EQ(count(draw_figure(results, results.figures()[1]).csv, "\n"), 1 + 6 * 7u);
  const std::string all = draw_figure(results, results.figures()[0]).csv;
  EXPECT_NE(all.find(",8,0\n"), std::string::npos) << "n and how many are left out";
  EXPECT_NE(all.find(",7,1\n"), std::string::npos) << "of the arm with the diverged model";
  FigureRow figure = results.figures()[0];
  figure.spec.metric = "nothing";
  EXPECT_NE(draw_figure(results, figure).empty_because.find("'nothing'"), std::string::npos);
  figure.spec.kind = "pie";
  EXPECT_THROW(draw_figure(results, figure), UserError);
  figure.spec.kind = "bars";
  figure.spec.arms = {"nobody"};
  EXPECT_THROW(draw_figure(results, figure), UserError);
}

TEST_F(ReportTest, BuildsThatMayDifferAreNotReportedTogether) {
  const auto other = folder.path() / "other";
  make_test_run(run);
  make_test_run(other);
  const auto made = [](const std::filesystem::path& path, int64_t seed, const char* program) {
    Results(path / "results.sqlite", Access::write).record_origin({seed, "", program, "0"});
  };
  made(run, 0, "aaaa");
  made(other, 0, "bbbb");
  write_report(run);
  EXPECT_THROW(compare_runs(run, other), UserError);
  EXPECT_NE(compare_runs(run, other, true).find("different builds"), std::string::npos);
  made(run, 1, "bbbb");
  EXPECT_THROW(write_report(run), UserError);
  EXPECT_THROW(compare_runs(run, run), UserError);
  write_report(run, nullptr, true);
  EXPECT_NE(read_file(run / "report.html").find("not known to compute the same"),
            std::string::npos);
  Results(run / "results.sqlite", Access::write)
      .set_agreeing(std::vector<std::string>{"aaaa", "bbbb"});
  write_report(run);
  EXPECT_NE(read_file(run / "report.html").find("got the same bits"), std::string::npos);
  EXPECT_NE(compare_runs(run, other).find("accuracy"), std::string::npos);
}

// A run of one primary claim, the last of its list, on a share; `spread` of it over six seeds.
void make_primary_run(const std::filesystem::path& path, double spread) {
  Manifest m;
  m.experiment = "primary";
  RunFolder run = RunFolder::create(path, m, "");
  Results r(run.results_path(), Access::write);
  r.set(run_key::kMetric, "recall");
  r.set_ranges(std::vector<MetricRange>{{"recall"}});
  r.set_primary(std::vector<std::string>{"p"});
  std::vector<double> values;
  for (int seed = 0; seed < 6; ++seed) {
    values.push_back(1 - spread * seed * seed / 25.0);
    r.record_model({"a", seed, ModelStatus::ok, -1, "", {{"recall", kFinalStep, values.back()},
                                                         {"loss", kFinalStep, 1.0}}});
  }
  Claim other{.threshold = 0.5}, primary{.threshold = 0.9};
  primary.primary = true;
  other.range = primary.range = {0, 1};
  const std::vector<std::pair<Claim, std::vector<double>>> samples = {{other, values},
                                                                      {primary, values}};
  auto j = judge(samples);
  plan_seeds(samples, j);
  r.set_claims(std::vector<ClaimRow>{{"o", "Other claim", other, j[0]},
                                     {"p", "It recalls", primary, j[1]}});
  FigureRow first{"first", "Main", "", {}};
  first.spec.metric = "recall";
  FigureRow second = first;
  second.id = "second";
  r.set_figures(std::vector{first, second});
  run.set_status(RunStatus::finished, 1);
}

TEST_F(ReportTest, OpensWithTheAnswerThenTheMainFigureThenTheClaims) {
  make_primary_run(run, 0.05);
  write_report(run);
  const std::string page = read_file(run / "report.html");
  const std::vector<std::string> order = {
      "<strong>Supported: It recalls (0.982 [0.9", "Other claims: 1 supported.", "Figure 1.",
      ">primary</div>It recalls", "Other claim</td>", "More figures", "Figure 2."};
  size_t at = 0;
  for (const std::string& part : order) {
    const size_t found = page.find(part, at);
    ASSERT_NE(found, std::string::npos) << part;
    at = found;
  }
}

TEST_F(ReportTest, AnOpenPrimaryClaimSaysHowManySeedsDecideIt) {
  make_primary_run(run, 0.4);
  const Results results(run / "results.sqlite", Access::read);
  const int wanted = results.claims()[1].judgement.seeds_wanted;
  EXPECT_GT(wanted, 6);
  const Answer answer = answer_of(results);
  EXPECT_EQ(answer.sentence.find("Undecided: It recalls (0.853 ["), 0U) << answer.sentence;
  ASSERT_EQ(answer.notes.size(), 2U);
  EXPECT_NE(answer.notes[0].find(fmt::format("This run has 6 seeds; about {} would", wanted)),
            std::string::npos) << answer.notes[0];
  EXPECT_NE(answer.notes[0].find(fmt::format("--seeds 6..{}", 5 + wanted)), std::string::npos);
  EXPECT_EQ(answer.notes[1].find("1 other claim waits for that"), 0U);
  write_report(run);
  const std::string page = read_file(run / "report.html");
  EXPECT_NE(page.find("chip estimate"), std::string::npos);
}

// Tables, figures, their data and comparisons.
TEST_F(ReportTest, IntervalsOfSharesStayInTheirRange) {
  const auto other = folder.path() / "other";
  make_primary_run(run, 0.1);
  make_primary_run(other, 0.4);
  const Results results(run / "results.sqlite", Access::read);
  const Summary s = final_sample(results, results.counts(), "recall", "a").summary;
  EXPECT_LT(s.interval.high, 1);
  std::vector<double> values;
  for (const SeedValue& v : results.values("recall", "a")) values.push_back(v.value);
  EXPECT_GT(summarize(values).interval.high, 1) << "as Student's does not";
  const std::string csv = draw_figure(results, results.figures()[0]).csv;
  EXPECT_NE(csv.find(fmt::format(",{},{},6,0\n", s.interval.low, s.interval.high)),
            std::string::npos) << csv;
  const std::string text = compare_runs(run, other);
  EXPECT_NE(text.find(short_interval(s.interval)), std::string::npos) << text;
}

// The largest numbers have a page, and infinite ones are not called absent.
TEST_F(ReportTest, NumbersOfAnySizeAreReported) {
  Manifest m;
  m.experiment = "huge";
  {
    RunFolder f = RunFolder::create(run, m, "");
    Results r(f.results_path(), Access::write);
    r.set(run_key::kMetric, "v");
    const double inf = std::numeric_limits<double>::infinity();
    const std::vector<std::pair<std::string, std::vector<double>>> arms = {
        {"huge", {1e308, 1.3e308, 1.7e308}}, {"wide", {1.7e308, -1.7e308, 1e308}},
        {"tiny", {5e-324, 1e-323, 0}},       {"some", {inf, 1, 2}},
        {"none", {inf, inf, -inf}},          {"ones", {1, 1.5, 2}}};
    std::vector<ArmInfo> infos;
    for (const auto& [arm, values] : arms) {
      infos.push_back({arm, arm, "", {}});
      for (int64_t seed = 0; seed < 3; ++seed)
        r.record_model({arm, seed, ModelStatus::ok, -1, "", {{"v", kFinalStep, values[seed]}}});
    }
    r.set_arms(infos);
    FigureRow bars{"v", "Values", "", {}};
    bars.spec.metric = "v";
    r.set_figures(std::vector{bars});
    f.set_status(RunStatus::finished, 1);
  }
  write_report(run);
  const std::string page = read_file(run / "report.html");
  EXPECT_EQ(count(page, "3 infinite"), 1U);
  EXPECT_EQ(count(page, "1 infinite"), 1U);
  EXPECT_EQ(count(page, "without value"), 0U);
  EXPECT_FALSE(compare_runs(run, run).empty());
}

TEST_F(ReportTest, OneSeedGivesAReportWithoutIntervals) {
  make_test_run(run, 1);
  write_report(run);
  const std::string page = read_file(run / "report.html");
  EXPECT_NE(page.find("too few"), std::string::npos);
  EXPECT_EQ(page.find("nan"), std::string::npos);
}

TEST_F(ReportTest, AnEmptyRunStillHasAPage) {
  Manifest m;
  m.experiment = "empty";
  {
    RunFolder f = RunFolder::create(run, m, "");
    Results r(f.results_path(), Access::write);
  }
  write_report(run);
  EXPECT_NE(read_file(run / "report.html").find("not finished"), std::string::npos);
}

TEST_F(ReportTest, RefusesWhatIsNoRun) {
  EXPECT_THROW(write_report(run), UserError);
  make_folder(run);
  EXPECT_THROW(write_report(run), UserError);
  EXPECT_TRUE(std::filesystem::is_empty(run));
}

TEST_F(ReportTest, ComparesBySeed) {
  const auto other = folder.path() / "other";
  make_test_run(run, 8);
  make_test_run(other, 6, 0.25);
  const std::string text = compare_runs(run, other);
  EXPECT_NE(text.find("paired, n = 6"), std::string::npos) << text;
  EXPECT_NE(text.find("paired, n = 5"), std::string::npos) << "without the diverged model";
  EXPECT_NE(text.find("0.250 [0.250, 0.250]"), std::string::npos) << text;
  EXPECT_NE(text.find("7 (1 diverged)"), std::string::npos) << text;
}

TEST_F(ReportTest, ExportsAndNeverOverwrites) {
  make_test_run(run);
  export_run(run, folder.path() / "out");
  const std::string metrics = read_file(folder.path() / "out" / "metrics.csv");
  EXPECT_NE(metrics.find("teacher,0,accuracy,295,"), std::string::npos);
  EXPECT_NE(metrics.find("teacher,0,loss,final,"), std::string::npos);
  EXPECT_EQ(count(read_file(folder.path() / "out" / "models.csv"), "\n"), 1 + 6 * 8u);
  EXPECT_EQ(count(read_file(folder.path() / "out" / "claims.csv"), "\n"), 1 + 6u);
  EXPECT_THROW(export_run(run, folder.path() / "out"), UserError);
}

}  // namespace
}  // namespace omni
