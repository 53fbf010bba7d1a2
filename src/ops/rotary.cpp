// What rotary positions mean, and their one pass over the rows.
#include "ops/rotary.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "cpu/planner.h"

namespace omni {
namespace {

// The numbers of a pair within a head, and how fast each pair turns from position to position.
struct Turn {
  int64_t samples, positions, heads, width, pairs, first, sign;
  std::vector<int64_t> one, two;  // [pairs]
  std::vector<double> frequency;  // [pairs]

  Turn(const Shape& x, const Attrs& a)
      : samples(x[0]),
        positions(x[1]),
        heads(a.integer("heads")),
        width(x[2] / heads),
        pairs(a.integer("turned") / 2),
        first(a.integer("first")),
        sign(a.integer("sign")) {
    const bool halves = a.integer("halves") != 0;
    for (int64_t i = 0; i < pairs; ++i) {
      one.push_back(halves ? i : 2 * i);
      two.push_back(halves ? i + pairs : 2 * i + 1);
      frequency.push_back(
          std::pow(a.number("base"), -static_cast<double>(i) / static_cast<double>(pairs)));
    }
  }
  int64_t angles() const { return positions * pairs; }
};

// The cosines and sines of a sample's angles.
template <class T>
struct Angles {
  std::vector<T> cosine, sine;  // [positions * pairs]

  explicit Angles(const Turn& t) : cosine(t.angles()), sine(t.angles()) {}

  // Of rows that stand `later` positions after those of a sample that begins at `first`.
  void set(const Turn& t, int64_t later) {
    for (int64_t i = 0; i < t.angles(); ++i) {
      const double angle =
          static_cast<double>(t.first + later + i / t.pairs) * t.frequency[i % t.pairs];
      cosine[i] = static_cast<T>(std::cos(angle));
      sine[i] = static_cast<T>(std::sin(angle) * static_cast<double>(t.sign));
    }
  }
};

// The rows of one sample, number by number; what is not turned is copied.
template <class T>
void turn_sample(const Turn& t, const Angles<T>& angles, const T* x, T* out) {
  for (int64_t row = 0; row < t.positions; ++row) {
    const T *c = angles.cosine.data() + row * t.pairs, *s = angles.sine.data() + row * t.pairs;
    for (int64_t h = 0; h < t.heads; ++h, x += t.width, out += t.width) {
      for (int64_t i = 0; i < t.pairs; ++i) {
        const T a = x[t.one[i]], b = x[t.two[i]];
        out[t.one[i]] = a * c[i] - b * s[i];
        out[t.two[i]] = a * s[i] + b * c[i];
      }
      std::copy(x + 2 * t.pairs, x + t.width, out + 2 * t.pairs);
    }
  }
}

// All samples; `later` [samples] or null where all begin at the same position.
template <class T, class Later>
void turn_samples(const Turn& t, Angles<T>& angles, const T* x, const Later* later, T* out) {
  for (int64_t sample = 0; sample < t.samples; ++sample) {
    if (later) angles.set(t, static_cast<int64_t>(later[sample]));
    const int64_t at = sample * t.positions * t.heads * t.width;
    turn_sample(t, angles, x + at, out + at);
  }
}

// The batch axis of rows with their positions: the first, or none.
int batch_of(std::span<const Type> in) {
  if (in.size() == 1) return in[0].batch <= 0 ? in[0].batch : kMixedBatch;
  if (in[0].batch > 0 || in[1].batch > 0) return kMixedBatch;
  const bool together = in[0].batch == in[1].batch || in[0].shape[0] == 1;
  return together ? std::max(in[0].batch, in[1].batch) : kMixedBatch;
}

Type rotary_type(std::span<const Type> in, const Attrs& a) {
  const Type& x = in[0];
  const int64_t heads = a.integer("heads"), turned = a.integer("turned");
  require(is_float(x.dtype) && x.shape.rank() == 3 && heads >= 1 && x.shape[2] % heads == 0,
          "rotary: x must be f32 [batch, positions, heads * width] with {} heads, got {}", heads,
          x);
  require(turned >= 0 && turned % 2 == 0 && turned <= x.shape[2] / heads,
          "rotary: {} numbers of a head of width {} cannot be turned in pairs", turned,
          x.shape[2] / heads);
  require(in.size() <= 2, "rotary: expected x and perhaps positions, got {} operands", in.size());
  require(in.size() == 1 || (in[1].dtype == DType::i32 && in[1].shape == Shape{x.shape[0]}),
          "rotary: the positions must be i32 [{}], one for each sample of x, got {}", x.shape[0],
          in.back());
  return {DType::f32, x.shape, batch_of(in)};
}

void rotary_grad(GradContext& c) {
  Attrs back = c.attrs();
  back.set("sign", -back.integer("sign"));
  std::vector<Value> in = {c.dy()};
  if (c.d.size() == 2) in.push_back(c.x(1));
  c.add(0, c.graph().add(ops::rotary, in, back));
}

void rotary_reference(RefContext& c) {
  const Turn t(c.in(0).type.shape, c.attrs());
  Angles<double> angles(t);
  if (c.arity() == 1) angles.set(t, 0);
  const double* later = c.arity() == 2 ? c.in(1).v.data() : nullptr;
  turn_samples(t, angles, c.in(0).v.data(), later, c.out().v.data());
}

void plan_rotary(cpu::Planner& p, int id) {
  struct Planned {
    Turn turn;
    Angles<float> angles;
  };
  const Node& n = p.node(id);
  const Turn turn(n.type.shape, n.attrs);
  const auto planned = std::make_shared<Planned>(Planned{turn, Angles<float>(turn)});
  const auto x = p.cell<const float>(n.in[0]);
  const auto out = p.cell<float>(id);
  if (n.in.size() == 1) {
    planned->angles.set(planned->turn, 0);
    p.step(id, [=] {
      turn_samples<float, int32_t>(planned->turn, planned->angles, x.get(), nullptr, out.get());
    });
    return;
  }
  const auto later = p.cell<const int32_t>(n.in[1]);
  p.step(id,
         [=] { turn_samples(planned->turn, planned->angles, x.get(), later.get(), out.get()); });
}

}  // namespace

namespace ops {
const OpDef rotary = {.name = "rotary",
                      .arity = kAnyArity,
                      .type = rotary_type,
                      .grad = rotary_grad,
                      .reference = rotary_reference,
                      .cpu = &cpu::planned_by<plan_rotary>};
}  // namespace ops

Value rotary(Value x, const RotaryOptions& o, std::optional<Value> later) {
  require(o.base > 0 && o.share >= 0 && o.share <= 1 && o.first >= 0 && o.heads >= 1,
          "rotary: base must be above 0, share from 0 to 1, the first position at least 0; got {}, "
          "{} and {}",
          o.base, o.share, o.first);
  const auto turned =
      static_cast<int64_t>(static_cast<double>(x.dim(-1) / o.heads) * o.share) / 2 * 2;
  std::vector<Value> in = {x};
  if (later) in.push_back(*later);
  return x.graph->add(ops::rotary, in,
                      {{"heads", o.heads},
                       {"turned", turned},
                       {"base", o.base},
                       {"first", o.first},
                       {"halves", int64_t{o.pairs == RotaryPairs::halves}},
                       {"sign", int64_t{1}}});
}

}  // namespace omni
