// A map and a list that answer in words where they are asked for what they do not hold: an author's
// slip is told with the nearest name, and a phase that diverged early is no undefined behaviour.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/nearest.h"

namespace omni {

// By name. UserError, with the nearest name, from at().
template <class T>
class Named : public std::map<std::string, T> {
  using Map = std::map<std::string, T>;

 public:
  using Map::Map;
  Named(Map all) : Map(std::move(all)) {}  // NOLINT: the same, but for at()

  const T& at(const std::string& name) const {
    const auto it = Map::find(name);
    if (it != Map::end()) return it->second;
    std::vector<std::string> known;
    for (const auto& [other, value] : *this) known.push_back(other);
    fail_user("there is no '{}' here{}", name,
              known.empty() ? ", nor anything else" : suggest(name, known));
  }
  T& at(const std::string& name) { return const_cast<T&>(std::as_const(*this).at(name)); }
};

// What a phase left after some of its steps, by step: those that it reached. UserError for what is
// not there, which a phase that diverged may have less of than one that did not. T::kCalled names
// one.
template <class T>
class Reached : public std::vector<T> {
  using List = std::vector<T>;

 public:
  using List::List;
  Reached(List all) : List(std::move(all)) {}  // NOLINT: the same, but for what is refused

  const T& operator[](size_t i) const {
    require(i < this->size(),
            "{} {} is asked for, counted from 0, and there are {}: a phase that diverged has those "
            "alone that it reached",
            T::kCalled, i, this->size());
    return List::operator[](i);
  }
  const T& at(size_t i) const { return (*this)[i]; }
  const T& front() const { return one("first", 0); }
  const T& back() const { return one("last", this->empty() ? 0 : this->size() - 1); }
  T& operator[](size_t i) { return const_cast<T&>(std::as_const(*this)[i]); }
  T& at(size_t i) { return (*this)[i]; }
  T& front() { return const_cast<T&>(std::as_const(*this).front()); }
  T& back() { return const_cast<T&>(std::as_const(*this).back()); }

 private:
  const T& one(const char* which, size_t i) const {
    require(!this->empty(),
            "the {} {} is asked for, and there is none: the phase has none, or diverged before it; "
            "look at diverged_at first, or ask last(), which is NaN then",
            which, T::kCalled);
    return List::operator[](i);
  }
};

}  // namespace omni
