// Graph-to-graph simplifications, run before planning. Each can be switched off by name; results
// keep their bits whether a pass runs or not, unless its entry says otherwise.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>

#include "engine/device_limits.h"
#include "graph/graph.h"

namespace omni {

// What can be switched off: passes from graph to graph, and decisions of later stages.
enum class Pass {
  fold_constants,
  mask_pooled,
  common_subexpressions,
  dead_code,
  fuse_epilogues,  // these four: layout.h
  fuse_elementwise,
  fuse_gathers,
  update_in_place,
  share_memory,  // memory_plan.h
  slice_batch,   // slicing.h
};

struct PassInfo {
  Pass pass;
  const char* name;
  const char* what;
  bool keeps_bits;       // of f32 programs
  bool keeps_bits_bf16;  // which values are stored narrow depends on who reads them
  // Of passes from graph to graph: writes `from`, rewritten, to the empty `to`.
  void (*rewrite)(const Graph& from, Graph& to, Fold fold) = nullptr;
  // Runs before a batch is cut even where it is off: what it drops must not decide how.
  bool before_cut = false;
  // False where it would change nothing, so that graphs are not copied for it. Null: ask it.
  bool (*applies)(const Graph& g) = nullptr;
};

// All of them, those that rewrite in the order in which they run.
std::span<const PassInfo> passes();

// The passes of these names, "all" standing for every pass that keeps f32 bits. UserError for
// unknown names.
std::set<Pass> passes_named(const std::set<std::string>& names);
// As they are named in passes(), so that what is equal is one text.
std::set<std::string> names_of(const std::set<Pass>& passes);
// Names in a text, separated by commas: of an option or of the environment.
std::set<std::string> passes_in(const std::string& text);
// Those of the environment's OMNISCALE_PASSES_OFF, by which a whole test suite is run again without
// them. For whoever resolves what is asked for; what runs graphs takes what it is given.
std::set<std::string> passes_off_here();

// Copies `from` into the empty `to`, without nodes that are identities forward (routes, stopped
// gradients) and rewritten by the passes that are not switched off.
void simplify(const Graph& from, Graph& to, Fold fold, const std::set<Pass>& off);

// Makes every output a node of its own that computes nothing but the copy, unless it already is a
// dense f32 or i32 value that only this output and other nodes read. Runners bind such nodes to
// memory outside the arena.
void separate_outputs(Graph& g);

}  // namespace omni
