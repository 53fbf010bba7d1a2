#include "data/download.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>


#include "data/test_support.h"

namespace omni {
namespace {

using test::error_of;
using test::LocalServer;
using test::read_text;
using test::Reply;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

const std::string kBody(5000, 'k');

void verify_body(const std::vector<std::byte>& bytes) {
  require(bytes == test::bytes_of(kBody), "expected SHA-256 k, found another");
}

Reply answer(const std::string& path) {
  if (path == "good") return {.body = kBody};
  if (path == "wrong") return {.body = std::string(5000, 'w')};
  if (path == "busy") return {.status = 503, .body = "later"};
  if (path == "cut") return {.body = kBody, .send = 1234};
  if (path == "hang") return {.hang = true};
  if (path == "slow") return {.body = kBody, .pause_s = 0.05};
  if (path == "moved")
    return {.status = 302, .body = "", .header = "Location: http://127.0.0.1:1/good\r\n"};
  if (path == "moved-to-a-file")
    return {.status = 302, .body = "", .header = "Location: file:///etc/passwd\r\n"};
  if (path == "unannounced") return {.body = kBody, .length = "none"};
  if (path == "endless") return {.body = std::string(1 << 20, 'e'), .length = "none"};
  if (path == "shorter") return {.body = kBody, .length = "4000"};
  if (path == "longer") return {.body = kBody, .length = "6000"};
  return {.status = 404, .body = "?"};
}

class Download : public testing::Test {
 protected:
  Download() {
    options.plain_http = true;
    options.answer_timeout_s = 300;  // however busy the machine
    options.slow_window_s = 300;
  }
  std::string fetch(const std::vector<std::string>& paths) {
    std::vector<std::string> mirrors;
    for (const std::string& path : paths) mirrors.push_back(server.url(path));
    return download(mirrors, file, verify_body, options);
  }
  // The failure of a mirror alone: nothing may lie in the folder afterwards.
  std::string failure(const std::string& path) {
    const std::string text = error_of([&] { fetch({path}); });
    EXPECT_EQ(test::files_in(folder.path()), 0u);
    EXPECT_THAT(text, AllOf(HasSubstr("thing.gz"), HasSubstr(server.url(path))));
    return text;
  }

