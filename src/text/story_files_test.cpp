#include "text/story_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>

#include "base/error.h"
#include "base/test_folder.h"
#include "text/lines.h"
#include "text/unicode.h"

namespace omni {
namespace {

using Texts = std::vector<std::string>;

TEST(SplitStories, AtMarkersLinesAndBlankLines) {
  const std::string text = "One.\n\nMore of one.\nTwo.\n\nMore of two.\nThree.\n";
  EXPECT_EQ(split_stories(text, StorySeparator::automatic),
            (Texts{"One.\n\nMore of one.", "Two.\n\nMore of two.", "Three."}));
  EXPECT_EQ(split_stories(text, StorySeparator::blank_lines),
            (Texts{"One.", "More of one.\nTwo.", "More of two.\nThree."}));
  EXPECT_EQ(split_stories("a\nb\n<|endoftext|>\n\nc<|endoftext|><|endoftext|>",
                          StorySeparator::automatic),
            (Texts{"a\nb", "c"}));
  EXPECT_EQ(split_stories(" \n \n", StorySeparator::line), Texts{});
  EXPECT_EQ(split_stories("", StorySeparator::automatic), Texts{});
}

// 400 stories, every fourth about trees.
std::string many(int from, int to) {
  std::string text;
  for (int i = from; i < to; ++i)
    text += "Story " + std::to_string(i) + (i % 4 == 0 ? " of a tree.\n" : " of a house.\n");
  return text;
}

std::map<std::string, std::string> places_of(const StorySet& set) {
  std::map<std::string, std::string> places;
  for (const Story& story : set.train) places[story.text] = "train";
  for (const Story& story : set.validation) places[story.text] = "validation";
  for (const Story& story : set.test) places[story.text] = "test";
  return places;
}

TEST(ReadStories, SplitsByContentAlone) {
  const TestFolder folder;
  std::ofstream(folder.path() / "b.txt") << many(0, 200);
  std::ofstream(folder.path() / "a.txt") << many(200, 400) << many(150, 210);
  std::ofstream(folder.path() / "notes.md") << "no story";
  std::ofstream(folder.path() / "one.file") << many(0, 300);
  const StorySet all = read_stories(folder.path(), forest_rule(), Key::of(1));
  const auto places = places_of(all);
  EXPECT_EQ(places.size(), 400U) << "stories said twice count once, and only *.txt is read";
  EXPECT_EQ(all.train.size() + all.validation.size() + all.test.size(), 400U);
  EXPECT_NEAR(all.test.size(), 60, 25);
  EXPECT_NEAR(all.validation.size(), 60, 25);
  for (const Story& story : all.train) EXPECT_EQ(story.forget, story.text.ends_with("tree."));

  for (const auto& [text, place] :
       places_of(read_stories(folder.path() / "one.file", forest_rule(), Key::of(1))))
    EXPECT_EQ(places.at(text), place) << text;
  EXPECT_NE(places, places_of(read_stories(folder.path(), forest_rule(), Key::of(2))));
}

TEST(ReadStories, AnEditorsLineEndsChangeNothing) {
  const TestFolder folder;
  std::string windows = "\ufeff";
  for (const char c : many(0, 100)) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  std::string old = many(0, 100);
  std::ranges::replace(old, '\n', '\r');
  std::ofstream(folder.path() / "plain") << many(0, 100);
  std::ofstream(folder.path() / "windows") << windows;
  std::ofstream(folder.path() / "old") << old;
  const auto places = [&](const char* name) {
    return places_of(read_stories(folder.path() / name, forest_rule(), Key::of(1)));
  };
  EXPECT_EQ(places("plain").size(), 100U);
  EXPECT_EQ(places("windows"), places("plain"));
  EXPECT_EQ(places("old"), places("plain"));
}

TEST(ReadStories, CutsBeforeItLabels) {
  const TestFolder folder;
  std::ofstream(folder.path() / "a.txt") << many(0, 400);
  EXPECT_THROW(read_stories(folder.path(), forest_rule(), Key::of(1), {.characters = 10}),
               UserError) << "the trees are cut off";
  const StorySet cut = read_stories(folder.path(), forest_rule(), Key::of(1), {.characters = 19});
  EXPECT_TRUE(std::any_of(cut.train.begin(), cut.train.end(),
                          [](const Story& s) { return s.text.ends_with("hous"); }));
}

TEST(ReadStories, SaysWhatIsWrong) {
  const TestFolder folder;
  const auto file = folder.path() / "a.txt";
  EXPECT_THROW(read_stories(file, forest_rule(), Key::of(1)), UserError) << "no file";
  EXPECT_THROW(read_stories(folder.path(), forest_rule(), Key::of(1)), UserError) << "no files";
  std::ofstream(file) << "\n \n";
  EXPECT_THROW(read_stories(file, forest_rule(), Key::of(1)), UserError) << "no stories";
  std::ofstream(file) << many(0, 5);
  EXPECT_THROW(read_stories(file, forest_rule(), Key::of(1)), UserError) << "an empty split";
  std::ofstream(file) << many(0, 400) << "\xff";
  EXPECT_THROW(read_stories(file, forest_rule(), Key::of(1)), UserError) << "not UTF-8";
  std::ofstream(file) << many(0, 400);
  EXPECT_THROW(read_stories(file, KeywordRule({"dragon"}), Key::of(1)), UserError);
  EXPECT_THROW(read_stories(file, KeywordRule({"story"}), Key::of(1)), UserError);
  EXPECT_THROW(read_stories(file, forest_rule(), Key::of(1), {.test_share = 0.9}), UserError);
  EXPECT_THROW(read_stories(file, forest_rule(), Key::of(1), {.characters = -1}), UserError);
  EXPECT_NO_THROW(read_stories(file, forest_rule(), Key::of(1)));
}

// An independent count with Python's regular expressions: 1,103 chunks, 6 of them empty, 854
// characters on average; 161 are of forests within their first 1,029 characters.
TEST(ReadStories, TheSampleOfTinyStories) {
  const char* data = std::getenv("OMNISCALE_DATA");
  const std::filesystem::path file =
      std::filesystem::path(data ? data : "") / "tinystories" / "tinystories-sample.txt.gz";
  if (!data || !std::filesystem::exists(file)) GTEST_SKIP() << "no tinystories in OMNISCALE_DATA";
  const Texts stories = split_stories(read_text(file), StorySeparator::automatic);
  EXPECT_EQ(stories.size(), 1103U - 6);
  int64_t characters = 0, forest = 0;
  for (const std::string& story : stories) {
    characters += character_count(story);
    forest += forest_rule().matches(first_characters(story, 1029));
  }
  EXPECT_NEAR(static_cast<double>(characters) / 1103, 854, 1);
  EXPECT_EQ(forest, 161);
}

}  // namespace
}  // namespace omni
