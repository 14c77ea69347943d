//===- SafetensorsTest.cpp - Tests of checkpoint files --------------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"

#include "pi/Runtime/Safetensors.h"

#include <chrono>
#include <cstring>

#include <sys/stat.h>
#include <unistd.h>

using namespace pi_runtime;

namespace {
class SafetensorsTest : public testing::Test {
protected:
  /// Writes a file with this header and `dataSize` bytes of data.
  std::string write(const std::string &header, size_t dataSize) {
    std::string path = directory.path("model.safetensors");
    writeFile(path, bytesOf<uint64_t>(header.size()) + header +
                        std::string(dataSize, '\1'));
    return path;
  }

  void writeTensor(const std::string &file, const std::string &name) {
    std::vector<float> data(6, 1.0f);
    EXPECT_TRUE(succeeds(writeSafetensors(
        directory.path(file), {{{name, DataType::F32, {2, 3}}, data.data()}})));
  }

  Status openCheckpoint(const std::string &name) {
    Result<Checkpoint> checkpoint = Checkpoint::open(directory.path(name));
    return checkpoint ? Status::success() : checkpoint.status();
  }

  TemporaryDirectory directory;
};
} // namespace

TEST_F(SafetensorsTest, RoundTripKeepsNamesTypesShapesAndData) {
  std::vector<float> matrix = {1, 2, 3, 4, 5, 6};
  std::vector<int64_t> ids = {7, -8};
  float scalar = 0.5f;
  std::string path = directory.path("out.safetensors");
  ASSERT_TRUE(succeeds(
      writeSafetensors(path, {{{"z", DataType::F32, {2, 3}}, matrix.data()},
                              {{"ids", DataType::I64, {2}}, ids.data()},
                              {{"empty", DataType::F32, {0, 3}}, nullptr},
                              {{"a", DataType::F32, {}}, &scalar}})));
  Result<SafetensorsFile> file = SafetensorsFile::open(path);
  ASSERT_TRUE(succeeds(file.status()));
  ASSERT_EQ(file->tensors().size(), 4u);
  const TensorView &read = file->tensors().at("z");
  EXPECT_EQ(read.info.dtype, DataType::F32);
  EXPECT_EQ(read.info.shape, (Shape{2, 3}));
  EXPECT_EQ(std::memcmp(read.data, matrix.data(), 24), 0);
  EXPECT_EQ(std::memcmp(file->tensors().at("ids").data, ids.data(), 16), 0);
  EXPECT_EQ(file->tensors().at("empty").info.byteSize(), 0u);
  EXPECT_EQ(std::memcmp(file->tensors().at("a").data, &scalar, 4), 0);
  // Data starts where readers can map it as numbers.
  uint64_t headerSize;
  std::memcpy(&headerSize, readFile(path).data(), sizeof(headerSize));
  EXPECT_EQ(headerSize % 8, 0u);
}

TEST_F(SafetensorsTest, EveryTruncationIsAnErrorThatNamesTheFile) {
  writeTensor("model.safetensors", "w");
  std::string bytes = readFile(directory.path("model.safetensors"));
  std::string path = directory.path("cut.safetensors");
  for (size_t size = 0; size < bytes.size(); ++size) {
    writeFile(path, bytes.substr(0, size));
    EXPECT_TRUE(failsWith(SafetensorsFile::open(path).status(),
                          ErrorKind::InvalidFile, "cut.safetensors"))
        << size << " bytes";
  }
}

TEST_F(SafetensorsTest, FlippedBytesNeverCrash) {
  writeTensor("model.safetensors", "w");
  std::string valid = readFile(directory.path("model.safetensors"));
  std::string path = directory.path("changed.safetensors");
  for (size_t i = 0; i < valid.size(); ++i)
    for (int change : {0x01, 0x20, 0x80, 0xff}) {
      std::string bytes = valid;
      bytes[i] = static_cast<char>(bytes[i] ^ change);
      writeFile(path, bytes);
      (void)SafetensorsFile::open(path).ok();
    }
}