  LocalServer server{answer};
  TestFolder folder;
  std::filesystem::path file = folder.path() / "cache" / "thing.gz";
  DownloadOptions options;
};

TEST_F(Download, PutsTheFileInPlaceAndTellsItsProgress) {
  int64_t last = 0, total = 0;
  options.progress = [&](const DownloadProgress& p) {
    EXPECT_GE(p.received_bytes, last);
    last = p.received_bytes;
    total = p.total_bytes;
  };
  EXPECT_EQ(fetch({"good"}), server.url("good"));
  EXPECT_EQ(read_text(file), kBody);
  EXPECT_EQ(test::files_in(folder.path()), 1u);
  EXPECT_EQ(last, 5000);
  EXPECT_EQ(total, 5000);
}

TEST_F(Download, ProgressRunsDuringASlowTransfer) {
  int calls = 0;
  options.slowest_bytes_per_s = 1;
  options.progress = [&](const DownloadProgress& p) {
    EXPECT_EQ(p.total_bytes, 5000);
    if (++calls == 3) throw UserError("cancelled");
  };
  EXPECT_EQ(error_of([&] { fetch({"slow"}); }), "cancelled");
  EXPECT_EQ(test::files_in(folder.path()), 0u);
}

// libcurl's words differ between its versions.
auto cut_off() { return AnyOf(HasSubstr("remaining"), HasSubstr("bytes missing")); }
auto switched_off() { return AnyOf(HasSubstr("not supported"), HasSubstr("disabled")); }

TEST_F(Download, RefusesWrongBytes) { EXPECT_THAT(failure("wrong"), HasSubstr("SHA-256")); }
TEST_F(Download, ReportsAServersError) { EXPECT_THAT(failure("busy"), HasSubstr("503")); }
TEST_F(Download, NoticesACutConnection) { EXPECT_THAT(failure("cut"), cut_off()); }
TEST_F(Download, NeverLeavesTlsByARedirect) {
  EXPECT_THAT(failure("moved"), switched_off());
}
TEST_F(Download, NeverReadsAFileByARedirect) {
  EXPECT_THAT(failure("moved-to-a-file"), switched_off());
}
TEST_F(Download, TakesHttpsAloneUnlessTold) {
  options.plain_http = false;
  EXPECT_THAT(failure("good"), switched_off());
  EXPECT_EQ(server.requests(), 0);
}
TEST_F(Download, KeepsToTheSizeLimit) {
  options.largest_bytes = 4999;
  EXPECT_THAT(failure("good"), HasSubstr("at most 4999 bytes"));
  EXPECT_THAT(failure("unannounced"), HasSubstr("at most 4999 bytes"));
  EXPECT_THAT(failure("endless"), HasSubstr("at most 4999 bytes"));
}
TEST_F(Download, NoticesAWrongLength) {
  EXPECT_THAT(failure("shorter"), HasSubstr("SHA-256"));
  EXPECT_THAT(failure("longer"), cut_off());
  EXPECT_EQ(fetch({"unannounced"}), server.url("unannounced"));
}

TEST_F(Download, GivesUpOnAMirrorThatHangs) {
  options.answer_timeout_s = 0.3;
  EXPECT_THAT(failure("hang"), HasSubstr("no answer within 0.3 s"));
}

TEST_F(Download, GivesUpOnAMirrorThatCrawls) {
  options.slow_window_s = 1;
  EXPECT_THAT(failure("slow"), HasSubstr("slow"));
}

TEST_F(Download, GoesOnToTheNextMirror) {
  EXPECT_EQ(fetch({"busy", "wrong", "cut", "good"}), server.url("good"));
  EXPECT_EQ(read_text(file), kBody);
}

TEST_F(Download, ListsWhatEachMirrorDid) {
  EXPECT_THAT(error_of([&] { fetch({"busy", "wrong"}); }),
              AllOf(HasSubstr("busy: "), HasSubstr("503"), HasSubstr("wrong: "),
                    HasSubstr("SHA-256")));
}

TEST_F(Download, TellsAnAbsentNetworkFromAFaultyMirror) {
  const auto reached = [&](const std::string& url) {
    try {
      download(std::vector{url}, file, verify_body, options);
    } catch (const DownloadError& error) {
      return error.reached;
    }
    ADD_FAILURE() << "no error";
    return false;
  };
  EXPECT_TRUE(reached(server.url("busy")));
  EXPECT_TRUE(reached(server.url("cut")));
  EXPECT_FALSE(reached("http://127.0.0.1:1/refused"));
  options.answer_timeout_s = 0.3;
  EXPECT_FALSE(reached(server.url("hang")));
}

TEST_F(Download, AFailureLeavesWhatWasThere) {
  test::write_text(file, "precious");
  EXPECT_NE(error_of([&] { fetch({"wrong", "cut"}); }), "no error");
  EXPECT_EQ(read_text(file), "precious");
  EXPECT_EQ(test::files_in(folder.path()), 1u);
}

TEST(WriteInOneStep, SaysWhyItCannotWrite) {
  const TestFolder folder;
  test::write_text(folder.path() / "file", "x");
  const auto inside = folder.path() / "file" / "below";
  EXPECT_THAT(error_of([&] { write_in_one_step(inside, test::bytes_of("y")); }),
              AllOf(HasSubstr("file"), HasSubstr("cannot be made")));
  // A folder in the way: the temporary file must not stay behind.
  std::filesystem::create_directories(folder.path() / "taken" / "child");
  EXPECT_THAT(error_of([&] { write_in_one_step(folder.path() / "taken", test::bytes_of("y")); }),
              HasSubstr("renaming failed"));
  EXPECT_EQ(test::files_in(folder.path()), 1u);
}

}  // namespace
}  // namespace omni
