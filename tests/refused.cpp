// What an author gets wrong in C++ itself: each namespace holds one such slip and is refused with
// one error, which says in words what the comment in front of it says. Compiled by ctest, once, for
// its errors alone.
#include "lab/phase.h"
#include "studies/authoring.h"

namespace omni {

// What every one of them is without its slip: compiles.
struct Right {
  int64_t width = 4;
  void visit(auto&& option) { option("width", width, at_least(1)); }
  void run(Trial& t) const { t.add_table("weights", std::vector<float>{1, 2}, Shape{2}); }
};
Experiment right() { return experiment<Right>({.name = "right"}); }

// SAYS: a table holds int32_t or float: make a std::vector of these first
namespace table_of_doubles {
void run(Trial& t) { t.add_table("weights", std::vector<double>{1, 2}, Shape{2}); }
}  // namespace table_of_doubles

// SAYS: a table holds int32_t or float: make a std::vector of these first
namespace table_of_int64 {
void run(Trial& t) { t.add_table("rows", std::vector<int64_t>{1, 2}, Shape{2}); }
}  // namespace table_of_int64

// SAYS: an option is an int64_t, a double, a bool, a std::string, or a std::vector of
namespace option_of_int {
struct Mine : Right {
  int width = 4;
  void visit(auto&& option) { option("width", width, at_least(1)); }
};
Experiment mine() { return experiment<Mine>({.name = "mine"}); }
}  // namespace option_of_int

// SAYS: an option is an int64_t, a double, a bool, a std::string, or a std::vector of
namespace option_of_texts {
struct Mine : Right {
  std::vector<std::string> width;
  void visit(auto&& option) { option("width", width, at_least(1)); }
};
Experiment mine() { return experiment<Mine>({.name = "mine"}); }
}  // namespace option_of_texts

// SAYS: an option is an int64_t, a double, a bool, a std::string, or a std::vector of
namespace option_of_a_group {
struct Shared {
  float share = 1;
  void visit(auto&& option) { option("share", share, between(0, 1)); }
};
struct Mine : Shared {
  void visit(auto&& option) { Shared::visit(option.only("share")); }
  void run(Trial&) const {}
};
Experiment mine() { return experiment<Mine>({.name = "mine"}); }
}  // namespace option_of_a_group

// SAYS: after an option's field come a text of help, between(), at_least(), one_of()
namespace number_for_a_rule {
struct Mine : Right {
  void visit(auto&& option) { option("width", width, 64); }
};
Experiment mine() { return experiment<Mine>({.name = "mine"}); }
}  // namespace number_for_a_rule

// SAYS: visit() must not be const: options are set through what it is given
namespace const_visit {
struct Mine : Right {
  void visit(auto&& option) const { option("width", width, at_least(1)); }
};
Experiment mine() { return experiment<Mine>({.name = "mine"}); }
}  // namespace const_visit

// SAYS: settings have a member `void visit(auto&& option)`, which says what each option may be
namespace no_visit {
struct Mine {
  void run(Trial&) const {}
};
Experiment mine() { return experiment<Mine>({.name = "mine"}); }
}  // namespace no_visit

// SAYS: settings have a member `void run(Trial& t) const`, which runs one seed
namespace run_not_const {
struct Mine : Right {
  void run(Trial&) {}
};
Experiment mine() { return experiment<Mine>({.name = "mine"}); }
}  // namespace run_not_const

// SAYS: use of deleted function
namespace snapshot_of_what_ends {
const Snapshot* from(Trial& t) { return &t.train(Training{}).at(3); }
}  // namespace snapshot_of_what_ends

// SAYS: a loop captures nothing: it reads what is in its state or among its constants
namespace loop_that_captures {
struct Count {
  int64_t n = 0;
  void visit(auto&& field) { field(n); }
};
void host(Phase& p, int64_t step) {
  p.host(Count{}, [step](Round&, Count& c) { c.n += step; });
}
}  // namespace loop_that_captures

// SAYS: a phase refers to what it starts at, and this ends with the statement
namespace start_that_ends {
void start(Trial& t, Phase& p) { p.starts_at("model", t.run(p).trained("model")); }
}  // namespace start_that_ends

// SAYS: a phase refers to what it reads, and this ends with the statement
namespace read_that_ends {
void read(Trial& t, Phase& p) { p.reads("model", t.train(Training{})); }
}  // namespace read_that_ends

// SAYS: a fork refers to its snapshot, and this one ends with the statement
namespace fork_of_what_ends {
void fork(Trial& t, Phase& p) { p.from.emplace(t.run(p).at(4)); }
}  // namespace fork_of_what_ends

}  // namespace omni
