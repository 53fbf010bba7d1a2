// A run folder from somebody else: whatever its texts hold, the page that is made from it is one
// that a browser reads as text, runs nothing from, and asks no one else about.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "base/error.h"
#include "base/test_folder.h"
#include "report/figure.h"
#include "report/report.h"
#include "report/test_run.h"
#include "report/text.h"
#include "store/sqlite.h"

namespace omni {
namespace {

const std::vector<std::string> kHostile = {
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onload='alert(1)",
    "]]></style></title></pre><svg onload=alert(1)>",
    "&#x3c;script&#x3e; &lt;script&gt;",
    "javascript:alert(1) https://evil.example/x",
    "a_b^c{d}@e&f\\g`id`$(id)%s%n{}{0} [$#] ",
    "EOD\nset output '/etc/passwd'\n!touch /etc/passwd",
    "x' with lines; system('id'); set title 'y",
    "\x01\x1b[31m\x7f \xc2\x9b"
    "31m \xe2\x80\xae txt.exe",
    "\xff\xfe\xc0\xaf \xed\xa0\x80",
    "=HYPERLINK(\"http://evil.example\",\"a,b\")",
    "../../../etc/passwd",
    std::string(20000, 'w'),
};

std::string all_hostile() {
  std::string all;
  for (const std::string& text : kHostile) all += text + "\n\n";
  return all;
}

// Every text that a folder holds is hostile; every figure shows every arm.
void make_hostile_run(const std::filesystem::path& path) {
  const std::string all = all_hostile();
  Manifest m;
  m.experiment = m.program_version = m.commit = m.machine = all;
  m.starts = {all, all};
  for (const std::string& text : kHostile) m.data_hashes[text] = text;
  RunFolder run = RunFolder::create(path, m, all);
  Results r(run.results_path(), Access::write);
  for (const char* key :
       {run_key::kTitle, run_key::kQuestion, run_key::kSource, run_key::kMethod,
        run_key::kStructure, run_key::kControls, run_key::kTranslation, run_key::kExpectedFailure,
        run_key::kLimits, run_key::kCosts, run_key::kPreset, run_key::kData, run_key::kStandIn,
        run_key::kMetricLabel, run_key::kAlpha})
    r.set(key, all);
  r.set(run_key::kMetric, kHostile[0]);
  std::vector<ArmInfo> arms;
  std::vector<ClaimRow> claims;
  for (const std::string& text : kHostile) {
    arms.push_back({text, text, text, 0.5});
    for (int64_t seed = 0; seed < 3; ++seed) {
      ModelResult model{text, seed, ModelStatus::ok, -1, text, {}};
      for (const std::string& metric : kHostile)
        for (const int64_t step : {kFinalStep, int64_t{1}, int64_t{2}})
          model.metrics.push_back({metric, step, 0.1 * static_cast<double>(seed + step)});
      r.record_model(model);
    }
    Claim claim;
    claim.threshold = 0;
    Judgement j;
    j.verdict = Verdict::undecided;
    j.note = j.effect_name = text;
    claims.push_back({text, text, claim, j, text});
  }
  r.set_arms(arms);
  r.set_claims(claims);
  std::vector<FigureRow> figures;
  for (const char* kind : {"bars", "groups", "lines", "scatter", "images", "texts"}) {
    FigureRow f{kind, all, all, {}};
    f.spec.kind = kind;
    f.spec.metric = kHostile[0];
    f.spec.x_label = f.spec.y_label = all;
    f.spec.level_line = 0.2;
    f.spec.level_label = all;
    for (const std::string& text : kHostile) {
      f.spec.groups.push_back({text, kHostile[0]});
      f.spec.row_labels.push_back(text);
      f.spec.column_labels.push_back(text);
    }
    figures.push_back(f);
  }
  r.set_figures(figures);
  const std::vector<float> pixels(49);
  for (size_t i = 0; i < kHostile.size(); ++i) {
    r.record_image("images", 0, static_cast<int64_t>(i), kHostile[i], encode_png(pixels, 7, 7));
    r.record_text("texts", 0, static_cast<int64_t>(i), kHostile[i]);
  }
}

// Puts the texts in as they are, as a program that is not ours may have.
void spoil_texts(const std::filesystem::path& path) {
  sqlite::Database db(path / "results.sqlite", true);
  db.run("DROP TABLE sums");
  for (size_t i = 0; i < kHostile.size(); ++i)
    db.prepare("UPDATE texts SET text = CAST(?1 AS TEXT) WHERE position = ?2")
        .run(sqlite::Bytes{kHostile[i]}, static_cast<int64_t>(i));
  db.prepare("UPDATE run SET value = CAST(?1 AS TEXT) WHERE key = ?2")
      .run(sqlite::Bytes{all_hostile()}, run_key::kTitle);
}

struct Tag {
  std::string name;
  std::vector<std::pair<std::string, std::string>> attributes;
};

// The tags of a page, read strictly: every attribute quoted, every element closed in its order.
// Fails the test at the first departure.
std::vector<Tag> parse(const std::string& page) {
  std::vector<Tag> tags;
  std::vector<std::string> open;
  size_t at = 0;
  const auto fail = [&](const char* what) {
    ADD_FAILURE() << what << " at byte " << at << ": "
                  << page.substr(at > 80 ? at - 80 : 0, 160);
    return tags;
  };
  const auto skip_space = [&] {
    while (std::isspace(static_cast<unsigned char>(page[at]))) ++at;
  };
  const auto word = [&] {
    std::string w;
    while (at < page.size() && (std::isalnum(static_cast<unsigned char>(page[at])) ||
                                std::string_view("-_:").find(page[at]) != std::string_view::npos))
      w += page[at++];
    return w;
  };
  while ((at = page.find('<', at)) != std::string::npos) {
    ++at;
    if (page[at] == '!') {  // the document's type, and gnuplot's remarks
      at = page.find('>', at);
      continue;
    }
    if (page[at] == '/') {
      ++at;
      const std::string name = word();
      if (open.empty() || open.back() != name || page[at] != '>') return fail("wrong end tag");
      open.pop_back();
      continue;
    }
    Tag tag{word(), {}};
    if (tag.name.empty()) return fail("a bare <");
    for (;;) {
      skip_space();
      if (page[at] == '>' || page.compare(at, 2, "/>") == 0) break;
      const std::string name = word();
      skip_space();
      if (name.empty() || page[at++] != '=') return fail("attribute without value");
      skip_space();
      const char quote = page[at++];  // gnuplot quotes some with apostrophes
      if (quote != '"' && quote != '\'') return fail("attribute without quotes");
      const size_t end = page.find(quote, at);
      tag.attributes.emplace_back(name, page.substr(at, end - at));
      at = end + 1;
    }
    const bool closed = page[at] == '/' || tag.name == "meta";
    tags.push_back(tag);
    if (closed) continue;
    open.push_back(tag.name);
    if (tag.name == "style") at = page.find("</style>", at);
  }
  EXPECT_TRUE(open.empty()) << "unclosed " << open.back();
  return tags;
}

void expect_harmless(const std::string& page) {
  const std::set<std::string> forbidden = {"script", "iframe", "object", "embed", "link", "base",
                                           "form", "img", "foreignObject", "video", "audio"};
  const std::vector<Tag> tags = parse(page);
  EXPECT_GT(tags.size(), 10u);
  for (const Tag& tag : tags) {
    EXPECT_FALSE(forbidden.contains(tag.name)) << tag.name;
    for (const auto& [name, value] : tag.attributes) {
      EXPECT_FALSE(name.starts_with("on")) << tag.name << " " << name;
      EXPECT_NE(name, "src");
      const bool is_link = name == "href" || name == "xlink:href";
      EXPECT_TRUE(!is_link || value.starts_with("#") || value.starts_with("figures/") ||
                  value == "summary.csv" || value.starts_with("data:image/png;base64,"))
          << value.substr(0, 100);
    }
  }
  EXPECT_EQ(page.find('\x1b'), std::string::npos);
  EXPECT_EQ(page.find("\xc2\x9b"), std::string::npos);
  EXPECT_EQ(page.find("\xe2\x80\xae"), std::string::npos);
  EXPECT_EQ(page.find('\xff'), std::string::npos);
}

std::set<std::string> files_of(const std::filesystem::path& folder) {
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      files.insert(std::filesystem::relative(entry.path(), folder).string());
  return files;
}

TEST(HostileRun, GivesAPageThatIsTextAlone) {
  const TestFolder folder;
  const auto run = folder.path() / "run";
  make_hostile_run(run);
  spoil_texts(run);
  const std::set<std::string> before = files_of(folder.path());
  write_report(run);
  const std::string page = read_file(run / "report.html");
  expect_harmless(page);
  EXPECT_NE(page.find("&lt;script&gt;alert(1)&lt;/script&gt;"), std::string::npos);
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  std::set<std::string> added;
  for (const std::string& file : files_of(folder.path()))
    if (!before.contains(file) && !file.starts_with("run/results.sqlite-")) added.insert(file);
  const std::set<std::string> wanted = {
      "run/figures/bars.csv",    "run/figures/bars.svg",   "run/figures/groups.csv",
      "run/figures/groups.svg",  "run/figures/lines.csv",  "run/figures/lines.svg",
      "run/figures/scatter.csv", "run/figures/scatter.svg", "run/figures/images.csv",
      "run/figures/images.svg",  "run/figures/texts.csv",   "run/figures/texts.svg",
      "run/report.html",         "run/summary.csv"};
  EXPECT_EQ(added, wanted);
  // Each picture is a document of its own, which a browser may be given alone.
  for (const std::string& file : wanted) {
    if (!file.ends_with(".svg")) continue;
    const std::string svg = read_file(folder.path() / file);
    expect_harmless(svg.substr(svg.find("<svg")));
  }
  // The terminal is spoken to by compare.
  const std::string text = compare_runs(run, run);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find("\xc2\x9b"), std::string::npos);
  export_run(run, folder.path() / "out");
  EXPECT_EQ(files_of(folder.path() / "out"),
            (std::set<std::string>{"claims.csv", "metrics.csv", "models.csv"}));
}

TEST(HostileRun, CannotPutFiguresElsewhere) {
  const TestFolder folder;
  const auto run = folder.path() / "run", outside = folder.path() / "outside";
  make_test_run(run);
  sqlite::Database(run / "results.sqlite", true)
      .run("DROP TABLE sums; UPDATE figures SET id = '../../outside/x' WHERE position = 0");
  EXPECT_THROW(write_report(run), UserError);
  sqlite::Database(run / "results.sqlite", true)
      .run("UPDATE figures SET id = 'plain' WHERE position = 0");
  std::filesystem::remove_all(run / "figures");
  make_folder(outside);
  std::filesystem::create_directory_symlink(outside, run / "figures");
  EXPECT_THROW(write_report(run), UserError);
  EXPECT_TRUE(std::filesystem::is_empty(outside));
}

}  // namespace
}  // namespace omni
