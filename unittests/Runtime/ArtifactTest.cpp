//===- ArtifactTest.cpp - Tests of the artefact container -----------------===//
//
// Part of the pi-mlir project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"

#include "pi/Runtime/Checksum.h"

#include <cstring>
#include <functional>

using namespace pi_runtime;

namespace {
class ArtifactTest : public testing::Test {
protected:
  std::string write(const Manifest &manifest,
                    const std::vector<SectionData> &sections) {
    std::string path = directory.path("model.pi");
    EXPECT_TRUE(succeeds(writeArtifact(path, manifest, sections)));
    return path;
  }

  /// The bytes of a valid artefact with one section.
  std::string validBytes() {
    return readFile(
        write(makeManifest("cpu"), {{hostCodeSection, "host code"}}));
  }

  /// Writes `bytes` and gives the error of opening them.
  Status openError(const std::string &bytes) {
    std::string path = directory.path("changed.pi");
    writeFile(path, bytes);
    Result<Artifact> artifact = Artifact::open(path);
    return artifact ? Status::success() : artifact.status();
  }

  TemporaryDirectory directory;
};
} // namespace

/// Magic, version, size and checksum of the manifest.
static constexpr size_t headerSize = 24;

static uint64_t manifestSize(const std::string &bytes) {
  uint64_t size;
  std::memcpy(&size, bytes.data() + 12, sizeof(size));
  return size;
}

std::string pi_runtime::manifestText(const std::string &bytes) {
  return bytes.substr(headerSize, manifestSize(bytes));
}

std::string pi_runtime::withManifest(const std::string &bytes,
                                     const std::string &text) {
  std::string changed = bytes.substr(0, 12) + bytesOf<uint64_t>(text.size()) +
                        bytesOf(crc32(text)) + text;
  changed.resize((changed.size() + 63) / 64 * 64);
  return changed +
         bytes.substr((headerSize + manifestSize(bytes) + 63) / 64 * 64);
}

Manifest pi_runtime::makeManifest(const std::string &target) {
  Manifest manifest;
  manifest.compiler = "0.1.0";
  manifest.target = target;
  manifest.targetArch = target == "cpu" ? "x86-64" : "sm_90a";
  manifest.hostFeatures = {"avx2", "fma"};
  manifest.modelName = "tiny";
  manifest.batch = 2;
  manifest.sequenceLength = 8;
  manifest.vocabSize = 16;

  ParameterInfo weight;
  weight.name = "wte.weight";
  weight.shape = {16, 4};
  weight.storageDtype = DataType::BF16;
  weight.init = ParameterInit{ParameterInit::Kind::Normal, 0.02};
  weight.decay = true;
  ParameterInfo scale;
  scale.name = "scale";
  scale.derived = true;
  manifest.parameters = {weight, scale};
  manifest.initializers = {{"scale", "init_scale", {"wte.weight"}}};
  manifest.states = {{"h.0.attn.cache", DataType::F32, {2, 2, 8, 4}}};

  EntryPoint entry;
  entry.name = "forward";
  entry.inputs = {{{"input_ids", DataType::I32, {2, 8}}, IndexRange{16, -100}}};
  entry.outputs = {{"logits", DataType::F32, {2, 8, 16}}};
  using Kind = EntryArgument::Kind;
  entry.arguments = {{Kind::Input, 0, ""},
                     {Kind::Parameter, 0, "wte.weight", /*updated=*/true},
                     {Kind::Parameter, 0, "scale"},
                     {Kind::State, 0, "h.0.attn.cache"},
                     {Kind::Output, 0, ""}};
  if (target == "cpu")
    entry.symbol = "pi_entry_forward";
  else
    entry.plan = R"({"arena_bytes":64,"steps":[]})";
  manifest.entryPoints = {entry};
  return manifest;
}

