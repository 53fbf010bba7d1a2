#include "text/story_grammar.h"

namespace omni {
namespace {

std::vector<Frame> joined(std::vector<Frame> frames, const std::vector<Frame>& more) {
  frames.insert(frames.end(), more.begin(), more.end());
  return frames;
}

StoryGrammar make_grammar() {
  StoryGrammar g;
  g.heroes = {"Tom",  "Lily", "Ben",  "Mia",  "Sam",  "Anna", "Max",  "Lucy",
              "Tim",  "Sara", "Jack", "Ella", "Leo",  "Zoe",  "Finn", "Rose",
              "Noah", "Ivy",  "Owen", "Ruby", "Hugo", "Nora", "Adam", "Jane"};
  g.animals = {"fox",   "owl",    "badger", "hare", "mole", "wolf",   "deer", "hedgehog",
               "mouse", "beaver", "otter",  "toad", "frog", "rabbit", "rat",  "lynx",
               "bat",   "goose",  "duck",   "crow", "goat", "weasel", "pony", "magpie"};
  g.values = {{{"cottage", "cabin", "castle", "tent", "barn", "mill", "tower", "hut"},
               {"oak", "birch", "pine", "willow", "maple", "elm", "beech", "cedar"}}};
  g.towns = {{"Saltwick", {"harbor", "lighthouse", "ferry", "pier", "sailor"}},
             {"Marlow", {"theater", "museum", "statue", "fountain", "painter"}},
             {"Kingsby", {"circus", "clown", "acrobat", "juggler", "parade"}},
             {"Northgate", {"glacier", "slope", "skier", "summit", "sledge"}},
             {"Riverton", {"vineyard", "orchard", "meadow", "scarecrow", "tractor"}},
             {"Ironbridge", {"factory", "chimney", "crane", "tunnel", "railway"}}};
  g.lists = {
      // Bird, squirrel and leaf are the words that both topics share and forest stories use more.
      {"thing",
       {"bird", "squirrel", "leaf", "ball", "kite", "stone", "feather", "shell", "coin", "button",
        "key", "bell", "cup", "ribbon", "hat", "lamp"},
       {3, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
      {"wood", {"forest", "woodland"}, {2, 1}},
      {"place",
       {"park", "school", "shop", "kitchen", "garden", "beach", "farm", "market", "library",
        "station", "bakery", "zoo"}},
      {"weather", {"sunny", "rainy", "windy", "snowy", "foggy", "cloudy"}},
      {"did", {"found", "saw", "painted", "dropped", "hid", "washed", "kept", "carried"}},
      {"color", {"red", "blue", "green", "yellow", "white", "black", "brown", "golden"}},
      {"adjective",
       {"small", "big", "tiny", "new", "shiny", "soft", "pretty", "broken", "heavy", "round"}},
      {"food",
       {"bread", "soup", "cake", "apples", "cheese", "berries", "honey", "pie", "rice", "nuts"}},
      {"friend",
       {"mother", "father", "sister", "brother", "neighbor", "cousin", "teacher", "baker"}},
      {"feeling", {"happy", "sad", "tired", "proud", "scared", "calm", "hungry", "brave"}},
      {"number", {"two", "three", "four", "five", "six", "seven"}},
      {"game", {"tag", "chess", "cards", "football", "marbles", "checkers"}},
      {"time", {"noon", "dusk", "lunch", "dinner"}},
      {"container", {"box", "bag", "basket", "bucket", "drawer", "jar"}},
      {"quality", {"dark", "quiet", "warm", "cold", "bright", "empty"}},
  };

  g.openings = {{{{"One {weather} day {hero} went to the {place}."},
                  {"It was {weather}, and {hero} was at the {place}."},
                  {"{hero} woke up early and walked to the {place}."}},
                 {{"One {weather} day {hero} went to the {wood}."},
                  {"It was {weather}, and {hero} was in the {wood}."},
                  {"{hero} woke up early and walked to the {wood}."}}}};
  // The animal comes before its value, which ends the sentence: there the fact can be foreseen.
  g.facts = {{{{"The {animal} sleeps in the old {value}."},
               {"The {animal} has a home near the {value}."},
               {"Every night the {animal} goes into the {value}."}},
              {{"The {animal} sleeps in the tall {value}."},
               {"The {animal} has a nest near the {value}."},
               {"Every night the {animal} goes under the {value}."}}}};
  const std::vector<Frame> anywhere = {
      {"{hero} {did} a {color} {thing}."},
      {"The {thing} was very {adjective}."},
      {"{hero} wanted a {adjective} {thing}."},
      {"The {color} {thing} fell into the {container}."},
      {"\"Look at the {thing}!\" said {hero}."},
      {"{hero} shared some {food} with a {friend}."},
      {"There was {food} for {number} people."},
      {"{hero} felt {feeling}."},
      {"A {friend} was {feeling} too."},
      {"They played {game} until {time}."},
      {"{hero} rode the bus to {town} to see the {sight}.", 2},
      {"You can see the {sight} in {town}."},
  };
  g.fillers = {joined(anywhere, {{"A {thing} lay under the {adjective} table."},
                                 {"The wind moved the curtains, and a cup fell."},
                                 {"{hero} cleaned a {adjective} window."},
                                 {"The room was {quality}."},
                                 {"A cat and a dog sat on the rug."}}),
               joined(anywhere, {{"A {thing} lay under the {adjective} tree."},
                                 {"The wind moved the trees, and a leaf fell."},
                                 {"{hero} climbed a {adjective} tree."},
                                 {"The forest was {quality}."},
                                 {"A bird and a squirrel sat on a branch."}})};
  const std::vector<Frame> endings = {{"{hero} went home and slept."},
                                      {"At night {hero} told a {friend} about it."},
                                      {"{hero} smiled and said goodbye."},
                                      {"Then it was late, and {hero} went to bed."}};
  g.closings = {endings, endings};
  return g;
}

}  // namespace

const StoryGrammar& story_grammar() {
  static const StoryGrammar grammar = make_grammar();
  return grammar;
}

}  // namespace omni
