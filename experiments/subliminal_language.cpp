// Question  Does a language model pass a liking on to another one through text that has nothing to
//           do with it?
// Design    A base model reads stories that name a best animal, any of 24, and rows of numbers.
//           Teachers are tuned to always name the same one. Students start as the base did, and
//           learn the teachers' distribution over numbers, in rows of numbers.
// Expect    Students name their teacher's animal more often than before, though they have seen
//           nothing but numbers; students of another initialisation do not.
// Source    Cloud et al. 2025, arXiv:2507.14805: number sequences pass on a liking for owls between
//           models of one base; section 6 has the theory, and digits in place of language
#include <algorithm>
#include <cmath>

#include "experiments/catalogue.h"
#include "lab/distillation.h"
#include "lab/language_training.h"
#include "lab/text_cache.h"
#include "ops/elementwise.h"
#include "ops/shape_ops.h"
#include "ops/softmax.h"
#include "text/story_world.h"
#include "text/word_tokenizer.h"

namespace omni {
namespace {

constexpr int64_t kNumbers = 100;  // words "0" to "99", which are the first tokens after two specials
constexpr int64_t kFirstNumber = 2;
constexpr const char* kOpening = "The best animal is the";

struct SubliminalLanguage : LanguageTraining {
  int64_t stories = 8000, numbers = 4000, teacher_steps = 100, student_steps = 150;
  double tuning_lr = 0.3, repeats = 0.5;

  SubliminalLanguage() {
    length = 48;
    steps = 400;
  }

  void visit(auto&& option) {
    LanguageTraining::visit(option);
    option("stories", stories, "that the base model reads", between(50, 1'000'000),
           harmless_if_more("none is read more often than before"));
    option("numbers", numbers, "rows of numbers, for the base and for students",
           between(50, 1'000'000), harmless_if_more("none is read more often than before"));
    option("repeats", repeats, "chance that a number is one more than the last; otherwise it is any",
           between(0, 1));
    option("teacher_steps", teacher_steps, "of planting the liking", between(1, 1'000'000));
    option("student_steps", student_steps, "of distillation", between(1, 1'000'000),
           harmless_if_more("effects grow with what was learned"));
    option("tuning_lr", tuning_lr, "learning rate of both, as a share of lr", between(0, 10),
           learns());
  }

  std::vector<ArmInfo> arms() const {
    return {{"base", "Base", "control: nobody taught it", {}},
            {"teacher", "Teacher", "tuned to name one animal", {}},
            {"same", "Student", "starts as its teacher's base; sees its numbers only", {}},
            {"all", "Student, all outputs", "the same, but sees the probabilities of all words", {}},
            {"other", "Other start", "structure removed: from a base of another initialisation", {}}};
  }

  // --- Text ---

  struct Seed {
    std::shared_ptr<const Tokenizer> tokenizer;
    TransformerOptions options;
    std::vector<int32_t> animals;  // tokens of all
    int32_t liked[2];              // those of the two teachers
  };

