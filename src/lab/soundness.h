// What a phase declares against what its graphs read and write. Whatever would silently have no
// effect, or silently have one, is refused by name before anything runs, in dry runs too.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "executors/executor.h"
#include "graph/graph.h"
#include "lab/phase.h"

namespace omni {

// What messages call a program of the phase, "probe" its probe: "phase gan, program 'critic'".
std::string who_of(const Phase& p, const std::string& program);

// UserError, naming `what` is called so, for a name that is empty or has blanks or '/', which ends
// the name of a set in those of its parameters.
void require_plain(const Phase& p, const char* what, const std::string& name);

// Emits what an author's function says. UserError, beginning with `who`, for what refuses it: a
// name that is not there, shapes that do not fit, a hook on nothing; and where there is no
// function.
void emit(const std::string& who, const StepBuilder& build, Step& step);

// UserError, naming the phase, for what is missing or contradictory before any graph is built:
// programs, batches, rounds, names that are not plain, both or neither of turns and a host's loop,
// turns of unknown programs or that never come, programs without a turn, a stop rule without a
// probe.
void require_form(const Phase& p);

// By name: those of Phase::start, and their optimisers' states.
struct WrittenSets {
  const std::map<std::string, std::vector<ParameterSpec>>&trained, &states;
};

// UserError, naming the phase, the program where there are several, and the nearest name, for a set
// of `start` that no program updates; updates of what is frozen; a loss that is no scalar, or that
// depends on no parameter that its program trains; a state that is read and not updated; a probe
// that updates, gives no scalars, or reads a state that no optimiser has; inputs that nobody gives,
// or that are given with another type or shape; what a host would have to feed where there is none;
// logged results that there are not; numbers and tables called as what the library gives ("step");
// tables with fewer rows than there are samples, or than the row that a sample's number in another
// table says; sets, numbers and learning rates that are given and never read; snapshots and probes
// that are never reached; learning rates that are negative or none.
void require_sound(const Phase& p, const SessionSpec& spec, const WrittenSets& written,
                   const DataTable& tables);

// The same of what a host's rounds see: metrics that the probe gives, too, and such as are never
// kept.
void require_seen(const Phase& p, const SessionSpec& spec, const std::set<std::string>& seen);

// The same of what is run once over rows 0..rows-1, named by `who`: updates, inputs, rows, and what
// is given and never read.
void require_sound(const std::string& who, const Graph& graph, int64_t rows,
                   const std::map<std::string, ModelView>& sets,
                   const std::map<std::string, double>& scalars, const DataTable& tables);

// The same of programs that read models and are fed: here updates are of sets that are not given.
void require_sound(const std::string& who, const SessionSpec& spec,
                   const std::map<std::string, ModelView>& sets);

}  // namespace omni
