// What an author gets wrong in C++ itself: each of these, defined, is refused with one error, which
// says in words what is wanted. Without any it compiles. Compiled by ctest, for its errors alone.
//
// TABLE_OF_DOUBLES: a table holds int32_t or float: make a std::vector of these first
// TABLE_OF_INT64: a table holds int32_t or float: make a std::vector of these first
// OPTION_OF_INT: an option is an int64_t, a double, a bool, a std::string, or a std::vector of
// OPTION_OF_TEXTS: an option is an int64_t, a double, a bool, a std::string, or a std::vector of
// OPTION_OF_GROUP: an option is an int64_t, a double, a bool, a std::string, or a std::vector of
// NUMBER_FOR_A_RULE: after an option's field come a text of help, between(), at_least(), one_of()
// CONST_VISIT: visit() must not be const: options are set through what it is given
// NO_VISIT: settings have a member `void visit(auto&& option)`, which says what each option may be
// RUN_NOT_CONST: settings have a member `void run(Trial& t) const`, which runs one seed
// SNAPSHOT_OF_WHAT_ENDS: use of deleted function
#include "studies/authoring.h"

namespace omni {

struct Shared {
#ifdef OPTION_OF_GROUP
  float share = 1;
#else
  double share = 1;
#endif
  void visit(auto&& option) { option("share", share, between(0, 1)); }
};

#ifdef NO_VISIT
struct Base {};
#else
struct Base : Shared {};
#endif

#ifdef RUN_NOT_CONST
#define OMNI_CONST
#else
#define OMNI_CONST const
#endif

struct Mine : Base {
#if defined OPTION_OF_INT
  int width = 4;
#elif defined OPTION_OF_TEXTS
  std::vector<std::string> width;
#else
  int64_t width = 4;
#endif

#if defined CONST_VISIT
  void visit(auto&& option) const { option("width", width, at_least(1)); }
#elif defined NUMBER_FOR_A_RULE
  void visit(auto&& option) { option("width", width, 64); }
#elif !defined NO_VISIT
  void visit(auto&& option) {
    Shared::visit(option.only("share"));
    option("width", width, at_least(1));
  }
#endif

  void run(Trial& t) OMNI_CONST {
#if defined TABLE_OF_DOUBLES
    t.add_table("weights", std::vector<double>{1, 2}, Shape{2});
#elif defined TABLE_OF_INT64
    t.add_table("rows", std::vector<int64_t>{1, 2}, Shape{2});
#elif defined SNAPSHOT_OF_WHAT_ENDS
    const Snapshot* from = &t.train(Training{}).at(3);
    t.record(from ? "mine" : "", t.train(Training{}), {});
#else
    t.add_table("weights", std::vector<float>{1, 2}, Shape{2});
#endif
  }
};

Experiment mine() { return experiment<Mine>({.name = "mine"}); }

}  // namespace omni
