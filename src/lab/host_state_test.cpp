#include "lab/host_state.h"

#include <gtest/gtest.h>

#include <functional>

namespace omni {
namespace {

enum class Kind : uint8_t { wall, cheese };

struct World {
  Kind kind = Kind::wall;
  std::array<int32_t, 2> place = {};
  bool open = false;
  void visit(auto&& field) { field(kind), field(place), field(open); }
  bool operator==(const World&) const = default;
};

// One of every kind of member.
struct Host {
  std::vector<World> worlds;
  std::vector<float> replay;
  std::map<std::string, std::pair<int64_t, double>> solved;
  std::optional<std::vector<std::string>> names;
  Key key;
  void visit(auto&& field) {
    field(worlds), field(replay), field(solved), field(names), field(key);
  }
  bool operator==(const Host&) const = default;
};

Host full() {
  return {{{Kind::cheese, {3, -4}, true}, {}},
          {1.5f, -0.f, 3e-30f},
          {{"a", {7, 0.25}}, {"b", {-1, 1e300}}},
          std::vector<std::string>{"", "x y"},
          Key{0x123456789abcdef0}};
}

TEST(HostState, EveryMemberComesBack) {
  for (const Host& host : {full(), Host{}}) {
    const Bytes bytes = state::stored(host);
    Host back = full();  // with something in its place
    state::read(bytes, back);
    EXPECT_EQ(back, host);
    EXPECT_EQ(state::stored(back), bytes);
  }
}

TEST(HostState, OtherBytesAreRefused) {
  const Bytes bytes = state::stored(full());
  Bytes members;
  state::Writer write(members);
  write(full());
  Host host;
  for (size_t n = 0; n < bytes.size(); ++n)
    EXPECT_THROW(state::read(std::span(bytes).first(n), host), UserError) << n;
  Bytes longer = bytes;
  longer.push_back(std::byte{0});
  EXPECT_THROW(state::read(longer, host), UserError);
  Bytes many = bytes;
  many[bytes.size() - members.size() + 7] = std::byte{0x7f};  // of worlds: no memory is asked for
  EXPECT_THROW(state::read(many, host), UserError);
}

struct Nothing {
  void visit(auto&&) {}
};
struct Forgetful {
  int64_t rounds = 0;
  void visit(auto&&) {}
};

TEST(HostState, ForgetsItsTypeAndNothingElse) {
  const HostState a = HostState::of(full()), shared = a, copy = a.clone();
  a.as<Host>().replay = {9};
  EXPECT_EQ(shared.as<Host>().replay, (std::vector<float>{9}));
  EXPECT_EQ(copy.as<Host>(), full());
  EXPECT_EQ(copy.bytes(), state::stored(full()));
  HostState back = HostState::of(Host{});
  back.read(copy.bytes());
  EXPECT_EQ(back.as<Host>(), full());
  EXPECT_THROW(a.as<World>(), UserError);
  EXPECT_TRUE(HostState().empty());
  EXPECT_TRUE(HostState().bytes().empty());
  EXPECT_FALSE(HostState::of(Nothing{}).empty());
}

// Of the same size as a World's.
struct Purse {
  uint8_t coins = 0;
  std::array<int32_t, 2> notes = {};
  bool open = false;
  void visit(auto&& field) { field(coins), field(notes), field(open); }
};
// Another struct of that name, as two files may have, with as many bytes.
struct OtherFile {
  struct World {
    std::array<uint8_t, 10> bytes = {};
    void visit(auto&& field) { field(bytes); }
  };
};
struct Tree {
  int32_t leaves = 0;
  std::vector<Tree> branches;
  void visit(auto&& field) { field(leaves), field(branches); }
};

std::string said_of(const std::function<void()>& what) {
  try {
    what();
  } catch (const UserError& e) {
    return e.what();
  }
  return "";
}

TEST(HostState, OfAnotherTypeIsRefusedInWords) {
  const HostState world = HostState::of(World{});
  const Bytes bytes = world.bytes();
  Purse purse;
  const std::string said = said_of([&] { state::read(bytes, purse); });
  EXPECT_NE(said.find("a host's state is of type 'omni::World', and is read as 'omni::Purse'"),
            std::string::npos)
      << said;
  EXPECT_EQ(said_of([&] { HostState::of(Purse{}).read(bytes); }), said);
  EXPECT_NE(
      said_of([&] { world.as<Purse>(); }).find("'omni::World', and is asked for as 'omni::Purse'"),
      std::string::npos);
  EXPECT_NE(said_of([&] { HostState().as<Purse>(); }).find("of type 'none'"), std::string::npos);
  EXPECT_NE(said_of([&] { state::read({}, purse); }).find("and there is none"), std::string::npos);
}

TEST(HostState, SoAreOtherMembersUnderOneName) {
  std::string of_enum, of_bytes, of_double, of_int;
  state::describe<World>(of_enum);
  state::describe<OtherFile::World>(of_bytes);
  state::describe<double>(of_double);
  state::describe<int64_t>(of_int);
  EXPECT_EQ(of_enum, "{e1 2(i4 ) i1 } ");
  EXPECT_NE(of_enum, of_bytes);
  EXPECT_NE(of_double, of_int);
  const Tree tree{1, {{2, {}}, {3, {{4, {}}}}}};
  Tree back;
  state::read(state::stored(tree), back);
  EXPECT_EQ(back.branches.at(1).branches.at(0).leaves, 4);
  // Bytes that say that they are a World, of other members.
  Bytes bytes = state::stored(World{});
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  bytes.at(text.find("e1 2(i4")) = std::byte{'i'};
  World world;
  EXPECT_NE(said_of([&] { state::read(bytes, world); }).find("with other members"),
            std::string::npos);
}

TEST(HostState, OneThatHandsOverNothingIsRefused) {
  EXPECT_THROW(HostState::of(Forgetful{}), UserError);
}

}  // namespace
}  // namespace omni
