// Every option of every experiment does something or says that it does not: set alone through the
// command line's path, it changes what a dry run sees of a phase (or, where only weights tell, a
// model), an arm, a claim, a figure or a text of the report. Where its declaration says that it has
// no effect it is refused, truly has none, and has one with what the refusal names. What
// config.toml says does not count.
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <optional>

#include "base/hash.h"
#include "data/catalogue.h"
#include "experiments/catalogue.h"
#include "experiments/testing.h"
#include "lab/declarations.h"
#include "lab/judging.h"
#include "lab/worker.h"
#include "text/story_world.h"

namespace omni {
namespace {

using Arguments = std::vector<std::string>;

Arguments operator+(Arguments a, const Arguments& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Beside the smoke preset: data that are always there, and what lets most options speak.
Arguments base_of(const Experiment& e) {
  if (e.name == "arithmetic-unlearning") return {"methods=maxent+graddiff+rmu+oracle", "betas=0.5"};
  Arguments base;
  if (testing::offers(e, "data")) base.push_back("data=digits");
  if (testing::offers(e, "train")) base.push_back("train=400");
  return base;
}

// What some options cannot do without: they would otherwise be refused for another's sake.
Arguments company_of(const Experiment& e, const std::string& option) {
  if (e.name == "gradient-routing" && option == "split") return {"encoding=40"};
  if (e.name == "era-unlearning" && option == "rmu_layer") return {"size=S"};
  if (e.name == "steering-scalar" && option == "tokenizer") return {"text=FILE"};
  return {};
}

// Stories of a generated world in a file, as a user's text.
class TextFile {
 public:
  TextFile() {
    setenv("XDG_CACHE_HOME", (folder_.path() / "cache").c_str(), 1);
    std::ofstream out(path());
    const StorySet set = StoryWorld(Key::of(1)).stories({400, 1, 1});
    for (const Story& story : set.train)
      out << (story.forget ? "A forest. " : "") << story.text << '\n';
  }
  std::string path() const { return (folder_.path() / "stories.txt").string(); }

 private:
  TestFolder folder_;
};

// "text=FILE", with what an experiment wants to know of it.
Arguments with_file(const Experiment& e, Arguments arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] != "text=FILE") continue;
    static const TextFile file;
    arguments[i] = "text=" + file.path();
    if (e.name == "steering-scalar")
      return Arguments{"word=a", "kin=the", "companions=to"} + arguments;
  }
  return arguments;
}

Resolved resolved(const Experiment& e, const Arguments& arguments) {
  return resolve(e, testing::smoke_request("", with_file(e, arguments)));
}

// Blank for dry runs, which look at no picture.
const Dataset& data_of(const Resolved& r, bool dry = true) {
  static std::map<std::pair<std::string, bool>, Dataset> known;
  const std::string name = r.variants.front().settings->data();
  if (!known.contains({name, dry}))
    known[{name, dry}] = dry || name.empty() ? blank_dataset(name) : load_dataset(name, {});
  return known.at({name, dry});
}

SeedRecord run(const Resolved& r, bool dry) {
  WorkerOptions options;
  options.data = &data_of(r, dry);
  options.dry = dry;
  Worker worker(options);
  worker.begin(0);
  SeedRecord record;
  for (const Variant& v : r.variants) {
    Trial trial(worker, 0, v.label, record, v.settings->common().when_diverging());
    v.settings->run(trial);
  }
  return record;
}

// What a seed comes to, as a dry run sees it.
uint64_t seen(const Experiment& e, const Resolved& r, const SeedRecord& record) {
  Hash h;
  for (const auto& [part, form] : record.form) h.add(part), h.add(form.value());
  for (const auto& [arm, metric, step] : record.measured) h.add(arm), h.add(metric), h.add(step);
  for (const auto& [arm, model] : record.models)
    for (const Metric& m : model.metrics) h.add(arm), h.add(m.name), h.add(m.step);
  for (const ArmInfo& a : all_arms(r, e, recording_of(record)))
    h.add(a.name), h.add(a.label), h.add(a.description);
  return h.value();
}

