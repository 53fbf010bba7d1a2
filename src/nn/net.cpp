#include "nn/net.h"

#include <algorithm>

#include "base/nearest.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

std::vector<std::string> keys_of(const std::map<std::string, Value>& values) {
  std::vector<std::string> keys;
  for (const auto& [name, v] : values) keys.push_back(name);
  return keys;
}

}  // namespace

Scalar::Scalar(Value value) : it_(value) {
  require(value.shape().rank() == 0 && value.type().dtype == DType::f32,
          "a number of an optimiser or a loss must be an f32 scalar, got {}", value.type());
}

Value Scalar::in(Graph& g) const {
  if (const auto* number = std::get_if<double>(&it_)) return constant(g, *number);
  const Value value = std::get<Value>(it_);
  check(value.graph == &g, "a scalar of another graph");
  return value;
}

std::optional<double> Scalar::number() const {
  if (const auto* number = std::get_if<double>(&it_)) return *number;
  return std::nullopt;
}

Value scalar_input(Graph& g, const std::string& name) { return input(g, name, {}, Role::scalar); }
Value step_input(Graph& g) { return scalar_input(g, "step"); }

Net::Net(Graph& g, std::string set, std::vector<std::string>* unmet)
    : graph_(g), set_(std::move(set)), unmet_(unmet) {
  require(!set_.empty() && set_.find('/') == std::string::npos,
          "a parameter set needs a name without '/', got '{}'", set_);
}

Net::~Net() {
  if (!unmet_) return;
  if (std::optional<std::string> wrong = unmet_hook()) unmet_->push_back(std::move(*wrong));
}

Value Net::parameter(const std::string& name, const Shape& shape, const Init& init) {
  ParameterSpec spec{name, shape, init};
  if (raw_.contains(name)) {
    const auto known =
        std::find_if(specs_.begin(), specs_.end(), [&](auto& s) { return s.name == name; });
    require(known->shape == shape && known->init == init,
            "parameter '{}/{}' has shape {}, asked for again with shape {} or another initialiser",
            set_, name, known->shape, shape);
    return values_.at(name);
  }
  require(!values_.contains(name), "'{}/{}' is an activation already: name the parameter otherwise",
          set_, name);
  scale_for(init, shape, name);  // refuses shapes that the initialiser cannot fill
  const Value raw = input(graph_, set_ + "/" + name, {DType::f32, shape}, Role::parameter);
  specs_.push_back(std::move(spec));
  raw_.emplace(name, raw);
  const Value v = hooked(name, raw);
  values_.emplace(name, v);
  return v;
}

Value Net::activation(const std::string& name, Value v) {
  require(!raw_.contains(name), "'{}/{}' is a parameter already: name the activation otherwise",
          set_, name);
  v = hooked(name, v);
  // An input or a value that already bears a name keeps it; an alias, which costs nothing, gets
  // this.
  if (!v.node().name.empty()) v = reshape(v, v.shape());
  v.named(set_ + "/" + name);
  values_.insert_or_assign(name, v);
  return v;
}

void Net::hook(const std::string& name, std::function<Value(Value)> f) {
  require(!values_.contains(name), "hook on '{}/{}' comes too late: set hooks before the layers",
          set_, name);
  hooks_[name].push_back(std::move(f));
}

void Net::check_hooks() const {
  if (const std::optional<std::string> wrong = unmet_hook()) fail_user("{}", *wrong);
}

std::optional<std::string> Net::unmet_hook() const {
  for (const auto& [name, hooks] : hooks_)
    if (!values_.contains(name))
      return fmt::format("hook on '{}/{}', which the model does not have{}", set_, name,
                         suggest(name, keys_of(values_)));
  return std::nullopt;
}

Value Net::raw_parameter(const std::string& name) const {
  const auto it = raw_.find(name);
  if (it == raw_.end())
    fail_user("no parameter '{}/{}'{}", set_, name, suggest(name, keys_of(raw_)));
  return it->second;
}

Value Net::value(const std::string& name) const {
  const auto it = values_.find(name);
  require(!values_.empty(), "'{}/{}' is asked for before the model is emitted", set_, name);
  if (it == values_.end())
    fail_user("no parameter or activation '{}/{}'{}", set_, name, suggest(name, keys_of(values_)));
  return it->second;
}

Value Net::hooked(const std::string& name, Value v) {
  const auto it = hooks_.find(name);
  if (it == hooks_.end()) return v;
  for (const auto& f : it->second) {
    const Type before = v.type();
    try {
      v = f(v);
    } catch (const UserError& e) {
      fail_user("the hook on '{}/{}', which is {}: {}", set_, name, before, e.what());
    }
    require(v.shape() == before.shape, "a hook makes '{}/{}' {}: its shape must stay {}", set_, name,
            v.type(), before.shape);
  }
  return v;
}

}  // namespace omni
