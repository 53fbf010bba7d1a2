// What a host's loop keeps from round to round, as bytes: worlds, replay, a best score. It enters
// the phase's hash as it is at the start, and its checkpoints as it is.
//
// A state is a struct with `void visit(auto&& field)` that hands every member to `field`, in any
// fixed order:
//   struct Worlds { std::vector<World> worlds; int64_t solved = 0;
//                   void visit(auto&& field) { field(worlds), field(solved); } };
// Members may be numbers, truth values, enums, keys, texts, arrays, vectors, pairs, optionals,
// maps, and structs with visit(). Only the program that wrote bytes reads them, as the struct that
// they were: its name and its members' kinds stand before them.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "base/type_name.h"

namespace omni {

using Bytes = std::vector<std::byte>;

namespace state {

template <class T>
concept Visited = requires(T& t) {
  t.visit([](auto&) {});
};
template <class T>
concept Number = std::is_arithmetic_v<T> || std::is_enum_v<T>;

template <class T, template <class...> class Kind>
inline constexpr bool kIs = false;
template <template <class...> class Kind, class... Arguments>
inline constexpr bool kIs<Kind<Arguments...>, Kind> = true;
template <class T>
inline constexpr bool kIsArray = false;
template <class T, size_t n>
inline constexpr bool kIsArray<std::array<T, n>> = true;
template <class>
inline constexpr bool kNever = false;

class Writer {
 public:
  explicit Writer(Bytes& out) : out_(out) {}

  template <class T>
  void operator()(const T& x) {
    if constexpr (Number<T>) {
      raw(&x, sizeof x);
    } else if constexpr (std::is_same_v<T, Key>) {
      raw(&x.bits, sizeof x.bits);
    } else if constexpr (std::is_same_v<T, std::string>) {
      count(x.size());
      raw(x.data(), x.size());
    } else if constexpr (std::is_same_v<T, std::vector<bool>>) {
      static_assert(kNever<T>, "a host state's vector<bool> has no places: use vector<uint8_t>");
    } else if constexpr (kIs<T, std::vector>) {
      count(x.size());
      if constexpr (Number<typename T::value_type>)
        raw(x.data(), x.size() * sizeof(typename T::value_type));
      else
        for (const auto& item : x) (*this)(item);
    } else if constexpr (kIsArray<T>) {
      for (const auto& item : x) (*this)(item);
    } else if constexpr (kIs<T, std::pair>) {
      (*this)(x.first);
      (*this)(x.second);
    } else if constexpr (kIs<T, std::optional>) {
      count(x.has_value());
      if (x) (*this)(*x);
    } else if constexpr (kIs<T, std::map>) {
      count(x.size());
      for (const auto& [key, value] : x) {
        (*this)(key);
        (*this)(value);
      }
    } else if constexpr (Visited<T>) {
      const_cast<T&>(x).visit(*this);  // which may not be const, as it reads, too
    } else {
      static_assert(kNever<T>,
                    "a host state's member needs void visit(auto&& field), or to be a number, "
                    "text, key, array, vector, pair, optional or map of such");
    }
  }

 private:
  void raw(const void* data, size_t bytes) {
    const auto* first = static_cast<const std::byte*>(data);
    out_.insert(out_.end(), first, first + bytes);
  }
  void count(uint64_t n) { raw(&n, sizeof n); }

  Bytes& out_;
};

// UserError for bytes that are cut off, hold no such value or claim more items than they can hold.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> in) : in_(in) {}
  bool at_end() const { return in_.empty(); }

  template <class T>
  void operator()(T& x) {
    if constexpr (std::is_same_v<T, bool>) {
      uint8_t byte = 0;
      raw(&byte, 1);
      require(byte <= 1, "a host's state: a truth value is {}", byte);
      x = byte == 1;
    } else if constexpr (Number<T>) {
      raw(&x, sizeof x);
    } else if constexpr (std::is_same_v<T, Key>) {
      raw(&x.bits, sizeof x.bits);
    } else if constexpr (std::is_same_v<T, std::string>) {
      x.resize(count(1));
      raw(x.data(), x.size());
    } else if constexpr (kIs<T, std::vector>) {
      using Item = typename T::value_type;
      if constexpr (Number<Item> && !std::is_same_v<Item, bool>) {
        x.resize(count(sizeof(Item)));
        raw(x.data(), x.size() * sizeof(Item));
      } else {
        x.clear();
        for (uint64_t n = count(1); n > 0; --n) (*this)(x.emplace_back());
      }
    } else if constexpr (kIsArray<T>) {
      for (auto& item : x) (*this)(item);
    } else if constexpr (kIs<T, std::pair>) {
      (*this)(x.first);
      (*this)(x.second);
    } else if constexpr (kIs<T, std::optional>) {
      x.reset();
      if (count(0) == 1) (*this)(x.emplace());
    } else if constexpr (kIs<T, std::map>) {
      x.clear();
      for (uint64_t n = count(1); n > 0; --n) {
        typename T::key_type key{};
        (*this)(key);
        typename T::mapped_type value{};
        (*this)(value);
        require(x.emplace(std::move(key), std::move(value)).second,
                "a host's state: a map has a key twice");
      }
    } else {
      x.visit(*this);
    }
  }