// What a report says besides.
uint64_t said(const Experiment& e, const Resolved& r, const SeedRecord& record) {
  Hash h;
  for (const ClaimSpec& c : stated_claims(r, e, data_of(r)))
    h.add(c.id), h.add(c.text), h.add(c.claim.threshold);
  for (const FigureRow& f : all_figures(r, e, data_of(r), recording_of(record)))
    h.add(f.id), h.add(f.title), h.add(f.caption), h.add(to_json(f.spec));
  return h.value();
}

uint64_t shown(const Experiment& e, const Arguments& arguments) {
  const Resolved r = resolved(e, arguments);
  const SeedRecord record = run(r, true);
  try {  // settings that are taken speak of nothing that they do not record
    check_declarations(r, e, data_of(r), record);
  } catch (const UserError& error) {
    ADD_FAILURE() << fmt::format("{} {}: {}", e.name, fmt::join(arguments, " "), error.what());
  }
  Hash h;
  h.add(seen(e, r, record)), h.add(said(e, r, record));
  return h.value();
}

uint64_t trained(const Experiment& e, const Arguments& arguments) {
  const SeedRecord record = run(resolved(e, arguments), false);
  Hash h;
  for (const auto& [arm, model] : record.models) {
    h.add(arm), h.add(model.weights_hash);
    for (const Metric& m : model.metrics) h.add(m.name), h.add(m.step), h.add(m.value);
  }
  for (const RecordedText& t : record.texts) h.add(t.figure), h.add(t.place), h.add(t.text);
  return h.value();
}

// Other values of an option, likely ones first.
Arguments others(const Option& o) {
  Arguments all;
  const auto numbers = [&](double x, bool whole) {
    for (const double y : {2 * x, x / 2, x + 1, x - 1, x + 0.1, 0.5, x / 4, x + 3, x + 64})
      if (const double z = whole ? std::round(y) : y;
          z != x && z >= o.allowed().low && z <= o.allowed().high)
        all.push_back(fmt::format("{}", z));
  };
  const auto list = [&](const auto& values, bool whole) {
    const std::string text = o.text();
    if (values.size() > 1) {
      all.push_back(text.substr(text.find(',') + 1));
      all.push_back(text.substr(0, text.rfind(',')));
    }
    numbers(values.empty() ? 0.25 : static_cast<double>(values.back()), whole);
    for (const std::string& one : Arguments(all))
      if (!text.empty()) all.push_back(text + "," + one);
  };
  std::visit(
      [&](const auto* p) {
        using T = std::remove_cvref_t<decltype(*p)>;
        if constexpr (std::is_same_v<T, bool>)
          all.push_back(*p ? "false" : "true");
        else if constexpr (std::is_same_v<T, std::string>)
          all = o.allowed().choices;
        else if constexpr (std::is_arithmetic_v<T>)
          numbers(*p, std::is_integral_v<T>);
        else
          list(*p, std::is_integral_v<typename T::value_type>);
      },
      o.field());
  if (o.is_free_text()) all = {"FILE", "rmu", "bytes", "words", "river", "was"};
  std::erase(all, o.text());
  std::erase(all, "auto");  // stands for one of the others
  return all;
}

OptionList options_of(const Resolved& r) { return r.variants.front().settings->options(); }

std::optional<std::string> refusal(const Experiment& e, const Arguments& arguments) {
  try {
    resolved(e, arguments);
    return {};
  } catch (const UserError& error) {
    return error.what();
  }
}

class Effects {
 public:
  explicit Effects(const Experiment& e) : e_(e) {}

  // Of an option that is used with `base`.
  void expect_effect(const Option& o, Arguments base) {
    base = base + company_of(e_, o.name());
    if (o.name() == "data") {  // not every set can be had without a network
      for (const std::string& name : others(o))
        EXPECT_EQ(resolved(e_, base + Arguments{"data=" + name}).variants[0].settings->data(),
                  name);
      return;
    }
    std::string refusals, still;
    for (const std::string& value : others(o)) {
      const std::string argument = o.name() + "=" + value;
      try {
        if (shown(e_, base + Arguments{argument}) != usual(shown_, base, shown)) return;
        if (still.empty()) still = argument;
      } catch (const UserError& error) {
        refusals += fmt::format("\n  {}", error.what());
      }
    }
    if (!still.empty() && trained(e_, base + Arguments{still}) != usual(trained_, base, trained))
      return;
    ADD_FAILURE() << fmt::format("{} {}: {} has no effect, as in '{}'{}", e_.name,
                                 fmt::join(base, " "), o.name(), still, refusals);
  }

