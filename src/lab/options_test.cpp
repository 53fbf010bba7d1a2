#include "lab/options.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <type_traits>

#include "base/error.h"

namespace omni {
namespace {

struct Fields {
  int64_t width = 64;
  double lr = 0.001;
  bool shuffle = true;
  std::string data = "auto";
  OptionList list() {
    OptionList o;
    o("width", width, "units of a layer", between(1, 4096));
    o("lr", lr, "learning rate", at_least(0));
    o("shuffle", shuffle, "another order per epoch");
    o("data", data, "data set", one_of({"auto", "mnist", "digits"}));
    return o;
  }
};

void set(Fields& f, const char* key, const char* text) {
  OptionList list = f.list();
  list.find(key, "here").set(text, "here");
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const UserError& e) {
    return e.what();
  }
  return "no error";
}

TEST(Option, ReadsEveryType) {
  Fields f;
  set(f, "width", " 128 ");
  set(f, "lr", "3e-4");
  set(f, "shuffle", "false");
  set(f, "data", "mnist");
  EXPECT_EQ(f.width, 128);
  EXPECT_EQ(f.lr, 3e-4);
  EXPECT_FALSE(f.shuffle);
  EXPECT_EQ(f.data, "mnist");
  set(f, "width", "1e3");
  EXPECT_EQ(f.width, 1000);
}

TEST(Option, RefusesWhatDoesNotFit) {
  for (const auto& [key, text] :
       std::vector<std::pair<const char*, const char*>>{{"width", "12.5"},
                                                        {"width", "0"},
                                                        {"width", "5000"},
                                                        {"width", "12x"},
                                                        {"width", ""},
                                                        {"width", "99999999999999999999"},
                                                        {"lr", "-1"},
                                                        {"lr", "nan"},
                                                        {"lr", "inf"},
                                                        {"lr", "fast"},
                                                        {"lr", "1,2"},
                                                        {"shuffle", "yes"},
                                                        {"data", "mnits"}}) {
    Fields f;
    EXPECT_NE(error_of([&] { set(f, key, text); }), "no error") << key << "=" << text;
  }
}

TEST(Option, ErrorsSayWhereWhatAndWhatInstead) {
  Fields f;
  EXPECT_EQ(error_of([&] { set(f, "width", "0"); }),
            "here: 'width' expects a whole number from 1 to 4096, got 0");
  EXPECT_EQ(error_of([&] { set(f, "lr", "fast"); }),
            "here: 'lr' expects a number of at least 0, got 'fast'");
  EXPECT_EQ(error_of([&] { set(f, "shuffle", "yes"); }),
            "here: 'shuffle' expects true or false, got 'yes'");
  EXPECT_NE(error_of([&] { set(f, "data", "mnits"); }).find("did you mean \"mnist\""),
            std::string::npos);
  EXPECT_EQ(error_of([&] { set(f, "widht", "1"); }),
            "here: there is no option 'widht'; did you mean \"width\"?");
}

TEST(Option, TextsAreUtf8WithoutControls) {
  std::string file = "generated";
  OptionList list;
  list("text", file, "a file");
  Option& option = list.find("text", "here");
  for (const char* wrong : {"caf\xe9.txt", "a\x1b[2Jb", "a\rb", "\xe2\x80\xaetxt"}) {
    const std::string what = error_of([&] { option.set(wrong, "here"); });
    EXPECT_NE(what.find("'text' expects a text of UTF-8 without control characters"),
              std::string::npos)
        << what;
  }
  option.set("Łódź \\ '#%'.txt", "here");
  EXPECT_EQ(file, "Łódź \\ '#%'.txt");
}

TEST(Option, WritesTomlThatReadsBack) {
  Fields f;
  f.lr = 2;
  f.data = "a \"quoted\" \\ path\n\x01";
  OptionList list = f.list();
  std::string text;
  for (const Option& o : list.all()) text += o.name() + " = " + o.toml() + "\n";
  const std::vector<Assignment> read = parse_assignments(text, "f.toml");
  ASSERT_EQ(read.size(), 4u);
  for (const Assignment& a : read)
    EXPECT_EQ(a.values, std::vector<std::string>{list.find(a.key, "").text()}) << a.key;
  EXPECT_EQ(list.find("lr", "").toml(), "2.0");
}

TEST(Option, PartsAreJoinedByPlus) {
  const std::vector<std::string> known = {"maxent", "rmu"};
  EXPECT_EQ(parts_of("rmu+maxent", "methods", known), (std::vector<std::string>{"rmu", "maxent"}));
  EXPECT_EQ(parts_of("any", "words"), std::vector<std::string>{"any"});
  for (const char* wrong : {"", "rmu+", "hope", "rmu+rmu", "+rmu"})
    EXPECT_THROW(parts_of(wrong, "methods", known), UserError) << wrong;
  try {
    parts_of("rmu+hope", "methods", known);
  } catch (const UserError& e) {
    EXPECT_STREQ(e.what(), "methods=rmu+hope: there is no 'hope'; wanted are maxent, rmu, joined by +");
  }
}

TEST(Assignments, AreReadFromArguments) {
  const Assignment one = parse_assignment("lr=0.1"), more = parse_assignment(" width = 64, 128");
  EXPECT_EQ(one.key, "lr");
  EXPECT_EQ(one.values, std::vector<std::string>{"0.1"});
  EXPECT_EQ(one.where, "argument lr=0.1");
  EXPECT_EQ(more.key, "width");
  EXPECT_EQ(more.values, (std::vector<std::string>{"64", "128"}));
  for (const char* wrong : {"lr", "=1", "lr=", "lr=1,,2", "lr=1,", " =3"})
    EXPECT_THROW(parse_assignment(wrong), UserError) << wrong;
}

TEST(Assignments, AreReadFromToml) {
  const auto a = parse_assignments(
      "lr = 0.5\nwidth = [64, 128]\nshuffle = false\ndata = 'digits'\n", "f.toml");
  std::map<std::string, Assignment> by_key;
  for (const Assignment& x : a) by_key[x.key] = x;
  EXPECT_EQ(by_key.at("lr").values, std::vector<std::string>{"0.5"});
  EXPECT_EQ(by_key.at("lr").where.substr(0, 9), "f.toml:1:");
  EXPECT_EQ(by_key.at("width").values, (std::vector<std::string>{"64", "128"}));
  EXPECT_EQ(by_key.at("width").where.substr(0, 9), "f.toml:2:");
  EXPECT_EQ(by_key.at("shuffle").values, std::vector<std::string>{"false"});
  EXPECT_EQ(by_key.at("data").values, std::vector<std::string>{"digits"});
}

TEST(Assignments, CommasWithinAValue) {
  const auto values = [](const char* word) { return parse_assignment(word).values; };
  using Values = std::vector<std::string>;
  EXPECT_EQ(values("t=a, b"), (Values{"a", "b"}));
  EXPECT_EQ(values(R"(t="my stories, 2024/all.txt")"), Values{"my stories, 2024/all.txt"});
  EXPECT_EQ(values(R"(t=my stories\, 2024/all.txt)"), Values{"my stories, 2024/all.txt"});
  EXPECT_EQ(values(R"(t="a,b" , c,"d\"e\\,")"), (Values{"a,b", "c", R"(d"e\,)"}));
  EXPECT_EQ(values(R"(t=C:\dir\x)"), Values{R"(C:\dir\x)"});
  EXPECT_EQ(values(R"(t=5" disks)"), Values{R"(5" disks)"}) << "a quote within a value is a letter";
  EXPECT_EQ(parse_assignment("t= a,b ").typed, "a,b");
  EXPECT_NE(error_of([] { parse_assignment("t=\"a, b"); }).find("a closing \" is missing"),
            std::string::npos);
  EXPECT_NE(error_of([] { parse_assignment("t=\"a\"b"); }).find("found 'b'"), std::string::npos);
}

