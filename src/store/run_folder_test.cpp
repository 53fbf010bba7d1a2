#include "store/run_folder.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/test_folder.h"
#include "store/files.h"

namespace omni {
namespace {

Manifest manifest() {
  Manifest m;
  m.experiment = "subliminal-learning";
  m.program_version = "0.1.0";
  m.commit = "abc";
  m.programs = {"12ab"};
  m.machine = "a \"machine\"";
  m.data_hashes = {{"mnist", "0123"}};
  return m;
}

std::string error_of(const auto& work) {
  try {
    work();
  } catch (const UserError& e) {
    return e.what();
  }
  return "";
}

TEST(RunFolder, IsMadeAndReadBack) {
  const TestFolder folder;
  const auto path = folder.path() / "runs" / "first";
  {
    RunFolder run = RunFolder::create(path, manifest(), "seeds = 4\n");
    EXPECT_FALSE(run.resumed());
    EXPECT_EQ(RunFolder::open(path).manifest().status, RunStatus::running);
    run.set_status(RunStatus::finished, 2.5);
  }
  const RunFolder run = RunFolder::open(path);
  EXPECT_EQ(run.manifest().status, RunStatus::finished);
  EXPECT_EQ(run.manifest().machine, "a \"machine\"");
  EXPECT_EQ(run.manifest().busy_s, 2.5);
  EXPECT_EQ(run.manifest().data_hashes.at("mnist"), "0123");
  EXPECT_EQ(run.config(), "seeds = 4\n");
  EXPECT_TRUE(std::filesystem::is_directory(run.checkpoints_path()));
}

TEST(RunFolder, TheSameRunIsResumed) {
  const TestFolder folder;
  { RunFolder::create(folder.path(), manifest(), "seeds = 4\n"); }
  const RunFolder run = RunFolder::create(folder.path(), manifest(), "seeds = 4\n");
  EXPECT_TRUE(run.resumed());
  EXPECT_EQ(run.manifest().starts.size(), 2u);
  EXPECT_EQ(run.manifest().programs, std::vector<std::string>{"12ab"});
}

// As they were called in the manifests of older versions.
TEST(RunFolder, SittingsAreStarts) {
  const TestFolder folder;
  { RunFolder::create(folder.path(), manifest(), "seeds = 4\n"); }
  std::string text = read_file(folder.path() / "manifest.json");
  const size_t at = text.find("\"starts\"");
  ASSERT_NE(at, std::string::npos) << text;
  atomic_write(folder.path() / "manifest.json", text.replace(at, 8, "\"sittings\""));
  EXPECT_EQ(RunFolder::open(folder.path()).manifest().starts.size(), 1u);
}

TEST(RunFolder, ProgramsThatWorkedOnARunAreKept) {
  const TestFolder folder;
  { RunFolder::create(folder.path(), manifest(), "seeds = 4\n"); }
  Manifest other = manifest();
  other.programs = {"34cd"};
  for (int start = 0; start < 2; ++start) {
    const RunFolder run = RunFolder::create(folder.path(), other, "seeds = 4\n");
    EXPECT_EQ(run.manifest().programs, (std::vector<std::string>{"12ab", "34cd"}));
  }
}

TEST(RunFolder, OtherInputsAreRefusedByName) {
  const TestFolder folder;
  const auto text = folder.path() / "stories.txt", run = folder.path() / "run";
  atomic_write(text, "One day");
  Manifest m = manifest();
  m.inputs[{text.string()}] = content_hash({text.string()});
  { RunFolder::create(run, m, "seeds = 4\n"); }
  EXPECT_TRUE(RunFolder::create(run, m, "seeds = 4\n").resumed());
  EXPECT_EQ(RunFolder::open(run).manifest().inputs, m.inputs);
  const std::string before = read_file(run / "manifest.json");
  atomic_write(text, "One dax");
  Manifest changed = m;
  changed.inputs[{text.string()}] = content_hash({text.string()});
  for (const Manifest& now : {changed, manifest()}) {  // read again, or not yet
    const std::string said = error_of([&] { RunFolder::create(run, now, "seeds = 4\n"); });
    for (const std::string& part :
         {text.string(), short_hash(m.inputs.begin()->second),
          short_hash(changed.inputs.begin()->second), std::string("--anew")})
      EXPECT_NE(said.find(part), std::string::npos) << said;
  }
  EXPECT_EQ(read_file(run / "manifest.json"), before);
}

TEST(RunFolder, IsSetAsideWholeAndNeverOverAnother) {
  const TestFolder folder;
  const auto run = folder.path() / "run";
  EXPECT_EQ(RunFolder::set_aside(run), "");
  make_folder(run);
  EXPECT_EQ(RunFolder::set_aside(run), "");
  for (const char* number : {"1", "2"}) {
    { RunFolder::create(run, manifest(), fmt::format("a = {}\n", number)); }
    EXPECT_EQ(RunFolder::set_aside(run / ""), run.string() + ".before-" + number);
    EXPECT_FALSE(std::filesystem::exists(run));
    EXPECT_EQ(RunFolder::open(run.string() + ".before-" + number).config(),
              fmt::format("a = {}\n", number));
  }
  const RunFolder working = RunFolder::create(run, manifest(), "a = 3\n");
  EXPECT_NE(error_of([&] { RunFolder::set_aside(run); }).find("another process"),
            std::string::npos);
  EXPECT_NE(error_of([&] { RunFolder::set_aside(run / "."); }).find("name the folder"),
            std::string::npos);
  make_folder(folder.path() / "other");
  atomic_write(folder.path() / "other" / "thesis.tex", "precious");
  EXPECT_NE(error_of([&] { RunFolder::set_aside(folder.path() / "other"); }).find("other files"),
            std::string::npos);
}

TEST(RunFolder, AKillDuringTheStartDoesNotSpoilTheFolder) {
  const TestFolder folder;
  { RunFolder::create(folder.path(), manifest(), "seeds = 4\n"); }
  std::filesystem::remove(folder.path() / "config.toml");
  std::filesystem::remove(folder.path() / "checkpoints");
  const RunFolder run = RunFolder::create(folder.path(), manifest(), "seeds = 4\n");
  EXPECT_EQ(run.config(), "seeds = 4\n");
}

TEST(RunFolder, RefusesWhatIsNotItsOwn) {
  const TestFolder folder;
  const auto mine = folder.path() / "mine", other = folder.path() / "other";
  make_folder(other);
  atomic_write(other / "thesis.tex", "precious");
  EXPECT_NE(error_of([&] { RunFolder::create(other, manifest(), "a"); }).find("other files"),
            std::string::npos);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(other), {}), 1) << "left untouched";
  EXPECT_NE(error_of([&] { RunFolder::create(other / "thesis.tex", manifest(), "a"); })
                .find("not a folder"),
            std::string::npos);

