//===- TokenDataTest.cpp - Tests of token shards and their order ----------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TokenFolder.h"

#include <set>

using namespace pi_training;
using pi_runtime::ErrorKind;
using pi_runtime::failsWith;
using pi_runtime::readFile;
using pi_runtime::succeeds;
using pi_runtime::writeFile;

// FIPS 180-4's examples, and lengths around a block's end (from coreutils).
TEST(Sha256, KnownDigests) {
  EXPECT_EQ(digest(""), "e3b0c44298fc1c149afbf4c8996fb924"
                        "27ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest("abc"), "ba7816bf8f01cfea414140de5dae2223"
                           "b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039"
            "a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(digest(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67"
            "f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesAreTheWhole) {
  std::string bytes;
  for (int i = 0; i < 300; ++i)
    bytes += static_cast<char>(i * 7);
  for (size_t piece = 1; piece < 130; ++piece) {
    Sha256 sha256;
    for (size_t i = 0; i < bytes.size(); i += piece)
      sha256.update(bytes.data() + i, std::min(piece, bytes.size() - i));
    EXPECT_EQ(sha256.finish(), digest(bytes)) << piece;
  }
}

// The test vectors of docs/data.md.
TEST(TokenOrder, SpecifiedVectors) {
  auto order = [](uint64_t seed, uint64_t epoch) {
    std::vector<uint64_t> numbers;
    for (uint64_t i = 0; i < 10; ++i)
      numbers.push_back(permute(i, 10, seed, epoch));
    return numbers;
  };
  using Numbers = std::vector<uint64_t>;
  EXPECT_EQ(order(0, 0), (Numbers{2, 4, 8, 9, 7, 5, 3, 6, 1, 0}));
  EXPECT_EQ(order(0, 1), (Numbers{5, 6, 8, 9, 2, 1, 3, 0, 7, 4}));
  EXPECT_EQ(order(1, 0), (Numbers{7, 4, 0, 5, 1, 8, 2, 3, 9, 6}));
  uint64_t many = 1000000000000, seed = ~uint64_t(0), epoch = uint64_t(1) << 63;
  EXPECT_EQ(permute(0, many, seed, epoch), 868718058807u);
  EXPECT_EQ(permute(1, many, seed, epoch), 984515254562u);
  EXPECT_EQ(permute(many - 1, many, seed, epoch), 894526668355u);
  EXPECT_EQ(permute(0, 1, 5, 6), 0u);
}

TEST(TokenBatches, AnEpochIsEveryWindowOnce) {
  TokenFolder folder;
  folder.add("train", countTo(21)); // 5 windows of 4
  folder.add("validation", countTo(9));
  folder.add("train", countTo(3)); // none
  folder.add("train", countTo(4)); // 1
  auto dataset = folder.open();
  ASSERT_TRUE(succeeds(dataset.status()));
  EXPECT_TRUE(succeeds((*dataset)->verify()));
  auto batches = TokenBatches::create(*dataset, Split::Train, 3, 4, 7);
  ASSERT_TRUE(succeeds(batches.status()));
  EXPECT_EQ(batches->windows(), 6u);
  std::multiset<int32_t> first, last;
  for (int batch = 0; batch < 4; ++batch) { // Two epochs.
    int32_t inputs[12], targets[12];
    ASSERT_TRUE(succeeds(batches->next(inputs, targets)));
    for (int row = 0; row < 3; ++row) {
      first.insert(inputs[4 * row]);
      last.insert(targets[4 * row + 3]);
      for (int i = 4 * row; i < 4 * row + 3; ++i)
        EXPECT_EQ(targets[i], inputs[i + 1]);
    }
  }
  EXPECT_EQ(first,
            (std::multiset<int32_t>{1, 1, 1, 1, 5, 5, 9, 9, 13, 13, 17, 17}));
  EXPECT_EQ(last,
            (std::multiset<int32_t>{0, 0, 5, 5, 9, 9, 13, 13, 17, 17, 21, 21}));
  EXPECT_EQ(batches->state().epoch, 2u);
  EXPECT_EQ(batches->state().position, 0u);
}

TEST(TokenBatches, ResumesAtEveryPosition) {
  TokenFolder folder;
  folder.add("train", countTo(40));
  auto dataset = folder.open();
  ASSERT_TRUE(succeeds(dataset.status()));
  auto whole = TokenBatches::create(*dataset, Split::Train, 3, 4, 9);
  for (int batch = 0; batch < 10; ++batch) {
    auto resumed = TokenBatches::create(*dataset, Split::Train, 3, 4, 0);
    ASSERT_TRUE(succeeds(resumed->restore(whole->state())));
    int32_t inputs[12], targets[12], again[12];
    ASSERT_TRUE(succeeds(whole->next(inputs, targets)));
    ASSERT_TRUE(succeeds(resumed->next(again, targets)));
    EXPECT_TRUE(std::equal(inputs, inputs + 12, again)) << batch;
  }
  BatchState state = whole->state();
  ++state.windows;
  EXPECT_TRUE(failsWith(whole->restore(state), ErrorKind::InvalidArgument,
                        "is of 11 windows, but these data have 10"));
  state = whole->state();
  state.position = 10;
  EXPECT_TRUE(failsWith(whole->restore(state), ErrorKind::InvalidArgument,
                        "position 10 of 10 windows"));
}

TEST(TokenBatches, TokenOutOfTheVocabulary) {
  TokenFolder folder;
  folder.add("train", {1, 2, 3, 300, 0});
  auto dataset = folder.open();
  ASSERT_TRUE(succeeds(dataset.status()));
  EXPECT_TRUE(failsWith((*dataset)->verify(), ErrorKind::InvalidFile,
                        "train-0.bin': token 300 is not in the vocabulary"));
  auto batches = TokenBatches::create(*dataset, Split::Train, 1, 4, 0);
  int32_t inputs[4], targets[4];
  EXPECT_TRUE(failsWith(batches->next(inputs, targets), ErrorKind::InvalidFile,
                        "train-0.bin': token 300 is not in the vocabulary"));
}

TEST(TokenBatches, TooFewTokens) {
  TokenFolder folder;
  folder.add("train", countTo(8));
  auto dataset = folder.open();
  EXPECT_TRUE(failsWith(
      TokenBatches::create(*dataset, Split::Train, 1, 9, 0).status(),
      ErrorKind::InvalidFile,
      "no shard of the split 'train' has the 10 tokens of a window; the "
      "largest has 9"));
  EXPECT_TRUE(failsWith(
      TokenBatches::create(*dataset, Split::Validation, 1, 1, 0).status(),
      ErrorKind::InvalidFile, "no shard of the split 'validation'"));
}

TEST(TokenDataset, RefusesWrongManifests) {
  TokenFolder folder;
  folder.add("train", countTo(20));
  folder.add("validation", countTo(5));
  const char *cases[][3] = {
      {"pi-tokens", "other", "format: expected pi-tokens, found 'other'"},
      {R"("version":1)", R"("version":2)", "version: expected an integer in"},
      {R"("version":1,)", "", "version: missing"},
      {"uint16", "uint32", "dtype: expected uint16 for a vocabulary of 300"},
      {R"(size":300)", R"(size":0)", "vocab_size: expected an integer in"},
      {R"(size":300)", R"(size":2147483648)", "vocab_size: expected an"},
      {R"(text":0)", R"(text":300)", "end_of_text: expected an integer in"},
      {R"("tokenizer.json")", R"("../tokenizer.json")",
       "tokenizer.file: expec"},
      {"train-0.bin", "/etc/passwd", "shards[0].file: expected the plain name"},
      {"train-0.bin", "..", "shards[0].file: expected the plain name"},
      {"train-0.bin", "", "shards[0].file: expected the plain name"},
      {"train-0.bin", "manifest.json", "shards[0].file: another entry has"},
      {"validation-1.bin", "train-0.bin", "shards[1].file: another entry has"},
      {"train-0.bin", "train-9.bin", "train-9.bin': No such file"},
      {R"("split":"train")", R"("split":"test")", "shards[0].split: expected"},
      {R"("tokens":21)", R"("tokens":0)", "shards[0].tokens: expected an"},
      {R"("tokens":21)", R"("tokens":22)", "42 bytes, but by the manifest 44"},
      {R"("tokens":21)", R"("tokens":9223372036854775807)", "[0].tokens: exp"},
      {R"("documents":1)", R"("documents":22)", "shards[0].documents: expect"},
      {R"(}]})", "", "not valid JSON"},
  };
  for (auto [from, to, message] : cases)
    EXPECT_TRUE(failsWith(folder.open(from, to).status(),
                          ErrorKind::InvalidFile, message))
        << to;
  EXPECT_TRUE(succeeds(folder.open().status()));
  auto counted = folder.open(R"("documents":1)", R"("documents":2)");
  ASSERT_TRUE(succeeds(counted.status()));
  EXPECT_TRUE(failsWith((*counted)->verify(), ErrorKind::InvalidFile,
                        "1 documents end in it, but by the manifest 2"));
}

TEST(TokenDataset, RefusesWrongFiles) {
  TokenFolder folder;
  EXPECT_TRUE(failsWith(TokenDataset::open(folder.path("none")).status(),
                        ErrorKind::InvalidFile,
                        "python -m pi_mlir.data makes a folder of tokens"));
  folder.add("train", countTo(20));
  std::string content = readFile(folder.path("train-0.bin"));
  writeFile(folder.path("train-0.bin"), content + '\0');
  EXPECT_TRUE(failsWith(folder.open().status(), ErrorKind::InvalidFile,
                        "43 bytes, but by the manifest 42"));
  content[0] = 9;
  writeFile(folder.path("train-0.bin"), content);
  auto dataset = folder.open();
  ASSERT_TRUE(succeeds(dataset.status()));
  EXPECT_TRUE(failsWith((*dataset)->verify(), ErrorKind::InvalidFile,
                        "train-0.bin': its sha256 is"));
  writeFile(folder.path("tokenizer.json"), "[]");
  EXPECT_TRUE(failsWith((*dataset)->verify(), ErrorKind::InvalidFile,
                        "tokenizer.json': its sha256 is"));
  writeFile(folder.path("manifest.json"), std::string((1 << 24) + 1, ' '));
  EXPECT_TRUE(failsWith(TokenDataset::open(folder.path("")).status(),
                        ErrorKind::InvalidFile, "too many for a manifest"));
}
