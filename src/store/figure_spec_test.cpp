#include "store/figure_spec.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"

namespace omni {
namespace {

FigureSpec everything() {
  FigureSpec spec;
  spec.kind = "groups";
  spec.metric = "loss \"x\"\n";
  spec.x_metric = "compute";
  spec.arms = {"a", "b | width=3"};
  spec.series = {{"whole", {{1.5, "a", "m"}, {-2, "b", ""}}, "c", "n"}, {.label = "curve"}};
  spec.groups = {{"0", "loss/0"}, {"é", ""}};
  spec.x_label = "x";
  spec.y_label = "y";
  spec.reference = {{"a", 0.25}};
  spec.level_line = 0.1;
  spec.level_label = "chance";
  spec.log_x = spec.log_y = true;
  spec.y_low = 0.0;
  spec.columns = 3;
  spec.row_labels = {"digits", "reconstructions"};
  spec.column_labels = {"0", "1"};
  return spec;
}

TEST(FigureSpec, ReadsBackWhole) {
  EXPECT_EQ(figure_spec_from_json(to_json(everything())), everything());
  EXPECT_EQ(figure_spec_from_json(to_json({})), FigureSpec{});
}

TEST(FigureSpec, MissingNumbersAndForeignBytesAreKeptAsSuch) {
  FigureSpec spec = everything();
  spec.level_line = NAN;
  spec.y_high = INFINITY;
  spec.reference["a"] = NAN;
  spec.series[0].points[0].x = NAN;
  spec.x_label = "\xff";
  const FigureSpec back = figure_spec_from_json(to_json(spec));
  EXPECT_FALSE(back.level_line);
  EXPECT_FALSE(back.y_high);
  EXPECT_TRUE(std::isnan(back.reference.at("a")));
  EXPECT_TRUE(std::isnan(back.series[0].points[0].x));
  EXPECT_EQ(back.x_label, "\xef\xbf\xbd");
}

TEST(FigureSpec, ReadsLinesOfTheFirstVersion) {
  const FigureSpec spec = figure_spec_from_json(
      R"({"kind": "lines", "sweep": [{"label": "l", "points": [{"x": 64, "arm": "w64"}]}]})");
  const Series wanted{"l", {{64, "w64", ""}}};
  ASSERT_EQ(spec.series.size(), 1u);
  EXPECT_EQ(spec.series[0], wanted);
}

// Whatever stands in the file, it is read or refused; it never crashes or throws anything else.
TEST(FigureSpec, DamagedTextIsReadOrRefused) {
  const std::string whole = to_json(everything());
  EXPECT_THROW(figure_spec_from_json(""), UserError);
  EXPECT_THROW(figure_spec_from_json("[]"), UserError);
  EXPECT_THROW(figure_spec_from_json(R"({"kind": "lines", "series": [{"label": 1}]})"), UserError);
  EXPECT_THROW(figure_spec_from_json(R"({"kind": "bars", "series": 7})"), UserError);
  EXPECT_THROW(figure_spec_from_json(R"({"kind": "bars", "reference": [1]})"), UserError);
  for (const char* columns : {"\"many\"", "0", "-3", "1e300", "4294967297", "2.5"})
    EXPECT_THROW(figure_spec_from_json(fmt::format(R"({{"kind": "bars", "columns": {}}})", columns)),
                 UserError)
        << columns;
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_THROW(figure_spec_from_json(R"({"kind": "bars", "series": )" + deep + "}"), UserError);
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_THROW(figure_spec_from_json(whole.substr(0, length)), UserError);
  constexpr std::string_view kBytes = "{}[]\",:0-x\x80n";
  Stream stream(Key::of(1).fold("damage"));
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = whole;
    for (int k = 0; k < 1 + i % 3; ++k)
      damaged[static_cast<size_t>(stream.uniform() * static_cast<double>(whole.size()))] =
          kBytes[static_cast<size_t>(stream.uniform() * static_cast<double>(kBytes.size()))];
    try {
      figure_spec_from_json(damaged);
    } catch (const UserError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_LT(refused, 3000);
}

}  // namespace
}  // namespace omni
