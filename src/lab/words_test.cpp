// The words of an experiment's page: what is read from it, what fills its gaps, and every slip with
// its file and line.
#include "lab/words.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"

namespace omni {
namespace {

constexpr const char* kPage = R"md(# Sums of *numbers*

```
## Question
# no title: this is code
```

## Question

Do **sums** tell
what [parts](https://example.org/a) are?

And `why`?

### In formulas

$a + b$

| a | table |
|---|---|

## Options

`data` is what all have.

| option | what it is |
|---|---|
| `lr` | learning rate |
| `width` | units \| of a layer |

## Conditions

| arm | name | what is done | published |
|---|---|---|---|
| `base` | Base | nothing | 0.25 |
| `fork-*` | Fork at * | from * on another order |
| `last` | Last | | |

## Results

| free | text |
| with | any | table |

## Figures

| figure | title | caption | x axis | y axis |
|:--|---|---|---|--:|
| `few` | From {shots} images | At a rate of {lr}, {0} or {1, 2}. | | share |
| `all` | All | The same. |

## How many seeds

Six.
)md";

Words words() { return Words::parse(kPage, "sums.md"); }

using Cells = std::vector<std::string>;

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const UserError& e) {
    return e.what();
  }
  return "no error";
}

std::string error_in(const std::string& page) {
  return error_of([&] { Words::parse(page, "sums.md"); });
}

TEST(Words, SectionsArePlainParagraphs) {
  const Words w = words();
  EXPECT_TRUE(w.there());
  EXPECT_EQ(w.title(), "Sums of *numbers*");
  EXPECT_EQ(w.section("Question"), "Do sums tell what parts are?\n\nAnd why?");
  EXPECT_EQ(w.section("How many seeds"), "Six.");
  EXPECT_EQ(w.section("Costs"), "");
  EXPECT_THROW(w.section("Results"), Bug);
}

TEST(Words, RowsAreFoundByName) {
  const Words w = words();
  EXPECT_EQ(w.row(WordTable::options, "width"), (Cells{"units | of a layer"}));
  EXPECT_EQ(w.row(WordTable::conditions, "base"), (Cells{"Base", "nothing", "0.25"}));
  EXPECT_EQ(w.row(WordTable::conditions, "last"), (Cells{"Last", "", ""}));
  EXPECT_EQ(w.row(WordTable::figures, "all"), (Cells{"All", "The same.", "", ""}));
  EXPECT_EQ(w.published("base"), 0.25);
  EXPECT_FALSE(w.published("last"));
  EXPECT_FALSE(w.published("fork-1"));
  EXPECT_FALSE(w.published("nobody"));
  EXPECT_TRUE(w.has(WordTable::options, "lr"));
  EXPECT_FALSE(w.has(WordTable::options, "data"));
  EXPECT_EQ(w.place(WordTable::conditions, "base"), 0u);
  EXPECT_EQ(w.place(WordTable::conditions, "last"), 2u);
  EXPECT_EQ(w.place(WordTable::conditions, "nobody"), 3u);
  EXPECT_EQ(w.names(WordTable::conditions), (Cells{"base", "fork-*", "last"}));
}

TEST(Words, StarsAndNamesAreFilledIn) {
  const Words w = words();
  EXPECT_EQ(w.row(WordTable::conditions, "fork-0.5"),
            (Cells{"Fork at 0.5", "from 0.5 on another order", ""}));
  EXPECT_EQ(w.place(WordTable::conditions, "fork-0.5"), 1u);
  EXPECT_EQ(w.row(WordTable::figures, "few", {{"shots", "16"}, {"lr", "0.1"}}),
            (Cells{"From 16 images", "At a rate of 0.1, {0} or {1, 2}.", "", "share"}));
}

TEST(Words, WithoutAPageEverythingIsCalledByItsName) {
  const Words none;
  EXPECT_FALSE(none.there());
  EXPECT_EQ(none.row(WordTable::conditions, "base"), (Cells{"base", "", ""}));
  EXPECT_EQ(none.title() + none.section("Question"), "");
  EXPECT_EQ(none.unused(WordTable::claims, Cells{}), Cells{});
}

TEST(Words, WhatCannotBeFilledInIsNamed) {
  EXPECT_EQ(error_of([] {
              words().row(WordTable::figures, "few", {{"shotz", "16"}, {"lr", "1"}});
            }),
            "sums.md:48: {shots} has no value; did you mean \"shotz\"?");
}

