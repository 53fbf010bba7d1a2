#include "data/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "data/test_support.h"

namespace omni {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::LocalServer;
using test::small_set;
using test::SmallSet;
using testing::AllOf;
using testing::HasSubstr;

// Sets a variable of the environment for one test.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) {
      had_ = true;
      old_ = old;
    }
    value ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~Environment() { had_ ? ::setenv(name_, old_.c_str(), 1) : ::unsetenv(name_); }

 private:
  const char* name_;
  bool had_ = false;
  std::string old_;
};

DataOptions offline(std::vector<fs::path> directories) {
  return {.directories = std::move(directories), .allow_download = false};
}

TEST(DataOptions, DirectoriesInOrder) {
  const TestFolder given;
  const Environment listed("OMNISCALE_DATA", "/a::/b c");
  const Environment cache("XDG_CACHE_HOME", "/cache");
  const DataOptions options = DataOptions::from_environment(given.path());
  EXPECT_EQ(options.directories,
            (std::vector<fs::path>{given.path(), "/a", "/b c", "/cache/omniscale",
                                   "/usr/share/datasets"}));
  EXPECT_EQ(options.cache, "/cache/omniscale");
}

TEST(DataOptions, TheCacheFallsBackToTheHomeFolder) {
  const Environment listed("OMNISCALE_DATA", nullptr);
  const Environment home("HOME", "/home/ada");
  for (const char* unusable : {"", "relative/path"}) {
    const Environment cache("XDG_CACHE_HOME", unusable);
    EXPECT_EQ(DataOptions::from_environment().cache, "/home/ada/.cache/omniscale");
  }
  const Environment cache("XDG_CACHE_HOME", nullptr);
  const Environment homeless("HOME", nullptr);
  EXPECT_EQ(DataOptions::from_environment().directories,
            (std::vector<fs::path>{"/usr/share/datasets"}));
}

TEST(DataOptions, AGivenFolderMustExist) {
  EXPECT_THAT(error_of([] { DataOptions::from_environment("/no/such/folder"); }),
              AllOf(HasSubstr("--data-dir /no/such/folder"), HasSubstr("No such file")));
}

TEST(LoadDataset, AnUnknownNameGetsTheNearest) {
  EXPECT_THAT(error_of([] { load_dataset("mnits", offline({})); }),
              AllOf(HasSubstr("\"mnits\""), HasSubstr("did you mean \"mnist\"")));
}

TEST(LoadDataset, ANamedSetIsNeverReplaced) {
  EXPECT_THAT(error_of([] { load_dataset("mnist", offline({"/nowhere"})); }),
              AllOf(HasSubstr("mnist: not found"), HasSubstr("/nowhere"),
                    HasSubstr("downloads are not allowed")));
}

TEST(LoadImageSet, TheFirstDirectoryWins) {
  const TestFolder first, second;
  const SmallSet small = small_set("tiny");
  small.write(first.path());
  small.write(second.path());
  EXPECT_THAT(load_image_set(small.set, offline({first.path(), second.path()})).source,
              HasSubstr(first.path().string()));
  // An incomplete folder is passed over, and named if nothing else is found.
  fs::remove(first.path() / "tiny" / "train-labels-idx1-ubyte.gz");
  EXPECT_THAT(load_image_set(small.set, offline({first.path(), second.path()})).source,
              HasSubstr(second.path().string()));
  EXPECT_THAT(error_of([&] { load_image_set(small.set, offline({first.path()})); }),
              HasSubstr("lacks train-labels-idx1-ubyte"));
}

TEST(LoadImageSet, DownloadsOnceAndThenReadsTheCache) {
  const SmallSet files = small_set("tiny");
  const LocalServer server([&](const std::string& path) -> test::Reply {
    for (size_t i = 0; i < 4; ++i)
      if (path == files.set.files[i].standard_name() + ".gz")
        return {.body = test::gzip(files.contents[i])};
    return {.status = 404};
  });
  const SmallSet small = small_set("tiny", {server.url("")});
  const TestFolder cache;
  const DataOptions options{.directories = {cache.path()}, .cache = cache.path(),
                            .download = {.plain_http = true}};
  EXPECT_EQ(describe(small.set, options).state, DatasetState::downloadable);
  const Dataset fresh = load_image_set(small.set, options);
  EXPECT_THAT(fresh.source, HasSubstr("downloaded from " + server.url("")));
  const Dataset again = load_image_set(small.set, options);
  EXPECT_THAT(again.source, HasSubstr("files in " + cache.path().string()));
  EXPECT_EQ(fresh.hash, again.hash);
  EXPECT_EQ(server.requests(), 4);
  EXPECT_EQ(describe(small.set, options).state, DatasetState::found);
}