TEST_F(ArtifactTest, RoundTripOfHostModel) {
  std::string path = write(makeManifest("cpu"), {{hostCodeSection, "abc"}});
  Result<Artifact> artifact = Artifact::open(path);
  ASSERT_TRUE(succeeds(artifact.status()));
  const Manifest &read = artifact->manifest();
  EXPECT_EQ(read.compiler, "0.1.0");
  EXPECT_EQ(read.target, "cpu");
  EXPECT_EQ(read.targetArch, "x86-64");
  EXPECT_EQ(read.hostFeatures, (std::vector<std::string>{"avx2", "fma"}));
  EXPECT_EQ(read.modelName, "tiny");
  EXPECT_EQ(read.batch, 2);
  EXPECT_EQ(read.sequenceLength, 8);
  EXPECT_EQ(read.vocabSize, 16);
  ASSERT_EQ(read.parameters.size(), 2u);
  EXPECT_EQ(read.parameters[0].shape, (Shape{16, 4}));
  EXPECT_EQ(read.parameters[0].storageDtype, DataType::BF16);
  EXPECT_EQ(read.parameters[0].storageByteSize(), 128u);
  ASSERT_TRUE(read.parameters[0].init);
  EXPECT_EQ(read.parameters[0].init->kind, ParameterInit::Kind::Normal);
  EXPECT_EQ(read.parameters[0].init->value, 0.02);
  EXPECT_TRUE(read.parameters[0].decay);
  EXPECT_TRUE(read.parameters[1].derived);
  EXPECT_FALSE(read.parameters[1].init);
  EXPECT_FALSE(read.parameters[1].decay);
  EXPECT_TRUE(read.parameters[1].shape.empty());
  ASSERT_EQ(read.initializers.size(), 1u);
  EXPECT_EQ(read.initializers[0].sources,
            std::vector<std::string>{"wte.weight"});
  ASSERT_EQ(read.states.size(), 1u);
  EXPECT_EQ(read.states[0].byteSize(), 512u);
  const EntryPoint *entry = read.findEntryPoint("forward");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->symbol, "pi_entry_forward");
  EXPECT_EQ(entry->findOutput("logits"), 0u);
  ASSERT_TRUE(entry->inputs[0].indices);
  EXPECT_EQ(entry->inputs[0].indices->bound, 16);
  EXPECT_EQ(entry->inputs[0].indices->ignored, -100);
  EXPECT_FALSE(entry->findInput("logits"));
  ASSERT_EQ(entry->arguments.size(), 5u);
  EXPECT_EQ(entry->arguments[2].name, "scale");
  EXPECT_EQ(read.usedParameters(), (std::vector<bool>{true, true}));
  EXPECT_EQ(read.updatedParameters(), (std::vector<bool>{true, false}));
  EXPECT_EQ(entry->arguments[4].kind, EntryArgument::Kind::Output);
}

TEST_F(ArtifactTest, SectionsKeepTheirBytesAndAreAligned) {
  std::string host(100, 'h'), kernels(1000, '\0');
  std::string path = write(makeManifest("cuda"),
                           {{hostCodeSection, host}, {kernelSection, kernels}});
  Result<Artifact> artifact = Artifact::open(path);
  ASSERT_TRUE(succeeds(artifact.status()));
  for (auto &[name, bytes] :
       {std::pair{hostCodeSection, host}, std::pair{kernelSection, kernels}}) {
    Result<std::string_view> section = artifact->section(name);
    ASSERT_TRUE(succeeds(section.status()));
    EXPECT_EQ(*section, bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(section->data()) % 64, 0u);
  }
  EXPECT_EQ(artifact->manifest().entryPoints[0].plan,
            R"({"arena_bytes":64,"steps":[]})");
  EXPECT_TRUE(failsWith(artifact->section("other").status(),
                        ErrorKind::InvalidFile, "no section 'other'"));
}

TEST_F(ArtifactTest, MovedArtifactKeepsItsSections) {
  std::string path = write(makeManifest("cpu"), {{hostCodeSection, "abc"}});
  Result<Artifact> opened = Artifact::open(path);
  ASSERT_TRUE(succeeds(opened.status()));
  Artifact moved = std::move(*opened);
  EXPECT_EQ(*moved.section(hostCodeSection), "abc");
}

TEST_F(ArtifactTest, AnotherVersionNamesBoth) {
  std::string bytes = validBytes();
  bytes.replace(8, 4, bytesOf<uint32_t>(7));
  Status status = openError(bytes);
  EXPECT_TRUE(failsWith(status, ErrorKind::InvalidFile, "format version 7"));
  EXPECT_TRUE(failsWith(status, ErrorKind::InvalidFile, "reads version 4"));
  EXPECT_TRUE(failsWith(status, ErrorKind::InvalidFile, "changed.pi"));
}

TEST_F(ArtifactTest, TruncationIsAnError) {
  std::string bytes = validBytes();
  for (size_t size = 0; size < bytes.size(); size += 3)
    EXPECT_FALSE(openError(bytes.substr(0, size))) << size << " bytes";
  EXPECT_TRUE(failsWith(openError(bytes + "x"), ErrorKind::InvalidFile,
                        "before the file does"));
}