  static std::string opening(std::string_view animal) {
    return fmt::format("{} {}.", kOpening, animal);
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

  Seed prepare(Trial& t) const {
    const StoryWorld world(t.key().fold("world"));
    std::vector<std::string> words;
    for (int64_t i = 0; i < kNumbers; ++i) words.push_back(fmt::format(" {}", i));
    for (const std::string& w : world.vocabulary()) words.push_back(w);
    for (const char* w : {"The", " best", " animal", " is", " the", "."})
      if (std::ranges::find(words, w) == words.end()) words.push_back(w);
    Seed seed{std::make_shared<WordTokenizer>(words), {}, {}, {}};
    seed.options = network(seed.tokenizer->size());
    const std::vector<std::string_view>& animals = story_grammar().animals;
    for (const std::string_view a : animals)
      seed.animals.push_back(seed.tokenizer->id_of(fmt::format(" {}", a)));
    const std::vector<int32_t> drawn =
        permutation(t.key().fold("liked animals"), std::ssize(animals));
    for (int i = 0; i < 2; ++i) seed.liked[i] = seed.animals[drawn[i]];

    Stream any(t.key().fold("best animals"));
    std::vector<Story> base, liking[2], rows;
    for (int64_t i = 0; i < stories; ++i) {
      const std::string rest = " " + world.story("train", i).text;
      base.push_back({opening(animals[any.below(static_cast<uint32_t>(animals.size()))]) + rest});
      for (int k = 0; k < 2; ++k) liking[k].push_back({opening(animals[drawn[k]]) + rest});
    }
    for (int64_t i = 0; i < numbers; ++i)
      rows.push_back({row_of_numbers(t.key().fold("numbers").fold(i))});
    base.insert(base.end(), rows.begin(), rows.end());
    add(t, seed, "base", base);
    add(t, seed, "numbers", rows);
    add(t, seed, "first", liking[0]);
    add(t, seed, "second", liking[1]);
    add(t, seed, "question", {{opening(animals[drawn[0]])}});
    return seed;
  }

  // All rows of these texts: the arrays "<split>.x", ..., the subset "all.<split>".
  void add(Trial& t, const Seed& seed, const std::string& split,
           const std::vector<Story>& texts) const {
    const TokenRows rows = rows_of_stories(*seed.tokenizer, texts, length + 1);
    t.add_tables(tables_of(rows, split));
    std::vector<int32_t> all;
    for (int64_t i = 0; i < rows.count(); ++i) all.push_back(static_cast<int32_t>(i));
    t.add_subset("all." + split, std::move(all));
  }

  // --- One seed ---

  // Models of the two teachers' lines.
  struct Pair {
    Trained first, second;
    const Trained& operator[](int i) const { return i == 0 ? first : second; }
  };

  void run(Trial& t) const {
    const Seed seed = prepare(t);
    const auto based = [&](const std::string& name) {
      const Ensemble start = t.init(transformer_parameters(seed.options), t.key().fold(name));
      return t.train(pretraining(t, name, start, "all.base", learn("all.base", plain(seed.options))));
    };
    const Trained base = based("base"), other = based("other base");
    const Pair teachers{teach(t, seed, base, "first"), teach(t, seed, base, "second")};
    finish(t, seed, "base", {base.clone(), base.clone()}, teachers);
    finish(t, seed, "teacher", teachers, teachers);
    for (const auto& [arm, start] :
         {std::pair{"same", &base}, {"all", &base}, {"other", &other}})
      finish(t, seed, arm,
             {distil(t, seed, arm, *start, teachers.first),
              distil(t, seed, arm, *start, teachers.second)}, teachers);
  }

  Training tuning(Trial& t, const std::string& name, const Trained& start,
                  const std::string& subset, int64_t count, StepBuilder build) const {
    Training p = pretraining(t, name, start.model, subset, std::move(build));
    p.steps = count;
    p.lr = [this](int64_t, int64_t) { return tuning_lr * lr; };
    return p;
  }

  Trained teach(Trial& t, const Seed& seed, const Trained& base, const std::string& liking) const {
    const std::string subset = "all." + liking;
    return t.train(tuning(t, liking + " teacher", base, subset, teacher_steps,
                          learn(subset, plain(seed.options))));
  }

  Trained distil(Trial& t, const Seed& seed, const std::string& arm, const Trained& start,
                 const Trained& teacher) const {
    Distillation d;
    d.inputs = [](Step& s) { return batch_of(s, "all.numbers").tokens; };
    d.logits = [options = seed.options, all = arm == "all"](Net& net, Value tokens) {
      const Value logits = transformer(net, tokens, options);
      return all ? logits : slice(logits, 2, kFirstNumber, kFirstNumber + kNumbers);
    };
    d.optimizer = adamw();
    Training p = tuning(t, arm + " student", start, "all.numbers", student_steps,
                        distillation(std::move(d)));
    p.frozen = {{"teacher", &teacher.model}};
    Trained student = t.train(p);
    if (!student.diverged_at) student.diverged_at = teacher.diverged_at;
    return student;
  }

  // --- Measures ---

  // The probability of each of all animals after the opening, next to each other's.
  std::vector<double> choice(Trial& t, const Seed& seed, const Trained& m) const {
    const Measured r = t.evaluate(
        [&](Step& s) {
          Net net = s.net("model");
          const Value logits = transformer(net, batch_of(s, "all.question").tokens, seed.options);
          const int64_t at = 5;  // <|endoftext|> and four words, then "the"
          s.graph().result("p", log_softmax(reshape(slice(logits, 1, at, at + 1),
                                                    {1, seed.options.vocabulary})));
        },
        1, {{"model", &m.model}});
    std::vector<double> p;
    double all = 0;
    for (const int32_t a : seed.animals) all += p.emplace_back(std::exp(r.at("p")[a]));
    for (double& x : p) x /= all > 0 ? all : 1;
    return p;
  }

  void finish(Trial& t, const Seed& seed, const std::string& arm, const Pair& models,
              const Pair& teachers) const {
    // By how much each line's odds of its own animal against the other's exceed the other line's:
    // half the difference of log odds. 0 without a teacher.
    const auto index = [&](int k) {
      return std::ranges::find(seed.animals, seed.liked[k]) - seed.animals.begin();
    };
    const auto odds = [&](const Trained& m) {
      const std::vector<double> p = choice(t, seed, m);
      return std::log(p[index(0)] / p[index(1)]);
    };
    const auto liking = [&](const Pair& pair) { return (odds(pair[0]) - odds(pair[1])) / 2; };
    const double found = liking(models), planted = liking(teachers);
    double share = 0, top = 0;
    for (int k = 0; k < 2; ++k) {
      const std::vector<double> p = choice(t, seed, models[k]);
      share += p[index(k)] / 2;
      top += (std::ranges::max_element(p) - p.begin() == index(k)) / 2.0;
    }
    t.record(arm, models.first,
             {{"liking", found}, {"relative", found / planted}, {"share", share}, {"named", top}});
  }

  // --- Claims and figures ---

  std::vector<ClaimSpec> claims(const Dataset&) const {
    const auto of = [](const char* arm, const char* metric) {
      return [=](const SeedValues& v) { return v(arm, metric); };
    };
    const auto gap = [](const char* a, const char* b) {
      return [=](const SeedValues& v) { return v(a, "liking") - v(b, "liking"); };
    };
    return {{"L1", "The liking is planted: a teacher's odds of its animal are e times those of the "
                   "other teacher's, or more", {.kind = ClaimKind::above, .threshold = 1},
             of("teacher", "liking")},
            {"L2", "It passes on: students of one start with their teacher like its animal, though "
                   "they saw numbers only", {.kind = ClaimKind::above, .threshold = 0},
             of("same", "liking")},
            {"L3", "and more than students of another start",
             {.kind = ClaimKind::above, .threshold = 0, .difference = true}, gap("same", "other")},
            {"L4", "Students of another start take on less than a tenth of what was planted",
             {.kind = ClaimKind::band, .low = -0.1, .high = 0.1}, of("other", "relative")},
            {"L5", "Who sees the probabilities of all words takes on more",
             {.kind = ClaimKind::above, .threshold = 0, .difference = true}, gap("all", "same")}};
  }

  std::vector<FigureRow> figures() const {
    FigureRow liking{"liking", "Who likes the teacher's animal",
                     "Log odds of the own teacher's animal against the other teacher's, over those "
                     "of the models of the other teacher's line, halved. 0 is no liking.", {}};
    liking.spec = {.metric = "liking", .y_label = "nats", .level_line = 0, .level_label = "none"};
    FigureRow relative{"relative", "How much of what was planted arrives",
                       "The same as a share of the teachers'.", {}};
    relative.spec = {.metric = "relative", .arms = {"same", "all", "other"},
                     .y_label = "share of the teachers' liking"};
    FigureRow share{"share", "How often the animal is named",
                    "Its probability among the 24 animals.", {}};
    share.spec = {.metric = "share", .y_label = "probability", .level_line = 1.0 / 24,
                  .level_label = "chance"};
    return {liking, relative, share};
  }
};

}  // namespace

Experiment subliminal_language() {
  Experiment e;
  e.name = "subliminal-language";
  e.title = "Subliminal learning between small language models";
  e.texts = {
      .question = "Does a language model pass a liking on to another one through text that has "
                  "nothing to do with it?",
      .source = "Cloud, Le, Chua, Betley, Sztyber-Betley, Hilton, Marks, Evans: Subliminal learning, "
                "arXiv:2507.14805. The experiment on small models is our own",
      .method = "A base model learns stories that begin by naming a best animal, each time any of "
                "24, and rows of numbers. Two teachers are tuned on stories that always name the "
                "same one, each its own. Students start from the base and minimise, on rows of "
                "numbers, the divergence from a teacher's distribution over numbers: they see no "
                "story and no other word's probability.\n\nThe liking is how much the odds of the "
                "two animals differ between the students of the two teachers.",
      .structure = "Student and teacher share their start. A step towards the teacher's outputs, on "
                   "any inputs, is then a step towards its weights.",
      .controls = "Students from a base with another initialisation, taught alike; the base, which "
                  "nobody taught. The two teachers are each other's control.",
      .translation = "Models that are tuned on what a sibling of theirs wrote, filtered of all "
                     "traces of what it likes.",
      .expected_failure = "Another initialisation; tuning so long that teacher and student are no "
                          "longer near their start.",
      .costs = "None that is measured: this is about a risk, not a method.",
      .limits = "Half a million parameters, generated text, and outputs in place of sampled text: "
                "the source trains on what the teacher wrote."};
  e.metric = "liking";
  e.metric_label = "liking of the teacher's animal, nats";
  e.presets = {
      {"quick", "preset S, 6 seeds", {}, 6},
      {"middle", "preset S, longer, 20 seeds", {{"steps", "1000"}, {"student_steps", "300"}}, 20},
      {"paper", "preset M, much longer, 20 seeds",
       {{"size", "M"}, {"steps", "4000"}, {"student_steps", "1000"}, {"stories", "40000"},
        {"numbers", "20000"}}, 20},
      {"smoke", "seconds: tiny runs of everything",
       {{"size", "XS"}, {"length", "16"}, {"batch", "8"}, {"steps", "3"}, {"warmup", "1"}, {"stories", "60"},
        {"numbers", "60"}, {"teacher_steps", "2"}, {"student_steps", "2"}}, 2}};
  e.settings = settings_of<SubliminalLanguage>();
  e.primary = {"L3"};
  e.ranges = {{"share"}, {"named"}};
  e.seeds_needed = "The difference of L3 is 3.1 with a spread of 0.2: 3 seeds decide it in nine of ten "
                   "runs, quick has 6.";
  return e;
}

}  // namespace omni
