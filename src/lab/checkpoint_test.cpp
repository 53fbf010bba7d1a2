#include "lab/checkpoint.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <span>

#include "base/sha256.h"
#include "base/statistics.h"
#include "base/test_folder.h"
#include "store/files.h"
#include "store/safetensors.h"

namespace omni {
namespace {

Recipes recipes() {
  return {{"critic", {{"w", {3, 2}, init::normal(0, 1)}, {"b", {3}, init::uniform(-1, 1)}}},
          {"critic.opt", {{"m/w", {3, 2}, init::zeros()}}},
          {"generator", {{"w", {2}, init::normal(0, 1)}}}};
}

Ensemble filled(const std::string& set, uint64_t seed) {
  Ensemble e(recipes().at(set), 1);
  for (size_t i = 0; i < e.specs().size(); ++i) {
    Stream draw(Key::of(seed).fold(e.specs()[i].name));
    for (float& x : e.array(i, 0)) x = static_cast<float>(draw.normal());
  }
  return e;
}

std::map<std::string, Ensemble> all_sets(uint64_t seed) {
  std::map<std::string, Ensemble> sets;
  for (const auto& [set, specs] : recipes()) sets.emplace(set, filled(set, seed));
  return sets;
}

Bytes bytes(const char* text) {
  const auto all = std::as_bytes(std::span(text, std::char_traits<char>::length(text)));
  return {all.begin(), all.end()};
}

constexpr double kInf = std::numeric_limits<double>::infinity();
double odd_nan() { return std::bit_cast<double>(uint64_t{0xfff8000000c0ffee}); }

// Everything that a phase can have come to.
PhaseProgress progress() {
  PhaseProgress p;
  p.programs = {{"critic", {21, 2.5f, 0}}, {"act", {9, NAN, 0}}, {"burst", {1, INFINITY, 0}}};
  PhaseResult& r = p.reached;
  r.sets = all_sets(1);
  r.rounds = 7;
  r.diverged_at = 5;
  r.host = bytes("worlds");
  r.probed = {{0, {{"accuracy", 0.25}, {"loss", kNaN}}},
              {4, {{"accuracy", 0.5}, {"loss", 1e-9}}},
              {6, {{"loss", -kInf}, {"norm", kInf}, {"sign", -0.0}, {"which", odd_nan()}}}};
  r.kept.push_back({3, all_sets(3), {{"critic", {9, 0.125}}, {"act", {}}}, bytes("of then")});
  r.kept.push_back({6, {}, {}, {}});
  r.kept.back().sets.emplace("generator", filled("generator", 5));
  const auto copy = [](int64_t round, uint64_t seed) {
    return std::make_shared<const PhaseSnapshot>(
        PhaseSnapshot{round, all_sets(seed), {{"critic", {6, 0.5}}}, bytes("best")});
  };
  r.copies = {{"best", copy(4, 6)}, {"first/of all", copy(1, 7)}};
  r.kept[0].copies = {{"best", copy(2, 8)}, {"first/of all", r.copies.at("first/of all")}};
  r.logs["critic"] = {{"loss", {2.5f, 0.5f, -1e-30f}}, {"norm", {}}, {"a/b", {1}}};
  r.logs["critic/a"] = {{"b", {2, 3}}};
  return p;
}

void write(const std::filesystem::path& path, const PhaseProgress& p) {
  Underway u{p.reached, p.programs, {}, p.reached.host};
  for (const auto& [set, e] : p.reached.sets) u.sets.emplace(set, view(e[0]));
  write_checkpoint(path, u);
}

void expect_same(const std::map<std::string, Ensemble>& a,
                 const std::map<std::string, Ensemble>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [set, e] : a) {
    EXPECT_EQ(weights_hash(e[0]), weights_hash(b.at(set)[0])) << set;
    EXPECT_EQ(e.specs(), b.at(set).specs()) << set;  // recipes, too
  }
}

void expect_same(const PhaseSnapshot& a, const PhaseSnapshot& b) {
  EXPECT_EQ(a.round, b.round);
  EXPECT_EQ(a.host, b.host);
  expect_same(a.sets, b.sets);
  ASSERT_EQ(a.programs.size(), b.programs.size());
  for (const auto& [name, at] : a.programs) {
    EXPECT_EQ(at.runs, b.programs.at(name).runs);
    EXPECT_EQ(at.rate, b.programs.at(name).rate);
  }
  ASSERT_EQ(a.copies.size(), b.copies.size());
  for (const auto& [name, copy] : a.copies) expect_same(*copy, *b.copies.at(name));
}

TEST(Checkpoint, HoldsAllThatAPhaseNeeds) {
  const TestFolder folder;
  const auto path = folder.path() / "c.safetensors";
  const PhaseProgress p = progress();
  write(path, p);
  const std::optional<PhaseProgress> found = read_checkpoint(path, recipes());
  ASSERT_TRUE(found);
  const PhaseResult &r = found->reached, &wanted = p.reached;
  expect_same(r.sets, wanted.sets);
  EXPECT_EQ(found->programs.at("critic").runs, 21);
  EXPECT_EQ(found->programs.at("critic").first_loss, 2.5f);
  EXPECT_EQ(found->programs.at("act").runs, 9);
  EXPECT_TRUE(std::isnan(found->programs.at("act").first_loss));
  EXPECT_EQ(found->programs.at("burst").first_loss, INFINITY);
  EXPECT_EQ(r.rounds, 7);
  EXPECT_EQ(r.diverged_at, 5);
  EXPECT_EQ(r.host, wanted.host);
  ASSERT_EQ(r.probed.size(), 3u);
  EXPECT_EQ(r.probed[0].step, 0);
  EXPECT_EQ(r.probed[0].values.at("accuracy"), 0.25);
  EXPECT_TRUE(std::isnan(r.probed[0].values.at("loss")));
  EXPECT_EQ(r.probed[1].step, 4);
  EXPECT_EQ(r.probed[1].values, wanted.probed[1].values);
  ASSERT_EQ(r.probed[2].values.size(), wanted.probed[2].values.size());
  for (const auto& [name, x] : wanted.probed[2].values)
    EXPECT_EQ(std::bit_cast<uint64_t>(r.probed[2].values.at(name)), std::bit_cast<uint64_t>(x))
        << name;
  ASSERT_EQ(r.kept.size(), 2u);
  for (size_t i : {0u, 1u}) expect_same(r.kept[i], wanted.kept[i]);
  ASSERT_EQ(r.copies.size(), 2u);
  for (const auto& [name, copy] : r.copies) expect_same(*copy, *wanted.copies.at(name));
  EXPECT_EQ(r.copies.at("first/of all"), r.kept[0].copies.at("first/of all")) << "is written once";
  EXPECT_EQ(r.bytes(), wanted.bytes());
  EXPECT_EQ(r.logs, wanted.logs);
}

// Damage that leaves a well-formed file: one bit of a number, or of a step.
TEST(Checkpoint, AChangedBitIsNoticed) {
  const TestFolder folder;
  const auto path = folder.path() / "c.safetensors";
  write(path, progress());
  const std::string sound = read_file(path);
  const size_t rounds = sound.find("rounds\\\":7");
  ASSERT_NE(rounds, std::string::npos);
  for (const size_t at : {rounds + 9, sound.size() - 1, sound.size() - 100}) {
    std::string damaged = sound;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    atomic_write(path, damaged);
    EXPECT_FALSE(read_checkpoint(path, recipes())) << "byte " << at << " of " << sound.size();
  }
  atomic_write(path, sound);
  EXPECT_TRUE(read_checkpoint(path, recipes()));
}

TEST(Checkpoint, OfAnotherNetworkIsNotTaken) {
  const TestFolder folder;
  const auto path = folder.path() / "c.safetensors";
  EXPECT_FALSE(read_checkpoint(path, recipes()));
  write(path, progress());
  Recipes other = recipes();
  other["critic"][1].shape = Shape{4};
  EXPECT_FALSE(read_checkpoint(path, other));
  other = recipes();
  other["critic"][0].name = "v";
  EXPECT_FALSE(read_checkpoint(path, other));
  other = recipes();
  other["critic"].pop_back();
  EXPECT_FALSE(read_checkpoint(path, other));
  other = recipes();
  other.erase("generator");
  EXPECT_FALSE(read_checkpoint(path, other));
}

// As phases were written before: trained again.
TEST(Checkpoint, OfAnotherFormatIsNotTaken) {
  const TestFolder folder;
  const auto path = folder.path() / "c.safetensors";
  write(path, progress());
  const auto file = safetensors::read(path);
  std::map<std::string, std::string> metadata = file.metadata;
  std::string& state = metadata.at("state");
  const size_t at = state.find("\"format\":3");
  ASSERT_NE(at, std::string::npos);
  std::map<std::string, safetensors::View> views;
  Sha256 sha;
  const auto add = [&](std::string_view text) { sha.add(std::as_bytes(std::span(text))); };
  state.replace(at, 10, "\"format\":2");
  add(state);
  for (const auto& [name, array] : file.arrays) {
    views[name] = {array.dtype, array.shape, array.bytes};
    add(fmt::format("\n{} {}\n", name, array.bytes.size()));
    sha.add(array.bytes);
  }
  metadata.at("check") = sha.hex();
  safetensors::write(path, views, metadata);
  EXPECT_FALSE(read_checkpoint(path, recipes()));
}

}  // namespace
}  // namespace omni