TEST_F(ArtifactTest, DamagedSectionIsAnError) {
  std::string bytes = validBytes();
  bytes.back() ^= 1;
  EXPECT_TRUE(
      failsWith(openError(bytes), ErrorKind::InvalidFile, "is damaged"));
}

TEST_F(ArtifactTest, DamagedManifestIsAnError) {
  std::string valid = validBytes();
  uint64_t size = manifestSize(valid);
  for (size_t i = 0; i < size; ++i) {
    std::string bytes = valid;
    // A digit becomes another one: still JSON, and often a valid manifest.
    bytes[headerSize + i] ^= 1;
    EXPECT_TRUE(failsWith(openError(bytes), ErrorKind::InvalidFile,
                          "the manifest is damaged"))
        << i;
  }
}

TEST_F(ArtifactTest, HugeManifestSizeIsAnError) {
  std::string bytes = validBytes();
  for (uint64_t size : {~uint64_t(0), uint64_t(1) << 40, ~uint64_t(0) - 23}) {
    bytes.replace(12, 8, bytesOf(size));
    EXPECT_TRUE(
        failsWith(openError(bytes), ErrorKind::InvalidFile, "truncated"));
  }
}

TEST_F(ArtifactTest, FlippedBytesNeverCrash) {
  std::string valid = validBytes();
  // A prime step reaches every field with one change or another.
  size_t i = 0;
  for (int round = 0; round < 4; ++round)
    for (i %= valid.size(); i < valid.size(); i += 7) {
      constexpr int changes[] = {0x01, 0x20, 0x80, 0xff};
      std::string bytes = valid;
      bytes[i] = static_cast<char>(bytes[i] ^ changes[round]);
      // Padding is not checked; all else gives an error.
      (void)openError(bytes).ok();
    }
}

TEST_F(ArtifactTest, FlippedManifestsWithTheirChecksumNeverCrash) {
  std::string valid = validBytes(), text = manifestText(valid);
  size_t accepted = 0, refused = 0;
  for (size_t i = 0; i < text.size(); i += 3) {
    // The changes of a digit into another and of a letter's case stay JSON.
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ (i % 2 ? 0x20 : 0x01));
    Status status = openError(withManifest(valid, changed));
    ++(status ? accepted : refused);
    if (!status) {
      EXPECT_EQ(status.message().find("the manifest is damaged"),
                std::string::npos)
          << i;
    }
  }
  // Names and some numbers may be others; most of the text is the format's.
  EXPECT_GT(accepted, text.size() / 60);
  EXPECT_GT(refused, text.size() / 12);
}

/// A change of the manifest's text, and the error that it gives.
struct ManifestChange {
  const char *from;
  const char *to;
  const char *error;
};

class ManifestChangeTest : public ArtifactTest,
                           public testing::WithParamInterface<ManifestChange> {
};

TEST_P(ManifestChangeTest, GivesAnErrorThatNamesTheField) {
  const ManifestChange &change = GetParam();
  std::string bytes = validBytes(), text = manifestText(bytes);
  size_t position = text.find(change.from);
  ASSERT_NE(position, std::string::npos) << change.from << " in " << text;
  text.replace(position, std::strlen(change.from), change.to);
  EXPECT_TRUE(failsWith(openError(withManifest(bytes, text)),
                        ErrorKind::InvalidFile, change.error));
}

