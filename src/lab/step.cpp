#include "lab/step.h"

#include <span>
#include <type_traits>

#include "base/nearest.h"
#include "base/sha256.h"
#include "lab/subset.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/leaf.h"

namespace omni {
namespace {

Type type_of(const Samples& x, const std::vector<int64_t>& sample) {
  std::vector<int64_t> dims = {x.count()};
  dims.insert(dims.end(), sample.begin(), sample.end());
  return {x.type() == SampleType::u8 ? DType::u8 : DType::f32, Shape(dims)};
}

}  // namespace

template <TableElement T>
Table make_table(const std::string& name, std::vector<T> values, const Shape& shape) {
  require(shape.count() == static_cast<int64_t>(values.size()),
          "table '{}': {} values do not fill {}", name, values.size(), shape);
  const auto owner = std::make_shared<std::vector<T>>(std::move(values));
  return {{std::is_same_v<T, float> ? DType::f32 : DType::i32, shape},
          owner->data(),
          sha256_hex(std::as_bytes(std::span(*owner))),
          owner};
}
template Table make_table(const std::string&, std::vector<int32_t>, const Shape&);
template Table make_table(const std::string&, std::vector<float>, const Shape&);

DataTable tables_of(const Dataset& d) {
  DataTable t;
  for (const auto& [name, split] : {std::pair{"train", &d.train}, std::pair{"test", &d.test}}) {
    const std::string prefix = name;
    t[prefix + ".x"] = {type_of(split->x, d.shape), split->x.bytes().data(), d.hash};
    t[prefix + ".y"] = {{DType::i32, Shape{split->count()}}, split->y.data(), d.hash};
  }
  return t;
}

const std::vector<ParameterSpec>& Step::specs(const std::string& set) const {
  if (const auto it = sets_.find(set); it != sets_.end()) return *it->second;
  std::vector<std::string> known;
  for (const auto& [name, specs] : sets_) known.push_back(name);
  fail_user("there is no set '{}' here{}", set,
            known.empty() ? ", nor any other" : suggest(set, known));
}
Value Step::parameter(const std::string& set, const std::string& name) {
  std::vector<std::string> known;
  for (const ParameterSpec& s : specs(set)) {
    if (s.name == name) return net(set).parameter(s.name, s.shape, s.init);
    known.push_back(s.name);
  }
  fail_user("the set '{}' has no parameter '{}'{}", set, name, suggest(name, known));
}

Value Step::index() { return input(graph_, "index", {DType::i32, Shape{batch_}, 0}, Role::data); }
Value Step::key() { return input(graph_, "key", {DType::i32, Shape{2}}, Role::data); }
Value Step::step() { return step_input(graph_); }
Value Step::lr() { return scalar_input(graph_, "lr"); }
Value Step::scalar(const std::string& name) { return scalar_input(graph_, name); }

Value Step::table(const std::string& name) {
  const auto it = data_.find(name);
  if (it == data_.end()) {
    std::vector<std::string> known;
    for (const auto& [key, array] : data_) known.push_back(key);
    fail_user("there is no data array '{}'{}", name, suggest(name, known));
  }
  return input(graph_, name, it->second.type, Role::data);
}
Value Step::fed(const std::string& name, const Type& type) {
  require(name.find('/') == name.npos && !is_sessions_own(name) && !data_.contains(name),
          "what the host feeds is called '{}', and something else is: give it another name", name);
  require(type.dtype != DType::bf16, "'{}' is fed as bf16: a host has none", name);
  feeds_.insert(name);
  return input(graph_, name, type, type.shape.rank() == 0 ? Role::scalar : Role::data);
}
void Step::check_hooks() const {
  if (!unmet_hooks_.empty()) fail_user("{}", unmet_hooks_.front());
}

Value Step::rows(const std::string& name) { return gather(table(name), index()); }

Value Step::samples(const std::string& what) {
  require(!subset_.empty(),
          "samples(\"{}\") are of a subset, and this graph runs over rows of tables: use "
          "rows(\"train.{}\")",
          what, what);
  return subset_rows(*this, subset_, what);
}

Value Step::once() { return convert(constant(graph_, 0), DType::i32); }

}  // namespace omni
