#include "studies/activations.h"

#include "base/error.h"

namespace omni {

Activations read_activations(Trial& t, const Reading& reading, ModelView model) {
  require(!reading.names.empty(), "activations: no names are given");
  Activations out;
  const auto build = [&](Step& s) {
    Net net = s.net("model");
    if (reading.changes) intervene(net, reading.changes(s));
    // A hook asks for what is only there when somebody looks, such as attention's pattern.
    for (const std::string& name : reading.names) net.hook(name, [](Value v) { return v; });
    reading.define(s, net);
    net.check_hooks();
    for (const std::string& name : reading.names) {
      const Value v = net.value(name);
      if (out.try_emplace(name, v.shape()).second) s.graph().result(name, v);
    }
  };
  Measured found = t.evaluate({build, reading.rows, {{"model", model}}});
  for (auto& [name, values] : found) out.at(name).values = std::move(values);
  return out;
}

DataTable tables_of(Activations activations, const std::string& prefix) {
  DataTable tables;
  for (auto& [name, a] : activations) {
    const std::string full = prefix + "/" + name;
    tables[full] = make_table(full, std::move(a.values), a.shape);
  }
  return tables;
}

}  // namespace omni
