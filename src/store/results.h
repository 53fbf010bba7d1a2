// All results of one run in one SQLite file: who writes, what the tables hold, and the questions
// that reports ask. Every write is one transaction; writers of several threads take turns.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/claims.h"
#include "store/figure_spec.h"
#include "store/metric_range.h"

namespace omni {

// Keys of the `run` table: what the report says about the experiment. All are plain text; empty or
// absent ones are left out of the report. Paragraphs are separated by an empty line.
namespace run_key {
inline constexpr const char* kTitle = "title";
inline constexpr const char* kQuestion = "question";
inline constexpr const char* kSource = "source";              // paper or post, with its identifier
inline constexpr const char* kMethod = "method";              // what was done, in words
inline constexpr const char* kStructure = "structure";        // what the method exploits
inline constexpr const char* kControls = "controls";          // placebo, do-nothing, structure removed
inline constexpr const char* kTranslation = "translation";    // to large systems
inline constexpr const char* kExpectedFailure = "expected_failure";
inline constexpr const char* kLimits = "limits";
inline constexpr const char* kCosts = "costs";                // the tax beside the gain
inline constexpr const char* kPreset = "preset";
inline constexpr const char* kData = "data";                  // name of the data set used
inline constexpr const char* kStandIn = "stand_in";  // not empty: what the data stand in for, loudly
inline constexpr const char* kMetric = "metric";              // the metric of the table of arms
inline constexpr const char* kMetricLabel = "metric_label";
inline constexpr const char* kArms = "arms";                  // written by Results::set_arms
inline constexpr const char* kAgreeing = "agreeing_builds";   // written by Results::set_agreeing
inline constexpr const char* kRanges = "metric_ranges";       // written by Results::set_ranges
inline constexpr const char* kPrimary = "primary_claims";     // written by Results::set_primary
inline constexpr const char* kSeedsWanted = "seeds_wanted";   // written by Results::set_claims
inline constexpr const char* kFormulas = "formulas";          // written by Results::set_claims
inline constexpr const char* kAlpha = "alpha";                // of the claims; 0.05 when absent
}  // namespace run_key

inline constexpr int64_t kFinalStep = -1;  // the step of a metric measured at the end

enum class Access { read, write };
enum class ModelStatus { ok, diverged, failed };
std::string_view name_of(ModelStatus status);

struct Metric {
  std::string name;
  int64_t step = kFinalStep;
  double value = 0;  // NaN is kept as missing
};

// A model and what was measured on it. Metrics are deterministic: times do not belong here.
struct ModelResult {
  std::string arm;
  int64_t seed = 0;
  ModelStatus status = ModelStatus::ok;
  int64_t status_step = -1;  // where it diverged or failed
  std::string weights_hash;
  std::vector<Metric> metrics;
};

struct ArmInfo {
  std::string name;         // as in ModelResult::arm
  std::string label;        // as shown
  std::string description;  // a line for the table of arms; may be empty
  std::optional<double> published;  // value of run_key::kMetric in the source
};

struct ClaimRow {
  std::string id, text;
  Claim claim;
  Judgement judgement;
  std::string formula = {};  // "accuracy of aux-only > 0.45"; empty where nobody said it so
};

struct FigureRow {
  std::string id, title, caption;  // id: letters, digits, - and _; names the files
  FigureSpec spec;
};

struct StoredImage {
  int64_t position = 0;
  std::string label;
  std::string png;  // the bytes of the file
};
struct StoredText {
  int64_t position = 0;
  std::string text;
};

// Who made the models of one seed, or of one part of it.
struct Origin {
  int64_t seed = 0;
  std::string part;         // empty for experiments without parts
  std::string program;      // content hash of the program
  std::string fingerprint;  // of all that can be seen of the work without training
};

// The programs whose results a file holds, by their content hashes.
struct Builds {
  std::map<std::string, int> seeds;  // program -> seeds that it made, or made a part of
  bool agree = true;  // at most one, or each trained a seed of the others again to the same bits
  std::string text() const;  // "0123456789ab (4 seeds), ba9876543210 (6 seeds)"
};

struct SeedValue {
  int64_t seed = 0;
  double value = 0;
};

struct ArmCount {
  int ok = 0, diverged = 0, failed = 0;
};

class Results {
 public:
  // Opens, and with Access::write creates, the file. UserError when it is damaged, of another
  // format or cannot be written.
  Results(const std::filesystem::path& path, Access access);
  ~Results();
  Results(Results&&) noexcept;

  // Writing. A record of the same name (arm and seed; id; figure, seed and position) is
  // replaced. Values are kept as visible() has them (base/utf8.h).
  void set(std::string_view key, std::string_view value);
  void set_arms(std::span<const ArmInfo> arms);  // in the order of the report
  void set_ranges(std::span<const MetricRange> ranges);
  void set_primary(std::span<const std::string> claim_ids);
  // UserError for a value outside of its metric's range.
  void record_model(const ModelResult& model);
  void record_origin(const Origin& origin);
  // Forgets these models, and who made that part of their seed.
  void forget(int64_t seed, std::string_view part, std::span<const std::string> arms);
  // These programs make equal results: one of them trained again what the others had trained.
  void set_agreeing(std::span<const std::string> programs);
  void set_claims(std::span<const ClaimRow> claims);
  void set_figures(std::span<const FigureRow> figures);
  // What a figure of kind `images` shows at `position`, counted by rows from 0.
  void record_image(std::string_view figure_id, int64_t seed, int64_t position,
                    std::string_view label, std::string_view png);
  // What a figure of kind `texts` shows there, kept as visible() has it (base/utf8.h).
  void record_text(std::string_view figure_id, int64_t seed, int64_t position,
                   std::string_view text);
  void transaction(const std::function<void()>& work);  // all writes in `work`, or none
  // Moves the write-ahead log into the file; call once at the end. Where somebody else reads the
  // file just then the log stays, which is as good.
  void checkpoint();

  // Reading. Only models whose status is ok give values; counts() tells how many there are.
  std::string get(std::string_view key) const;  // empty when absent
  std::vector<ArmInfo> arms() const;  // declared ones, then any other by name
  Range range(std::string_view metric) const;  // as declared; else without ends
  std::vector<std::string> primary() const;    // ids of the claims that come first
  std::vector<ModelResult> models() const;  // without metrics; by arm in order, then by seed
  std::vector<ModelResult> models_of(int64_t seed) const;  // without metrics; by arm's name
  std::vector<Origin> origins() const;                     // none in files older than this table
  Builds builds() const;
  std::map<std::string, ArmCount> counts() const;
  std::vector<std::string> metric_names(bool final_only) const;  // sorted
  std::vector<SeedValue> values(std::string_view metric, std::string_view arm,
                                int64_t step = kFinalStep) const;  // by seed
  // step -> values by seed, without the final one
  std::map<int64_t, std::vector<SeedValue>> curve(std::string_view metric,
                                                  std::string_view arm) const;
  std::vector<Metric> metrics(std::string_view arm, int64_t seed) const;  // of any status
  std::vector<ClaimRow> claims() const;
  std::vector<FigureRow> figures() const;
  // Those of the lowest seed that has any, by position; none in files older than this table.
  std::vector<StoredImage> images(std::string_view figure_id) const;
  std::vector<StoredText> texts(std::string_view figure_id) const;

  // CSV with one row per model: arm, seed, status, status_step, weights_hash, final metrics.
  std::string summary_csv() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace omni