 private:
  void raw(void* out, size_t bytes) {
    require(bytes <= in_.size(), "a host's state is cut off");
    if (bytes > 0) std::memcpy(out, in_.data(), bytes);
    in_ = in_.subspan(bytes);
  }
  // Of items of at least so many bytes; 0: of none or one.
  uint64_t count(size_t least_bytes) {
    uint64_t n = 0;
    raw(&n, sizeof n);
    require(least_bytes == 0 ? n <= 1 : n <= in_.size() / least_bytes,
            "a host's state says that it has {} items, and {} bytes are left", n, in_.size());
    return n;
  }

  std::span<const std::byte> in_;
};

// The members' kinds, in order: "f8 [4 i8] {key text}". Of structs within structs to some depth,
// for one may hold others of its own kind.
template <class T>
void describe(std::string& out, int depth = 0) {
  const auto within = [&]<class... Parts>(const char* kind) {
    out += kind;
    (describe<Parts>(out, depth + 1), ...);
    out += ") ";
  };
  if constexpr (Number<T>) {
    out += std::is_floating_point_v<T> ? 'f' : std::is_enum_v<T> ? 'e' : 'i';
    out += std::to_string(sizeof(T)) + ' ';
  } else if constexpr (std::is_same_v<T, Key>) {
    out += "key ";
  } else if constexpr (std::is_same_v<T, std::string>) {
    out += "text ";
  } else if constexpr (kIs<T, std::vector>) {
    within.template operator()<typename T::value_type>("vector(");
  } else if constexpr (kIsArray<T>) {
    out += std::to_string(std::tuple_size_v<T>);
    within.template operator()<typename T::value_type>("(");
  } else if constexpr (kIs<T, std::pair>) {
    within.template operator()<typename T::first_type, typename T::second_type>("pair(");
  } else if constexpr (kIs<T, std::optional>) {
    within.template operator()<typename T::value_type>("optional(");
  } else if constexpr (kIs<T, std::map>) {
    within.template operator()<typename T::key_type, typename T::mapped_type>("map(");
  } else if constexpr (std::is_default_constructible_v<T>) {
    constexpr int kDeepest = 4;
    if (depth > kDeepest) return;
    T example{};
    out += "{";
    example.visit(
        [&](auto& member) { describe<std::remove_cvref_t<decltype(member)>>(out, depth + 1); });
    out += "} ";
  }
}

// What is stored: which struct it is, and its members.
template <class State>
Bytes stored(const State& s) {
  Bytes out;
  Writer write(out);
  std::string members;
  describe<State>(members);
  write(type_name(typeid(State)));
  write(members);
  write(s);
  return out;
}

inline std::string stored_type(std::span<const std::byte> bytes) {
  std::string name;
  Reader read(bytes);
  read(name);
  return name;
}

// UserError, with both names, unless the bytes are such a struct as it was stored, whole.
template <class State>
void read(std::span<const std::byte> bytes, State& into) {
  require(!bytes.empty(), "a host's state is asked for as '{}', and there is none",
          type_name(typeid(State)));
  Reader read(bytes);
  std::string name, members, wanted;
  read(name), read(members);
  describe<State>(wanted);
  require(name == type_name(typeid(State)), "a host's state is of type '{}', and is read as '{}'",
          name, type_name(typeid(State)));
  require(members == wanted,
          "a host's state is of a type '{}' with other members than the '{}' "
          "that it is read as",
          name, name);
  read(into);
  require(read.at_end(), "a host's state: there is more than its struct holds");
}

}  // namespace state

// Any such struct, its type forgotten. Copies share it; clone() does not.
class HostState {
 public:
  HostState() = default;  // none
  template <class State>
  static HostState of(State s) {
    static_assert(state::Visited<State>,
                  "a host loop's state needs void visit(auto&& field) { field(member), ...; } over "
                  "all of its members");
    static_assert(std::is_copy_constructible_v<State>, "a host loop's state is copied by forks");
    Bytes members;
    state::Writer write(members);
    write(s);
    HostState h;
    h.held_ = std::make_shared<Held<State>>(std::move(s));
    require(std::is_empty_v<State> || !members.empty(),
            "a host loop's state has members, and its visit() hands over none of them: what it "
            "keeps would be lost at a checkpoint");
    return h;
  }

  bool empty() const { return held_ == nullptr; }
  Bytes bytes() const { return held_ ? held_->bytes() : Bytes{}; }
  void read(std::span<const std::byte> in) { held_->read(in); }  // UserError if they do not fit
  HostState clone() const {
    HostState copy;
    if (held_) copy.held_ = held_->clone();
    return copy;
  }
  // UserError, with both types' names, for another type.
  template <class State>
  State& as() const {
    auto* held = dynamic_cast<Held<State>*>(held_.get());
    if (!held)
      fail_user("the host's state is of type '{}', and is asked for as '{}'",
                held_ ? state::stored_type(bytes()) : "none", type_name(typeid(State)));
    return held->value;
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual Bytes bytes() const = 0;
    virtual void read(std::span<const std::byte>) = 0;
    virtual std::shared_ptr<Base> clone() const = 0;
  };
  template <class State>
  struct Held final : Base {
    explicit Held(State s) : value(std::move(s)) {}
    Bytes bytes() const override { return state::stored(value); }
    void read(std::span<const std::byte> in) override { state::read(in, value); }
    std::shared_ptr<Base> clone() const override { return std::make_shared<Held>(value); }
    State value;
  };
  std::shared_ptr<Base> held_;
};

}  // namespace omni
