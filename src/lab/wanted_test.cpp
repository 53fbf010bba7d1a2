// What presets set and what claims want, and how slips in them are told.
#include "lab/wanted.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"

namespace omni {
namespace {

struct Fields {
  int64_t epochs = 5;
  double lr = 0.001;
  bool few = true;
  std::string methods = "maxent+rmu", loss = "kl", text = "a file";
  std::vector<double> rates = {1e-3, 1e-2};

  OptionList list() {
    OptionList o;
    o("epochs", epochs, between(1, 1000));
    o("lr", lr, at_least(0));
    o("few", few);
    o("methods", methods);
    o("loss", loss, one_of({"kl", "mse"}));
    o("text", text);
    o("rates", rates, between(0, 1));
    return o;
  }
};

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const UserError& e) {
    return e.what();
  }
  return "no error";
}

std::string differs_in(const char* wanted) {
  Fields f;
  OptionList list = f.list();
  return differs(list, wanted, "claim 1");
}

TEST(Wanted, IsReadAsItWouldBeTyped) {
  const auto all =
      parse_wanted("  width=32 rates=1e-3,1e-2  epochs>=100 text=\"two \\\"words\\\", here\"", "x");
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].key + "|" + all[0].value, "width|32");
  EXPECT_EQ(all[1].key + "|" + all[1].value, "rates|1e-3,1e-2");
  EXPECT_EQ(all[2].key + "|" + all[2].value, "epochs|100");
  EXPECT_TRUE(all[2].at_least && !all[1].at_least);
  EXPECT_EQ(all[3].value, "two \"words\", here");
  EXPECT_TRUE(parse_wanted("", "x").empty());
  EXPECT_TRUE(parse_wanted("   ", "x").empty());
}

TEST(Wanted, SlipsNameTheAuthorsPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"width", "preset a: width: expected key=value"},
      {"=3", "preset a: =3: expected key=value"},
      {">=3", "preset a: >=3: expected key=value"},
      {"width=", "preset a: width=: a value is missing"},
      {"text=\"two words", "preset a: text=\"two words: a closing \" is missing"},
      {"lr=1 few=true lr=2", "preset a: 'lr' is there twice"}};
  for (const auto& [text, expected] : cases) {
    const std::string error = error_of([&] { parse_wanted(text, "preset a"); });
    EXPECT_TRUE(error.starts_with(expected)) << error;
  }
}

TEST(Wanted, SetsOptions) {
  Fields f;
  OptionList list = f.list();
  set_all(list, "epochs=7 text=\"my stories, all.txt\" rates=0.5,0.25 few=false", "preset a");
  EXPECT_EQ(f.epochs, 7);
  EXPECT_EQ(f.text, "my stories, all.txt");
  EXPECT_EQ(f.rates, (std::vector<double>{0.5, 0.25}));
  EXPECT_FALSE(f.few);
  const auto error = [&](const char* text) {
    return error_of([&] { set_all(list, text, "preset a"); });
  };
  EXPECT_EQ(error("epcohs=1"), "preset a: there is no option 'epcohs'; did you mean \"epochs\"?");
  EXPECT_EQ(error("epochs=0"), "preset a: 'epochs' expects a whole number from 1 to 1000, got 0");
  EXPECT_EQ(error("epochs>=7"), "preset a: epochs>=7 is no value; write epochs=7");
}

TEST(Wanted, TellsWhatIsOtherwise) {
  for (const char* so : {"", "epochs=5", "epochs>=5", "lr=1e-3 few=true", "lr>=0", "methods=rmu",
                         "methods=rmu+maxent", "loss=kl", "rates=0.01", "rates=1e-2,0.001"})
    EXPECT_EQ(differs_in(so), "") << so;
  EXPECT_EQ(differs_in("few=false"), "few=true, and it speaks of few=false");
  EXPECT_EQ(differs_in("epochs>=6"), "epochs=5, and it speaks of epochs>=6");
  EXPECT_EQ(differs_in("epochs=5 loss=mse few=false"), "loss=kl, and it speaks of loss=mse");
  EXPECT_EQ(differs_in("methods=rmu+graddiff"),
            "methods=maxent+rmu, and it speaks of methods=rmu+graddiff");
  EXPECT_EQ(differs_in("rates=0.01,0.1"), "rates=0.001,0.01, and it speaks of rates=0.01,0.1");
}

TEST(Wanted, WhatCannotBeIsAnErrorWhereverItStands) {
  const std::pair<const char*, const char*> cases[] = {
      {"few=false epcohs=3", "claim 1: there is no option 'epcohs'"},
      {"few=false epochs=many", "claim 1: 'epochs' expects a whole number"},
      {"loss=msse", "claim 1: 'loss' expects one of kl, mse, got 'msse'; did you mean"},
      {"rates=2", "claim 1: 'rates' expects numbers (a,b,c) from 0 to 1"},
      {"loss>=kl", "claim 1: loss>=kl: 'loss' is no number"},
      {"methods=rmu+rmu", "claim 1: methods=rmu+rmu: 'rmu' is there twice"},
      {"few>=true", "claim 1: few>=true: 'few' is no number"}};
  for (const auto& [text, expected] : cases) {
    const std::string error = error_of([&] { differs_in(text); });
    EXPECT_TRUE(error.starts_with(expected)) << error;
  }
}

}  // namespace
}  // namespace omni
