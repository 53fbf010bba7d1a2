// The figures of an experiment. The first is the main one. Titles, captions and labels of axes
// stand on its page under the figure's id (lab/words.h); a y axis without one has the metric's
// words, and legends have those of metrics and arms.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lab/term.h"
#include "lab/words.h"
#include "store/results.h"

namespace omni {

// What figures are made of.
struct FigureSource {
  const Words& words;
  WordValues values;
  std::vector<ArmInfo> arms;  // in the order in which they are shown
  // What a dry run has recorded: of figures without arms those that have the metric are shown.
  const RecordedMetrics& recorded;
  const std::set<std::string>& pictured;  // figures with pictures or texts
  // Whose published values bars show; empty: none, as the settings are not those of the source.
  std::string published_metric = {};

  bool has(const std::string& arm, const std::string& metric, bool final) const;
  std::string label_of_arm(const std::string& arm) const;
  std::string label_of_metric(const std::string& metric) const;
};

// Written one after another: figure.lines("churn").log_x().from_zero().
class FigureBuilder {
 public:
  FigureBuilder& unit();  // the y axis goes from 0 to 1
  FigureBuilder& from_zero();
  FigureBuilder& to(double high);
  FigureBuilder& log_x();
  FigureBuilder& log_y();
  FigureBuilder& level(double y, const std::string& label = "");  // a dashed line
  // These alone and in this order; "fork-*": all that fit, by the number. Of no arm it is left out.
  FigureBuilder& arms(const std::vector<std::string>& only);
  FigureBuilder& series(Series s);
  FigureBuilder& points(const std::string& label, std::vector<Series::Point> points);
  // Of lines: final metrics over the number in an arm's name, a line each: over("fork-*",
  // {"churn"}). One more arm may stand at an x of its own. A figure without a line is left out.
  FigureBuilder& over(const std::string& arms, const std::vector<std::string>& metrics);
  FigureBuilder& over(const std::string& arms, const std::vector<std::string>& metrics, double x,
                      const std::string& arm);
  // One arm's final metric, drawn from the first x of the others to the last.
  FigureBuilder& across(const std::string& arm);
  // One arm's metrics: of groups, a group each, metrics("certificate A", "setting-1", "a.*"), and a
  // UserError where another call has named other groups; of lines, over the numbers in their names,
  // metrics("word", "routed", "word@*").
  FigureBuilder& metrics(const std::string& label, const std::string& arm,
                         const std::string& metrics);
  FigureBuilder& rows(std::vector<std::string> labels);  // of images and texts
  FigureBuilder& columns(std::vector<std::string> labels);

 private:
  friend class Figures;
  struct Entry {
    FigureRow row;
    bool left_out = false;
  };
  FigureBuilder& add_over(const std::string& arms, const std::vector<std::string>& metrics,
                          const Series::Point* one_more);

  FigureBuilder(const FigureSource& source, Entry& entry) : source_(source), entry_(entry) {}

  const FigureSource& source_;
  Entry& entry_;
};

class Figures {
 public:
  explicit Figures(FigureSource source) : source_(std::move(source)) {}
  Figures(const Figures&) = delete;  // builders hold on to it

  // UserError for an id that is there already.
  FigureBuilder bars(const std::string& id, const std::string& metric = "");  // "": as the id
  // A group for each metric ("recall.*": all of those) and a bar for each arm; by_arm, the other
  // way round.
  FigureBuilder groups(const std::string& id, const std::vector<std::string>& metrics = {});
  FigureBuilder by_arm(const std::string& id, const std::vector<std::string>& metrics);
  FigureBuilder lines(const std::string& id, const std::string& metric = "");
  FigureBuilder scatter(const std::string& id, const std::string& x_metric,
                        const std::string& metric);
  // Of pictures and texts; left out where the run keeps none.
  FigureBuilder images(const std::string& id, int columns);
  FigureBuilder texts(const std::string& id, int columns);

  std::vector<FigureRow> all() const;

 private:
  FigureBuilder add(const std::string& id, FigureSpec spec);
  FigureBuilder pictures(const std::string& id, const char* kind, int columns);
  // Those that have a metric where not all do; empty: all.
  std::vector<std::string> arms_with(const std::vector<std::string>& metrics, bool final) const;

  FigureSource source_;
  std::vector<std::unique_ptr<FigureBuilder::Entry>> entries_;
};

}  // namespace omni
