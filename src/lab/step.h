// What a phase's graph is built from: its inputs by their standing names, and the data at hand.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "executors/executor.h"
#include "graph/graph.h"
#include "lab/in_words.h"
#include "nn/net.h"

namespace omni {

using DataTable = Named<Table>;

template <class T>
concept TableElement = std::is_same_v<T, int32_t> || std::is_same_v<T, float>;

// An array with these values as its own: int32_t becomes i32, float f32. UserError, naming it,
// unless they fill the shape.
template <TableElement T>
Table make_table(const std::string& name, std::vector<T> values, const Shape& shape);

// The splits of a labelled data set: "train.x" [count, ...], "train.y" [count], "test.x", "test.y".
DataTable tables_of(const Dataset& d);

// What the sets at hand are made of, by their names.
using SetSpecs = std::map<std::string, const std::vector<ParameterSpec>*>;

// Handed to the function that emits a phase's graph.
class Step {
 public:
  // `subset`: what its samples are of (lab/subset.h); "" where they are rows of tables. `sets`:
  // those that the graph may read.
  Step(Graph& g, int64_t batch, const DataTable& data, std::string subset = "", SetSpecs sets = {})
      : graph_(g), batch_(batch), data_(data), subset_(std::move(subset)), sets_(std::move(sets)) {}

  Graph& graph() { return graph_; }
  int64_t batch() const { return batch_; }  // rows of this graph; the last batch may be short

  // A model's parameters by set. The step must outlive the net.
  Net net(const std::string& set) { return Net(graph_, set, &unmet_hooks_); }
  // What a set is made of, in its order, and one of its parameters by name, as a model's definition
  // would emit it. UserError, with the nearest name, for what is not at hand.
  const std::vector<ParameterSpec>& specs(const std::string& set) const;
  Value parameter(const std::string& set, const std::string& name);
  Value index();                          // i32 [batch*]: sample numbers of this batch
  Value key();                            // i32 [2]: the model's random key of this phase
  Value step();                           // f32: counted from 1
  Value lr();                             // f32: by the phase's schedule
  Value scalar(const std::string& name);  // f32: a number given with the phase
  Value table(const std::string& name);   // a whole array of the data table
  Value rows(const std::string& name);    // its rows of this batch: gather(table, index)
  // The array `what` of this batch's samples: samples("x") are rows of "train.x" where the subset
  // is "few.train". UserError where there is no subset.
  Value samples(const std::string& what);
  // An input of this program alone, which the host's loop fills before each run: Round::feed(). It
  // may be a batch of observations, or a whole roll-out of which s.index() picks rows.
  Value fed(const std::string& name, const Type& type);
  const std::set<std::string>& feeds() const { return feeds_; }  // that were asked for
  Value once();  // i32: what ops/random.h takes as the step, for draws that a sample keeps for ever

  // UserError if a net that was made here and has ended had a hook on a name that it did not emit.
  void check_hooks() const;

 private:
  Graph& graph_;
  int64_t batch_;
  const DataTable& data_;
  std::string subset_;
  std::vector<std::string> unmet_hooks_;
  std::set<std::string> feeds_;
  SetSpecs sets_;
};

}  // namespace omni