TEST_F(SafetensorsTest, HugeHeaderSizeIsAnError) {
  std::string path = directory.path("model.safetensors");
  for (uint64_t size : {~uint64_t(0), uint64_t(1) << 62, uint64_t(1) << 30}) {
    writeFile(path, bytesOf(size) + "{}");
    EXPECT_TRUE(failsWith(SafetensorsFile::open(path).status(),
                          ErrorKind::InvalidFile, "not a safetensors file"));
  }
}

TEST_F(SafetensorsTest, ManyTensorsAreReadInLinearTime) {
  std::string header;
  for (int i = 0; i < 100000; ++i)
    header += (i ? ",\"" : "{\"") + std::to_string(i) +
              R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
  std::string path = write(header + "}", 0);
  auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(succeeds(SafetensorsFile::open(path).status()));
  // A tenth of a second, where quadratic time is half a minute.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(SafetensorsTest, MoreDimensionsThanATensorHasAreAnError) {
  auto open = [&](size_t rank) {
    std::string shape = "1";
    for (size_t i = 1; i < rank; ++i)
      shape += ",1";
    return SafetensorsFile::open(write(R"({"w":{"dtype":"F32","shape":[)" +
                                           shape +
                                           R"(],"data_offsets":[0,4]}})",
                                       4))
        .status();
  };
  EXPECT_TRUE(succeeds(open(64)));
  EXPECT_TRUE(failsWith(open(65), ErrorKind::InvalidFile,
                        "': w.shape: expected at most 64 elements, found 65"));
}

TEST_F(SafetensorsTest, PipeIsNoFile) {
  std::string path = directory.path("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  ::alarm(20); // Opening a pipe that nobody writes to waits for ever.
  EXPECT_TRUE(failsWith(SafetensorsFile::open(path).status(),
                        ErrorKind::InvalidFile, "not a regular file"));
  ::alarm(0);
}

TEST_F(SafetensorsTest, MetadataIsSkipped) {
  std::string path = write(
      R"({"__metadata__":{"format":"pt"},"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
      2);
  Result<SafetensorsFile> file = SafetensorsFile::open(path);
  ASSERT_TRUE(succeeds(file.status()));
  EXPECT_EQ(file->tensors().size(), 1u);
}

/// A header, the bytes of data that follow it, and the error it gives.
struct BadHeader {
  const char *header;
  size_t dataSize;
  const char *error;
};

class BadHeaderTest : public SafetensorsTest,
                      public testing::WithParamInterface<BadHeader> {};

TEST_P(BadHeaderTest, IsAnError) {
  std::string path = write(GetParam().header, GetParam().dataSize);
  EXPECT_TRUE(failsWith(SafetensorsFile::open(path).status(),
                        ErrorKind::InvalidFile, GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(
    Headers, BadHeaderTest,
    testing::Values(
        BadHeader{"", 0, "header: not valid JSON"},
        BadHeader{"[]", 0, "header: JSON is not an object"},
        BadHeader{"{\"w\":", 0, "not valid JSON"},
        BadHeader{"{} {}", 0, "not valid JSON"},
        BadHeader{"{\"\xff\":1}", 0, "not valid JSON"},
        BadHeader{"{\"w\":1}", 0, "w: expected an object"},
        BadHeader{"{\"w\":{}}", 0, "w.dtype: missing; expected a string"},
        BadHeader{"{\"__metadata__\":{\"a\":1}}", 0,
                  "__metadata__.a: expected a string"},
        BadHeader{R"({"w":{"dtype":"F33","shape":[],"data_offsets":[0,4]}})", 4,
                  "w: unknown dtype 'F33'"},
        BadHeader{R"({"w":{"dtype":"F32","data_offsets":[0,4]}})", 4,
                  "w.shape: missing; expected an array"},
        BadHeader{R"({"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})",
                  4, "w.shape[0]: expected an integer in [0,"},
        BadHeader{R"({"w":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})",
                  4, "w.shape[0]: expected an integer"},
        BadHeader{R"({"w":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}})",
                  4, "w.shape[0]: expected an integer"},
        BadHeader{
            R"({"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})",
            0, "has more than 2^48 elements"},
        BadHeader{
            R"({"w":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}})",
            4, "w.shape[0]"},
        BadHeader{R"({"w":{"dtype":"F32","shape":[1]}})", 4,
                  "w.data_offsets: missing"},
        BadHeader{R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4,
                  "data_offsets: expected two numbers"},
        BadHeader{R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})",
                  4, "w.data_offsets: expected at most 2 elements, found 3"},
        BadHeader{R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}})",
                  4, "w.data_offsets[0]"},
        BadHeader{R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})",
                  4, "do not hold the 4 bytes"},
        BadHeader{R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})",
                  4, "do not hold the 8 bytes of F32 with shape 2"},
        BadHeader{R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})",
                  8, "do not hold the 4 bytes"},
        BadHeader{
            R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,18446744073709551616]}})",
            4, "w.data_offsets[0]"},
        BadHeader{R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                  4, "truncated: tensor 'w' ends at byte 8"},
        BadHeader{R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                  8, "4 bytes after the last tensor"},
        BadHeader{R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                  8, "a gap after the tensor that ends at 0"},
        BadHeader{
            R"({"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
            8, "tensor 'w' starts at byte 4 of the data; it overlaps"},
        BadHeader{
            R"({"w":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"w":{"dtype":"U8","shape":[],"data_offsets":[0,1]}})",
            1, "names the field 'w' twice"}));