TEST(Words, NamesWithoutARowAreToldTheNearest) {
  const auto error = [](WordTable table, const char* name) {
    return error_of([&] { words().row(table, name); });
  };
  EXPECT_EQ(error(WordTable::conditions, "bsae"),
            "sums.md: it says nothing of the arm 'bsae'; line 35 has 'base'");
  EXPECT_EQ(error(WordTable::claims, "7d"),
            "sums.md: it says nothing of the claim '7d'; write a row of it under ## Claims");
}

TEST(Words, RowsThatStandForNothingAreNamed) {
  const Words w = words();
  EXPECT_EQ(w.unused(WordTable::conditions, Cells{"base", "fork-0", "fork-1", "last"}), Cells{});
  EXPECT_EQ(
      w.unused(WordTable::conditions, Cells{"base", "lats", "fork-1"}),
      Cells{"sums.md:37: there is no arm 'last' in the code; did you mean \"lats\" or \"base\"?"});
  EXPECT_EQ(w.unused(WordTable::conditions, Cells{"last"}),
            (Cells{"sums.md:35: there is no arm 'base' in the code; did you mean \"last\"?",
                   "sums.md:36: there is no arm 'fork-*' in the code; known: last"}));
}

TEST(Words, SlipsInAPageAreNamedWithTheirLine) {
  const std::string options = "# T\n## Options\n| a | b |\n|---|---|\n";
  const std::string arms = "# T\n## Conditions\n| a | b | c | d |\n|---|---|---|---|\n";
  const std::pair<std::string, const char*> cases[] = {
      {"", "sums.md:1: a page begins with its title"},
      {"text\n## Question\n", "sums.md:1: a page begins with its title"},
      {"# T\n\n# U\n", "sums.md:3: a second title; the first is 'T'"},
      {"# ", "sums.md:1: a title without words"},
      {"#", "sums.md:1: a title without words"},
      {"#Title\n", "sums.md:1: a blank is missing behind the # of a heading: '# Title'"},
      {"# T\n## Question\nx\n##Limits\n",
       "sums.md:4: a blank is missing behind the # of a heading: '## Limits'"},
      {"# T\n## Costs\nx\n ## Cost\n", "sums.md:4: there is no heading ## Cost; did you mean"},
      {"# T\n## Costs\nLimits\n------\n",
       "sums.md:4: a line below a heading stands in the section Costs"},
      {"# T\n\n```\n## Costs\n", "sums.md:3: the code that begins with ``` has no end"},
      {"# T\n````\n```\n~~~~\n", "sums.md:2: the code that begins with ```` has no end"},
      {"# T\n## Questions\n",
       "sums.md:2: there is no heading ## Questions; did you mean ## Question?"},
      {"# T\n## question\n",
       "sums.md:2: there is no heading ## question; did you mean ## Question?"},
      {"# T\n## Mehtod\n", "sums.md:2: there is no heading ## Mehtod; did you mean ## Method?"},
      {"# T\n## What it rests upon\n",
       "sums.md:2: there is no heading ## What it rests upon; did you mean ## What it rests on?"},
      {"# T\n## Claim\n", "sums.md:2: there is no heading ## Claim; did you mean ## Claims?"},
      {"# T\n## Costs\nx\n## Costs\n", "sums.md:4: ## Costs stands there twice"},
      {"# T\n## Costs\nx\n\n| a |\n",
       "sums.md:5: a table stands in the section Costs; put it behind"},
      {"# T\n## Costs\nsome $x$\n", "sums.md:3: a formula stands in the section Costs"},
      {"# T\n## Costs\nsome\n- more\n", "sums.md:4: a list stands in the section Costs"},
      {"# T\n## Costs\n2. more\n", "sums.md:3: a list stands in the section Costs"},
      {"# T\n## Costs\n![a](b.svg)\n", "sums.md:3: a picture stands in the section Costs"},
      {"# T\n## Costs\n<b>x</b>\n", "sums.md:3: HTML or a quotation stands in the section Costs"},
      {"# T\n## Costs\n```\nx\n```\n", "sums.md:3: code stands in the section Costs"},
      {"# T\n## Costs\na\x1b[2J\n", "sums.md:3: expected UTF-8 without control characters"},
      {"# T\n## Costs\na\xff\n", "sums.md:3: expected UTF-8 without control characters"},
      {"# T\n## Options\n| a |\n", "sums.md:3: 1 cells in a row of Options; expected 2"},
      {"# T\n## Options\n| a | b\n", "sums.md:3: a row of a table ends with |"},
      {"# T\n## Options\n| a | b \\|\n", "sums.md:3: a row of a table ends with |"},
      {"# T\n## Options\n| a | b |\n| c | d |\n",
       "sums.md:4: below the head of a table stands |---|"},
      {"# T\n## Options\n| a | b |\n|---|\n", "sums.md:4: below the head of a table stands |---|"},
      {options + "| c | d | e |\n", "sums.md:5: 3 cells in a row of Options; expected 2"},
      {options + "| c |\n", "sums.md:5: 1 cells in a row of Options; expected 2"},
      {options + "|  | d |\n", "sums.md:5: the name is missing in a row of Options"},
      {options + "| c |  |\n", "sums.md:5: nothing is said of 'c'"},
      {options + "| c | $d$ |\n", "sums.md:5: a formula in a table that is shown"},
      {options + "| c | ![d](e) |\n", "sums.md:5: a picture in a table that is shown"},
      {options + "| c | d |\n\n| e | f |\n",
       "sums.md:7: a row of Options stands without a head and |---| above it; an empty line ends"},
      {options + "| c | d |\n\n| e | f |\n## Costs\nx\n", "sums.md:7: a row of Options stands"},
      {options + "| c | d |\n\n| e | f |\n### More\n", "sums.md:7: a row of Options stands"},
      {options + "| `c` | d |\n| c | e |\n", "sums.md:6: 'c' stands in line 5 already"},
      {options + "| c* | d |\n\n| a | b |\n|--|--|\n| c1 | e |\n",
       "sums.md:9: 'c1' is never met, for 'c*' in line 5 stands before it"},
      {options + "| c* | d |\n| c*1 | e |\n", "sums.md:6: 'c*1' is never met, for 'c*' in line 5"},
      {options + "| c*d* | e |\n", "sums.md:5: more than one * in 'c*d*'"},
      {arms + "| a | A |\n", "sums.md:5: 2 cells in a row of Conditions; expected 3 to 4"},
      {arms + "| a | A | x | half |\n", "sums.md:5: the published value is a number, not 'half'"},
      {arms + "| a | A | x | inf |\n", "sums.md:5: the published value is a number, not 'inf'"}};
  for (const auto& [page, expected] : cases)
    EXPECT_TRUE(error_in(page).starts_with(expected)) << page << "\n" << error_in(page);
}

