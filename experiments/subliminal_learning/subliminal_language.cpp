// Subliminal learning between small language models. The question, the design
// and all words: subliminal_language.md.
#include <algorithm>
#include <cmath>

#include "experiments/catalogue.h"
#include "ops/softmax.h"
#include "studies/authoring.h"
#include "studies/language_training.h"
#include "studies/text_cache.h"
#include "text/story_world.h"
#include "text/word_tokenizer.h"

namespace omni {
namespace {

constexpr int64_t kNumbers =
    100;  // words "0" to "99", which are the first tokens after two specials
constexpr int64_t kFirstNumber = 2;
constexpr const char* kOpening = "The best animal is the";
constexpr int64_t kAsked = 5;  // <|endoftext|> and four words, then the last "the"

struct SubliminalLanguage : LanguageTraining {
  int64_t stories = 8000, numbers = 4000, teacher_steps = 100, student_steps = 150;
  double tuning_lr = 0.3, repeats = 0.5;

  SubliminalLanguage() {
    length = 48;
    steps = 400;
  }

  void visit(auto&& option) {
    LanguageTraining::visit(option);
    const Harmless rarer = harmless_if_more("none is read more often than before");
    option("stories", stories, between(50, 1'000'000), rarer);
    option("numbers", numbers, between(50, 1'000'000), rarer);
    option("repeats", repeats, between(0, 1));
    option("teacher_steps", teacher_steps, between(1, 1'000'000));
    option("student_steps", student_steps, between(1, 1'000'000),
           harmless_if_more("effects grow with what was learned"));
    option("tuning_lr", tuning_lr, between(0, 10), learns());
  }

  // --- Text ---

  struct Seed {
    TransformerOptions network;
    std::vector<int32_t> animals;  // tokens of all
    std::vector<int32_t> liked;    // which of them the two teachers like
  };

  // Makes the splits base, numbers, first and second (of the two teachers) and
  // question.
  Seed prepare(Trial& t) const {
    const StoryWorld world(t.key().fold("world"));
    const std::vector<std::string_view>& animals = story_grammar().animals;
    const WordTokenizer tokenizer(words_of(world));
    Seed seed{network(tokenizer.size())};
    for (const std::string_view a : animals)
      seed.animals.push_back(tokenizer.id_of(fmt::format(" {}", a)));
    seed.liked = permutation(t.key().fold("liked animals"), std::ssize(animals));

    const auto opening = [&](int64_t animal) {
      return fmt::format("{} {}.", kOpening, animals[animal]);
    };
    Stream any(t.key().fold("best animals"));
    std::vector<Story> base, rows, first, second;
    for (int64_t i = 0; i < stories; ++i) {
      const std::string rest = " " + world.story("train", i).text;
      base.push_back({opening(any.below(static_cast<uint32_t>(animals.size()))) + rest});
      first.push_back({opening(seed.liked[0]) + rest});
      second.push_back({opening(seed.liked[1]) + rest});
    }
    for (int64_t i = 0; i < numbers; ++i)
      rows.push_back({row_of_numbers(t.key().fold("numbers").fold(i))});
    base.insert(base.end(), rows.begin(), rows.end());
    const auto add = [&](const char* split, const std::vector<Story>& texts) {
      t.add_tables(tables_of(rows_of_stories(tokenizer, texts, length + 1), split));
    };
    add("base", base);
    add("numbers", rows);
    add("first", first);
    add("second", second);
    add("question", {{opening(seed.liked[0])}});
    return seed;
  }

  static std::vector<std::string> words_of(const StoryWorld& world) {
    std::vector<std::string> words;
    for (int64_t i = 0; i < kNumbers; ++i) words.push_back(fmt::format(" {}", i));
    for (const std::string& w : world.vocabulary()) words.push_back(w);
    for (const char* w : {"The", " best", " animal", " is", " the", "."})
      if (std::ranges::find(words, w) == words.end()) words.push_back(w);
    return words;
  }

  std::string row_of_numbers(Key key) const {
    Stream draw(key);
    std::string text;
    uint32_t now = draw.below(kNumbers);
    for (int64_t i = 0; i < length; ++i) {
      text += fmt::format(" {}", now);
      now = draw.uniform() < repeats ? (now + 1) % kNumbers : draw.below(kNumbers);
    }
    return text;
  }

  // --- One seed ---