TEST(LoadFirst, TakesWhatIsThereAndSaysWhatIsNot) {
  const TestFolder folder;
  const SmallSet absent = small_set("absent"), there = small_set("there");
  there.write(folder.path());
  const Dataset data = load_first(std::vector{absent.set, there.set}, offline({folder.path()}));
  EXPECT_EQ(data.name, "there");
  EXPECT_EQ(data.requested, "auto");
  EXPECT_THAT(data.note, HasSubstr("absent: not found"));
}

// Two sets whose mirrors all hang, with the default limit of 5 s each: only the first set's
// mirrors are tried, and in a shorter time.
TEST(LoadFirst, WithoutANetworkDigitsComeQuickly) {
  const LocalServer server([](const std::string&) -> test::Reply { return {.hang = true}; });
  const std::vector<std::string> mirrors = {server.url("a/"), server.url("b/")};
  const TestFolder cache;
  const Dataset data =
      load_first(std::vector{small_set("one", mirrors).set, small_set("two", mirrors).set},
                 {.directories = {cache.path()}, .cache = cache.path(),
                  .download = {.plain_http = true}});
  EXPECT_EQ(data.name, "digits");
  EXPECT_EQ(data.requested, "auto");
  EXPECT_EQ(data.train.count(), 60000);
  EXPECT_THAT(data.note, AllOf(HasSubstr("one: not found"), HasSubstr("no answer within 2 s"),
                               HasSubstr("two: not found"), HasSubstr("no download tried")));
  EXPECT_EQ(server.requests(), 2);
  EXPECT_EQ(test::files_in(cache.path()), 0u);
}

TEST(LoadFirst, DamageIsNeverPassedOver) {
  const TestFolder folder;
  const SmallSet damaged = small_set("damaged"), sound = small_set("sound");
  damaged.write(folder.path());
  sound.write(folder.path());
  const fs::path file = folder.path() / "damaged" / "t10k-images-idx3-ubyte.gz";
  test::write_text(file, "rubbish");
  const std::vector sets = {damaged.set, sound.set};
  EXPECT_THAT(error_of([&] { load_first(sets, offline({folder.path()})); }),
              HasSubstr(file.string()));
  const DatasetInfo info = describe(damaged.set, offline({folder.path()}));
  EXPECT_EQ(info.state, DatasetState::damaged);
  EXPECT_THAT(info.problem, HasSubstr(file.string()));
  EXPECT_EQ(test::read_text(file), "rubbish");
}

TEST(ListDatasets, NamesEverySet) {
  const std::vector<DatasetInfo> infos = list_datasets(offline({}));
  std::vector<std::string> names = {"auto"};
  for (const DatasetInfo& info : infos) {
    names.push_back(info.name);
    const Dataset blank = blank_dataset(info.name);
    EXPECT_EQ(blank.train.count(), info.train_count);
    EXPECT_EQ(blank.test.count(), info.test_count);
    EXPECT_EQ(blank.shape, sample_shape(info.name));
    EXPECT_GT(info.train_count, 0) << info.name;
    EXPECT_GT(info.test_count, 0) << info.name;
  }
  EXPECT_EQ(infos[0].train_count, 60000);
  EXPECT_EQ(infos[0].test_count, 10000);
  EXPECT_EQ(sample_shape("auto"), sample_shape("mnist"));
  EXPECT_TRUE(blank_dataset("").train.y.empty());  // of experiments without a data set
  EXPECT_THAT(error_of([] { blank_dataset("mnist2d"); }), HasSubstr("mnist1d"));
  EXPECT_EQ(names, dataset_names());
  EXPECT_EQ(infos[0].state, DatasetState::missing);
  EXPECT_EQ(infos[2].state, DatasetState::generated);
}

// Reads the real files where they are installed, else has nothing to say.
TEST(RealData, FilesHaveTheirKnownChecksums) {
  DataOptions options = DataOptions::from_environment();
  options.allow_download = false;
  int seen = 0;
  for (const ImageSet& set : image_sets()) {
    const DatasetInfo info = describe(set, options);
    if (info.state == DatasetState::missing) continue;
    ++seen;
    EXPECT_EQ(info.state, DatasetState::found) << info.problem;
    const Dataset data = load_dataset(set.name, options);
    EXPECT_EQ(data.train.count(), 60000);
    EXPECT_EQ(data.test.count(), 10000);
    EXPECT_EQ(data.shape, (std::vector<int64_t>{28, 28}));
  }
  if (seen == 0) GTEST_SKIP() << "neither MNIST nor Fashion-MNIST is on this machine";
}

}  // namespace
}  // namespace omni