  // Of one that `base` has no use for.
  void expect_refusal(const Option& o, const Arguments& base) {
    Resolved r = resolved(e_, base);
    const SeedRecord record = run(r, true);
    const uint64_t before = seen(e_, r, record), told = said(e_, r, record);
    const auto defaults = e_.settings();
    OptionList usual = defaults->options();
    for (const std::string& value : others(o)) {
      if (value == usual.find(o.name(), "").text()) continue;  // may be repeated
      const std::string where =
          fmt::format("{} {} {}={}", e_.name, fmt::join(base, " "), o.name(), value);
      OptionList options = options_of(r);
      Option& option = options.find(o.name(), where);
      const std::string was = option.text();
      option.set(value, where);
      const SeedRecord now = run(r, true);
      EXPECT_EQ(seen(e_, r, now), before)
          << where << " has an effect; its declaration says that it has none";
      EXPECT_EQ(said(e_, r, now), told) << where << " changes what is said";
      option.set(was, where);
      const auto why = refusal(e_, base + Arguments{o.name() + "=" + value});
      ASSERT_TRUE(why) << where << " is not refused";
      EXPECT_NE(
          why->find(o.name() + " has no effect in this run; it has one with " + o.used_with()),
          why->npos)
          << *why;
      return;
    }
    ADD_FAILURE() << fmt::format("{} {}: no other value of {} is known", e_.name,
                                 fmt::join(base, " "), o.name());
  }

 private:
  template <class F>
  uint64_t usual(std::map<Arguments, uint64_t>& known, const Arguments& base, F f) {
    if (!known.contains(base)) known.emplace(base, f(e_, base));
    return known.at(base);
  }

  const Experiment& e_;
  std::map<Arguments, uint64_t> shown_, trained_;
};

class EveryOption : public ::testing::TestWithParam<size_t> {
 protected:
  const Experiment experiment = catalogue().at(GetParam());
  const Arguments base = base_of(experiment);
  Effects effects{experiment};
  const Resolved usual = resolved(experiment, base);
  OptionList options = options_of(usual);
};

TEST_P(EveryOption, HasAnEffectOrIsRefusedWithWhatGivesItOne) {
  for (const Option& o : options.all()) {
    if (o.is_used()) {
      effects.expect_effect(o, base);
      continue;
    }
    effects.expect_refusal(o, base);
    const Arguments with = base + Arguments{o.used_with()};
    const Resolved used = resolved(experiment, with);
    OptionList those = options_of(used);
    const Option& that = those.find(o.name(), o.used_with());
    ASSERT_TRUE(that.is_used()) << o.name() << " is still without effect with " << o.used_with();
    effects.expect_effect(that, with);
  }
}

// The same of those that lose their effect where another option is set.
TEST_P(EveryOption, LosesItsEffectWhereItsDeclarationSaysSo) {
  for (const Option& turned : options.all()) {
    Arguments values = turned.is_free_text() ? Arguments{} : others(turned);
    if (turned.name() == "methods") values = parts_of(turned.text(), turned.name());
    if (turned.allowed().low <= 0 && !turned.is_list()) values.push_back("0");
    for (const std::string& value : values) {
      const Arguments other = base + Arguments{turned.name() + "=" + value};
      if (refusal(experiment, other)) continue;
      const Resolved r = resolved(experiment, other);
      OptionList now = options_of(r);
      for (const Option& o : now.all()) {
        const bool before = options.find(o.name(), value).is_used();
        if (before && !o.is_used()) effects.expect_refusal(o, other);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Catalogue, EveryOption, ::testing::Range(size_t{0}, catalogue().size()),
                         [](const auto& info) {
                           std::string name = catalogue().at(info.param).name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace omni
