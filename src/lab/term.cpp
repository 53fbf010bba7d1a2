// Terms as trees of metrics and numbers; statements as claims about them.
#include "lab/term.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/star.h"

namespace omni {
namespace {

std::string number(double x) { return fmt::format("{:.6g}", x); }

bool is_recorded(const MetricRead& r, const RecordedMetrics& recorded, const std::string& base) {
  const auto arm = recorded.find(r.arm_in_run(base));
  return arm != recorded.end() && arm->second.contains({r.metric, r.step});
}

// What a * in these reads can stand for, so that all of them are recorded.
std::vector<std::string> stars_of(std::vector<MetricRead> reads, const RecordedMetrics& recorded,
                                  const std::string& base) {
  std::erase_if(reads, [](const MetricRead& r) { return !has_star(r.arm); });
  std::vector<std::string> stars;
  if (reads.empty()) return stars;
  const std::string pattern = reads.front().arm_in_run(base);
  for (const auto& [arm, metrics] : recorded) {
    const std::optional<std::string> star = star_in(pattern, arm);
    if (star && star->find(" | ") == star->npos && std::ranges::all_of(reads, [&](MetricRead r) {
          r.arm = with_star(r.arm, *star);
          return is_recorded(r, recorded, base);
        }))
      stars.push_back(*star);
  }
  return stars;
}

}  // namespace

std::string MetricRead::text() const {
  return fmt::format("{} of {}{}{}", metric, arm,
                     step == kFinalStep ? "" : fmt::format(" after {}", step),
                     variant.empty() ? "" : " at " + variant);
}

struct Term::Node {
  Kind kind;
  std::vector<Term> parts = {};
  std::vector<double> numbers = {};  // of a number; of ranks, what is correlated
  MetricRead read = {};              // of a metric
};

Term::Term(double number) : Term(Kind::number, {}, {number}) {}

Term::Term(Kind kind, std::vector<Term> parts, std::vector<double> numbers)
    : node_(std::make_shared<Node>(Node{kind, std::move(parts), std::move(numbers)})) {}

Term Term::metric(MetricRead read) {
  Term t(Kind::metric, {});
  t.node_ = std::make_shared<Node>(Node{Kind::metric, {}, {}, std::move(read)});
  return t;
}

Term Term::after(int64_t step) const {
  require(node_->kind == Kind::metric, "after({}): '{}' is no metric; say it of each metric", step,
          text());
  MetricRead read = node_->read;
  read.step = step;
  return metric(std::move(read));
}

Term Term::at(const std::string& variant) const {
  require(node_->kind == Kind::metric, "at(\"{}\"): '{}' is no metric; say it of each metric",
          variant, text());
  MetricRead read = node_->read;
  read.variant = variant;
  return metric(std::move(read));
}

Quantity Term::value(const MetricValues& v) const {
  std::vector<Quantity> q;
  for (const Term& part : node_->parts) q.push_back(part.value(v));
  const auto is_plain = [&](size_t i) { return node_->parts[i].is_number(); };  // has no range
  switch (node_->kind) {
    case Kind::number:
      return node_->numbers[0];
    case Kind::metric:
      return v(node_->read);
    case Kind::sum:
      if (is_plain(0)) return q[1] + q[0].value;
      return is_plain(1) ? q[0] + q[1].value : q[0] + q[1];
    case Kind::difference:
      if (is_plain(0)) return -q[1] + q[0].value;
      return is_plain(1) ? q[0] - q[1].value : q[0] - q[1];
    case Kind::product:
      if (is_plain(0)) return q[0].value * q[1];
      return is_plain(1) ? q[1].value * q[0] : Quantity(q[0].value * q[1].value);
    case Kind::ratio:
      return is_plain(1) ? q[0] / q[1].value : Quantity(q[0].value / q[1].value);
    case Kind::negative:
      return -q[0];
    case Kind::magnitude:
      return abs(q[0]);
    case Kind::logarithm:
      return std::log(q[0].value);
    case Kind::least:
      return least_of(q);
    case Kind::most:
      return most_of(q);
    case Kind::ranks: {
      const std::vector<double> y(q.begin(), q.end());
      return omni::within(spearman(std::span(node_->numbers), std::span(y)), -1.0, 1.0);
    }
  }
  throw Bug("unknown kind of term");
}

void Term::add_reads(std::vector<MetricRead>& to) const {
  const bool is_new = std::ranges::find(to, node_->read) == to.end();
  if (node_->kind == Kind::metric && is_new) to.push_back(node_->read);
  for (const Term& part : node_->parts) part.add_reads(to);
}

std::vector<MetricRead> Term::reads() const {
  std::vector<MetricRead> all;
  add_reads(all);
  return all;
}

bool Term::is_difference() const {
  const std::vector<Term>& parts = node_->parts;
  if (node_->kind == Kind::difference) return !parts[0].is_number() && !parts[1].is_number();
  return (node_->kind == Kind::least || node_->kind == Kind::most) && !parts.empty() &&
         std::ranges::all_of(parts, &Term::is_difference);
}

// In brackets where it holds together less than 0: names and functions, 1: products, 2: sums.
std::string Term::bracketed(int looser_than) const {
  const Kind k = node_->kind;
  const int loose = k == Kind::sum || k == Kind::difference                         ? 2
                    : k == Kind::product || k == Kind::ratio || k == Kind::negative ? 1
                                                                                    : 0;
  return loose > looser_than ? "(" + text() + ")" : text();
}

std::string Term::text() const {
  const std::vector<Term>& p = node_->parts;
  const auto all = [&] {
    std::vector<std::string> texts;
    for (const Term& part : p) texts.push_back(part.text());
    return fmt::format("({})", fmt::join(texts, ", "));
  };
  switch (node_->kind) {
    case Kind::number:
      return number(node_->numbers[0]);
    case Kind::metric:
      return node_->read.text();
    case Kind::sum:
      return p[0].text() + " + " + p[1].text();
    case Kind::difference:
      return p[0].text() + " - " + p[1].bracketed(1);
    case Kind::product:
      return p[0].bracketed(1) + " * " + p[1].bracketed(1);
    case Kind::ratio:
      return p[0].bracketed(1) + " / " + p[1].bracketed(0);
    case Kind::negative:
      return "-" + p[0].bracketed(1);
    case Kind::magnitude:
      return "|" + p[0].text() + "|";
    case Kind::logarithm:
      return "log" + all();
    case Kind::least:
      return "least" + all();
    case Kind::most:
      return "most" + all();
    case Kind::ranks:
      return fmt::format("rank correlation of ({:.6g}) with {}", fmt::join(node_->numbers, ", "),
                         all());
  }
  throw Bug("unknown kind of term");
}

Term Term::with_parts(std::vector<Term> parts) const {
  return Term(node_->kind, std::move(parts), node_->numbers);
}

Term Term::with_star(const std::string& stands_for) const {
  if (node_->kind == Kind::metric) {
    MetricRead read = node_->read;
    read.arm = omni::with_star(read.arm, stands_for);
    return metric(std::move(read));
  }
  std::vector<Term> parts;
  for (const Term& part : node_->parts) parts.push_back(part.with_star(stands_for));
  return with_parts(std::move(parts));
}

Term Term::spelled_out(const RecordedMetrics& recorded, const std::string& base) const {
  if (node_->parts.empty()) return *this;
  std::vector<Term> parts;
  for (const Term& part : node_->parts) {
    const Term p = part.spelled_out(recorded, base);
    std::vector<std::string> stars;
    if (node_->kind == Kind::least || node_->kind == Kind::most)
      stars = stars_of(p.reads(), recorded, base);
    for (const std::string& star : stars) parts.push_back(p.with_star(star));
    if (stars.empty()) parts.push_back(p);
  }
  return with_parts(std::move(parts));
}

Term least(std::vector<Term> terms) { return Term(Term::Kind::least, std::move(terms)); }
Term most(std::vector<Term> terms) { return Term(Term::Kind::most, std::move(terms)); }

std::vector<Term> changes(const std::vector<Term>& terms) {
  std::vector<Term> found;
  for (size_t i = 1; i < terms.size(); ++i) found.push_back(terms[i] - terms[i - 1]);
  return found;
}

Term spearman(std::vector<double> x, std::vector<Term> terms) {
  require(x.size() == terms.size(), "spearman: {} numbers and {} terms make no pairs", x.size(),
          terms.size());
  return Term(Term::Kind::ranks, std::move(terms), std::move(x));
}

// --- Statements ---

namespace {

Statement comparison(const Term& a, const Term& b, ClaimKind kind, const char* sign) {
  const bool with_number = b.is_number();
  Statement s{
      with_number ? a : a - b, {.kind = kind}, fmt::format("{} {} {}", a.text(), sign, b.text())};
  s.claim.threshold = with_number ? b.value({}).value : 0;
  s.claim.difference = s.term.is_difference();
  return s;
}

Statement fact(const Term& a, double x, const char* sign, std::function<bool(double)> shown) {
  return {a,
          {.kind = ClaimKind::exact},
          fmt::format("{} {} {}", a.text(), sign, number(x)),
          std::move(shown),
          true};
}

// Of a seed's value what is else claimed of the mean.
std::function<bool(double)> shown_by(const Claim& c) {
  if (c.kind == ClaimKind::above) return [x = c.threshold](double value) { return value > x; };
  if (c.kind == ClaimKind::below) return [x = c.threshold](double value) { return value < x; };
  return [c](double value) { return c.low <= value && value <= c.high; };
}

Statement how_often(Statement s, ClaimKind kind, const char* word, const char* often) {
  require(!is_fact(s.claim.kind) || s.lacks_how_often, "{}({}): it is said already how often", word,
          s.text);
  if (!is_fact(s.claim.kind)) s.shown = shown_by(s.claim);
  s.claim = {.kind = kind};
  s.text = fmt::format("{}: {}", often, s.text);
  s.lacks_how_often = false;
  return s;
}

}  // namespace

Quantity Statement::value(const MetricValues& v) const {
  const Quantity q = term.value(v);
  if (!shown || std::isnan(q.value)) return q;
  return shown(q.value) ? 1.0 : 0.0;
}

Statement operator>(const Term& a, const Term& b) {
  return comparison(a, b, ClaimKind::above, ">");
}
Statement operator<(const Term& a, const Term& b) {
  return comparison(a, b, ClaimKind::below, "<");
}
Statement within(const Term& a, double low, double high) {
  return {a,
          {.kind = ClaimKind::band, .low = low, .high = high, .difference = a.is_difference()},
          fmt::format("{} <= {} <= {}", number(low), a.text(), number(high))};
}
Statement near(const Term& a, double x, double by) { return within(a, x - by, x + by); }

Statement operator>=(const Term& a, double x) {
  return fact(a, x, ">=", [x](double value) { return value >= x; });
}
Statement operator<=(const Term& a, double x) {
  return fact(a, x, "<=", [x](double value) { return value <= x; });
}
Statement operator==(const Term& a, double x) {
  return fact(a, x, "=", [x](double value) { return value == x; });
}
Statement always(const Statement& s) {
  return how_often(s, ClaimKind::exact, "always", "on every seed");
}
Statement sometimes(const Statement& s) {
  return how_often(s, ClaimKind::some, "sometimes", "on some seed");
}

}  // namespace omni
