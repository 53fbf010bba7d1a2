// Bytes of a host's state, of every kind of member that there is.
#include "lab/host_state.h"

#include "base/error.h"
#include "fuzz/target.h"

namespace omni::fuzz {

// A vector of vectors takes some 24 bytes per 8 of the input; a map's node, 80 per 9.
const MemoryBound kMemory{1 << 20, 100};

enum class Kind : int32_t { wall, cheese };
struct World {
  Kind kind = {};
  std::array<int16_t, 2> place = {};
  std::optional<double> best = {};
  void visit(auto&& field) { field(kind), field(place), field(best); }
};
struct Host {
  std::vector<World> worlds;
  std::vector<float> replay;
  std::map<std::string, std::pair<int64_t, bool>> solved;
  std::vector<std::vector<uint8_t>> rows;
  Key key;
  void visit(auto&& field) { field(worlds), field(replay), field(solved), field(rows), field(key); }
};

Bytes members_of(const Host& host) {
  Bytes bytes;
  state::Writer write(bytes);
  write(host);
  return bytes;
}

// A map's order is its own: what was read is written as it is held, and then stays. Its type, which
// stands before it, is taken as given, so that inputs come to the members.
void read(std::string_view input) {
  const Bytes whole = state::stored(Host{}), none = members_of({});
  Bytes bytes(whole.begin(), whole.end() - std::ssize(none));
  const auto members = std::as_bytes(std::span(input));
  bytes.insert(bytes.end(), members.begin(), members.end());
  Host host;
  state::read(bytes, host);
  const Bytes first = state::stored(host);
  check(first.size() == bytes.size(), "what was read is written in another length");
  Host back;
  state::read(first, back);
  check(state::stored(back) == first, "what was written reads back as something else");
  try {
    Host other;
    state::read(members, other);  // without its type
  } catch (const UserError&) {
  }
}

}  // namespace omni::fuzz
