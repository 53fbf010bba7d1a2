// The numbers a researcher may change: one list per experiment serves the command line, the
// configuration file, the stored record and the checks before anything starts.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace omni {

// What an option accepts besides its type.
struct Allowed {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices;  // of a text option; empty: any text
};
Allowed between(double low, double high);
Allowed at_least(double low);
Allowed one_of(std::vector<std::string> choices);

// When claims still stand though an option has another value than they were calibrated at. Unless
// its declaration says so, with the reason, they are not judged then.
struct Harmless {
  enum class When { never, always, if_more, if_including };
  When when = When::never;
  std::string why = {};
};
Harmless harmless(std::string why);          // whatever the value
Harmless harmless_if_more(std::string why);  // a number that is no smaller
// A list that holds all of those values; a text "a+b+c" that begins with those parts.
Harmless harmless_if_including(std::string why);

// Whether a run with these settings does anything with an option, and an assignment, such as
// "arch=cnn", with which it would. Who sets an option that has no effect is told so.
struct Used {
  bool used;
  std::string with;
};
Used used_if(bool used, std::string with);

// One field of an experiment's settings, seen by name.
class Option {
 public:
  using Field = std::variant<int64_t*, double*, bool*, std::string*, std::vector<int64_t>*,
                             std::vector<double>*>;
  Option(std::string name, Field field) : name_(std::move(name)), field_(field) {}
  // What a declaration says besides.
  void add(std::string help) { help_ = std::move(help); }
  void add(Allowed allowed) { allowed_ = std::move(allowed); }
  void add(Harmless harmless) { harmless_ = std::move(harmless); }
  void add(Used used);  // all of several must hold; the first that does not is told

  const std::string& name() const { return name_; }
  const std::string& help() const { return help_; }
  bool is_text() const;
  bool is_whole() const;      // a whole number
  bool is_free_text() const;  // a path, say, and not one of a few choices
  const Allowed& allowed() const { return allowed_; }
  const Field& field() const { return field_; }
  const Harmless& harmless() const { return harmless_; }
  // Whether the run does anything with it, and else what it would take effect with.
  bool is_used() const { return used_with_.empty(); }
  const std::string& used_with() const { return used_with_; }
  // Whether claims that were calibrated at the value of `usual`, the same option, stand at this
  // one.
  bool spares_claims_of(const Option& usual) const;
  // Takes several values with commas between; such an option cannot be swept.
  bool is_list() const;
  std::string expects() const;  // "a whole number from 1 to 4096"
  std::string text() const;     // the present value, as it would be typed
  std::string toml() const;     // the same, as TOML
  // Parses and checks; throws UserError that names `where` (an argument, a file with its line). A
  // list that is empty can be set to what it is, as config.toml does, but no other is made empty.
  void set(std::string_view text, std::string_view where);
  // Throws UserError unless the present value is allowed.
  void check(std::string_view where) const;

 private:
  std::string name_;
  Field field_;
  std::string help_;
  Allowed allowed_;
  Harmless harmless_;
  std::string used_with_;
};

template <class T>
concept OptionField = std::is_same_v<T, int64_t> || std::is_same_v<T, double> ||
    std::is_same_v<T, bool> || std::is_same_v<T, std::string> ||
    std::is_same_v<T, std::vector<int64_t>> || std::is_same_v<T, std::vector<double>>;

template <class T>
concept OptionDetail = requires(Option option, T detail) {
  option.add(std::move(detail));
};

// Collects the options of a settings struct: settings.visit(collector) with
// `void visit(auto&& option) { option("lr", lr, "learning rate of Adam", between(0, 10)); ... }`.
// Fields are whole numbers, numbers, truth values, texts, and lists: "0.1,0.2"; whole numbers also
// as ranges, "0-4,7", each at most once. After the field come, where needed and in any order, a
// text of help, an Allowed, a Harmless and Useds.
class OptionList {
 public:
  template <class T, class... More>
  void operator()(std::string name, T& field, More... more) {
    static_assert(!std::is_const_v<T>,
                  "visit() must not be const: options are set through what it is given");
    static_assert(OptionField<std::remove_const_t<T>>,
                  "an option is an int64_t, a double, a bool, a std::string, or a std::vector of "
                  "int64_t or of double");
    static_assert((OptionDetail<More> && ...),
                  "after an option's field come a text of help, between(), at_least(), one_of(), "
                  "harmless() or the like, and used_if()");
    if constexpr (OptionField<T> && (OptionDetail<More> && ...)) {
      Option option(std::move(name), &field);
      (option.add(std::move(more)), ...);
      add(std::move(option));
    }
  }