TEST(Assignments, ErrorsInTomlHavePositions) {
  EXPECT_EQ(error_of([] { parse_assignments("a = 1\nb = = 2\n", "f.toml"); }).substr(0, 9),
            "f.toml:2:");
  EXPECT_NE(error_of([] { parse_assignments("a = 1979-05-27\n", "f.toml"); }), "no error");
  for (const char* table : {"[a]\nb = 1\n", "b = 1\n \t[ !", "b = 1\n[[a]]\n"})
    EXPECT_NE(error_of([&] { parse_assignments(table, "f.toml"); }).find("begins with '['"),
              std::string::npos)
        << table;
  EXPECT_NE(error_of([] { parse_assignments("a = [[1]]\n", "f.toml"); }), "no error");
  EXPECT_NE(error_of([] { parse_assignments("a = 1\na = 2\n", "f.toml"); }), "no error");
}

TEST(Assignments, NoNameNestsTooDeep) {
  std::string name;
  for (int i = 0; i < 200'000; ++i) name += "a.";
  EXPECT_NE(error_of([&] { parse_assignments("\n" + name + "a = 1\n", "f.toml"); })
                .find("f.toml:2: more than 10000 dots"),
            std::string::npos);
  name.resize(20'000);  // the most that gets through
  EXPECT_NE(error_of([&] { parse_assignments(name + "a = 1\n", "f.toml"); }), "no error");
  std::string list = "rates = [0.5";
  for (int i = 1; i < 10'000; ++i) list += ", 0.5";
  EXPECT_EQ(parse_assignments(list + "]\n", "f.toml")[0].values.size(), 10'000u);
}

TEST(Seeds, RangesAndLists) {
  EXPECT_EQ(parse_seeds("3", ""), std::vector<int64_t>{3});
  EXPECT_EQ(parse_seeds("0..3", ""), (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(parse_seeds("9, 0..2,1", ""), (std::vector<int64_t>{0, 1, 2, 9}));
  EXPECT_EQ(parse_seeds("1000000..1000001", ""), (std::vector<int64_t>{1000000, 1000001}));
  const std::string largest = "9223372036854775807";
  EXPECT_EQ(parse_seeds(largest, ""), std::vector<int64_t>{INT64_MAX});
  for (const char* wrong : {"", "3..1", "-1", "a", "1..", "..2", "1,", "0..99999999999", "1.5"})
    EXPECT_THROW(parse_seeds(wrong, "--seeds"), UserError) << wrong;
}

TEST(Seeds, AtMostAMillionHoweverWritten) {
  EXPECT_EQ(parse_seeds("5..9,0..6,9,3", "").size(), 10u);
  std::string many = "0..999999";
  for (int i = 0; i < 10'000; ++i) many += ",1..999998";
  EXPECT_EQ(parse_seeds(many, "").size(), 1'000'000u);
  for (const char* wrong : {"0..1000000", "0..999999,1000000", "0..600000,700000..1200000",
                            "0..9223372036854775807", "5,0..9223372036854775807"})
    EXPECT_THROW(parse_seeds(wrong, "--seeds"), UserError) << wrong;
}

TEST(Options, ListsTakeCommasAndRanges) {
  std::vector<int64_t> classes = {1};
  std::vector<double> rates = {0.5};
  OptionList list;
  list("classes", classes, "", between(0, 9));
  list("rates", rates, "", between(0, 1));
  Option& c = list.find("classes", "x");
  Option& r = list.find("rates", "x");
  c.set("0-2, 7", "x");
  EXPECT_EQ(classes, (std::vector<int64_t>{0, 1, 2, 7}));
  EXPECT_EQ(c.text(), "0,1,2,7");
  EXPECT_EQ(c.toml(), "[0,1,2,7]");
  r.set("1e-3,1", "x");
  EXPECT_EQ(rates, (std::vector<double>{1e-3, 1}));
  for (const char* bad : {"", "1,,2", "5-3", "10", "-1", "1,1", "1.5", "0-", "0-99999999999", "a"})
    EXPECT_THROW(c.set(bad, "x"), UserError) << bad;
  for (const char* bad : {"", "0.1,", "2", "nan", "0.1-0.2"})
    EXPECT_THROW(r.set(bad, "x"), UserError) << bad;
}

TEST(Options, DetailsStandInAnyOrderAndHelpMayBeAbsent) {
  int64_t width = 8;
  OptionList list;
  list("width", width, between(1, 9), used_if(false, "depth=2"), "units", harmless("why"));
  list("bare", width);
  const Option& o = list.find("width", "x");
  EXPECT_EQ(o.help(), "units");
  EXPECT_EQ(o.expects(), "a whole number from 1 to 9");
  EXPECT_EQ(o.used_with(), "depth=2");
  EXPECT_EQ(o.harmless().why, "why");
  EXPECT_EQ(list.find("bare", "x").help(), "");
}

static_assert(OptionField<int64_t> && OptionField<std::vector<double>> && OptionField<bool>);
static_assert(!OptionField<int> && !OptionField<float> && !OptionField<const double> &&
              !OptionField<std::vector<std::string>>);
static_assert(OptionDetail<const char*> && OptionDetail<Used> && OptionDetail<Allowed>);
static_assert(!OptionDetail<double> && !OptionDetail<bool>);

struct Sizes {
  int64_t width = 8, depth = 2;
  void visit(auto&& option) {
    option("width", width, between(1, 99));
    option("depth", depth, between(1, 9));
    option.check([this] { require(width * depth < 100, "width={} is too wide", width); });
  }
};
struct Sized : Sizes {
  double lr = 0.1;
  void visit(auto&& option) {
    Sizes::visit(option);
    option("lr", lr);
  }
};
struct Narrowed : Sized {
  void visit(auto&& option) { Sized::visit(option.only("lr width")); }
};

TEST(Options, AreTakenFromGroupsInPart) {
  Sized s;
  OptionList some;
  s.visit(some.only(" depth  lr "));
  EXPECT_EQ(some.names(), (std::vector<std::string>{"depth", "lr"}));
  some.check();
  OptionList all;
  s.visit(all);
  EXPECT_EQ(all.names(), (std::vector<std::string>{"width", "depth", "lr"}));

  Narrowed n;
  OptionList both;
  n.visit(both.only("width"));
  EXPECT_EQ(both.names(), std::vector<std::string>{"width"}) << "a choice of a choice";
  both.check();
}

TEST(Options, WhatIsChosenInVainIsNamed) {
  Sized s;
  OptionList list;
  s.visit(list.only("lr widht"));
  EXPECT_EQ(error_of([&] { list.check(); }),
            "only(\"lr widht\"): there is no option 'widht' to choose; did you mean \"width\"?");
  Narrowed n;
  OptionList narrow;
  n.visit(narrow.only("lr depth"));
  EXPECT_NE(error_of([&] { narrow.check(); }).find("there is no option 'depth' to choose"),
            std::string::npos)
      << "the inner choice has left it out";
}

TEST(Options, ChecksOfAGroupComeWithIt) {
  Sized s;
  s.width = 60;
  for (const char* chosen : {"width", "width depth lr"}) {
    OptionList list;
    s.visit(list.only(chosen));
    EXPECT_EQ(error_of([&] { list.check(); }), "width=60 is too wide") << chosen;
  }
}

// What an empty list is written as in config.toml must read back; nothing else may become empty.
TEST(Options, AnEmptyListStaysEmpty) {
  std::vector<double> arms;
  double lr = 1;
  OptionList list;
  list("arms", arms, "", between(0, 1));
  list("lr", lr, "");
  Option& option = list.find("arms", "x");
  const std::vector<Assignment> read = parse_assignments("arms = " + option.toml(), "f.toml");
  ASSERT_EQ(read[0].values, std::vector<std::string>{""});
  option.set(read[0].values[0], "x");
  EXPECT_TRUE(arms.empty());
  EXPECT_THROW(list.find("lr", "x").set(read[0].values[0], "x"), UserError);
  option.set("0.5", "x");
  EXPECT_THROW(option.set("", "x"), UserError);
}

}  // namespace
}  // namespace omni
