#include "studies/sampling.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/memory.h"
#include "executors/cpu/program.h"
#include "ops/leaf.h"
#include "ops/shape_ops.h"

namespace omni {
namespace {

constexpr const char* kSet = "model";
constexpr const char* kKinds[] = {"k", "v"};
constexpr const char* kNew = ".new";  // what a step adds to its past

// The `count` largest, the largest first.
std::vector<int32_t> largest(std::span<const float> logits, int64_t count) {
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::partial_sort(ids.begin(), ids.begin() + count, ids.end(), [&](int32_t a, int32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  ids.resize(count);
  return ids;
}

Value new_past(const Net& net, int64_t layer, const char* kind) {
  return net.value(fmt::format("blocks.{}.attn.hook_{}", layer, kind));
}

// Keys and values of a sequence's beginning, all positions at once, in the layout of the past.
class Reading {
 public:
  Reading(const TransformerOptions& o, ModelView model, int64_t length,
          const std::function<void(Net&)>& hooks) {
    Graph g;
    Net net(g, kSet);
    if (hooks) hooks(net);
    transformer(net, input(g, "tokens", {DType::i32, {1, length}, 0}, Role::data), o);
    const int64_t heads = o.kv_heads > 0 ? o.kv_heads : o.heads;
    for (int64_t layer = 0; layer < o.layers; ++layer)
      for (const char* kind : kKinds) {
        const Value x = new_past(net, layer, kind);
        g.result(past_input(kSet, layer, kind),
                 transpose(reshape(x, {length, heads, x.dim(2) / heads}), {1, 0, 2}));
      }
    program_ = std::make_unique<Program>(g);
    model.ensemble->bind(*program_, kSet, model.index);
    program_->refresh();
  }

  void run(std::span<const int32_t> tokens) {
    program_->bind("tokens", tokens.data());
    program_->run();
  }
  // [kv_heads, length, D] of a layer.
  std::span<const float> past(const std::string& name) const { return program_->result(name); }

 private:
  std::unique_ptr<Program> program_;
};

}  // namespace

std::optional<int32_t> draw_token(std::span<const float> logits, const Drawing& d, double uniform) {
  require(!logits.empty() && d.temperature >= 0 && d.top_k >= 0,
          "sampling: temperature and top-k must be at least 0, got {} and {}", d.temperature,
          d.top_k);
  float most = logits[0];
  for (const float x : logits) most = x > most || std::isnan(x) ? x : most;
  if (!std::isfinite(most)) return std::nullopt;
  if (d.temperature == 0 || d.top_k == 1)
    return static_cast<int32_t>(std::ranges::find(logits, most) - logits.begin());
  std::vector<int32_t> ids;
  if (d.top_k > 0 && d.top_k < static_cast<int64_t>(logits.size())) ids = largest(logits, d.top_k);
  const size_t count = ids.empty() ? logits.size() : ids.size();
  const auto id_of = [&](size_t i) { return ids.empty() ? static_cast<int32_t>(i) : ids[i]; };
  std::vector<double> sums(count);
  double total = 0;
  for (size_t i = 0; i < count; ++i) {
    const double logit = logits[id_of(i)];
    sums[i] = total += std::exp((logit - static_cast<double>(most)) / d.temperature);
  }
  // The first sum above the target belongs to a token of probability above 0.
  const auto chosen = std::ranges::upper_bound(sums, uniform * total);
  return id_of(chosen == sums.end() ? std::ranges::lower_bound(sums, total) - sums.begin()
                                    : chosen - sums.begin());
}

struct Decoder::Impl {
  TransformerOptions options;
  ModelView model = {};
  std::function<void(Net&)> hooks;
  int64_t rows = 0, length = 0, kv_heads = 0;
  int64_t row_floats = 0;  // of one layer's keys
  std::unique_ptr<Program> program;
  std::map<std::string, AlignedBytes> past;
  std::map<int64_t, Reading> readings;  // by length

  float* row_of(const std::string& name, int64_t row) {
    return reinterpret_cast<float*>(past.at(name).data()) + row * row_floats;
  }
};

Decoder::Decoder(const TransformerOptions& o, ModelView model, int64_t rows, int64_t length,
                 std::function<void(Net&)> hooks)
    : impl_(std::make_unique<Impl>()) {
  Impl& d = *impl_;
  d.options = o;
  d.model = model;
  d.rows = rows;
  d.length = length;
  d.hooks = std::move(hooks);
  require(rows >= 1, "sampling: at least one row is needed, got {}", rows);
  Graph g;
  Net net(g, kSet);
  if (d.hooks) d.hooks(net);
  const Type row{DType::i32, {rows}, 0};
  g.result("logits", transformer_step(net, input(g, "tokens", row, Role::data),
                                      input(g, "positions", row, Role::data), length, o));
  for (int64_t layer = 0; layer < o.layers; ++layer)
    for (const char* kind : kKinds)
      g.result(past_input(kSet, layer, kind) + kNew, new_past(net, layer, kind));
  d.program = std::make_unique<Program>(g);
  d.kv_heads = o.kv_heads > 0 ? o.kv_heads : o.heads;
  d.row_floats = d.kv_heads * length * (o.width / o.heads);
  for (int64_t layer = 0; layer < o.layers; ++layer)
    for (const char* kind : kKinds) {
      const std::string name = past_input(kSet, layer, kind);
      const int64_t bytes = rows * d.row_floats * static_cast<int64_t>(sizeof(float));
      AlignedBytes& memory = d.past.emplace(name, AlignedBytes(bytes)).first->second;
      std::memset(memory.data(), 0, bytes);
      d.program->bind(name, memory.data());
    }
  model.ensemble->bind(*d.program, kSet, model.index);
  for (const std::string& name : d.program->unbound())
    require(name == "tokens" || name == "positions",
            "sampling: the model has no '{}', which its options ask for", name);
  d.program->refresh();
}

Decoder::~Decoder() = default;

void Decoder::read(int64_t row, std::span<const int32_t> tokens) {
  Impl& d = *impl_;
  const auto count = static_cast<int64_t>(tokens.size());
  check(row >= 0 && row < d.rows && count <= d.length, "sampling: {} tokens of row {}", count, row);
  if (count == 0) return;
  auto it = d.readings.find(count);
  if (it == d.readings.end())
    it = d.readings.emplace(count, Reading(d.options, d.model, count, d.hooks)).first;
  it->second.run(tokens);
  const int64_t width = d.options.width / d.options.heads;
  for (auto& [name, memory] : d.past) {
    const std::span<const float> from = it->second.past(name);
    for (int64_t head = 0; head < d.kv_heads; ++head)
      std::copy_n(from.begin() + head * count * width, count * width,
                  d.row_of(name, row) + head * d.length * width);
  }
}

void Decoder::copy(int64_t from, int64_t to) {
  for (auto& [name, memory] : impl_->past)
    std::copy_n(impl_->row_of(name, from), impl_->row_floats, impl_->row_of(name, to));
}

std::span<const float> Decoder::step(std::span<const int32_t> tokens,
                                     std::span<const int32_t> positions) {
  Impl& d = *impl_;
  check(static_cast<int64_t>(tokens.size()) == d.rows && positions.size() == tokens.size(),
        "sampling: {} tokens for {} rows", tokens.size(), d.rows);
  for (const int32_t p : positions)
    check(p >= 0 && p < d.length, "sampling: position {} of {}", p, d.length);
  d.program->bind("tokens", tokens.data());
  d.program->bind("positions", positions.data());
  d.program->run();
  const int64_t width = d.options.width / d.options.heads;
  for (auto& [name, memory] : d.past) {
    const float* from = d.program->result(name + kNew).data();
    for (int64_t row = 0; row < d.rows; ++row)
      for (int64_t head = 0; head < d.kv_heads; ++head, from += width)
        std::copy_n(from, width, d.row_of(name, row) + (head * d.length + positions[row]) * width);
  }
  return d.program->result("logits");
}

namespace {

// The places kept for each row: all prompts of a call share one plan.
int64_t length_for(const TransformerOptions& o, std::span<const Tokens> prompts, int64_t tokens) {
  size_t longest = 0;
  for (const Tokens& p : prompts) {
    require(!p.empty(), "sampling: a prompt needs at least one token");
    for (const int32_t id : p)
      require(id >= 0 && id < o.vocabulary, "sampling: token {} is outside the vocabulary of {}",
              id, o.vocabulary);
    longest = std::max(longest, p.size());
  }
  const int64_t needed = static_cast<int64_t>(longest) + tokens;
  require(o.positions != Positions::learned || needed <= o.context,
          "sampling: a prompt of {} tokens and {} more do not fit the context of {}", longest,
          tokens, o.context);
  const auto length = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(needed)));
  return o.positions == Positions::learned ? std::min(length, o.context) : length;
}

// One batch of rows from their prompts to their ends.
class Batch {
 public:
  Batch(Decoder& decoder, std::span<const Tokens> prompts, const SamplingOptions& s,
        int64_t vocabulary)
      : decoder_(decoder), s_(s), vocabulary_(vocabulary), found_(prompts.size(), Tokens{}) {
    tokens_.assign(static_cast<size_t>(s.rows), 0);  // rows without a sample: token 0 for ever
    positions_ = tokens_;
    for (size_t row = 0; row < prompts.size(); ++row) {
      const Tokens& p = prompts[row];
      tokens_[row] = p.back();
      positions_[row] = static_cast<int32_t>(p.size()) - 1;
      if (row > 0 && p == prompts[row - 1])
        decoder.copy(static_cast<int64_t>(row) - 1, static_cast<int64_t>(row));
      else
        decoder.read(static_cast<int64_t>(row), std::span(p).first(p.size() - 1));
    }
  }

