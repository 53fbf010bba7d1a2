// What rotary positions mean, and their one pass over the rows.
#include "ops/rotary.h"

#include <cmath>
#include <memory>

#include "cpu/planner.h"

namespace omni {
namespace {

// The numbers 2 i and 2 i + 1 of a pair within a head, and the sine and cosine of its angle.
struct Turn {
  int64_t positions, heads, width, pairs;
  std::vector<int64_t> one, two;  // [pairs]
  std::vector<double> cosine, sine;  // [positions * pairs]
};

Turn turn_of(const Shape& x, const Attrs& a) {
  Turn t{x[1], a.integer("heads"), 0, 0, {}, {}, {}, {}};
  t.width = x[2] / t.heads;
  t.pairs = a.integer("turned") / 2;
  const bool halves = a.integer("halves") != 0;
  for (int64_t i = 0; i < t.pairs; ++i) {
    t.one.push_back(halves ? i : 2 * i);
    t.two.push_back(halves ? i + t.pairs : 2 * i + 1);
  }
  for (int64_t p = 0; p < t.positions; ++p)
    for (int64_t i = 0; i < t.pairs; ++i) {
      const double angle =
          static_cast<double>(a.integer("first") + p) *
          std::pow(a.number("base"), -static_cast<double>(i) / static_cast<double>(t.pairs));
      t.cosine.push_back(std::cos(angle));
      t.sine.push_back(std::sin(angle) * static_cast<double>(a.integer("sign")));
    }
  return t;
}

// Number by number; what is not turned is copied.
template <class T>
void turn_rows(const Turn& t, const std::vector<T>& cosine, const std::vector<T>& sine, const T* x,
               T* out, int64_t samples) {
  for (int64_t row = 0; row < samples * t.positions; ++row) {
    const T *c = cosine.data() + row % t.positions * t.pairs,
            *s = sine.data() + row % t.positions * t.pairs;
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

Type rotary_type(std::span<const Type> in, const Attrs& a) {
  const Type& x = in[0];
  const int64_t heads = a.integer("heads"), turned = a.integer("turned");
  require(is_float(x.dtype) && x.shape.rank() == 3 && heads >= 1 && x.shape[2] % heads == 0,
          "rotary: x must be f32 [batch, positions, heads * width] with {} heads, got {}", heads, x);
  require(turned >= 0 && turned % 2 == 0 && turned <= x.shape[2] / heads,
          "rotary: {} numbers of a head of width {} cannot be turned in pairs", turned,
          x.shape[2] / heads);
  return {DType::f32, x.shape, x.batch <= 0 ? x.batch : kMixedBatch};
}

void rotary_grad(GradContext& c) {
  Attrs back = c.attrs();
  back.set("sign", -back.integer("sign"));
  c.add(0, c.graph().add(ops::rotary, {c.dy()}, back));
}

void rotary_reference(RefContext& c) {
  const Turn t = turn_of(c.in(0).type.shape, c.attrs());
  turn_rows(t, t.cosine, t.sine, c.in(0).v.data(), c.out().v.data(), c.in(0).type.shape[0]);
}

struct Planned {
  Turn turn;
  std::vector<float> cosine, sine;
};

void plan_rotary(cpu::Planner& p, int id) {
  const Node& n = p.node(id);
  Turn t = turn_of(n.type.shape, n.attrs);
  std::vector<float> cosine(t.cosine.begin(), t.cosine.end()), sine(t.sine.begin(), t.sine.end());
  const auto planned =
      std::make_shared<Planned>(Planned{std::move(t), std::move(cosine), std::move(sine)});
  const auto x = p.cell<const float>(n.in[0]);
  const auto out = p.cell<float>(id);
  p.step(id, [=, samples = n.type.shape[0]] {
    turn_rows(planned->turn, planned->cosine, planned->sine, x.get(), out.get(), samples);
  });
}

}  // namespace

namespace ops {
const OpDef rotary = {.name = "rotary",
                      .arity = 1,
                      .type = rotary_type,
                      .grad = rotary_grad,
                      .reference = rotary_reference,
                      .cpu = plan_rotary};
}  // namespace ops

Value rotary(Value x, const RotaryOptions& o) {
  require(o.base > 0 && o.share >= 0 && o.share <= 1 && o.first >= 0 && o.heads >= 1,
          "rotary: base must be above 0, share from 0 to 1, the first position at least 0; got {}, "
          "{} and {}",
          o.base, o.share, o.first);
  const auto turned =
      static_cast<int64_t>(static_cast<double>(x.dim(-1) / o.heads) * o.share) / 2 * 2;
  return x.graph->add(ops::rotary, {x},
                      {{"heads", o.heads},
                       {"turned", turned},
                       {"base", o.base},
                       {"first", o.first},
                       {"halves", int64_t{o.pairs == RotaryPairs::halves}},
                       {"sign", int64_t{1}}});
}

}  // namespace omni
