// Every kind of file that an experiment can read is noted by content.
#include "base/inputs.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>

#include "base/error.h"
#include "base/test_folder.h"
#include "lab/checkpoint.h"
#include "lab/test_support.h"
#include "nn/transformer.h"
#include "store/files.h"
#include "text/choice_items.h"
#include "text/story_files.h"
#include "text/tokenizer_files.h"
#include "weights/arrays.h"
#include "weights/hub_weights.h"

namespace omni {
namespace {

namespace fs = std::filesystem;

InputHashes inputs_of(const std::function<void()>& work) {
  Inputs inputs;
  const ReadsInputs reading(&inputs);
  work();
  return inputs.all();
}

// A byte of each of these files changed, one after the other: nothing else is allowed to matter.
void expect_noted(const std::vector<fs::path>& files, const std::function<void()>& read) {
  const InputHashes inputs = inputs_of(read);
  EXPECT_EQ(changed_input(inputs), "");
  for (const fs::path& file : files) {
    const std::string before = read_file(file);
    std::string changed = before;
    changed[changed.size() / 2] ^= 1;
    atomic_write(file, changed);
    EXPECT_NE(changed_input(inputs).find(file.string() + "' has SHA-256"), std::string::npos)
        << file << ": " << changed_input(inputs);
    atomic_write(file, before);
  }
  EXPECT_EQ(changed_input(inputs), "");
}

TEST(Inputs, TextsAndTheListOfThem) {
  const TestFolder folder;
  const fs::path text = folder.path() / "a.txt";
  std::string stories;
  for (int i = 0; i < 200; ++i) stories += fmt::format("A {} {}.\n", i % 2 ? "tree" : "house", i);
  atomic_write(text, stories);
  for (const fs::path& path : {text, folder.path()})
    expect_noted({text}, [&] { read_stories(path, forest_rule(), Key::of(0)); });
  const InputHashes inputs =
      inputs_of([&] { read_stories(folder.path(), forest_rule(), Key::of(0)); });
  atomic_write(folder.path() / "notes.md", "not read");
  EXPECT_EQ(changed_input(inputs), "");
  atomic_write(folder.path() / "b.txt", "read");
  EXPECT_NE(changed_input(inputs).find("the list of files *.txt"), std::string::npos);
}

TEST(Inputs, TokenizersAndWhatTakesTheirPlace) {
  const TestFolder folder;
  const fs::path words = folder.path() / "words.txt";
  atomic_write(words, "\"<|endoftext|>\"\n\"<|unknown|>\"\n\" tree\"\n");
  expect_noted({words}, [&] { read_tokenizer(folder.path()); });
  const std::string text = read_file(words);
  fs::remove(words);
  const InputHashes inputs = inputs_of([&] {
    EXPECT_THROW(read_tokenizer(folder.path()), UserError);  // nor is there any other tokenizer
  });
  atomic_write(words, text);
  EXPECT_NE(changed_input(inputs).find("words.txt' was not there then"), std::string::npos)
      << changed_input(inputs);
}

TEST(Inputs, QuestionsAndWeights) {
  const TestFolder folder;
  const fs::path questions = folder.path() / "q.jsonl", weights = folder.path() / "w.safetensors";
  atomic_write(questions, "{\"question\": \"a\", \"choices\": [\"b\", \"c\"], \"answer\": 1}\n");
  expect_noted({questions}, [&] { read_choice_items(questions); });
  Ensemble e({{"w", {3}, init::zeros()}}, 1);
  e.initialise(0, Key{});
  save_ensemble(weights, e);
  expect_noted({weights}, [&] { load_ensemble(weights); });
}

TEST(Inputs, ModelsOfTheHub) {
  const TestFolder folder;
  HubModel hub;
  hub.options = {.vocabulary = 7, .context = 4, .layers = 1, .width = 8, .heads = 2, .tied = true};
  Ensemble model(transformer_parameters(hub.options), 1);
  model.initialise(0, Key::of(1));
  save_hub_folder(folder.path() / "hub", hub, model[0]);
  expect_noted({folder.path() / "hub" / "config.json", folder.path() / "hub" / "model.safetensors"},
               [&] { load_hub_folder(folder.path() / "hub"); });
}

TEST(Inputs, WhatTheProgramKeepsForItselfIsNone) {
  const TestFolder folder;
  testing::ToyBench bench;
  PhaseResult done;
  done.sets.emplace("model", bench.train().model.clone());
  write_checkpoint(folder.path() / "c", done);
  const Recipes recipes = {{"model", done.set("model").specs()}};
  EXPECT_TRUE(
      inputs_of([&] { EXPECT_TRUE(read_checkpoint(folder.path() / "c", recipes)); }).empty());
}

TEST(Inputs, OtherContentIsRefusedAndPipesAreNamed) {
  const TestFolder folder;
  const fs::path file = folder.path() / "a";
  atomic_write(file, "a");
  Inputs inputs;
  const ReadsInputs reading(&inputs);
  EXPECT_EQ(read_file(file), "a");
  EXPECT_EQ(read_file(file), "a");
  atomic_write(file, "b");
  EXPECT_THROW(read_file(file), UserError);
  ASSERT_EQ(mkfifo((folder.path() / "pipe").c_str(), 0600), 0);
  EXPECT_THROW(read_file(folder.path() / "pipe"), UserError);
  EXPECT_THROW(read_file(folder.path() / "missing"), UserError);
  {
    const ReadsInputs none(nullptr);
    EXPECT_EQ(read_file(file), "b");
  }
}

}  // namespace
}  // namespace omni