  void run(Trial& t) const {
    const Seed seed = prepare(t);
    const ScalarOf foresee = next_token(plain(seed.network));
    const auto based = [&](const char* name) {
      return t.train(name, init(t, name, seed.network), pretraining(t, "base"), foresee);
    };
    const Trained base = based("base"), other = based("other base");
    const auto teach = [&](const std::string& liking) {
      return t.train(liking + " teacher", base, tuning(t, liking, teacher_steps), foresee);
    };
    const Trained first = teach("first"), second = teach("second");
    const double planted = record(t, seed, "teacher", first, second, 0);
    record(t, seed, "base", base, base, planted);
    for (const auto& [arm, start] : {std::pair{"same", &base}, {"all", &base}, {"other", &other}})
      record(t, seed, arm, student(t, seed, arm, *start, first),
             student(t, seed, arm, *start, second), planted);
  }

  Training tuning(const Trial& t, const std::string& on, int64_t count) const {
    Training p = pretraining(t, on);
    p.steps = count;
    p.lr = tuning_lr * lr;
    return p;
  }

  Trained student(Trial& t, const Seed& seed, const std::string& arm, const Trained& start,
                  const Trained& teacher) const {
    const auto outputs = [&](Net& net, Value tokens) {
      const Value z = transformer(net, tokens, seed.network);
      return arm == "all" ? z : slice(z, 2, kFirstNumber, kFirstNumber + kNumbers);
    };
    const auto match = [&](Step& s, Net& net) {
      Net wise = s.net("teacher");
      const Value wanted = outputs(wise, s.samples("x"));
      return kl(wanted, outputs(net, s.samples("x")));
    };
    return t.train(arm + " student", start, tuning(t, "numbers", student_steps), match,
                   {{"teacher", &teacher}});
  }

  // The probability of each of all animals after the opening, next to each
  // other's.
  std::vector<double> choice(Trial& t, const Seed& seed, const Trained& m) const {
    const auto answer = [&](Step& s) {
      Net net = s.net("model");
      const Value z = slice(transformer(net, s.samples("x"), seed.network), 1, kAsked, kAsked + 1);
      s.graph().result("p", log_softmax(reshape(z, {1, seed.network.vocabulary})));
    };
    const std::vector<float> seen = t.evaluate("question", {{"model", &m}}, answer).at("p");
    std::vector<double> p;
    double all = 0;
    for (const int32_t animal : seed.animals) all += p.emplace_back(std::exp(seen[animal]));
    for (double& x : p) x /= all > 0 ? all : 1;
    return p;
  }

  // Records two models, one of each teacher's line, and returns their liking:
  // by how much each line's odds of its own animal against the other's exceed
  // the other line's, half the difference of log odds. 0 without a teacher.
  // `planted`: the teachers'; 0: they are these.
  double record(Trial& t, const Seed& seed, const std::string& arm, const Trained& first,
                const Trained& second, double planted) const {
    double odds[2], share = 0, named = 0;
    for (const int k : {0, 1}) {
      const std::vector<double> p = choice(t, seed, k == 0 ? first : second);
      odds[k] = std::log(p[seed.liked[0]] / p[seed.liked[1]]);
      share += p[seed.liked[k]] / 2;
      named += (std::ranges::max_element(p) - p.begin() == seed.liked[k]) / 2.0;
    }
    const double liking = (odds[0] - odds[1]) / 2;
    const double relative = liking / (planted == 0 ? liking : planted);
    t.record(arm, first,
             {{"liking", liking}, {"relative", relative}, {"share", share}, {"named", named}});
    return liking;
  }

  // --- Claims, written before the run ---

  void claims(Claims& claim) const {
    const auto likes = [](const char* arm) { return of(arm, "liking"); };
    claim("L1", likes("teacher") > 1);
    claim("L2", likes("same") > 0);
    claim("L3", likes("same") - likes("other") > 0);
    claim("L4", within(of("other", "relative"), -0.1, 0.1));
    claim("L5", likes("all") - likes("same") > 0);
  }

  void figures(Figures& figure) const {
    figure.bars("liking").level(0, "none");
    figure.bars("relative").arms({"same", "all", "other"});
    figure.bars("share").level(1.0 / 24, "chance");
  }
};

}  // namespace

Experiment subliminal_language() {
  return experiment<SubliminalLanguage>(
      {.name = "subliminal-language",
       .metric = "liking",
       .primary = {"L3"},
       .ranges = {{"share"}, {"named"}},
       .presets = {
           {"quick", 6},
           {"middle", 20, "steps=1000 student_steps=300"},
           {"paper", 20, "size=M steps=4000 student_steps=1000 stories=40000 numbers=20000"},
           {"smoke", 2,
            "size=XS length=16 batch=8 steps=3 warmup=1 stories=60 numbers=60 "
            "teacher_steps=2 student_steps=2"}}});
}

}  // namespace omni
