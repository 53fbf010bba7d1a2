// The command line in-process over a toy catalogue: what is accepted, what is refused and how it
// reads, exit codes. Nothing here trains more than a few tiny networks.
#include "cli/cli.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/build_info.h"
#include "base/test_folder.h"
#include "base/text_table.h"
#include "base/utf8.h"
#include "cli/choice.h"
#include "cli/screen.h"
#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/optimizers.h"
#include "store/files.h"
#include "store/results.h"
#include "text/bpe_files.h"
#include "text/byte_letters.h"
#include "text/tokenizer_files.h"
#include "weights/hub_weights.h"

namespace omni {
namespace {

namespace fs = std::filesystem;

// Two arms that differ by their learning rate, on the generated set that needs nothing.
struct Toy {
  std::string data = "mnist1d", notes = "";
  int64_t width = 8, batch = 500, epochs = 1;
  double lr = 0.01;
  bool fail = false, spoil = false;

  void visit(auto&& option) {
    option("data", data, "data set", one_of({"mnist1d", "auto"}));
    option("notes", notes, "a file that must be there");
    option("width", width, "hidden units", between(1, 64));
    option("batch", batch, "samples per step", between(1, 4000));
    option("epochs", epochs, "passes over the data", between(0, 10));
    option("lr", lr, "learning rate of Adam", between(0, 10));
    option("fail", fail, "stumble over a fault of the program");
    option("spoil", spoil, "add the logarithm of zero to the loss");
  }
  std::vector<ArmInfo> arms() const {
    return {{"trained", "Trained", "", 0.5}, {"still", "Not trained", "", {}}};
  }
  static inline int runs = 0;  // dry ones, too
  void run(Trial& t) const {
    ++runs;
    check(!fail, "the toy was told to fail");
    if (!notes.empty()) read_file(notes);
    const auto define = [this](Net& net) {
      mlp(net, input(net.graph(), "x", {DType::f32, Shape{1, 40}, 0}, Role::data), {width, 10});
    };
    const Ensemble start = t.init(define, t.key().fold("init"));
    for (const auto& [arm, rate] : {std::pair{"trained", lr}, {"still", 0.0}}) {
      Training p;
      p.name = arm;
      p.start = &start;
      p.build = [this](Step& s) {
        Net net = s.net("model");
        Value loss = cross_entropy(mlp(net, s.rows("train.x"), {width, 10}), s.rows("train.y"));
        if (spoil) loss = loss + log(loss - loss);
        s.graph().result("loss", loss);
        apply(Adam{}, net, loss, s.lr());
      };
      p.samples = t.data().train.count();
      p.batch = batch;
      p.epochs = epochs;
      p.order = t.key().fold("order");
      p.lr = [rate = rate](int64_t, int64_t) { return rate; };
      const Trained m = t.train(p);
      t.record(arm, m, {{"moved", distance(m.model[0], start[0])}});
    }
  }
  std::vector<ClaimSpec> claims(const Dataset&) const {
    return {{"1",
             "Training moves the weights",
             {.kind = ClaimKind::above, .threshold = 0},
             [](const SeedValues& v) { return v("trained", "moved"); }}};
  }
  std::vector<FigureRow> figures() const { return {}; }
};

std::vector<Experiment> toy_catalogue() {
  Experiment toy;
  toy.name = "toy-steps";
  toy.title = "Toy steps";
  toy.texts.question = "Do steps move weights?";
  toy.texts.source = "this test";
  toy.metric = "moved";
  toy.metric_label = "distance moved";
  toy.presets = {{"quick", "a few models", {}, 3}, {"smoke", "one", {{"width", "4"}}, 1}};
  toy.settings = settings_of<Toy>();
  Experiment other = toy;
  other.name = "other";
  return {toy, other};
}

struct Output {
  int code;
  std::string out, err;
};

Output omni(std::vector<std::string> words) {
  words.insert(words.begin(), "omniscale");
  std::vector<char*> argv;
  for (std::string& w : words) argv.push_back(w.data());
  const std::vector<Experiment> catalogue = toy_catalogue();
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int code = cli_main(static_cast<int>(argv.size()), argv.data(), catalogue);
  std::fflush(stdout);
  return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

// Runs in an empty folder of its own, with no data but what is generated.
class Cli : public testing::Test {
 protected:
  void SetUp() override {
    before_ = fs::current_path();
    fs::current_path(folder_.path());
    setenv("XDG_CACHE_HOME", (folder_.path() / "cache").c_str(), 1);
    if (const char* home = std::getenv("HOME")) home_ = home;
  }
  void TearDown() override {
    setenv("HOME", home_.c_str(), 1);
    fs::current_path(before_);
  }
  // A user's error that says all of `parts`, before anything was written.
  void expect_refused(const std::vector<std::string>& words,
                      const std::vector<std::string>& parts) {
    const Output o = omni(words);
    EXPECT_EQ(o.code, 2) << cli::shell_words(words) << "\n" << o.out << o.err;
    EXPECT_TRUE(o.err.starts_with("omni: error: ")) << o.err;
    for (const std::string& part : parts)
      EXPECT_NE(o.err.find(part), std::string::npos) << "wanted: " << part << "\n" << o.err;
    EXPECT_FALSE(fs::exists(folder_.path() / "runs"));
  }
  TestFolder folder_;
  fs::path before_;
  std::string home_;
};

TEST_F(Cli, OverviewNamesEveryCommand) {
  for (const auto& words : {std::vector<std::string>{}, {"--help"}, {"help"}}) {
    const Output o = omni(words);
    EXPECT_EQ(o.code, 0);
    for (const char* c : {"run", "list", "report", "compare", "export", "data", "bench", "doctor",
                          "debug", "sample", "ask"})
      EXPECT_NE(o.out.find(std::string("\n  ") + c + " "), std::string::npos) << c;
  }
  EXPECT_NE(omni({"--version"}).out.find("omniscale 0."), std::string::npos);
}

TEST_F(Cli, HelpTeachesByExamples) {
  for (const cli::Command& c : cli::commands()) {
    const Output o = omni({c.name, "--help"});
    EXPECT_EQ(o.code, 0) << c.name;
    EXPECT_NE(o.out.find(fmt::format("usage: ./omni {}", c.name)), std::string::npos) << o.out;
    EXPECT_NE(o.out.find("Examples:\n  ./omni "), std::string::npos) << o.out;
  }
  EXPECT_EQ(omni({"help", "run"}).out, omni({"run", "--help"}).out);
}

TEST_F(Cli, NearestNamesOfWhatIsUnknown) {
  expect_refused({"rnu"}, {"'rnu'", "\"run\""});
  expect_refused({"toy-steps"}, {"./omni run toy-steps"});
  expect_refused({"run", "toy-step"}, {"'toy-step'", "\"toy-steps\""});
  expect_refused({"run", "toy-steps", "widht=3"}, {"'widht'", "\"width\""});
  expect_refused({"run", "toy-steps", "--preset", "quik"}, {"'quik'", "\"quick\""});
  expect_refused({"run", "toy-steps", "--sedes", "3"}, {"--sedes", "--seeds"});
  expect_refused({"run", "toy-steps", "data=mnist1"}, {"'mnist1'", "mnist1d"});
  expect_refused({"run", "toy-steps", "--passes-off", "fuson"}, {"fuson"});
  expect_refused({"list", "toy"}, {"toy-steps"});
  expect_refused({"run"}, {"name is missing", "toy-steps"});
}

TEST_F(Cli, ImpossibleValuesSayWhatIsAllowed) {
  expect_refused({"run", "toy-steps", "batch=0"}, {"batch=0", "from 1 to 4000", "got 0"});
  expect_refused({"run", "toy-steps", "lr=-1"}, {"lr=-1", "from 0 to 10"});
  expect_refused({"run", "toy-steps", "lr=fast"}, {"a number", "'fast'"});
  expect_refused({"run", "toy-steps", "lr"}, {"key=value"});
  expect_refused({"run", "toy-steps", "lr="}, {"a value is missing"});
  expect_refused({"run", "toy-steps", "seeds="}, {"seeds=", "0..31"});
  expect_refused({"run", "toy-steps", "--seeds", "5..1"}, {"--seeds", "'5..1'"});
  expect_refused({"run", "toy-steps", "models=1e9"}, {"models=1e9", "from 1 to 1000000"});
  expect_refused({"run", "toy-steps", "models=0"}, {"from 1 to"});
  expect_refused({"run", "toy-steps", "models=2,3"}, {"cannot be swept"});
  expect_refused({"run", "toy-steps", "models=2", "--seeds", "0..3"}, {"not several"});
  expect_refused({"run", "toy-steps", "--precision", "f16"}, {"f32 or bf16", "'f16'"});
  expect_refused({"run", "toy-steps", "--executor", "referense"},
                 {"--executor", "cpu or reference", "'referense'", "\"reference\""});
  expect_refused({"run", "toy-steps", "executor=gpu"}, {"executor=gpu", "cpu or reference"});
  expect_refused({"run", "toy-steps", "executor=cpu,reference"}, {"cannot be swept"});
  expect_refused({"run", "toy-steps", "--executor", "reference", "--precision", "bf16"},
                 {"bf16", "executor cpu", "reference computes in double precision"});
  expect_refused({"run", "toy-steps", "--executor", "reference", "--passes-off", "all"},
                 {"passes", "executor cpu", "reference runs graphs as they were built"});
  expect_refused({"run", "toy-steps", "--threads", "0"}, {"--threads", "from 1"});
  expect_refused({"run", "toy-steps", "--threads", "x"}, {"--threads", "a whole number", "'x'"});
  expect_refused({"run", "toy-steps", "--threads=1.5"}, {"--threads", "a whole number", "'1.5'"});
  expect_refused({"run", "toy-steps", "--threads", "1e9"}, {"--threads", "from 1 to 1024"});
  expect_refused({"run", "toy-steps", "--checkpoint-every", "2,5"}, {"a number", "2.5"});
  expect_refused({"debug", "toy-steps", "--steps", "1e99"}, {"--steps", "a whole number"});
  expect_refused({"run", "toy-steps", "threads=2"}, {"--threads 2"});
  expect_refused({"run", "toy-steps", "--data-dir", "nowhere"}, {"nowhere"});
  expect_refused({"run", "toy-steps", "--config", "nowhere.toml"}, {"nowhere.toml"});
  atomic_write("both.toml", "models = 3\nseeds = \"0..1\"\n");
  expect_refused({"run", "toy-steps", "--config", "both.toml"}, {"both.toml", "models or seeds"});
  expect_refused({"report", "both.toml"}, {"'both.toml' is a file", "the folder of a run"});
}

// A tiny random GPT-2 with the 256 bytes for tokens, as on the hub.
void make_model(const fs::path& folder, bool diverged = false) {
  std::vector<std::string> texts;
  for (const uint8_t byte : bytes_in_letter_order()) texts.emplace_back(1, static_cast<char>(byte));
  texts.emplace_back(kEndOfText);
  const std::vector<std::string> specials = {std::string(kEndOfText)};
  const BpeFiles files = bpe_files(BpeTokenizer(Vocabulary(texts, specials), {}));
  TransformerOptions o = transformer_preset("S", static_cast<int64_t>(texts.size()));
  o.layers = 1;
  Ensemble e(transformer_parameters(o), 1);
  e.initialise(0, Key::of(1));
  if (diverged) e.array("ln_final.weight", 0)[0] = std::nanf("");
  save_hub_folder(folder, {TransformerFamily::gpt2, o}, e[0]);
  std::ofstream(folder / "vocab.json") << files.vocab_json;
  std::ofstream(folder / "merges.txt") << files.merges_txt;
}

TEST_F(Cli, SampleGoesOnWithAPrompt) {
  make_model("tiny");
  const Output one = omni({"sample", "tiny", "One day", "--tokens", "20"});
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_TRUE(one.out.starts_with("One day")) << one.out;
  EXPECT_EQ(omni({"sample", "tiny", "One day", "--tokens", "20"}).out, one.out);
  EXPECT_NE(omni({"sample", "tiny", "One day", "--tokens", "20", "--seed", "1"}).out, one.out);
  const Output three = omni({"sample", "tiny", "One day", "--tokens", "20", "--samples", "3"});
  EXPECT_TRUE(three.out.starts_with("--- 1 of 3\n" + one.out + "--- 2 of 3\n")) << three.out;
  EXPECT_EQ(omni({"sample", "tiny", "", "--top-k", "3"}).code, 0);
  const auto greedy = [](const char* seed) {
    return omni({"sample", "tiny", "x", "--temperature", "0", "--tokens", "5", "--seed", seed}).out;
  };
  EXPECT_EQ(greedy("1"), greedy("2"));
  const Output spelt = omni({"sample", "tiny", "a<|endoftext|>", "--tokens", "1"});
  EXPECT_NE(spelt.err.find("spells <|endoftext|>"), std::string::npos) << spelt.err;
  EXPECT_TRUE(spelt.out.starts_with("a<|endoftext|>")) << spelt.out;
}

// A terminal obeys bytes below 32, 127 and U+0080 to U+009F: what models write, names and messages
// are shown, not sent.
TEST_F(Cli, NothingPrintedTellsATerminal) {
  make_model("tiny");
  std::string all;
  const auto run = [&](std::vector<std::string> words) {
    const Output o = omni(std::move(words));
    all += o.out + o.err;
    return o;
  };
  // Random weights draw all bytes alike.
  run({"sample", "tiny", "One day", "--tokens", "120", "--samples", "5"});
  EXPECT_NE(all.find("\xef\xbf\xbd"), std::string::npos) << "pieces of characters stand as U+FFFD";
  EXPECT_NE(all.find("\\u00"), std::string::npos) << "controls are written out";
  std::ofstream("facts.jsonl")
      << R"({"question": "\u001b[2J", "choices": ["x", "y"], "answer": 0})";
  EXPECT_NE(run({"ask", "tiny", "facts.jsonl"}).err.find("\\u001b[2J"), std::string::npos);
  run({"sample", "no\x1b[31m\xff", "x"});
  run({"run", "toy-steps", "width=\x1b[2J", "--out", "a\x07"});
  run({"run", "toy-steps", "--preset", "smoke", "--out", "out\x1b[2J"});
  run({"report", "out\x1b[2J"});
  run({"\x1b[2J\r\xc2\x9b"});
  EXPECT_EQ(visible(all), all);
  std::stringstream log;
  log << std::ifstream("out\x1b[2J/log.txt").rdbuf();
  EXPECT_NE(log.str().find("out\\u001b[2J"), std::string::npos) << log.str();
  EXPECT_EQ(visible(log.str()), log.str());
}

TEST_F(Cli, SampleSaysWhatIsWrong) {
  make_model("tiny");
  expect_refused({"sample", "tiny"}, {"folder and a prompt", "got 1"});
  expect_refused({"sample", "nowhere", "x"}, {"nowhere"});
  expect_refused({"sample", ".", "x"}, {"config.json"});
  expect_refused({"sample", "tiny", "x", "--tokens", "200"}, {"context of 128"});
  expect_refused({"sample", "tiny", "x", "--tokens", "0"}, {"--tokens"});
  expect_refused({"sample", "tiny", "x", "--samples", "0"}, {"--samples"});
  expect_refused({"sample", "tiny", "x", "--temperature", "-1"}, {"temperature"});
  fs::remove("tiny/vocab.json");
  expect_refused({"sample", "tiny", "x"}, {"vocab.json"});
}

TEST_F(Cli, AskCountsRightAnswers) {
  make_model("tiny");
  std::ofstream("facts.jsonl") << R"({"question": "Is", "choices": ["x", "y"], "answer": 0})"
                                  "\n"
                               << R"({"question": "Is", "choices": ["x", "y"], "answer": 1})"
                                  "\n";
  const Output found =
      omni({"ask", "tiny", "facts.jsonl", "--continuations", "--end-of-text", "--to", "all.csv"});
  EXPECT_EQ(found.code, 0) << found.err;
  EXPECT_EQ(found.out,
            "questions  2\n"
            "accuracy   0.500 [0.095, 0.905]  (95 % Wilson interval)\n"
            "chance     0.500\n");
  std::stringstream all;
  all << std::ifstream("all.csv").rdbuf();
  EXPECT_TRUE(all.str().starts_with("question,choice,log_likelihood,chosen,right\n1,1,-"))
      << all.str();
  expect_refused({"ask", "tiny", "facts.jsonl", "--to", "all.csv"}, {"all.csv", "already"});
  expect_refused({"ask", "tiny"}, {"file of questions", "got 1"});
  expect_refused({"ask", "tiny", "nowhere.jsonl"}, {"nowhere.jsonl"});
  expect_refused({"ask", "tiny", "facts.jsonl"}, {"question 1", "\" A\" is not a token"});
  std::ofstream("facts.jsonl", std::ios::app) << "{\"question\": ";
  expect_refused({"ask", "tiny", "facts.jsonl"}, {"facts.jsonl:3", "one JSON object per line"});
}

TEST_F(Cli, AModelWithoutLikelihoodsHasNoAccuracy) {
  make_model("lost", true);
  std::ofstream("facts.jsonl") << R"({"question": "Is", "choices": ["x", "y"], "answer": 0})";
  const Output o = omni({"ask", "lost", "facts.jsonl", "--continuations", "--to", "all.csv"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.out,
            "questions  1\n"
            "accuracy   no value\n"
            "chance     0.500\n");
  EXPECT_NE(o.err.find("the likelihoods of 1 of 1 questions are not numbers"), std::string::npos)
      << o.err;
  std::stringstream all;
  all << std::ifstream("all.csv").rdbuf();
  EXPECT_EQ(all.str(), "question,choice,log_likelihood,chosen,right\n1,1,,,1\n1,2,,,0\n");
}

TEST_F(Cli, ModelsOfWords) {
  const WordTokenizer words({"One", " day", " night", " A", " B"});
  TransformerOptions o = transformer_preset("S", words.size());
  o.layers = 1;
  Ensemble e(transformer_parameters(o), 1);
  e.initialise(0, Key::of(1));
  save_hub_folder("words", {TransformerFamily::gpt2, o}, e[0]);
  std::ofstream("words/words.txt") << word_file(words);
  const Output text = omni({"sample", "words", "One day", "--tokens", "4"});
  EXPECT_EQ(text.code, 0) << text.err;
  std::ofstream("letters.jsonl") << R"({"question": "One", "choices": ["a", "b"], "answer": 0})";
  EXPECT_EQ(omni({"ask", "words", "letters.jsonl"}).code, 0);
  std::ofstream("words/words.txt", std::ios::app) << "\" more\"\n";
  expect_refused({"sample", "words", "One"}, {"words.txt", "expected 7 tokens, found 8"});
}

TEST_F(Cli, FoldersThatAreNoRuns) {
  expect_refused({"report", "nowhere"}, {"nowhere"});
  expect_refused({"report"}, {"run folder is missing"});
  expect_refused({"report", "a", "b"}, {"'b'", "too many"});
  expect_refused({"compare", "a"}, {"two run folders"});
  expect_refused({"export", "nowhere"}, {"nowhere"});
  fs::create_directory("mine");
  std::ofstream("mine/notes.txt") << "keep";
  expect_refused({"run", "toy-steps", "--quiet", "--out", "mine"}, {"'mine'"});
  EXPECT_TRUE(fs::exists("mine/notes.txt"));
  expect_refused({"report", "-dash"}, {"no option -dash"});
  fs::create_directory("-dash");
  expect_refused({"report", "-dash"}, {"'./-dash'"});  // a folder, though no run's
}

TEST_F(Cli, ListsWithoutRunning) {
  const Output all = omni({"list"});
  EXPECT_EQ(all.code, 0);
  EXPECT_NE(all.out.find("toy-steps\n    Do steps move weights?"), std::string::npos) << all.out;
  EXPECT_NE(all.out.find("quick (3 seeds, 1 s), smoke (1 seed, 1 s)"), std::string::npos)
      << all.out;
  EXPECT_NE(all.out.find("as if they were typical ones"), std::string::npos) << all.out;
  const Output one = omni({"list", "toy-steps"});
  EXPECT_EQ(one.code, 0);
  EXPECT_NE(one.out.find("width=8"), std::string::npos);
  EXPECT_NE(one.out.find("(a whole number from 1 to 4000)"), std::string::npos);
  EXPECT_NE(one.out.find("Training moves the weights"), std::string::npos);
  EXPECT_NE(one.out.find("6 model-epochs"), std::string::npos) << one.out;  // 3 seeds x 2 arms
}

TEST_F(Cli, ListCountsOncePerProgram) {
  Toy::runs = 0;
  const std::string first = omni({"list"}).out;
  EXPECT_EQ(Toy::runs, 4) << "two presets of two experiments, a dry run each";
  EXPECT_EQ(omni({"list"}).out, first);
  EXPECT_EQ(omni({"list", "toy-steps"}).code, 0);
  EXPECT_EQ(omni({"--help"}).code, 0);
  EXPECT_EQ(omni({"run", "--help"}).code, 0);
  EXPECT_EQ(omni({"data"}).code, 0);
  EXPECT_EQ(Toy::runs, 4) << "what only tells computes nothing";
}

TEST_F(Cli, ListPassesOverJunkInItsCache) {
  const std::string usual = omni({"list"}).out;
  const fs::path cache = folder_.path() / "cache" / "omniscale";
  ASSERT_TRUE(fs::exists(cache / "counts"));
  for (const auto& entry : fs::directory_iterator(cache / "counts"))
    std::ofstream(entry.path()) << "{\"format\": 1, \"program\": 7}";
  std::ofstream(cache / "runs-seen.json") << "[[[";
  const Output again = omni({"list"});
  EXPECT_EQ(again.out, usual);
  EXPECT_EQ(again.err, "");
}

TEST_F(Cli, ACacheThatCannotBeWrittenIsNoEnd) {
  std::ofstream("file") << "in the way";
  setenv("XDG_CACHE_HOME", (folder_.path() / "file").c_str(), 1);
  const Output list = omni({"list"});
  EXPECT_EQ(list.code, 0);
  EXPECT_NE(list.out.find("quick (3 seeds, 1 s)"), std::string::npos) << list.out;
  EXPECT_NE(list.err.find((folder_.path() / "file" / "omniscale").string()), std::string::npos)
      << list.err;
  const Output run = omni({"run", "toy-steps", "--threads", "1"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.err.find("!! nothing can be kept in"), std::string::npos) << run.err;
  setenv("XDG_CACHE_HOME", "relative", 1);
  setenv("HOME", "", 1);
  EXPECT_EQ(omni({"list"}).code, 0);
  EXPECT_FALSE(fs::exists("relative") || fs::exists("omniscale") || fs::exists(".cache"));
}

TEST_F(Cli, RunsCorrectTheEstimates) {
  ASSERT_EQ(omni({"run", "toy-steps", "--quiet"}).code, 0);
  EXPECT_TRUE(fs::exists("cache/omniscale/runs-seen.json"));
  const Output all = omni({"list"});
  EXPECT_NE(all.out.find("corrected by runs that it has finished"), std::string::npos) << all.out;
}

TEST_F(Cli, WhatIsMeantByACommaIsSaidFirst) {
  expect_refused({"run", "toy-steps", "lr=0,001"}, {"lr=0.001", "lr=0,1"});
  expect_refused({"run", "toy-steps", "--lr=0.1"}, {"without dashes: lr=0.1"});
  expect_refused({"run", "toy-steps", "-lr=0.1"}, {"without dashes: lr=0.1"});
  expect_refused({"run", "toy-steps", "--sed=3"}, {"--seeds"});
  expect_refused({"run", "toy-steps", "seed=3"}, {"argument seed=3", "--seeds 3"});
  expect_refused({"run", "toy-steps", "seed=0,4"}, {"--seeds 0,4"});
  const Output o = omni({"run", "toy-steps", "--preset", "smoke", "lr=0,5"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.err.find("Sweep over lr (0, 5): 2 variants\n"
                       "  (a fraction is written with a point: lr=0.5)"),
            std::string::npos)
      << o.err;
}

TEST_F(Cli, RunsOnTheReference) {
  const Output o = omni({"run", "toy-steps", "--preset", "smoke", "--seeds", "0..2", "--executor",
                         "reference", "--out", "meant"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.err.find("executor reference in double precision"), std::string::npos) << o.err;
  EXPECT_NE(o.err.find("3 of 3 seeds or parts train together, each in at most "), std::string::npos)
      << o.err;
  std::stringstream config;
  config << std::ifstream("meant/config.toml").rdbuf();
  EXPECT_NE(config.str().find("executor = \"reference\""), std::string::npos) << config.str();
  const Output again = omni({"run", "--config", "meant/config.toml", "--out", "again"});
  EXPECT_NE(again.err.find("executor reference"), std::string::npos) << again.err;
}

TEST_F(Cli, AMistypedPathWithACommaIsToldHowToBeWritten) {
  for (const char* command : {"run", "debug"}) {
    const Output o = omni({command, "toy-steps", "notes=my notes, 2024.txt"});
    EXPECT_EQ(o.code, 2) << command;
    EXPECT_NE(o.err.find("Sweep over notes (my notes, 2024.txt): 2 variants\n"
                         "  (a text that holds a comma: notes='\"...\"' or notes='...\\,...')"),
              std::string::npos)
        << command << "\n"
        << o.err;
    EXPECT_NE(o.err.find("omni: error: "), std::string::npos) << o.err;
  }
}

TEST_F(Cli, WordsFlagsAndFileTogether) {
  std::ofstream("toy.toml") << "experiment = \"toy-steps\"\npreset = \"smoke\"\nseeds = [4, 5]\n"
                               "lr = 0.5\nwidth = [2, 3]\n";
  const std::vector<Experiment> catalogue = toy_catalogue();
  const cli::Context context{catalogue, "./omni", {}};
  cli::Choice choice;
  choice.config = "toy.toml";
  choice.words = {"lr=0.25", "precision=bf16"};
  const cli::Chosen chosen = cli::choose(context, choice);
  EXPECT_EQ(chosen.experiment->name, "toy-steps");
  EXPECT_EQ(chosen.request.preset, "smoke");
  EXPECT_EQ(chosen.request.seeds, (std::vector<int64_t>{4, 5}));
  EXPECT_EQ(chosen.request.precision, Precision::bf16);
  const Resolved r = resolve(*chosen.experiment, chosen.request);
  EXPECT_EQ(r.variants.size(), 2u);
  EXPECT_NE(r.toml.find("lr = 0.25"), std::string::npos) << r.toml;

  choice.words = {"toy-steps", "models=3"};
  EXPECT_EQ(cli::choose(context, choice).request.seeds, (std::vector<int64_t>{0, 1, 2}));
  choice.words = {"other"};
  EXPECT_THROW(cli::choose(context, choice), UserError);
}

TEST_F(Cli, RunsOnceAndShowsAFinishedRunAgain) {
  const Output first = omni({"run", "toy-steps", "--threads", "1"});
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_NE(first.err.find("toy-steps, preset quick: 3 seeds, data mnist1d, f32, "
                           "1 thread\nResults go to runs/toy-steps-quick"),
            std::string::npos)
      << first.err;
  EXPECT_NE(first.err.find("100% |"), std::string::npos) << first.err;
  EXPECT_NE(first.out.find("distance moved"), std::string::npos) << first.out;
  EXPECT_NE(first.out.find("supported   Training moves the weights"), std::string::npos)
      << first.out;
  EXPECT_NE(first.out.find("corrected together (Holm)"), std::string::npos) << first.out;
  EXPECT_TRUE(fs::exists("runs/toy-steps-quick/report.html"));
  std::ostringstream log;
  log << std::ifstream("runs/toy-steps-quick/log.txt").rdbuf();
  EXPECT_TRUE(log.str().starts_with("./omni run toy-steps --threads 1\n")) << log.str();
  EXPECT_NE(log.str().find("seed 2 done after"), std::string::npos) << log.str();

  const Output again = omni({"run", "toy-steps", "width=8"});  // the preset's own value
  EXPECT_EQ(again.code, 0);
  EXPECT_NE(again.err.find("finished already"), std::string::npos) << again.err;
  EXPECT_NE(again.err.find("--out DIR"), std::string::npos);
  EXPECT_NE(again.out.find(first.out), std::string::npos) << again.out;

  {
    Results results("runs/toy-steps-quick/results.sqlite", Access::write);
    results.record_origin({0, "", "another", "0"});
  }
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"report", "runs/toy-steps-quick"},
        std::vector<std::string>{"compare", "runs/toy-steps-quick", "runs/toy-steps-quick"}}) {
    const Output mixed = omni(words);
    EXPECT_EQ(mixed.code, 2) << mixed.out;
    EXPECT_NE(mixed.err.find("another (1 seed)"), std::string::npos) << mixed.err;
    EXPECT_NE(mixed.err.find("--mixed-builds"), std::string::npos) << mixed.err;
    std::vector<std::string> asked = words;
    asked.emplace_back("--mixed-builds");
    EXPECT_EQ(omni(asked).code, 0);
  }
  {
    std::string manifest = read_file("runs/toy-steps-quick/manifest.json");
    manifest.replace(manifest.find(program_hash()), 4, "zzzz");
    atomic_write("runs/toy-steps-quick/manifest.json", manifest);
  }
  const Output rebuilt = omni({"run", "toy-steps"});
  EXPECT_NE(rebuilt.err.find("another build of the program made it"), std::string::npos)
      << rebuilt.err;
  EXPECT_NE(rebuilt.err.find("--anew"), std::string::npos);
  const Output anew = omni({"run", "toy-steps", "--anew"});
  EXPECT_EQ(anew.code, 0) << anew.err;
  EXPECT_NE(anew.err.find("is kept in runs/toy-steps-quick.before-1"), std::string::npos)
      << anew.err;
  EXPECT_TRUE(fs::exists("runs/toy-steps-quick.before-1/report.html"));

  const Output wider = omni({"run", "toy-steps", "width=9", "--quiet"});
  EXPECT_EQ(wider.code, 0) << wider.err;
  EXPECT_EQ(wider.err, "");
  EXPECT_EQ(wider.out.find("runs/toy-steps-quick/"), std::string::npos) << "not the same folder";

  EXPECT_EQ(omni({"report", "runs/toy-steps-quick"}).code, 0);
  EXPECT_EQ(omni({"export", "runs/toy-steps-quick", "--to", "tables"}).code, 0);
  EXPECT_TRUE(fs::exists("tables/models.csv"));
  EXPECT_EQ(omni({"compare", "runs/toy-steps-quick", "runs/toy-steps-quick"}).code, 0);
  const Output other = omni({"run", "other", "--out", "runs/toy-steps-quick"});
  EXPECT_EQ(other.code, 2) << "a folder of another experiment";
}

TEST_F(Cli, DivergedModelsAreCountedAndTheRunGoesOn) {
  const Output o = omni({"run", "toy-steps", "spoil=true", "models=2"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.err.find("2/2 seeds, 4 of 4 models diverged"), std::string::npos) << o.err;
  EXPECT_NE(o.out.find("condition    n    left out"), std::string::npos) << o.out;
}

// A run without some passes, whoever said so, is another run: other bits are never taken over.
TEST_F(Cli, PassesThatTheEnvironmentSwitchesOffAreInTheRunsName) {
  const auto folders = [] {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator("runs")) names.insert(entry.path().filename());
    return names;
  };
  ASSERT_EQ(omni({"run", "toy-steps", "models=1"}).code, 0);
  const std::set<std::string> plain = folders();
  setenv("OMNISCALE_PASSES_OFF", "slice-batch,dead-code", 1);
  const Output o = omni({"run", "toy-steps", "models=1"});
  EXPECT_EQ(o.code, 0) << o.err;
  unsetenv("OMNISCALE_PASSES_OFF");
  ASSERT_EQ(folders().size(), plain.size() + 1) << o.err;
  EXPECT_EQ(omni({"run", "toy-steps", "models=1", "--passes-off", "dead-code,slice-batch"})
                .err.find("This run is finished already"),
            0u);
  for (const std::string& name : folders()) {
    const std::string toml = read_file(fs::path("runs") / name / "config.toml");
    EXPECT_EQ(toml.find("# passes switched off: dead-code, slice-batch") != std::string::npos,
              !plain.contains(name))
        << toml;
  }
}

TEST_F(Cli, OurFaultIsOne) {
  const Output o = omni({"run", "toy-steps", "fail=true"});
  EXPECT_EQ(o.code, 1);
  EXPECT_FALSE(fs::exists("runs")) << "found by the dry run, before a folder was made";
  EXPECT_NE(o.err.find("not yours: the toy was told to fail"), std::string::npos) << o.err;
  EXPECT_NE(o.err.find("./omni run toy-steps fail=true"), std::string::npos) << o.err;
}

TEST_F(Cli, DebugShowsValuesAndTheFirstInfinity) {
  const Output all = omni({"debug", "toy-steps"});
  ASSERT_EQ(all.code, 0) << all.err;
  EXPECT_NE(all.out.find("Phase trained"), std::string::npos) << all.out;
  EXPECT_NE(all.out.find("model/layers.0.weight"), std::string::npos) << all.out;
  EXPECT_NE(all.out.find("All values are finite"), std::string::npos) << all.out;
  EXPECT_NE(all.out.find("gradient: norm"), std::string::npos) << all.out;
  EXPECT_NE(all.out.find("weights drawn anew (see --run)"), std::string::npos) << all.out;
  const Output run = omni({"debug", "toy-steps", "--preset", "smoke", "--run", "--phase", "still"});
  EXPECT_NE(run.out.find("from what earlier phases gave\n\nPhase still: "), std::string::npos)
      << run.out;
  const Output one =
      omni({"debug", "toy-steps", "--phase", "trained", "--print", "loss", "--graph"});
  EXPECT_NE(one.out.find("loss : f32[]"), std::string::npos) << one.out;
  EXPECT_NE(one.out.find("result loss = %"), std::string::npos) << one.out;
  const Output misspelt = omni({"debug", "toy-steps", "--print", "model/layers.0.hook_past"});
  EXPECT_NE(misspelt.err.find("model/layers.0.hook_post"), std::string::npos) << misspelt.err;
  EXPECT_EQ(omni({"debug", "toy-steps", "--print", "model/layers.0.hook_pre"}).code, 0);
  const Output bad = omni({"debug", "toy-steps", "spoil=true", "--phase", "trained"});
  EXPECT_NE(bad.out.find("no finite f32: -inf at [] of\n    %"), std::string::npos) << bad.out;
  EXPECT_NE(bad.out.find(" = log %"), std::string::npos) << bad.out;
  EXPECT_NE(omni({"debug", "toy-steps", "--phase", "traned"}).err.find("\"trained\""),
            std::string::npos);
}

TEST_F(Cli, DataNamesEverySet) {
  const Output o = omni({"data", "--data-dir", "."});
  for (const char* name : {"mnist ", "fashion-mnist", "digits", "mnist1d"})
    EXPECT_NE(o.out.find(name), std::string::npos) << o.out;
  EXPECT_EQ(omni({"data", "get", "mnits"}).code, 2);
  EXPECT_EQ(omni({"data", "got"}).code, 2);
}

TEST(Screen, WrapsAndAligns) {
  EXPECT_EQ(cli::wrapped("one two three", 2, 9), "  one two\n  three\n");
  EXPECT_EQ(cli::wrapped("a\nb\n\nc", 0), "a b\n\nc\n");
  EXPECT_EQ(table({{"a", "b"}, {"é", "12"}}, {1}, 0), "a   b\né  12\n");
  EXPECT_EQ(cli::duration(3723), "1:02:03");
  EXPECT_EQ(cli::byte_count(11.49e6), "11.5 MB");
  EXPECT_EQ(cli::quantity(1234567), "1,234,567");
  EXPECT_EQ(cli::shell_words({"run", "a b", "it's", "x=1,2"}), "run 'a b' 'it'\\''s' x=1,2");
}

}  // namespace
}  // namespace omni