  { RunFolder::create(mine, manifest(), "seeds = 4\n"); }
  const std::string before = read_file(mine / "manifest.json");
  EXPECT_NE(error_of([&] { RunFolder::create(mine, manifest(), "seeds = 5\n"); })
                .find("another configuration"),
            std::string::npos);
  Manifest changed = manifest();
  changed.data_hashes["mnist"] = "4567";
  EXPECT_NE(error_of([&] { RunFolder::create(mine, changed, "seeds = 4\n"); }).find("other data"),
            std::string::npos);
  changed = manifest();
  changed.program_version = "0.2.0";
  EXPECT_NE(error_of([&] { RunFolder::create(mine, changed, "seeds = 4\n"); }).find("0.2.0"),
            std::string::npos);
  changed = manifest();
  changed.experiment = "grokking";
  EXPECT_NE(error_of([&] { RunFolder::create(mine, changed, "seeds = 4\n"); }).find("grokking"),
            std::string::npos);
  EXPECT_EQ(read_file(mine / "manifest.json"), before) << "nothing may be overwritten";
  EXPECT_EQ(read_file(mine / "config.toml"), "seeds = 4\n");
}

TEST(RunFolder, RefusesAnotherFormatAndDamage) {
  const TestFolder folder;
  { RunFolder::create(folder.path(), manifest(), "a"); }
  const auto path = folder.path() / "manifest.json";
  std::string text = read_file(path);
  text.replace(text.find("\"format\": 1"), 11, "\"format\": 9");
  atomic_write(path, text);
  EXPECT_NE(error_of([&] { RunFolder::create(folder.path(), manifest(), "a"); }).find("format 9"),
            std::string::npos);
  EXPECT_NE(error_of([&] { RunFolder::open(folder.path()); }).find("format 9"), std::string::npos);
  EXPECT_EQ(read_file(path), text);
  for (const char* damage : {"", "{", "[]", "{\"format\": 1}", "{\"format\": \"x\"}",
                             "{\"format\": 1e300}", "{\"format\": 4294967297}"}) {
    atomic_write(path, damage);
    EXPECT_NE(error_of([&] { RunFolder::create(folder.path(), manifest(), "a"); }), "") << damage;
    EXPECT_EQ(read_file(path), damage);
  }
  std::filesystem::remove(path);
  EXPECT_NE(error_of([&] { RunFolder::open(folder.path()); }).find("no run"), std::string::npos);
}

TEST(RunFolder, OneProcessAtATime) {
  const TestFolder folder;
  const RunFolder run = RunFolder::create(folder.path(), manifest(), "a");
  EXPECT_NE(error_of([&] { RunFolder::create(folder.path(), manifest(), "a"); })
                .find("another process"),
            std::string::npos);
  EXPECT_EQ(RunFolder::open(folder.path()).manifest().experiment, "subliminal-learning");
}

TEST(RunFolder, TellsWhoLeftItWithoutAWord) {
  const TestFolder folder;
  EXPECT_EQ(RunFolder::abandoned_by(folder.path()), "");
  {
    const RunFolder run = RunFolder::create(folder.path(), manifest(), "a");
    EXPECT_EQ(RunFolder::abandoned_by(folder.path()), "") << "somebody works there";
  }
  EXPECT_EQ(RunFolder::abandoned_by(folder.path()), "") << "given back in good order";
  atomic_write(folder.path() / ".lock", "process 12 on host");  // as a kill leaves it
  EXPECT_EQ(RunFolder::abandoned_by(folder.path()), "process 12 on host");
}

}  // namespace
}  // namespace omni
