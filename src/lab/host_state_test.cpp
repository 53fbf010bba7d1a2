#include "lab/host_state.h"

#include <gtest/gtest.h>

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
    const Bytes bytes = state::bytes_of(host);
    Host back = full();  // with something in its place
    state::read(bytes, back);
    EXPECT_EQ(back, host);
    EXPECT_EQ(state::bytes_of(back), bytes);
  }
}

TEST(HostState, OtherBytesAreRefused) {
  const Bytes bytes = state::bytes_of(full());
  Host host;
  for (size_t n = 0; n < bytes.size(); ++n)
    EXPECT_THROW(state::read(std::span(bytes).first(n), host), UserError) << n;
  Bytes longer = bytes;
  longer.push_back(std::byte{0});
  EXPECT_THROW(state::read(longer, host), UserError);
  Bytes many = bytes;
  many[7] = std::byte{0x7f};  // of worlds: no memory is asked for
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
  EXPECT_EQ(copy.bytes(), state::bytes_of(full()));
  HostState back = HostState::of(Host{});
  back.read(copy.bytes());
  EXPECT_EQ(back.as<Host>(), full());
  EXPECT_THROW(a.as<World>(), Bug);
  EXPECT_TRUE(HostState().empty());
  EXPECT_TRUE(HostState().bytes().empty());
  EXPECT_FALSE(HostState::of(Nothing{}).empty());
}

TEST(HostState, OneThatHandsOverNothingIsRefused) {
  EXPECT_THROW(HostState::of(Forgetful{}), UserError);
}

}  // namespace
}  // namespace omni