INSTANTIATE_TEST_SUITE_P(
    Fields, ManifestChangeTest,
    testing::Values(
        ManifestChange{"{", "[", "not valid JSON"},
        ManifestChange{"\"format_version\":4", "\"format_version\":3",
                       "format_version: expected an integer in [4, 4]"},
        ManifestChange{"\"compiler\":\"0.1.0\"", "\"compiler\":3",
                       "compiler: expected a string"},
        ManifestChange{"\"target\":\"cpu\"", "\"target\":\"npu\"",
                       "unknown target 'npu'"},
        ManifestChange{"\"target\":\"cpu\"", "\"target\":\"cuda\"",
                       "entry point 'forward': no plan"},
        ManifestChange{"\"avx2\"", "2", "host_features[0]: expected a string"},
        ManifestChange{"\"batch\":2", "\"batch\":0", "model.batch"},
        ManifestChange{"\"batch\":2", "\"batch\":-1", "model.batch"},
        ManifestChange{"\"batch\":2", "\"batch\":18446744073709551615",
                       "model.batch"},
        ManifestChange{"\"batch\":2", "\"batch\":1.5",
                       "model.batch: expected an integer"},
        ManifestChange{",\"vocab_size\":16", "", "model.vocab_size: missing"},
        ManifestChange{"\"vocab_size\":16", "\"vocab\":16",
                       "model.vocab_size: missing"},
        ManifestChange{"\"index_bound\":16", "\"index_bound\":0",
                       "inputs[0].index_bound: expected an integer in [1, "},
        ManifestChange{"\"index_bound\":16", "\"index_bound\":2147483649",
                       "inputs[0].index_bound"},
        ManifestChange{"\"ignored_index\":-100",
                       "\"ignored_index\":-2147483649",
                       "inputs[0].ignored_index"},
        ManifestChange{"\"dtype\":\"i32\"", "\"dtype\":\"i64\"",
                       "entry point 'forward': input 'input_ids' holds "
                       "indices, but has dtype i64; expected i32"},
        ManifestChange{"\"shape\":[16,4]", "\"shape\":[16,0]",
                       "parameters[0].shape[1]"},
        ManifestChange{"\"shape\":[16,4]",
                       "\"shape\":[4294967296,4294967296,4294967296]",
                       "2^48 elements"},
        ManifestChange{"\"shape\":[16,4]", "\"shape\":16",
                       "parameters[0].shape: expected an array"},
        ManifestChange{"\"dtype\":\"f32\"", "\"dtype\":\"f33\"",
                       "unknown element type 'f33'"},
        ManifestChange{"\"storage_dtype\":\"bf16\"",
                       "\"storage_dtype\":\"i32\"", "storage_dtype other than"},
        ManifestChange{"\"derived\":true", "\"derived\":1",
                       "parameters[1].derived: expected true or false"},
        ManifestChange{"\"derived\":true", "\"derived\":false",
                       "no such derived parameter"},
        ManifestChange{"\"derived\":false", "\"derived\":true",
                       "is initialised later"},
        ManifestChange{"\"decay\":true", "\"decay\":\"yes\"",
                       "parameters[0].decay: expected true or false"},
        ManifestChange{"\"decay\":true,", "", "parameters[0].decay: missing"},
        ManifestChange{"{\"normal\":0.02}", "{\"normal\":-0.02}",
                       "parameter 'wte.weight': starts with a negative "
                       "standard deviation"},
        ManifestChange{"{\"normal\":0.02}", "{\"normal\":1e39}",
                       "not finite in f32"},
        ManifestChange{"{\"normal\":0.02}", "{\"fill\":-1e39}",
                       "not finite in f32"},
        ManifestChange{"{\"normal\":0.02}", "{\"normal\":1e999}", "JSON"},
        ManifestChange{"{\"normal\":0.02}", "{\"normal\":null}",
                       "parameters[0].init.normal: expected a number"},
        ManifestChange{"{\"normal\":0.02}", "{\"uniform\":1}",
                       "parameters[0].init: expected 'normal' or 'fill'"},
        ManifestChange{"{\"normal\":0.02}", "0.02",
                       "parameters[0].init: expected"},
        ManifestChange{"\"updated\":true", "\"updated\":1",
                       "updated: expected true or false"},
        ManifestChange{"\"index\":0,\"kind\":\"input\"",
                       "\"index\":0,\"updated\":true,\"kind\":\"input\"",
                       "argument 0: is updated, but is no parameter"},
        ManifestChange{"\"sources\":[\"wte.weight\"]",
                       "\"sources\":[\"scale\"]", "is initialised later"},
        ManifestChange{"\"kind\":\"state\"", "\"kind\":\"stale\"",
                       "unknown kind of argument 'stale'"},
        ManifestChange{"\"index\":0", "\"index\":1",
                       "entry point 'forward': argument 0: no input 1"},
        ManifestChange{"\"kind\":\"parameter\",\"name\":\"scale\"",
                       "\"kind\":\"parameter\",\"name\":\"scales\"",
                       "no parameter 'scales'"},
        ManifestChange{"\"offset\":0", "\"offset\":1", "sections[0]"},
        ManifestChange{"\"offset\":0", "\"offset\":4611686018427387904",
                       "truncated"},
        // Their sum is beyond int64_t.
        ManifestChange{"\"offset\":0,\"size\":9",
                       "\"offset\":4611686018427387904,"
                       "\"size\":4611686018427387904",
                       "ends 9223372036854775799 bytes beyond it"},
        ManifestChange{"\"size\":9", "\"size\":10", "truncated"},
        ManifestChange{"\"size\":9", "\"size\":8", "is damaged"},
        ManifestChange{"\"name\":\"host.so\"", "\"name\":\"host\"",
                       "no section 'host.so'"},
        ManifestChange{"\"batch\":2", "\"batch\":2,\"batch\":3",
                       "names the field 'batch' twice"}));

