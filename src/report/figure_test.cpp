#include "report/figure.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/test_folder.h"
#include "report/drawing.h"
#include "report/sample.h"
#include "report/test_run.h"

namespace omni {
namespace {

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// The row of `csv` that starts with `start`, without it.
std::string row(const std::string& csv, const std::string& start) {
  const size_t at = csv.find("\n" + start);
  if (at == std::string::npos) return "no row '" + start + "'";
  const size_t from = at + 1 + start.size();
  return csv.substr(from, csv.find('\n', from) - from);
}

std::string numbers(const Summary& s) {
  return fmt::format(",{},{},{},{},{}", s.n, s.excluded, s.mean, s.interval.low, s.interval.high);
}

struct FigureTest : testing::Test {
  TestFolder folder;
  std::filesystem::path run = folder.path() / "run";
  void SetUp() override { make_test_run(run); }
  Summary summary(const char* metric, const char* arm) {
    return final_sample(results(), results().counts(), metric, arm).summary;
  }
  const Results& results() {
    if (!results_) results_.emplace(run / "results.sqlite", Access::read);
    return *results_;
  }
  FigureRow figure(const std::string& id) {
    for (const FigureRow& f : results().figures())
      if (f.id == id) return f;
    return {};
  }
  std::optional<Results> results_;
};

TEST(FigureAxis, ZeroStandsBelowTheFirstPowerOfTen) {
  Axis axis(true);
  for (const double v : {0.0, 3.0, 200.0}) axis.include(v);
  axis.include(Interval{-5, 400});
  axis.finish({}, 0.0);
  EXPECT_TRUE(axis.logarithmic());
  EXPECT_DOUBLE_EQ(axis.at(0), 1.0 / 3);
  EXPECT_EQ(axis.at(3), 3);
  EXPECT_GT(axis.high(), 400) << "a limit of 0 is none on a logarithmic axis";
  EXPECT_GT(axis.share(0), 0);
  EXPECT_LT(axis.share(0), axis.share(3));
  EXPECT_EQ(axis.within(-5), axis.at(0));
  EXPECT_NE(axis.script('x').find("add ('0' "), std::string::npos);
}

TEST(FigureAxis, ShortOrSignlessRangesAreLinear) {
  Axis narrow(true);
  narrow.include(0.5);
  narrow.include(0.6);
  narrow.finish({}, {});
  EXPECT_FALSE(narrow.logarithmic());
  Axis negative(true);
  negative.include(-1);
  negative.finish({}, {});
  EXPECT_FALSE(negative.logarithmic());
  EXPECT_LT(negative.low(), -1);
  Axis share(false);
  share.include(0);
  share.include(0.9);
  share.finish({}, 1.0);
  EXPECT_EQ(share.low(), 0) << "no room below 0 where nothing is negative";
  EXPECT_EQ(share.high(), 1);
}

TEST(FigureText, IsShortenedAtWholeLetters) {
  EXPECT_EQ(shortened("short", 100, 11), "short");
  const std::string cut = shortened("ééééééééééééééé", 40, 10);
  EXPECT_TRUE(cut.ends_with("é…")) << cut;
  EXPECT_LE(text_width(cut, 10), 40 + 5.2);
  EXPECT_EQ(shortened("long", 0, 10), "…");
}

TEST_F(FigureTest, GroupsHoldABarOfEachSeries) {
  const DrawnFigure drawn = draw_figure(results(), figure("groups"));
  EXPECT_EQ(count(drawn.csv, "\n"), 1 + 4 * 2u);
  EXPECT_EQ(row(drawn.csv, "Decoder,'1',aux,loss/1"), numbers(summary("loss/1", "aux")));
  EXPECT_EQ(row(drawn.csv, "Cross,0,cross_aux,loss/0"), numbers(summary("loss/0", "cross_aux")));
  EXPECT_EQ(row(drawn.csv, "Certificate,0,aux,certificate/0"),
            numbers(summary("certificate/0", "aux")));
  EXPECT_EQ(summary("certificate/0", "aux").n, 7) << "one seed is without it";
  EXPECT_EQ(summary("certificate/0", "aux").excluded, 1);
  EXPECT_EQ(row(drawn.csv, "Never measured,0,all,nothing"), ",0,8,,,");
  EXPECT_NE(drawn.svg.find("Never measured (no values)"), std::string::npos);

  FigureRow all_arms = figure("groups");
  all_arms.spec.series.clear();
  EXPECT_EQ(count(draw_figure(results(), all_arms).csv, "\n"), 1 + 6 * 2u);
  FigureRow uneven = figure("groups");
  uneven.spec.series[1].points.pop_back();
  EXPECT_THROW(draw_figure(results(), uneven), UserError);
  FigureRow none = figure("groups");
  none.spec.groups.clear();
  none.spec.series.clear();
  EXPECT_EQ(draw_figure(results(), none).empty_because, "it has no groups");
}

TEST_F(FigureTest, LinesTakeSeveralMetricsOfOneArm) {
  FigureRow lines = figure("learning");
  lines.spec.series = {{.label = "by steps", .arm = "aux"},
                       {.label = "absent", .arm = "aux", .metric = "loss"}};
  const DrawnFigure drawn = draw_figure(results(), lines);
  EXPECT_EQ(count(drawn.csv, "\nby steps,"), 7u);
  EXPECT_EQ(count(drawn.csv, "\nabsent,"), 0u) << "loss has no curve";
  EXPECT_NE(drawn.svg.find("absent (no values)"), std::string::npos);

  const std::string swept = draw_figure(results(), figure("sweep")).csv;
  EXPECT_EQ(row(swept, "losses,256"), numbers(summary("loss", "all")));
  EXPECT_EQ(row(swept, "aux 'only',64"), numbers(summary("accuracy", "cross_aux")));
  EXPECT_EQ(count(swept, "never run"), 0u);
}

TEST_F(FigureTest, ScatterSetsOneMetricAgainstAnother) {
  const DrawnFigure drawn = draw_figure(results(), figure("scatter"));
  EXPECT_EQ(row(drawn.csv, "apart,aux,loss"),
            numbers(summary("accuracy", "aux")) + numbers(summary("loss", "aux")));
  for (const char* text : {"Student (aux only: 100 % noise)", "Teacher", "never run (no values)"})
    EXPECT_NE(drawn.svg.find(text), std::string::npos) << text;
  FigureRow arms = figure("scatter");
  arms.spec.series.clear();
  EXPECT_EQ(count(draw_figure(results(), arms).csv, "\n"), 1 + 6u);
  arms.spec.x_metric = "nothing";
  EXPECT_NE(draw_figure(results(), arms).empty_because.find("'nothing'"), std::string::npos);
}

TEST_F(FigureTest, ImagesStandInTheirCells) {
  const DrawnFigure drawn = draw_figure(results(), figure("digits"));
  EXPECT_EQ(drawn.csv, "row,column,label\n0,0,<1>\n1,1,\n");
  EXPECT_EQ(count(drawn.svg, "<image "), 2u) << "of one seed";
  EXPECT_EQ(count(drawn.svg, "<text "), 1 + 2 + 2u) << "an empty label is none";
  EXPECT_NE(drawn.svg.find("base64,iVBORw0KGgo"), std::string::npos) << "the signature of PNG";
  EXPECT_EQ(count(drawn.svg, "pixelated"), 2u);
  EXPECT_NE(drawn.svg.find("width=\"112\""), std::string::npos) << "7 pixels, 16 times enlarged";
  EXPECT_NE(draw_figure(results(), {"none", "", "", figure("digits").spec}).empty_because, "");
}

TEST_F(FigureTest, TextsStandSideBySide) {
  const DrawnFigure drawn = draw_figure(results(), figure("samples"));
  EXPECT_TRUE(drawn.csv.starts_with("row,column,text\n0,0,One day & \"then\"") ||
              drawn.csv.starts_with("row,column,text\n0,0,\"One day"));
  EXPECT_NE(drawn.svg.find("One day &amp; "), std::string::npos);
  EXPECT_NE(drawn.svg.find(">steered<"), std::string::npos);
  EXPECT_NE(drawn.svg.find(">a prompt<"), std::string::npos);
  EXPECT_GT(count(drawn.svg, "a long text"), 3u) << "in several lines";
  EXPECT_EQ(drawn.svg.find("of another seed"), std::string::npos);
  EXPECT_NE(draw_figure(results(), {"none", "", "", figure("samples").spec}).empty_because, "");
}

std::vector<Series> named(const std::vector<std::string>& labels) {
  std::vector<Series> series;
  for (const std::string& label : labels) series.push_back({.label = label, .arm = "aux"});
  return series;
}

// Wide, narrow and very many names: each stands within the picture and above the plot, and no two
// share a place.
TEST(FigureLegend, StandsAboveThePlotWhateverItsNames) {
  std::vector<std::vector<std::string>> all = {
      {"a", "b"},
      {"Random student, long", "UNDO of the base", "Base", "Filtered"},
      {std::string(300, 'W'), "short"},
      {}};
  for (int i = 0; i < 60; ++i) all.back().push_back(fmt::format("UNDO 0.{}, beta 3", i));
  for (const auto& labels : all)
    for (const auto sample : {Legend::Sample::line, Legend::Sample::box}) {
      const std::vector<Series> series = named(labels);
      const std::vector<Look> looks(series.size());
      const Legend legend({}, series, looks, sample);
      const double height = 326 + legend.height();
      const std::string script = legend.script(height);
      double total = 0;
      for (const std::string& l : labels) total += 1.1 * text_width(shortened(l, 604, 13), 13) + 48;
      EXPECT_GE(legend.rows(), static_cast<int>(total / 628));
      EXPECT_EQ(count(script, "left front"), labels.size());
      std::set<std::pair<double, double>> places;
      const double plot_top = 1 - legend.height() / height;
      for (size_t at = script.find("' at screen "); at != std::string::npos;
           at = script.find("' at screen ", at + 1)) {
        double x = 0, y = 0;
        ASSERT_EQ(std::sscanf(script.c_str() + at, "' at screen %lf,screen %lf", &x, &y), 2);
        EXPECT_TRUE(places.insert({x, y}).second);
        EXPECT_GT(y, plot_top);
        EXPECT_LT(y, 1);
        EXPECT_LT(x, 1);
      }
    }
}

TEST(FigureLegend, OneSeriesNeedsNone) {
  const std::vector<Series> one = named({"Teacher"});
  const std::vector<Look> looks(1);
  const Legend legend({}, one, looks, Legend::Sample::line);
  EXPECT_EQ(legend.rows(), 0);
  EXPECT_EQ(legend.script(300).find("Teacher"), std::string::npos);
}

TEST_F(FigureTest, SaysWhyNothingIsDrawn) {
  FigureRow f = figure("groups");
  for (const char* kind : {"bars", "groups", "lines", "scatter"}) {
    f.spec = {.kind = kind, .metric = "nothing", .groups = {{"0", "nothing"}}};
    const DrawnFigure drawn = draw_figure(results(), f);
    EXPECT_EQ(drawn.empty_because, "no model has a value of 'nothing'") << kind;
    EXPECT_NE(drawn.svg.find("Nothing to draw: no model has"), std::string::npos);
  }
  const auto path = folder.path() / "lost.sqlite";
  Results lost(path, Access::write);
  f.spec = {.metric = "x"};
  EXPECT_EQ(draw_figure(lost, f).empty_because, "no model of its arms has been measured");
  lost.record_model({"a", 0, ModelStatus::diverged, 3, "", {{"x", kFinalStep, 1.0}}});
  EXPECT_EQ(draw_figure(lost, f).empty_because,
            "of its models 1 diverged, 0 failed and none is left");
}

TEST_F(FigureTest, RefusesSeriesOfUnknownArms) {
  FigureRow f = figure("scatter");
  f.spec.series = {{.label = "slip", .arm = "teachr"}};
  try {
    draw_figure(results(), f);
    ADD_FAILURE() << "drew an arm that is not there";
  } catch (const UserError& e) {
    const std::string text = e.what();
    EXPECT_NE(text.find("did you mean \"teacher\""), std::string::npos) << text;
  }
}

// Zero, negative, huge, constant and missing values, on every kind of axis.
TEST_F(FigureTest, AnyFiniteValueCanBeDrawn) {
  const auto path = folder.path() / "odd.sqlite";
  Results odd(path, Access::write);
  const std::vector<std::vector<double>> samples = {{0, 0, 0}, {-1, -2, -3},    {1e-12, 1, 1e12},
                                                    {5},       {1e300, -1e300}, {NAN, 2, INFINITY},
                                                    {1e-300}};
  for (size_t a = 0; a < samples.size(); ++a)
    for (size_t s = 0; s < samples[a].size(); ++s)
      odd.record_model({fmt::format("arm{}", a),
                        static_cast<int64_t>(s),
                        ModelStatus::ok,
                        -1,
                        "",
                        {{"x", kFinalStep, samples[a][s]},
                         {"y", kFinalStep, -samples[a][s]},
                         {"x", 0, samples[a][s]},
                         {"x", 10, samples[a][s]}}});
  std::vector<std::vector<std::string>> choices = {{}};  // all arms, and each alone
  for (size_t a = 0; a < samples.size(); ++a) choices.push_back({fmt::format("arm{}", a)});
  for (const char* kind : {"bars", "groups", "lines", "scatter"})
    for (const bool logarithmic : {false, true})
      for (const char* metric : {"x", "y"})
        for (const auto& arms : choices) {
          FigureRow f{"odd", "", "", {}};
          f.spec = {.kind = kind,
                    .metric = metric,
                    .x_metric = "x",
                    .arms = arms,
                    .groups = {{"g", ""}, {"h", "y"}},
                    .level_line = logarithmic ? -1 : 3,
                    .level_label = "level",
                    .log_x = logarithmic,
                    .log_y = logarithmic};
          const DrawnFigure drawn = draw_figure(odd, f);
          const bool is_curve = std::string_view(kind) == "lines" && metric[0] == 'y';
          EXPECT_EQ(drawn.empty_because.empty(), !is_curve) << kind << metric;
        }
}

}  // namespace
}  // namespace omni