//===----------------------------------------------------------------------===//
// Checkpoints
//===----------------------------------------------------------------------===//

TEST_F(SafetensorsTest, DirectoryWithOneFile) {
  writeTensor("model.safetensors", "transformer.wte.weight");
  Result<Checkpoint> checkpoint = Checkpoint::open(directory.path());
  ASSERT_TRUE(succeeds(checkpoint.status()));
  const TensorView *tensor = checkpoint->find("wte.weight");
  ASSERT_TRUE(tensor);
  EXPECT_EQ(checkpoint->fileOf(*tensor), directory.path("model.safetensors"));
  EXPECT_FALSE(checkpoint->find("wpe.weight"));
  // The head is tied where the checkpoint has none of its own.
  EXPECT_EQ(checkpoint->find("lm_head.weight"), tensor);
}

TEST_F(SafetensorsTest, OwnHeadIsNotTied) {
  std::vector<float> table(4, 1.0f), head(4, 2.0f);
  ASSERT_TRUE(succeeds(writeSafetensors(
      directory.path("model.safetensors"),
      {{{"transformer.wte.weight", DataType::F32, {4}}, table.data()},
       {{"lm_head.weight", DataType::F32, {4}}, head.data()}})));
  Result<Checkpoint> checkpoint = Checkpoint::open(directory.path());
  ASSERT_TRUE(succeeds(checkpoint.status()));
  EXPECT_EQ(
      std::memcmp(checkpoint->find("lm_head.weight")->data, head.data(), 16),
      0);
}

TEST_F(SafetensorsTest, ShardedCheckpoint) {
  writeTensor("model-00001.safetensors", "wte.weight");
  writeTensor("model-00002.safetensors", "ln_f.weight");
  writeFile(directory.path("model.safetensors.index.json"),
            R"({"metadata":{"total_size":48},"weight_map":{
                "wte.weight":"model-00001.safetensors",
                "ln_f.weight":"model-00002.safetensors"}})");
  for (const std::string &path :
       {directory.path(), directory.path("model.safetensors.index.json")}) {
    Result<Checkpoint> checkpoint = Checkpoint::open(path);
    ASSERT_TRUE(succeeds(checkpoint.status()));
    EXPECT_EQ(checkpoint->tensors().size(), 2u);
    const TensorView *tensor = checkpoint->find("ln_f.weight");
    ASSERT_TRUE(tensor);
    EXPECT_EQ(checkpoint->fileOf(*tensor),
              directory.path("model-00002.safetensors"));
  }
}