/// A change of a manifest that the writer refuses.
struct BadManifest {
  std::function<void(Manifest &)> change;
  const char *error;
};

class BadManifestTest : public ArtifactTest,
                        public testing::WithParamInterface<BadManifest> {};

TEST_P(BadManifestTest, IsNotWritten) {
  Manifest manifest = makeManifest("cpu");
  GetParam().change(manifest);
  Status status = writeArtifact(directory.path("model.pi"), manifest,
                                {{hostCodeSection, "abc"}});
  EXPECT_TRUE(failsWith(status, ErrorKind::InvalidFile, GetParam().error));
  EXPECT_TRUE(directory.isEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Rules, BadManifestTest,
    testing::Values(
        BadManifest{
            [](Manifest &m) { m.parameters.push_back(m.parameters[0]); },
            "parameter 'wte.weight' is listed twice"},
        BadManifest{[](Manifest &m) { m.states[0].name = ""; },
                    "state without a name"},
        BadManifest{[](Manifest &m) { m.initializers.clear(); },
                    "derived parameter 'scale' has no initializer"},
        BadManifest{
            [](Manifest &m) { m.initializers.push_back(m.initializers[0]); },
            "initializer of 'scale' is listed twice"},
        BadManifest{[](Manifest &m) { m.initializers[0].symbol = ""; },
                    "initializer of 'scale' has no symbol"},
        BadManifest{
            [](Manifest &m) { m.entryPoints.push_back(m.entryPoints[0]); },
            "entry point 'forward' is listed twice"},
        BadManifest{[](Manifest &m) { m.entryPoints[0].arguments.pop_back(); },
                    "entry point 'forward': no argument is the output "
                    "'logits'"},
        BadManifest{[](Manifest &m) {
                      auto &arguments = m.entryPoints[0].arguments;
                      arguments.push_back(arguments.back());
                    },
                    "two arguments are the output 'logits'"},
        BadManifest{[](Manifest &m) {
                      auto &arguments = m.entryPoints[0].arguments;
                      arguments.erase(arguments.begin());
                    },
                    "no argument is the input 'input_ids'"},
        BadManifest{[](Manifest &m) {
                      auto &arguments = m.entryPoints[0].arguments;
                      arguments.push_back(arguments.front());
                    },
                    "two arguments are the input 'input_ids'"},
        BadManifest{[](Manifest &m) { m.entryPoints[0].symbol = ""; },
                    "no symbol"},
        BadManifest{[](Manifest &m) { m.entryPoints[0].plan = "[1]"; },
                    "plan: JSON is not an object"}));

TEST_F(ArtifactTest, DeeplyNestedPlanIsAnError) {
  Manifest manifest = makeManifest("cuda");
  auto nest = [&](size_t depth) {
    manifest.entryPoints[0].plan = "{\"steps\":" + std::string(depth - 1, '[') +
                                   std::string(depth - 1, ']') + "}";
    return writeArtifact(directory.path("model.pi"), manifest,
                         {{hostCodeSection, "abc"}});
  };
  EXPECT_TRUE(succeeds(nest(60)));
  // Depths that overflow the stack where a value is written recursively.
  for (size_t depth : {65, 1000000})
    EXPECT_TRUE(failsWith(nest(depth), ErrorKind::InvalidFile,
                          "plan: JSON is nested more than 64 levels deep"));
}

TEST_F(ArtifactTest, MissingHostCodeIsNotWritten) {
  EXPECT_TRUE(failsWith(
      writeArtifact(directory.path("model.pi"), makeManifest("cpu"), {}),
      ErrorKind::InvalidFile, "no section 'host.so'"));
  EXPECT_TRUE(directory.isEmpty());
}

TEST_F(ArtifactTest, UnwritableAndMissingPathsAreNamed) {
  std::string path = directory.path("absent/model.pi");
  EXPECT_TRUE(failsWith(
      writeArtifact(path, makeManifest("cpu"), {{hostCodeSection, ""}}),
      ErrorKind::ExecutionFailed, path));
  EXPECT_TRUE(
      failsWith(Artifact::open(path).status(), ErrorKind::InvalidFile, path));
  EXPECT_TRUE(failsWith(Artifact::open(directory.path()).status(),
                        ErrorKind::InvalidFile, "not a regular file"));
}
