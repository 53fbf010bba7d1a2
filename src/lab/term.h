// Numbers that claims speak of, as expressions over metrics: what a seed's value is, what must have
// been recorded for it, and how it reads. `of("aux-only", "accuracy")` is a metric of an arm.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/claims.h"
#include "lab/quantity.h"
#include "store/results.h"

namespace omni {

// A value that a term reads. `variant`: of a sweep, "width=64"; empty: of the run's own settings.
struct MetricRead {
  std::string arm, metric;
  int64_t step = kFinalStep;
  std::string variant = {};
  bool operator==(const MetricRead&) const = default;
  std::string text() const;  // "accuracy of teacher after 20 at width=64"
  // What its arm is called in a run: "teacher | width=64" of a variant; where the unswept settings
  // ran arms end in `base`, "" or " | width=256".
  std::string arm_in_run(const std::string& base) const {
    return arm + (variant.empty() ? base : " | " + variant);
  }
};
// One seed's. Missing and diverged ones are NaN, which judging leaves out.
using MetricValues = std::function<Quantity(const MetricRead&)>;
// What a run records: by arm, as arms are called in a run, metrics and their steps.
using RecordedMetrics = std::map<std::string, std::set<std::pair<std::string, int64_t>>>;

class Term {
 public:
  Term(double number);  // NOLINT: numbers are terms
  static Term metric(MetricRead read);

  // Of a curve after so many steps; of a variant of a sweep, as typed: "init_distance=0.2".
  // UserError unless the term is a metric.
  Term after(int64_t step) const;
  Term at(const std::string& variant) const;

  // Missing where a metric is that it is made of; a rank correlation is one of the others.
  Quantity value(const MetricValues& v) const;
  std::vector<MetricRead> reads() const;  // each once
  std::string text() const;               // "accuracy of teacher - accuracy of aux-only"
  bool is_number() const { return reads().empty(); }
  // A difference of two that are both measured, or the least or largest of such: it is paired over
  // seeds, and its effect is Cohen's d_z.
  bool is_difference() const;

  // A * in names of arms stands, in least() and most(), for every recorded arm that fits; in one of
  // their terms for the same everywhere. This writes such terms out, for all arms that have the
  // metrics in question, at the variants in question; where none has, or elsewhere, a * stays.
  Term spelled_out(const RecordedMetrics& recorded, const std::string& base = "") const;

  // What is made of terms carries ranges along as Quantity does.
  friend Term operator+(const Term& a, const Term& b) { return Term(Kind::sum, {a, b}); }
  friend Term operator-(const Term& a, const Term& b) { return Term(Kind::difference, {a, b}); }
  friend Term operator*(const Term& a, const Term& b) { return Term(Kind::product, {a, b}); }
  friend Term operator/(const Term& a, const Term& b) { return Term(Kind::ratio, {a, b}); }
  friend Term operator-(const Term& a) { return Term(Kind::negative, {a}); }
  friend Term abs(const Term& a) { return Term(Kind::magnitude, {a}); }
  friend Term log(const Term& a) { return Term(Kind::logarithm, {a}); }

 private:
  enum class Kind {
    number,
    metric,
    sum,
    difference,
    product,
    ratio,
    negative,
    magnitude,
    logarithm,
    least,
    most,
    ranks
  };
  struct Node;
  Term(Kind kind, std::vector<Term> parts, std::vector<double> numbers = {});

  Term with_parts(std::vector<Term> parts) const;
  Term with_star(const std::string& stands_for) const;
  void add_reads(std::vector<MetricRead>& to) const;
  std::string bracketed(int looser_than) const;

  friend Term least(std::vector<Term> terms);
  friend Term most(std::vector<Term> terms);
  friend Term spearman(std::vector<double> x, std::vector<Term> terms);

  std::shared_ptr<const Node> node_;
};

inline Term of(const std::string& arm, const std::string& metric) {
  return Term::metric({arm, metric});
}
Term least(std::vector<Term> terms);
Term most(std::vector<Term> terms);
// The changes from each to the next.
std::vector<Term> changes(const std::vector<Term>& terms);
// Spearman's rank correlation of as many numbers with terms. UserError for other counts.
Term spearman(std::vector<double> x, std::vector<Term> terms);

// What is claimed of a term. Of its mean over seeds it is an inequality; `always` and `sometimes`
// make it a fact that each seed, or some seed of five or more, must show.
struct Statement {
  Term term;
  Claim claim;
  std::string text;  // "accuracy of aux-only > 0.45"
  // Whether a seed with this value shows it: of facts, and of what still lacks always() or
  // sometimes().
  std::function<bool(double)> shown = {};
  bool lacks_how_often = false;

  // A seed's: the term's value; of facts 1 or 0, missing where the term is.
  Quantity value(const MetricValues& v) const;
};
Statement operator>(const Term& a, const Term& b);  // of the difference, unless b is a number
Statement operator<(const Term& a, const Term& b);
Statement within(const Term& a, double low, double high);
Statement near(const Term& a, double x, double by);  // within(a, x - by, x + by)
// Facts alone: within always() or sometimes(), where all the others may stand, too.
Statement operator>=(const Term& a, double x);
Statement operator<=(const Term& a, double x);
Statement operator==(const Term& a, double x);
Statement always(const Statement& s);
Statement sometimes(const Statement& s);

}  // namespace omni