  // `key` gives the key of a row's sample.
  template <class KeyOf>
  std::vector<std::optional<Tokens>> run(const KeyOf& key_of) {
    size_t open = s_.tokens > 0 ? found_.size() : 0;
    const int64_t drawn = s_.vocabulary > 0 ? s_.vocabulary : vocabulary_;
    while (open > 0) {
      const std::span<const float> logits = decoder_.step(tokens_, positions_);
      for (size_t row = 0; row < found_.size(); ++row) {
        if (ended(row)) continue;
        const Key key = key_of(row).fold(static_cast<uint64_t>(positions_[row]) + 1);
        const auto token =
            draw_token(logits.subspan(row * vocabulary_, drawn), s_.drawing, Stream(key).uniform());
        if (token)
          found_[row]->push_back(*token);
        else
          found_[row].reset();
        if (ended(row)) {
          --open;
          continue;
        }
        tokens_[row] = *token;
        ++positions_[row];
      }
    }
    return std::move(found_);
  }

 private:
  bool ended(size_t row) const {
    if (!found_[row]) return true;
    const Tokens& t = *found_[row];
    return static_cast<int64_t>(t.size()) == s_.tokens || (!t.empty() && t.back() == s_.stop);
  }

  Decoder& decoder_;
  const SamplingOptions& s_;
  int64_t vocabulary_;
  Tokens tokens_, positions_;
  std::vector<std::optional<Tokens>> found_;  // nothing: its logits gave no token
};

}  // namespace

std::vector<std::optional<Tokens>> sample(const TransformerOptions& o, ModelView model,
                                          std::span<const Tokens> prompts, Key key,
                                          const SamplingOptions& s) {
  require(s.tokens >= 0 && s.rows >= 1, "sampling: tokens and rows must be positive, got {} and {}",
          s.tokens, s.rows);
  require(s.vocabulary >= 0 && s.vocabulary <= o.vocabulary,
          "sampling: {} tokens to draw from, the model has {}", s.vocabulary, o.vocabulary);
  std::vector<std::optional<Tokens>> all;
  if (prompts.empty()) return all;
  Decoder decoder(o, model, s.rows, length_for(o, prompts, s.tokens), s.hooks);
  const auto rows = static_cast<size_t>(s.rows);
  for (size_t first = 0; first < prompts.size(); first += rows) {
    const auto these = prompts.subspan(first, std::min(rows, prompts.size() - first));
    for (std::optional<Tokens>& t : Batch(decoder, these, s, o.vocabulary).run([&](size_t row) {
           return key.fold(first + row);
         }))
      all.push_back(std::move(t));
  }
  return all;
}

}  // namespace omni
