#include "data/image_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/test_support.h"

namespace omni {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::gzip;
using test::small_set;
using test::SmallSet;
using testing::AllOf;
using testing::HasSubstr;

Dataset load_from(const SmallSet& small, const fs::path& directory) {
  const auto place = find_image_set(small.set, directory);
  require(place.has_value(), "nothing found");
  return load_image_set(small.set, *place);
}

TEST(ImageSet, LoadsPixelsAndLabels) {
  const TestFolder folder;
  const SmallSet small = small_set("tiny");
  small.write(folder.path());
  const Dataset data = load_from(small, folder.path());
  EXPECT_EQ(data.name, "tiny");
  EXPECT_EQ(data.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(data.train.count(), 6);
  EXPECT_EQ(data.test.count(), 2);
  EXPECT_EQ(data.train.y, (std::vector<int32_t>{0, 1, 2, 3, 4, 9}));
  EXPECT_EQ(data.test.y, (std::vector<int32_t>{7, 8}));
  EXPECT_EQ(data.train.x.u8()[35], 5 * 35);
  EXPECT_EQ(data.test.x.u8()[0], 5 * 36);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(data.train.x.bytes().data()) % 64, 0u);
  EXPECT_EQ(data.hash, content_hash(data.train, data.test));
  EXPECT_THAT(data.source, HasSubstr((folder.path() / "tiny").string()));
}

TEST(ImageSet, FindsEveryWayTheFilesMayLie) {
  const SmallSet small = small_set("tiny");
  for (const char* joint : {"-", "."})
    for (const bool packed : {false, true})
      for (const char* where : {"data/tiny", "tiny"}) {
        const TestFolder folder;
        for (size_t i = 0; i < 4; ++i) {
          const std::string name = small.set.files[i].stem + joint +
                                   (i % 2 == 0 ? "idx3-ubyte" : "idx1-ubyte");
          test::write_text(folder.path() / where / (name + (packed ? ".gz" : "")),
                           packed ? gzip(small.contents[i]) : small.contents[i]);
        }
        const fs::path directory = folder.path() / (where[0] == 'd' ? "data" : "tiny/");
        EXPECT_EQ(load_from(small, directory).train.count(), 6) << joint << packed << where;
      }
}

// torchvision's datasets.MNIST(root) keeps root/MNIST/raw/train-images-idx3-ubyte and its .gz.
TEST(ImageSet, FindsTorchvisionsLayout) {
  SmallSet small = small_set("tiny");
  small.set.other_names = {"TINY"};
  for (const char* where : {"data/TINY/raw", "data/tiny/raw", "data/TINY"})
    for (const bool packed : {false, true}) {
      const TestFolder folder;
      for (size_t i = 0; i < 4; ++i)
        test::write_text(
            folder.path() / where / (small.set.files[i].standard_name() + (packed ? ".gz" : "")),
            packed ? gzip(small.contents[i]) : small.contents[i]);
      for (fs::path p = folder.path() / where; p != folder.path(); p = p.parent_path())
        EXPECT_EQ(load_from(small, p).train.count(), 6) << p << packed;
    }
}

TEST(ImageSet, ACompletePlaceGoesBeforeAnIncompleteOne) {
  const TestFolder folder;
  const SmallSet small = small_set("tiny");
  small.write(folder.path());
  fs::create_directory(folder.path() / "tiny" / "raw");
  for (const char* file : {"train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"})
    fs::copy(folder.path() / "tiny" / file, folder.path() / "tiny" / "raw" / file);
  EXPECT_EQ(find_image_set(small.set, folder.path())->folder, folder.path() / "tiny");
  fs::remove(folder.path() / "tiny" / "t10k-labels-idx1-ubyte.gz");
  EXPECT_FALSE(find_image_set(small.set, folder.path())->complete());
}

TEST(ImageSet, NamesFormsThatAreNotRead) {
  const SmallSet small = small_set("tiny");
  const auto found = [&](const char* file) {
    const TestFolder folder;
    test::write_text(folder.path() / file, "x");
    return other_form_of(small.set, folder.path());
  };
  EXPECT_THAT(found("tiny.npz"), HasSubstr("tiny.npz (Keras' archive)"));
  EXPECT_THAT(found("tiny/processed/training.pt"), HasSubstr("torchvision's tensors"));
  EXPECT_THAT(found("tiny_train.csv"), HasSubstr("a CSV file"));
  EXPECT_THAT(found("t10k-images-idx3-ubyte.gz"), HasSubstr("does not say of which set"));
  EXPECT_EQ(found("other.npz"), "");
}

TEST(ImageSet, AFolderOfAnotherNameIsNotTaken) {
  const TestFolder folder;
  const SmallSet small = small_set("tiny");
  small.write(folder.path());
  fs::rename(folder.path() / "tiny", folder.path() / "other");
  EXPECT_FALSE(find_image_set(small.set, folder.path() / "other"));
  EXPECT_FALSE(find_image_set(small.set, folder.path() / "absent"));
}

TEST(ImageSet, SaysWhenOnlySomeFilesAreThere) {
  const TestFolder folder;
  const SmallSet small = small_set("tiny");
  small.write(folder.path());
  fs::remove(folder.path() / "tiny" / "t10k-labels-idx1-ubyte.gz");
  const auto place = find_image_set(small.set, folder.path());
  ASSERT_TRUE(place.has_value());
  EXPECT_FALSE(place->complete());
  EXPECT_TRUE(place->paths[3].empty());
}

// Every single bit of every file, plain: an error that names the file, and the file untouched.
TEST(ImageSet, EveryFlippedBitIsAnErrorThatNamesTheFile) {
  const SmallSet small = small_set("tiny");
  for (size_t f = 0; f < 4; ++f)
    for (size_t bit = 0; bit < 8 * small.contents[f].size(); ++bit) {
      std::string flipped = small.contents[f];
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      const std::string text = error_of(
          [&] { verify_image_file(small.set.files[f], test::bytes_of(flipped), "some/file"); });
      EXPECT_THAT(text, AllOf(HasSubstr("some/file: expected"), HasSubstr("found"))) << bit;
    }
}

TEST(ImageSet, ErrorsNameFileExpectedAndFound) {
  const SmallSet small = small_set("tiny");
  const auto with = [&](const std::string& content) {
    const TestFolder folder;
    small.write(folder.path());
    const fs::path file = folder.path() / "tiny" / "train-images-idx3-ubyte.gz";
    test::write_text(file, content);
    const std::string text = error_of([&] { load_from(small, folder.path()); });
    EXPECT_THAT(text, HasSubstr(file.string()));
    EXPECT_EQ(test::read_text(file), content) << "a damaged file was overwritten";
    return text;
  };
  const std::string& images = small.contents[0];
  EXPECT_THAT(with(images.substr(0, 40)), HasSubstr("expected 36 elements"));
  EXPECT_THAT(with(gzip(images).substr(0, 30)), HasSubstr("cut off"));
  EXPECT_THAT(with(small.contents[1]), AllOf(HasSubstr("0x00000803"), HasSubstr("0x00000801")));
  EXPECT_THAT(with(small.contents[2]), AllOf(HasSubstr("expected 52 bytes"), HasSubstr("28")));
  std::string other = images;
  other.back() ^= 1;
  EXPECT_THAT(with(gzip(other)),
              AllOf(HasSubstr(small.set.files[0].sha256), HasSubstr(sha256_hex(other))));
  EXPECT_THAT(with(""), HasSubstr("found 0 bytes"));
}

// Right checksums do not make a set sound: the catalogue itself might pair the wrong files.
TEST(ImageSet, ChecksThatFilesBelongTogether) {
  SmallSet small = small_set("tiny");
  const auto replace = [&](size_t i, const std::string& content) {
    small.contents[i] = content;
    small.set.files[i].bytes = content.size();
    small.set.files[i].sha256 = sha256_hex(content);
    const TestFolder folder;
    small.write(folder.path());
    return error_of([&] { load_from(small, folder.path()); });
  };
  EXPECT_THAT(replace(1, test::idx_file({5}, {0, 1, 2, 3, 4})), HasSubstr("expected 6 labels"));
  EXPECT_THAT(replace(1, test::idx_file({6}, {0, 1, 2, 3, 4, 10})),
              HasSubstr("found 10 at sample 5"));
  small = small_set("tiny");
  EXPECT_THAT(replace(2, test::idx_file({2, 3, 2}, std::string(12, 'x'))), HasSubstr("3 x 2"));
}

TEST(ImageSet, DownloadsOnlyWhatIsMissing) {
  const SmallSet files = small_set("tiny");
  const test::LocalServer server([&](const std::string& path) -> test::Reply {
    for (size_t i = 0; i < 4; ++i)
      if (path == "m/" + files.set.files[i].standard_name() + ".gz")
        return {.body = gzip(files.contents[i])};
    return {.status = 404};
  });
  const SmallSet small = small_set("tiny", {server.url("gone/"), server.url("m/")});
  const TestFolder cache;
  DownloadOptions options;
  options.plain_http = true;
  EXPECT_EQ(download_image_set(small.set, cache.path(), options),
            server.url("m/t10k-labels-idx1-ubyte.gz"));
  EXPECT_EQ(server.requests(), 8);
  fs::remove(cache.path() / "tiny" / "t10k-images-idx3-ubyte.gz");
  download_image_set(small.set, cache.path(), options);
  EXPECT_EQ(server.requests(), 10);
  EXPECT_EQ(load_from(small, cache.path()).train.count(), 6);
  EXPECT_EQ(test::files_in(cache.path()), 4u);
}

// The limit is the wanted file's size, whatever the options allow: neither a large file nor a small
// one that unpacks to a large one is taken in.
TEST(ImageSet, TakesInNoMoreThanTheWantedFilesSize) {
  const std::string zeros(64 << 20, '\0'), bomb = gzip(zeros);
  ASSERT_LT(bomb.size(), size_t{1} << 20);
  const test::LocalServer server([&](const std::string& path) -> test::Reply {
    return {.body = path.starts_with("bomb/") ? bomb : zeros};
  });
  const TestFolder cache;
  DownloadOptions options;
  options.plain_http = true;
  const auto refused = [&](const char* folder) {
    const SmallSet small = small_set("tiny", {server.url(folder)});
    const std::string text =
        error_of([&] { download_image_set(small.set, cache.path(), options); });
    EXPECT_EQ(test::files_in(cache.path()), 0u);
    return text;
  };
  EXPECT_THAT(refused("bomb/"), HasSubstr("after decompression, found more"));
  EXPECT_THAT(refused("large/"), HasSubstr("expected at most"));
}

}  // namespace
}  // namespace omni