TEST_F(SafetensorsTest, BadIndexIsAnError) {
  writeTensor("model-00001.safetensors", "wte.weight");
  auto expectError = [&](const std::string &index, const std::string &error) {
    writeFile(directory.path("model.safetensors.index.json"), index);
    EXPECT_TRUE(failsWith(openCheckpoint("model.safetensors.index.json"),
                          ErrorKind::InvalidFile, error))
        << index;
  };
  expectError("", "index.json': not valid JSON");
  expectError("{}", "weight_map: missing");
  expectError(R"({"weight_map":{"w":1}})", "weight_map.w: expected a string");
  expectError(R"({"weight_map":{"w":"../w.safetensors"}})",
              "'../w.safetensors' is no file beside the index");
  expectError(R"({"weight_map":{"w":""}})", "is no file beside the index");
  expectError(R"({"weight_map":{"w":"absent.safetensors"}})",
              "absent.safetensors': No such file");
  expectError(R"({"weight_map":{"w":"model-00001.safetensors"}})",
              "tensor 'w' is not in");
}

TEST_F(SafetensorsTest, DirectoryWithoutACheckpointIsAnError) {
  EXPECT_TRUE(failsWith(openCheckpoint(""), ErrorKind::InvalidFile,
                        "has neither model.safetensors nor"));
  writeFile(directory.path("pytorch_model.bin"), "");
  EXPECT_TRUE(failsWith(openCheckpoint(""), ErrorKind::InvalidFile,
                        "pytorch_model.bin is not read"));
  EXPECT_TRUE(failsWith(openCheckpoint("absent"), ErrorKind::InvalidFile,
                        "absent': No such file"));
}

//===----------------------------------------------------------------------===//
// Output files
//===----------------------------------------------------------------------===//

TEST_F(SafetensorsTest, OutputAppearsOnCommitOnly) {
  std::string path = directory.path("out");
  {
    Result<OutputFile> file = OutputFile::create(path);
    ASSERT_TRUE(succeeds(file.status()));
    ASSERT_TRUE(succeeds(file->write("partial")));
    EXPECT_FALSE(fileExists(path));
  }
  EXPECT_TRUE(directory.isEmpty());
  Result<OutputFile> file = OutputFile::create(path);
  ASSERT_TRUE(succeeds(file->write("whole")));
  ASSERT_TRUE(succeeds(file->commit()));
  EXPECT_EQ(readFile(path), "whole");
}

TEST_F(SafetensorsTest, OutputReplacesTheFileBehindALink) {
  writeFile(directory.path("real"), "old");
  std::filesystem::create_symlink("real", directory.path("link"));
  Result<OutputFile> file = OutputFile::create(directory.path("link"));
  ASSERT_TRUE(succeeds(file->write("new")));
  ASSERT_TRUE(succeeds(file->commit()));
  EXPECT_EQ(readFile(directory.path("real")), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(directory.path("link")));
}

TEST_F(SafetensorsTest, OutputAppearsWhereADanglingLinkPoints) {
  std::filesystem::create_directory(directory.path("there"));
  std::filesystem::create_symlink("there/next", directory.path("link"));
  std::filesystem::create_symlink("../real", directory.path("there/next"));
  Result<OutputFile> file = OutputFile::create(directory.path("link"));
  ASSERT_TRUE(succeeds(file->write("new")));
  ASSERT_TRUE(succeeds(file->commit()));
  EXPECT_EQ(readFile(directory.path("real")), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(directory.path("link")));
  EXPECT_TRUE(std::filesystem::is_symlink(directory.path("there/next")));
}

TEST_F(SafetensorsTest, UnwritableOutputIsAnError) {
  EXPECT_TRUE(failsWith(writeSafetensors(directory.path("absent/x"), {}),
                        ErrorKind::ExecutionFailed, "absent/x"));
  EXPECT_TRUE(failsWith(writeSafetensors(directory.path(), {}),
                        ErrorKind::ExecutionFailed, directory.path()));
  EXPECT_TRUE(directory.isEmpty());
}
