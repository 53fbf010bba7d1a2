#include "store/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/error.h"
#include "base/test_folder.h"
#include "store/files.h"

namespace omni::safetensors {
namespace {

std::string with_header(const std::string& header, const std::string& data = "") {
  const uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + data;
}

TEST(Safetensors, RoundTripIsExact) {
  const TestFolder folder;
  File file;
  const std::vector<float> values = {1, -0.0f, 3.5f, 1e-42f, INFINITY, NAN};
  file.arrays["fc1.weight"] = Array::of(values, {2, 3});
  file.arrays["empty"] = {Dtype::i64, {0, 4}, {}};
  file.arrays["scalar"] = {Dtype::bf16, {}, std::vector<std::byte>(2, std::byte{7})};
  file.arrays["labels \"é"] = {Dtype::u8, {3}, std::vector<std::byte>(3, std::byte{1})};
  file.arrays["state"] = {Dtype::u32, {2}, std::vector<std::byte>(8, std::byte{2})};
  file.metadata = {{"step", "17"}};
  write(folder.path() / "a", file);
  const File back = read(folder.path() / "a");
  EXPECT_EQ(back.metadata, file.metadata);
  ASSERT_EQ(back.arrays.size(), file.arrays.size());
  for (const auto& [name, array] : file.arrays) {
    EXPECT_EQ(back.arrays.at(name).dtype, array.dtype);
    EXPECT_EQ(back.arrays.at(name).shape, array.shape);
    EXPECT_EQ(back.arrays.at(name).bytes, array.bytes);
  }
  EXPECT_EQ(back.arrays.at("fc1.weight").floats()[2], 3.5f);
  EXPECT_THROW(back.arrays.at("state").floats(), UserError);
  write(folder.path() / "b", back);
  EXPECT_EQ(read_file(folder.path() / "a"), read_file(folder.path() / "b"));
}

// A file in the form that the format's own library writes.
TEST(Safetensors, ReadsAForeignFile) {
  const TestFolder folder;
  std::string data(8, '\0');
  const float values[] = {1.5f, -2.0f};
  std::memcpy(data.data(), values, 8);
  atomic_write(folder.path() / "a",
               with_header(R"({"__metadata__":{"format":"pt"},)"
                           R"("w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}   )",
                           data));
  const File file = read(folder.path() / "a");
  EXPECT_EQ(file.metadata.at("format"), "pt");
  EXPECT_EQ(file.arrays.at("w").floats(), (std::vector<float>{1.5f, -2.0f}));
}

TEST(Safetensors, RefusesEveryLieOfAHeader) {
  const TestFolder folder;
  const std::string data(8, 'x');
  const auto one = [](const std::string& dtype, const std::string& shape,
                      const std::string& range) {
    return R"({"w":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + range +
           "}}";
  };
  std::string huge(8, '\xff');
  const std::vector<std::pair<const char*, std::string>> lies = {
      {"empty", ""},
      {"too short", "abc"},
      {"huge header", huge + "{}"},
      {"header past the end", std::string("\x10\0\0\0\0\0\0\0{}", 10)},
      {"no JSON", with_header("{\"w\":", data)},
      {"no object", with_header("[]", "")},
      {"unknown type", with_header(one("F13", "[2]", "[0,8]"), data)},
      {"shape too large", with_header(one("F32", "[3]", "[0,8]"), data)},
      {"shape overflows", with_header(one("F32", "[4611686018427387905,4]", "[0,8]"), data)},
      {"negative extent", with_header(one("F32", "[-2]", "[0,8]"), data)},
      {"fraction", with_header(one("F32", "[2.0]", "[0,8]"), data)},
      {"past the end", with_header(one("F32", "[4]", "[0,16]"), data)},
      {"backwards", with_header(one("F32", "[2]", "[8,0]"), data)},
      {"hole before", with_header(one("F32", "[1]", "[4,8]"), data)},
      {"bytes left over", with_header(one("F32", "[1]", "[0,4]"), data)},
      {"three offsets", with_header(one("F32", "[2]", "[0,4,8]"), data)},
      {"no shape", with_header(R"({"w":{"dtype":"F32","data_offsets":[0,8]}})", data)},
      {"value is a number", with_header(R"({"w":3})", "")},
      {"metadata of numbers", with_header(R"({"__metadata__":{"a":3}})", "")},
      {"overlap", with_header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                              R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                              data)},
      {"name twice", with_header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                                 R"("a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                                 data)},
      {"key twice", with_header(R"({"a":{"dtype":"U8","dtype":"F32","shape":[2],)"
                                R"("data_offsets":[0,8]}})",
                                data)},
      {"deep", with_header("{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}")},
  };
  for (const auto& [name, bytes] : lies) {
    atomic_write(folder.path() / "a", bytes);
    EXPECT_THROW(read(folder.path() / "a"), UserError) << name;
  }
  EXPECT_THROW(read(folder.path() / "missing"), UserError);
}

// The format's limit holds before memory is asked for. The file is sparse.
TEST(Safetensors, AHeaderBeyondTheLimitIsRefusedUnread) {
  const TestFolder folder;
  const auto path = folder.path() / "a";
  constexpr uint64_t kLength = 100'000'001;
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &kLength, 8);
  atomic_write(path, bytes);
  std::filesystem::resize_file(path, 8 + kLength);
  try {
    read(path);
    ADD_FAILURE() << "it was read";
  } catch (const UserError& e) {
    EXPECT_NE(std::string(e.what()).find("a header of 100000001 bytes"), std::string::npos)
        << e.what();
  }
}

TEST(Safetensors, EveryCutIsNoticed) {
  const TestFolder folder;
  File file;
  file.arrays["w"] = Array::of(std::vector<float>{1, 2, 3}, {3});
  write(folder.path() / "a", file);
  const std::string whole = read_file(folder.path() / "a");
  for (size_t n = 0; n < whole.size(); ++n) {
    atomic_write(folder.path() / "b", whole.substr(0, n));
    EXPECT_THROW(read(folder.path() / "b"), UserError) << n;
  }
}

}  // namespace
}  // namespace omni::safetensors