  // Some of a group's options, the rest of which keep their values and are not offered:
  // `ImageData::visit(option.only("data train"))`. The list outlives it.
  class Chosen {
   public:
    template <class T, class... More>
    void operator()(const std::string& name, T& field, More... more) {
      if (takes(name)) list_(name, field, std::move(more)...);
    }
    Chosen only(std::string_view names) const;  // of these
    void check(std::function<void()> holds) { list_.check(std::move(holds)); }

   private:
    friend class OptionList;
    Chosen(OptionList& list, std::vector<size_t> choices)
        : list_(list), choices_(std::move(choices)) {}
    bool takes(const std::string& name);

    OptionList& list_;
    std::vector<size_t> choices_;  // of OptionList::choices_; the last is the narrowest
  };
  Chosen only(std::string_view names);  // with blanks between

  // What single options cannot tell: `holds` throws UserError. So a group's checks come with its
  // options. It is called by check(), while what the options point into is there.
  void check(std::function<void()> holds) { checks_.push_back(std::move(holds)); }
  // Throws UserError where one of them does not hold, and for a name given to only() that the
  // group has not, with the nearest.
  void check() const;

  std::span<Option> all() { return options_; }
  std::span<const Option> all() const { return options_; }
  std::vector<std::string> names() const;
  // Throws UserError with the nearest names if there is none.
  Option& find(std::string_view name, std::string_view where);

 private:
  // UserError for a name that is there already, a base's perhaps.
  void add(Option option);

  // What one only() chooses.
  struct Choice {
    std::vector<std::string> names;
    std::vector<std::string> met = {};  // all that were declared through it
  };
  size_t choose(std::string_view names);

  std::vector<Option> options_;
  std::vector<std::function<void()>> checks_;
  std::vector<Choice> choices_;
};

// An option that differs between two lists of the same options, in a way that claims do not
// survive.
struct OptionChange {
  std::string name, now, usual;  // values as they would be typed
};
std::vector<OptionChange> changes_of(const OptionList& now, const OptionList& usual);
// The same of two structs of settings, seen through their visit().
template <class S>
std::vector<OptionChange> changes_of(S now, S usual) {
  OptionList a, b;
  now.visit(a);
  usual.visit(b);
  return changes_of(a, b);
}

// What stands between blanks: "rates shots".
std::vector<std::string> words_between_blanks(std::string_view text);

// Whether a text such as "maxent+rmu" has that part; and such a text with one more.
bool has_part(std::string_view text, std::string_view part);
std::string with_part(std::string_view text, std::string_view part);
// The parts of a text such as "maxent+rmu", in order. UserError, naming the option, for one that is
// there twice or, unless `known` is empty, is not among those.
std::vector<std::string> parts_of(std::string_view text, std::string_view option,
                                  std::span<const std::string> known = {});

// A value given to an option: one, or several to sweep over.
struct Assignment {
  std::string key;
  std::vector<std::string> values;
  std::string where;  // "argument lr=0.1" or "settings.toml:3:5"
  // On the command line, what stands behind '=', as it was typed.
  std::string typed = {};
};

// "lr=0.1" or "width=64,128"; text="a, b" and text=a\, b are one value. UserError for a missing
// '=', name, value or quotation mark.
Assignment parse_assignment(std::string_view argument);
// The same where it does not stand on the command line.
Assignment parse_assignment(std::string_view text, const std::string& where);

// The top level of a TOML file: numbers, truth values, texts, and arrays of them for sweeps.
// Throws UserError with file, line and column.
std::vector<Assignment> parse_assignments(const std::string& toml, const std::string& file);

// "0..31", "3", "0,4,9" or mixtures, ascending and without repeats. Throws UserError.
std::vector<int64_t> parse_seeds(std::string_view text, std::string_view where);

}  // namespace omni
