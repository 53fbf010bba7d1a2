#include "studies/sampling.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace omni {
namespace {

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

std::string reading(int64_t tokens) { return fmt::format("read {}", tokens); }

Value fed(Step& s, const char* name, int64_t count) { return s.fed(name, {DType::i32, {count}}); }

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

Decoder::Decoder(Trial& t, const TransformerOptions& o, ModelView model, DecoderShape shape,
                 std::function<void(Net&)> hooks, Hash given)
    : options_(o),
      shape_(std::move(shape)),
      past_{shape_.rows, shape_.length},
      kv_heads_(o.kv_heads > 0 ? o.kv_heads : o.heads) {
  require(shape_.rows >= 1, "sampling: at least one row is needed, got {}", shape_.rows);
  Inference i{.name = "sampling", .programs = {}, .sets = {{"model", model}}, .given = given};
  i.programs["step"] = [&](Step& s) {
    Net net = s.net("model");
    if (hooks) hooks(net);
    const Value tokens = fed(s, "tokens", past_.rows), at = fed(s, "positions", past_.rows);
    s.graph().result("logits", transformer_step(net, tokens, at, past_.length, options_));
    remember(net, fed(s, "places", past_.rows * kv_heads_), past_, options_);
  };
  for (const int64_t count : shape_.beginnings) {
    if (count == 0) continue;
    i.programs[reading(count)] = [&, count](Step& s) {
      Net net = s.net("model");
      if (hooks) hooks(net);
      transformer(net, s.fed("tokens", {DType::i32, {1, count}}), options_);
      remember(net, fed(s, "places", count * kv_heads_), past_, options_);
    };
  }
  i.programs["copy"] = [&](Step& s) {
    Net net = s.net("model");
    const int64_t count = kv_heads_ * past_.length;
    copy_past(net, fed(s, "from", count), fed(s, "to", count), past_, options_);
  };
  inference_ = t.open(i);
}

// Of the row's tokens at positions from `first`, each with its heads.
void Decoder::place(std::span<int32_t> places, int64_t row, int64_t first, int64_t count) const {
  size_t i = 0;
  for (int64_t position = first; position < first + count; ++position)
    for (int64_t head = 0; head < kv_heads_; ++head)
      places[i++] = static_cast<int32_t>(past_.place(row, head, position, options_));
}

void Decoder::read(int64_t row, std::span<const int32_t> tokens) {
  const auto count = static_cast<int64_t>(tokens.size());
  check(row >= 0 && row < shape_.rows && count <= shape_.length &&
            (count == 0 || shape_.beginnings.contains(count)),
        "sampling: {} tokens of row {}", count, row);
  if (count == 0) return;
  const std::string program = reading(count);
  std::ranges::copy(tokens, inference_->feed<int32_t>(program, "tokens").begin());
  place(inference_->feed<int32_t>(program, "places"), row, 0, count);
  inference_->run(program);
}

void Decoder::copy(int64_t from, int64_t to) {
  place(inference_->feed<int32_t>("copy", "from"), from, 0, shape_.length);
  place(inference_->feed<int32_t>("copy", "to"), to, 0, shape_.length);
  inference_->run("copy");
}

std::span<const float> Decoder::step(std::span<const int32_t> tokens,
                                     std::span<const int32_t> positions) {
  check(static_cast<int64_t>(tokens.size()) == shape_.rows && positions.size() == tokens.size(),
        "sampling: {} tokens for {} rows", tokens.size(), shape_.rows);
  for (const int32_t p : positions)
    check(p >= 0 && p < shape_.length, "sampling: position {} of {}", p, shape_.length);
  std::ranges::copy(tokens, inference_->feed<int32_t>("step", "tokens").begin());
  std::ranges::copy(positions, inference_->feed<int32_t>("step", "positions").begin());
  const std::span<int32_t> places = inference_->feed<int32_t>("step", "places");
  for (int64_t row = 0; row < shape_.rows; ++row)
    place(places.subspan(static_cast<size_t>(row * kv_heads_)), row,
          positions[static_cast<size_t>(row)], 1);
  inference_->run("step");
  return inference_->result("step", "logits");
}

void Decoder::leave_out(int64_t steps) { inference_->leave_out("step", steps); }

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

// All that decides what is written, but for the model.
Hash hash_of(std::span<const Tokens> prompts, Key key, const SamplingOptions& s) {
  Hash hash;
  hash.add(key.bits);
  hash.add(s.tokens);
  hash.add(s.drawing.temperature);
  hash.add(s.drawing.top_k);
  hash.add(int64_t{s.stop.value_or(-1)});
  hash.add(s.vocabulary);
  hash.add(s.rows);
  for (const Tokens& p : prompts) {
    hash.add(p.size());
    for (const int32_t id : p) hash.add(id);
  }
  return hash;
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
  std::vector<std::optional<Tokens>> run(bool dry, const KeyOf& key_of) {
    size_t open = s_.tokens > 0 && !dry ? found_.size() : 0;
    const int64_t drawn = s_.vocabulary > 0 ? s_.vocabulary : vocabulary_;
    int64_t steps = 0;
    for (; open > 0; ++steps) {
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
    decoder_.leave_out(s_.tokens - steps);
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

std::vector<std::optional<Tokens>> sample(Trial& t, const TransformerOptions& o, ModelView model,
                                          std::span<const Tokens> prompts, Key key,
                                          const SamplingOptions& s) {
  require(s.tokens >= 0 && s.rows >= 1, "sampling: tokens and rows must be positive, got {} and {}",
          s.tokens, s.rows);
  require(s.vocabulary >= 0 && s.vocabulary <= o.vocabulary,
          "sampling: {} tokens to draw from, the model has {}", s.vocabulary, o.vocabulary);
  std::vector<std::optional<Tokens>> all;
  if (prompts.empty()) return all;
  DecoderShape shape{s.rows, length_for(o, prompts, s.tokens)};
  for (const Tokens& p : prompts) shape.beginnings.insert(static_cast<int64_t>(p.size()) - 1);
  Decoder decoder(t, o, model, shape, s.hooks, hash_of(prompts, key, s));
  const auto rows = static_cast<size_t>(s.rows);
  for (size_t first = 0; first < prompts.size(); first += rows) {
    const auto these = prompts.subspan(first, std::min(rows, prompts.size() - first));
    Batch batch(decoder, these, s, o.vocabulary);
    for (std::optional<Tokens>& found :
         batch.run(t.dry(), [&](size_t row) { return key.fold(first + row); }))
      all.push_back(std::move(found));
  }
  return all;
}

}  // namespace omni