TEST(Words, OtherHeadingsAndWhatFollowsADeeperOneAreForTheDocs) {
  EXPECT_EQ(error_in("# T\n## Results\n- a\n| b |\n## Your own question\n$x$\n## Costs\nOne.\n"
                     "### Details\n| a | b\n- c\n#### Deeper\n$x$\n## Claims\n\nfree text\n\n"
                     "| a | b |\n|---|---|\n| 1 | x |\n\nmore\n\n### Origin\n\n| a |\n| b |\n"),
            "no error");
}

TEST(Words, CodeMayHoldWhatLooksLikeAPage) {
  const Words w = Words::parse(
      "# T\n````\n```\n## Costs\n````\n~~~ text\n## Claim\n```\n~~~\n```## Cost``` is code\n"
      "## Costs ##\nOne.\n",
      "t.md");
  EXPECT_EQ(w.section("Costs"), "One.");
}

TEST(Words, MarksMayStandOverLines) {
  EXPECT_EQ(Words::parse("# T\n## Costs\nSee **the [long\nname](https://a.org/b_(c))\nhere** and\n"
                         "2**3.\n",
                         "t.md")
                .section("Costs"),
            "See the long name here and 2**3.");
}

TEST(Words, LinesMayEndAsOnWindows) {
  const Words w = Words::parse(
      "# T\r\n## Costs\r\nOne\r\ntwo.\r\n\r\n## Claims\r\n| a | b |\r\n"
      "|---|---|\r\n| 1 | x |\r\n",
      "t.md");
  EXPECT_EQ(w.title(), "T");
  EXPECT_EQ(w.section("Costs"), "One two.");
  EXPECT_EQ(w.row(WordTable::claims, "1"), Cells{"x"});
}

}  // namespace
}  // namespace omni
